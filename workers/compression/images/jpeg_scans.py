"""Counts the scans of a JPEG: a decoder goes through all pixels in each of them.

A few bytes can be a whole scan of a progressive JPEG, so a small file can keep a decoder for hours.
"""

import re

MARKER = re.compile(rb"\xff([\x02-\xcf\xd8-\xfe])")
"""The next marker with a segment; FF 00 is a value, FF 01 and FF D0 to FF D7 stand alone."""
START_OF_IMAGE, END_OF_IMAGE, START_OF_SCAN = b"\xd8", b"\xd9", b"\xda"


def count_scans(content: bytes) -> int:
    """How many scans the first image of the file has (ITU T.81, annex B); 0 if it is no JPEG.

    What stands in other segments or behind the image, such as thumbnails and films, is not counted.
    """
    if not content.startswith(b"\xff" + START_OF_IMAGE):
        return 0
    scans, place = 0, 2
    while found := MARKER.search(content, place):
        place = found.end()
        if found[1] == END_OF_IMAGE:
            break
        scans += found[1] == START_OF_SCAN
        place += int.from_bytes(content[place : place + 2])
    return scans

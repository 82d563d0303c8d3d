"""Names that users choose, made harmless: they become file names in a worker's folder."""

import unicodedata

LONGEST_BYTES = 200


def safe(name: str) -> str:
    """The last component without control characters, cut to the last 200 bytes of UTF-8."""
    base = name.replace("\\", "/").rsplit("/", 1)[-1]
    printable = "".join(
        character for character in base if unicodedata.category(character)[0] != "C"
    )
    short = printable.encode()[-LONGEST_BYTES:].decode(errors="ignore").strip()
    return short if short.strip(". ") else "upload"

"""Names that users choose, made harmless: they become file names in a worker's folder and in download headers."""

import unicodedata
from urllib.parse import quote

LONGEST_BYTES = 200


def safe(name: str) -> str:
    """The last component without control characters, at most 200 bytes of UTF-8; the end, with the suffix, is kept."""
    base = name.replace("\\", "/").rsplit("/", 1)[-1]
    printable = "".join(character for character in base if unicodedata.category(character)[0] != "C")
    short = printable.encode()[-LONGEST_BYTES:].decode(errors="ignore").strip()
    return short if short.strip(". ") else "upload"


def attachment(name: str) -> str:
    """The Content-Disposition that saves a download under ``name`` (RFC 6266)."""
    plain = name.encode("ascii", "replace").decode().replace('"', "'").replace("\\", "_")
    extended = "" if plain == name else f"; filename*=UTF-8''{quote(name, safe='')}"
    return f'attachment; filename="{plain}"{extended}'

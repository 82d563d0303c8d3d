"""How a download tells the browser its file name."""

from urllib.parse import quote


def attachment(filename: str) -> str:
    """The Content-Disposition that saves a download under ``filename`` (RFC 6266)."""
    plain = filename.encode("ascii", "replace").decode().replace('"', "'").replace("\\", "_")
    extended = "" if plain == filename else f"; filename*=UTF-8''{quote(filename, safe='')}"
    return f'attachment; filename="{plain}"{extended}'

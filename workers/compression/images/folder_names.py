"""What the names of folders and files in an archive mean: splits, litter, characters."""

import re
import unicodedata
from pathlib import PurePosixPath

SPLIT_NAMES = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "val"),
    **dict.fromkeys(("test", "testing", "eval"), "test"),
}
LITTER = {
    "__macosx",
    "@eadir",
    "#recycle",
    "@recycle",
    "$recycle.bin",
    "system volume information",
    "lost+found",
    "thumbs.db",
    "ehthumbs.db",
    "desktop.ini",
    "icon\r",
}
"""Of operating systems and file servers, in lower case."""
BIDIRECTIONAL = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
REFUSED_CATEGORIES = ("Cc", "Cs", "Zl", "Zp")
"""Control characters, halves of characters, separators of lines and paragraphs."""


def split_of(folder: str) -> str:
    """The split that a folder's name says; "" where it says none."""
    return SPLIT_NAMES.get(folder.lower(), "")


def split_of_parts(folder: str) -> str:
    """The split that a part of a folder's name says, as in ``training_set`` or ``seg_test``."""
    for part in re.split(r"[\W_]+", folder.lower()):
        if part in SPLIT_NAMES:
            return SPLIT_NAMES[part]
    return ""


def is_litter(path: PurePosixPath) -> bool:
    """Whether an operating system or a tool left the file there: .DS_Store, __MACOSX/, .git/."""
    return any(part.startswith(".") or part.lower() in LITTER for part in path.parts)


def can_be_shown(name: str) -> bool:
    """Whether a name has no control characters and none that change the direction of text."""
    categories = map(unicodedata.category, name)
    return not set(name) & set(BIDIRECTIONAL) and not set(categories) & set(REFUSED_CATEGORIES)


def plain(name: str) -> str:
    """The name without differences that are easily overlooked: case and spaces around it."""
    return name.strip().casefold()

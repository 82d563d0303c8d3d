"""Which file of an archive is which class in which split, told from names alone, before any image
is decoded.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from workers.compression.archives import members
from workers.compression.errors import CompressionError

SUFFIXES = (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".gif")
SPLIT_NAMES = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "val"),
    **dict.fromkeys(("test", "testing", "eval"), "test"),
}


@dataclass(frozen=True)
class Entry:
    path: PurePosixPath
    split: str
    label: int


@dataclass(frozen=True)
class Index:
    """Which file is which class in which split, before any image is decoded. A split is "" where
    none was given.
    """

    classes: tuple[str, ...]
    entries: dict[PurePosixPath, Entry]
    ignored: int


@dataclass(frozen=True)
class Layout:
    """Which leading folders are no class: a root that all files share, and train/, val/, test/
    below it.
    """

    root: int
    has_splits: bool

    @classmethod
    def of(cls, files: list[PurePosixPath]) -> "Layout":
        root = _common_root([file for file in files if len(file.parts) > 1])
        splits = {
            SPLIT_NAMES.get(file.parts[root].lower(), "")
            for file in files
            if len(file.parts) > root + 1
        }
        if not splits & {"train", ""} and any(len(file.parts) > root + 2 for file in files):
            raise _no_folders(f"There is no train/ beside {'/ and '.join(sorted(splits))}/.")
        return cls(root, "train" in splits and (len(splits) == 1 or len(splits - {""}) > 1))

    def place(self, name: PurePosixPath, is_folder: bool = False) -> tuple[str, str] | None:
        """(split, class) of a file or folder; None where it lies in no class. The split is "" where
        none is given.
        """
        depth = self.root + self.has_splits
        if len(name.parts) <= depth + (not is_folder):
            return None
        split = SPLIT_NAMES.get(name.parts[self.root].lower(), "") if self.has_splits else ""
        return (split, name.parts[depth]) if split or not self.has_splits else None


def index(path: Path) -> Index:
    """Read the names in the archive.

    Raises:
        CompressionError: the archive errors, no_class_folders, one_class or empty_class.
    """
    every = [(name, is_folder) for name, is_folder, _ in members(path)]
    names = [(name, is_folder) for name, is_folder in every if not _is_litter(name)]
    files = [name for name, is_folder in names if not is_folder and name.suffix.lower() in SUFFIXES]
    if not files:
        raise _no_folders(f"The archive holds no {', '.join(SUFFIXES)}.")
    _check_names(files)
    layout = Layout.of(files)
    places = {file: place for file in files if (place := layout.place(file))}
    if not places:
        raise _no_folders("The images lie in no class folders.")
    classes = _sorted_classes({place[1] for each in names if (place := layout.place(*each))})
    _check_classes(classes, {name for _, name in places.values()})
    number = {name: i for i, name in enumerate(classes)}
    entries = {file: Entry(file, split, number[name]) for file, (split, name) in places.items()}
    return Index(classes, entries, sum(not is_folder for _, is_folder in every) - len(entries))


def _check_classes(classes: tuple[str, ...], filled: set[str]) -> None:
    if len(classes) == 1:
        hint = "A classifier needs two classes or more."
        raise CompressionError(
            "one_class", f"There is only one class folder, {classes[0]!r}.", hint
        )
    if empty := [name for name in classes if name not in filled]:
        message = f"Class folders without images: {', '.join(empty[:10])}."
        hint = f"Fill these folders with {', '.join(SUFFIXES)}, or remove them."
        raise CompressionError("empty_class", message, hint)


def _sorted_classes(names: Iterable[str]) -> tuple[str, ...]:
    names = list(names)
    as_numbers = all(name.isdecimal() for name in names)
    return tuple(sorted(names, key=lambda name: (int(name) if as_numbers else 0, name)))


def _check_names(files: list[PurePosixPath]) -> None:
    if len(set(files)) < len(files):
        twice = next(name for name, count in Counter(files).items() if count > 1)
        raise CompressionError(
            "unsafe_archive", f"Two images are called {twice}.", "Give each a name of its own."
        )
    for file in files:
        if not str(file).isprintable():
            raise CompressionError(
                "unsafe_archive",
                f"{str(file)!a} is no printable name.",
                "Rename the folder or file in plain characters.",
            )


def _common_root(files: list[PurePosixPath]) -> int:
    """How many leading folders all files share, short of the class folder itself; what lies above
    that is a stray.
    """
    parents = [file.parts[:-1] for file in files]
    depth = 0
    while any(len(parts) > depth + 1 for parts in parents):
        shared = {parts[depth] for parts in parents if len(parts) > depth}
        if len(shared) > 1 or shared.pop().lower() in SPLIT_NAMES:
            break
        depth += 1
    return depth


def _is_litter(name: PurePosixPath) -> bool:
    return any(part.startswith(".") or part == "__MACOSX" for part in name.parts)


def _no_folders(message: str) -> CompressionError:
    return CompressionError(
        "no_class_folders",
        message,
        "Put the images into one folder per class, with or without train/ and test/ above.",
    )

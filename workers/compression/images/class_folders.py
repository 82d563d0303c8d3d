"""Finds the class and the split of each image in an archive by its path, before decoding it."""

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
MAX_CLASSES = 10_000
NamedEntry = tuple[PurePosixPath, bool]
"""A path, and whether it is a folder."""


@dataclass(frozen=True)
class Entry:
    """An image file; ``split`` is "" where the archive has no splits."""

    path: PurePosixPath
    split: str
    label: int


@dataclass(frozen=True)
class Index:
    """The classes and image files of an archive; ``ignored`` counts its other files."""

    classes: tuple[str, ...]
    entries: dict[PurePosixPath, Entry]
    ignored: int


@dataclass(frozen=True)
class Layout:
    """How many leading folders all files share, and whether train/, val/, test/ follow them."""

    root: int
    has_splits: bool

    @classmethod
    def of(cls, files: list[PurePosixPath]) -> "Layout":
        """The layout of image files."""
        root = _shared_folders(files)
        splits = set()
        for file in files:
            if len(file.parts) > root + 1:
                splits.add(SPLIT_NAMES.get(file.parts[root].lower(), ""))
        has_classes_below = any(len(file.parts) > root + 2 for file in files)
        if has_classes_below and not splits & {"train", ""}:
            raise _no_class_folders(f"There is no train/ beside {'/ and '.join(sorted(splits))}/.")
        has_splits = "train" in splits and (len(splits) == 1 or len(splits - {""}) > 1)
        return cls(root, has_splits)

    def place(self, path: PurePosixPath, is_folder: bool = False) -> tuple[str, str] | None:
        """(split, class) of a file or folder, None if it is in no class folder."""
        depth = self.root + self.has_splits
        if len(path.parts) <= depth + (not is_folder):
            return None
        if not self.has_splits:
            return "", path.parts[depth]
        split = SPLIT_NAMES.get(path.parts[self.root].lower())
        if split is None:
            return None
        return split, path.parts[depth]


def index(path: Path) -> Index:
    """Read the paths in the archive.

    Raises:
        CompressionError: what ``archives.members`` raises, no_class_folders, one_class,
            empty_class, too_many_classes, or unsafe_archive for paths that cannot be printed.
    """
    visible: list[NamedEntry] = []
    files_in_all = 0
    for name, is_folder, _ in members(path):
        files_in_all += not is_folder
        if not _is_hidden(name):
            visible.append((name, is_folder))
    files = _image_files(visible)
    layout = Layout.of(files)
    places: dict[PurePosixPath, tuple[str, str]] = {}
    with_images: set[str] = set()
    for file in files:
        if place := layout.place(file):
            places[file] = place
            with_images.add(place[1])
    if not places:
        raise _no_class_folders("The images are not in class folders.")
    classes = _classes(visible, layout)
    _check_classes(classes, with_images)
    label_of = dict(zip(classes, range(len(classes)), strict=True))
    entries = {}
    for file, (split, class_name) in places.items():
        entries[file] = Entry(file, split, label_of[class_name])
    return Index(classes, entries, files_in_all - len(entries))


def _image_files(visible: list[NamedEntry]) -> list[PurePosixPath]:
    files = []
    for name, is_folder in visible:
        if not is_folder and name.suffix.lower() in SUFFIXES:
            files.append(name)
    if not files:
        raise _no_class_folders(f"The archive has no {', '.join(SUFFIXES)}.")
    _check_paths(files)
    return files


def _classes(visible: list[NamedEntry], layout: Layout) -> tuple[str, ...]:
    """The sorted class folders, also those without images."""
    names = set()
    for name, is_folder in visible:
        if place := layout.place(name, is_folder):
            names.add(place[1])
    return _sort(names)


def _sort(names: Iterable[str]) -> tuple[str, ...]:
    """In the order of the alphabet, or of numbers if all names are numbers."""
    names = list(names)
    if all(name.isdecimal() for name in names):
        return tuple(sorted(names, key=lambda name: (int(name), name)))
    return tuple(sorted(names))


def _check_classes(classes: tuple[str, ...], with_images: set[str]) -> None:
    if len(classes) == 1:
        message = f"There is only one class folder, {classes[0]!r}."
        raise CompressionError("one_class", message, "A classifier needs two classes or more.")
    if len(classes) > MAX_CLASSES:
        message = f"There are {len(classes):,} class folders."
        hint = f"Give at most {MAX_CLASSES:,} classes, one folder each."
        raise CompressionError("too_many_classes", message, hint)
    if empty := sorted(set(classes) - with_images):
        message = f"Class folders without images: {', '.join(empty[:10])}."
        hint = f"Put {', '.join(SUFFIXES)} files into these folders, or remove them."
        raise CompressionError("empty_class", message, hint)


def _check_paths(files: list[PurePosixPath]) -> None:
    for file, count in Counter(files).items():
        if count > 1:
            message = f"Two images have the path {file}."
            raise CompressionError("unsafe_archive", message, "Give each image a path of its own.")
        if not str(file).isprintable():
            message = f"The path {str(file)!a} contains characters that cannot be printed."
            hint = "Rename the folder or file."
            raise CompressionError("unsafe_archive", message, hint)


def _shared_folders(files: list[PurePosixPath]) -> int:
    """How many leading folders all files share, without the class folders and the splits.

    An image beside the shared folders is in no class.
    """
    # A file beside all folders does not count.
    parents = [file.parts[:-1] for file in files if len(file.parts) > 1]
    depth = 0
    while any(len(parts) > depth + 1 for parts in parents):
        names = {parts[depth] for parts in parents if len(parts) > depth}
        if len(names) > 1 or names.pop().lower() in SPLIT_NAMES:
            break
        depth += 1
    return depth


def _is_hidden(path: PurePosixPath) -> bool:
    """Whether an operating system or a tool left the file there: .DS_Store, __MACOSX/, .git/."""
    return any(part.startswith(".") or part == "__MACOSX" for part in path.parts)


def _no_class_folders(message: str) -> CompressionError:
    hint = "Put the images into one folder per class; train/ and test/ above them are optional."
    return CompressionError("no_class_folders", message, hint)

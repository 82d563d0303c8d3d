"""Finds the class and the split of each image in an archive by its path, before decoding it."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from workers.compression.archives import members
from workers.compression.errors import CompressionError, listed
from workers.compression.images.folder_names import (
    can_be_shown,
    is_litter,
    plain,
    split_of,
    split_of_parts,
)

SUFFIXES = (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".gif")
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
    """How many leading folders all files share, and which folders below them are splits.

    ``splits`` is empty where the archive has none. ``repeated`` are folders of a split that hold
    one folder for the same split, as in ``seg_train/seg_train/``.
    """

    root: int
    splits: dict[str, str]
    repeated: frozenset[str]

    @classmethod
    def of(cls, files: list[PurePosixPath]) -> "Layout":
        """The layout of image files."""
        root = _shared_folders(files)
        below: dict[str, set[str]] = defaultdict(set)
        with_classes = set()
        for file in files:
            if len(file.parts) > root + 1:
                below[file.parts[root]].add(file.parts[root + 1])
            if len(file.parts) > root + 2:
                with_classes.add(file.parts[root])
        splits = {name: split_of(name) for name in below if split_of(name)}
        if with_classes and len(splits) == len(below) and "train" not in splits.values():
            raise _no_class_folders(f"There is no train/ beside {'/ and '.join(sorted(splits))}/.")
        if not _are_splits(splits, set(below)):
            # A class may be called train_station; a split holds class folders.
            splits = {name: split_of_parts(name) for name in with_classes if split_of_parts(name)}
        if not _are_splits(splits, set(below)):
            splits = {}
        repeated = {name for name in splits if _holds_itself(splits[name], below[name])}
        return cls(root, splits, frozenset(repeated))

    def place(self, path: PurePosixPath, is_folder: bool = False) -> tuple[str, str] | None:
        """(split, class) of a file or folder, None if it is in no class folder."""
        parts = path.parts[self.root :]
        split = ""
        if self.splits:
            if not parts or parts[0] not in self.splits:
                return None
            split = self.splits[parts[0]]
            parts = parts[2:] if parts[0] in self.repeated else parts[1:]
        return (split, parts[0]) if len(parts) > (not is_folder) else None


def _are_splits(splits: dict[str, str], folders: set[str]) -> bool:
    """Whether these folders are splits, and no classes; a class may be called train."""
    found = set(splits.values())
    return "train" in found and (len(found) > 1 or set(splits) == folders)


def _holds_itself(split: str, folders: set[str]) -> bool:
    return len(folders) == 1 and split_of_parts(next(iter(folders))) == split


def index(path: Path) -> Index:
    """Read the paths in the archive.

    Raises:
        CompressionError: what ``archives.members`` raises, no_class_folders, one_class,
            empty_class, too_many_classes, or unsafe_archive for paths that cannot be printed.
    """
    visible: list[NamedEntry] = []
    files_in_all = 0
    for name, is_folder, _ in members(path):
        if not is_litter(name):
            files_in_all += not is_folder
            visible.append((name, is_folder))
    files = _image_files(visible)
    layout = Layout.of(files)
    places: dict[PurePosixPath, tuple[str, str]] = {}
    with_images: dict[str, set[str]] = defaultdict(set)
    for file in files:
        if place := layout.place(file):
            places[file] = place
            with_images[place[1]].add(place[0])
    if not places:
        raise _no_class_folders("The images are not in class folders.")
    classes = _classes(visible, layout)
    _check_classes(classes, set(with_images))
    _check_names(with_images)
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
        message = f"Class folders without images: {listed(empty)}."
        hint = f"Put {', '.join(SUFFIXES)} files into these folders, or remove them."
        raise CompressionError("empty_class", message, hint)


def _check_names(splits_of: dict[str, set[str]]) -> None:
    """Refuse classes that are probably one class with a misspelt name, or that no split trains."""
    spellings: dict[str, list[str]] = defaultdict(list)
    for name in sorted(splits_of):
        spellings[plain(name)].append(name)
    not_trained = [name for name, splits in splits_of.items() if not splits & {"train", ""}]
    hint = "Give each class one folder name, and training images."
    if not_trained:
        told = listed(repr(name) + _similar(name, spellings) for name in sorted(not_trained))
        message = f"Classes that stand only in test/ or val/: {told}."
        raise CompressionError("class_not_in_train", message, hint)
    # Single letters in both cases are two classes.
    similar = [names for names in spellings.values() if len(names) > 1 and len(names[0]) > 1]
    if similar:
        told = listed(" and ".join(map(repr, names)) for names in similar)
        message = f"Classes that differ only in case or in spaces around their names: {told}."
        raise CompressionError("similar_class_names", message, hint)


def _similar(name: str, spellings: dict[str, list[str]]) -> str:
    others = [repr(other) for other in spellings[plain(name)] if other != name]
    return f" (nearly the same name as {', '.join(others)})" if others else ""


def _check_paths(files: list[PurePosixPath]) -> None:
    for file, count in Counter(files).items():
        if count > 1:
            message = f"Two images have the path {file}."
            raise CompressionError("unsafe_archive", message, "Give each image a path of its own.")
        if not can_be_shown(str(file)):
            message = f"The path {str(file)!a} contains control characters."
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
        if len(names) > 1 or split_of_parts(names.pop()):
            break
        depth += 1
    return depth


def _no_class_folders(message: str) -> CompressionError:
    hint = "Put the images into one folder per class; train/ and test/ above them are optional."
    return CompressionError("no_class_folders", message, hint)

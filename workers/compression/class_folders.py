"""Which file of an archive is which class in which split, told from names alone, before any image is decoded."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from workers.compression.archives import members
from workers.compression.errors import CompressionError

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif"})
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
    """Which file is which class in which split, before any image is decoded. A split is "" where none was given."""

    classes: tuple[str, ...]
    entries: dict[PurePosixPath, Entry]
    ignored: int


def index(path: Path) -> Index:
    """Read the names in the archive.

    Raises:
        CompressionError: the archive errors, no_class_folders, one_class or empty_class.
    """
    every = [(name, is_folder) for name, is_folder, _ in members(path)]
    names = [(name, is_folder) for name, is_folder in every if not _is_litter(name)]
    files = [name for name, is_folder in names if not is_folder and name.suffix.lower() in SUFFIXES]
    if not files:
        raise _no_folders("The archive holds no image files.")
    _check_names(files)
    root = _common_root([file for file in files if len(file.parts) > 1])
    tops = {_split_of(file, root) for file in files}
    has_splits = ("train" in tops and len(tops - {""}) > 1) or tops == {"train"}
    if has_splits:
        names = [(name, is_folder) for name, is_folder in names if _split_of(name / "x" if is_folder else name, root)]
    depth = root + has_splits
    placed = [file for file in files if len(file.parts) > depth + 1 and (_split_of(file, root) or not has_splits)]
    if not placed:
        raise _no_folders("The images lie in no class folders.")
    folders = {name.parts[depth] for name, is_folder in names if len(name.parts) > depth + (not is_folder)}
    classes = _sorted_classes(folders)
    if len(classes) == 1:
        raise CompressionError(
            "one_class", f"There is only one class folder, {classes[0]!r}.", "A classifier needs two classes or more."
        )
    filled = {file.parts[depth] for file in placed}
    if empty := [name for name in classes if name not in filled]:
        raise CompressionError(
            "empty_class",
            f"Class folders without images: {', '.join(empty[:10])}.",
            "Fill these folders or remove them.",
        )
    number = {name: i for i, name in enumerate(classes)}
    entries = {
        file: Entry(file, _split_of(file, root) if has_splits else "", number[file.parts[depth]]) for file in placed
    }
    ignored = sum(not is_folder for _, is_folder in every) - len(entries)
    return Index(classes, entries, ignored)


def _sorted_classes(names: Iterable[str]) -> tuple[str, ...]:
    names = list(names)
    as_numbers = all(name.isdecimal() for name in names)
    return tuple(sorted(names, key=lambda name: (int(name) if as_numbers else 0, name)))


def _check_names(files: list[PurePosixPath]) -> None:
    if len(set(files)) < len(files):
        raise CompressionError("unsafe_archive", "Two images have the same name.", "Give each file a name of its own.")
    for file in files:
        if not str(file).isprintable():
            raise CompressionError(
                "unsafe_archive",
                f"{str(file)!a} is no printable name.",
                "Rename the folder or file in plain characters.",
            )


def _common_root(files: list[PurePosixPath]) -> int:
    """How many leading folders all files share, short of the class folder itself."""
    parents = [file.parts[:-1] for file in files]
    depth = 0
    while parents and all(len(parts) > depth + 1 and parts[depth] == parents[0][depth] for parts in parents):
        if parents[0][depth].lower() in SPLIT_NAMES:
            break
        depth += 1
    return depth


def _split_of(file: PurePosixPath, root: int) -> str:
    return SPLIT_NAMES.get(file.parts[root].lower(), "") if len(file.parts) > root + 1 else ""


def _is_litter(name: PurePosixPath) -> bool:
    return any(part.startswith(".") or part == "__MACOSX" for part in name.parts)


def _no_folders(message: str) -> CompressionError:
    return CompressionError(
        "no_class_folders", message, "Put the images into one folder per class, with or without train/ and test/ above."
    )

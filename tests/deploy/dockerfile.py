"""What the Dockerfile does to build a target: its instructions, and the files that it copies."""

import re
import shutil
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from tests.deploy.deployment import ROOT

NEVER_COPIED = ("__pycache__", "*.pyc", "*.egg-info")


@dataclass(frozen=True)
class Instruction:
    """One line of a Dockerfile, its continuations joined."""

    keyword: str
    rest: str


def instructions(target: str) -> list[Instruction]:
    """Of the target and of the stages that it is built from, in their order."""
    stages = _stages()
    base, own = stages[target]
    return [*(instructions(base) if base in stages else ()), *own]


def copied(target: str) -> list[tuple[str, str]]:
    """Pairs of a source in the repository and its place below the image's work folder."""
    pairs = []
    for each in instructions(target):
        if each.keyword == "COPY":
            *sources, place = each.rest.split()
            pairs += [(source, place) for source in sources]
    return pairs


def copy_files(target: str, folder: Path) -> None:
    """Into ``folder`` what COPY puts into the image's work folder."""
    for source, place in copied(target):
        if not _in_build_context(source):
            raise FileNotFoundError(f".dockerignore keeps {source} from the build")
        if (ROOT / source).is_dir():
            ignored = shutil.ignore_patterns(*NEVER_COPIED)
            shutil.copytree(ROOT / source, folder / place, ignore=ignored, dirs_exist_ok=True)
            continue
        goal = folder / place / source if place.endswith("/") else folder / place
        goal.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / source, goal)


def extras(target: str) -> set[str]:
    """The extras of pyproject.toml that the target names."""
    runs = " ".join(each.rest for each in instructions(target) if each.keyword == "RUN")
    return set(re.findall(r"--extra (\w+)", runs))


def _stages() -> dict[str, tuple[str, list[Instruction]]]:
    """Name -> the image or stage that it starts from, and its instructions."""
    stages: dict[str, tuple[str, list[Instruction]]] = {}
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    for line in text.replace("\\\n", " ").splitlines():
        keyword, _, rest = line.strip().partition(" ")
        if keyword == "FROM":
            base, _, name = rest.split()
            stages[name] = (base, own := [])
        elif keyword:
            own.append(Instruction(keyword, rest.strip()))
    return stages


def _in_build_context(source: str) -> bool:
    """Whether .dockerignore, whose last matching line decides, lets the source through."""
    allowed = True
    for line in (ROOT / ".dockerignore").read_text().split():
        pattern = line.removeprefix("!")
        parents = [source, *(str(parent) for parent in Path(source).parents)]
        if any(fnmatch(each, pattern) for each in parents):
            allowed = line.startswith("!")
    return allowed

"""Imports modules where only what some extras install can be found.

    python tests/deploy/only_installed.py FOLDER EXTRA[,EXTRA] MODULE...

FOLDER has the project's own packages. Other packages of this environment count as missing.
"""

import importlib
import importlib.abc
import re
import sys
import tomllib
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path

from packaging.requirements import Requirement

PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"


def main(folder: str, extras: str, *modules: str) -> None:
    project = tomllib.loads(PYPROJECT.read_text())["project"]
    wanted = list(project["dependencies"])
    for extra in extras.split(","):
        wanted += project["optional-dependencies"][extra]
    installed = closure(wanted)
    found = packages_distributions().items()
    missing = {name for name, owners in found if not {canonical(o) for o in owners} & installed}
    # Without the finder of an editable installation, which knows the whole repository.
    sys.meta_path[:] = [each for each in sys.meta_path if "editable" not in repr(each).lower()]
    sys.meta_path.insert(0, Missing(missing - {file.name for file in Path(folder).iterdir()}))
    sys.path.insert(0, folder)
    for module in modules:
        importlib.import_module(module)


class Missing(importlib.abc.MetaPathFinder):
    """Finds nothing, and says so for these packages."""

    def __init__(self, names: set[str]):
        self._names = names

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> None:
        if fullname.partition(".")[0] in self._names:
            raise ModuleNotFoundError(f"{fullname} is not installed by this target", name=fullname)


def closure(wanted: Iterable[str]) -> set[str]:
    """The canonical names of all distributions that these requirements bring along."""
    seen: set[tuple[str, str]] = set()
    queue = [Requirement(each) for each in wanted]
    while queue:
        requirement = queue.pop()
        name = canonical(requirement.name)
        for extra in ("", *requirement.extras):
            if (name, extra) not in seen:
                seen.add((name, extra))
                queue += _next(name, extra)
    return {name for name, _ in seen}


def _next(name: str, extra: str) -> list[Requirement]:
    try:
        told = [Requirement(each) for each in requires(name) or ()]
    except PackageNotFoundError:
        return []  # of another platform, by a marker
    return [each for each in told if not each.marker or each.marker.evaluate({"extra": extra})]


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    main(*sys.argv[1:])

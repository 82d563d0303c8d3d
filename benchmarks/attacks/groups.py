"""The groups of attacks, each run in a process of its own, as the user that it is started as."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.attacks.hostile import MANIFEST
from benchmarks.attacks.outcome import Outcome

FILES = "files"
"""Below the folder of all runs: the hostile files, by group."""
HARMLESS = "harmless"
LANES = 2
"""Inspections at once; one of a model keeps a core busy."""


def sandbox(folder: Path, files: Path) -> Iterator[Outcome]:
    from benchmarks.attacks.sandbox import attack_all

    yield from attack_all(folder)


def api(folder: Path, files: Path) -> Iterator[Outcome]:
    from benchmarks.attacks.api import attack_all

    yield from attack_all(folder)


def models(folder: Path, files: Path) -> Iterator[Outcome]:
    yield from inspect_all("model_inspection", folder, files)


def datasets(folder: Path, files: Path) -> Iterator[Outcome]:
    yield from inspect_all("dataset_inspection", folder, files)


GROUPS: dict[str, Callable[[Path, Path], Iterator[Outcome]]] = {
    "sandbox": sandbox,
    "model door": models,
    "archives": datasets,
    "images": datasets,
    "API": api,
}


def run(group: str, folder: Path, files: Path) -> None:
    """Print each outcome as a line of JSON, as soon as it is known."""
    for outcome in GROUPS[group](folder, files):
        print(outcome.line(), flush=True)


def inspect_all(kind: str, folder: Path, files: Path) -> Iterator[Outcome]:
    """Inspect every file of the group, each lane with a worker of its own."""
    from benchmarks.attacks.inspector import Inspector
    from service.contract.job import JobKind

    listed = json.loads((files / MANIFEST).read_text())
    harmless = (files.parent / HARMLESS).read_bytes()

    # A generator for each lane would end with its slowest file: the lanes take turns instead.
    inspectors = [Inspector(folder / f"lane{lane}") for lane in range(LANES)]

    def one(number: int) -> Outcome:
        inspector = inspectors.pop()
        try:
            content = (files / f"{number:03d}").read_bytes()
            each = listed[number]
            return inspector.attack(
                JobKind(kind), each["name"], content, each["expected"], harmless
            )
        finally:
            inspectors.append(inspector)

    with ThreadPoolExecutor(LANES) as pool:
        yield from pool.map(one, range(len(listed)))

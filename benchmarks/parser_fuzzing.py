"""Random damage to what strangers send: archives, configurations of models, messages of the child.

    python -m benchmarks.parser_fuzzing [--minutes 10]

Hypothesis changes bytes of real files (a .zip and a .tar.gz of images, a .keras and an .h5 file)
and of real messages. Nothing but the typed errors may come out. Writes
benchmarks/results/parser_fuzzing.json; stops at the first other exception, with its example.
"""

import argparse
import io
import json
import os
import shutil
import signal
import tarfile
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import keras
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from benchmarks import results_file
from tests.workers.compression.conftest import class_folders, write_zip
from workers.child_messages import parse_line, parse_object
from workers.compression.errors import CompressionError
from workers.compression.images import class_folders as folders
from workers.compression.images import decoding
from workers.compression.teacher.files import identify

RESULTS = Path(__file__).parent / "results" / "parser_fuzzing.json"
EXAMPLES_PER_ROUND = 200
MOST_CHANGES = 12
SECONDS_TO_IDENTIFY = 10
"""The engine gives 120, on any machine."""
MESSAGES = (
    b'{"type":"progress","stage":"train","progress":0.5,"metrics":{"top1":0.5}}\n',
    b'{"type":"checkpoint","epoch":3}\n',
    b'{"type":"error","code":"one_class","message":"m","hint":"h"}\n',
)
Target = Callable[[bytes], str]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=10.0)
    minutes = parser.parse_args().minutes
    with tempfile.TemporaryDirectory(prefix="l2c-fuzzing-") as name:
        folder = Path(name)
        targets = targets_in(folder)
        counts: dict[str, Counter[str]] = {target: Counter() for target in targets}
        end = time.monotonic() + 60 * minutes
        while time.monotonic() < end:
            for target, (seeds, run) in targets.items():
                one_round(seeds, run, counts[target])
    result = {"minutes": minutes, "cases": {name: dict(found) for name, found in counts.items()}}
    result["total"] = sum(found.total() for found in counts.values())
    print(json.dumps(result, indent=2))
    results_file.write(RESULTS, result)


def targets_in(folder: Path) -> dict[str, tuple[list[bytes], Target]]:
    """For each parser its seeds, and a function that returns how it ended."""
    images = class_folders(4)
    archives = [write_zip(folder / "seed.zip", images).read_bytes(), tar_of(images)]
    models = [saved_model(folder / "seed.keras"), saved_model(folder / "seed.h5")]
    return {
        "dataset": (archives, lambda content: dataset(folder, content)),
        "model": (models, lambda content: model(folder, content)),
        "message": (list(MESSAGES), message),
    }


def tar_of(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def saved_model(path: Path) -> bytes:
    layers = [keras.Input((8, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(3)]
    keras.Sequential(layers).save(path)
    return path.read_bytes()


def one_round(seeds: list[bytes], run: Target, counts: Counter[str]) -> None:
    @settings(
        max_examples=EXAMPLES_PER_ROUND,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(damaged(seeds))
    def check(content: bytes) -> None:
        counts[run(content)] += 1

    check()


def damaged(seeds: list[bytes]) -> SearchStrategy[bytes]:
    """One of the seeds with some bytes changed, cut out or put in."""
    change = st.tuples(st.floats(0, 1), st.integers(0, 8), st.binary(max_size=8))
    changes = st.lists(change, max_size=MOST_CHANGES)
    return st.tuples(st.sampled_from(seeds), changes).map(lambda drawn: apply(*drawn))


def apply(content: bytes, changes: list[tuple[float, int, bytes]]) -> bytes:
    for place, removed, added in changes:
        start = int(place * len(content))
        content = content[:start] + added + content[start + removed :]
    return content


def dataset(folder: Path, content: bytes) -> str:
    path = folder / "data"
    path.write_bytes(content)
    try:
        found = folders.index(path)
        for _ in decoding.decode_images(path, found):
            pass
    except CompressionError as error:
        return error.code
    return "accepted"


def model(folder: Path, content: bytes) -> str:
    """In a process of its own, as damaged HDF5 files may keep libhdf5 until a signal ends it."""
    path, out = folder / "model", folder / "unpacked"
    path.write_bytes(content)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        signal.alarm(SECONDS_TO_IDENTIFY)
        os.write(writing, identified(path, out).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as told:
        answer = told.read()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    shutil.rmtree(out, ignore_errors=True)
    if status == -signal.SIGALRM:
        return "ended by the time limit"
    if status or answer.startswith("unexpected"):
        raise AssertionError(f"status {status}: {answer}")
    return answer


def identified(path: Path, out: Path) -> str:
    try:
        identify(path, out)
    except CompressionError as error:
        return error.code
    except BaseException:
        return f"unexpected {traceback.format_exc()}"
    return "accepted"


def message(content: bytes) -> str:
    with suppress(ValueError):
        parse_object(content)
    return "accepted" if parse_line(content) else "no message"


if __name__ == "__main__":
    main()

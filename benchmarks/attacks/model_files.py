"""Hostile files of weights, and archives around models."""

import gzip
import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np

from benchmarks.attacks.configurations import DENSE, IMAGE, System, network, sequential, text
from benchmarks.attacks.hostile import READY, Hostile, hostile
from benchmarks.attacks.raw_zip import Entry, raw_zip
from tests.workers.compression.teacher import test_hostile_files as strings
from tests.workers.compression.teacher.test_safety import layer

Writer = Callable[[Path], object]
Change = Callable[[h5py.File], object]
LINK = 0o120777 << 16
CONFIG = network(DENSE)


def hdf5(change: Change) -> Writer:
    """An HDF5 file of a harmless configuration, with a change to its weights."""

    def write(path: Path) -> None:
        strings.hdf5_file(path, CONFIG)
        with h5py.File(path, "a") as file:
            change(file)

    return write


def weights(change: Change) -> Writer:
    """A .keras file of a harmless configuration, with a change to its weights."""

    def write(path: Path) -> None:
        inner = path.with_suffix(".weights")
        with h5py.File(inner, "w") as file:
            change(file)
        content = inner.read_bytes()
        inner.unlink()
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("config.json", json.dumps(CONFIG))
            archive.writestr("metadata.json", '{"keras_version": "3.15.0"}')
            archive.writestr("model.weights.h5", content)

    return write


def external(file: h5py.File) -> None:
    file.create_dataset("stolen", (64,), "u1", external=[("/etc/passwd", 0, 64)])


def virtual(file: h5py.File) -> None:
    layout = h5py.VirtualLayout((64,), "u1")
    layout[:] = h5py.VirtualSource("/etc/passwd", "data", (64,))
    file.create_virtual_dataset("stolen", layout)


def huge(file: h5py.File) -> None:
    file.create_dataset("huge", (2**40,), "f4", chunks=(1024,))


def expanding(file: h5py.File) -> None:
    """A bomb: 200 MB of zeros, packed."""
    file.create_dataset("zeros", data=np.zeros(5 * 10**7, np.float32), compression="gzip")


def circle(file: h5py.File) -> None:
    group = file.create_group("a")
    group["again"] = file["/"]


def deep(file: h5py.File) -> None:
    group = file
    for _ in range(5_000):
        group = group.create_group("g")


def many_ways(file: h5py.File) -> None:
    """60 groups, to the last of which 2**60 paths lead."""
    group = file
    for _ in range(60):
        below = group.create_group("a")
        group["b"] = below
        group = below


def wrong_shape(file: h5py.File) -> None:
    values = file.create_group("layers/dense/vars")
    values["0"] = np.zeros((7, 7), np.float32)
    values["1"] = np.zeros(7, np.float32)


def not_a_number(file: h5py.File) -> None:
    values = file.create_group("layers/dense/vars")
    values["0"] = np.full((192, 3), np.nan, np.float32)
    values["1"] = np.zeros(3, np.float32)


def of_objects(file: h5py.File) -> None:
    values = file.create_group("layers/dense/vars")
    values.create_dataset("0", (192, 3), h5py.string_dtype())
    values.create_dataset("1", (3,), h5py.string_dtype())


def keras_with(*entries: Entry, first: bool = False, config: bytes | None = None) -> Writer:
    """A .keras file with more entries, before the others or after them."""

    def write(path: Path) -> None:
        told = json.dumps(CONFIG).encode() if config is None else config
        own = [
            Entry(b"config.json", told),
            Entry(b"metadata.json", b'{"keras_version": "3.15.0"}'),
            Entry(b"model.weights.h5", weights_of_dense(path)),
        ]
        path.write_bytes(raw_zip(*((*entries, *own) if first else (*own, *entries))))

    return write


def weights_of_dense(path: Path) -> bytes:
    with h5py.File(path.with_suffix(".dense"), "w") as file:
        values = file.create_group("layers/dense/vars")
        values["0"], values["1"] = np.ones((192, 3), np.float32), np.zeros(3, np.float32)
    content = path.with_suffix(".dense").read_bytes()
    path.with_suffix(".dense").unlink()
    return content


def content(data: bytes) -> Writer:
    return lambda path: path.write_bytes(data)


def zipped(*names: bytes) -> Writer:
    return content(raw_zip(*(Entry(name, b"x" * 100) for name in names)))


def torch(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(System()))
        archive.writestr("archive/version", "3")


def deep_network(path: Path) -> None:
    """100,000 layers, one after another."""
    layers = [layer("ReLU", name=f"r{number}") for number in range(100_000)]
    text(json.dumps(sequential(IMAGE, *layers)))(path)


UP = b"../../../../evil.png"
EVIL = Entry(UP, b"evil")
FILES: tuple[Hostile, ...] = (
    hostile(
        "HDF5: a link to another file",
        "unsafe_operation",
        hdf5(lambda file: file.__setitem__("x", h5py.ExternalLink("/etc/passwd", "/"))),
    ),
    hostile(
        "HDF5: a symbolic link",
        "unsafe_operation",
        hdf5(lambda file: file.__setitem__("x", h5py.SoftLink("/elsewhere"))),
    ),
    hostile("HDF5: data in another file", "unsafe_operation", hdf5(external)),
    hostile("HDF5: a view of another file", "unsafe_operation", hdf5(virtual)),
    hostile("HDF5: 4 TiB stated, none stored", "unsafe_operation", hdf5(huge)),
    hostile("HDF5: 200 MB of packed zeros", "unsafe_operation", hdf5(expanding)),
    hostile("HDF5: a circle of groups", "model_not_loadable", hdf5(circle)),
    hostile("HDF5: 5,000 groups in groups", "truncated_model", hdf5(deep)),
    hostile("HDF5: 2**60 ways to a group", "model_not_loadable", hdf5(many_ways)),
    hostile(
        "weights: a link to another file",
        "unsafe_operation",
        weights(lambda file: file.__setitem__("x", h5py.ExternalLink("/etc/passwd", "/"))),
    ),
    hostile("weights: data in another file", "unsafe_operation", weights(external)),
    hostile("weights: a view of another file", "unsafe_operation", weights(virtual)),
    hostile("weights: 4 TiB stated, none stored", "unsafe_operation", weights(huge)),
    hostile("weights: 2**60 ways to a group", "model_not_loadable", weights(many_ways)),
    hostile("weights of another shape", "model_not_loadable", weights(wrong_shape)),
    hostile(
        "weights that are no numbers (NaN)", f"{READY} teacher_not_finite", weights(not_a_number)
    ),
    hostile("weights that are texts", "model_not_loadable", weights(of_objects)),
    hostile("no weights at all", "model_not_loadable", weights(lambda file: None)),
    hostile("a path upwards behind the configuration", "unsafe_archive", keras_with(EVIL)),
    hostile(
        "a path upwards before the configuration", "unsafe_archive", keras_with(EVIL, first=True)
    ),
    hostile(
        "an asset with a path upwards",
        "unsafe_archive",
        keras_with(Entry(b"assets/" + UP, b"evil")),
    ),
    hostile(
        "a symbolic link behind the configuration",
        "unsafe_archive",
        keras_with(Entry(b"assets/link", b"/etc/passwd", attributes=LINK)),
    ),
    hostile(
        "an encrypted entry behind the configuration",
        "unsafe_archive truncated_model",
        keras_with(Entry(b"assets/x", b"secret", flags=0x801)),
    ),
    hostile(
        "an entry that states 4 GB",
        "archive_too_large",
        keras_with(Entry(b"assets/x", b"x", stated_size=2**32 - 2)),
    ),
    hostile(
        "a weights file that is no HDF5",
        "truncated_model",
        keras_with(Entry(b"other.weights.h5", b"x" * 999)),
    ),
    hostile(
        "a bomb in a .keras file",
        "archive_too_large",
        keras_with(Entry(b"assets/bomb", bytes(100 * 2**20), method=8)),
    ),
    hostile("an empty configuration", "truncated_model", keras_with(config=b"")),
    hostile("a model of 100,000 layers", "model_not_loadable", deep_network),
    hostile("a Python file", "not_a_model", content(b"import os\nos.system('id')\n" * 9)),
    hostile("a pickle", "not_a_model", content(pickle.dumps([System()] * 50))),
    hostile(
        "a packed pickle",
        "not_a_model truncated_model",
        content(gzip.compress(pickle.dumps([System()] * 50) * 20)),
    ),
    hostile("a PyTorch file", "not_a_model", torch),
    hostile("a program", "not_a_model", content(b"\x7fELF" + bytes(500))),
    hostile("a .tflite file", "tflite_model", content(b"\x1c\0\0\0TFL3" + bytes(500))),
    hostile("an ONNX file", "not_a_model", content(b"\x08\x07\x12\x07pytorch" + bytes(500))),
    hostile(
        "a pointer of Git LFS",
        "lfs_pointer",
        content(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 4\n"),
    ),
    hostile("one byte", "not_a_model", content(b"\0")),
    hostile(
        "the first bytes of HDF5", "truncated_model", content(b"\x89HDF\r\n\x1a\n" + bytes(200))
    ),
    hostile("two models in one archive", "not_a_model", zipped(b"a.h5", b"b.keras")),
)

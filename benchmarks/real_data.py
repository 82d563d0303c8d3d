"""Real images and teachers trained by others, which are not in the repository.

docs/benchmarks.md says what they are and where they come from.
"""

import gzip
import importlib.util
import io
import shutil
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

FOLDER = Path(__file__).resolve().parents[2] / "shared" / "data"
FASHION = Path("/usr/share/datasets/fashion-mnist")

Splits = Iterable[tuple[str, np.ndarray, np.ndarray]]


def require() -> None:
    """Exit with a message if the data is missing."""
    if not FOLDER.exists():
        raise SystemExit(
            f"This benchmark needs real data in {FOLDER}; docs/benchmarks.md names its files."
        )


def cifar10(out: Path, train: int = 50_000, test: int = 10_000) -> Path:
    """CIFAR-10 as a zip of class folders, with the first images of each split."""
    reader: Any = _module(FOLDER / "read.py")
    data, classes = reader.cifar10()
    counts = {"train": train, "test": test}
    return _folders(
        out,
        ((name, x[: counts[name]], y[: counts[name]]) for name, (x, y) in data.items()),
        classes,
    )


def fashion_mnist(out: Path, train: int = 60_000, test: int = 10_000) -> Path:
    """Fashion-MNIST, from Debian's package dataset-fashion-mnist, as a zip of class folders."""
    if not FASHION.exists():
        raise SystemExit("This benchmark needs Debian's package dataset-fashion-mnist.")

    def read(name: str, header: int) -> np.ndarray:
        return np.frombuffer(
            gzip.decompress((FASHION / name).read_bytes()), np.uint8, offset=header
        )

    splits = [
        (
            split,
            read(f"{prefix}-images-idx3-ubyte.gz", 16).reshape(-1, 28, 28)[:count],
            read(f"{prefix}-labels-idx1-ubyte.gz", 8)[:count],
        )
        for split, prefix, count in (("train", "train", train), ("test", "t10k", test))
    ]
    return _folders(out, splits, [str(i) for i in range(10)])


def saved_model(name: str, out: Path) -> Path:
    """A teacher's SavedModel folder as the zip that a user would upload."""
    return Path(shutil.make_archive(str(out), "zip", FOLDER / "teachers" / name))


def _folders(out: Path, splits: Splits, classes: list[str]) -> Path:
    """Write class folders; their sorted names are in the order of the teachers' outputs."""
    with zipfile.ZipFile(out, "w") as archive:
        for split, images, labels in splits:
            for i, (image, label) in enumerate(zip(images, labels.ravel(), strict=True)):
                png = io.BytesIO()
                Image.fromarray(image).save(png, "PNG")
                archive.writestr(f"{split}/{classes[label]}/{i:05d}.png", png.getvalue())
    return out


def _module(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location("read_real_data", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module

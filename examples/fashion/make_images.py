"""Write images.zip: the first 8,000 training and 2,000 test images of Fashion-MNIST as PNG files.

    python examples/fashion/make_images.py [SOURCE]

SOURCE is the folder of the four .gz files, by default that of Debian's package
dataset-fashion-mnist.
"""

import gzip
import io
import sys
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

SOURCE = Path("/usr/share/datasets/fashion-mnist")
CLASSES = (
    "t-shirt",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle-boot",
)
SPLITS = (("train", "train", 8_000), ("test", "t10k", 2_000))


def read(path: Path, header: int) -> np.ndarray:
    """The bytes of an IDX file after its header."""
    return np.frombuffer(gzip.decompress(path.read_bytes()), np.uint8, offset=header)


def main() -> None:
    source = Path(sys.argv[1]) if len(sys.argv) > 1 else SOURCE
    with zipfile.ZipFile(Path(__file__).with_name("images.zip"), "w") as archive:
        for split, prefix, count in SPLITS:
            images = read(source / f"{prefix}-images-idx3-ubyte.gz", 16).reshape(-1, 28, 28)
            labels = read(source / f"{prefix}-labels-idx1-ubyte.gz", 8)
            for i in range(count):
                png = io.BytesIO()
                Image.fromarray(images[i]).save(png, "PNG", optimize=True)
                name = f"{split}/{CLASSES[labels[i]]}/{i:05d}.png"
                archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), png.getvalue())


if __name__ == "__main__":
    main()

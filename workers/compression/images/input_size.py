"""Chooses the size of image for a teacher that takes any: stated, common in the data, or 224."""

import io
from collections import Counter
from itertools import islice
from pathlib import Path

from PIL import Image

from workers.compression.archives import members
from workers.compression.errors import CompressionError
from workers.compression.images.class_folders import index
from workers.compression.images.decoding import FORMATS, MAX_FILE_BYTES
from workers.compression.teacher import loading
from workers.compression.teacher.signature import ASSUMED_SIZE, Size
from workers.compression.values import Spec, Teacher

SAMPLE_IMAGES = 200
COMMON_SHARE = 0.5
"""Of the images that must have a size, for a teacher to be given it."""
MAX_COMMON_SIDE = 512
"""Pixels. Photos as a camera stores them are reduced before a network sees them."""


def load_teacher(model: Path, dataset: Path, spec: Spec, folder: Path) -> Teacher:
    """Load ``model`` for the images in ``dataset``; ``folder`` is for the files of loading.

    Raises:
        CompressionError: what ``loading.load`` and ``index`` raise, or unsupported_input where the
            spec states a size that the model does not take.
    """
    stated = spec["input_size"]
    teacher = loading.load(model, folder, _sizes_to_try(dataset, stated))
    height, width = teacher.input_shape[:2]
    if stated and tuple(stated) != (height, width):
        message = f"The model takes images of {height} x {width}, not of {stated[0]} x {stated[1]}."
        hint = "Leave input_size out: it is for models that take images of any size."
        raise CompressionError("unsupported_input", message, hint)
    return teacher


def _sizes_to_try(dataset: Path, stated: Size | None) -> list[Size]:
    if stated:
        return [stated]
    common = common_size(dataset)
    return [common, ASSUMED_SIZE] if common and common != ASSUMED_SIZE else [ASSUMED_SIZE]


def common_size(path: Path) -> Size | None:
    """Height and width of most images in the archive, on a sample; None where they differ.

    Raises:
        CompressionError: what ``index`` raises.
    """
    entries = index(path).entries
    chosen = set(islice(entries, 0, None, max(1, len(entries) // SAMPLE_IMAGES)))
    sizes: Counter[Size] = Counter()
    for name, _, opener in members(path):
        if name not in chosen:
            continue
        with opener() as file:
            width, height = _header_size(file.read(MAX_FILE_BYTES))
        sizes[height, width] += 1
    (size, images), *_ = sizes.most_common(1)
    is_common = images >= COMMON_SHARE * sizes.total() and 0 < max(size) <= MAX_COMMON_SIDE
    return size if is_common else None


def _header_size(content: bytes) -> tuple[int, int]:
    """Width and height as the file's header says; 0, 0 where it cannot be read."""
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            return image.size
    except MemoryError:
        raise
    except Exception:
        # On damaged files Pillow raises anything from SyntaxError to struct.error.
        return 0, 0

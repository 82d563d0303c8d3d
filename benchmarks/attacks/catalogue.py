"""All attacks by group, and the files of those that are files."""

from pathlib import Path

from benchmarks.attacks.api import REQUESTS
from benchmarks.attacks.archives import ARCHIVES, whole
from benchmarks.attacks.configurations import CONFIGURATIONS
from benchmarks.attacks.groups import HARMLESS
from benchmarks.attacks.hostile import Hostile, write_all
from benchmarks.attacks.images import IMAGES
from benchmarks.attacks.model_files import FILES
from benchmarks.attacks.saved_models import SAVED_MODELS
from tests.workers.attacks import ATTACKS

UPLOADS: dict[str, tuple[Hostile, ...]] = {
    "model door": (*CONFIGURATIONS, *FILES, *SAVED_MODELS),
    "archives": ARCHIVES,
    "images": IMAGES,
}
OTHERS = {"sandbox": len(ATTACKS), "API": len(REQUESTS)}


def count(group: str) -> int:
    return OTHERS.get(group) or len(UPLOADS[group])


def write_files(chosen: list[str], folder: Path) -> None:
    """Write the hostile files of these groups, and a harmless dataset, readable for everybody."""
    folder.mkdir()
    folder.chmod(0o755)
    (folder / HARMLESS).write_bytes(whole())
    for group in chosen:
        if group in UPLOADS:
            write_all(UPLOADS[group], folder / group)

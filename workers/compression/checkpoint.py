"""The one checkpoint of a training: replaced whole after every epoch, so that a killed job loses at most one."""

import json
import os
from pathlib import Path

import numpy as np

from workers.compression.values import Checkpoint


def save(path: Path, checkpoint: Checkpoint) -> None:
    """Replace the checkpoint at ``path``, whole or not at all."""
    about = {"phase": checkpoint.phase, "epochs": checkpoint.epochs, "float32_top1": checkpoint.float32_top1}
    staged = path.with_suffix(".staged")
    with staged.open("wb") as file:
        np.savez(file, about=np.array(json.dumps(about)), **checkpoint.values)  # type: ignore[arg-type]
        file.flush()
        os.fsync(file.fileno())
    os.replace(staged, path)


def load(path: Path) -> Checkpoint | None:
    """The checkpoint at ``path``, or None where there is none; nothing in it is ever unpickled."""
    if not path.exists():
        return None
    with np.load(path, allow_pickle=False) as stored:
        about = json.loads(str(stored["about"]))
        values = {name: stored[name] for name in stored.files if name != "about"}
    return Checkpoint(about["phase"], about["epochs"], about["float32_top1"], values)

"""The one checkpoint of a training: replaced whole after every epoch, so that a killed job loses at
most one.
"""

import hashlib
import json
import os
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import keras
import numpy as np

from workers.compression.recipe import Recipe
from workers.compression.values import Checkpoint


@dataclass(frozen=True)
class Slot:
    """The file for the checkpoint of one job, which ``job`` is the fingerprint of."""

    path: Path
    job: str

    def save(self, checkpoint: Checkpoint) -> None:
        """Replace the checkpoint, whole or not at all."""
        about = {
            field.name: getattr(checkpoint, field.name)
            for field in fields(checkpoint)
            if field.name != "values"
        }
        staged = self.path.with_suffix(".staged")
        with staged.open("wb") as file:
            np.savez(file, about=np.array(json.dumps([self.job, about])), **checkpoint.values)  # type: ignore[arg-type]
            file.flush()
            os.fsync(file.fileno())
        os.replace(staged, self.path)

    @cached_property
    def begun(self) -> Checkpoint | None:
        """What was there at first, if whole and of this very job; nothing in it is ever unpickled."""
        try:
            with np.load(self.path, allow_pickle=False) as stored:
                job, about = json.loads(str(stored["about"]))
                values = {name: stored[name] for name in stored.files if name != "about"}
            found = Checkpoint(**about, values=values)
        except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, zlib.error):
            return None
        return found if job == self.job else None


def fingerprint(model: Path, dataset: Path, recipe: Recipe | None, spec: Mapping[str, Any]) -> str:
    """SHA-256 over everything that decides a training, this engine included: another one's
    checkpoint is of no use.

    ``recipe`` is None where it is derived from the rest.
    """
    given = [recipe.row() if recipe else None, dict(spec), keras.__version__]
    digest = hashlib.sha256(json.dumps(given, sort_keys=True).encode())
    for path in (model, dataset, *sorted(Path(__file__).parents[1].rglob("*.py"))):
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()

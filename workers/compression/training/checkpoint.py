"""The checkpoint of a training: one file, replaced after every epoch."""

import ast
import hashlib
import json
import os
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path

import keras
import numpy as np

from workers.compression.recipe import Recipe
from workers.compression.values import Checkpoint, Spec

ENGINE = Path(__file__).parents[1]
DAMAGED_FILE_ERRORS = (
    OSError,
    ValueError,
    KeyError,
    TypeError,
    EOFError,
    zipfile.BadZipFile,
    zlib.error,
)


@dataclass(frozen=True)
class CheckpointFile:
    """The file for the checkpoint of a job, which is told by its fingerprint."""

    path: Path
    fingerprint: str

    def save(self, checkpoint: Checkpoint) -> None:
        """Replace the file; if the process is killed meanwhile, the old one stays."""
        about = {}
        for field in fields(checkpoint):
            if field.name != "values":
                about[field.name] = getattr(checkpoint, field.name)
        header = np.array(json.dumps([self.fingerprint, about]))
        staged = self.path.with_suffix(".staged")
        with staged.open("wb") as file:
            np.savez(file, about=header, **checkpoint.values)  # type: ignore[arg-type]
            file.flush()
            os.fsync(file.fileno())
        os.replace(staged, self.path)

    @cached_property
    def resumed_checkpoint(self) -> Checkpoint | None:
        """The checkpoint found at start; None if missing, damaged or of another job."""
        try:
            # Pickled objects would run code from the file.
            with np.load(self.path, allow_pickle=False) as stored:
                found_fingerprint, about = json.loads(str(stored["about"]))
                values = {name: stored[name] for name in stored.files if name != "about"}
            found = Checkpoint(**about, values=values)
        except DAMAGED_FILE_ERRORS:
            return None
        return found if found_fingerprint == self.fingerprint else None


def fingerprint(model: Path, dataset: Path, recipe: Recipe | None, spec: Spec) -> str:
    """SHA-256 over everything that decides a training: files, spec, versions and the engine's code.

    ``recipe`` is None where it is derived from the rest.
    """
    stated = [recipe.to_json() if recipe else None, dict(spec), keras.__version__]
    digest = hashlib.sha256(json.dumps(stated, sort_keys=True).encode())
    for path in (model, dataset):
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    digest.update(code_digest(_engine_sources()))
    return digest.hexdigest()


def code_digest(sources: Mapping[str, str]) -> bytes:
    """SHA-256 over Python modules by name, without comments, docstrings and formatting."""
    digest = hashlib.sha256()
    for name, source in sorted(sources.items()):
        tree = ast.parse(source)
        for node in ast.walk(tree):
            _remove_docstrings(node)
        digest.update(f"{name}\n{ast.dump(tree)}\n".encode())
    return digest.digest()


def _engine_sources() -> dict[str, str]:
    sources = {}
    for path in ENGINE.rglob("*.py"):
        sources[str(path.relative_to(ENGINE))] = path.read_text()
    return sources


def _remove_docstrings(node: ast.AST) -> None:
    """Remove every statement of ``node`` that is only a string."""
    body = getattr(node, "body", None)
    if isinstance(body, list):
        body[:] = [statement for statement in body if not _is_string(statement)]


def _is_string(statement: ast.stmt) -> bool:
    if not isinstance(statement, ast.Expr) or not isinstance(statement.value, ast.Constant):
        return False
    return isinstance(statement.value.value, str)

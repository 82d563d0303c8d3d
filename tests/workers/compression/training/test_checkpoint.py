import numpy as np
import pytest

from tests.workers.compression.conftest import full_spec
from workers.compression.recipe import Recipe
from workers.compression.training.checkpoint import CheckpointFile, code_digest, fingerprint
from workers.compression.values import Checkpoint

VALUES = {"v0": np.arange(4.0)}
SAVED = Checkpoint({"epochs": 9}, {"large": (6, 3)}, "train", 3, 12.5, {"large": 0.5}, VALUES)
SPEC = full_spec()


def resumed(path, job="job-1"):
    return CheckpointFile(path, job).resumed_checkpoint


@pytest.fixture
def saved(tmp_path):
    CheckpointFile(tmp_path / "c.npz", "job-1").save(SAVED)
    return tmp_path / "c.npz"


def test_a_checkpoint_is_read_as_it_was_saved(saved):
    found = resumed(saved)
    assert (found.recipe, found.phase, found.epochs) == ({"epochs": 9}, "train", 3)
    assert found.float32_top1 == {"large": 0.5}
    np.testing.assert_array_equal(found.values["v0"], SAVED.values["v0"])


def test_a_checkpoint_of_another_job_is_ignored(saved):
    assert resumed(saved, job="job-2") is None


@pytest.mark.parametrize("keep", [0, 10, 0.5, 0.9])
def test_a_damaged_checkpoint_is_ignored(saved, keep):
    whole = saved.read_bytes()
    saved.write_bytes(whole[: int(keep * len(whole)) if keep < 1 else keep])
    assert resumed(saved) is None


def test_the_fingerprint_changes_with_everything_that_decides_a_training(tmp_path):
    for name in ("model", "data", "other"):
        (tmp_path / name).write_text(name)
    model, data, other = tmp_path / "model", tmp_path / "data", tmp_path / "other"
    prints = {
        fingerprint(model, data, Recipe.tiny(), SPEC),
        fingerprint(other, data, Recipe.tiny(), SPEC),
        fingerprint(model, other, Recipe.tiny(), SPEC),
        fingerprint(model, data, Recipe.tiny(seed=1), SPEC),
        fingerprint(model, data, Recipe.tiny(), full_spec(class_names=["a", "b"])),
        fingerprint(model, data, None, SPEC),
    }
    assert len(prints) == 6


def test_a_checkpoint_stays_valid_when_only_docstrings_and_comments_change():
    code = 'RATE = 1\n"""Old."""\n\n\ndef rate():\n    """Old."""\n    return RATE  # old\n'
    same = 'RATE = 1\n"""New."""\ndef rate():\n    return RATE\n'
    other = 'RATE = 2\n"""Old."""\n\n\ndef rate():\n    """Old."""\n    return RATE  # old\n'
    digests = [code_digest({"rate.py": text}) for text in (code, same, other)]
    assert digests[0] == digests[1] != digests[2]


def test_a_recipe_is_the_same_after_json():
    recipe = Recipe.tiny()
    assert Recipe.from_json(recipe.to_json()) == recipe

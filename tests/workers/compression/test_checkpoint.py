import numpy as np
import pytest

from workers.compression import checkpoint
from workers.compression.recipe import Recipe
from workers.compression.values import Checkpoint

SAVED = Checkpoint("job-1", {"large": (6, 3)}, "train", 3, 12.5, {"large": 0.5}, {"v0": np.arange(4.0)})


def test_a_checkpoint_comes_back_as_it_was(tmp_path):
    checkpoint.save(tmp_path / "c.npz", SAVED)
    found = checkpoint.load(tmp_path / "c.npz", "job-1")
    assert (found.phase, found.epochs, found.float32_top1) == ("train", 3, {"large": 0.5})
    np.testing.assert_array_equal(found.values["v0"], SAVED.values["v0"])


def test_a_checkpoint_of_another_job_is_ignored(tmp_path):
    checkpoint.save(tmp_path / "c.npz", SAVED)
    assert checkpoint.load(tmp_path / "c.npz", "job-2") is None


@pytest.mark.parametrize("keep", [0, 10, 0.5, 0.9])
def test_a_damaged_checkpoint_is_ignored(tmp_path, keep):
    checkpoint.save(tmp_path / "c.npz", SAVED)
    whole = (tmp_path / "c.npz").read_bytes()
    (tmp_path / "c.npz").write_bytes(whole[: int(keep * len(whole)) if keep < 1 else keep])
    assert checkpoint.load(tmp_path / "c.npz", "job-1") is None


def test_the_fingerprint_changes_with_everything_that_decides_a_training(tmp_path):
    for name in ("model", "data", "other"):
        (tmp_path / name).write_text(name)
    model, data, other = tmp_path / "model", tmp_path / "data", tmp_path / "other"
    prints = {
        checkpoint.fingerprint(model, data, Recipe.tiny(), {}),
        checkpoint.fingerprint(other, data, Recipe.tiny(), {}),
        checkpoint.fingerprint(model, other, Recipe.tiny(), {}),
        checkpoint.fingerprint(model, data, Recipe.tiny(seed=1), {}),
        checkpoint.fingerprint(model, data, Recipe.tiny(), {"class_names": ["a", "b"]}),
    }
    assert len(prints) == 5

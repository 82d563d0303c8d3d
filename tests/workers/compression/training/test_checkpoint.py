import numpy as np
import pytest

from workers.compression.recipe import Recipe
from workers.compression.training.checkpoint import Slot, fingerprint
from workers.compression.values import Checkpoint

SAVED = Checkpoint(
    {"epochs": 9}, {"large": (6, 3)}, "train", 3, 12.5, {"large": 0.5}, {"v0": np.arange(4.0)}
)


def test_a_checkpoint_comes_back_as_it_was(tmp_path):
    Slot(tmp_path / "c.npz", "job-1").save(SAVED)
    found = Slot(tmp_path / "c.npz", "job-1").begun
    assert (found.recipe, found.phase, found.epochs, found.float32_top1) == (
        {"epochs": 9},
        "train",
        3,
        {"large": 0.5},
    )
    np.testing.assert_array_equal(found.values["v0"], SAVED.values["v0"])


def test_a_checkpoint_of_another_job_is_ignored(tmp_path):
    Slot(tmp_path / "c.npz", "job-1").save(SAVED)
    assert Slot(tmp_path / "c.npz", "job-2").begun is None


@pytest.mark.parametrize("keep", [0, 10, 0.5, 0.9])
def test_a_damaged_checkpoint_is_ignored(tmp_path, keep):
    Slot(tmp_path / "c.npz", "job-1").save(SAVED)
    whole = (tmp_path / "c.npz").read_bytes()
    (tmp_path / "c.npz").write_bytes(whole[: int(keep * len(whole)) if keep < 1 else keep])
    assert Slot(tmp_path / "c.npz", "job-1").begun is None


def test_the_fingerprint_changes_with_everything_that_decides_a_training(tmp_path):
    for name in ("model", "data", "other"):
        (tmp_path / name).write_text(name)
    model, data, other = tmp_path / "model", tmp_path / "data", tmp_path / "other"
    prints = {
        fingerprint(model, data, Recipe.tiny(), {}),
        fingerprint(other, data, Recipe.tiny(), {}),
        fingerprint(model, other, Recipe.tiny(), {}),
        fingerprint(model, data, Recipe.tiny(seed=1), {}),
        fingerprint(model, data, Recipe.tiny(), {"class_names": ["a", "b"]}),
        fingerprint(model, data, None, {}),
    }
    assert len(prints) == 6


def test_a_recipe_comes_back_from_its_row():
    recipe = Recipe.tiny()
    assert Recipe.of(recipe.row()) == recipe

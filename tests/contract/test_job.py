"""Which moves a job may make, and what may be asked of one."""

import pytest
from pydantic import ValidationError

from service.contract.job import FINISHED, MOVES, JobSpec, JobState, states_before
from service.contract.progress import ProgressEvent


def small(name: str = "small", **budgets: object) -> dict[str, object]:
    return {"name": name, **budgets}


def test_every_state_has_its_moves() -> None:
    assert set(MOVES) == set(JobState)


def test_a_finished_job_stays_finished() -> None:
    assert {JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED} == FINISHED
    assert not [target for target in JobState if FINISHED & set(states_before(target))]


def test_every_unfinished_job_can_be_cancelled() -> None:
    assert set(states_before(JobState.CANCELLED)) == set(JobState) - FINISHED


def test_only_a_running_job_succeeds() -> None:
    assert states_before(JobState.SUCCEEDED) == [JobState.RUNNING]


def test_every_state_can_be_reached_from_the_queue() -> None:
    reached = {JobState.QUEUED}
    for _ in JobState:
        reached |= {target for state in reached for target in MOVES[state]}
    assert reached == set(JobState)


def test_a_spec_needs_nothing_and_survives_the_database() -> None:
    wanted = {
        "effort": "draft",
        "seed": 7,
        "class_names": ["cat", "dog"],
        "family": "pruned",
        "teacher_training": "joint",
    }
    asked = {
        "quantizations": ["float16", "int8"],
        "sparsity": 0.5,
        "variants": [small(max_bytes=1, min_top1=0.5)],
    }
    spec = JobSpec.model_validate({**wanted, **asked})
    assert JobSpec() == JobSpec.model_validate({})
    assert JobSpec.model_validate(spec.model_dump(mode="json")) == spec


@pytest.mark.parametrize(
    "spec",
    [
        {"effort": "most"},
        {"seed": -1},
        {"class_names": ["one"]},
        {"class_names": ["", "x"]},
        {"epochs": 3},
        {"family": "vgg"},
        {"sparsity": -0.1},
        {"sparsity": float("nan")},
        {"quantizations": ["int7"]},
        {"variants": [small(min_top1=1.01)]},
        {"variants": [small(min_top1=0)]},
        {"variants": [small(max_latency_ms=float("inf"))]},
        {"variants": [small(max_macs=0.5)]},
        {"variants": [small(max_bytes=1, epochs=3)]},
        {"variants": [small(f"v{number}", max_bytes=1) for number in range(9)]},
        *(
            {"variants": [small(name, max_bytes=1)]}
            for name in ("", "Small", "7up", "a b", "a/b", "small\n", "a" * 33)
        ),
    ],
)
def test_a_spec_that_means_nothing_is_refused(spec: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        JobSpec.model_validate(spec)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"class_names": ["cat", "dog", "cat"]}, "'cat' is listed twice"),
        ({"quantizations": ["int8", "float16", "int8"]}, "'int8' is listed twice"),
        ({"quantizations": []}, "at least one"),
        ({"variants": []}, "at least one"),
        ({"variants": [small()]}, "small has no budget: give at least one of max_bytes, max_macs"),
    ],
)
def test_a_refusal_says_what_is_wrong(spec: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said) as refusal:
        JobSpec.model_validate(spec)
    assert len(refusal.value.errors()) == 1


@pytest.mark.parametrize(
    "names", [["small", "small"], ["small", "small-float16"], ["teacher"], ["teacher-int8"]]
)
def test_names_that_would_make_two_rows_of_one_name_are_refused(names: list[str]) -> None:
    variants = [small(name, max_bytes=1) for name in names]
    with pytest.raises(ValidationError, match="two rows of the report would be called"):
        JobSpec.model_validate({"quantizations": ["int8", "float16"], "variants": variants})


def test_names_that_only_look_alike_are_fine() -> None:
    variants = [
        small(name, max_bytes=1) for name in ("small", "small-int8", "small_2", "teacher-like")
    ]
    JobSpec.model_validate({"quantizations": ["int8", "float16"], "variants": variants})


@pytest.mark.parametrize("progress", [-0.1, 1.1, float("nan")])
def test_progress_is_a_share(progress: float) -> None:
    with pytest.raises(ValidationError):
        ProgressEvent(stage="train", progress=progress)

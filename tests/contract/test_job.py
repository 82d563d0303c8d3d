"""Which moves a job may make, and what may be asked of one."""

import pytest
from pydantic import ValidationError

from service.contract.job import FINISHED, MOVES, JobSpec, JobState, ProgressEvent, sources


def test_every_state_has_its_moves() -> None:
    assert set(MOVES) == set(JobState)


def test_a_finished_job_stays_finished() -> None:
    assert {JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED} == FINISHED
    assert not [target for target in JobState if FINISHED & set(sources(target))]


def test_every_unfinished_job_can_be_cancelled() -> None:
    assert set(sources(JobState.CANCELLED)) == set(JobState) - FINISHED


def test_only_a_running_job_succeeds() -> None:
    assert sources(JobState.SUCCEEDED) == [JobState.RUNNING]


def test_every_state_can_be_reached_from_the_queue() -> None:
    reached = {JobState.QUEUED}
    for _ in JobState:
        reached |= {target for state in reached for target in MOVES[state]}
    assert reached == set(JobState)


def test_a_spec_needs_nothing_and_survives_the_database() -> None:
    spec = JobSpec(effort="draft", seed=7, class_names=("cat", "dog"))
    assert JobSpec() == JobSpec.model_validate({})
    assert JobSpec.model_validate(spec.model_dump(mode="json")) == spec


@pytest.mark.parametrize(
    "spec",
    [{"effort": "most"}, {"seed": -1}, {"class_names": ["one"]}, {"class_names": ["", "x"]}, {"epochs": 3}],
)
def test_a_spec_that_means_nothing_is_refused(spec: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        JobSpec.model_validate(spec)


@pytest.mark.parametrize("progress", [-0.1, 1.1, float("nan")])
def test_progress_is_a_share(progress: float) -> None:
    with pytest.raises(ValidationError):
        ProgressEvent(stage="train", progress=progress)

"""Progress of the engine: its JSON lines, and the seconds that are left."""

import io
import json
import threading

import pytest

from workers.compression import progress
from workers.compression.progress import JsonLines, OverallProgress

EXPECTED = {"teach": 10.0, "train": 108.0, "quantize": 45.0, "export": 2.0, "evaluate": 5.0}


class Clock:
    seconds = 0.0

    def __call__(self):
        return self.seconds


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def overall(clock):
    return OverallProgress(clock)


def test_the_time_left_is_unknown_until_the_students_are_planned(overall, clock):
    assert overall("load", 0.0) == (0.0, None)
    clock.seconds = 20.0
    assert overall("load", 0.9)[1] is None
    assert overall("plan", 0.0)[1] is None
    assert overall("plan", 1.0, EXPECTED)[1] == sum(EXPECTED.values())


def test_a_stage_without_news_counts_down_to_the_time_of_those_that_follow(overall, clock):
    overall("plan", 1.0, EXPECTED)
    overall("teach", 0.0)
    clock.seconds = 4.0
    assert overall.now()[1] == sum(EXPECTED.values()) - 4
    clock.seconds = 100.0
    assert overall.now()[1] == sum(EXPECTED.values()) - EXPECTED["teach"]


def test_a_slow_training_lengthens_its_own_rest_and_the_training_that_follows(overall, clock):
    overall("plan", 1.0, EXPECTED)
    overall("train", 0.0)
    # Twice as slow as expected: 8 s of preparation, then 20 s for a tenth.
    clock.seconds = 8.0
    overall("train", 0.001)
    clock.seconds = 28.0
    seconds = overall("train", 0.101)[1]
    quantize = 20 + 2 * 25
    assert seconds == pytest.approx(0.899 * 200 + quantize + 2 + 5, rel=0.01)


def test_a_finished_job_has_no_time_left(overall):
    overall("plan", 1.0, EXPECTED)
    assert overall("evaluate", 1.0) == (1.0, 0.0)


class Lines(io.StringIO):
    """Notes when a number of lines was written."""

    def __init__(self, count):
        super().__init__()
        self.enough, self.count = threading.Event(), count

    def flush(self):
        if self.getvalue().count("\n") >= self.count:
            self.enough.set()


def test_the_last_message_is_repeated_in_silence(monkeypatch):
    monkeypatch.setattr(progress, "SILENT_SECONDS", 0.01)
    out = Lines(4)
    with JsonLines(out) as report_progress:
        report_progress("train", 0.5, epoch=1, epochs=2)
        assert out.enough.wait(10)
    first, *others = (json.loads(line) for line in out.getvalue().splitlines())
    assert (first["epoch"], first["epochs"]) == (1, 2)
    assert {(line["stage"], line["progress"]) for line in others} == {("train", first["progress"])}

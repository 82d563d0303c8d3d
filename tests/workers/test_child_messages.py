"""The child may be under a stranger's control: nothing that it prints or leaves does harm."""

import pytest

from service.contract.job import JobKind
from service.contract.records import Variant
from tests.workers.conftest import WorkerUnderTest, use_up_attempts
from workers.supervisor import supervise

PROGRESS = '{"type":"progress","stage":"train","progress":0.5,"message":%s}'


@pytest.mark.parametrize(
    "before_report",
    [
        pytest.param(
            "report['variants'][0]['file'] = '../../../l2c.sqlite'", id="a path for a name"
        ),
        pytest.param(
            "report['variants'][0]['file'] = 'missing.tflite'", id="a file that is not there"
        ),
        pytest.param("report['variants'][0]['sha256'] = '0' * 64", id="another hash"),
        pytest.param("report['variants'][0]['bytes'] += 1", id="another size"),
        pytest.param("report['variants'][0]['speed'] = 1", id="an unknown field"),
        pytest.param("del report['variants'][0]['top1']", id="a missing field"),
        pytest.param("report['variants'][0]['top1'] = float('nan')", id="NaN"),
        pytest.param("report['variants'][0]['latency_ms']['p50'] = 'inf'", id="inf as a string"),
        pytest.param("report['variants'][0]['latency_ms']['p50'] = 1e300", id="a huge number"),
        pytest.param("report['variants'][0]['macs'] = 2**63", id="an integer of 64 bits"),
        pytest.param("report['minutes'] = '1'", id="a number as a string"),
        pytest.param("report['variants'][0]['note'] = chr(0)", id="NUL"),
        pytest.param("report['variants'][0]['note'] = chr(0xD800)", id="half a surrogate pair"),
        pytest.param("report['variants'][1] = report['variants'][0]", id="one variant twice"),
        pytest.param("report['variants'] = []", id="no variant"),
        pytest.param("report = [report]", id="a list for a report"),
        pytest.param("report['data'] = 'x' * (17 * 1024 * 1024)", id="a report without end"),
        pytest.param("behaviour['report'] = '{' * 100000", id="no JSON"),
        pytest.param("behaviour['report'] = '[' * 100000 + ']' * 100000", id="JSON too deep"),
        pytest.param(
            "x, f = folder / 'x', folder / 'variants/large.tflite'; f.rename(x); f.symlink_to(x)",
            id="a link for a file",
        ),
        pytest.param(
            "f = folder / 'variants'; f.rename(folder / 'x'); f.symlink_to(folder / 'x')",
            id="a link for the folder",
        ),
        pytest.param(
            "f = folder / 'variants' / 'large.tflite'; f.unlink(); os.mkfifo(f)",
            id="a pipe for a file",
        ),
    ],
)
def test_a_report_that_lies_publishes_nothing(worker: WorkerUnderTest, before_report: str) -> None:
    job_id = worker.job(before_report=before_report)
    use_up_attempts(worker, job_id)
    job = worker.row(job_id)
    assert job.error is not None and (job.state, job.error["code"]) == ("failed", "engine_crashed")
    assert worker.rows(Variant, job_id) == [] and worker.stored(job_id) == []


@pytest.mark.parametrize(
    "line",
    [
        "a warning that a library prints",
        PROGRESS % f'"{"x" * 70_000}"',
        '{"type":"progress","stage":"train","progress":NaN}',
        '{"type":"progress","stage":"train","progress":7}',
        '{"type":"progress","stage":"train","progress":0.5,"eta_seconds":"inf"}',
        '{"type":"progress","stage":"train","progress":0.5,"eta_seconds":1e300}',
        '{"type":"progress","stage":"train","progress":"0.5"}',
        '{"type":"progress","stage":"train","progress":0.5,"epoch":1e9}',
        '{"type":"progress","stage":"train","progress":0.5,"metrics":{"top1":"1"}}',
        '{"type":"progress","stage":"train","progress":0.5,"metrics":{"top1":1e999}}',
        '{"type":"progress","stage":"a\\u0000b","progress":0.5}',
        PROGRESS % '"\\ud800"',
        '{"type":"checkpoint","epoch":-1}',
        '{"type":"checkpoint","epoch":"../../x"}',
        '{"type":"error","code":"DROP TABLE","message":""}',
        "[" * 60_000,
        "9" * 60_000,
        "\ud83d",
    ],
)
def test_a_line_that_is_no_message_is_ignored(worker: WorkerUnderTest, line: str) -> None:
    job_id = worker.job(lines=[line.encode("utf-8", "backslashreplace").decode()], epochs=1)
    supervise(job_id, worker.context)
    assert worker.row(job_id).state == "succeeded"
    assert {event["stage"] for event in worker.events(job_id, "progress")} == {"start", "train"}
    assert all(event["progress"] in (0, 0.1) for event in worker.events(job_id, "progress"))


def test_a_checkpoint_that_is_a_link_is_never_read(worker: WorkerUnderTest) -> None:
    before_report = (
        "checkpoint.unlink(); checkpoint.symlink_to('/etc/hostname');"
        " say(type='checkpoint', epoch=9); sys.exit(1)"
    )
    job_id = worker.job(epochs=1, before_report=before_report)
    supervise(job_id, worker.context)
    # The first epoch's checkpoint may have been taken before the link stood in its place, or not.
    assert worker.row(job_id).checkpoint_key in (None, f"jobs/{job_id}/checkpoints/1-1.npz")
    with pytest.raises(FileNotFoundError):
        worker.context.store.size(f"jobs/{job_id}/checkpoints/1-9.npz")


def test_a_refusal_counts_only_with_its_exit_status(worker: WorkerUnderTest) -> None:
    line = '{"type":"error","code":"one_class","message":"no","hint":"Add one."}'
    job_id = worker.job(
        JobKind.MODEL_INSPECTION, epochs=0, lines=[line], before_report="sys.exit(1)"
    )
    supervise(job_id, worker.context)
    assert worker.row(job_id).state == "queued"


def test_of_many_lines_few_become_events_but_the_last_of_every_epoch_does(
    worker: WorkerUnderTest,
) -> None:
    job_id = worker.job(epochs=3, steps=400)
    supervise(job_id, worker.context)
    events = [event for event in worker.events(job_id, "progress") if event["stage"] == "train"]
    last = {event["epoch"]: event["metrics"]["step"] for event in events}
    assert last == {1: 399, 2: 399, 3: 399}
    assert len(events) < 40

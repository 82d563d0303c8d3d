"""The SDK against a real service on a socket, and against a line that breaks."""

import contextlib
import random
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from learn2compress import Client, ConnectionFailed, DamagedDownload, Refused
from service.contract.job import JobSpec, JobState
from service.contract.job_views import ProgressEventView, StateEventView
from service.contract.settings import Settings
from tests.service import stand_in
from tests.service.client_of import serving

DOWN = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
CONTENT = random.Random(2).randbytes(300_000)


@pytest.fixture
def sdk(live: Any) -> Iterator[Client]:
    key = live.headers["Authorization"].removeprefix("Bearer ")
    with Client(str(live.base_url), key) as client:
        yield client


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "net.keras"
    path.write_bytes(CONTENT)
    return path


class Line:
    """A TCP relay that cuts each connection, in both directions, once so many bytes have come back;
    or, given bytes, answers with them itself.
    """

    def __init__(self, target: tuple[str, int], cuts: list[int | bytes]):
        self._target, self._cuts = target, cuts
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            near, _ = self._listener.accept()
            budget = self._cuts.pop(0) if self._cuts else None
            if isinstance(budget, bytes):
                near.recv(65536)
                near.sendall(budget)
                near.close()
                continue
            far = socket.create_connection(self._target)
            threading.Thread(target=self._relay, args=(near, far, None), daemon=True).start()
            threading.Thread(target=self._relay, args=(far, near, budget), daemon=True).start()

    @staticmethod
    def _relay(source: socket.socket, sink: socket.socket, budget: int | None) -> None:
        with contextlib.suppress(OSError):
            while (budget is None or budget > 0) and (data := source.recv(65536)):
                kept = data if budget is None else data[:budget]
                budget = None if budget is None else budget - len(kept)
                sink.sendall(kept)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


def through(live: Any, *cuts: int | bytes, attempts: int = 6) -> Client:
    line = Line((live.base_url.host, live.base_url.port), list(cuts))
    return Client(
        line.url, live.headers["Authorization"].removeprefix("Bearer "), attempts=attempts
    )


def test_the_whole_way_of_a_user(sdk: Client, live: Any, file: Path, tmp_path: Path) -> None:
    told: list[int] = []
    records = [
        sdk.create_model(sdk.upload_file(file, on_sent=told.append).id),
        sdk.create_dataset(sdk.upload_file(file).id),
    ]
    assert sum(told) == len(CONTENT)
    for record in records:
        stand_in.inspected(live.context, record.id)
    assert sdk.wait_for_model(records[0].id).state == "ready"
    job = sdk.create_job(records[0].id, records[1].id, JobSpec(effort="draft", seed=3))
    stand_in.move(live.context, job.id, JobState.RUNNING)
    ids = stand_in.succeed(live.context, job.id, tmp_path)
    assert sdk.wait_for_job(job.id).state == "succeeded"
    assert [each.id for each in sdk.list_jobs()] == [job.id]
    target = sdk.download_variant(sdk.get_variant(ids["small"]), tmp_path / "out" / "small.tflite")
    assert target.read_bytes() == stand_in.FILES["small"]
    assert sdk.get_report(job.id).baseline.model_dump() == stand_in.BASELINE
    assert sdk.get_plot(job.id, "svg") == b"a plot as svg"
    assert sdk.get_health().status == "ok"


def test_an_upload_goes_on_where_it_stopped(sdk: Client, live: Any, file: Path) -> None:
    ids: list[str] = []

    class Interrupted(Exception):
        pass

    def stop(count: int) -> None:
        if count:
            raise Interrupted

    with pytest.raises(Interrupted):
        sdk.upload_file(file, on_created=ids.append, on_sent=stop)
    there = {part.number for part in sdk.get_upload(ids[0]).parts}
    assert there
    told: list[int] = []
    assert sdk.upload_file(
        file, resume=ids[0], on_created=ids.append, on_sent=told.append
    ).completed_at
    assert ids[0] == ids[1] and sum(told) == len(CONTENT)
    assert told[0] == sum(min(65536, len(CONTENT) - (number - 1) * 65536) for number in there)
    assert sdk.upload_file(file, resume=ids[0]).id == ids[0]


def test_another_file_does_not_go_on_with_an_old_upload(sdk: Client, file: Path) -> None:
    first = sdk.upload_file(file)
    file.write_bytes(CONTENT[::-1])
    assert sdk.upload_file(file, resume=first.id).id != first.id
    assert sdk.upload_file(file, resume="upl_0").completed_at


def test_a_line_that_breaks_while_uploading_is_survived(live: Any, file: Path) -> None:
    with through(live, 10, 700, 20, 0, 30) as client:
        assert client.upload_file(file).completed_at


def test_events_are_told_once_each_over_a_line_that_breaks(live: Any, tmp_path: Path) -> None:
    job = stand_in.submit(live, live.context)
    for step in range(20):
        stand_in.progress(live.context, job["id"], step / 20)
    stand_in.succeed(live.context, job["id"], tmp_path)
    with through(live, 600, 5, 900, 0, 1500) as client:
        events = list(client.watch_job(job["id"]))
    told = [event.data.progress for event in events if isinstance(event, ProgressEventView)]
    assert told == [step / 20 for step in range(20)]
    assert isinstance(events[-1], StateEventView) and events[-1].data.state == "succeeded"


def test_waiting_outlasts_a_service_that_is_down_for_longer_than_all_retries(
    live: Any, tmp_path: Path
) -> None:
    job = stand_in.submit(live, live.context)
    stand_in.succeed(live.context, job["id"], tmp_path)
    with through(live, 600, 0, DOWN, 0, attempts=2) as client:
        assert client.wait_for_job(job["id"]).state == "succeeded"
    with (
        through(live, DOWN, DOWN, attempts=2) as client,
        pytest.raises(ConnectionFailed, match="503"),
    ):
        client.wait_for_job(job["id"])


def test_transfers_outlast_a_service_that_is_down_for_longer_than_all_retries(
    live: Any, file: Path, tmp_path: Path
) -> None:
    often_down: list[int | bytes] = [10_000, DOWN, DOWN, DOWN] * 8
    with through(live, *often_down, attempts=2) as client:
        assert client.get_health().status == "ok"
        assert client.upload_file(file).completed_at
    ids = stand_in.succeed(live.context, stand_in.submit(live, live.context)["id"], tmp_path)
    with through(live, *often_down, attempts=2) as client:
        target = tmp_path / "large.tflite"
        assert client.download_variant(client.get_variant(ids["large"]), target) == target


def test_events_of_a_job_that_ended_long_ago_end(sdk: Client, live: Any, tmp_path: Path) -> None:
    job = stand_in.submit(live, live.context)
    stand_in.succeed(live.context, job["id"], tmp_path)
    last = list(sdk.watch_job(job["id"]))[-1].id
    assert list(sdk.watch_job(job["id"], after=last)) == []


def test_a_download_goes_on_where_the_line_broke(live: Any, tmp_path: Path) -> None:
    ids = stand_in.succeed(live.context, stand_in.submit(live, live.context)["id"], tmp_path)
    size = len(stand_in.FILES["large"])
    with through(live, 10_000, 400 + size // 2, 100, 400 + size // 4) as client:
        target = client.download_variant(
            client.get_variant(ids["large"]), tmp_path / "large.tflite"
        )
    assert target.read_bytes() == stand_in.FILES["large"]
    assert not list(tmp_path.glob("*.part"))


def test_a_download_that_arrived_damaged_is_refused_and_not_kept(
    sdk: Client, live: Any, tmp_path: Path
) -> None:
    ids = stand_in.succeed(live.context, stand_in.submit(live, live.context)["id"], tmp_path)
    variant = sdk.get_variant(ids["large"])
    (tmp_path / "large.tflite.part").write_bytes(b"\xff" * (variant.bytes - 10))
    with pytest.raises(DamagedDownload):
        sdk.download_variant(variant, tmp_path / "large.tflite")
    assert not list(tmp_path.glob("large.tflite*"))


def test_refusals_carry_what_the_problem_says(sdk: Client, live: Any) -> None:
    with pytest.raises(Refused) as refusal:
        sdk.get_job("job_0")
    assert (refusal.value.status, refusal.value.code) == (404, "not_found")
    with Client(str(live.base_url), "wrong") as client, pytest.raises(Refused) as refusal:
        list(client.list_keys())
    assert refusal.value.code == "unauthorized" and "l2c keys create" in refusal.value.hint


@pytest.mark.parametrize("job_id", ["", "../keys", "job_0?x=1", "job 0", "jöb"])
def test_an_id_stays_one_part_of_the_address(sdk: Client, job_id: str) -> None:
    with pytest.raises(Refused) as refusal:
        sdk.get_job(job_id)
    assert refusal.value.code in ("malformed", "not_found")


def test_where_nobody_answers_the_client_says_so() -> None:
    with (
        Client("http://127.0.0.1:1", "key", attempts=2) as client,
        pytest.raises(ConnectionFailed) as failure,
    ):
        client.get_health()
    assert "http://127.0.0.1:1 does not answer" in failure.value.message


def test_a_deletion_whose_answer_was_lost_has_succeeded(live: Any) -> None:
    record = stand_in.upload(live, "models")
    stand_in.inspected(live.context, record["id"])
    with through(live, 0) as client:
        client.delete_model(record["id"])
    assert live.get(f"/v1/models/{record['id']}").status_code == 404


def test_a_creation_whose_answer_was_lost_is_repeated_and_creates_one(live: Any) -> None:
    ids = [stand_in.upload(live, kind)["id"] for kind in ("models", "datasets")]
    for record_id in ids:
        stand_in.inspected(live.context, record_id)
    with through(live, 10, 10) as client:
        job = client.create_job(ids[0], ids[1], JobSpec(effort="draft"))
        assert [each.id for each in client.list_jobs()] == [job.id]
    with through(live, 10) as client, pytest.raises(Refused) as refusal:
        client.create_key("laptop")
    assert refusal.value.code == "secret_not_kept"
    names = [key["name"] for key in live.get("/v1/keys").json()["items"]]
    assert names == ["laptop", "first key"]


@pytest.mark.parametrize("body", [b"{}", b"[]", b"hello"])
def test_an_answer_of_another_service_is_an_error_of_the_sdk(live: Any, body: bytes) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    answer = head.encode() + body
    with through(live, answer, answer, answer) as client:
        for call in (
            lambda: client.get_job("job_0"),
            lambda: list(client.list_models()),
            lambda: client.create_dataset("upl_0"),
        ):
            with pytest.raises(Refused) as refusal:
                call()
            assert refusal.value.code == "not_this_service"


def test_records_and_keys_are_listed_and_deleted(embedded: Settings, file: Path) -> None:
    with (
        serving(embedded) as live,
        Client(str(live.base_url), live.headers["Authorization"][7:]) as sdk,
    ):
        made = [
            sdk.create_model(sdk.upload_file(file).id, f"net {number}").id for number in range(3)
        ]
        assert [record.id for record in sdk.list_models()] == made[::-1]
        sdk.delete_model(made[0])
        assert [record.name for record in sdk.list_models()] == ["net 2", "net 1"]
        sdk.delete_key(sdk.create_key("laptop").id)
        names = [key.name for key in sdk.list_keys()]
        assert names == ["first key"]

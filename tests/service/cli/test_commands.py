"""The command line against a real service; a stand-in does the worker's part."""

import hashlib
import json
import os
import pty
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from service.cli import app
from service.contract.job import JobState
from tests.service import stand_in
from tests.service.client_of import eventually

REFUSAL = {"code": "lambda_layer", "message": "It has a Lambda layer.", "hint": "Replace it by a layer of Keras."}


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    for name in ("net.keras", "photos.zip"):
        (tmp_path / name).write_bytes(random.Random(name).randbytes(200_000))
    return [str(tmp_path / "net.keras"), str(tmp_path / "photos.zip")]


@pytest.fixture
def l2c(live: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Runs a command; ``l2c.env`` is what makes it talk to the service."""
    environment = {
        "L2C_URL": str(live.base_url),
        "L2C_KEY": live.headers["Authorization"].removeprefix("Bearer "),
        "L2C_CACHE_DIR": str(tmp_path / "cache"),
        "COLUMNS": "200",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(app, list(arguments))

    return run


def ok(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def refused(result: Result, exit_code: int, *words: str) -> None:
    assert result.exit_code == exit_code, result.output
    for word in words:
        assert word in result.stderr
    assert "Traceback" not in result.output


def test_compress_does_the_whole_way(l2c: Any, live: Any, files: list[str], tmp_path: Path) -> None:
    out = tmp_path / "out"
    with stand_in.worker(live.house, tmp_path):
        result = l2c("compress", *files, "--out", str(out), "--effort", "draft")
    assert result.exit_code == 0, result.output
    names = {file.name for file in out.iterdir()}
    assert names == {f"{name}-int8.tflite" for name in stand_in.FILES} | {
        "report.json",
        "accuracy_over_bytes.png",
        "accuracy_over_bytes.svg",
    }
    assert (out / "small-int8.tflite").read_bytes() == stand_in.FILES["small"]
    assert json.loads((out / "report.json").read_text())["baseline"] == stand_in.BASELINE
    rows = [line for line in result.stdout.splitlines() if "%" in line]
    assert ["teacher" in rows[0], "93.0%" in rows[0], len(rows)] == [True, True, 4]
    assert "20.0x" in rows[1]


def test_compress_prints_one_json_document_and_passes_every_field_of_the_spec(
    l2c: Any, live: Any, files: list[str], tmp_path: Path
) -> None:
    options = ["--effort", "thorough", "--seed", "7", "--input-scaling", "unit", "--teacher-output", "softmax"]
    options += ["--class-name", "dog", "--class-name", "cat", "--family", "nasnet", "--teacher", "joint", "--json"]
    options += ["--sparsity", "0.5", "--quantization", "int8", "--quantization", "float16"]
    options += ["--variant", "small:max_bytes=96KiB,min_top1=88%", "--variant", "large:max_macs=15M"]
    with stand_in.worker(live.house, tmp_path):
        job = ok(l2c("compress", *files, "--out", str(tmp_path / "out"), *options))
    assert job["state"] == "succeeded" and len(job["variants"]) == 6
    anything = {"max_bytes": None, "max_macs": None, "max_latency_ms": None, "min_top1": None}
    assert job["spec"] == {
        "effort": "thorough",
        "seed": 7,
        "input_scaling": "unit",
        "teacher_output": "softmax",
        "class_names": ["dog", "cat"],
        "family": "nasnet",
        "teacher": "joint",
        "sparsity": 0.5,
        "quantizations": ["int8", "float16"],
        "variants": [
            {**anything, "name": "small", "max_bytes": 98_304, "min_top1": 0.88},
            {**anything, "name": "large", "max_macs": 15_000_000},
        ],
    }


def test_a_missed_budget_has_an_exit_code_of_its_own_and_the_files_are_there(
    l2c: Any, live: Any, files: list[str], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    asked = ["--variant", "small:min_top1=95%", "--variant", "large:min_top1=0.9", "--quantization", "float16"]
    with stand_in.worker(live.house, tmp_path):
        result = l2c("compress", *files, "--out", str(out), *asked)
    refused(result, 7, "budget_not_kept", "small.", f"warning: {stand_in.WARNINGS[0]}")
    assert (out / "small-float16.tflite").read_bytes() == stand_in.FILES["small"]
    assert "small*" in result.stdout and "large*" not in result.stdout
    (job,) = live.get("/v1/jobs").json()["items"]
    assert l2c("jobs", "watch", job["id"], "--json").exit_code == 7
    assert l2c("jobs", "show", job["id"]).exit_code == 0


def test_every_file_has_its_row_and_no_figure_is_cut_short(
    l2c: Any, live: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    job_id = stand_in.submit(live, live.house, quantizations=["int8", "int8_dynamic"])["id"]
    stand_in.succeed(live.house, job_id, tmp_path)
    rows = [line.split() for line in l2c("variants", "list", job_id).stdout.splitlines() if "%" in line]
    assert rows[0] == ["teacher", "float32", "93.0%", "1,996", "-", "69.00", "-", "-", "-", "-"]
    assert ["small-int8_dynamic", "int8_dynamic", "90.0%", "1.0", "0.1", "-", "1.50", "20.0x", "4.0x", "9.0x"] in rows
    assert len(rows) == 7


def test_an_upload_that_was_cut_short_goes_on(l2c: Any, live: Any, files: list[str], tmp_path: Path) -> None:
    content = Path(files[0]).read_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    wanted = {"filename": "net.keras", "size": len(content), "sha256": sha256}
    upload = live.post("/v1/uploads", json=wanted).json()
    live.put(f"/v1/uploads/{upload['id']}/parts/2", content=content[65536:131072])
    name = hashlib.sha256(f"{str(live.base_url).rstrip('/')} {sha256}".encode()).hexdigest()
    memory = tmp_path / "cache" / "uploads" / f"{name}.json"
    memory.parent.mkdir(parents=True)
    memory.write_text(json.dumps({"upload_id": upload["id"]}))
    record = ok(l2c("models", "upload", files[0], "--no-wait", "--json"))
    assert record["upload_id"] == upload["id"]
    assert not memory.exists()
    assert ok(l2c("models", "upload", files[0], "--no-wait", "--json"))["upload_id"] != upload["id"]


def test_a_rejected_model_ends_compress_with_the_inspection_s_words(
    l2c: Any, live: Any, files: list[str], tmp_path: Path
) -> None:
    with stand_in.worker(live.house, tmp_path, rejects=REFUSAL):
        result = l2c("compress", *files, "--out", str(tmp_path / "out"))
    refused(result, 4, "lambda_layer", "It has a Lambda layer.", "Replace it by a layer of Keras.")
    assert list((tmp_path / "out").iterdir()) == []


def test_an_out_that_cannot_be_a_folder_is_refused_before_anything_is_sent(
    l2c: Any, live: Any, files: list[str], tmp_path: Path
) -> None:
    for out in (files[0], files[0] + "/below"):
        assert l2c("compress", *files, "--out", out).exit_code == 2
    assert live.get("/v1/models").json()["items"] == []


def test_a_failed_job_has_an_exit_code_of_its_own(l2c: Any, live: Any, files: list[str], tmp_path: Path) -> None:
    error = {"code": "teacher_near_chance", "message": "Top-1 is 10 %.", "hint": "State --input-scaling."}
    with stand_in.worker(live.house, tmp_path, fails=error):
        result = l2c("compress", *files, "--out", str(tmp_path / "out"))
    refused(result, 5, "teacher_near_chance", "State --input-scaling.")


def test_records_are_uploaded_listed_shown_and_deleted(l2c: Any, live: Any, files: list[str], tmp_path: Path) -> None:
    with stand_in.worker(live.house, tmp_path):
        model = ok(l2c("models", "upload", files[0], "--name", "My net", "--json"))
        ok(l2c("datasets", "upload", files[1], "--json"))
    assert (model["name"], model["state"]) == ("My net", "ready")
    assert [record["id"] for record in ok(l2c("models", "list", "--json"))] == [model["id"]]
    assert "My net" in l2c("models", "list").stdout
    assert ok(l2c("models", "show", model["id"], "--json"))["description"]["format"] == "keras"
    assert '"format": "keras"' in l2c("models", "show", model["id"]).stdout
    assert l2c("models", "delete", model["id"]).stdout == f"deleted {model['id']}\n"
    refused(l2c("models", "show", model["id"]), 4, "not_found")


def test_a_job_is_submitted_over_records_that_are_there(l2c: Any, live: Any) -> None:
    ids = [stand_in.upload(live, kind)["id"] for kind in ("models", "datasets")]
    for record_id in ids:
        stand_in.inspected(live.house, record_id)
    job_id = l2c("jobs", "submit", *ids, "--effort", "draft", "--class-name", "a", "--class-name", "b").stdout.strip()
    spec = live.get(f"/v1/jobs/{job_id}").json()["spec"]
    assert (spec["effort"], spec["class_names"]) == ("draft", ["a", "b"])
    assert ok(l2c("jobs", "submit", *ids, "--json"))["spec"]["effort"] == "standard"
    refused(l2c("jobs", "submit", ids[0], "dat_0"), 4, "not_found")
    refused(l2c("jobs", "submit", *ids, "--class-name", "a"), 2, "class_names")
    refused(l2c("jobs", "submit", *ids, "--quantization", "int7"), 2, "quantizations", "float16")
    refused(l2c("jobs", "submit", *ids, "--variant", "small:max_bytes=lots"), 2, "max_bytes='lots' is not a number")


def test_jobs_are_listed_shown_watched_and_downloaded(l2c: Any, live: Any, tmp_path: Path) -> None:
    job_id = stand_in.submit(live, live.house)["id"]
    refused(l2c("jobs", "download", job_id, "--out", str(tmp_path / "out")), 4, "not_ready")
    ids = stand_in.succeed(live.house, job_id, tmp_path)
    assert [job["id"] for job in ok(l2c("jobs", "list", "--json"))] == [job_id]
    assert "succeeded" in l2c("jobs", "list").stdout
    assert "large" in l2c("jobs", "show", job_id).stdout
    assert ok(l2c("jobs", "watch", job_id, "--json"))["state"] == "succeeded"
    assert len(ok(l2c("jobs", "download", job_id, "--out", str(tmp_path / "out"), "--json"))["files"]) == 6
    assert len(ok(l2c("variants", "list", job_id, "--json"))) == 3
    assert ok(l2c("variants", "show", ids["small"], "--json"))["name"] == "small"
    target = tmp_path / "mine.tflite"
    assert l2c("variants", "download", ids["small"], "--out", str(target)).exit_code == 0
    assert target.read_bytes() == stand_in.FILES["small"]


def test_a_cancelled_job_has_an_exit_code_of_its_own(l2c: Any, live: Any) -> None:
    job_id = stand_in.submit(live, live.house)["id"]
    assert l2c("jobs", "cancel", job_id).stdout == f"{job_id} is cancelled\n"
    refused(l2c("jobs", "watch", job_id), 6, "was cancelled")
    refused(l2c("jobs", "download", job_id, "--out", "nowhere"), 4, "not_ready")


def test_keys_are_made_listed_and_revoked(l2c: Any) -> None:
    created = ok(l2c("keys", "create", "laptop", "--json"))
    assert ok(l2c("keys", "list", "--json", "--key", created["secret"]))[0]["name"] == "laptop"
    assert l2c("keys", "delete", created["id"]).exit_code == 0
    refused(l2c("keys", "list", "--key", created["secret"]), 4, "unauthorized", "l2c keys create")


def test_where_nobody_answers(l2c: Any) -> None:
    refused(l2c("jobs", "list", "--url", "http://127.0.0.1:1"), 3, "cannot_connect", "l2c serve")
    refused(l2c("jobs", "list", "--url", "nonsense"), 3, "nonsense")


def test_usage_errors(l2c: Any, files: list[str]) -> None:
    assert l2c("compress", "missing.keras", files[1], "--out", "x").exit_code == 2
    assert l2c("compress", *files, "--out", "x", "--effort", "heroic").exit_code == 2
    refused(l2c("compress", *files, "--out", "x", "--class-name", "one"), 2, "class_names")
    assert l2c("--version").stdout.strip()


def test_the_key_comes_from_a_local_data_folder(l2c: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(exist_ok=True)
    (tmp_path / "data" / "key").write_text(os.environ["L2C_KEY"] + "\n")
    monkeypatch.delenv("L2C_KEY")
    monkeypatch.chdir(tmp_path)
    assert ok(l2c("keys", "list", "--json"))[0]["name"] == "first key"


@pytest.mark.parametrize(
    ("answer", "exit_code", "state"), [("y", 6, "cancelled"), ("n", 130, "queued"), ("^C", 130, "queued")]
)
def test_ctrl_c_asks_whether_to_cancel(l2c: Any, live: Any, answer: str, exit_code: int, state: JobState) -> None:
    job_id = stand_in.submit(live, live.house)["id"]
    ours, theirs = pty.openpty()
    # A shell that starts the tests in the background has them ignore Ctrl-C.
    heard = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    command = [sys.executable, "-c", f"{heard}; from service.cli import app; app()", "jobs", "watch", job_id]
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
    said = bytearray()

    def says(words: bytes) -> bool:
        said.extend(os.read(ours, 65536))
        return words in said

    eventually(lambda: says(b"queued"))
    process.send_signal(signal.SIGINT)
    eventually(lambda: says(b"Cancel job"))
    process.send_signal(signal.SIGINT) if answer == "^C" else os.write(ours, f"{answer}\n".encode())
    assert process.wait(20) == exit_code, said
    os.close(theirs)
    os.close(ours)
    assert live.get(f"/v1/jobs/{job_id}").json()["state"] == state

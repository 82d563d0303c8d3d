"""``l2c compress`` against a real service; a stand-in does the worker's part."""

import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from service.contract.job import BUDGETS, JobState
from tests.learn2compress.cli.conftest import ok, refused
from tests.service import stand_in
from tests.waiting import eventually

REFUSAL = {
    "code": "lambda_layer",
    "message": "It has a Lambda layer.",
    "hint": "Replace it by a layer of Keras.",
}


def test_compress_does_the_whole_way(l2c: Any, live: Any, files: list[str], tmp_path: Path) -> None:
    out = tmp_path / "out"
    with stand_in.worker(live.context, tmp_path):
        result = l2c("compress", *files, "--out", str(out), "--effort", "draft")
    assert result.exit_code == 0, result.output
    names = {file.name for file in out.iterdir()}
    assert names == {f"{name}.tflite" for name in stand_in.FILES} | {
        "report.json",
        "accuracy_over_bytes.png",
        "accuracy_over_bytes.svg",
    }
    assert (out / "small.tflite").read_bytes() == stand_in.FILES["small"]
    assert json.loads((out / "report.json").read_text())["baseline"] == stand_in.BASELINE
    rows = [line for line in result.stdout.splitlines() if "%" in line]
    assert ["teacher" in rows[0], "93.0%" in rows[0], len(rows)] == [True, True, 4]
    assert "20.0x" in rows[1]


def test_compress_prints_one_json_document_and_passes_every_field_of_the_spec(
    l2c: Any, live: Any, files: list[str], tmp_path: Path
) -> None:
    options = "--effort thorough --max-minutes 9 --seed 7 --input-scaling unit --input-size 28 32"
    options += " --teacher-output softmax --class-name dog --class-name cat"
    options += " --family nasnet --teacher-training joint"
    options += " --keep-grey --license CC0-1.0 --sparsity 0.5"
    options += " --quantization int8 --quantization float16 --json"
    options += " --variant small:max_bytes=96KiB,min_top1=88% --variant large:max_macs=15M"
    with stand_in.worker(live.context, tmp_path):
        job = ok(l2c("compress", *files, "--out", str(tmp_path / "out"), *options.split()))
    assert job["state"] == "succeeded" and len(job["variants"]) == 6
    anything = dict.fromkeys(BUDGETS)
    assert job["spec"] == {
        "effort": "thorough",
        "max_minutes": 9.0,
        "seed": 7,
        "input_scaling": "unit",
        "input_size": [28, 32],
        "teacher_output": "softmax",
        "class_names": ["dog", "cat"],
        "family": "nasnet",
        "teacher_training": "joint",
        "sparsity": 0.5,
        "keep_grey": True,
        "license": "CC0-1.0",
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
    asked = "--variant small:min_top1=95% --variant large:min_top1=0.9 --quantization float16"
    with stand_in.worker(live.context, tmp_path):
        result = l2c("compress", *files, "--out", str(out), *asked.split())
    refused(result, 7, "budget_not_kept", "small.", f"warning: {stand_in.WARNINGS[0]}")
    assert (out / "small.tflite").read_bytes() == stand_in.FILES["small"]
    assert "small*" in result.stdout and "large*" not in result.stdout
    (job,) = live.get("/v1/jobs").json()["items"]
    assert l2c("jobs", "watch", job["id"], "--json").exit_code == 7
    assert l2c("jobs", "show", job["id"]).exit_code == 0


def test_a_file_that_was_uploaded_before_is_not_sent_again(
    l2c: Any, live: Any, files: list[str], tmp_path: Path
) -> None:
    with stand_in.worker(live.context, tmp_path):
        first, second = (
            ok(l2c("compress", *files, "--out", str(tmp_path / "out"), "--json")) for _ in range(2)
        )
    assert (first["model_id"], first["dataset_id"]) == (second["model_id"], second["dataset_id"])
    assert len(live.get("/v1/uploads").json()["items"]) == 2


def test_compress_takes_the_ids_of_uploads_in_place_of_files(
    l2c: Any, live: Any, files: list[str], tmp_path: Path
) -> None:
    job, out = stand_in.submit(live, live.context), ["--out", str(tmp_path / "out"), "--json"]
    model, dataset = ["--model", job["model_id"]], ["--dataset", job["dataset_id"]]
    with stand_in.worker(live.context, tmp_path):
        both = ok(l2c("compress", *model, *dataset, *out, "--label", "app:camera"))
        data = ok(l2c("compress", files[1], *model, *out))
    assert both["labels"] == {"app": "camera"}
    used = (job["model_id"], job["dataset_id"])
    assert (both["model_id"], both["dataset_id"]) == used
    assert data["model_id"] == used[0] and data["dataset_id"] != used[1]
    refused(l2c("compress", *files, *model, *out), 2, "not both")
    refused(l2c("compress", *model, *out), 2, "--dataset")


def test_a_rejected_model_ends_compress_with_the_inspection_s_words(
    l2c: Any, live: Any, files: list[str], tmp_path: Path
) -> None:
    with stand_in.worker(live.context, tmp_path, rejects=REFUSAL):
        result = l2c("compress", *files, "--out", str(tmp_path / "out"))
    refused(result, 4, "lambda_layer", "It has a Lambda layer.", "Replace it by a layer of Keras.")
    assert list((tmp_path / "out").iterdir()) == []


def test_an_out_that_cannot_be_a_folder_is_refused_before_anything_is_sent(
    l2c: Any, live: Any, files: list[str], tmp_path: Path
) -> None:
    for out in (files[0], files[0] + "/below"):
        assert l2c("compress", *files, "--out", out).exit_code == 2
    assert live.get("/v1/models").json()["items"] == []


def test_a_label_of_another_form_is_a_usage_error(
    l2c: Any, live: Any, files: list[str], tmp_path: Path
) -> None:
    result = l2c("compress", *files, "--out", str(tmp_path / "out"), "--label", "camera")
    assert (result.exit_code, "KEY:VALUE" in result.stderr) == (2, True)
    assert live.get("/v1/uploads").json()["items"] == []


def test_a_failed_job_has_an_exit_code_of_its_own(
    l2c: Any, live: Any, files: list[str], tmp_path: Path
) -> None:
    error = {
        "code": "teacher_near_chance",
        "message": "Top-1 is 10 %.",
        "hint": "State --input-scaling.",
    }
    with stand_in.worker(live.context, tmp_path, fails=error):
        result = l2c("compress", *files, "--out", str(tmp_path / "out"))
    refused(result, 5, "teacher_near_chance", "State --input-scaling.")


@pytest.mark.parametrize(
    ("answer", "exit_code", "state"),
    [("y", 6, "cancelled"), ("n", 130, "queued"), ("^C", 130, "queued")],
)
def test_ctrl_c_asks_whether_to_cancel(
    l2c: Any, live: Any, answer: str, exit_code: int, state: JobState
) -> None:
    job_id = stand_in.submit(live, live.context)["id"]
    ours, theirs = pty.openpty()
    # A shell that starts the tests in the background has them ignore Ctrl-C.
    heard = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    command = [
        sys.executable,
        "-c",
        f"{heard}; from learn2compress.cli import app; app()",
        "jobs",
        "watch",
        job_id,
    ]
    process = subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    )
    said = bytearray()

    def says(words: bytes) -> bool:
        said.extend(os.read(ours, 65536))
        return words in said

    eventually(lambda: says(b"waiting for a worker"))
    process.send_signal(signal.SIGINT)
    eventually(lambda: says(b"Cancel job"))
    process.send_signal(signal.SIGINT) if answer == "^C" else os.write(ours, f"{answer}\n".encode())
    assert process.wait(20) == exit_code, said
    os.close(theirs)
    os.close(ours)
    assert live.get(f"/v1/jobs/{job_id}").json()["state"] == state

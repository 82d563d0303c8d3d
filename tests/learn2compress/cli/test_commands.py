"""The command line against a real service; a stand-in does the worker's part."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.learn2compress.cli.conftest import ok, refused
from tests.service import stand_in


def test_every_file_has_its_row_and_no_figure_is_cut_short(
    l2c: Any, live: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    job_id = stand_in.submit(live, live.context, quantizations=["int8", "int8_dynamic"])["id"]
    stand_in.succeed(live.context, job_id, tmp_path)
    shown = l2c("jobs", "show", job_id).stdout.splitlines()
    rows = [line.split() for line in shown if "%" in line]
    teacher = "teacher float32 93.0% 97.0% 1,996 1,800 69.00 6.00 - - -"
    assert rows[0] == teacher.split()
    small = "small-int8_dynamic int8_dynamic 90.0% 97.0% 1.0 0.1 3.00 1.50 20.0x 4.0x 9.0x"
    assert small.split() in rows
    assert len(rows) == 7


def test_variants_are_listed_by_their_figures_with_their_ids(
    l2c: Any, live: Any, tmp_path: Path
) -> None:
    job_id = stand_in.submit(live, live.context)["id"]
    ids = stand_in.succeed(live.context, job_id, tmp_path)
    shown = l2c("variants", "list", "--max-macs", "3M", "--min-top1", "90%").stdout
    assert all(variant_id in shown for variant_id in ids.values()) and job_id in shown
    limits = ["--max-bytes", "1KB", "--sort", "-bytes", "--quantization", "int8"]
    listed = [each["name"] for each in ok(l2c("variants", "list", *limits, "--json"))]
    assert listed[0] == "medium" and sorted(listed[1:]) == ["large", "small"]
    assert ok(l2c("variants", "list", "--min-top3", "98%", "--json")) == []
    refused(
        l2c("variants", "list", "--max-bytes", "lots"),
        2,
        "'--max-bytes': max_bytes='lots' is not a number",
    )
    refused(l2c("variants", "list", "--label", "camera"), 2, "KEY:VALUE")
    refused(l2c("variants", "list", "--sort", "speed"), 4, "malformed")


def test_an_upload_that_was_cut_short_goes_on(
    l2c: Any, live: Any, files: list[str], tmp_path: Path
) -> None:
    content = Path(files[0]).read_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    wanted = {"filename": "net.keras", "bytes": len(content), "sha256": sha256}
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


def test_records_are_uploaded_listed_shown_and_deleted(
    l2c: Any, live: Any, files: list[str], tmp_path: Path
) -> None:
    with stand_in.worker(live.context, tmp_path):
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
        stand_in.inspected(live.context, record_id)
    job_id = l2c(
        "jobs", "submit", *ids, "--effort", "draft", "--class-name", "a", "--class-name", "b"
    ).stdout.strip()
    spec = live.get(f"/v1/jobs/{job_id}").json()["spec"]
    assert (spec["effort"], spec["class_names"]) == ("draft", ["a", "b"])
    submitted = ok(l2c("jobs", "submit", *ids, "--device", "gpu", "--json"))
    assert (submitted["spec"]["effort"], submitted["device"]) == ("standard", "gpu")
    refused(l2c("jobs", "submit", ids[0], "dat_0"), 4, "not_found")
    refused(l2c("jobs", "submit", *ids, "--class-name", "a"), 2, "class_names")
    refused(l2c("jobs", "submit", *ids, "--quantization", "int7"), 2, "quantizations", "float16")
    refused(
        l2c("jobs", "submit", *ids, "--variant", "small:max_bytes=lots"),
        2,
        "max_bytes='lots' is not a number",
    )


def test_jobs_are_listed_shown_watched_and_downloaded(l2c: Any, live: Any, tmp_path: Path) -> None:
    job_id = stand_in.submit(live, live.context)["id"]
    refused(l2c("jobs", "download", job_id, "--out", str(tmp_path / "out")), 4, "not_ready")
    ids = stand_in.succeed(live.context, job_id, tmp_path)
    assert [job["id"] for job in ok(l2c("jobs", "list", "--json"))] == [job_id]
    assert "succeeded" in l2c("jobs", "list").stdout
    assert "large" in l2c("jobs", "show", job_id).stdout
    assert ok(l2c("jobs", "watch", job_id, "--json"))["state"] == "succeeded"
    assert "succeeded 100%" in l2c("jobs", "watch", job_id).stderr
    out = str(tmp_path / "out")
    assert len(ok(l2c("jobs", "download", job_id, "--out", out, "--json"))["files"]) == 6
    assert len(ok(l2c("variants", "list", job_id, "--json"))) == 3
    assert ok(l2c("variants", "show", ids["small"], "--json"))["name"] == "small"
    target = tmp_path / "mine.tflite"
    assert l2c("variants", "download", ids["small"], "--out", str(target)).exit_code == 0
    assert target.read_bytes() == stand_in.FILES["small"]


def test_a_cancelled_job_has_an_exit_code_of_its_own(l2c: Any, live: Any, tmp_path: Path) -> None:
    job_id = stand_in.submit(live, live.context)["id"]
    assert l2c("jobs", "cancel", job_id).stdout == f"{job_id} is cancelled\n"
    refused(l2c("jobs", "watch", job_id), 6, "was cancelled")
    refused(l2c("jobs", "download", job_id, "--out", str(tmp_path / "out")), 4, "not_ready")


def test_submit_can_wait_and_download(
    l2c: Any, live: Any, files: list[str], tmp_path: Path
) -> None:
    job = stand_in.submit(live, live.context)
    wanted = [job["model_id"], job["dataset_id"], "--name", "phones", "--label", "app:camera"]
    out = tmp_path / "out"
    with stand_in.worker(live.context, tmp_path):
        result = l2c("jobs", "submit", *wanted, "--wait", "--out", str(out))
    assert result.exit_code == 0 and "teacher" in result.stdout
    assert (out / "small.tflite").read_bytes() == stand_in.FILES["small"]
    (made,) = ok(l2c("jobs", "list", "--label", "app:camera", "--json"))
    assert made["name"] == "phones"
    assert "phones" in l2c("jobs", "list").stdout
    refused(l2c("jobs", "submit", *wanted, "--out", str(out)), 2, "--wait")


def test_a_job_is_deleted_and_a_dataset_with_its_jobs(l2c: Any, live: Any, tmp_path: Path) -> None:
    first = stand_in.submit(live, live.context)
    stand_in.succeed(live.context, first["id"], tmp_path)
    ids = (first["model_id"], first["dataset_id"])
    second = l2c("jobs", "submit", *ids).stdout.strip()
    refused(l2c("jobs", "delete", second), 4, "illegal_move")
    refused(l2c("datasets", "delete", first["dataset_id"]), 4, "conflict", "Delete the jobs")
    deleted = ok(l2c("datasets", "delete", first["dataset_id"], "--with-jobs", "--json"))
    assert sorted(deleted["deleted"]) == sorted([first["id"], second, first["dataset_id"]])
    assert ok(l2c("jobs", "list", "--json")) == []
    third = stand_in.submit(live, live.context)
    stand_in.succeed(live.context, third["id"], tmp_path)
    assert l2c("jobs", "delete", third["id"]).stdout == f"deleted {third['id']}\n"


def test_where_nobody_answers(l2c: Any) -> None:
    refused(l2c("jobs", "list", "--url", "http://127.0.0.1:1"), 3, "cannot_connect", "l2c serve")
    refused(l2c("jobs", "list", "--url", "nonsense"), 3, "nonsense")


def test_usage_errors(l2c: Any, files: list[str]) -> None:
    assert l2c("compress", "missing.keras", files[1], "--out", "x").exit_code == 2
    assert l2c("compress", *files, "--out", "x", "--effort", "heroic").exit_code == 2
    refused(l2c("compress", *files, "--out", "x", "--class-name", "one"), 2, "class_names")
    assert l2c("--version").stdout.strip()


def test_the_key_comes_from_a_local_data_folder(
    l2c: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "data").mkdir(exist_ok=True)
    (tmp_path / "data" / "key").write_text(os.environ["L2C_KEY"] + "\n")
    monkeypatch.delenv("L2C_KEY")
    monkeypatch.chdir(tmp_path)
    assert ok(l2c("keys", "list", "--json"))[0]["name"] == "first key"

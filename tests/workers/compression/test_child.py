"""The engine's process as a worker starts it: exit status, JSON lines and report.json."""

import json
import subprocess
import sys

import pytest

from service.contract.descriptions import DatasetDescription
from tests.workers.compression.conftest import full_spec
from workers.child_messages import RefusalMessage, parse_line
from workers.compression import __main__ as child
from workers.compression.errors import CompressionError, as_compression_error
from workers.compression.work_folder import DONE, IMPORT_ROOT, REFUSED, REPORT, TASK


def run(folder, task):
    (folder / TASK).write_text(json.dumps(task))
    command = [sys.executable, "-m", "workers.compression", str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=IMPORT_ROOT)


def test_a_model_that_cannot_be_loaded_ends_with_an_error_line_and_status_2(stripes, tmp_path):
    (tmp_path / "model.h5").write_bytes(b"ok")
    task = {
        "kind": "compression",
        "model": "model.h5",
        "dataset": str(stripes),
        "spec": full_spec(),
        "job": None,
        "date": "2026-01-01",
    }
    process = run(tmp_path, task)
    last = json.loads(process.stdout.splitlines()[-1])
    assert process.returncode == REFUSED
    assert (last["type"], last["code"]) == ("error", "not_a_model")
    assert "Traceback" not in process.stdout + process.stderr
    assert not (tmp_path / REPORT).exists()


def test_the_inspection_of_a_dataset_writes_its_description(stripes, tmp_path):
    process = run(
        tmp_path, {"kind": "dataset_inspection", "dataset": str(stripes), "max_pixels": 1e12}
    )
    assert process.returncode == DONE
    found = DatasetDescription.model_validate_json((tmp_path / REPORT).read_text())
    assert found.images == 180


def test_names_in_an_upload_cannot_break_the_error_line(capsys):
    child.print_error(CompressionError("custom_layer", "my\0layer caf\udce9", "hint " * 1000))
    assert isinstance(parse_line(capsys.readouterr().out.encode()), RefusalMessage)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (MemoryError(), "out_of_memory"),
        (OSError(12, "Cannot allocate memory"), "out_of_memory"),
        (OSError(27, "File too large"), "file_too_large"),
        (OSError(28, "No space left on device"), "disk_full"),
    ],
)
def test_a_lack_of_memory_or_disk_is_an_error_with_a_hint(error, code):
    found = as_compression_error(error)
    assert (found.code, bool(found.hint)) == (code, True)


def test_a_bug_is_not_shown_as_the_users_error():
    assert as_compression_error(ValueError("x")) is None

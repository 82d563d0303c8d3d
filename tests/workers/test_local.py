"""``python -m workers.local``: the engine on local files, with the options of ``l2c compress``."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from service.contract.descriptions import DatasetDescription, ModelDescription
from service.contract.report import Report

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with teacher.keras and data.zip."""
    folder = tmp_path_factory.mktemp("task")
    subprocess.run(
        [sys.executable, ROOT / "tests/tiny_task.py", folder], check=True, capture_output=True
    )
    return folder


def local(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "workers.local", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)


def test_compress_leaves_files_plots_and_the_report(task: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    options = ["--effort", "draft", "--variant", "app:max_bytes=20KB", "--quantization", "float16"]
    done = local("compress", task / "teacher.keras", task / "data.zip", "--out", out, *options)
    assert done.returncode == 0, done.stderr
    report = Report.model_validate_json((out / "report.json").read_text())
    files = {row.file for row in report.variants}
    plots = {"accuracy_over_bytes.png", "accuracy_over_bytes.svg"}
    assert {file.name for file in out.iterdir()} == files | plots | {"report.json"}
    app = next(row for row in report.variants if row.name == "app")
    assert (app.quantization, app.bytes) == ("float16", (out / "app.tflite").stat().st_size)
    assert "app " in done.stdout and "teacher " in done.stdout


def test_inspect_tells_what_the_files_are_and_how_good_the_teacher_is(task: Path) -> None:
    model, data = task / "teacher.keras", task / "data.zip"
    done = local("inspect", "--model", model, "--data", data, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert ModelDescription.model_validate(found["model"]).output.shape == [None, 2]
    assert DatasetDescription.model_validate(found["data"]).classes == ["across", "upright"]
    assert found["teacher"]["top1"] > 0.8 and found["teacher"]["teacher_output"] == "softmax"


def test_inspect_refuses_with_code_message_and_hint(task: Path) -> None:
    done = local("inspect", "--data", task / "teacher.keras", "--json")
    assert done.returncode == 2
    error = json.loads(done.stdout)["error"]
    assert error["code"] == "no_class_folders" and error["message"] and error["hint"]
    plain = local("inspect", "--data", task / "teacher.keras")
    assert plain.returncode == 2 and "hint: " in plain.stderr and "Traceback" not in plain.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--sparsity", "2"], "0.95"),
        (["--seed", "-1"], "--seed"),
        (["--family", "vgg"], "pruned"),
        (["--variant", "small"], "NAME:BUDGET=NUMBER"),
        (["--variant", "small:max_bytes=lots"], "is not a number"),
        (["--class-name", "one"], "class_names"),
    ],
)
def test_a_wrong_option_is_told_before_anything_is_read(
    task: Path, tmp_path: Path, options: list[str], said: str
) -> None:
    files = [task / "teacher.keras", task / "data.zip"]
    done = local("compress", *files, "--out", tmp_path / "out", *options)
    assert done.returncode == 2 and said in done.stderr
    assert not (tmp_path / "out").exists()

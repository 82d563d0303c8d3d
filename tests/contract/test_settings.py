"""Settings come from the environment, say no to nonsense, and travel whole to another process."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError
from pydantic_settings import SettingsError

from service.contract.settings import Settings


def test_the_defaults_are_the_embedded_mode(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = Settings()
    assert settings.database == f"sqlite:///{tmp_path}/data/l2c.sqlite"
    assert (settings.redis_url, settings.s3_bucket, settings.sandbox) == ("", "", "require")


def test_the_environment_comes_before_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("L2C_DATABASE_URL", "postgresql+psycopg://db/l2c")
    monkeypatch.setenv("L2C_MAX_ATTEMPTS", "7")
    assert (Settings().database, Settings().max_attempts) == ("postgresql+psycopg://db/l2c", 7)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "70000"),
        ("LEASE_SECONDS", "0"),
        ("MAX_ATTEMPTS", "0"),
        ("PART_BYTES", "1"),
        ("CHILD_MEMORY_BYTES", "1"),
        ("QUOTA_KEYS", "-1"),
        ("REQUEST_BURST", "0"),
        ("RETENTION_DAYS", "-1"),
    ],
)
def test_nonsense_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"L2C_{name}", value)
    with pytest.raises(ValidationError):
        Settings()


def test_a_secret_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("L2C_S3_SECRET_ACCESS_KEY", "hush")
    assert "hush" not in repr(Settings())


def test_secrets_come_from_files_unless_the_environment_has_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "l2c_redis_url").write_text("redis://:hush@redis/0\n")
    (tmp_path / "L2C_S3_SECRET_ACCESS_KEY").write_text("hush")
    (tmp_path / "l2c_s3_bucket").write_text("of the file")
    monkeypatch.setenv("L2C_SECRETS_DIR", str(tmp_path))
    monkeypatch.setenv("L2C_S3_BUCKET", "of the environment")
    settings = Settings()
    assert settings.redis_url == "redis://:hush@redis/0"
    assert settings.s3_secret_access_key.get_secret_value() == "hush"
    assert settings.s3_bucket == "of the environment"


def test_a_missing_folder_of_secrets_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("L2C_SECRETS_DIR", str(tmp_path / "missing"))
    with pytest.raises(SettingsError, match="missing"):
        Settings()


def test_another_process_reads_the_very_same_settings(tmp_path: Path) -> None:
    settings = Settings(
        data_dir=tmp_path, lease_seconds=1.5, s3_secret_access_key="hush", sandbox="best"
    )
    code = "from service.contract.settings import Settings; print(Settings().model_dump_json())"
    root = Path(__file__).parents[2]
    output = subprocess.run(
        [sys.executable, "-c", code],
        env=settings.environment(),
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert json.loads(output) == json.loads(settings.model_dump_json())
    assert settings.environment()["L2C_S3_SECRET_ACCESS_KEY"] == "hush"

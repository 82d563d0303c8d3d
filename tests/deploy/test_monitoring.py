"""Dashboard, alerts and documentation name metrics that exist; promtool checks the rules."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from service.contract.records import Base, connect, sessions
from service.job_metrics import JobCollector
from service.metrics import Metrics
from tests.deploy.deployment import ROOT, read_yaml, setting_names
from workers.metrics import WorkerMetrics

ALERTS = ROOT / "deploy/prometheus/alerts.yaml"
DASHBOARD = ROOT / "deploy/grafana/learn2compress.json"
DOCUMENTATION = ROOT / "docs/operations.md"
NAME = re.compile(r"\b(?:l2c|process)_[a-z0-9_]+\b")
PARTS = ("_bucket", "_count", "_sum")
"""Of a histogram."""
PROMTOOL = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(
    PROMTOOL is None, reason="no promtool here: apt-get install prometheus"
)


@pytest.fixture
def registries(tmp_path: Path) -> list[CollectorRegistry]:
    """Of the API, with an empty database, and of a worker."""
    engine = connect(f"sqlite:///{tmp_path}/l2c.sqlite")
    Base.metadata.create_all(engine)
    api = Metrics()
    api.registry.register(JobCollector(sessions(engine)))
    return [api.registry, WorkerMetrics().registry]


@pytest.fixture
def defined(registries: list[CollectorRegistry]) -> set[str]:
    """Every name, without the parts of histograms."""
    return {
        family.name + ("_total" if family.type == "counter" else "")
        for registry in registries
        for family in registry.collect()
    }


def named(text: str) -> set[str]:
    found = set(NAME.findall(text)) - {"process_cpu_seconds"}
    return {re.sub(f"({'|'.join(PARTS)})$", "", name) for name in found}


def expressions() -> Iterator[str]:
    for group in read_yaml("deploy/prometheus/alerts.yaml")["groups"]:
        yield from (rule["expr"] for rule in group["rules"])
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        yield from (target["expr"] for target in panel["targets"])


def test_alerts_and_dashboard_name_metrics_that_exist(defined: set[str]) -> None:
    used = named("\n".join(expressions()))
    assert len(used) > 10 and used - defined == set()


def test_exactly_the_metrics_that_exist_are_documented(defined: set[str]) -> None:
    section = DOCUMENTATION.read_text().split("## Metrics and logs")[1].split("\n## ")[0]
    ours = {name for name in defined if name.startswith("l2c_")}
    assert {name for name in named(section) if name.startswith("l2c_")} == ours


def test_alerts_name_codes_and_outcomes_that_exist() -> None:
    documented = DOCUMENTATION.read_text() + (ROOT / "docs/api.md").read_text()
    for value in re.findall(r'(?:code|outcome)="(\w+)"', ALERTS.read_text()):
        assert f"`{value}`" in documented


def test_prometheus_reads_the_ports_that_compose_sets() -> None:
    settings = read_yaml("docker-compose.yml")["x-app"]["environment"]
    scraped = {
        target
        for job in read_yaml("deploy/prometheus/prometheus.yaml")["scrape_configs"]
        for target in job["static_configs"][0]["targets"]
    }
    ports = {"api": settings["L2C_METRICS_PORT"], "worker": settings["L2C_WORKER_METRICS_PORT"]}
    assert scraped == {f"{name}:{port}" for name, port in ports.items()}
    assert settings.keys() <= setting_names()


@needs_promtool
def test_the_rules_are_valid() -> None:
    checked = promtool("check", "config", str(ROOT / "deploy/prometheus/prometheus.yaml"))
    assert checked.returncode == 0, checked.stdout + checked.stderr


@needs_promtool
def test_alerts_are_raised_when_they_should_be(tmp_path: Path) -> None:
    for file in (ALERTS, ROOT / "tests/deploy/alerts_test.yaml"):
        shutil.copy(file, tmp_path)
    checked = promtool("test", "rules", str(tmp_path / "alerts_test.yaml"))
    assert checked.returncode == 0, checked.stdout + checked.stderr


@needs_promtool
def test_prometheus_finds_no_fault_with_the_metrics(registries: list[CollectorRegistry]) -> None:
    for registry in registries:
        checked = promtool("check", "metrics", given=generate_latest(registry).decode())
        assert checked.returncode == 0, checked.stdout + checked.stderr


def promtool(*arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
    command = [str(PROMTOOL), *arguments]
    return subprocess.run(command, input=given, capture_output=True, text=True)

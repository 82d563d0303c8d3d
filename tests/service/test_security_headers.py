"""What browsers are told on every answer of a real uvicorn, also on errors and pages."""

import re
from typing import Any

import httpx
import pytest

EXPECTED = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def check(answer: httpx.Response) -> None:
    for name, value in EXPECTED.items():
        assert answer.headers.get_list(name) == [value]
    assert len(answer.headers.get_list("Content-Security-Policy")) == 1
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'; ")
    assert "Server" not in answer.headers


@pytest.mark.parametrize(
    "path", ["/healthz", "/v1/jobs", "/v1/jobs/none", "/nothing", "/docs", "/openapi.json"]
)
def test_every_answer_has_them(live: Any, path: str) -> None:
    check(live.get(path))
    check(live.get(path, headers={"Authorization": "Bearer wrong"}))
    check(live.request("PATCH", path))


def test_unexpected_errors_have_them(live: Any) -> None:
    live.app.state.context = None
    answer = live.get("/v1/jobs")
    assert answer.status_code == 500
    check(answer)


def test_no_cache_keeps_json_of_the_api(live: Any) -> None:
    assert live.get("/v1/jobs").headers["Cache-Control"] == "no-store"
    assert live.get("/v1/jobs/none").headers["Cache-Control"] == "no-store"


def test_the_documentation_may_run_its_own_scripts_only(live: Any) -> None:
    page = live.get("/docs")
    policy = page.headers["Content-Security-Policy"]
    scripts = re.search(r"script-src ([^;]*)", policy)
    assert scripts and "unsafe" not in scripts[1] and "sha256-" in scripts[1]
    files = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert files and all(file.startswith("/docs/files/") for file in files)
    assert all(live.get(file).status_code == 200 for file in files)

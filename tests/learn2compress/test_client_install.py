"""A plain install, without the extras that only a server needs, is a working client."""

import subprocess
import sys

SERVER_ONLY = (
    *("alembic", "boto3", "botocore", "celery", "fastapi", "httptools", "kombu", "psycopg"),
    *("redis", "sqlalchemy", "starlette", "uvicorn", "uvloop"),
)
WITHOUT = f"""
import sys
sys.modules.update(dict.fromkeys({SERVER_ONLY}))
from learn2compress.cli import app
app()
"""


def l2c(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", WITHOUT, *arguments], capture_output=True, text=True, timeout=40
    )


def test_the_client_works() -> None:
    assert l2c("--version").returncode == 0
    answer = l2c("jobs", "list", "--url", "http://127.0.0.1:1")
    assert (answer.returncode, "cannot_connect" in answer.stderr) == (3, True)


def test_serving_says_what_it_needs() -> None:
    answer = l2c("serve")
    assert answer.returncode == 2
    assert "pip install '.[service]'" in answer.stderr

import subprocess
import sys
from pathlib import Path

import pytest

from tests.journey.journey import ROOT


@pytest.fixture
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with teacher.keras and data.zip."""
    folder = tmp_path_factory.mktemp("example")
    subprocess.run(
        [sys.executable, ROOT / "tests/tiny_task.py", folder], check=True, capture_output=True
    )
    return folder

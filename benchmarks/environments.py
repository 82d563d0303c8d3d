"""Python environments beside the project's own, for tools that do not go together with it."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path


def python(folder: Path, packages: Sequence[str]) -> str:
    """The interpreter of the environment in ``folder``, which is made if it is missing.

    Raises:
        subprocess.CalledProcessError: if a package cannot be installed.
    """
    folder = folder.resolve()
    binary, ready = folder / "bin" / "python", folder / ".ready"
    if not ready.exists():
        print(f"making an environment for {', '.join(packages)}", flush=True)
        uv = [sys.executable, "-m", "uv"]
        subprocess.run(
            [*uv, "venv", "--quiet", "--clear", "--python", sys.executable, folder], check=True
        )
        subprocess.run(
            [*uv, "pip", "install", "--quiet", "--python", binary, *packages], check=True
        )
        ready.touch()
    return str(binary)

"""What the tests of the deployment read: YAML files, and the names that settings have."""

from pathlib import Path
from typing import Any

import yaml

from service.contract.settings import Settings

ROOT = Path(__file__).parents[2]
NOT_FIELDS = {"L2C_SECRETS_DIR", "FORWARDED_ALLOW_IPS"}
"""Of the folder of settings' files, and of uvicorn."""


def read_yaml(path: str) -> Any:
    return yaml.safe_load((ROOT / path).read_text())


def setting_names() -> set[str]:
    return {f"L2C_{name.upper()}" for name in Settings.model_fields} | NOT_FIELDS

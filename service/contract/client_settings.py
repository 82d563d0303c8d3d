"""Settings of the command line and the Python client, from the environment (``L2C_``)."""

from pathlib import Path

from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class ClientSettings(BaseSettings):
    """Where the service is and which key opens it; options of a command come first."""

    model_config = SettingsConfigDict(env_prefix="L2C_", frozen=True)

    url: str = "http://127.0.0.1:8000"
    key: SecretStr = SecretStr("")
    data_dir: Path = Path("data")
    cache_dir: Path = Path("~/.cache/learn2compress")

    @property
    def bearer(self) -> str:
        """The key that was set, else the one in a local data folder, else an empty string."""
        file = self.data_dir / "key"
        if self.key.get_secret_value() or not file.is_file():
            return self.key.get_secret_value()
        return file.read_text().strip()

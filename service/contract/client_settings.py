"""Settings of the command line and the Python client, read from the environment (prefix ``L2C_``)."""

from pathlib import Path

from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class ClientSettings(BaseSettings):
    """What the command line knows about the service that it talks to; options given to a command
    come first.
    """

    model_config = SettingsConfigDict(env_prefix="L2C_", frozen=True)

    url: str = "http://127.0.0.1:8000"
    key: SecretStr = SecretStr("")
    data_dir: Path = Path("data")
    cache_dir: Path = Path("~/.cache/learn2compress")

    @property
    def bearer(self) -> str:
        """The key that was set, else the one that an embedded service wrote into a local data
        folder, else nothing.
        """
        file = self.data_dir / "key"
        return self.key.get_secret_value() or (file.read_text().strip() if file.is_file() else "")

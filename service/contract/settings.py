"""Settings of service and workers; the only reader of the environment (prefix ``L2C_``)."""

import os
from pathlib import Path
from typing import Literal

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt, SecretStr
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SecretsSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

MIB = 1024 * 1024


class Settings(BaseSettings):
    """Defaults are the embedded mode: SQLite, a directory store and the claim loop.

    Production sets ``database_url`` (PostgreSQL), ``s3_bucket`` (object store) and ``redis_url``
    (notifications by Celery). Sizes are in bytes, durations in seconds.
    """

    model_config = SettingsConfigDict(env_prefix="L2C_", frozen=True)

    data_dir: Path = Path("data")
    database_url: str = ""
    redis_url: str = ""

    s3_bucket: str = ""
    s3_endpoint_url: str = ""
    s3_public_endpoint_url: str = ""
    s3_region: str = "us-east-1"
    s3_access_key_id: str = ""
    s3_secret_access_key: SecretStr = SecretStr("")
    # S3 itself refuses more than a week.
    s3_link_seconds: int = Field(300, ge=1, le=7 * 24 * 3600)

    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65535)
    # Of each API process, watchers of events included.
    max_connections: PositiveInt = 500

    # 0: no metrics.
    metrics_host: str = "127.0.0.1"
    metrics_port: int = Field(0, ge=0, le=65535)
    worker_metrics_port: int = Field(0, ge=0, le=65535)
    log_format: Literal["text", "json"] = "text"

    max_upload_bytes: PositiveInt = 16 * 1024 * MIB
    part_bytes: int = Field(16 * MIB, ge=64 * 1024, le=512 * MIB)

    # Of each account; 0: no limit. `l2c admin accounts limits` sets others for one account.
    quota_stored_bytes: NonNegativeInt = 0
    quota_open_uploads: NonNegativeInt = 0
    quota_unfinished_jobs: NonNegativeInt = 0
    quota_worker_minutes: NonNegativeInt = 0
    quota_keys: NonNegativeInt = 0

    # 0: for ever. As with quotas, an account may have another.
    retention_days: NonNegativeInt = 0
    audit_days: NonNegativeInt = 0

    # To receivers with private addresses, also without TLS.
    webhook_private_addresses: bool = False

    # 0: no limit. Of each API process.
    requests_per_minute: NonNegativeInt = 3000
    request_burst: PositiveInt = 600
    failed_keys_per_minute: NonNegativeInt = 30
    # A key that is revoked, or whose account is suspended, opens no longer than this.
    key_memory_seconds: float = Field(1.0, ge=0, le=2)

    # A third of a lease passes between heartbeats, so two may be lost.
    lease_seconds: PositiveFloat = 30.0
    poll_seconds: PositiveFloat = 0.2
    reap_seconds: PositiveFloat = 10.0
    max_attempts: PositiveInt = 3
    # Before a job is tried again; the pause doubles each time.
    retry_seconds: PositiveFloat = 5.0
    outage_patience_seconds: PositiveFloat = 6 * 3600.0
    job_timeout_seconds: PositiveFloat = 24 * 3600.0
    inspection_idle_seconds: PositiveFloat = 600.0
    inspection_seconds_per_gib: PositiveFloat = 1800.0
    max_dataset_pixels: PositiveInt = 10**12
    # With less than 4 GiB of address space TensorFlow does not start.
    child_memory_bytes: int = Field(16 * 1024 * MIB, ge=4 * 1024 * MIB)
    sandbox: Literal["require", "best", "off"] = "require"
    work_folder_bytes: PositiveInt = 256 * 1024 * MIB
    child_uid: int = Field(60001, ge=0, lt=2**32 - 1)
    cuda_visible_devices: str = ""
    # auto: gpu where the child sees an NVIDIA GPU.
    device: Literal["auto", "cpu", "gpu"] = "auto"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then the environment, then files of L2C_SECRETS_DIR, e.g. l2c_redis_url."""
        folder = os.environ.get("L2C_SECRETS_DIR", "")
        if not folder:
            return init_settings, env_settings
        if not Path(folder).is_dir():
            # Without its secrets this would be the embedded mode, with an empty database.
            raise SettingsError(f"L2C_SECRETS_DIR: there is no folder {folder}")
        return init_settings, env_settings, SecretsSettingsSource(settings_cls, folder)

    @property
    def database(self) -> str:
        """SQLAlchemy URL: the one that was set, or SQLite in the data folder."""
        return self.database_url or f"sqlite:///{self.data_dir.resolve() / 'l2c.sqlite'}"

    @property
    def work_dir(self) -> Path:
        """The folder of the workers' work folders and of parts that the API is receiving."""
        return self.data_dir / "work"

    def environment(self) -> dict[str, str]:
        """The environment in which another process reads these very settings; secrets included."""
        given = {name: getattr(self, name) for name in self.model_fields_set}
        plain = {
            name: v.get_secret_value() if isinstance(v, SecretStr) else str(v)
            for name, v in given.items()
        }
        return {**os.environ, **{f"L2C_{name.upper()}": value for name, value in plain.items()}}

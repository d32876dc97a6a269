"""Every setting of the service, from the environment or a `.env` file."""

import re
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

from pydantic import ByteSize, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from streaming.errors import EnvironmentRefused

SECRETS = Path("/run/secrets")


class Settings(BaseSettings):
    """
    What can be set, with its default.

    Names are those of the environment variables, in lower case. Relative directories are
    relative to the working directory. What neither the environment nor `.env` sets may be the
    content of a file of that name in `/run/secrets`, where containers have their secrets.
    """

    model_config = SettingsConfigDict(
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
        secrets_dir=SECRETS if SECRETS.is_dir() else None,
    )

    redis_url: Annotated[
        SecretStr | None,
        Field(description="redis://, rediss:// or unix:// URL; unset: a server of its own"),
    ] = None
    redis_dir: Annotated[Path, Field(description="where the server of its own keeps its data")] = Path(
        ".redis"
    )
    landing_zone: Annotated[Path, Field(description="where CSV files are dropped")] = Path(
        "landing_zone"
    )
    checkpoints: Annotated[Path, Field(description="Spark's checkpoints; may be deleted")] = Path(
        "checkpoints"
    )
    quarantine: Annotated[
        Path | None, Field(description="rejected rows; unset: _quarantine in the landing zone")
    ] = None
    archive: Annotated[
        bool, Field(description="move counted files to _archive/YYYY-MM in the landing zone")
    ] = False
    feature_prefix: Annotated[str, Field(description="put before every Redis key")] = ""
    cnpj_check_digits: Annotated[
        Literal["count", "strict"],
        Field(description="count wrong check digits, or reject the rows that have them"),
    ] = "count"
    settle_seconds: Annotated[
        float,
        Field(ge=0, description="how long a file must stand still unless it was renamed in"),
    ] = 2.0
    settle_timeout: Annotated[
        float, Field(ge=0, description="how long a run waits for files still being written")
    ] = 60.0
    reconcile_seconds: Annotated[
        float, Field(gt=0, description="how often --follow compares the landing zone with Redis")
    ] = 60.0
    max_files_per_trigger: Annotated[int, Field(gt=0, description="files in one batch, at most")] = 2000
    max_bytes_per_trigger: Annotated[
        ByteSize, Field(gt=0, description="bytes in one batch, at most (or one larger file)")
    ] = ByteSize(1024**3)
    spark_master: Annotated[str, Field(description="Spark's master")] = "local[*]"
    log_format: Annotated[Literal["console", "json"], Field(description="how logs are written")] = (
        "console"
    )
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], Field(description="what is logged")
    ] = "info"

    @cached_property
    def quarantine_dir(self) -> Path:
        """The directory of the rejected rows."""
        return self.quarantine or self.landing_zone / "_quarantine"

    @property
    def redis_place(self) -> str:
        """Where Redis is, without user or password: fit for logs and errors."""
        if self.redis_url is None:
            return f"the server in {self.redis_dir}"
        return place(self.redis_url.get_secret_value())


def place(url: str) -> str:
    """Return a Redis URL without its user, password and query; nothing of one that is malformed."""
    host = r"\[[0-9a-fA-F:.]+\](?::\d+)?(?:/\d*)?|[\w.:/\-]*"
    parts = re.fullmatch(rf"(rediss?|unix)://(?:[^/?#]*@)?({host})(?:\?[^@#]*)?", url, re.ASCII)
    return f"{parts[1]}://{parts[2]}" if parts else "the URL in REDIS_URL"


def load(**overrides: object) -> Settings:
    """
    Read the settings.

    Raises:
        EnvironmentRefused: naming each variable that does not fit, never its value.
    """
    try:
        return Settings(**overrides)  # type: ignore[arg-type]  # pydantic checks them
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors())
        raise EnvironmentRefused(f"settings do not fit: {wrong}") from None

"""
Reads the settings of the service, from the environment, a `.env` file or secrets.

Each setting is declared once, in `Settings`, with default and description. An invalid value stops
the command before anything is done.
"""

import re
import warnings
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ByteSize,
    Discriminator,
    Field,
    SecretStr,
    StringConstraints,
    Tag,
    ValidationError,
    field_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from streaming import setting_errors
from streaming.errors import EnvironmentRefused

SECRETS = Path("/run/secrets")
YEAR = 365 * 24 * 3600
"""Seconds; the longest time that may be waited for, as more overflows a timer."""


def _choice(value: object) -> object:
    """Accept a word in any letter case, and `warn` for `warning`, as Python and syslog do."""
    word = value.strip().lower() if isinstance(value, str) else value
    return "warning" if word == "warn" else word


def _kind(value: object) -> str:
    return "store" if isinstance(value, str) and "://" in value else "directory"


StoreUrl = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True,
        pattern=r"^(s3|gs|az)://[a-z0-9][a-z0-9._-]{1,61}[a-z0-9](/[^/@?#]+)*/*$",
    ),
    AfterValidator(lambda url: url.rstrip("/")),
]
"""A prefix of an object store: s3://bucket/prefix, without credentials."""

Place = Annotated[
    Annotated[Path, Tag("directory")] | Annotated[StoreUrl, Tag("store")], Discriminator(_kind)
]


class Settings(BaseSettings):
    """
    Every setting, with its default.

    The names are those of the environment variables, in lower case. Relative directories are relative to
    the working directory. A setting that neither the environment nor `.env` has is read from a file of
    that name in `/run/secrets`, where containers have their secrets.
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
        Field(description="redis[s]://, redis[s]+sentinel:// or unix://; unset: a server of its own"),
    ] = None
    redis_dir: Annotated[Path, Field(description="where the server of its own keeps its data")] = Path(
        ".redis"
    )
    landing_zone: Annotated[
        Place,
        Field(
            description="where CSV files are dropped: a directory, or s3://bucket/prefix, "
            "gs://bucket/prefix or az://container/prefix, without @, ?, # and empty parts"
        ),
    ] = Path("landing_zone")
    landing_zone_endpoint: Annotated[
        str | None,
        StringConstraints(strip_whitespace=True, pattern=r"^https?://[^\s@?#]+$"),
        Field(description="URL of an object store of your own; with http:// it is asked without TLS"),
    ] = None
    checkpoints: Annotated[Path, Field(description="Spark's checkpoints; may be deleted")] = Path(
        "checkpoints"
    )
    quarantine: Annotated[
        Place | None,
        Field(
            description="rejected rows: a directory, or a prefix as of LANDING_ZONE; "
            "unset: _quarantine in the landing zone"
        ),
    ] = None
    archive: Annotated[
        bool,
        BeforeValidator(_choice),
        Field(description="move counted files to _archive/YYYY-MM in the landing zone"),
    ] = False
    feature_prefix: Annotated[str, Field(description="put before every Redis key")] = ""
    cnpj_check_digits: Annotated[
        Literal["count", "strict"],
        BeforeValidator(_choice),
        Field(description="count wrong check digits, or reject the rows that have them"),
    ] = "count"
    municipios: Annotated[
        Literal["official", "strict", "off"],
        BeforeValidator(_choice),
        Field(
            description="official: a city counts under its municipality's official name; "
            "strict: also reject cities that are none; off: as spelled"
        ),
    ] = "official"
    settle_seconds: Annotated[
        float,
        Field(ge=0, le=YEAR, description="how long a file must stand still unless it was renamed in"),
    ] = 2.0
    settle_timeout: Annotated[
        float, Field(ge=0, le=YEAR, description="how long a run waits for files still being written")
    ] = 60.0
    reconcile_seconds: Annotated[
        float,
        Field(gt=0, le=YEAR, description="how often --follow compares the landing zone with Redis"),
    ] = 60.0
    max_files_per_trigger: Annotated[
        int, Field(gt=0, lt=2**31, description="files in one batch, at most")
    ] = 2000
    max_bytes_per_trigger: Annotated[
        ByteSize, Field(gt=0, lt=2**63, description="bytes in one batch, at most (or one larger file)")
    ] = ByteSize(1024**3)
    spark_master: Annotated[
        str,
        StringConstraints(
            strip_whitespace=True, pattern=r"^(local(-cluster)?(\[.+\])?|spark://.+|yarn|k8s://.+)$"
        ),
        Field(description="Spark's master: local[*], spark://host:port, yarn or k8s://…"),
    ] = "local[*]"
    metrics_host: Annotated[
        str,
        StringConstraints(min_length=1),
        Field(description="the address of run --follow --metrics-port"),
    ] = "127.0.0.1"
    metrics_textfile: Annotated[
        Path | None, Field(description="the file that a run writes its metrics to (….prom)")
    ] = None
    metrics_pushgateway: Annotated[
        str | None,
        StringConstraints(strip_whitespace=True, pattern=r"^https?://[^\s@]+$"),
        Field(description="URL of the Pushgateway that a run pushes its metrics to"),
    ] = None
    log_format: Annotated[
        Literal["console", "json"], BeforeValidator(_choice), Field(description="how logs are written")
    ] = "console"
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        BeforeValidator(_choice),
        Field(description="what is logged"),
    ] = "info"
    run_id: Annotated[
        str | None,
        StringConstraints(strip_whitespace=True, max_length=250),
        Field(description="the run in each line of the log; unset: eight random characters"),
    ] = None

    @field_validator("*", mode="before")
    @classmethod
    def _line(cls, value: object) -> object:
        """Remove the carriage return of files written on Windows (`docker run --env-file` keeps it)."""
        return value.removesuffix("\r") if isinstance(value, str) else value

    @property
    def landing_zone_name(self) -> str:
        """The landing zone as every process of this machine calls it."""
        place = self.landing_zone
        return str(place.absolute()) if isinstance(place, Path) else place

    @cached_property
    def landing_directory(self) -> Path:
        """The landing zone where it is a directory; raises ValueError: it is in an object store."""
        return _directory(self.landing_zone)

    @cached_property
    def quarantine_dir(self) -> Path:
        """The directory of the rejected rows; raises ValueError: they are in an object store."""
        return _directory(self.quarantine or self.landing_directory / "_quarantine")

    @property
    def redis_place(self) -> str:
        """Where Redis is, without user or password, for logs and errors."""
        if self.redis_url is None:
            return f"the server in {self.redis_dir}"
        return without_credentials(self.redis_url.get_secret_value())


def _directory(place: Path | str) -> Path:
    if isinstance(place, Path):
        return place
    raise ValueError(f"{place} is not a directory")


def without_credentials(url: str) -> str:
    """Return a Redis URL without user, password and query; of a malformed URL nothing is shown."""
    host = r"\[[0-9a-fA-F:.]+\](?::\d+)?(?:/\d*)?|[\w.:/\-,]*"
    scheme = r"rediss?(?:\+sentinel)?|unix"
    parts = re.fullmatch(rf"({scheme})://(?:[^/?#]*@)?({host})(?:\?[^@#]*)?", url, re.ASCII)
    return f"{parts[1]}://{parts[2]}" if parts else "the URL in REDIS_URL"


def load(**overrides: object) -> Settings:
    """
    Read the settings.

    Raises:
        EnvironmentRefused: a setting is invalid, or a file of settings cannot be read. The message names
            each variable or the file, never a value.
    """
    try:
        with warnings.catch_warnings():
            # Pydantic only warns of a directory in place of a secret.
            warnings.simplefilter("error", UserWarning)
            return Settings(**overrides)  # type: ignore[arg-type]  # pydantic checks them
    except ValidationError as error:
        invalid = setting_errors.invalid(error, Settings)
        raise EnvironmentRefused(f"settings do not fit: {invalid}") from None
    except (OSError, UnicodeDecodeError, SettingsError, UserWarning) as error:
        reason = setting_errors.unreadable(error, Settings, overrides)
        raise EnvironmentRefused(f"settings cannot be read: {reason}") from None

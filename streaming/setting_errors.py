"""Says in one line which setting does not fit, or which file of settings cannot be read, and why."""

from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError
from pydantic_settings import BaseSettings, SettingsError


def invalid(error: ValidationError, settings: type[BaseSettings]) -> str:
    """Return each variable that does not fit, and what it has to be; no value is shown."""
    reasons = []
    for detail in error.errors():
        name, reason = str(detail["loc"][0]), detail["msg"]
        if detail["type"] == "string_pattern_mismatch":  # a pattern tells people nothing
            reason = f"it is {settings.model_fields[name].description}"
        reasons.append(f"{name.upper()}: {reason}")
    return "; ".join(reasons)


def unreadable(error: Exception, settings: type[BaseSettings], overrides: Mapping[str, object]) -> str:
    """
    Return which file of settings cannot be read, and why.

    Args:
        overrides: what was put in place of the model's own configuration (`_env_file`, `_secrets_dir`).
    """
    cause = error.__cause__ if isinstance(error, SettingsError) else error
    if isinstance(cause, UnicodeDecodeError):
        line = cause.object.count(b"\n", 0, cause.start) + 1
        return f"{_not_utf8(settings, overrides)} is not UTF-8 (line {line}); save it so"
    if isinstance(cause, OSError):
        return f"{cause.filename}: {cause.strerror}"
    return str(cause or error)


def _not_utf8(settings: type[BaseSettings], overrides: Mapping[str, object]) -> str:
    """Return the name of the first file of settings that is not UTF-8."""
    config = settings.model_config
    dotenv, secrets = (
        overrides.get(f"_{name}", config.get(name)) for name in ("env_file", "secrets_dir")
    )
    paths = [Path(str(secrets)) / name for name in settings.model_fields] if secrets else []
    for path in ([Path(str(dotenv))] if dotenv else []) + paths:
        try:
            path.read_text("utf-8")
        except UnicodeDecodeError:
            return str(path)
        except OSError:
            continue
    return "a file of settings"

"""Settings as people write them: letter case, line ends, encodings; and values that are none."""

from pathlib import Path

import pytest

from streaming import settings
from streaming.errors import EnvironmentRefused


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("LOG_LEVEL", "INFO", "info"),
        ("LOG_LEVEL", "Warning", "warning"),
        ("LOG_LEVEL", "WARN", "warning"),
        ("LOG_LEVEL", "error ", "error"),
        ("LOG_LEVEL", "debug\r", "debug"),
        ("LOG_FORMAT", "JSON", "json"),
        ("CNPJ_CHECK_DIGITS", "Strict", "strict"),
        ("ARCHIVE", "ON", True),
        ("ARCHIVE", "On", True),
        ("ARCHIVE", "1", True),
        ("ARCHIVE", "True", True),
        ("ARCHIVE", " off", False),
        ("MAX_BYTES_PER_TRIGGER", "1GB", 10**9),
        ("SPARK_MASTER", " local[2] ", "local[2]"),
        ("LANDING_ZONE", "in\r", Path("in")),
        ("LANDING_ZONE", "in ", Path("in ")),
    ],
)
def test_a_value_may_be_written_as_people_write_it(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, expected: object
) -> None:
    monkeypatch.setenv(name, value)
    assert getattr(settings.load(_env_file=None), name.lower()) == expected


SECONDS = ("SETTLE_SECONDS", "SETTLE_TIMEOUT", "RECONCILE_SECONDS")
NO_TIMES = ("nan", "inf", "-inf", "-1", "1e300", "two")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[(name, value) for name in SECONDS for value in NO_TIMES],
        ("MAX_FILES_PER_TRIGGER", str(2**31)),
        ("MAX_BYTES_PER_TRIGGER", str(2**63)),
        ("MAX_BYTES_PER_TRIGGER", "0"),
        ("SPARK_MASTER", " "),
        ("ARCHIVE", "perhaps"),
    ],
)
def test_values_that_do_not_fit_are_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(EnvironmentRefused, match=f"^settings do not fit: {name}: "):
        settings.load(_env_file=None)


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbfLOG_LEVEL=debug\nLANDING_ZONE=a\xc3\xa7\xc3\xa3o\n",
        b"LANDING_ZONE=a\xc3\xa7\xc3\xa3o\r\nLOG_LEVEL=debug\r\n",
    ],
    ids=["byte-order mark", "CRLF"],
)
def test_a_dotenv_file_of_any_editor_is_read(tmp_path: Path, content: bytes) -> None:
    (tmp_path / ".env").write_bytes(content)
    loaded = settings.load(_env_file=tmp_path / ".env")
    assert (loaded.log_level, loaded.landing_zone) == ("debug", Path("ação"))


def test_a_directory_in_place_of_a_dotenv_file_is_none(tmp_path: Path) -> None:
    (tmp_path / ".env").mkdir()
    assert settings.load(_env_file=tmp_path / ".env") == settings.load(_env_file=None)


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"# configura\xe7\xe3o\nLOG_LEVEL=debug\n", 1),
        (b"LOG_LEVEL=debug\nFEATURE_PREFIX=s3cr\xe9t\n", 2),
        ("LOG_LEVEL=debug\n".encode("utf-16"), 1),
    ],
    ids=["comment", "value", "UTF-16"],
)
def test_a_file_of_settings_that_is_not_utf8_is_named(tmp_path: Path, content: bytes, line: int) -> None:
    dotenv, secret = tmp_path / ".env", tmp_path / "secrets" / "redis_url"
    secret.parent.mkdir()
    for file, arguments in ((dotenv, {}), (secret, {"_secrets_dir": secret.parent})):
        file.write_bytes(content)
        with pytest.raises(EnvironmentRefused) as error:
            settings.load(**{"_env_file": dotenv, **arguments})
        assert str(error.value) == (
            f"settings cannot be read: {file} is not UTF-8 (line {line}); save it so"
        )
        file.unlink()


def test_a_directory_in_place_of_a_secret_is_named(tmp_path: Path) -> None:
    (tmp_path / "redis_url").mkdir()
    with pytest.raises(EnvironmentRefused, match=f"settings cannot be read: .*{tmp_path / 'redis_url'}"):
        settings.load(_env_file=None, _secrets_dir=tmp_path)

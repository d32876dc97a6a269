"""Settings: from the environment, checked, and silent about what is secret."""

import re
from pathlib import Path

import pytest

from streaming import settings
from streaming.errors import EnvironmentRefused
from tests.harness import ROOT

SECRET = "s3cr3t-Pässword"


def load(**overrides: object) -> settings.Settings:
    return settings.load(_env_file=None, **overrides)


def test_the_defaults_are_those_that_the_documentation_names() -> None:
    table = (ROOT / "docs" / "settings.md").read_text("utf-8")
    documented = dict(re.findall(r"^\| `(\w+)` \| `([^`]+)` \|", table, re.MULTILINE))

    assert load(**{name.lower(): default for name, default in documented.items()}) == load()
    undocumented = {name.upper() for name in settings.Settings.model_fields} - documented.keys()
    assert undocumented == {
        *("REDIS_URL", "QUARANTINE", "FEATURE_PREFIX", "RUN_ID"),
        *("METRICS_TEXTFILE", "METRICS_PUSHGATEWAY", "LANDING_ZONE_ENDPOINT"),
    }
    assert (load().redis_url, load().feature_prefix) == (None, "")
    assert load().quarantine_dir == Path("landing_zone/_quarantine")


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("LANDING_ZONE", "elsewhere/in", Path("elsewhere/in")),
        ("LANDING_ZONE", "s3://bucket/prefix/", "s3://bucket/prefix"),
        ("LANDING_ZONE", "az://container", "az://container"),
        ("LANDING_ZONE_ENDPOINT", "http://127.0.0.1:9000", "http://127.0.0.1:9000"),
        ("QUARANTINE", "gs://bucket/q", "gs://bucket/q"),
        ("CHECKPOINTS", "elsewhere/cp", Path("elsewhere/cp")),
        ("QUARANTINE", "elsewhere/q", Path("elsewhere/q")),
        ("FEATURE_PREFIX", "test:", "test:"),
        ("ARCHIVE", "on", True),
        ("ARCHIVE", "off", False),
        ("CNPJ_CHECK_DIGITS", "strict", "strict"),
        ("SETTLE_SECONDS", "0.5", 0.5),
        ("MAX_FILES_PER_TRIGGER", "7", 7),
        ("MAX_BYTES_PER_TRIGGER", "64MiB", 64 * 1024**2),
        ("MAX_BYTES_PER_TRIGGER", "1000", 1000),
        ("SPARK_MASTER", "spark://there:7077", "spark://there:7077"),
        ("LOG_FORMAT", "json", "json"),
        ("LOG_LEVEL", "debug", "debug"),
    ],
)
def test_the_environment_sets_what_is_named_there(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, expected: object
) -> None:
    monkeypatch.setenv(name, value)

    assert getattr(load(), name.lower()) == expected


def test_a_dotenv_file_sets_too_and_the_environment_wins(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("LOG_LEVEL=error\nLOG_FORMAT=json\nSOMETHING_ELSE=1\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LOG_LEVEL", "debug")

    configuration = settings.load()

    assert (configuration.log_level, configuration.log_format) == ("debug", "json")


@pytest.mark.parametrize("name", ["REDIS_URL", "MAX_FILES_PER_TRIGGER", "QUARANTINE", "LOG_LEVEL"])
def test_a_variable_that_is_empty_is_as_good_as_unset(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "")

    assert load() == settings.load(_env_file=None)
    assert load().model_dump() == settings.Settings(_env_file=None).model_dump()
    assert getattr(load(), name.lower()) == settings.Settings.model_fields[name.lower()].default


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LANDING_ZONE", f"ftp://{SECRET}/zone"),
        ("LANDING_ZONE", f"s3://key:{SECRET}@bucket/zone"),
        ("LANDING_ZONE", f"s3://bucket/zone?secret={SECRET}"),
        ("LANDING_ZONE_ENDPOINT", f"https://user:{SECRET}@host"),
        ("QUARANTINE", f"s3:///{SECRET}"),
        ("MAX_FILES_PER_TRIGGER", "0"),
        ("MAX_FILES_PER_TRIGGER", "-71"),
        ("MAX_FILES_PER_TRIGGER", SECRET),
        ("MAX_BYTES_PER_TRIGGER", "0"),
        ("MAX_BYTES_PER_TRIGGER", SECRET),
        ("MAX_BYTES_PER_TRIGGER", f"71 {SECRET}"),
        ("SETTLE_SECONDS", "-71"),
        ("SETTLE_SECONDS", SECRET),
        ("SETTLE_TIMEOUT", SECRET),
        ("RECONCILE_SECONDS", "0"),
        ("CNPJ_CHECK_DIGITS", SECRET),
        ("CNPJ_CHECK_DIGITS", "stricter"),
        ("LOG_FORMAT", SECRET),
        ("LOG_LEVEL", SECRET),
    ],
)
def test_a_bad_setting_is_named_without_its_value(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(EnvironmentRefused) as error:
        load()

    assert f"{name}: " in str(error.value)
    assert SECRET.lower() not in str(error.value).lower()
    assert "71" not in str(error.value)
    assert error.value.__cause__ is None and error.value.__suppress_context__


@pytest.mark.parametrize("name", ["LANDING_ZONE", "QUARANTINE"])
@pytest.mark.parametrize(
    "value",
    [
        "S3://bucket/x",
        "s3a://bucket/x",
        "file:///x",
        "s3://",
        "s3://Bad/x",
        "s3://bucket//x",
        "s3://bucket/a//b",
        "s3://bucket/a#b",
        "s3://user:pw@bucket/x",
    ],
)
def test_what_is_no_prefix_is_told_what_to_write(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    wanted = {
        "LANDING_ZONE": "where CSV files are dropped: a directory, or s3://bucket/prefix, "
        "gs://bucket/prefix or az://container/prefix, without @, ?, # and empty parts",
        "QUARANTINE": "rejected rows: a directory, or a prefix as of LANDING_ZONE; "
        "unset: _quarantine in the landing zone",
    }

    with pytest.raises(EnvironmentRefused) as error:
        load()

    assert str(error.value) == f"settings do not fit: {name}: it is {wanted[name]}"


@pytest.mark.parametrize(
    ("value", "place"),
    [
        ("s3://bucket", "s3://bucket"),
        (" s3://bucket/ ", "s3://bucket"),
        ("gs://a.b-c/com espaço/50%25+é//", "gs://a.b-c/com espaço/50%25+é"),
    ],
)
def test_a_prefix_may_have_any_name(monkeypatch: pytest.MonkeyPatch, value: str, place: str) -> None:
    monkeypatch.setenv("LANDING_ZONE", value)
    assert load().landing_zone == place


def test_every_bad_setting_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOG_LEVEL", "loud")
    monkeypatch.setenv("LOG_FORMAT", "xml")

    with pytest.raises(EnvironmentRefused, match=r"LOG_FORMAT: .*LOG_LEVEL: "):
        load()


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("redis://there:6379/0", "redis://there:6379/0"),
        (f"redis://:{SECRET}@there:6379/0", "redis://there:6379/0"),
        (f"rediss://user:{SECRET}@there:6379/3", "rediss://there:6379/3"),
        (f"redis://user:a@{SECRET}@there", "redis://there"),
        (f"redis://there:6379/0?password={SECRET}", "redis://there:6379/0"),
        (f"redis://:{SECRET}@[::1]:6379/0", "redis://[::1]:6379/0"),
        (f"unix://user:{SECRET}@/run/redis.sock?db=1", "unix:///run/redis.sock"),
        (f"unix:///run/redis.sock?password={SECRET}", "unix:///run/redis.sock"),
        (
            f"redis+sentinel://user:{SECRET}@one:1,two:2/features/0?sentinel_password={SECRET}",
            "redis+sentinel://one:1,two:2/features/0",
        ),
        (f"rediss+sentinel://:{SECRET}@one/features", "rediss+sentinel://one/features"),
    ],
)
def test_where_redis_is_can_be_told_without_user_and_password(url: str, place: str) -> None:
    assert load(redis_url=url).redis_place == place


@pytest.mark.parametrize(
    "url",
    [
        f"redis://:a/{SECRET}@there:6379/0",  # characters that should have been percent-encoded
        f"redis://:a#{SECRET}@there:6379/0",
        f"redis://:a?{SECRET}@there:6379/0",
        f"redis://:{SECRET}/a@there:6379/0",
        f"redis://:{SECRET}#a@there:6379/0",
        f"redis://:{SECRET}?a@there:6379/0",
        f"redis://:{SECRET}\u2100@there:6379/0",  # decomposes into a/c
        f"redis://:{SECRET}[@there:6379/0",
        f"redis+sentinel://:a/{SECRET}@one,two/features",
        f"redis:{SECRET}@there",
        f"//:{SECRET}@there",
        f"user:{SECRET}@there:6379",
        SECRET,
    ],
)
def test_a_malformed_url_gives_its_password_away_neither_as_a_place_nor_in_an_error(url: str) -> None:
    try:
        text = load(redis_url=url).redis_place
    except EnvironmentRefused as error:
        text = str(error)

    assert SECRET.lower() not in text.lower()


def test_the_password_is_in_no_text_of_the_settings() -> None:
    configuration = load(redis_url=f"redis://user:{SECRET}@there:6379/0")

    assert configuration.redis_url is not None and SECRET in configuration.redis_url.get_secret_value()
    for text in (
        repr(configuration),
        str(configuration),
        f"{configuration!r:>9}",
        str(configuration.model_dump()),
        configuration.model_dump_json(),
    ):
        assert SECRET not in text
        assert "redis_url" in text


def test_without_a_url_redis_is_the_server_of_its_own() -> None:
    assert load(redis_dir="data/redis").redis_place == "the server in data/redis"


def test_rejected_rows_lie_in_the_landing_zone_unless_set() -> None:
    assert load(landing_zone="in").quarantine_dir == Path("in/_quarantine")
    assert load(landing_zone="in", quarantine="q").quarantine_dir == Path("q")


def test_what_no_variable_sets_may_be_a_secret_in_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "redis_url").write_text("redis://user:secret@redis:6379/0\n")
    (tmp_path / "landing_zone").write_text("elsewhere")
    monkeypatch.setenv("LANDING_ZONE", "here")
    configuration = settings.load(_env_file=None, _secrets_dir=tmp_path)
    assert configuration.redis_url is not None
    assert configuration.redis_url.get_secret_value() == "redis://user:secret@redis:6379/0"
    assert configuration.redis_place == "redis://redis:6379/0"
    assert configuration.landing_zone == Path("here")

"""docker-compose.yml: nothing open, nothing without bounds, no secret written down."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
ONCE = {"init", "airflow-init"}
READER = "redis://leitor:leitor@redis:6379/0"  # any password will do; docker/users.acl
LAPTOP = 8192  # MiB, of which the system and a browser need some
ROOM = {
    "": 6400,
    "follow": LAPTOP,
    "observability": 6720,
    "follow observability": 8704,
    "cluster": 10240,
}

every_service = pytest.mark.parametrize("name", SERVICES)
every_lasting_service = pytest.mark.parametrize("name", sorted(set(SERVICES) - ONCE))


def mebibytes(text: str) -> int:
    return int(text[:-1]) * {"m": 1, "g": 1024}[text[-1]]


def test_the_services_are_those_that_were_asked_for() -> None:
    assert {name: service.get("profiles", []) for name, service in SERVICES.items()} == {
        "init": [],
        "postgres": [],
        "redis": [],
        "airflow-init": [],
        "api-server": [],
        "scheduler": [],
        "dag-processor": [],
        "triggerer": [],
        "follow": ["follow"],
        "panel": [],
        "prometheus": ["observability"],
        "grafana": ["observability"],
        "spark-master": ["cluster"],
        "spark-worker-1": ["cluster"],
        "spark-worker-2": ["cluster"],
    }


@every_service
def test_ports_are_published_on_loopback_only(name: str) -> None:
    for port in SERVICES[name].get("ports", []):
        assert re.fullmatch(r"127\.0\.0\.1:\$\{\w+:-\d+\}:\d+", port), port
    assert SERVICES[name].get("network_mode") == ("none" if name == "init" else None)


@every_service
def test_every_service_has_a_bound_on_its_memory_and_processes(name: str) -> None:
    assert mebibytes(SERVICES[name]["mem_limit"]) > 0
    assert SERVICES[name]["pids_limit"] <= 1000


@pytest.mark.parametrize("profile", ROOM)
def test_what_lasts_fits_a_laptop(profile: str) -> None:
    profiles = ([], *([name] for name in profile.split()))
    lasting = [s for n, s in SERVICES.items() if n not in ONCE and s.get("profiles", []) in profiles]
    assert sum(mebibytes(service["mem_limit"]) for service in lasting) <= ROOM[profile]


def test_the_image_is_built_once_and_never_pulled() -> None:
    assert [name for name, service in SERVICES.items() if "build" in service] == ["init"]
    ours = [s for s in SERVICES.values() if s["image"].startswith("${CITY_FEATURES_IMAGE:-")]
    assert {service["pull_policy"] for service in ours} == {"never"}


@every_service
def test_no_volume_is_without_a_name_and_no_two_share_a_temporary_one(name: str) -> None:
    for volume in SERVICES[name].get("volumes", []):
        assert ":" in volume
        if volume.endswith(":/tmp"):
            assert volume == f"{name}-tmp:/tmp"


@every_service
def test_every_service_gives_up_what_it_does_not_need(name: str) -> None:
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["read_only"] is True
    assert not service.get("privileged")
    needed = {
        "init": {"CHOWN", "DAC_OVERRIDE", "FOWNER"},
        "postgres": set(),
        "redis": set(),
        "prometheus": set(),
        "grafana": set(),
    }
    assert set(service.get("cap_add", [])) == needed.get(name, {"SETUID", "SETGID", "SETPCAP"})


@every_lasting_service
def test_every_lasting_service_has_a_health_check_and_comes_back(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL")
    assert SERVICES[name]["restart"] == "unless-stopped"


@every_service
def test_nothing_waits_for_another_without_saying_for_what(name: str) -> None:
    waits = SERVICES[name].get("depends_on", {})
    for other, waited in waits.items():
        wanted = "service_completed_successfully" if other in ONCE else "service_healthy"
        assert waited == {"condition": wanted}
    assert waits or name in ("init", "spark-master")


@every_service
def test_no_secret_is_written_down(name: str) -> None:
    secret = re.compile(r"PASSWORD|SECRET|TOKEN|KEY|CONN|REDIS_URL")
    for variable, value in SERVICES[name].get("environment", {}).items():
        if (variable, value) == ("REDIS_URL", READER):
            continue
        if secret.search(variable):
            assert variable.endswith(("_FILE", "_CMD")), variable
            assert re.fullmatch(r"(cat )?/run/secrets(-airflow|-api)?/\w+(\.json)?", value), value
        assert "@" not in str(value)
    assert "env_file" not in SERVICES[name]


@every_service
def test_code_is_mounted_read_only_and_data_where_it_is_written(name: str) -> None:
    for volume in SERVICES[name].get("volumes", []):
        if volume.startswith(("./dags:", "./streaming:", "${SOURCE_DIR")):
            assert volume.endswith(":ro"), volume
        assert "docker.sock" not in volume
        assert not volume.startswith(("/var", "/etc", "~"))


def test_following_is_healthy_when_it_is_ready_and_prometheus_finds_it() -> None:
    follow = SERVICES["follow"]
    port = follow["command"][-1]
    assert follow["command"] == ["city-features", "run", "--follow", "--metrics-port", port]
    assert follow["healthcheck"]["test"][-1] == f"http://127.0.0.1:{port}/readyz"
    scraped = yaml.safe_load((ROOT / "ops" / "prometheus.yml").read_text())["scrape_configs"]
    assert [config["static_configs"] for config in scraped] == [[{"targets": [f"follow:{port}"]}]]


def test_the_triggerer_only_looks() -> None:
    triggerer = SERVICES["triggerer"]
    assert triggerer["environment"]["REDIS_URL"] == READER
    written = [v for v in triggerer["volumes"] if not v.endswith(":ro")]
    assert written == ["airflow-logs:/var/log/airflow"]


def test_images_are_the_official_ones_unless_told() -> None:
    assert SERVICES["redis"]["image"] == "${REDIS_IMAGE:-redis:8.2}"
    assert SERVICES["postgres"]["image"] == "${POSTGRES_IMAGE:-postgres:17}"
    assert SERVICES["prometheus"]["image"] == "${PROMETHEUS_IMAGE:-prom/prometheus:v3.5.0}"
    assert SERVICES["grafana"]["image"] == "${GRAFANA_IMAGE:-grafana/grafana:12.1.0}"
    text = (ROOT / "Dockerfile").read_text()
    assert "ARG BASE_IMAGE=debian:bookworm-slim\nFROM ${BASE_IMAGE}\n" in text
    assert re.findall(r"^USER (.*)$", text, re.MULTILINE) == ["50000"]


def test_redis_keeps_every_commit_and_forgets_nothing() -> None:
    command = SERVICES["redis"]["command"]
    assert {"--appendonly yes", "--appendfsync always", "--maxmemory-policy noeviction"} <= set(command)
    limit = next(int(re.findall(r"\d+", part)[0]) for part in command if part.startswith("--maxmemory "))
    assert limit < mebibytes(SERVICES["redis"]["mem_limit"])


def test_airflow_has_no_example_dags() -> None:
    for name in ("airflow-init", "api-server", "scheduler", "dag-processor", "triggerer"):
        assert SERVICES[name]["environment"]["AIRFLOW__CORE__LOAD_EXAMPLES"] == "false"

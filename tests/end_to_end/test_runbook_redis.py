"""The runbook where Redis is the trouble: away, lost, wrong, of another format, on another host."""

import shutil
import socket
from pathlib import Path

from pyspark.sql import SparkSession
from redis import Redis

from streaming.landing import local
from streaming.pipeline.ingest import Ingest
from streaming.settings import load
from streaming.store import local_server
from streaming.store.store import Store
from tests.end_to_end import first_format
from tests.end_to_end.conftest import Hosts
from tests.end_to_end.runbook import Steps
from tests.harness import Program, row
from tests.proxy import Proxy


def test_redis_away(hosts: Hosts, tmp_path: Path) -> None:
    steps, redis = Steps("Redis away"), tmp_path / "redis"
    redis.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as free:  # not a port that others take meanwhile
        (redis / "port").write_text(str(free.getsockname()[1]))
    url = local_server.url(redis)
    host = hosts(REDIS_URL=url)
    first = host.put("a.csv", [row(1), row(2)])
    host("run")
    local_server.stop(redis)
    second = host.put("b.csv", [row(2, "9.00"), row(3)])
    host("run", code=1)
    program = Program(host.directory, host.environment)
    try:
        follower = program.start("run", "--follow")
        assert follower.stderr is not None
        host.seen.append(follower.stderr.readline())

        steps.next(host)
        assert local_server.url(redis) == url
        steps.next(host)

        host.seen.append(follower.stderr.readline())
        follower.terminate()
        assert follower.wait(60) == 0
    finally:
        program.end()
    assert "backlog        files 0" in host("status")
    steps.end()
    host.holds(first, second, redis_dir=redis)
    local_server.stop(redis)


def test_redis_lost_or_restored(hosts: Hosts) -> None:
    steps, host = Steps("Redis lost or restored"), hosts()
    contents = [host.put("a.csv", [row(1), row(2)])]
    host("run")
    host("redis", "stop")
    shutil.copytree(host.directory / ".redis" / "appendonlydir", host.directory / "backup/appendonlydir")
    contents.append(host.put("b.csv", [row(2, "9.00"), row(3)]))
    contents.append(host.put("c.csv", [row(3, "8.00"), row(4)]))
    host("run")

    steps.next(host)
    assert "waiting        2  b.csv, c.csv" in host("status")
    steps.next(host)

    steps.end()
    host.holds(*contents)


def test_redis_lost_without_a_backup(hosts: Hosts) -> None:
    steps, host = Steps("Redis lost or restored"), hosts()
    contents = [host.put("a.csv", [row(1), row(2)]), host.put("b.csv", [row(2, "9.00"), row(3)])]
    host("run")
    host("redis", "stop")
    shutil.rmtree(host.directory / ".redis")

    steps.skip()
    steps.next(host)

    steps.end()
    host.holds(*contents)


def test_wrong_totals(hosts: Hosts) -> None:
    steps, host = Steps("Wrong totals"), hosts()
    content = host.put("a.csv", [row(1), row(2), row(3)])
    host("run")
    host("redis", "cli", "hincrby", "Natal", "quantidade_empresas", "1")

    steps.next(host)
    host("run")  # which hands out what the audit found
    steps.next(host)
    host("run")
    assert "2025-07" in steps.next(host)

    steps.end()
    host.holds(content)


def test_another_format(hosts: Hosts) -> None:
    steps, host = Steps("Another format"), hosts()
    client = Redis.from_url(local_server.url(host.directory / ".redis"))
    contents = first_format.fill(client, host.directory / "landing_zone")
    host("run", code=1)

    steps.next(host)

    steps.end()
    host.holds(*contents)


def test_moving_hosts(hosts: Hosts) -> None:
    steps, old, new = Steps("Moving hosts"), hosts("old"), hosts("new")
    contents = [old.put("a.csv", [row(1), row(2)]), old.put("b.csv", [row(2, "9.00"), row(3)])]
    old("run")

    steps.next(old)
    shutil.copy(old.directory / "moving.tar", new.directory)
    steps.next(new)

    contents.append(new.put("c.csv", [row(3, "8.00"), row(4)]))
    new("run")
    steps.end()
    new.holds(*contents)


def test_a_second_writer(hosts: Hosts, spark: SparkSession) -> None:
    steps, host = Steps("A second writer"), hosts()
    redis = host.directory / ".redis"
    url = local_server.url(redis)
    zone = host.directory / "landing_zone"
    second = Store(url, load(_env_file=None, landing_zone=zone))
    contents = [host.put("a.csv", [row(1)])]
    same = local.listing(zone)
    contents.append(host.put("b.csv", [row(1, "9.00"), row(2)]))
    proxy = Proxy("127.0.0.1", int(url.rpartition(":")[2].partition("/")[0]))
    writer = Ingest(spark, second, load(_env_file=None, landing_zone=zone))
    proxy.before(1, lambda: writer(same))
    host.environment["REDIS_URL"] = proxy.url
    host("run")
    proxy.close()
    host.environment["REDIS_URL"] = url

    other = hosts("host/other", REDIS_URL=url)
    contents.append(other.put("outro.csv", [row(3)]))
    other("run")
    assert steps.next(host).count("addr=127.0.0.1:") >= 2
    steps.next(host)

    steps.end()
    host.holds(*contents)


def test_slow_runs_of_a_landing_zone_full_of_counted_files(hosts: Hosts) -> None:
    first, steps, host = Steps("Where to look first"), Steps("Slow runs"), hosts()
    contents = [host.put(f"{n:02d}.csv", [row(n), row(n + 1, "1.01")]) for n in range(12)]
    host("run")

    assert "\n12\n" in steps.next(host)
    assert "\n0\n" in steps.next(host)

    first.next(host)
    for done in (steps, first):
        done.end()
    host.holds(*contents)

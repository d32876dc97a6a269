"""
Prepares the start of the JVM, once after installing: `python -m streaming.jobs.prepare`.

A few files are ingested, with a server and in directories of their own, by a JVM that writes down which
classes it needed. What the service has, wherever it is, is not touched.
"""

import sys
import tempfile
import threading
from contextlib import closing
from pathlib import Path

from streaming import locks, logs
from streaming.errors import CityFeaturesError
from streaming.pipeline.stream import Stream
from streaming.settings import Settings
from streaming.spark import jvm, session
from streaming.spark.starting import Starting
from streaming.store import keys, local_server
from streaming.store.lease import Lease
from streaming.store.store import connect

HEADER = "cnpj,data_abertura,cidade,estado,capital_social\n"
ROW = "{:08}000100,2026-01-31,Natal,RN,10.00\n"


def main() -> None:
    """Prepare what is not prepared, or say in a line why not: everything works without."""
    try:
        if jvm.Preparing.is_done():
            return
        sys.stderr.write("Preparing faster starts, once (half a minute)\n")
        preparing = jvm.Preparing()
    except (OSError, RuntimeError, CityFeaturesError) as error:
        sys.stderr.write(f"Faster starts cannot be prepared: {error}\n")
        return
    try:
        with tempfile.TemporaryDirectory(dir=preparing.starting.directory) as directory:
            _ingest(Path(directory), preparing.starting)
        preparing.finish()
    except (OSError, RuntimeError, CityFeaturesError) as error:
        preparing.give_up()
        sys.stderr.write(f"Faster starts could not be prepared: {error}\n")
    except BaseException:
        preparing.give_up()
        raise


def _ingest(directory: Path, starting: Starting) -> None:
    """Ingest new companies, some of them again, and rows that do not fit: what a run may come across."""
    zone, checkpoints, redis = (directory / name for name in ("landing_zone", "checkpoints", "redis"))
    zone.mkdir()
    checkpoints.mkdir()
    rows = [ROW.format(number) for number in range(1000)]
    (zone / "new.csv").write_text(HEADER + "".join(rows[:700]))
    (zone / "some-again.csv").write_text(HEADER + "".join(rows[500:]) + "no row\n")
    # Made of the defaults alone, whatever the environment says: it is about somebody's Redis.
    settings = Settings.model_construct(
        landing_zone=zone, checkpoints=checkpoints, redis_dir=redis, settle_seconds=0, log_level="error"
    )
    logs.configure(settings)
    spark = session.start(settings, starting)
    try:
        stop = threading.Event()
        lease = Lease(connect(settings), keys.RUN, str(zone), stop)
        with locks.checkpoint(settings, "run", stop) as checkpoint, closing(lease):
            Stream(spark, lease, settings, stop, lambda _: None).run_available(checkpoint)
    finally:
        spark.stop()
        local_server.stop(redis)


if __name__ == "__main__":
    main()

"""What a job runs under: the signals that stop it, and Spark, started only when there is work."""

import signal
import threading
from typing import TYPE_CHECKING

from streaming.errors import CityFeaturesError, Stopped
from streaming.settings import Settings
from streaming.spark import jvm

if TYPE_CHECKING:  # loading PySpark takes longer than finding that there is nothing to do
    from pyspark.sql import SparkSession


class Stop(threading.Event):
    """Set by SIGTERM or SIGINT; `number` is the signal."""

    number: signal.Signals | None = None

    def listen(self) -> None:
        """Take these signals from now on."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._receive)

    def _receive(self, number: int, _: object) -> None:
        self.number = signal.Signals(number)
        self.set()


class LazySpark:
    """
    Spark for one job: started by the first call, ended with the `with` block.

    Raises:
        Stopped: `stop` was set while Spark started.
        EnvironmentRefused: Spark cannot start here.
    """

    def __init__(self, settings: Settings, stop: Stop | None = None) -> None:
        self._settings = settings
        self._stop = stop
        self._session: SparkSession | None = None

    def __enter__(self) -> "LazySpark":
        return self

    def __exit__(self, *_: object) -> None:
        if self._session is not None:
            from streaming.spark import session

            session.stop(self._session)

    def __call__(self) -> "SparkSession":
        """Return the session."""
        if self._session is None:
            try:
                self._session = self._start()
            except CityFeaturesError:
                if self._stop is None or not self._stop.is_set():
                    raise
                raise Stopped("stopped while Spark started; nothing was begun") from None
        return self._session

    def has_ended(self) -> bool:
        """Return whether Spark was started here and its JVM is gone."""
        if self._session is None:
            return False
        from streaming.spark import session

        return not session.is_alive()

    def _start(self) -> "SparkSession":
        starting = jvm.start() if self._settings.spark_master.startswith("local") else None
        try:
            # All that will be needed is loaded while the JVM starts.
            from streaming.pipeline import stream, warmup  # noqa: F401
            from streaming.spark import session

            spark = session.start(self._settings, starting, self._stop)
        except BaseException:  # Ctrl-C too: without its session nobody else would end the JVM
            if starting is not None:
                starting.end()
            raise
        warmup.load_workers(spark)
        return spark

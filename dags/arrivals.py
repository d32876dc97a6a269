"""
The trigger that starts the DAG when a file arrives in the landing zone.

It runs in Airflow's triggerer, which imports it as `dags.arrivals`: the directory above has to be on
PYTHONPATH. It only looks; the file triggers that come with Airflow delete the file that they find.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseEventTrigger, TriggerEvent

# The service and its libraries are imported when the trigger runs: the DAG imports this module to parse.

FIRED = "fired"
MOST = 1000  # files that are named in an event, or remembered over a restart of the triggerer


class ArrivalTrigger(BaseEventTrigger):
    """
    Fires when there are whole files without a record that no run is about to take.

    Guarantee: a file as it is now (path, size, mtime) fires once, whatever comes of it. A file that is
    unreadable, fails or stays for another reason causes one run; the hourly runs go on trying. A file
    that is still being written does not fire. While a run of the DAG is queued or running, or
    `city-features run` has a checkpoint, nothing fires; what these leave behind fires afterwards.

    Args:
        dag_id: the DAG whose runs take the files.
        seconds: the pause between two looks.
    """

    def __init__(self, dag_id: str, seconds: float = 5.0) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow types some of its functions
        self.dag_id = dag_id
        self.seconds = seconds

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class by its name, and its arguments."""
        return "dags.arrivals.ArrivalTrigger", {"dag_id": self.dag_id, "seconds": self.seconds}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield an event for each look that finds new files, with their names; it never ends."""
        fired = set(await self._recall())
        look = Look(self.dag_id)
        while True:
            # In a thread: it asks Airflow and Redis, and lists a directory that may be on a network.
            files = await asyncio.to_thread(look)
            if files is not None:
                if new := files.keys() - fired:
                    names = sorted(files[file] for file in new)[:MOST]
                    yield TriggerEvent({"files": names})  # type: ignore[no-untyped-call]
                if fired != files.keys():
                    fired = set(files)
                    await self._remember(sorted(fired)[:MOST])
            await asyncio.sleep(self.seconds)

    async def _recall(self) -> list[str]:
        if self.asset_state_store is None:
            return []
        fired = await self.asset_state_store.aget(FIRED, [])
        return [str(file) for file in fired] if isinstance(fired, list) else []

    async def _remember(self, fired: list[str]) -> None:
        if self.asset_state_store is not None:
            await self.asset_state_store.aset(FIRED, list(fired))


class Look:
    """Looks once each time it is called, and logs once what keeps it from looking."""

    def __init__(self, dag_id: str) -> None:
        self._dag_id = dag_id
        self._arrivals: Any = None
        self._reason = ""

    def __call__(self) -> dict[str, str] | None:
        """Return the files that have arrived, identity → name; None if they cannot be known now."""
        import structlog
        from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

        from streaming import settings
        from streaming.errors import CityFeaturesError
        from streaming.jobs.arrivals import Arrivals

        log = structlog.get_logger("dags.arrivals")
        if RuntimeTaskInstance.get_dr_count(self._dag_id, states=["queued", "running"]):
            return None
        try:
            self._arrivals = self._arrivals or Arrivals(settings.load())
            files = self._arrivals.look()
        except CityFeaturesError as error:
            if str(error) != self._reason:
                log.warning("cannot look for files: trying again", why=str(error))
            self._reason = str(error)
            return None
        self._reason = ""
        if files is None:
            return None
        # Names may be no UTF-8, and what is sent to Airflow has to be.
        names = [file.path.encode(errors="backslashreplace").decode() for file in files]
        return {
            f"{name} {file.size} {file.mtime}": name for name, file in zip(names, files, strict=True)
        }

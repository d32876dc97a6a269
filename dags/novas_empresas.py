"""
### Files of newly registered companies into the city features

Drops a CSV file into the landing zone, checks Redis, runs the stream until nothing waits, and reads back
what Redis holds then. Runs when a file arrives in the landing zone, and hourly for what lies there; by
hand, or from outside, with a file:

`{"conf": {"arquivo_csv": "novas_empresas.csv"}}`

A DAG with `schedule=[Asset("city-features", "city-features://service/features")]` runs after it whenever
something new was counted.

The file is taken from the directory that the deployment names in `SOURCE_DIR`. Nothing is counted twice,
whatever is repeated: a task, a run, a file. A file that cannot be read fails `conferir_features`, once,
with its name and the reason; the others are counted all the same.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any

import structlog
from airflow.sdk import (
    Asset,
    AssetAlias,
    AssetOrTimeSchedule,
    AssetWatcher,
    BaseOperator,
    Context,
    CronTriggerTimetable,
    Param,
    dag,
    task,
)
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from dags.arrivals import ArrivalTrigger

# The service and its libraries are imported by the tasks: this file is parsed again and again.

# A plain name: no directory, nothing that a shell or a terminal reads as more, and nothing behind it.
ARQUIVO_CSV = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}\.[cC][sS][vV](\.[gG][zZ])?(?![\s\S])"
STOP_SECONDS = 30
NAMED = 100  # files named in an XCom or an error, at most

DAG_ID = "novas_empresas"
FEATURES = Asset("city-features", "city-features://service/features")
# A task that succeeds emits an event for each asset among its outlets; for an alias, only what it adds.
NEWS = AssetAlias("city-features-news")
LANDING_ZONE = Asset(
    "landing-zone",
    "city-features://service/landing-zone",
    watchers=[AssetWatcher(name="arrivals", trigger=ArrivalTrigger(DAG_ID))],
)

log = structlog.get_logger("novas_empresas")


def log_failure(context: Context) -> None:
    """Say in the task's log what failed, over which file, and why."""
    log.error(
        "failed",
        task=context["ti"].task_id,
        arquivo_csv=context["params"].get("arquivo_csv") or "none: what lies in the landing zone",
        reason=str(context.get("exception")),
    )


class RunOperator(BaseOperator):
    """
    `city-features run`, in a process of its own that ends with the task, however the task ends.

    Its log becomes the task's. Told to stop, it finishes the batch in hand if it is given the time (by
    Airflow 5 seconds, by a task out of time 30); killed, it leaves nothing half done. Either way the
    next run goes on from what was committed.

    Returns:
        The run's accounting: rows read, new, duplicates, rejected; version, seconds, and `left`, the
        files that have no record after it (up to 100), each with state and reason.

    Raises:
        AirflowException: the run failed, with its own last words, or was stopped before its end.
    """

    _process: "subprocess.Popen[str] | None" = None
    _stopped = False

    def execute(self, context: Context) -> dict[str, Any]:
        """Run until nothing waits."""
        command = [sys.executable, "-m", "streaming", "run", "--json"]
        if setpriv := shutil.which("setpriv"):  # the kernel kills it if this process dies without a word
            command = [setpriv, "--pdeathsig", "KILL", "--", *command]
        with tempfile.TemporaryFile("w+") as result:
            self._process = subprocess.Popen(
                command,
                env={**os.environ, "LOG_FORMAT": "json", "RUN_ID": str(context["run_id"])},
                stdin=subprocess.DEVNULL,
                stdout=result,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                start_new_session=True,
            )
            assert self._process.stderr is not None
            try:
                last = relay(self._process.stderr)
                code = self._process.wait()
            finally:
                self._end(self._process)
            if self._stopped:
                raise AirflowException("stopped before the end of the run; what was committed stays")
            result.seek(0)
            printed = result.read()
            # 1 with a document: files failed, the others count; `conferir_features` names them.
            if code not in (0, 1) or not printed:
                raise AirflowException(f"city-features run ended with {code}: {last}")
            document: dict[str, Any] = json.loads(printed)
        unsettled = [f for f in document.pop("files") if f["state"] not in ("ingested", "rejected")]
        unsettled.sort(key=lambda f: str(f["state"]))  # failed, unreadable, and only then waiting
        return {**document, "left": unsettled[:NAMED]}

    def on_kill(self) -> None:
        """Let the run finish the batch in hand; `execute` waits for it."""
        self._stopped = True
        if self._process is not None:
            self._process.terminate()

    def _end(self, process: "subprocess.Popen[str]") -> None:
        process.terminate()  # nothing happens to one that has ended
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def relay(lines: IO[str]) -> str:
    """Write the service's log into the task's, level by level; return its last line."""
    last = ""
    for line in lines:
        last = line.rstrip() or last
        try:
            entry = json.loads(line)
            level, event = entry.pop("level"), entry.pop("event")
        except (ValueError, TypeError, KeyError, AttributeError):
            log.info(line.rstrip())  # no entry of its log, but an error's text
        else:
            entry.pop("timestamp", None)
            getattr(log, level)(event, **entry)
    return last


@dag(
    dag_id=DAG_ID,
    schedule=AssetOrTimeSchedule(
        timetable=CronTriggerTimetable("@hourly", timezone="UTC"), assets=[LANDING_ZONE]
    ),
    start_date=datetime(2025, 1, 1, tzinfo=UTC),
    catchup=False,  # one run takes all that waits: hours that were missed need none of their own
    is_paused_upon_creation=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=4),
    doc_md=__doc__,
    tags=["city-features", "neoway"],
    params={
        "arquivo_csv": Param(
            None,
            type=["null", "string"],
            pattern=ARQUIVO_CSV,
            description="A file's name in SOURCE_DIR; none: what lies in the landing zone",
        )
    },
    default_args={
        "owner": "city-features",
        "retries": 2,
        "retry_delay": timedelta(seconds=10),
        "retry_exponential_backoff": True,
        "max_retry_delay": timedelta(minutes=5),
        "execution_timeout": timedelta(minutes=5),
        "on_failure_callback": log_failure,
    },
)
def novas_empresas() -> None:
    """Set out the tasks; see the module's text."""

    @task
    def iniciar_processamento(params: dict[str, Any] | None = None) -> str:
        """Log the start, and return its instant."""
        now = datetime.now(UTC).isoformat()
        file = (params or {}).get("arquivo_csv")
        log.info("starting", arquivo_csv=file or "none: what lies in the landing zone", at=now)
        return now

    @task(retries=5, retry_delay=timedelta(seconds=5), max_retry_delay=timedelta(minutes=1))
    def verificar_redis() -> None:
        """Look at what a run needs, as `city-features check` does; tried again until Redis is there."""
        from streaming import settings
        from streaming.jobs import checks

        results = checks.run(settings.load())
        for check in results:
            (log.info if check.ok else log.error)(check.name, ok=check.ok, detail=check.detail)
        if blocking := [f"{check.name}: {check.detail}" for check in checks.blocking(results)]:
            raise AirflowException("not ready: " + "; ".join(blocking))

    @task
    def depositar_arquivo(params: dict[str, Any] | None = None) -> str | None:
        """Drop the file, whole, never over another; return its path in the landing zone."""
        from streaming import settings
        from streaming.jobs import drop

        name = (params or {}).get("arquivo_csv")
        if name is None:
            log.info("no arquivo_csv: going on with what lies in the landing zone")
            return None
        try:
            source = drop.source_file(Path(os.environ.get("SOURCE_DIR", "examples")), name)
        except FileNotFoundError as error:
            raise AirflowFailException(f"arquivo_csv: {error}") from None
        dropped = drop.drop(settings.load(), source)
        log.info("dropped" if dropped.copied else "is there already, same content", file=dropped.path)
        return dropped.path

    @task(inlets=[FEATURES], outlets=[NEWS])
    def conferir_features(
        inicio: str,
        depositado: str | None,
        execucao: dict[str, Any],
        ti: Any = None,
        inlet_events: Any = None,
        outlet_events: Any = None,
    ) -> None:
        """
        Read back what Redis holds of this run: its files' records, and the features it changed.

        Pushes the accounting as the XCom `contabilidade`. Fails at once for files that cannot be
        counted; is tried again where features and records do not agree: another writer may be between.

        Emits an event of the asset `city-features`, with version and accounting, if there was a commit
        since the last event.
        """
        from streaming import settings
        from streaming.domain.results import Outcome
        from streaming.jobs import verify

        uncounted = [Outcome(**file) for file in execucao["left"]]
        result = verify.run(settings.load(), datetime.fromisoformat(inicio), depositado, uncounted)
        accounting = {**verify.accounting(result), "left": execucao["left"]}
        ti.xcom_push(key="contabilidade", value=accounting)
        log.info("accounting", files=len(result.files), **result.totals, seconds=execucao["seconds"])
        for feature in result.latest:
            log.info("feature", **{name: str(value) for name, value in asdict(feature).items()})
        if wrong := "; ".join(result.wrong[:NAMED]):
            raise AirflowException(f"Redis does not hold what it should: {wrong}")
        for path, record in result.files.items():
            if record.rejected:
                log.warning("rows rejected: city-features quarantine", file=path, rows=record.rejected)
        for outcome in uncounted:
            log.warning("not ingested", file=outcome.file, state=outcome.state, reason=outcome.reason)
        for path, record in result.read_before.items():
            log.info("was read before", file=path, version=record.version)
        if refusal := verify.refusal(result):
            raise AirflowFailException(refusal)
        last = next(iter(inlet_events[FEATURES].ascending(False).limit(1)), None)
        if news := verify.news(result, (last and last.extra) or {}):
            outlet_events[NEWS].add(FEATURES, extra=news)
            log.info("announced", asset=FEATURES.name, **news)
        else:
            log.info("nothing new since the last event", asset=FEATURES.name, version=result.version)

    inicio, depositado = iniciar_processamento(), depositar_arquivo()
    processado = RunOperator(
        task_id="processar_e_salvar_features",
        # One at a time, in whatever runs of the DAG: they would only wait for each other's checkpoint.
        max_active_tis_per_dag=1,
        execution_timeout=timedelta(hours=1),
    )
    conferido = conferir_features(inicio, depositado, processado.output)  # type: ignore[arg-type]  # XComs
    inicio >> verificar_redis() >> depositado >> processado >> conferido


novas_empresas()

"""Parse the DAGs as Airflow does, try values of arquivo_csv, print what came: `parse_dag.py VALUES`."""

import copy
import json
import os
import sys
import time

from airflow.dag_processing.dagbag import DagBag
from airflow.sdk.exceptions import ParamValidationError

HEAVY = ("duckdb", "numpy", "pandas", "pyarrow", "pyroaring", "pyspark", "redis", "streaming")


def main() -> None:
    """Print one JSON document, as the last line."""
    before = set(sys.modules)
    started = time.monotonic()
    bag = DagBag(os.environ["AIRFLOW__CORE__DAGS_FOLDER"])
    seconds = time.monotonic() - started
    dag = bag.dags["novas_empresas"]
    accepted = []
    for value in json.loads(sys.argv[1]):
        params = copy.deepcopy(dag.params)
        try:
            params["arquivo_csv"] = value
        except ParamValidationError:
            accepted.append(False)
        else:
            accepted.append(True)
    document = {
        "errors": bag.import_errors,
        "dags": sorted(bag.dags),
        "seconds": seconds,
        "heavy": [name for name in HEAVY if name in set(sys.modules) - before],
        "dag": {
            "hourly": dag.schedule.timetable.expression,
            "assets": {
                asset.uri: [[watcher.name, *watcher.trigger.serialize()] for watcher in asset.watchers]
                for asset in dag.schedule.asset_condition.objects
            },
            "catchup": dag.catchup,
            "max_active_runs": dag.max_active_runs,
            "paused": dag.is_paused_upon_creation,
            "tags": sorted(dag.tags),
            "doc": dag.doc_md,
            "default": dag.params["arquivo_csv"],
        },
        "tasks": {
            task.task_id: {
                "after": sorted(task.upstream_task_ids),
                "retries": task.retries,
                "pause": [task.retry_delay.total_seconds(), task.max_retry_delay.total_seconds()],
                "growing": bool(task.retry_exponential_backoff),
                "minutes": task.execution_timeout.total_seconds() / 60,
                "at_once": task.max_active_tis_per_dag,
                "assets": [[asset.name for asset in way] for way in (task.inlets, task.outlets)],
                "on_failure": [callback.__name__ for callback in task.on_failure_callback],
            }
            for task in dag.tasks
        },
        "accepted": accepted,
    }
    print(json.dumps(document))


if __name__ == "__main__":
    main()

"""Run the DAG once, without a scheduler: `run_dag.py RESULT CONF` writes what came of it as JSON."""

import json
import os
import sys
from pathlib import Path

from airflow.dag_processing.dagbag import DagBag
from airflow.models.asset import AssetEvent
from airflow.models.xcom import XComModel
from airflow.settings import Session
from sqlalchemy import select


def main() -> None:
    """Write one JSON document."""
    dag = DagBag(os.environ["AIRFLOW__CORE__DAGS_FOLDER"]).dags["novas_empresas"]
    run = dag.test(run_conf=json.loads(sys.argv[2]))
    session = Session()
    tasks = run.get_task_instances(session=session)
    xcoms = session.scalars(select(XComModel).where(XComModel.run_id == run.run_id))
    events = session.scalars(select(AssetEvent).where(AssetEvent.source_run_id == run.run_id))
    document = {
        "events": [[event.source_task_id, event.asset.name, event.extra] for event in events],
        "state": run.state,
        "tasks": {task.task_id: [task.state, task.try_number] for task in tasks},
        "xcoms": {f"{x.task_id}.{x.key}": XComModel.deserialize_value(x) for x in xcoms},
    }
    Path(sys.argv[1]).write_text(json.dumps(document))


if __name__ == "__main__":
    main()

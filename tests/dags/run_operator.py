"""
The operator alone, as Airflow's task runner drives it: `run_operator.py RESULT [SECONDS]`.

SIGTERM calls `on_kill`, and SECONDS is the task's `execution_timeout`. Writes what `execute` returned or
raised as JSON.
"""

import json
import os
import signal
import sys
from pathlib import Path

sys.path.insert(0, os.environ["AIRFLOW__CORE__DAGS_FOLDER"])

from airflow.sdk.exceptions import AirflowException, AirflowTaskTimeout
from airflow.sdk.execution_time.timeout import timeout
from novas_empresas import RunOperator


def main() -> None:
    """Write one JSON document."""
    operator = RunOperator(task_id="processar_e_salvar_features")
    signal.signal(signal.SIGTERM, lambda *_: operator.on_kill())
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 120
    document: dict[str, object]
    try:
        with timeout(seconds):
            document = {"returned": RunOperator.execute.__wrapped__(operator, {"run_id": "manual__1"})}
    except (AirflowException, AirflowTaskTimeout) as error:
        document = {"raised": type(error).__name__, "message": str(error)}
    Path(sys.argv[1]).write_text(json.dumps(document))


if __name__ == "__main__":
    main()

"""What Airflow runs: the DAG, and the trigger that starts it when a file arrives."""

#!/usr/bin/env bash
# Writes the locks from pyproject.toml: exact versions, and the hash of every file, for any platform
# and Python 3.11 or newer. Versions stay as they are while they fit; --upgrade takes the newest.
set -euo pipefail
cd "$(dirname "$0")/.."

# pip needs the build backend, so it is locked like any other package.
backend=$(.venv/bin/python -c 'if True:
    import tomllib
    print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], sep="\n")')

compile() {
    .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
        --no-emit-index-url --no-annotate --custom-compile-command "make lock" \
        "$@" pyproject.toml - <<<"$backend"
}
compile "$@" --output-file requirements.txt
compile "$@" --extra airflow --extra panel --constraint requirements.txt --output-file requirements-airflow.txt
compile "$@" --extra panel --constraint requirements-airflow.txt --output-file requirements-panel.txt
compile "$@" --extra dev --constraint requirements-airflow.txt --output-file requirements-dev.txt

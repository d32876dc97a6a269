# The service, Spark and Airflow in one image; docker-compose.yml runs each in its own container.
ARG BASE_IMAGE=debian:bookworm-slim
FROM ${BASE_IMAGE}

RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
        ca-certificates curl openjdk-17-jre-headless python3 python3-venv tini \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /opt/city-features

# Libraries come first: they change less often than the code.
COPY pyproject.toml requirements*.txt ./
COPY scripts/venv.py scripts/
COPY streaming/__init__.py streaming/
RUN touch README.md \
    && PIP_NO_CACHE_DIR=1 python3 scripts/venv.py requirements-airflow.txt \
    && .venv/bin/python -m compileall -q -j 0 .venv/lib

COPY docker/as-owner docker/executor docker/init /usr/local/bin/
COPY docker/users.acl docker/
COPY streaming streaming
COPY dags dags

# Runs as the owner of landing_zone/; see docker/as-owner. Java needs that user's line in passwd, so passwd
# is a link to a directory that stays writable when the root file system is read-only.
RUN .venv/bin/python -m compileall -q streaming \
    && .venv/bin/python -m streaming.jobs.prepare \
    && for command in airflow city-features; do \
        printf '#!/bin/sh\nexec as-owner /opt/city-features/.venv/bin/%s "$@"\n' "$command" \
            >"/usr/local/bin/$command"; \
    done \
    && chmod 755 /usr/local/bin/* \
    && useradd --uid 50000 --no-create-home --home-dir /tmp app \
    && mkdir landing_zone checkpoints /run/as-owner /var/log/airflow \
    && chown app:app landing_zone checkpoints /run/as-owner /var/log/airflow \
    && mv /etc/passwd /etc/passwd.image \
    && ln -s /run/as-owner/passwd /etc/passwd \
    && cp /etc/passwd.image /run/as-owner/passwd

ENV PATH=/usr/local/bin:/opt/city-features/.venv/bin:/usr/bin:/bin \
    HOME=/tmp \
    LANG=C.UTF-8 \
    PYTHONDONTWRITEBYTECODE=1 \
    LANDING_ZONE=/opt/city-features/landing_zone \
    CHECKPOINTS=/opt/city-features/checkpoints
USER 50000
ENTRYPOINT ["as-owner", "tini", "--"]
CMD ["city-features", "--help"]

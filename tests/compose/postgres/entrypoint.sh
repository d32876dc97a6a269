#!/bin/sh
# Of the official image's first start: a cluster with POSTGRES_USER, its password and its database.
set -eu
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    initdb --username="$POSTGRES_USER" --pwfile="$POSTGRES_PASSWORD_FILE" --auth-host=scram-sha-256 \
        --auth-local=trust --encoding=UTF8 --locale=C.UTF-8 >/dev/null
    echo "host all all all scram-sha-256" >>"$PGDATA/pg_hba.conf"
    pg_ctl --options="-c listen_addresses='' -k /var/run/postgresql" --wait start >/dev/null
    createdb -h /var/run/postgresql -U "$POSTGRES_USER" "$POSTGRES_USER"
    pg_ctl --mode=fast --wait stop >/dev/null
fi
exec "$@" -c listen_addresses='*'

#!/usr/bin/env bash
# Builds stand-ins of the base images, for a machine that reaches Debian's packages but no image registry.
#
#   tests/compose/stand-ins.sh && make compose-test
#
# They have the names, users, paths and environment of the official images that docker-compose.yml and
# the Dockerfile name, with Debian's own versions inside. Images that are there already stay. Needs root,
# debootstrap and a Docker engine.
set -euo pipefail
cd "$(dirname "$0")"

have() {
    docker image inspect "$1" >/dev/null 2>&1
}

if ! have debian:bookworm-slim; then
    root=$(mktemp -d)
    trap 'rm -rf "$root"' EXIT
    echo "debian:bookworm-slim from Debian's packages" >&2
    debootstrap --variant=minbase --include=ca-certificates bookworm "$root" >&2
    # A machine like this one may trust more authorities than Debian does.
    cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
    tar -C "$root" -c . | docker import \
        --change "ENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt" - debian:bookworm-slim >&2
fi
for image in redis:8.2 postgres:17; do
    have "$image" || {
        echo "$image from Debian's package" >&2
        docker build --quiet --tag "$image" "${image%:*}" >&2
    }
done

#!/usr/bin/env bash
# Builds stand-ins of the three base images from Debian's packages, where there is no registry of images,
# and prints the variables that name them:
#
#   eval "$(tests/compose/stand-ins.sh)" && make compose-test
#
# They have the users, paths and environment of the official images that docker-compose.yml names, with
# Debian's own versions inside. Those that are there already stay. Needs root, debootstrap and Docker.
set -euo pipefail
cd "$(dirname "$0")"

base=city-features-stand-in/debian:bookworm-slim
redis=city-features-stand-in/redis:8.2
postgres=city-features-stand-in/postgres:17

have() {
    docker image inspect "$1" >/dev/null 2>&1
}

if ! have "$base"; then
    root=$(mktemp -d)
    trap 'rm -rf "$root"' EXIT
    echo "$base with debootstrap" >&2
    debootstrap --variant=minbase --include=ca-certificates bookworm "$root" >&2
    # Downloads may pass a proxy whose authority this machine trusts: so does the image.
    cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
    tar -C "$root" -c . | docker import \
        --change "ENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt" - "$base" >&2
fi
for image in "$redis" "$postgres"; do
    name=${image##*/}
    have "$image" || {
        echo "$image from Debian's package" >&2
        docker build --quiet --build-arg BASE_IMAGE="$base" --tag "$image" "${name%:*}" >&2
    }
done
echo "export BASE_IMAGE=$base REDIS_IMAGE=$redis POSTGRES_IMAGE=$postgres"

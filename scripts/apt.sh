#!/usr/bin/env bash
# Installs the first of the named packages that this Debian or Ubuntu has. Fails unless root on one.
set -euo pipefail

[[ $EUID -eq 0 ]] && command -v apt-get >/dev/null || exit 1

export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
trap 'rm -f "$log"' EXIT
apt-get update -qq >"$log" 2>&1 || true # an old or incomplete list may be enough
for package; do
    echo "Installing $package with apt-get" >&2
    apt-get install -qq -y --no-install-recommends -o DPkg::Lock::Timeout=300 "$package" \
        >>"$log" 2>&1 </dev/null && exit
done
cat "$log" >&2
exit 1

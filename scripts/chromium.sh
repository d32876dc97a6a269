#!/usr/bin/env bash
# Makes sure that the browser tests find a Chromium, under one of the names they look for.
set -euo pipefail

present() {
    for name in chromium chromium-browser google-chrome; do
        if command -v "$name" >/dev/null; then return; fi
    done
    return 1
}

present && exit

"${BASH_SOURCE%/*}/apt.sh" chromium || true
present || {
    echo "The browser tests need Chromium: install one (Debian: apt-get install chromium; Ubuntu: snap install" \
        "chromium; macOS: a google-chrome on PATH), or do without: make test ARGS='-m \"not long and not browser\"'" >&2
    exit 1
}

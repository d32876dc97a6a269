#!/usr/bin/env bash
# Makes sure that Spark will find Java 17 or newer where it looks: in JAVA_HOME, else on PATH.
set -euo pipefail

java=${JAVA_HOME:+$JAVA_HOME/bin/}java

major() { # 17 for "17.0.15", 8 for "1.8.0_392", nothing without Java
    { "$java" -version 2>&1 || true; } | sed -nE 's/.* version "(1\.)?([0-9]+).*/\2/p'
}
fail() {
    echo "$*" >&2
    exit 1
}

found=$(major)
[[ ${found:-0} -ge 17 ]] && exit

[[ -z ${JAVA_HOME:-} ]] ||
    fail "Spark needs Java 17 or newer, JAVA_HOME=$JAVA_HOME has ${found:-none}: unset it, or point it at one."

"${BASH_SOURCE%/*}/apt.sh" openjdk-17-jre-headless default-jre-headless || true
[[ $(major) -ge 17 ]] ||
    fail "Spark needs Java 17 or newer, found ${found:-none}: install one (Debian and Ubuntu:" \
        "apt-get install openjdk-17-jre-headless; macOS: brew install openjdk@17), or set JAVA_HOME."

"""Java: which one there is, and whether Spark can use it."""

import os
import re
import shutil
import subprocess

from streaming.errors import EnvironmentRefused

JAVA = 17
_INSTALL = (
    f"install Java {JAVA} or newer (Debian, Ubuntu: apt-get install openjdk-17-jre-headless), "
    "or set JAVA_HOME to one"
)


def find() -> str:
    """Return the java that Spark will run, or raise EnvironmentRefused."""
    home = os.environ.get("JAVA_HOME")
    program = shutil.which("java", path=f"{home}/bin" if home else None)
    if program is None and home:
        raise EnvironmentRefused(
            f"there is no java in JAVA_HOME={home}; unset JAVA_HOME, or set it to Java {JAVA} or newer"
        )
    if program is None:
        raise EnvironmentRefused(f"Java is missing; {_INSTALL}")
    return program


def version() -> str:
    """
    Return the version of Java, as it prints it.

    Raises:
        EnvironmentRefused: there is none, it does not run, or it is older than Spark needs.
    """
    program = find()
    try:
        result = subprocess.run(
            [program, "-version"], capture_output=True, text=True, errors="replace", check=False
        )
    except OSError as error:
        raise EnvironmentRefused(f"{program} does not run: {error.strerror}; {_INSTALL}") from None
    # Other quotes may come first: java prints the options it takes from JAVA_TOOL_OPTIONS.
    number = re.search(r'^\w+ version "([^"]+)"', result.stderr, re.MULTILINE)
    if result.returncode or number is None:
        lines = [line for line in result.stderr.splitlines() if not line.startswith(PICKED_UP)]
        why = lines[0] if lines else f"exit code {result.returncode}"
        raise EnvironmentRefused(f"{program} does not run: {why}; {_INSTALL}, and look at {_OPTIONS}")
    major = number[1].split(".")[0]
    if not major.isdigit() or int(major) < JAVA:
        raise EnvironmentRefused(f"{program} is Java {number[1]}, older than {JAVA}; {_INSTALL}")
    return number[1]


# What java prints first when it takes options from the environment.
PICKED_UP = ("Picked up ", "NOTE: Picked up ")
_OPTIONS = "JAVA_TOOL_OPTIONS, _JAVA_OPTIONS and JDK_JAVA_OPTIONS"

"""
What Spark and its JVM take from the environment, made ours: it may be about somebody else's Spark.

Of a cluster's settings those stay that docs/cluster.md names.
"""

import os
import resource
import sys
from importlib.util import find_spec
from pathlib import Path

from streaming.errors import EnvironmentRefused

FILES = 512
"""How many files have to be open at once: Spark's 280 JARs, and 128 landed files up to three times."""

_SPARK = ("SPARK_", "PYSPARK_", "HADOOP_", "YARN_")
_OURS = ("SPARK_MASTER", "SPARK_LOCAL_DIRS")
# These choose another Spark, another way to it, or what is run by it.
_NEVER = (
    *("MASTER", "DEPLOY_MODE", "SPARK_LOCAL_REMOTE"),
    *("SPARK_HOME", "SPARK_REMOTE", "SPARK_CONNECT_MODE_ENABLED", "SPARK_API_MODE", "SPARK_TESTING"),
    *("SPARK_DIST_CLASSPATH", "SPARK_PREPEND_CLASSES", "SPARK_SCALA_VERSION", "SPARK_ENV_LOADED"),
    *("SPARK_EXECUTOR_DIRS", "SPARK_SUBMIT_OPTS", "PYSPARK_SUBMIT_ARGS", "PYSPARK_PIN_THREAD"),
    *("PYSPARK_GATEWAY_PORT", "PYSPARK_GATEWAY_SECRET", "_PYSPARK_DRIVER_CONN_INFO_PATH"),
)


def adopt(*, local: bool) -> None:
    """
    Set this process's environment as Spark, its JVM and its workers need it.

    Raises:
        EnvironmentRefused: too few files may be open at once, or Java cannot load from where Spark is.
    """
    for name in list(os.environ):
        if name in _NEVER or (local and name.startswith(_SPARK) and name not in _OURS):
            del os.environ[name]
    os.environ["SPARK_HOME"] = str(spark())
    # Workers have to be this interpreter, not the first python3 on the path. Those of a cluster may have
    # been shipped another one.
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    os.environ["PYSPARK_DRIVER_PYTHON"] = sys.executable
    # In the C locale Java cannot open a file with an accent in its name.
    os.environ["LC_ALL"] = "C.UTF-8"
    if local:  # the name of this machine may not resolve, and nobody else needs to reach it
        os.environ |= {"SPARK_LOCAL_IP": "127.0.0.1", "SPARK_LOCAL_HOSTNAME": "localhost"}
    open_files()


def open_files() -> str:
    """
    Raise the limit of open files as far as it may be, and return it.

    Raises:
        EnvironmentRefused: that is too few.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = _number(soft)
    if limit < (wanted := min(_number(hard), 8 * FILES)):
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        limit = wanted
    if limit < FILES:
        raise EnvironmentRefused(
            f"only {limit} files may be open at once, Spark needs {FILES}; raise it: ulimit -n 4096 "
            "(systemd: LimitNOFILE=4096, Docker: --ulimit nofile=4096)"
        )
    return f"{limit:,} at once"


def _number(bound: int) -> int:
    return sys.maxsize if bound == resource.RLIM_INFINITY else bound


def spark() -> Path:
    """
    Return the directory of Spark, which is PySpark's.

    Raises:
        EnvironmentRefused: its path is one that Java cannot load from.
    """
    package = find_spec("pyspark")
    assert package is not None and package.submodule_search_locations is not None
    path = package.submodule_search_locations[0]
    try:
        path.encode()
    except UnicodeEncodeError:
        defect = "is not UTF-8"
    else:
        defect = "has a ':'" if ":" in path else ""
    if defect:
        raise EnvironmentRefused(
            f"Java cannot load from {path!r}, whose name {defect}; move the program"
        )
    return Path(path)

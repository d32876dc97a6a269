#!/bin/sh
# One run on YARN: the driver here, two executors in YARN's containers. Not tried on a cluster.
#
#   HADOOP_CONF_DIR=/etc/hadoop/conf LANDING_ZONE=s3://bucket/prefix REDIS_URL=redis://… examples/cluster/yarn.sh
#
# The first run packs the environment for the executors into build/; remove build/ after an update. The nodes
# need the interpreter that made it, under the same path, and Java 17 (JAVA_17 names it there).
set -eu

here=$(cd "$(dirname "$0")/../.." && pwd)
build=$here/build/yarn
: "${HADOOP_CONF_DIR:?names the directory of yarn-site.xml}" "${LANDING_ZONE:?}" "${REDIS_URL:?}"
java=${JAVA_17:-${JAVA_HOME:?or JAVA_17 names the Java of the nodes}}

if [ ! -f "$build/environment.tar.gz" ]; then
    rm -rf "$build"
    python3 -m venv "$build/environment"
    "$build/environment/bin/pip" install --quiet --require-hashes --requirement "$here/requirements.txt"
    "$build/environment/bin/pip" install --quiet --no-deps "$here" venv-pack setuptools
    "$build/environment/bin/venv-pack" --prefix "$build/environment" --output "$build/environment.tar.gz"
fi

mkdir -p "$build/conf"
cat >"$build/conf/spark-defaults.conf" <<CONF
spark.archives                       $build/environment.tar.gz#environment
spark.yarn.queue                     ${QUEUE:-default}
spark.yarn.appMasterEnv.JAVA_HOME    $java
spark.executorEnv.JAVA_HOME          $java
spark.executorEnv.AWS_REGION         ${AWS_REGION:-us-east-1}
spark.executor.instances             2
spark.executor.cores                 2
spark.executor.memory                1g
spark.executor.memoryOverhead        3g
CONF

exec env SPARK_MASTER=yarn SPARK_CONF_DIR="$build/conf" PYSPARK_PYTHON=./environment/bin/python \
    "$build/environment/bin/city-features" run "$@"

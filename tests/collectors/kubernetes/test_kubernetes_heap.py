"""Heap sizes from the settings of a container."""

import pytest
from fakes.kube_objects import container

from planner.collectors.kubernetes.heap import fixed_heap

GIB = 2**30


def env(**variables):
    return {"env": [{"name": name, "value": value} for name, value in variables.items()]}


@pytest.mark.parametrize(
    ("settings", "limit", "expected"),
    [
        ({"args": ["-Xmx512m", "-jar", "a.jar"]}, None, (512 * 2**20, "-Xmx")),
        ({"command": ["sh", "-c", "exec java -Xms1g -Xmx2G -jar a.jar"]}, None, (2 * GIB, "-Xmx")),
        ({"args": ["-Xmx1g", "-Xmx3g"]}, None, (3 * GIB, "-Xmx")),  # the JVM takes the last
        ({"args": ["-XX:MaxHeapSize=1048576"]}, None, (1048576, "-Xmx")),
        (env(JAVA_TOOL_OPTIONS="-Xmx1g"), None, (GIB, "-Xmx")),
        ({"args": ["-Xmx2g"], **env(JAVA_TOOL_OPTIONS="-Xmx1g")}, None, (2 * GIB, "-Xmx")),
        ({"args": ["-Xmx2g"], **env(_JAVA_OPTIONS="-Xmx1g")}, None, (GIB, "-Xmx")),
        (env(KAFKA_HEAP_OPTS="-Xms6g -Xmx6g"), None, (6 * GIB, "-Xmx")),
        ({"args": ["-Xmx$(HEAP)"], **env(HEAP="768m")}, None, (768 * 2**20, "-Xmx")),
        ({"args": ["-Xmx${HEAP}"], **env(HEAP="1g")}, None, (GIB, "-Xmx")),
        ({"args": ["-XX:MaxRAMPercentage=75.0"]}, 4 * GIB, (3 * GIB, "MaxRAMPercentage=75")),
        ({"args": ["-XX:MaxRAMPercentage=75"]}, None, (None, "MaxRAMPercentage=75")),
        ({"args": ["-XX:MaxRAMPercentage=75", "-Xmx1g"]}, 4 * GIB, (GIB, "-Xmx")),
        (env(GOMEMLIMIT="900MiB"), None, (900 * 2**20, "GOMEMLIMIT")),
        (env(GOMEMLIMIT="1073741824"), None, (GIB, "GOMEMLIMIT")),
        (env(GOMEMLIMIT="off"), None, (None, None)),
        (env(NODE_OPTIONS="--max-old-space-size=4096"), None, (4 * GIB, "--max-old-space-size")),
        ({"args": ["node", "--max_old_space_size=512", "a.js"]}, None, (512 * 2**20, "--max-old-space-size")),
        ({"args": ["--config=-Xmx-not-a-size"]}, None, (None, None)),
        ({"args": ["-Xmx99999999t"]}, None, (None, "-Xmx")),  # no machine has this: a mistake, not a size
        ({}, GIB, (None, None)),
    ],
)
def test_a_fixed_heap_is_found(settings, limit, expected):
    assert fixed_heap(container(**settings), limit) == expected


def test_go_limit_taken_from_the_limit_by_the_downward_api():
    source = {"resourceFieldRef": {"resource": "limits.memory", "divisor": "0"}}
    raw = container(env=[{"name": "GOMEMLIMIT", "valueFrom": source}])
    assert fixed_heap(raw, 3 * GIB) == (3 * GIB, "GOMEMLIMIT")
    assert fixed_heap(raw, None) == (None, None)

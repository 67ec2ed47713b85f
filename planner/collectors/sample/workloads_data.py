"""Namespace ``data``: streams, stores and pipelines. The leak, the OOM kills and the JVMs live here."""

from planner.collectors.sample.spec import ContainerSpec, Footprint, Load, Scaling, Schedule, Volume, WorkloadSpec, one

_AIRFLOW = "docker.io/apache/airflow:3.1.2"
_AIRFLOW_ENV = {"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "postgresql://airflow:example-password@postgres:5432/airflow"}
_FLINK = "docker.io/library/flink:2.1.0-java17"

DATA = (
    WorkloadSpec(
        "data",
        "StatefulSet",
        "kafka",
        one(
            ContainerSpec(
                "kafka",
                "docker.io/apache/kafka:4.1.0",
                Load(0.15, 0.6, "consumer"),
                Footprint("heap", 2.6, 4.4, 3.0),
                "2 8Gi",
                "- 8Gi",
                env={"KAFKA_HEAP_OPTS": "-Xms4g -Xmx4g"},
            ),
            ContainerSpec(
                "jmx-exporter",
                "docker.io/bitnami/jmx-exporter:1.5.0",
                Load(0.005, 0.01, "flat"),
                Footprint("flat", 0.09),
                "50m 128Mi",
                "- 256Mi",
            ),
            replicas=3,
        ),
        volume=Volume("1Ti"),
        min_available="2",
        manager="helm",
        priority_class="data-critical",
    ),
    WorkloadSpec(
        "data",
        "Deployment",
        "schema-registry",
        one(
            ContainerSpec(
                "schema-registry",
                "docker.io/confluentinc/cp-schema-registry:8.1.0",
                Load(0.01, 0.05, "office"),
                Footprint("heap", 0.55, 0.85, 6.0),
                "500m 2Gi",
                "1 2Gi",
                command=("java", "-Xmx768m", "-jar", "/app/registry.jar"),
            ),
            replicas=2,
        ),
        manager="helm",
    ),
    WorkloadSpec(
        "data",
        "Deployment",
        "feature-ingest",
        one(
            ContainerSpec(
                "ingest",
                "registry.example.com/data/feature-ingest:6.0.3",
                Load(0.08, 0.35, "consumer"),
                Footprint("leak", 0.65, 2.0, 46.0),
                "1 1536Mi",
                "- 2Gi",
            ),
            replicas=2,
        ),
        manager="argocd",
    ),
    WorkloadSpec(
        "data",
        "Deployment",
        "event-consumer",
        one(
            ContainerSpec(
                "consumer",
                "registry.example.com/data/event-consumer:2.8.0",
                Load(0.03, 0.34, "consumer", 0.15),
                Footprint("flat", 0.42),
                "500m 1Gi",
                "1 1Gi",
            ),
            replicas=4,
        ),
        scaling=Scaling("keda", 2, 10, 500),
        rollouts_per_week=0.75,
    ),
    WorkloadSpec(
        "data",
        "Deployment",
        "airflow-scheduler",
        one(
            ContainerSpec(
                "wait-for-migrations",
                _AIRFLOW,
                Load(0.1, 0.2, "flat"),
                Footprint("flat", 0.2),
                "100m 256Mi",
                "- 512Mi",
                role="init",
                env=_AIRFLOW_ENV,
            ),
            ContainerSpec(
                "scheduler",
                _AIRFLOW,
                Load(0.12, 0.35, "hourly"),
                Footprint("flat", 0.75),
                "1 2Gi",
                "2 4Gi",
                env=_AIRFLOW_ENV,
            ),
            ContainerSpec(
                "log-groomer", _AIRFLOW, Load(0.001, 0.003, "flat"), Footprint("flat", 0.05), "50m 128Mi", "- 256Mi"
            ),
            replicas=2,
        ),
        manager="helm",
    ),
    WorkloadSpec(
        "data",
        "Deployment",
        "airflow-webserver",
        one(
            ContainerSpec(
                "webserver",
                _AIRFLOW,
                Load(0.03, 0.25, "office"),
                Footprint("flat", 1.15),
                "1 3Gi",
                "2 4Gi",
                env=_AIRFLOW_ENV,
            ),
            replicas=2,
        ),
        manager="helm",
        startup_seconds=55,
    ),
    WorkloadSpec(
        "data",
        "StatefulSet",
        "airflow-worker",
        one(
            ContainerSpec(
                "worker",
                _AIRFLOW,
                Load(0.05, 1.1, "hourly", 0.25),
                Footprint("load", 0.8, 2.1),
                "2 5Gi",
                "- 6Gi",
                env=_AIRFLOW_ENV,
            ),
            replicas=4,
        ),
        pod_annotations={"cluster-autoscaler.kubernetes.io/safe-to-evict": "false"},
        manager="helm",
        rollouts_per_week=0.5,
    ),
    WorkloadSpec(
        "data",
        "StatefulSet",
        "clickhouse",
        one(
            ContainerSpec(
                "clickhouse",
                "docker.io/clickhouse/clickhouse-server:25.9",
                Load(0.2, 1.6, "office", 0.2),
                Footprint("load", 8.0, 15.0),
                "4 32Gi",
                "- 40Gi",
            ),
            replicas=3,
        ),
        pool="memory",
        volume=Volume("800Gi"),
        min_available="2",
    ),
    WorkloadSpec(
        "data",
        "StatefulSet",
        "postgres",
        one(
            ContainerSpec(
                "postgres",
                "docker.io/library/postgres:18.0",
                Load(0.05, 0.45, "office"),
                Footprint("cache", 1.5, 3.4, 50.0),
                "2 8Gi",
                "2 8Gi",
                env={"POSTGRES_PASSWORD": "example-password"},
            ),
            replicas=2,
        ),
        volume=Volume("200Gi"),
        priority_class="data-critical",
    ),
    WorkloadSpec(
        "data",
        "Deployment",
        "flink-jobmanager",
        one(
            ContainerSpec(
                "jobmanager",
                _FLINK,
                Load(0.02, 0.08, "flat"),
                Footprint("heap", 0.8, 1.4, 4.0),
                "1 2Gi",
                "1 2Gi",
                command=("java", "-Xms1g", "-Xmx1g", "-cp", "/opt/flink/lib/*"),
            )
        ),
    ),
    WorkloadSpec(
        "data",
        "Deployment",
        "flink-taskmanager",
        one(
            ContainerSpec(
                "taskmanager",
                _FLINK,
                Load(0.15, 0.75, "consumer"),
                Footprint("heap", 2.0, 3.4, 2.0),
                "2 6Gi",
                "- 6Gi",
                env={"JAVA_TOOL_OPTIONS": "-Xmx3g -XX:+UseG1GC"},
            ),
            replicas=4,
        ),
        rollouts_per_week=0.5,
    ),
    WorkloadSpec(
        "data",
        "Deployment",
        "doc-parser",
        one(
            ContainerSpec(
                "parser",
                "registry.example.com/data/doc-parser:1.4.4",
                Load(0.05, 0.55, "office", 0.2),
                Footprint("spikes", 0.45, 1.45, 30.0),
                "500m 768Mi",
                "2 1Gi",
            ),
            replicas=2,
        ),
        rollouts_per_week=0.25,
    ),
    WorkloadSpec(
        "data",
        "CronJob",
        "daily-features",
        one(
            ContainerSpec(
                "features",
                "registry.example.com/data/features:2026.9",
                Load(0.8, 3.6, "flat", 0.15),
                Footprint("load", 5.0, 7.0),
                "8 20Gi",
                "- 24Gi",
            )
        ),
        pool="compute-spot",
        schedule=Schedule("0 4 * * *", (4.0,), 24),
    ),
    WorkloadSpec(
        "data",
        "CronJob",
        "hourly-compaction",
        one(
            ContainerSpec(
                "compact",
                "registry.example.com/data/compaction:1.0.8",
                Load(0.3, 1.2, "flat", 0.2),
                Footprint("flat", 1.1),
                "2 4Gi",
                "- 4Gi",
            )
        ),
        schedule=Schedule("10 * * * *", tuple(h + 1 / 6 for h in range(24)), 2),
    ),
    WorkloadSpec(
        "data",
        "CronJob",
        "data-quality",
        one(
            ContainerSpec(
                "checks",
                "registry.example.com/data/quality:0.22.1",
                Load(0.2, 0.8, "flat", 0.2),
                Footprint("flat", 0.8),
                "1 2Gi",
                "2 3Gi",
            )
        ),
        schedule=Schedule("20 */4 * * *", (1 / 3, 4 + 1 / 3, 8 + 1 / 3, 12 + 1 / 3, 16 + 1 / 3, 20 + 1 / 3), 4),
    ),
    WorkloadSpec(
        "data",
        "StatefulSet",
        "minio",
        one(
            ContainerSpec(
                "minio",
                "quay.io/minio/minio:RELEASE.2026-07-15",
                Load(0.08, 0.35, "hourly"),
                Footprint("flat", 1.3),
                "1 4Gi",
                "- 6Gi",
                env={"MINIO_ROOT_PASSWORD": "example-password"},
            ),
            replicas=4,
        ),
        volume=Volume("2Ti"),
    ),
    WorkloadSpec(
        "data",
        "Deployment",
        "debezium-connect",
        one(
            ContainerSpec(
                "connect",
                "quay.io/debezium/connect:3.3.0",
                Load(0.05, 0.3, "consumer"),
                Footprint("heap", 1.1, 1.9, 2.0),
                "1 3Gi",
                "- 3Gi",
                env={"HEAP_OPTS": "-Xmx1536m"},
            ),
            replicas=2,
        ),
        crashes_per_week=0.75,
    ),
    WorkloadSpec(
        "data",
        "Deployment",
        "object-indexer",
        one(
            ContainerSpec(
                "indexer",
                "registry.example.com/data/object-indexer:0.7.0",
                Load(0.05, 0.2, "flat"),
                Footprint("flat", 0.4),
                "1 2Gi",
                "- 2Gi",
            ),
            replicas=2,
        ),
        silent="always",
    ),
)

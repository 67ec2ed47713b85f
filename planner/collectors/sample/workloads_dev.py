"""Namespaces ``dev`` (no requests, idle notebooks) and ``staging`` (a quota with no room)."""

from planner.collectors.sample.spec import ContainerSpec, Footprint, Load, Schedule, WorkloadSpec, one

DEV = (
    WorkloadSpec(
        "dev",
        "Deployment",
        "jupyterhub",
        one(
            ContainerSpec(
                "hub",
                "quay.io/jupyterhub/k8s-hub:4.3.0",
                Load(0.01, 0.05, "office"),
                Footprint("flat", 0.2),
                "200m 1Gi",
                "- 1Gi",
            )
        ),
        manager="helm",
    ),
    WorkloadSpec(
        "dev",
        "StatefulSet",
        "notebook-alice",
        one(
            ContainerSpec(
                "notebook",
                "registry.example.com/dev/notebook:2026.8",
                Load(0.01, 1.2, "office", 0.5, spikes=0.01),
                Footprint("load", 1.2, 4.5),
                "4 16Gi",
                "- 24Gi",
            )
        ),
        pool="lab",
        manager="",
    ),
    WorkloadSpec(
        "dev",
        "StatefulSet",
        "notebook-bob",
        one(
            ContainerSpec(
                "notebook",
                "registry.example.com/dev/notebook:2026.8",
                Load(0.005, 0.02, "dead"),
                Footprint("flat", 0.9),
                "2 8Gi",
                "- 16Gi",
            )
        ),
        pool="lab",
        manager="",
    ),
    WorkloadSpec(
        "dev",
        "Deployment",
        "sandbox-api",
        one(
            ContainerSpec(
                "api", "registry.example.com/dev/sandbox-api:main", Load(0.01, 0.15, "office"), Footprint("flat", 0.3)
            ),
            replicas=2,
        ),
        manager="",
        rollouts_per_week=3.0,
    ),
    WorkloadSpec(
        "dev",
        "Deployment",
        "demo-app",
        one(
            ContainerSpec(
                "demo", "registry.example.com/dev/demo:latest", Load(0.002, 0.02, "office"), Footprint("flat", 0.12)
            )
        ),
        manager="",
    ),
    WorkloadSpec(
        "dev",
        "Deployment",
        "ci-runner",
        one(
            ContainerSpec(
                "runner",
                "registry.example.com/dev/ci-runner:2.330.0",
                Load(0.02, 2.2, "bursty", 0.2),
                Footprint("load", 0.3, 3.0),
                "500m 1Gi",
                "- -",
            ),
            replicas=3,
        ),
        manager="flux",
    ),
    WorkloadSpec(
        "dev",
        "Deployment",
        "devpi",
        one(
            ContainerSpec(
                "devpi",
                "registry.example.com/dev/devpi:6.16.0",
                Load(0.005, 0.05, "office"),
                Footprint("flat", 0.35),
                "500m 1Gi",
                "- -",
            )
        ),
        manager="",
    ),
    WorkloadSpec(
        "dev",
        "Pod",
        "debug-shell",
        one(
            ContainerSpec(
                "shell",
                "docker.io/library/busybox:1.37",
                Load(0.0005, 0.001, "dead"),
                Footprint("flat", 0.004),
                "100m 128Mi",
                "- 128Mi",
            )
        ),
        manager="",
    ),
    WorkloadSpec(
        "dev",
        "CronJob",
        "load-test",
        one(
            ContainerSpec(
                "k6", "docker.io/grafana/k6:1.3.0", Load(0.5, 1.8, "flat"), Footprint("flat", 0.6), "2 2Gi", "2 2Gi"
            )
        ),
        schedule=Schedule("0 6 * * 2", (6.0,), 12, weekday=1),
        manager="",
    ),
)

STAGING = (
    WorkloadSpec(
        "staging",
        "Deployment",
        "model-gateway",
        one(
            ContainerSpec(
                "gateway",
                "registry.example.com/inference/model-gateway:5.13.0-rc2",
                Load(0.03, 0.25, "office"),
                Footprint("load", 0.55, 0.95),
                "200m 576Mi",
                "1 1536Mi",
            ),
            replicas=2,
        ),
        rollouts_per_week=2.0,
    ),
    WorkloadSpec(
        "staging",
        "Deployment",
        "embedding-service",
        one(
            ContainerSpec(
                "embedder",
                "registry.example.com/inference/embedding-service:3.5.0-rc1",
                Load(0.05, 0.6, "office"),
                Footprint("load", 2.1, 2.6),
                "500m 2304Mi",
                "2 4Gi",
            )
        ),
        rollouts_per_week=1.0,
        startup_seconds=75,
    ),
    WorkloadSpec(
        "staging",
        "Deployment",
        "feature-server",
        one(
            ContainerSpec(
                "server",
                "registry.example.com/inference/feature-server:7.2.0-rc1",
                Load(0.01, 0.15, "office"),
                Footprint("load", 0.45, 0.8),
                "200m 448Mi",
                "1 1Gi",
            ),
            replicas=2,
        ),
        rollouts_per_week=2.0,
    ),
    WorkloadSpec(
        "staging",
        "Deployment",
        "recommendation-api",
        one(
            ContainerSpec(
                "api",
                "registry.example.com/inference/recommendation-api:11.4.0-rc3",
                Load(0.03, 0.3, "office"),
                Footprint("load", 0.9, 1.4),
                "300m 1152Mi",
                "1 2Gi",
            ),
            replicas=2,
        ),
        rollouts_per_week=2.0,
    ),
    WorkloadSpec(
        "staging",
        "Deployment",
        "doc-parser",
        one(
            ContainerSpec(
                "parser",
                "registry.example.com/data/doc-parser:1.5.0-rc1",
                Load(0.02, 0.2, "office"),
                Footprint("spikes", 0.4, 0.85, 20.0),
                "200m 512Mi",
            )
        ),
        rollouts_per_week=1.0,
    ),
)

"""Namespace ``platform``: what the cluster itself runs on."""

from planner.collectors.sample.spec import ContainerSpec, Footprint, Load, Scaling, Volume, WorkloadSpec, one

PLATFORM = (
    WorkloadSpec(
        "platform",
        "Deployment",
        "ingress-nginx-controller",
        one(
            ContainerSpec(
                "controller",
                "registry.k8s.io/ingress-nginx/controller:v1.14.0",
                Load(0.02, 0.4, "consumer"),
                Footprint("load", 0.2, 0.32),
                "500m 512Mi",
                "- 1Gi",
            ),
            replicas=4,
        ),
        scaling=Scaling("hpa", 3, 9, 75),
        rollouts_per_week=0.25,
        manager="helm",
        min_available="2",
        priority_class="platform-critical",
    ),
    WorkloadSpec(
        "platform",
        "StatefulSet",
        "prometheus",
        one(
            ContainerSpec(
                "prometheus",
                "quay.io/prometheus/prometheus:v3.7.0",
                Load(0.3, 0.5, "flat", 0.25),
                Footprint("heap", 5.2, 8.2, 2.0),
                "2 16Gi",
                "- 20Gi",
            ),
            ContainerSpec(
                "config-reloader",
                "quay.io/prometheus-operator/prometheus-config-reloader:v0.86.0",
                Load(0.001, 0.001, "flat"),
                Footprint("flat", 0.02),
                "10m 50Mi",
                "10m 50Mi",
            ),
            replicas=2,
        ),
        pool="memory",
        volume=Volume("300Gi"),
        manager="helm",
    ),
    WorkloadSpec(
        "platform",
        "Deployment",
        "grafana",
        one(
            ContainerSpec(
                "grafana",
                "docker.io/grafana/grafana:12.2.0",
                Load(0.01, 0.12, "office"),
                Footprint("flat", 0.24),
                "250m 1Gi",
                "- 1Gi",
                env={"GF_SECURITY_ADMIN_PASSWORD": "example-password"},
            ),
            replicas=2,
        ),
        scaling=Scaling("vpa"),
        manager="flux",
    ),
    WorkloadSpec(
        "platform",
        "StatefulSet",
        "loki",
        one(
            ContainerSpec(
                "loki",
                "docker.io/grafana/loki:3.5.7",
                Load(0.08, 0.3, "consumer"),
                Footprint("heap", 0.9, 1.7, 1.5),
                "1 4Gi",
                "- 4Gi",
            ),
            replicas=3,
        ),
        volume=Volume("100Gi"),
        manager="helm",
    ),
    WorkloadSpec(
        "platform",
        "Deployment",
        "argocd-server",
        one(
            ContainerSpec(
                "server",
                "quay.io/argoproj/argocd:v3.2.0",
                Load(0.01, 0.06, "office"),
                Footprint("flat", 0.14),
                "250m 512Mi",
                "- 1Gi",
            ),
            replicas=2,
        ),
        manager="helm",
    ),
    WorkloadSpec(
        "platform",
        "Deployment",
        "argocd-repo-server",
        one(
            ContainerSpec(
                "copyutil",
                "quay.io/argoproj/argocd:v3.2.0",
                Load(0.01, 0.01, "flat"),
                Footprint("flat", 0.02),
                "10m 32Mi",
                "- -",
                role="init",
            ),
            ContainerSpec(
                "repo-server",
                "quay.io/argoproj/argocd:v3.2.0",
                Load(0.02, 0.7, "bursty"),
                Footprint("load", 0.3, 0.8),
                "500m 1Gi",
                "- 2Gi",
            ),
            replicas=2,
        ),
        manager="helm",
    ),
    WorkloadSpec(
        "platform",
        "Deployment",
        "cert-manager",
        one(
            ContainerSpec(
                "controller",
                "quay.io/jetstack/cert-manager-controller:v1.19.0",
                Load(0.002, 0.01, "flat"),
                Footprint("flat", 0.07),
                "100m 256Mi",
                "- 256Mi",
            )
        ),
        manager="helm",
    ),
    WorkloadSpec(
        "platform",
        "Deployment",
        "external-dns",
        one(
            ContainerSpec(
                "external-dns",
                "registry.k8s.io/external-dns/external-dns:v0.19.0",
                Load(0.002, 0.02, "hourly"),
                Footprint("flat", 0.05),
                "100m 128Mi",
                "200m 256Mi",
            )
        ),
        manager="helm",
    ),
    WorkloadSpec(
        "platform",
        "Deployment",
        "keycloak",
        one(
            ContainerSpec(
                "keycloak",
                "quay.io/keycloak/keycloak:26.4",
                Load(0.03, 0.3, "office"),
                Footprint("heap", 0.9, 1.3, 5.0),
                "1 2Gi",
                "2 2Gi",
                env={
                    "JAVA_OPTS": "-XX:MaxRAMPercentage=60 -Djava.net.preferIPv4Stack=true",
                    "KC_DB_PASSWORD": "example-password",
                },
                resize_restart=("memory",),
            ),
            replicas=2,
        ),
        manager="flux",
        startup_seconds=48,
    ),
    WorkloadSpec(
        "platform",
        "StatefulSet",
        "vault",
        one(
            ContainerSpec(
                "vault",
                "docker.io/hashicorp/vault:1.21",
                Load(0.01, 0.06, "office"),
                Footprint("flat", 0.18),
                "500m 1Gi",
                "1 1Gi",
            ),
            replicas=3,
        ),
        volume=Volume("10Gi"),
        manager="helm",
        min_available="2",
        priority_class="platform-critical",
    ),
    WorkloadSpec(
        "platform",
        "Deployment",
        "otel-collector",
        one(
            ContainerSpec(
                "collector",
                "docker.io/otel/opentelemetry-collector-contrib:0.138.0",
                Load(0.05, 0.35, "consumer"),
                Footprint("load", 0.4, 0.7),
                "1 2Gi",
                "- 2Gi",
                env={"GOMEMLIMIT": "1600MiB"},
            ),
            replicas=3,
        ),
        rollouts_per_week=0.25,
        manager="helm",
    ),
    WorkloadSpec(
        "platform",
        "DaemonSet",
        "node-exporter",
        one(
            ContainerSpec(
                "node-exporter",
                "quay.io/prometheus/node-exporter:v1.10.0",
                Load(0.006, 0.008, "flat", 0.08),
                Footprint("flat", 0.02),
                "50m 64Mi",
                "- 128Mi",
            )
        ),
        pool="every",
        manager="helm",
    ),
    WorkloadSpec(
        "platform",
        "DaemonSet",
        "fluent-bit",
        one(
            ContainerSpec(
                "fluent-bit",
                "docker.io/fluent/fluent-bit:4.1.0",
                Load(0.01, 0.05, "consumer"),
                Footprint("flat", 0.05),
                "100m 128Mi",
                "- 256Mi",
            )
        ),
        pool="every",
        rollouts_per_week=0.25,
        manager="helm",
    ),
    WorkloadSpec(
        "platform",
        "DaemonSet",
        "dcgm-exporter",
        one(
            ContainerSpec(
                "exporter",
                "nvcr.io/nvidia/k8s/dcgm-exporter:4.4.1-4.5.2",
                Load(0.01, 0.012, "flat"),
                Footprint("flat", 0.35),
                "100m 512Mi",
                "- 1Gi",
            )
        ),
        pool="every-gpu",
        manager="helm",
    ),
    WorkloadSpec(
        "platform",
        "Deployment",
        "kube-state-metrics",
        one(
            ContainerSpec(
                "kube-state-metrics",
                "registry.k8s.io/kube-state-metrics/kube-state-metrics:v2.20.0",
                Load(0.01, 0.015, "flat"),
                Footprint("flat", 0.13),
                "100m 512Mi",
                "- 512Mi",
            )
        ),
        manager="helm",
    ),
    WorkloadSpec(
        "platform",
        "Deployment",
        "keda-operator",
        one(
            ContainerSpec(
                "operator",
                "ghcr.io/kedacore/keda:2.18.0",
                Load(0.01, 0.02, "flat"),
                Footprint("flat", 0.1),
                "100m 256Mi",
                "1 1Gi",
            )
        ),
        manager="helm",
    ),
    WorkloadSpec(
        "platform",
        "Deployment",
        "registry-cache",
        one(
            ContainerSpec(
                "registry",
                "docker.io/library/registry:3.0.0",
                Load(0.01, 0.5, "bursty"),
                Footprint("load", 0.1, 0.6),
                "500m 2Gi",
                "- 2Gi",
            )
        ),
        manager="",
    ),
)

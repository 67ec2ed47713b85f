"""Namespace ``inference``: what answers users, on CPU and on GPUs."""

from planner.collectors.sample.spec import ContainerSpec, Footprint, GpuUse, Load, Scaling, Volume, WorkloadSpec, one

FAKE_KEY = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
"""The example key of AWS's own documentation: looks like a secret, is none."""


def _mesh(idle: float, peak: float) -> ContainerSpec:
    return ContainerSpec(
        "istio-proxy",
        "docker.io/istio/proxyv2:1.29.1",
        Load(idle, peak, "consumer"),
        Footprint("flat", 0.07),
        "100m 128Mi",
        "2 1Gi",
        injected=True,
    )


def _token_agent() -> ContainerSpec:
    return ContainerSpec(
        "token-agent",
        "registry.example.com/platform/token-agent:2.3.0",
        Load(0.002, 0.004, "flat"),
        Footprint("flat", 0.03),
        "50m 64Mi",
        "- 128Mi",
        role="sidecar",
    )


def _weights(gib: float, steps: int) -> ContainerSpec:
    return ContainerSpec(
        "download-weights",
        "registry.example.com/ml/weights:1.8.2",
        Load(0.8, 1.6, "flat"),
        Footprint("flat", gib),
        "1 2Gi",
        "- 4Gi",
        role="init",
        init_steps=steps,
    )


INFERENCE = (
    WorkloadSpec(
        "inference",
        "Deployment",
        "model-gateway",
        one(
            ContainerSpec(
                "gateway",
                "registry.example.com/inference/model-gateway:5.12.0",
                Load(0.03, 0.52, "consumer", 0.10, growth_per_week=0.03),
                Footprint("load", 0.45, 0.75),
                "1 2Gi",
                "2 2Gi",
                env={"LOG_LEVEL": "info", "BILLING_API_SECRET": FAKE_KEY},
            ),
            _mesh(0.01, 0.06),
            replicas=8,
        ),
        scaling=Scaling("hpa", 6, 16, 60),
        rollouts_per_week=1.5,
        manager="helm",
        min_available="75%",
        priority_class="serving-critical",
    ),
    WorkloadSpec(
        "inference",
        "Deployment",
        "embedding-service",
        one(
            ContainerSpec(
                "embedder",
                "registry.example.com/inference/embedding-service:3.4.1",
                Load(0.08, 1.35, "consumer", 0.12),
                Footprint("load", 2.2, 2.7),
                "2 4Gi",
                "- 6Gi",
            ),
            replicas=7,
        ),
        scaling=Scaling("hpa", 3, 12, 70),
        rollouts_per_week=1.0,
        min_available="2",
        priority_class="serving-critical",
        startup_seconds=75,
    ),
    WorkloadSpec(
        "inference",
        "Deployment",
        "reranker",
        one(
            ContainerSpec(
                "reranker",
                "registry.example.com/inference/reranker:2.0.7",
                Load(0.15, 0.7, "consumer"),
                Footprint("flat", 5.6),
                "4 16Gi",
                "4 16Gi",
                gpus=1,
                gpu_use=GpuUse(0.01, 0.14, 6.1, "consumer"),
            ),
            replicas=2,
        ),
        pool="gpu-inference",
        rollouts_per_week=0.5,
        priority_class="serving-critical",
        startup_seconds=95,
    ),
    WorkloadSpec(
        "inference",
        "InferenceService",
        "llm-chat",
        one(
            _weights(1.1, 2),
            ContainerSpec(
                "kserve-container",
                "registry.example.com/inference/llm-server:0.14.2",
                Load(0.3, 1.9, "consumer"),
                Footprint("flat", 9.4),
                "6 24Gi",
                "- 24Gi",
                gpus=1,
                gpu_use=GpuUse(0.04, 0.62, 20.2, "consumer"),
            ),
            replicas=2,
        ),
        pool="gpu-inference",
        rollouts_per_week=0.5,
        priority_class="serving-critical",
        startup_seconds=640,
    ),
    WorkloadSpec(
        "inference",
        "Deployment",
        "image-classifier",
        one(
            ContainerSpec(
                "classifier",
                "registry.example.com/inference/image-classifier:1.1.3",
                Load(0.004, 0.008, "dead"),
                Footprint("flat", 1.9),
                "4 12Gi",
                "- 12Gi",
                gpus=1,
                gpu_use=GpuUse(0.0, 0.0, 3.2, "dead"),
            ),
        ),
        pool="gpu-inference",
    ),
    WorkloadSpec(
        "inference",
        "Deployment",
        "speech-to-text",
        one(
            ContainerSpec(
                "asr",
                "registry.example.com/inference/speech-to-text:4.2.0",
                Load(0.05, 1.4, "office"),
                Footprint("load", 3.1, 3.6),
                "6 16Gi",
                "8 20Gi",
                gpus=1,
                gpu_use=GpuUse(0.0, 0.32, 8.4, "office"),
            ),
        ),
        pool="gpu-inference",
        rollouts_per_week=0.5,
        startup_seconds=60,
    ),
    WorkloadSpec(
        "inference",
        "Deployment",
        "tokenizer",
        one(
            ContainerSpec(
                "tokenizer",
                "registry.example.com/inference/tokenizer:1.9.5",
                Load(0.02, 0.21, "consumer"),
                Footprint("flat", 0.34),
                "1 1Gi",
                "- 1Gi",
            ),
            replicas=3,
        ),
        rollouts_per_week=0.5,
        silent="gap",
    ),
    WorkloadSpec(
        "inference",
        "StatefulSet",
        "prompt-cache",
        one(
            ContainerSpec(
                "redis",
                "docker.io/library/redis:8.2.1",
                Load(0.02, 0.13, "consumer"),
                Footprint("cache", 1.2, 5.2, 70.0),
                "500m 12Gi",
                "- 12Gi",
            ),
            ContainerSpec(
                "redis-exporter",
                "docker.io/oliver006/redis_exporter:v1.80.0",
                Load(0.001, 0.002, "flat"),
                Footprint("flat", 0.02),
                "20m 64Mi",
                "- 64Mi",
            ),
            replicas=3,
        ),
        pool="memory",
        rollouts_per_week=0.25,
        manager="helm",
        volume=Volume("20Gi"),
        min_available="2",
    ),
    WorkloadSpec(
        "inference",
        "Deployment",
        "feature-server",
        one(
            _token_agent(),
            ContainerSpec(
                "server",
                "registry.example.com/inference/feature-server:7.1.0",
                Load(0.02, 0.44, "consumer", 0.15),
                Footprint("load", 0.3, 0.5),
                "800m 1536Mi",
                "2 2Gi",
                env={"GOMEMLIMIT": "1200MiB", "GOMAXPROCS": "2"},
            ),
            _mesh(0.008, 0.05),
            replicas=4,
        ),
        scaling=Scaling("hpa", 3, 10, 65, container="server"),
        rollouts_per_week=1.0,
    ),
    WorkloadSpec(
        "inference",
        "Rollout",
        "recommendation-api",
        one(
            ContainerSpec(
                "api",
                "registry.example.com/inference/recommendation-api:11.3.2",
                Load(0.05, 0.38, "consumer", 0.14),
                Footprint("load", 0.8, 1.15),
                "2 3Gi",
                "- 4Gi",
            ),
            replicas=4,
        ),
        rollouts_per_week=1.0,
        min_available="3",
    ),
    WorkloadSpec(
        "inference",
        "Deployment",
        "safety-filter",
        one(
            ContainerSpec(
                "filter",
                "registry.example.com/inference/safety-filter:2.6.0",
                Load(0.03, 0.3, "consumer"),
                Footprint("flat", 0.92),
                "400m 2Gi",
                "400m 2Gi",
            ),
            replicas=3,
        ),
        rollouts_per_week=0.5,
    ),
    WorkloadSpec(
        "inference",
        "StatefulSet",
        "vector-db",
        one(
            ContainerSpec(
                "vector-db",
                "registry.example.com/data/vector-db:1.17.3",
                Load(0.15, 0.9, "consumer"),
                Footprint("cache", 11.0, 17.5, 90.0),
                "4 48Gi",
                "- 56Gi",
            ),
            replicas=3,
        ),
        pool="memory",
        volume=Volume("500Gi"),
        min_available="2",
        priority_class="serving-critical",
    ),
    WorkloadSpec(
        "inference",
        "Deployment",
        "ab-router",
        one(
            ContainerSpec(
                "router",
                "registry.example.com/inference/ab-router:0.9.4",
                Load(0.01, 0.07, "consumer"),
                Footprint("flat", 0.11),
                "500m 512Mi",
                "1 512Mi",
            ),
            replicas=2,
        ),
        rollouts_per_week=0.5,
    ),
    WorkloadSpec(
        "inference",
        "VectorIndexer",
        "product-index",
        one(
            ContainerSpec(
                "indexer",
                "registry.example.com/search/indexer:0.4.0",
                Load(0.1, 0.55, "nightly"),
                Footprint("load", 1.4, 2.2),
                "2 6Gi",
                "- 8Gi",
            ),
            replicas=2,
        ),
        manager="",
    ),
    WorkloadSpec(
        "inference",
        "Deployment",
        "legacy-scorer",
        one(
            ContainerSpec(
                "scorer",
                "registry.example.com/inference/legacy-scorer:0.2.19",
                Load(0.02, 0.1, "office"),
                Footprint("flat", 0.5),
                "2 4Gi",
                "2 4Gi",
            ),
            replicas=2,
        ),
        manager="",
        annotations={"planner/opt-out": "true"},
    ),
    WorkloadSpec(
        "inference",
        "Deployment",
        "shadow-ranker",
        one(
            ContainerSpec(
                "ranker",
                "registry.example.com/inference/ranker:9.0.0-rc1",
                Load(0.05, 0.4, "consumer"),
                Footprint("flat", 1.0),
                "2 4Gi",
                "- 4Gi",
            ),
            replicas=0,
        ),
    ),
    WorkloadSpec(
        "inference",
        "Deployment",
        "guardrails",
        one(
            ContainerSpec(
                "guardrails",
                "registry.example.com/inference/guardrails:0.1.2",
                Load(0.04, 0.3, "consumer"),
                Footprint("flat", 0.7),
                "1 2Gi",
                "- 2Gi",
            ),
            replicas=2,
        ),
        last_days=3.5,
    ),
)

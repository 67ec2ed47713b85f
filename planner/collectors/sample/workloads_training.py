"""Namespace ``training``: jobs on GPUs and spot nodes, and what stands around them."""

from planner.collectors.sample.spec import ContainerSpec, Footprint, GpuUse, Load, Part, Schedule, WorkloadSpec, one

_RAY = "docker.io/rayproject/ray-ml:2.51.0"
_TRAINER = "registry.example.com/training/trainer:2026.9"


def _trainer(requests: str, limits: str, peak: float, ram: Footprint, **gpu: object) -> ContainerSpec:
    return ContainerSpec("pytorch", _TRAINER, Load(1.2, peak, "training", 0.05), ram, requests, limits, **gpu)  # type: ignore[arg-type]


TRAINING = (
    WorkloadSpec(
        "training",
        "PyTorchJob",
        "finetune-ranker",
        (
            Part(
                "Master",
                1,
                (
                    _trainer(
                        "24 96Gi",
                        "- 128Gi",
                        4.6,
                        Footprint("flat", 41.0),
                        gpus=4,
                        gpu_use=GpuUse(0.1, 0.94, 19.6, "training"),
                    ),
                ),
            ),
            Part(
                "Worker",
                1,
                (
                    _trainer(
                        "24 96Gi",
                        "- 128Gi",
                        4.3,
                        Footprint("flat", 38.0),
                        gpus=4,
                        gpu_use=GpuUse(0.1, 0.94, 19.4, "training"),
                    ),
                ),
            ),
        ),
        pool="gpu-training",
        manager="",
    ),
    WorkloadSpec(
        "training",
        "RayCluster",
        "hyperparam-search",
        (
            Part(
                "head",
                1,
                (
                    ContainerSpec(
                        "ray-head", _RAY, Load(0.1, 0.35, "bursty"), Footprint("load", 1.6, 2.4), "2 8Gi", "2 8Gi"
                    ),
                ),
            ),
            Part(
                "workers",
                2,
                (
                    ContainerSpec(
                        "ray-worker",
                        _RAY,
                        Load(0.2, 5.5, "bursty", 0.1),
                        Footprint("load", 6.0, 14.0),
                        "8 32Gi",
                        "8 32Gi",
                        gpus=1,
                        gpu_use=GpuUse(0.0, 0.85, 14.0, "bursty"),
                    ),
                ),
            ),
        ),
        pool="gpu-training",
        manager="",
    ),
    WorkloadSpec(
        "training",
        "CronJob",
        "nightly-retrain",
        one(
            ContainerSpec(
                "trainer",
                _TRAINER,
                Load(2.0, 6.5, "training", 0.06),
                Footprint("flat", 21.0),
                "12 48Gi",
                "- 64Gi",
                gpus=2,
                gpu_use=GpuUse(0.2, 0.88, 17.0, "training"),
            )
        ),
        pool="gpu-training",
        schedule=Schedule("0 2 * * *", (2.0,), 36),
    ),
    WorkloadSpec(
        "training",
        "CronJob",
        "eval-suite",
        one(
            ContainerSpec(
                "eval",
                "registry.example.com/training/eval:2026.9",
                Load(1.0, 3.4, "flat", 0.2),
                Footprint("load", 3.2, 4.4),
                "8 12Gi",
                "- 16Gi",
            )
        ),
        pool="compute-spot",
        schedule=Schedule("30 */6 * * *", (0.5, 6.5, 12.5, 18.5), 9),
    ),
    WorkloadSpec(
        "training",
        "Job",
        "dataset-shard",
        one(
            ContainerSpec(
                "shard",
                "registry.example.com/training/dataset-tools:3.0.0",
                Load(0.3, 2.6, "bursty", 0.2),
                Footprint("spikes", 1.5, 5.5, 6.0),
                "4 8Gi",
                "- 8Gi",
            ),
            replicas=3,
        ),
        pool="compute-spot",
        schedule=Schedule("", (40.0,), 100_000),
        manager="",
    ),
    WorkloadSpec(
        "training",
        "Job",
        "dataset-reshard-v3",
        one(
            ContainerSpec(
                "shard",
                "registry.example.com/training/dataset-tools:2.9.4",
                Load(0.5, 3.0, "flat", 0.2),
                Footprint("flat", 2.5),
                "4 8Gi",
                "- 8Gi",
            ),
            replicas=2,
        ),
        pool="compute-spot",
        schedule=Schedule("", (60.0,), 110),
        manager="",
        gone=True,
    ),
    WorkloadSpec(
        "training",
        "CronJob",
        "synthetic-rollouts",
        one(
            ContainerSpec(
                "simulator",
                "registry.example.com/training/simulator:0.8.0",
                Load(0.5, 2.8, "bursty", 0.15),
                Footprint("flat", 1.4),
                "4 4Gi",
                "4 4Gi",
            ),
            replicas=2,
        ),
        pool="compute-spot",
        schedule=Schedule("0 1,9,17 * * *", (1.0, 9.0, 17.0), 18),
    ),
    WorkloadSpec(
        "training",
        "Deployment",
        "mlflow",
        one(
            ContainerSpec(
                "migrate",
                "registry.example.com/training/mlflow:3.4.0",
                Load(0.2, 0.3, "flat"),
                Footprint("flat", 0.2),
                "250m 256Mi",
                "- 512Mi",
                role="init",
            ),
            ContainerSpec(
                "mlflow",
                "registry.example.com/training/mlflow:3.4.0",
                Load(0.02, 0.14, "office"),
                Footprint("flat", 0.62),
                "1 2Gi",
                "- 2Gi",
                env={"BACKEND_STORE_URI": "postgresql://mlflow:example-password@postgres.data.svc:5432/mlflow"},
            ),
            replicas=2,
        ),
        rollouts_per_week=0.25,
        manager="helm",
    ),
    WorkloadSpec(
        "training",
        "Deployment",
        "tensorboard",
        one(
            ContainerSpec(
                "tensorboard",
                "registry.example.com/training/tensorboard:2.20.0",
                Load(0.01, 0.12, "office"),
                Footprint("cache", 0.4, 1.1, 100.0),
                "500m 2Gi",
                "1 4Gi",
            )
        ),
        manager="",
    ),
    WorkloadSpec(
        "training",
        "Deployment",
        "checkpoint-uploader",
        one(
            ContainerSpec(
                "uploader",
                "registry.example.com/training/checkpoint-uploader:1.2.2",
                Load(0.02, 0.9, "bursty"),
                Footprint("load", 0.15, 0.6),
                "1 1Gi",
                "1 1Gi",
            )
        ),
    ),
    WorkloadSpec(
        "training",
        "Deployment",
        "data-augment",
        one(
            ContainerSpec(
                "augment",
                "registry.example.com/training/augment:4.0.1",
                Load(0.05, 2.9, "bursty", 0.2),
                Footprint("load", 0.9, 2.6),
                "4 6Gi",
                "- 8Gi",
            ),
            replicas=4,
        ),
        pool="compute-spot",
        rollouts_per_week=0.5,
    ),
    WorkloadSpec(
        "training",
        "Deployment",
        "training-operator",
        one(
            ContainerSpec(
                "manager",
                "docker.io/kubeflow/training-operator:v1.9.3",
                Load(0.005, 0.02, "flat"),
                Footprint("flat", 0.09),
                "200m 256Mi",
                "500m 512Mi",
            )
        ),
        manager="helm",
    ),
    WorkloadSpec(
        "training",
        "Deployment",
        "label-studio",
        one(
            ContainerSpec(
                "label-studio",
                "docker.io/heartexlabs/label-studio:1.21.0",
                Load(0.02, 0.25, "office"),
                Footprint("flat", 0.9),
                "1 3Gi",
                "2 4Gi",
            ),
            replicas=2,
        ),
        rollouts_per_week=0.25,
        manager="flux",
    ),
)

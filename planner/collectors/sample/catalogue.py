"""All workloads of the sample platform."""

from planner.collectors.sample.spec import WorkloadSpec
from planner.collectors.sample.workloads_data import DATA
from planner.collectors.sample.workloads_dev import DEV, STAGING
from planner.collectors.sample.workloads_inference import INFERENCE
from planner.collectors.sample.workloads_platform import PLATFORM
from planner.collectors.sample.workloads_training import TRAINING

WORKLOADS: tuple[WorkloadSpec, ...] = (*INFERENCE, *TRAINING, *DATA, *PLATFORM, *DEV, *STAGING)

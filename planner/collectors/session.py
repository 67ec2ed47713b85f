"""One collection: connect, ask the sources, merge, price, write; and the checks of ``planner doctor``."""

import shlex
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from planner.collectors.parts import Check, ObservedState, Progress, SilentProgress
from planner.config.settings import PrometheusSettings, Settings
from planner.errors import ConfigError, PlannerError, SourceError, SourceUnreachable
from planner.snapshot.header import Header, Metric, SourceWarning
from planner.snapshot.write import SnapshotWriter

if TYPE_CHECKING:
    from planner.collectors.prometheus.client import PrometheusClient

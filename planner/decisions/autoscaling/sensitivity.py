"""How the figures move around a choice: the neighbours that a reviewer asks about, replayed together."""

from dataclasses import dataclass, replace

from numpy.typing import ArrayLike

from planner.evidence.autoscaling.behaviour import Behaviour, default_down
from planner.evidence.autoscaling.chain import LatencyChain
from planner.evidence.autoscaling.lanes import make_lanes
from planner.evidence.autoscaling.replay import replay
from planner.evidence.autoscaling.setting import Setting


@dataclass(frozen=True, slots=True)
class Neighbour:
    """One change of one dial and what the replay shows for it."""

    change: str
    replica_hours: float
    violation_seconds: float
    worst_seconds: float


def neighbours(setting: Setting, chain: LatencyChain) -> dict[str, tuple[Setting, LatencyChain]]:
    """The choice and its neighbours: target +-10, minimum +-1, window x2, pod start x2; what cannot be is left out."""
    found = {"chosen": (setting, chain)}
    for points in (-10, 10):
        if setting.target_percent + points >= 1:
            found[f"target {points:+d}"] = (replace(setting, target_percent=setting.target_percent + points), chain)
    for pods in (-1, 1):
        if 1 <= setting.minimum + pods <= setting.maximum:
            found[f"minimum {pods:+d}"] = (replace(setting, minimum=setting.minimum + pods), chain)
    behaviour = setting.behaviour or Behaviour(down=default_down(setting.legacy_window_seconds))
    doubled = min(3600.0, max(2.0 * behaviour.down.window_seconds, chain.sync_seconds))
    longer = replace(behaviour, down=replace(behaviour.down, window_seconds=doubled))
    found["window x2"] = (replace(setting, behaviour=longer), chain)
    found["pod start x2"] = (setting, replace(chain, pod_start_seconds=2.0 * chain.pod_start_seconds))
    return found


def sensitivity(demand_m: ArrayLike, setting: Setting, chain: LatencyChain, hold_steps: int) -> list[Neighbour]:
    """Replay the choice and its neighbours on one demand, (value,) millicores."""
    around = neighbours(setting, chain)
    settings, chains = zip(*around.values(), strict=True)
    outcome = replay(demand_m, make_lanes(list(settings), list(chains)), hold_steps=hold_steps)
    figures = zip(outcome.replica_hours, outcome.violation_seconds, outcome.worst_seconds, strict=True)
    return [
        Neighbour(change, float(hours), float(lost), float(worst))
        for change, (hours, lost, worst) in zip(around, figures, strict=True)
    ]

"""What the planner does, as plain functions: the command line and the dashboard both call these."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from planner.errors import UsageError
from planner.shipped import shipped

if TYPE_CHECKING:
    from planner.collectors.parts import Check, Progress
    from planner.config.layers import EffectivePolicy
    from planner.config.policy import Policy
    from planner.config.settings import Settings
    from planner.decisions.scope import Scope
    from planner.domain.keys import TargetQuery
    from planner.evidence.autoscaling.drawing import ReplayForPlot
    from planner.patches.export import ExportSummary
    from planner.plan.backtest import BacktestReport
    from planner.plan.frozen import Target
    from planner.plan.schema import Finding, NotRecommended, Plan, Recommendation
    from planner.plan.simulation import Simulation
    from planner.reports.explain import UsageForPlot
    from planner.snapshot.header import Header
    from planner.snapshot.read import Snapshot


def sample_folder() -> Path:
    """The synthetic ML platform that travels with the program."""
    return shipped("data") / "samples" / "ml-platform"


def open_snapshot(folder: Path) -> "Snapshot":
    """Open a snapshot folder; see :func:`planner.snapshot.read.read_snapshot`."""
    from planner.snapshot.read import read_snapshot

    return read_snapshot(folder)


def collect(settings: "Settings", folder: Path, *, progress: "Progress | None" = None) -> "Header":
    """Observe a cluster into a folder; see :func:`planner.collectors.session.collect`."""
    from planner.collectors.session import collect as observe

    return observe(settings, folder, progress=progress)


def diagnose(settings: "Settings") -> "list[Check]":
    """Check every source; see :func:`planner.collectors.diagnosis.diagnose`."""
    from planner.collectors.diagnosis import diagnose as check

    return check(settings)


def load_policy(path: Path | None) -> "Policy":
    """The operator's policy, or the built-in one."""
    from planner.config.load import load_policy as load

    return load(path)


def recommend(
    snapshot: "Snapshot",
    policy: "Policy",
    scope: "Scope | None" = None,
    *,
    backend: str = "scipy",
    created_at: float | None = None,
) -> "Plan":
    """Make the plan; ``created_at`` (Unix seconds) is noted but does not count."""
    from datetime import UTC, datetime

    from planner import __version__
    from planner.decisions.recommend import recommend as decide

    plan = decide(snapshot, policy, scope, backend=backend)
    moment = datetime.fromtimestamp(time.time() if created_at is None else created_at, tz=UTC).replace(microsecond=0)
    return plan.model_copy(update={"created_at": moment, "planner_version": __version__})


def simulate(
    snapshot: "Snapshot",
    policy: "Policy",
    *,
    lost_zones: Sequence[str] = (),
    manifests: Sequence[Path] = (),
    growth: float = 1.0,
    price_file: Path | None = None,
    protected_share: float | None = None,
) -> "Simulation":
    """Answer a what-if; see :mod:`planner.decisions.what_if`.

    Raises:
        UsageError: a file, a zone or a workload that cannot be used.
    """
    from planner.collectors.kubernetes.manifests import read_manifests
    from planner.decisions.what_if import WhatIf
    from planner.decisions.what_if import simulate as answer

    added = tuple(w for path in manifests for w in read_manifests(path, snapshot.header.cluster))
    words = [f"zone {zone} is lost" for zone in sorted(lost_zones)]
    words += [f"{w.namespace}/{w.kind}/{w.name} runs besides" for w in added]
    words += [f"{growth:g} times the pods"] if growth != 1.0 else []
    words += [f"prices of {price_file.name}"] if price_file is not None else []
    words += [f"protected_share {protected_share:g}"] if protected_share is not None else []
    question = WhatIf(
        lost_zones=frozenset(lost_zones),
        growth=growth,
        added=added,
        protected_share=protected_share,
        repriced=None if price_file is None else _repriced(snapshot, policy, price_file),
        words=tuple(words),
    )
    return answer(snapshot, policy, question)


def _repriced(snapshot: "Snapshot", policy: "Policy", price_file: Path) -> "Snapshot":
    """The snapshot with the prices of a file; nodes that it does not name keep theirs."""
    from planner.collectors.prices.assign import assign_prices
    from planner.collectors.prices.price_file import read_price_file
    from planner.domain.catalogue import Catalogue

    rows = read_price_file(price_file)
    priced, _ = assign_prices(snapshot.nodes, catalogue=Catalogue({}, {}), price_rows=rows, currency=policy.currency)
    nodes = [new if new.price is not None else old for new, old in zip(priced, snapshot.nodes, strict=True)]
    return snapshot.with_nodes(nodes)


def backtest(
    snapshot: "Snapshot",
    policy: "Policy",
    scope: "Scope | None" = None,
    *,
    methods: Sequence[str] | None = None,
    frontiers: bool = False,
    per_container: bool = False,
) -> "BacktestReport":
    """Judge recommendations by days held back; see :mod:`planner.decisions.backtest_report`.

    Args:
        snapshot: what was observed.
        policy: what the planner's rule follows.
        scope: workloads to judge.
        methods: baselines beside the planner and today; ``None`` = all.
        frontiers: whether to turn the dials of all rules as well.
        per_container: whether to list every container under every rule.

    Raises:
        UsageError: no baseline has one of these names.
    """
    from planner.decisions.backtest_report import backtest_snapshot
    from planner.decisions.baselines.registry import METHODS

    chosen = METHODS if methods is None else tuple(methods)
    unknown = sorted(set(chosen) - set(METHODS))
    if unknown:
        raise UsageError(f"no baseline named {unknown[0][:40]!r}", fix=f"one of {', '.join(METHODS)}")
    return backtest_snapshot(snapshot, policy, scope, methods=chosen, frontiers=frontiers, per_container=per_container)


def export(plan: "Plan", folder: Path) -> "ExportSummary":
    """Write the plan's patches."""
    from planner.patches.export import export_patches

    return export_patches(plan, folder)


def policy_for(snapshot_folder: Path, policy_path: Path | None, target_text: str) -> "EffectivePolicy":
    """The policy of one workload of a snapshot, each value with its origin.

    Raises:
        UsageError: the snapshot has no such workload.
    """
    from planner.domain.keys import parse_target

    query = parse_target(target_text)
    snapshot = open_snapshot(snapshot_folder)
    policy = load_policy(policy_path)
    labels = {namespace.name: namespace.labels for namespace in snapshot.namespaces}
    for workload in snapshot.workloads:
        if query.matches(workload.key):
            return policy.resolve(workload.namespace, labels.get(workload.namespace, {}), workload.annotations)
    raise _unknown_target(query, [str(workload.key) for workload in snapshot.workloads])


def find_in_plan(
    plan: "Plan", query: "TargetQuery"
) -> "tuple[list[Recommendation], list[NotRecommended], list[Finding]]":
    """Everything that a plan says about a workload or a container.

    Raises:
        UsageError: it says nothing; close names are offered.
    """
    from planner.plan.frozen import Target

    def about(target: Target) -> bool:
        named = (target.namespace, target.kind.lower(), target.name) == (
            query.namespace,
            query.kind.lower(),
            query.name,
        )
        return named and (query.container is None or target.container in (query.container, None))

    recommendations = [
        r
        for r in plan.recommendations
        if about(r.target) or (r.autoscaler is not None and about(r.autoscaler.workload))
    ]
    refusals = [n for n in plan.not_recommended if about(n.target)]
    findings = [f for f in plan.findings if about(f.target)]
    if not recommendations and not refusals and not findings:
        known = {
            f"{t.namespace}/{t.kind}/{t.name}"
            for t in [r.target for r in plan.recommendations] + [n.target for n in plan.not_recommended]
        }
        raise _unknown_target(query, sorted(known))
    return recommendations, refusals, findings


def replays_of(snapshot: "Snapshot", recommendations: "Sequence[Recommendation]") -> "dict[str, ReplayForPlot]":
    """Id of each autoscaler's recommendation -> its replay, for plots."""
    if not any(item.autoscaler is not None for item in recommendations):
        return {}
    from planner.decisions.autoscaling.drawn import replay_for_plot

    found = {item.id: replay_for_plot(snapshot, item) for item in recommendations}
    return {key: drawn for key, drawn in found.items() if drawn is not None}


def _unknown_target(query: "TargetQuery", known: Sequence[str]) -> UsageError:
    import difflib

    wanted = f"{query.namespace}/{query.kind}/{query.name}"
    close = difflib.get_close_matches(wanted, known, n=3, cutoff=0.5)
    fix = f"did you mean {', '.join(close)}?" if close else "`planner recommend -o wide` lists them"
    return UsageError(f"nothing is known of {wanted}", fix=fix)


def usage_of(snapshot: "Snapshot", targets: "Sequence[Target]") -> "dict[str, UsageForPlot]":
    """Container name -> its usage over all its pods, for plots."""
    from planner.reports.usage_series import usage_for_plot

    found = {target.container or "": usage_for_plot(snapshot, target) for target in targets}
    return {name: usage for name, usage in found.items() if usage is not None}

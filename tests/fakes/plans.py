"""Plans for tests of everything that reads one: small, made by hand, with every way to reach an object.

``sample_plan()`` is a plausible cluster: three namespaces, a proxy beside the app, a native sidecar and an
init container, limits that go away, a custom resource, and a container that no patch can reach.
``hostile_plan()`` puts what an attacker may write into every text.
"""

from datetime import UTC, datetime
from typing import Any

from planner.plan.files import recommendation_id, with_id
from planner.plan.frozen import Target
from planner.plan.schema import (
    BacktestLine,
    Bill,
    BudgetUse,
    Confidence,
    Detail,
    Evidence,
    Expectation,
    Kind,
    NotRecommended,
    Plan,
    PlanWarning,
    PriceUse,
    Reason,
    Recommendation,
    RiskSummary,
    Window,
)

CLUSTER = "prod-eu"
START = datetime(2026, 3, 1, tzinfo=UTC)
END = datetime(2026, 3, 15, tzinfo=UTC)
HOSTILE_TEXT = "x\n- evil: true\r\t\x1b[31mred\x9b2J\u202e`|<script>alert(1)</script>\u2028=cmd @all #"

Values = dict[str, dict[str, str]]


def values(cpu: str = "", memory: str = "", cpu_limit: str = "", memory_limit: str = "") -> Values:
    """Requests and limits of a container; empty = not set."""
    requests = {"cpu": cpu, "memory": memory}
    limits = {"cpu": cpu_limit, "memory": memory_limit}
    return {
        "requests": {name: value for name, value in requests.items() if value},
        "limits": {name: value for name, value in limits.items() if value},
    }


def route(names: list[str], container: str, **changes: Any) -> dict[str, Any]:
    """The ``patch`` of a recommendation: its list of containers by name, and how it is reached."""
    plain: dict[str, Any] = {
        "method": "strategic-merge",
        "template_path": "spec.template",
        "container_list": "containers",
        "container_index": names.index(container),
        "container_names": names,
        "why_none": "",
    }
    return plain | changes


def evidence(confidence: Confidence = Confidence.HIGH, **changes: Any) -> Evidence:
    """Two weeks at five minutes."""
    plain: dict[str, Any] = {
        "first": START,
        "last": END,
        "days": 14.0,
        "samples": 16128,
        "pods": 12,
        "coverage": 0.987,
        "confidence": confidence,
        "observed": {"cpu_cores_p50": 0.12, "cpu_cores_p99": 0.41, "memory_bytes_max": 419430400.0},
        "expected_incidents": (
            Expectation(name="oom_kill_days_per_30_days", current=0.0, proposed=0.002),
            Expectation(name="cpu_shortage_core_seconds_per_day", current=0.0, proposed=48.5),
        ),
        "backtest": BacktestLine(
            folds=2,
            days=14.0,
            memory_incident_days=0.0,
            memory_incident_days_today=1.0,
            memory_relative_slack=0.142,
            cpu_shortage_core_seconds_per_day=52.4,
            cpu_shortage_core_seconds_per_day_today=0.0,
            cpu_short_share=0.0121,
            cpu_relative_slack=-0.04,
        ),
    }
    return Evidence(**(plain | changes))


def recommendation(
    place: str,
    current: Values,
    proposed: Values,
    patch: dict[str, Any],
    freed: float,
    *,
    api_version: str = "apps/v1",
    replicas: float = 3.0,
    details: tuple[Detail, ...] | None = None,
    seen: Evidence | None = None,
) -> Recommendation:
    """A change of the container at ``namespace/Kind/name/container``."""
    namespace, kind, name, container = place.split("/")
    target = Target(
        cluster=CLUSTER, api_version=api_version, kind=kind, namespace=namespace, name=name, container=container
    )
    return Recommendation(
        id=recommendation_id("requests", target),
        kind=Kind.REQUESTS,
        target=target,
        replicas=replicas,
        current=current,
        proposed=proposed,
        reason=Reason(text="cpu: covers 99.2% of its samples", details=_details(proposed, current, details)),
        evidence=seen or evidence(),
        freed_value_per_month=freed,
        patch=patch,
    )


def _details(proposed: Values, current: Values, given: tuple[Detail, ...] | None) -> tuple[Detail, ...]:
    if given is not None:
        return given
    made = []
    if "cpu" in proposed["requests"]:
        text = "covers 99.2% of its samples (median 120m); a missing core-hour is priced 20 x a spare one"
        numbers: dict[str, float | int | str | None] = {"chosen": 0.5, "before_rounding": 0.4873, "ceiling": 15.89}
        made.append(Detail(field="requests.cpu", code="risk_price", text=text, numbers=numbers))
    if "memory" in proposed["requests"]:
        text = "highest peak seen 400Mi and 15% over it"
        made.append(
            Detail(field="requests.memory", code="peak", text=text, numbers={"chosen": 482344960, "floor": 482344960})
        )
    if "cpu" in current["limits"] and "cpu" not in proposed["limits"]:
        made.append(Detail(field="limits.cpu", code="policy_none", text="the policy wants no limit"))
    if "memory" in proposed["limits"]:
        made.append(Detail(field="limits.memory", code="keep_ratio", text="keeps its ratio of 2 to the request"))
    return tuple(made)


def sample_recommendations() -> tuple[Recommendation, ...]:
    """Every way to reach an object."""
    web = ["istio-proxy", "web", "log-shipper"]
    inits = ["migrate", "warm-cache", "mesh"]
    return (
        recommendation(
            "shop/Deployment/web/web",
            values("2", "4Gi", "4", "8Gi"),
            values("500m", "460Mi", "", "920Mi"),
            route(web, "web"),
            1243.5,
            replicas=12.0,
        ),
        recommendation(
            "shop/Deployment/web/warm-cache",
            values("1", "1Gi"),
            values("250m", "512Mi"),
            route(inits, "warm-cache", container_list="initContainers"),
            0.0,
            replicas=12.0,
        ),
        recommendation(
            "shop/StatefulSet/cart-db/postgres",
            values("4", "16Gi", "4", "16Gi"),
            values("2500m", "12Gi", "2500m", "12Gi"),
            route(["postgres"], "postgres"),
            312.25,
        ),
        recommendation(
            "shop/CronJob/nightly-report/report",
            values("", "256Mi", "", "512Mi"),
            values("100m", "640Mi", "", "1280Mi"),
            route(["report"], "report", template_path="spec.jobTemplate.spec.template"),
            -18.4,
            api_version="batch/v1",
            replicas=0.2,
            seen=evidence(
                Confidence.LOW,
                days=5.5,
                coverage=0.62,
                expected_incidents=(Expectation(name="oom_kill_days_per_30_days", current=4.3, proposed=0.1),),
                backtest=None,
                notes=("its pods differ: the highest memory peak is 2.4 x the median pod's",),
            ),
        ),
        recommendation(
            "ml/Rollout/ranker/server",
            values("8", "32Gi", "", "32Gi"),
            values("3", "20Gi", "", "20Gi"),
            route(["server", "metrics"], "server", method="json-patch"),
            655.0,
            api_version="argoproj.io/v1alpha1",
        ),
        recommendation(
            "ml/PyTorchJob/train-nightly/pytorch",
            values(),
            values("6", "48Gi"),
            route(
                ["pytorch"],
                "pytorch",
                method="json-patch",
                template_path="spec.pytorchReplicaSpecs.Worker.template",
                resource_maps=["resources", "limits"],
            ),
            -120.0,
            api_version="kubeflow.org/v1",
            seen=evidence(Confidence.MEDIUM, expected_incidents=(), backtest=None),
        ),
        recommendation(
            "legacy/Pod/debug-shell/shell",
            values("1", "1Gi"),
            values("50m", "64Mi"),
            route(["shell"], "shell", method="none", why_none="a bare pod has no template"),
            31.0,
            api_version="v1",
            replicas=1.0,
        ),
    )


def sample_not_recommended() -> tuple[NotRecommended, ...]:
    """Three reasons, one of them often."""

    def target(namespace: str, name: str, container: str | None) -> Target:
        return Target(
            cluster=CLUSTER,
            api_version="apps/v1",
            kind="Deployment",
            namespace=namespace,
            name=name,
            container=container,
        )

    scaled = "HorizontalPodAutoscaler {0} scales on its cpu utilisation at 70 %; the request can only move with it"
    return (
        *(
            NotRecommended(
                target=target("shop", name, "app"),
                fields=("requests.cpu",),
                reason="hpa_on_same_metric",
                text=scaled.format(name),
            )
            for name in ("checkout", "frontend", "payment", "search")
        ),
        NotRecommended(
            target=target("shop", "web", "istio-proxy"),
            fields=("requests.cpu", "requests.memory"),
            reason="injected_container",
            text="it is not in the pod template: a webhook injects it",
            fix="size it where the injector is configured",
        ),
        NotRecommended(
            target=target("ml", "notebook", "notebook"),
            fields=("requests.cpu", "requests.memory"),
            reason="too_little_data",
            text="0.8 days of cpu usage, the policy asks for 3",
            fix="wait, or lower evidence.min_days",
        ),
    )


def sample_risk(scope: str = "shop") -> RiskSummary:
    """Risk that falls for memory and grows for CPU, a budget kept, one that binds and one exceeded."""
    kills, short = "OOM kills per 1,000 container-days", "core-seconds of CPU shortage a day"
    return RiskSummary(
        oom_kills_per_1000_container_days_now=4.62,
        oom_kills_per_1000_container_days=0.487,
        cpu_shortage_core_seconds_per_day_now=3.0,
        cpu_shortage_core_seconds_per_day=12_345.6,
        worst_1pct_oom_days_per_30_days=0.1,
        largest_tenth_share_of_oom_days=0.173,
        budgets=(
            BudgetUse(
                scope="fleet", resource="memory", unit=kills, budget=0.5, expected=0.487, exceeded=False,
                saving_of_one_more=12.3,
            ),
            BudgetUse(
                scope="fleet", resource="cpu", unit=short, budget=50_000, expected=12_345.6, exceeded=False,
                saving_of_one_more=0.0,
            ),
            BudgetUse(
                scope=scope, resource="memory", unit=kills, budget=0.01, expected=0.0421, exceeded=True,
                saving_of_one_more=250.0,
            ),
        ),
    )  # fmt: skip


def sample_plan(**changes: Any) -> Plan:
    """The plan of a plausible cluster."""
    content: dict[str, Any] = {
        "cluster": CLUSTER,
        "snapshot_id": "snap-5f3c9a1e7b2d4c60",
        "window": Window(start=START, end=END, step_seconds=300),
        "policy_id": "policy-88aa12bc",
        "policy": {"currency": "USD"},
        "bill": Bill(
            currency="USD",
            basis="requests",
            current_per_month=9_412.75,
            planned_per_month=7_309.40,
            nodes_per_month=12_960.0,
            unpriced_nodes=("edge-1",),
            unpriced_workloads=2,
            prices=(
                PriceUse(
                    pool="general",
                    instance_type="m6i.4xlarge",
                    zone="eu-west-1a",
                    purchase="on-demand",
                    nodes=12,
                    amount_per_hour=0.856,
                    source="catalogue",
                    as_of="2026-03-01",
                    core_per_hour=0.0396,
                    gib_per_hour=0.00346,
                ),
            ),
            notes=("basis `requests`: the value of what pods request, at the prices of their nodes.",),
        ),
        "totals": {
            "workloads": 14.0,
            "containers": 31.0,
            "pods": 88.4,
            "nodes": 13.0,
            "requested_cpu_cores": 212.5,
            "planned_cpu_cores": 151.25,
            "used_cpu_cores": 68.4,
            "requested_memory_gib": 812.0,
            "planned_memory_gib": 604.5,
            "used_memory_gib": 388.1,
        },
        "risk": sample_risk(),
        "recommendations": sample_recommendations(),
        "not_recommended": sample_not_recommended(),
        "warnings": (
            PlanWarning(
                code="price_unknown",
                text="1 nodes have no known price",
                costs="their workloads are sized, but left out of the bill",
                fix="give the prices with --price-file",
                objects=("edge-1",),
            ),
        ),
    }
    return with_id(Plan(**(content | changes)))


def hostile_plan() -> Plan:
    """Names and texts that no API server would let pass, and some that it would."""
    names = [
        "../../etc/passwd",
        "..",
        "con",
        "CON",
        "Web",
        "web",
        "wEb",
        "on",
        "null",
        "0x10",
        "1e3",
        "y",
        "a" * 300,
        "日本語の名前",
        "e\u0301" * 40,
        "👩‍🚀" * 30,
        HOSTILE_TEXT,
        "-rf",
        "$(reboot)`id`;'",
        '{"a": [',
        "# comment",
        "*.*",
        "web.v1",
        "\ud800",
    ]
    made = [_hostile_change(name, namespace) for name in names for namespace in ("shop", name)]
    left = tuple(
        NotRecommended(target=r.target, fields=(HOSTILE_TEXT,), reason=f"code-{name}", text=name, fix=name)
        for r, name in zip(made[::2], names, strict=True)
    )
    warning = PlanWarning(
        code=HOSTILE_TEXT, text=HOSTILE_TEXT, costs=HOSTILE_TEXT, fix=HOSTILE_TEXT, objects=tuple(names)
    )
    plan = sample_plan(cluster=HOSTILE_TEXT, snapshot_id="=1+1", recommendations=(), not_recommended=())
    content = {"recommendations": tuple(made), "not_recommended": left, "warnings": (warning,)}
    content |= {"risk": sample_risk(scope=HOSTILE_TEXT)}
    return plan.model_copy(update={**content, "plan_id": "plan-0123456789abcdef"})


def _hostile_change(name: str, namespace: str) -> Recommendation:
    target = Target(
        cluster=HOSTILE_TEXT, api_version="apps/v1", kind="Deployment", namespace=namespace, name=name, container=name
    )
    why = tuple(
        Detail(field=field, code="x", text=HOSTILE_TEXT, numbers={HOSTILE_TEXT: HOSTILE_TEXT})
        for field in ("requests.cpu", "limits.memory")
    )
    return Recommendation(
        id=f"requests-{len(name)}",
        kind=Kind.REQUESTS,
        target=target,
        replicas=1.0,
        current=values("1", "1Gi", "2", "2Gi"),
        proposed=values("2", "1e3", "", "0x10"),
        reason=Reason(text=HOSTILE_TEXT, details=why),
        evidence=evidence(notes=(HOSTILE_TEXT,), observed={HOSTILE_TEXT: 1.0}),
        freed_value_per_month=1.0,
        patch=route([name], name),
    )

"""What OOM kills ask for, how long, and where more memory is not the answer."""

import numpy as np
import pandas as pd
import pytest
from fakes.snapshots import GIB, MIB, START, STEPS, container, make_snapshot, oom_event, pods_of, workload

from planner.config.workload_policy import RequestsPolicy
from planner.decisions.bounds import OomEvidence, oom_evidence
from planner.decisions.recommend import recommend
from planner.domain.node import Node, Price
from planner.domain.policy_objects import LimitRangeItem
from planner.domain.workload import Resources
from planner.snapshot.header import Metric
from tests.decisions.without_pools import requests_only

DAY = 86_400.0
NOW = START + 60 * DAY
NAN = float("nan")
WEB = workload("web")
POLICY = RequestsPolicy()  # factor 1.2, held 14 days, faded over 28 more


def kill(days_ago, limit=NAN, count=1.0):
    return oom_event(WEB, "web-0", "app", NOW - days_ago * DAY, limit) | {"count": count}


def evidence(*events, today=None, policy=POLICY, image_since=-np.inf):
    return oom_evidence(pd.DataFrame(list(events)), today, policy, NOW, image_since)


@pytest.mark.parametrize(
    ("days_ago", "weight"),
    [(0, 1.0), (14, 1.0), (21, 0.75), (28, 0.5), (35, 0.25), (42, 0.0), (59, 0.0), (-1, 1.0)],
)
def test_a_kill_holds_for_two_weeks_and_fades_over_four(days_ago, weight):
    """1.2 x 1,000 = 1,200 bytes, less by a 28th a day from day 14 on."""
    found = evidence(kill(days_ago, 1000.0))
    assert found == OomEvidence(pytest.approx(1200.0 * weight), 1, rising=False)


def test_the_policy_sets_factor_and_times():
    """Factor 2, held for a day, faded over two: 2,000, and half of it after two days. Without a fade it just ends."""
    policy = RequestsPolicy(oom_factor=2, oom_hold_days=1, oom_fade_days=2)
    assert evidence(kill(1, 1000.0), policy=policy).floor == 2000.0
    assert evidence(kill(2, 1000.0), policy=policy).floor == pytest.approx(1000.0)
    at_once = RequestsPolicy(oom_hold_days=1, oom_fade_days=0)
    assert evidence(kill(1, 1000.0), policy=at_once).floor == 1200.0
    assert evidence(kill(1.01, 1000.0), policy=at_once).floor == 0.0


def test_a_new_image_releases_the_kills_before_it():
    """The kill of ten days ago was of the image before; that of two days ago at 500 is of the present one."""
    events = [kill(10, 1000.0), kill(2, 500.0)]
    assert evidence(*events).floor == 1200.0
    assert evidence(*events, image_since=NOW - 5 * DAY).floor == 600.0
    assert evidence(*events, image_since=NOW - 2 * DAY).floor == 600.0  # at the very moment it came
    found = evidence(*events, image_since=NOW - DAY)
    assert (found.floor, found.kills) == (0.0, 2)


def test_the_floor_is_the_highest_that_still_holds():
    """28 days ago at 2,000: 2,400 / 2 = 1,200. Yesterday at 900: 1,080."""
    assert evidence(kill(28, 2000.0), kill(1, 900.0)).floor == pytest.approx(1200.0)
    assert evidence(kill(35, 2000.0), kill(1, 900.0)).floor == pytest.approx(1080.0)


def test_a_limit_that_is_not_told_is_that_of_today():
    assert evidence(kill(1), today=700.0).floor == pytest.approx(840.0)
    assert evidence(kill(1), kill(2, 500.0), today=None).floor == pytest.approx(600.0)
    assert evidence(kill(1), today=None) == OomEvidence(0.0, 1, rising=False)


def test_repeated_kills_are_counted_and_other_events_are_not():
    restart = kill(1, 9000.0) | {"kind": "restart"}
    found = evidence(kill(3, 1000.0, count=4.0), kill(2, 1000.0), restart)
    assert found == OomEvidence(1200.0, 5, rising=False)
    assert evidence(restart) == OomEvidence()


@pytest.mark.parametrize(
    ("limits", "rising"),
    [
        ([1.0], False),
        ([1.0, 1.0, 1.0], False),
        ([1.0, 2.0], True),
        ([1.0, 1.0, 2.0, 2.0, 4.0], True),
        ([2.0, 1.0], False),
        ([1.0, 2.0, 1.0], False),  # back to the first limit: no rise that goes on
    ],
)
def test_kills_at_ever_higher_limits_are_rising(limits, rising):
    """In the order of time, however they are stored."""
    events = [kill(len(limits) - place, limit) for place, limit in enumerate(limits)]
    assert evidence(*events).rising is rising
    assert evidence(*events[::-1]).rising is rising


def test_kills_that_no_longer_count_make_no_rise():
    """The first was of another image, or is forgotten."""
    assert not evidence(kill(10, 1.0), kill(1, 2.0), image_since=NOW - 5 * DAY).rising
    assert not evidence(kill(50, 1.0), kill(1, 2.0)).rising
    assert evidence(kill(30, 1.0), kill(1, 2.0)).rising


TIME = 14 * STEPS
END = START + 14 * DAY
NODE = Node(
    "toy", "node-1", "p", allocatable=Resources(16.0, 4 * GIB), capacity=Resources(16.0, 4 * GIB),
    price=Price(0.8, "f", ""),
)  # fmt: skip
FLAT = np.full(TIME, 200.0 * MIB)
GROWING = 200.0 * MIB * (1 + np.repeat(np.arange(14), STEPS) / 10)


def plan_of(tmp_path, memory, limits, policy="{}", pods=None, **more):
    """One container with a limit of 4 GiB, killed at the given limits on the last days, one a day."""
    item = workload("web", container(cpu=0.1, memory=GIB, memory_limit=4 * GIB))
    events = [
        oom_event(item, "web-0", "app", END - (len(limits) - day) * DAY, limit) for day, limit in enumerate(limits)
    ]
    usage = {("shop", "web-0", "app"): {Metric.CPU: np.full(TIME, 0.1), Metric.MEMORY: memory}}
    more.setdefault("nodes", [NODE])
    pods = None if pods is None else pods(item)
    return recommend(
        make_snapshot(tmp_path / "s", [item], usage, events=events, pods=pods, **more), requests_only(policy)
    )


def memory_refusal(plan):
    return next((n for n in plan.not_recommended if "requests.memory" in n.fields), None)


def test_a_kill_at_the_size_of_the_node_asks_for_another_node(tmp_path):
    """1.2 x 4 GiB = 4.8 GiB, and the largest node has 4 GiB."""
    found = memory_refusal(plan_of(tmp_path, FLAT, [4.0 * GIB, 4.0 * GIB]))
    assert found.reason == "too_small_node"
    assert "2 OOM kills ask for 4.8Gi" in found.text


@pytest.mark.parametrize("case", ["limit_range", "policy"])
def test_a_ceiling_of_the_cluster_or_the_policy_is_named(tmp_path, case):
    """At most 4.5 GiB by a LimitRange or the policy, on a node of 64 GiB."""
    wide = Node("toy", "node-1", "p", allocatable=Resources(16.0, 64 * GIB), capacity=Resources(16.0, 64 * GIB))
    more = {"nodes": [wide]}
    if case == "limit_range":
        more["limit_ranges"] = [LimitRangeItem("toy", "shop", "lr", "Container", max={"memory": 4.5 * GIB})]
    else:
        more["policy"] = "defaults: {requests: {memory_max: 4608Mi}}"
    found = memory_refusal(plan_of(tmp_path, FLAT, [4.0 * GIB], **more))
    assert found.reason == "too_small_ceiling"


def test_kills_at_ever_higher_limits_up_to_the_node_are_a_leak(tmp_path):
    found = memory_refusal(plan_of(tmp_path, FLAT, [1.0 * GIB, 2.0 * GIB, 4.0 * GIB]))
    assert found.reason == "leak"
    assert "3 OOM kills ask for 4.8Gi" in found.text


def test_peaks_that_grow_day_by_day_up_to_the_node_are_a_leak(tmp_path):
    """20 MiB more every day."""
    found = memory_refusal(plan_of(tmp_path, GROWING, [4.0 * GIB]))
    assert found.reason == "leak"
    assert "grow by 20Mi a day" in found.text


def test_growth_that_passes_the_node_within_the_horizon_is_a_leak_before_anything_was_killed(tmp_path):
    """From 2,000 MiB by 150 MiB a day to 3,950 MiB on the 14th: seven days on it is 5,000 MiB, and the node has 4,096.
    With a horizon of two days it is 4,250 MiB, still too much; 300 MiB lower it would be 3,950 MiB, which fits."""
    growing = MIB * (2000.0 + 150.0 * np.repeat(np.arange(14), STEPS))
    found = memory_refusal(plan_of(tmp_path / "week", growing, []))
    assert found.reason == "leak"
    assert "grows by 150Mi a day" in found.text
    assert "within 7 days" in found.text
    assert memory_refusal(plan_of(tmp_path / "two", growing, [], "horizon_days: 2")).reason == "leak"
    fits = memory_refusal(plan_of(tmp_path / "fits", growing - 300 * MIB, [], "horizon_days: 2"))
    assert fits is None or fits.reason != "leak"


def test_a_kill_that_fits_below_the_ceiling_gets_its_floor(tmp_path):
    """1.2 x 1.5 = 1.8 GiB, and the cause is told; growth alone is no refusal where there is room."""
    plan = plan_of(tmp_path, GROWING, [1.5 * GIB])
    assert memory_refusal(plan) is None
    change = plan.recommendations[0]
    detail = next(d for d in change.reason.details if d.field == "requests.memory")
    assert detail.code == "oom_floor"
    assert detail.numbers["oom_kills"] == 1


def test_a_new_image_since_the_kill_needs_no_larger_node(tmp_path):
    """The same kill as above at the size of the node, two days before the present image came."""

    def pods(item):
        frame = pods_of([item, item], 14)
        frame["pod"] = ["web-old", "web-0"]
        frame["images"] = ['{"app": "x:1"}', '{"app": "x:2"}']
        frame.loc[1, ["created", "started"]] = END - 0.5 * DAY
        return frame

    events_of = plan_of(tmp_path / "held", FLAT, [4.0 * GIB])
    assert memory_refusal(events_of).reason == "too_small_node"
    released = plan_of(tmp_path / "new", FLAT, [4.0 * GIB], "defaults: {evidence: {min_coverage: 0}}", pods)
    refusal = memory_refusal(released)
    assert refusal is None or refusal.reason != "too_small_node"
    assert released.recommendations[0].proposed["requests"]["memory"] == "210Mi"

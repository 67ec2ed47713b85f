"""The fast replay equals the slow one at every sync; figures are those of the tracks; toy cases by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.evidence.autoscaling.behaviour import DEFAULT_UP, Behaviour, Policy, ScalingRules, default_down
from planner.evidence.autoscaling.chain import LatencyChain
from planner.evidence.autoscaling.lanes import make_lanes
from planner.evidence.autoscaling.replay import replay, replay_tracks
from planner.evidence.autoscaling.replay_one import replay_one
from planner.evidence.autoscaling.rolling import RollingMax
from planner.evidence.autoscaling.setting import Setting

policies = st.builds(
    Policy, st.booleans(), st.integers(1, 150), st.sampled_from([1.0, 15.0, 20.0, 30.0, 45.0, 60.0, 150.0])
)
selections = st.sampled_from(["Max", "Max", "Min", "Disabled"])
tolerances = st.sampled_from([None, 0.0, 0.01, 0.1, 0.3])
ups = st.builds(
    ScalingRules, st.lists(policies, min_size=1, max_size=3).map(tuple), st.sampled_from([0.0, 0.0, 15.0, 40.0, 90.0]),
    selections, tolerances,
)  # fmt: skip
downs = st.builds(
    ScalingRules, st.lists(policies, min_size=1, max_size=3).map(tuple),
    st.sampled_from([0.0, 10.0, 15.0, 40.0, 90.0, 300.0]), selections, tolerances,
)  # fmt: skip
behaviours = st.one_of(
    st.none(), st.none(), st.just(Behaviour()), st.builds(Behaviour, ups, st.just(default_down(60.0))),
    st.builds(Behaviour, st.just(DEFAULT_UP), downs), st.builds(Behaviour, ups, downs),
)  # fmt: skip


@st.composite
def any_setting(draw):
    low = draw(st.integers(1, 6))
    request_m = draw(st.sampled_from([1, 70, 100, 333, 1000]))
    return Setting(
        target_percent=draw(st.integers(5, 120)),
        minimum=low,
        maximum=low + draw(st.integers(0, 60)),
        request_m=request_m,
        capacity_m=max(1, int(request_m * draw(st.sampled_from([0.8, 1.0, 1.7, 3.0])))),
        behaviour=draw(behaviours),
        legacy_window_seconds=draw(st.sampled_from([0.0, 15.0, 50.0, 60.0, 300.0])),
        tolerance=draw(st.sampled_from([0.0, 0.05, 0.1])),
        is_outside=draw(st.sampled_from([False, False, True])),
    )


chains = st.builds(
    LatencyChain,
    pod_start_seconds=st.sampled_from([0.0, 15.0, 45.0, 100.0, 300.0]),
    node_wait_seconds=st.sampled_from([0.0, 60.0]),
    free_room_pods=st.sampled_from([None, 0, 2]),
    metrics_delay_seconds=st.sampled_from([0.0, 15.0, 40.0]),
    metrics_window_seconds=st.sampled_from([15.0, 30.0, 45.0, 60.0]),
)


@st.composite
def any_demand(draw):
    """Steps, ramps and noise around what the settings can serve, with a gap now and then."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    size = draw(st.integers(30, 140))
    scale = draw(st.sampled_from([50.0, 600.0, 6000.0]))
    level = np.repeat(rng.gamma(0.7, scale, size), rng.integers(1, 30, size))[:size]
    demand = level * rng.uniform(0.8, 1.2, size) if draw(st.booleans()) else level
    if draw(st.booleans()):
        demand[rng.integers(0, size, 4)] = np.nan
    return demand


holds = st.sampled_from([1, 1, 2, 3, 4, 7, 20])


@settings(max_examples=120, deadline=None)
@given(st.lists(any_setting(), min_size=1, max_size=5), chains, any_demand(), holds)
def test_fast_replay_equals_the_scalar_controller_at_every_sync(many, chain, demand, hold):
    demand = demand[: max(8, 150 // hold)]
    outcome, tracks = replay_tracks(demand, make_lanes(many, chain), hold_steps=hold)
    demand = np.repeat(demand, hold)
    for lane, one in enumerate(many):
        slow = replay_one(demand, one, chain)
        np.testing.assert_array_equal(tracks.desired[:, lane], slow.desired)
        np.testing.assert_array_equal(tracks.ready[:, lane], slow.ready)
        with np.errstate(invalid="ignore"):
            over = demand > slow.ready * one.capacity_m
        assert outcome.violation_seconds[lane] == over.sum() * 15
        assert outcome.worst_seconds[lane] == _longest_run(over) * 15
        first = replay_tracks(demand[:1], make_lanes([one], chain))[1].desired[0, 0]
        assert outcome.replica_hours[lane] * 240 == pytest.approx(slow.desired.sum())
        assert outcome.at_minimum_seconds[lane] == (slow.desired == one.minimum).sum() * 15
        assert outcome.at_maximum_seconds[lane] == (slow.desired == one.maximum).sum() * 15
        assert outcome.peak_replicas[lane] >= max(slow.desired.max(), first)


@settings(max_examples=25, deadline=None)
@given(st.lists(any_setting(), min_size=2, max_size=4), st.lists(chains, min_size=4, max_size=4), any_demand())
def test_lanes_with_their_own_demand_and_pod_start_do_not_touch_each_other(many, their, demand):
    their = [LatencyChain(c.pod_start_seconds, c.node_wait_seconds, c.free_room_pods) for c in their[: len(many)]]
    rows = np.stack([demand, demand[::-1], demand * 2.0, demand * 0.1])[: len(many)]
    together = replay(rows, make_lanes(many, their, series=range(len(many))))
    for lane, one in enumerate(many):
        alone = replay(rows[lane], make_lanes([one], their[lane]))
        for name in ("replica_hours", "violation_seconds", "worst_seconds", "direction_changes", "scale_events"):
            assert getattr(together, name)[lane] == getattr(alone, name)[0]


def test_held_values_are_the_same_as_repeated_ones():
    demand = np.array([900.0, 2500.0, 700.0, 4000.0, 100.0])
    lanes = make_lanes([Setting(60, 1, 20, 500, 500), Setting(60, 1, 20, 500, 500, Behaviour())], LatencyChain())
    held, repeated = replay(demand, lanes, hold_steps=20), replay(np.repeat(demand, 20), lanes)
    np.testing.assert_array_equal(held.replica_hours, repeated.replica_hours)
    np.testing.assert_array_equal(held.violation_seconds, repeated.violation_seconds)


def test_a_step_of_demand_by_hand():
    """Target 50 % of 1000m, pods of 1000m; demand 1000m, then 3000m from step 4 on.

    Start: ceil(1000/500) = 2 pods at 500m each. Metric: 15 s late, mean of two steps. Step 4: 3000m
    on 2 pods, each serves its 1000m: 1000m are lost. Sync 6 sees steps 3 and 4: 750m, 75 %, ratio
    1.5, ceil(1.5 * 2) = 3 pods, ready 3 steps later, at 9. Sync 7 sees 1000m: ratio 2 on the two
    pods that count, the third one counts as zero: 2000/3000 = 66 %, ratio 1.32, ceil(1.32 * 3) = 4.
    From step 9 on three pods serve 3000m: not above capacity. Violation: steps 4 to 8, 75 s; lost
    5 * 15 s * 1 core.
    """
    demand = np.array([1000.0] * 4 + [3000.0] * 8)
    lanes = make_lanes([Setting(50, 1, 10, 1000, 1000, Behaviour())], LatencyChain(pod_start_seconds=45.0))
    outcome, tracks = replay_tracks(demand, lanes)
    assert tracks.desired[:9, 0].tolist() == [2, 2, 2, 2, 2, 2, 3, 4, 4]
    assert tracks.ready[:11, 0].tolist() == [2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 4]
    assert outcome.violation_seconds[0] == outcome.worst_seconds[0] == 75
    assert outcome.unserved_core_seconds[0] == 75


def test_pods_beyond_the_free_room_wait_for_a_node():
    """From 1 to 4 pods in one step with room for one: one is ready after 15 s, two after 45 s."""
    lanes = make_lanes(
        [Setting(100, 1, 4, 1000, 4000, Behaviour())],
        LatencyChain(15.0, 30.0, 1, metrics_delay_seconds=0.0, metrics_window_seconds=15.0),
    )
    tracks = replay_tracks(np.array([900.0, 4000.0, 4000.0, 4000.0, 4000.0, 4000.0, 4000.0]), lanes)[1]
    assert tracks.desired[:, 0].tolist() == [1, 1, 4, 4, 4, 4, 4]
    assert tracks.ready[:, 0].tolist() == [1, 1, 1, 2, 2, 4, 4]


def test_direction_changes_are_counted_by_hand():
    """Without windows the count follows each value: 1, 3, 1, 3: up, down, up = two reversals."""
    rules = Behaviour(DEFAULT_UP, default_down(0.0))
    chain = LatencyChain(15.0, metrics_delay_seconds=0.0, metrics_window_seconds=15.0)
    demand = np.repeat([500.0, 2900.0, 500.0, 2900.0], 8)
    outcome = replay(demand, make_lanes([Setting(100, 1, 9, 1000, 3000, rules)], chain))
    assert outcome.direction_changes[0] == 2
    assert outcome.direction_changes_per_day[0] == 2 * 86400 / (32 * 15)


def test_without_behavior_a_limited_jump_goes_on_to_the_remembered_height():
    """Legacy path: 1 -> 4 by the limit although 9 were asked for, and 4 -> 8 at the next sync although
    that sync asks for less, since the highest recommendation of five minutes is applied.
    """
    chain = LatencyChain(15.0, metrics_delay_seconds=0.0, metrics_window_seconds=15.0)
    demand = np.array([90.0, 900.0, 90.0, 90.0, 90.0, 90.0])
    tracks = replay_tracks(demand, make_lanes([Setting(100, 1, 20, 100, 1000)], chain))[1]
    assert tracks.desired[:, 0].tolist() == [1, 1, 4, 8, 9, 9]


def test_contradictory_bounds_are_refused():
    with pytest.raises(ValueError, match="contradict"):
        Setting(50, 5, 4, 100, 100)


@given(st.lists(st.integers(1, 9), min_size=1, max_size=6), st.integers(0, 2**32 - 1))
def test_rolling_maximum_is_the_maximum_of_the_last_values(lengths, seed):
    values = np.random.default_rng(seed).integers(-50, 50, (40, len(lengths))).astype(np.int32)
    rolling = RollingMax(np.array(lengths))
    for step in range(40):
        expected = [values[max(0, step - m + 1) : step + 1, lane].max() for lane, m in enumerate(lengths)]
        assert rolling.push(values[step]).tolist() == expected


def _longest_run(over):
    longest = run = 0
    for one in over:
        run = run + 1 if one else 0
        longest = max(longest, run)
    return longest


def test_the_demand_itself_tells_at_once_what_saturated_pods_hide():
    """Two pods of 1000m under 8000m: utilisation asks for ceil(1000/500 * 2) = 4 first, the demand for 16."""
    demand = np.array([1000.0] * 4 + [8000.0] * 30)
    many = [Setting(50, 1, 40, 1000, 1000, Behaviour(), is_outside=outside) for outside in (False, True)]
    outcome, tracks = replay_tracks(demand, make_lanes(many, LatencyChain()))
    assert tracks.desired[-1].tolist() == [16, 16]
    assert outcome.violation_seconds[1] < outcome.violation_seconds[0]


def test_the_slot_that_an_event_takes_is_the_controllers():
    """Up by doubling, 1 -> 2 -> 4 -> 8: at the third event the slot of the first is 30 s old, the log is (4, 2).
    Later 8 -> 10: both slots are older than 15 s, the last one is taken: (4, 2), 6 in all. Down at most one pod
    below the start of 300 s: 10 - 6 - 1 = 3.
    """
    rules = Behaviour(
        ScalingRules((Policy(True, 100, 15.0),), 0.0), ScalingRules((Policy(False, 1, 300.0),), 0.0, tolerance=0.0)
    )
    one = Setting(100, 1, 20, 1000, 1000, rules, is_outside=True)
    chain = LatencyChain(15.0, metrics_delay_seconds=0.0, metrics_window_seconds=15.0)
    demand = np.array([1000.0] * 2 + [8000.0] * 10 + [10_000.0] * 2 + [1000.0] * 2)
    desired = replay_tracks(demand, make_lanes([one], chain))[1].desired[:, 0]
    assert desired.tolist() == replay_one(demand, one, chain).desired.tolist()
    assert desired.tolist() == [1, 1, 1, 2, 4] + [8] * 8 + [10, 10, 3]

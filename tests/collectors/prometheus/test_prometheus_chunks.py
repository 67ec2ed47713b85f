"""Cutting questions: nothing lost, nothing asked twice."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.collectors.prometheus.chunks import (
    Allowance,
    Part,
    ask_in_parts,
    cut_evenly,
    in_order,
    windows_back,
)
from planner.collectors.prometheus.gaps import Presences, carried_over, gap_warnings, iso
from planner.collectors.prometheus.queries import Scope, any_of, quoted
from planner.collectors.prometheus.transport import ConnectionOptions
from planner.errors import SourceLimit
from planner.snapshot.header import SourceWarning

STEP = 300
NAMESPACES = tuple("abcde")


def cells(parts):
    """(step, namespace) pairs that parts cover, with repetitions."""
    return sorted(
        (step, namespace)
        for part in parts
        for step in range(round(part.start / STEP), round(part.end / STEP))
        for namespace in (NAMESPACES if part.namespaces is None else part.namespaces)
    )


@given(st.integers(1, 288), st.integers(1, 400))
def test_every_step_of_every_namespace_is_answered_once(steps, most):
    """A server that takes at most ``most`` cells at a time: the parts cover each cell exactly once."""

    def ask(part):
        if len(cells([part])) > most:
            raise SourceLimit("too many")
        return part

    whole = Part(0.0, steps * STEP)
    parts = ask_in_parts(ask, whole, step_seconds=STEP, list_namespaces=lambda: NAMESPACES, allowance=Allowance())
    assert cells(parts) == cells([whole])
    for namespace in NAMESPACES:
        starts = [part.start for part in parts if part.namespaces is None or namespace in part.namespaces]
        assert starts == sorted(starts)


def test_a_server_that_takes_nothing():
    def ask(_part):
        raise SourceLimit("never")

    with pytest.raises(SourceLimit, match="never"):
        ask_in_parts(
            ask, Part(0.0, 86_400.0), step_seconds=STEP, list_namespaces=lambda: NAMESPACES, allowance=Allowance()
        )


def test_what_was_refused_is_not_tried_again():
    """24 h and 12 h are refused once; the next day starts with 6 h."""
    asked = []

    def ask(part):
        asked.append((part.end - part.start) / 3600)
        if asked[-1] > 6:
            raise SourceLimit("too many")

    allowance = Allowance()
    for day in range(2):
        whole = Part(day * 86_400.0, (day + 1) * 86_400.0)
        ask_in_parts(ask, whole, step_seconds=STEP, list_namespaces=tuple, allowance=allowance)
    assert asked == [24, 12, 6, 6, 6, 6, 6, 6, 6, 6]


@given(st.integers(1, 2000), st.floats(0, 1e7), st.integers(1, 500), st.floats(300, 86_400), st.integers(1, 10**6))
def test_even_cuts(steps, series, points, seconds, samples):
    options = ConnectionOptions(
        "http://x", max_points_per_series=points, max_range_seconds=seconds, max_samples_per_answer=samples
    )
    parts = cut_evenly(Part(0.0, steps * STEP), STEP, series=series, options=options)
    assert cells(parts) == cells([Part(0.0, steps * STEP)])
    for part in parts:
        count = round((part.end - part.start) / STEP)
        assert count == 1 or (count * series <= samples and count <= points and count * STEP <= seconds)


@given(st.integers(1, 40), st.integers(1, 10))
def test_windows_back(days, longest):
    pieces = windows_back(0.0, days * 1.0, float(longest))
    assert pieces[0][1] == days
    assert pieces[-1][0] == 0
    assert all(end - start <= longest for start, end in pieces)
    assert all(later[0] == earlier[1] for later, earlier in pairwise(pieces))


def test_results_come_in_order_and_a_failure_stops_the_rest():
    assert list(in_order([lambda i=i: i for i in range(50)], 4)) == list(range(50))
    done = []

    def work(i):
        done.append(i)
        if i == 3:
            raise SourceLimit("three")
        return i

    with pytest.raises(SourceLimit):
        list(in_order([lambda i=i: work(i) for i in range(1000)], 2))
    assert len(done) < 20


def test_gaps_of_an_hour_are_told_and_shorter_ones_not():
    """Asked: 10 h in steps of 300 s. Seen: from 2 h, without 4:00 to 4:55 (short) and from 8 h on nothing."""
    presences = Presences(0.0, 36_000.0, STEP)
    presences.ask(0.0, 36_000.0)
    presences.seen[24:48] = True
    presences.seen[59:96] = True
    assert presences.gaps() == [(0.0, 7200.0), (28_800.0, 36_000.0)]
    assert [warning.code for warning in gap_warnings(presences)] == ["retention_gap", "data_gap"]


def test_gaps_of_earlier_collections_stay_while_they_lie_in_the_window():
    """The window is now 0 to 10 h, of which the last five were asked for."""

    def gap(start, end):
        return SourceWarning(source="prometheus", code="data_gap", text="", objects=(f"{iso(start)}/{iso(end)}",))

    presences = Presences(0.0, 36_000.0, STEP)
    presences.ask(18_000.0, 36_000.0)
    inside, over, again = gap(3600, 7200), gap(-7200, -3600), gap(20_000, 30_000)
    broken = SourceWarning(source="prometheus", code="data_gap", text="", objects=("x/y",))
    assert carried_over([inside, over, again, broken], presences) == [inside]


@given(st.text())
def test_quoting_leaves_no_way_out(text):
    """What is between the outer quotes holds no bare quote, no newline, and reads back as the text."""
    literal = quoted(text)
    inner = literal[1:-1]
    assert literal[0] == literal[-1] == '"'
    assert "\n" not in inner
    out, i = [], 0
    while i < len(inner):
        if inner[i] == "\\":
            code = inner[i + 1]
            out.append({"n": "\n", "\\": "\\", '"': '"', "x": ""}[code] or chr(int(inner[i + 2 : i + 4], 16)))
            i += 4 if code == "x" else 2
        else:
            assert inner[i] != '"'
            out.append(inner[i])
            i += 1
    assert "".join(out) == text


def test_patterns_and_selectors():
    assert any_of(["b.c", "a|b", "a"]) == '"a|a\\\\|b|b\\\\.c"'
    scope = Scope({"cluster": 'x"y'}, ("n",))
    assert scope.where('a="b"') == '{cluster="x\\"y",namespace=~"n",a="b"}'
    assert scope.where(namespaced=False) == '{cluster="x\\"y"}'
    assert Scope().where() == ""
    assert Scope().containers() == '{container!="",container!="POD"}'

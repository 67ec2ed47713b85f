"""The drawing of frontiers and its axes: every point at its place, zero told as zero."""

import itertools
import re
import xml.etree.ElementTree as ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.reports.axis import axis_over, tick_text
from planner.reports.frontier_svg import WIDTH, FrontierCurve, FrontierPoint, best_of, frontier_svg

SPACE = "{http://www.w3.org/2000/svg}"


def draw(*curves: FrontierCurve, **options):
    """The drawing as a tree; it must be well-formed XML."""
    texts = {"title": "T", "x_label": "cores", "y_label": "days"}
    return ElementTree.fromstring(frontier_svg(curves, standalone=True, **(texts | options)))


def words(tree) -> list[str]:
    return [element.text or "" for element in tree.iter(f"{SPACE}text")]


def dots(tree, style: str) -> list[tuple[float, float]]:
    """Centres of the circles of the last group of a class: the curve's, after its key."""
    group = [g for g in tree.iter(f"{SPACE}g") if g.get("class") == style][-1]
    return [(float(c.get("cx")), float(c.get("cy"))) for c in group.iter(f"{SPACE}circle")]


def curve(*points: tuple[float, float], role="ours", name="planner") -> FrontierCurve:
    return FrontierCurve(name, tuple(FrontierPoint(r, i, is_default=False) for r, i in points), role)


def test_the_line_joins_what_no_other_setting_beats():
    """(2, 5) and (4, 1) beat the others: (3, 5) reserves more for the same, (5, 2) is worse in both than (4, 1)."""
    points = [FrontierPoint(r, i) for r, i in ((5, 2), (2, 5), (3, 5), (4, 1), (2, 9))]
    assert [(p.reserved, p.incidents) for p in best_of(points)] == [(2, 5), (4, 1)]


def test_more_reserved_is_further_right_and_fewer_incidents_are_further_down():
    places = dots(draw(curve((100, 1000), (200, 100), (400, 10), (800, 1))), "ours")
    assert places == sorted(places)
    assert [y for _, y in places] == sorted(y for _, y in places)
    steps = [b[1] - a[1] for a, b in itertools.pairwise(places)]
    assert max(steps) - min(steps) < 0.2  # a factor of ten is the same height everywhere
    wides = [b[0] - a[0] for a, b in itertools.pairwise(places)]
    assert max(wides) - min(wides) < 0.2  # and a factor of two the same width: the span is 8


def test_zero_stands_in_its_own_strip_under_the_lowest_power():
    tree = draw(curve((1, 10), (2, 1), (3, 0)), curve((1.5, 0), role="baseline", name="vpa"))
    [strip] = [r for r in tree.iter(f"{SPACE}rect") if r.get("class") == "strip"]
    top, bottom = float(strip.get("y")), float(strip.get("y")) + float(strip.get("height"))
    ours, other = dots(tree, "ours"), dots(tree, "b0")
    assert [top < y < bottom for _, y in ours] == [False, False, True]
    assert max(y for _, y in ours[:2]) < top
    assert top < other[0][1] < bottom
    assert other[0][1] != ours[2][1]  # a lane for each rule: neither hides the other
    assert "0" in words(tree)
    assert any("log scale over a strip for 0" in text for text in words(tree))
    assert [p.get("class") for p in tree.iter(f"{SPACE}path")].count("line fall") == 1


def test_without_a_zero_there_is_no_strip():
    tree = draw(curve((1, 10), (2, 1)))
    assert not [r for r in tree.iter(f"{SPACE}rect") if r.get("class") == "strip"]
    assert "0" not in words(tree)
    assert not any("strip" in text for text in words(tree))


def test_each_rule_marks_how_it_comes_and_tells_its_figures():
    points = (FrontierPoint(1, 5, "low"), FrontierPoint(2, 3, "usual", is_default=True))
    tree = draw(
        FrontierCurve("planner", points, "ours"),
        FrontierCurve("vpa", points, "baseline"),
        FrontierCurve("today", points[1:], "today"),
    )
    told = [element.text for element in tree.iter(f"{SPACE}title")]
    assert sorted(told) == sorted(
        [
            "planner (low): 5 at 1 reserved",
            "planner (usual): 3 at 2 reserved",
            "vpa (low): 5 at 1 reserved",
            "vpa (usual): 3 at 2 reserved",
            "today (usual): 3 at 2 reserved",
        ]
    )
    marked = [e for e in tree.iter() if e.get("class") in ("mark", "cross") and len(e)]
    assert len(marked) == 3
    assert [g.get("class") for g in tree.iter(f"{SPACE}g")][-1] == "ours"  # drawn last, over the others


def test_a_file_of_its_own_brings_style_and_background_and_a_part_of_a_page_does_not():
    inside = frontier_svg([curve((1, 1))], title="T", x_label="x", y_label="y")
    assert "<style>" not in inside
    assert "xmlns" not in inside
    tree = draw(curve((1, 1)))
    assert tree.find(f"{SPACE}style") is not None
    assert [r.get("class") for r in tree.iter(f"{SPACE}rect")] == ["back"]
    assert "prefers-color-scheme:dark" in tree.find(f"{SPACE}style").text


def test_texts_are_escaped():
    evil = "</text><script>alert(1)</script>\x1b\"'"
    made = FrontierCurve(evil, (FrontierPoint(1, 1, evil, is_default=True),))
    text = frontier_svg([made], title=evil, x_label=evil, y_label=evil)
    assert "<script" not in text
    assert "\x1b" not in text
    ElementTree.fromstring(text)


@pytest.mark.parametrize("points", [(), ((float("nan"), 1.0), (1.0, float("inf")), (-1.0, 1.0))])
def test_nothing_to_draw_is_said(points):
    assert "nothing to draw" in words(draw(curve(*points)))


figures = st.floats(0, 1e15, allow_subnormal=False).filter(lambda v: v == 0 or v > 1e-9)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.lists(st.tuples(figures, figures), max_size=6), min_size=1, max_size=7))
def test_every_point_is_inside_whatever_the_figures(rules):
    tree = draw(*(curve(*points, role="baseline", name=f"rule {i}") for i, points in enumerate(rules)))
    height = float(tree.get("viewBox").split()[3])
    circles = [(float(c.get("cx")), float(c.get("cy"))) for c in tree.iter(f"{SPACE}circle")]
    assert len(circles) >= sum(len(points) for points in rules)
    assert all(0 < x < WIDTH and 0 < y < height for x, y in circles)
    numbers = re.findall(r"-?\d+\.\d+", " ".join(p.get("d") for p in tree.iter(f"{SPACE}path")))
    assert all(-20 <= float(value) <= 1000 for value in numbers)


@given(st.lists(figures, max_size=8), st.booleans())
def test_an_axis_holds_its_values_and_a_few_round_ticks(values, always_log):
    axis = axis_over([v for v in values if v > 0] if always_log else values, 10.0, 110.0, always_log=always_log)
    assert all(9.999 <= axis.place(v) <= 110.001 for v in values if v > 0 or not axis.is_log)
    ticks = [value for value, _ in axis.ticks]
    assert ticks == sorted(set(ticks))
    assert all(axis.low <= tick * 1.000001 and tick <= axis.high * 1.000001 for tick in ticks)
    assert 2 <= len(ticks) <= 8
    assert len({text for _, text in axis.ticks}) == len(ticks)


def test_ticks_are_powers_of_ten_where_three_fit():
    """740 to 16.9 million holds 1k, 10k, 100k, 1M and 10M; 14k to 295k holds 20k, 50k, 100k and 200k."""
    assert [t for _, t in axis_over([740, 16.9e6], 0, 1, always_log=True).ticks] == ["1k", "10k", "100k", "1M", "10M"]
    assert [t for _, t in axis_over([14e3, 295e3], 0, 1).ticks] == ["20k", "50k", "100k", "200k"]
    assert [t for _, t in axis_over([200e3, 500e3], 0, 1).ticks] == ["200k", "300k", "400k", "500k"]


def test_one_value_alone_stands_in_the_middle():
    assert axis_over([5.0], 0.0, 100.0).place(5.0) == pytest.approx(50.0)
    assert axis_over([5.0], 0.0, 100.0, always_log=True).place(5.0) == pytest.approx(50.0)


def test_tick_texts():
    assert [tick_text(v) for v in (0.05, 200, 20_000, 1.5e6, 3e9)] == ["0.05", "200", "20k", "1.5M", "3G"]

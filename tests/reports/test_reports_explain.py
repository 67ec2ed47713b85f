"""The story of one recommendation, and the plot in it.

Goldens in ``tests/goldens/reports``: renew with ``PLANNER_RENEW_GOLDENS=1 pytest tests/reports`` and read them.
"""

import numpy as np
import pytest
from fakes.goldens import check_golden
from fakes.plans import START, hostile_plan, sample_plan
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from planner.reports.explain import UsageForPlot, render_explain
from planner.reports.layout import clip, clip_middle, left, right, wrap
from planner.reports.usage_plot import LIMIT, NOW, PLANNED, Level, plot
from planner.units import human_cpu

HOURS = np.arange(14 * 24)
TIMES = START.timestamp() + HOURS * 3600.0


def usage() -> UsageForPlot:
    """A daily wave of 50m to 250m with a peak twice as high, memory that grows and restarts, and a gap."""
    mean = 0.15 - 0.1 * np.cos(HOURS / 24 * 2 * np.pi)
    memory = (300.0 + 100.0 * (HOURS % 84) / 84) * 1024**2
    gap = (HOURS >= 100) & (HOURS < 130)
    return UsageForPlot(
        times=TIMES,
        cpu_max_cores=np.where(gap, np.nan, mean * 2),
        cpu_mean_cores=np.where(gap, np.nan, mean),
        memory_max_bytes=np.where(gap, np.nan, memory),
    )


def explain_web(**options) -> str:
    plan = sample_plan()
    recommendations = [r for r in plan.recommendations if r.target.name == "web"]
    left_alone = [n for n in plan.not_recommended if n.target.name == "web"]
    return render_explain(recommendations, left_alone, plan.warnings, usage(), currency="USD", **options)


@pytest.mark.parametrize("ascii_only", [False, True])
def test_the_story_is_as_read_and_agreed(ascii_only):
    check_golden(f"reports/explain-{'ascii' if ascii_only else 'unicode'}.txt", explain_web(ascii_only=ascii_only))


def test_the_story_tells_values_reasons_evidence_risk_money_and_the_way():
    text = " ".join(explain_web().split())
    for part in (
        "Frees 1,243.50 USD a month, over 12 pods on average",
        "CPU request 2 -> 500m",
        "CPU limit 4 -> none",
        "requests.cpu [risk_price] covers 99.2% of its samples",
        "chosen 500m, before rounding 487m, ceiling 15.9",
        "limits.cpu [policy_none] the policy wants no limit",
        "Evidence: high confidence 14.0 days of samples, 2026-03-01 00:00 to 2026-03-15 00:00 UTC",
        "16,128 samples of 12 pods, for 99% of the time",
        "expected days with an OOM kill, out of 30 0 0.002",
        "at spec.template.spec.containers[1]",
        "spec.template.spec.initContainers[1]",
        "it is not in the pod template: a webhook injects it [injected_container]",
        "price_unknown: 1 nodes have no known price",
    ):
        assert part in text, part


def test_what_no_patch_reaches_says_why():
    item = next(r for r in sample_plan().recommendations if r.target.kind == "Pod")
    assert "No patch: a bare pod has no template." in render_explain([item], [])


def test_a_json_patch_is_called_one():
    item = next(r for r in sample_plan().recommendations if r.target.kind == "Rollout")
    assert "A JSON patch of the Rollout (argoproj.io/v1alpha1)" in render_explain([item], [])


def test_use_by_container_is_drawn_for_each():
    plan = sample_plan()
    both = [r for r in plan.recommendations if r.target.name == "web"]
    text = render_explain(both, [], (), {"web": usage(), "warm-cache": usage()})
    assert text.count("CPU of a pod in cores") == 2
    assert render_explain(both, [], (), usage()).count("CPU of a pod in cores") == 1


def test_what_is_left_alone_is_drawn_too():
    alone = [n for n in sample_plan().not_recommended if n.reason == "hpa_on_same_metric"][:1]
    text = render_explain([], alone, (), usage())
    assert "Left alone" in text
    assert "█" in text
    assert "planned" not in text


def test_nothing_known_is_said():
    assert render_explain([], []) == "Nothing is recommended for it, and nothing speaks against it.\n"


@pytest.mark.parametrize("width", [40, 60, 80, 132])
@pytest.mark.parametrize("ascii_only", [False, True])
def test_no_line_is_wider_than_asked_and_none_holds_a_control_character(width, ascii_only):
    plan = hostile_plan()
    text = render_explain(
        plan.recommendations, plan.not_recommended, plan.warnings, usage(), width=width, ascii_only=ascii_only
    )
    assert {c for c in text if not c.isprintable()} == {"\n"}
    assert max(cell_len(line) for line in text.splitlines()) <= width


def test_ascii_only_draws_with_ascii_only():
    assert explain_web(ascii_only=True).isascii()


class TestPlot:
    def draw(self, peak, levels=(), width=40, mean=None, times=None):
        peak = np.asarray(peak, dtype=float)
        times = np.arange(len(peak)) * 3600.0 if times is None else times
        return plot(times, peak if mean is None else mean, peak, levels, human_cpu, width=width, ascii_only=True)

    def test_bars_are_as_high_as_the_values(self):
        """20 columns, 9 rows, top 1.02 of the peak: the right half is full, the left half is half as high.

        0.5/1.02 x 9 = 4.4 rows: four full ones and a fifth that ASCII rounds up.
        """
        lines = self.draw([0.5] * 10 + [1.0] * 10)
        bars = [line[20:].ljust(20) for line in lines[:9]]
        assert [bar[:10].count("#") for bar in bars] == [0] * 4 + [10] * 5
        assert [bar[10:].count("#") for bar in bars] == [10] * 9

    def test_a_gap_is_empty_and_keeps_its_place(self):
        lines = self.draw([1.0] * 5 + [np.nan] * 10 + [1.0] * 5)
        assert all(line[20:].ljust(20) == "#####" + " " * 10 + "#####" for line in lines[:9])

    def test_a_short_peak_survives_the_thinning(self):
        """One high hour of 2,000 in 20 columns: a mean would hide it."""
        peak = np.full(2000, 0.1)
        peak[777] = 1.0
        lines = self.draw(peak, mean=np.full(2000, 0.1))
        column = 777 * 20 // 2000
        assert lines[0][20:].ljust(20)[column] == ":"
        assert sum(line[20:].count(":") for line in lines[:9]) == 8

    def test_lines_stand_at_their_height_with_name_and_value(self):
        lines = self.draw([0.2] * 20, [Level("now", 0.5, NOW), Level("planned", 0.25, PLANNED)])
        assert lines[0].startswith("          now 500m |" + "-" * 20)
        [planned] = [line for line in lines if "planned 250m" in line]
        assert planned.endswith("=" * 20)

    def test_a_line_far_above_is_told_in_words(self):
        lines = self.draw([0.2] * 20, [Level("now", 2.0, NOW), Level("planned", 0.25, PLANNED)])
        assert lines[0].split() == ["now", "2", "(above", "the", "plot)"]
        assert len(lines) == 1 + 9 + 2

    def test_an_unset_limit_is_no_line(self):
        assert not any("limit" in line for line in self.draw([0.2] * 20, [Level("limit", np.nan, LIMIT)]))

    def test_the_axis_has_dates_at_its_ends(self):
        lines = self.draw([1.0] * 336, width=80, times=TIMES)
        assert lines[-1].split() == ["03-01", "00:00", "03-08", "00:00", "03-15", "00:00"]

    @pytest.mark.parametrize("peak", [[], [np.nan] * 5])
    def test_without_samples_it_says_so(self, peak):
        assert self.draw(peak) == ["  no samples to draw"]

    def test_all_zero_use_is_an_empty_plot(self):
        assert len(self.draw([0.0] * 5)) == 11

    @settings(max_examples=100, deadline=None)
    @given(
        peak=st.lists(st.floats(0, 1e6) | st.just(float("nan")), min_size=1, max_size=50),
        heights=st.lists(st.floats(0, 1e7) | st.just(float("nan")), min_size=3, max_size=3),
        width=st.integers(30, 120),
    )
    def test_anything_draws_inside_its_width(self, peak, heights, width):
        levels = [Level(name, value, i) for i, (name, value) in enumerate(zip("abc", heights, strict=True))]
        assert max(cell_len(line) for line in self.draw(peak, levels, width)) <= width


class TestLayout:
    @given(st.text(max_size=60), st.integers(0, 40))
    def test_cut_and_padded_texts_have_the_cells_asked(self, text, width):
        clean = "".join(c for c in text if c.isprintable())
        assert cell_len(clip(clean, width)) <= width
        assert cell_len(clip_middle(clean, width)) <= width
        assert cell_len(left(clean, width)) == cell_len(right(clean, width)) == width

    def test_the_middle_goes_and_both_ends_stay(self):
        assert clip_middle("shop/Deployment/checkout/app", 15) == "shop/D...ut/app"

    @given(st.text(max_size=200), st.integers(2, 30), st.integers(1, 5))
    def test_wrapped_lines_fit(self, text, width, most):
        clean = "".join(c if c.isprintable() else " " for c in text)
        lines = wrap(clean, width, most)
        assert len(lines) <= most
        assert all(cell_len(line) <= width for line in lines)

    def test_wrap_keeps_all_words_where_there_is_room(self):
        assert wrap("one two three", 7) == ["one two", "three"]
        assert wrap("one two three", 7, 1) == ["one ..."]

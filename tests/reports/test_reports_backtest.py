"""Every format of a backtest: what it must show, and that no text of a cluster does more than be read.

The outputs for ``sample_report()`` are goldens in ``tests/goldens/reports``. Renew them after a wanted change with
``PLANNER_RENEW_GOLDENS=1 pytest tests/reports`` and read the difference.
"""

import csv
import io
import json
import re

import pytest
from fakes.backtests import container_outcome, hostile_report, outcome, sample_outcomes, sample_report
from fakes.goldens import check_golden
from fakes.html_tags import check_page
from fakes.plans import HOSTILE_TEXT
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from planner.errors import UsageError
from planner.plan.backtest import BacktestReport
from planner.reports.backtest_figures import against, free_share, number, tenths, worst_of
from planner.reports.render import BACKTEST_FORMATS, render_backtest

STYLE = re.compile(r"\x1b\[[0-9;]*m")
MAKERS = [sample_report, hostile_report, lambda: sample_report(outcomes=(), worst=(), notes=(), folds=())]


@pytest.mark.parametrize("format_name", BACKTEST_FORMATS)
def test_the_report_is_as_read_and_agreed(format_name):
    check_golden(f"reports/backtest.{format_name}.txt", render_backtest(sample_report(), format_name))


def test_the_table_with_every_setting_is_as_read_and_agreed():
    check_golden("reports/backtest.frontier.txt", render_backtest(sample_report(), "table", frontier=True))


@pytest.mark.parametrize("format_name", BACKTEST_FORMATS)
@pytest.mark.parametrize("make", MAKERS)
def test_no_control_character_and_no_turned_text_reaches_the_reader(format_name, make):
    text = render_backtest(make(), format_name, frontier=True)
    assert text == render_backtest(make(), format_name, frontier=True)
    assert text.endswith("\n")
    assert {c for c in text if not c.isprintable()} == {"\n"}
    text.encode()


def test_an_unknown_format_is_a_usage_error():
    with pytest.raises(UsageError, match="no output format 'markdown'"):
        render_backtest(sample_report(), "markdown")


@pytest.mark.parametrize("format_name", ["table", "html"])
def test_a_made_up_snapshot_is_said(format_name):
    assert "made up" in render_backtest(sample_report(synthetic=True), format_name)
    assert "made up" not in render_backtest(sample_report(), format_name)


class TestFigures:
    def test_the_share_free_of_incidents_never_rounds_up_to_all(self):
        """1 of 200 leaves 99.5 %; 1 of 100,000 would round to 100.00."""
        assert free_share(outcome("memory", "vpa", 1.0, 1.0)) == "99.50"
        assert free_share(outcome("memory", "vpa", 1.0, 1.0, incident_share=1e-5)) == "99.99"
        assert free_share(outcome("memory", "vpa", 1.0, 0.0)) == "100.00"

    def test_reserved_is_compared_with_today(self):
        """1,000 of 4,000 is a quarter: 75 % less. 9,000 is 2.25 as much: 125 % more."""
        today = outcome("cpu", "today", 4_000.0, 0.0)
        assert against(outcome("cpu", "planner", 1_000.0, 0.0), today) == "-75 %"
        assert against(outcome("cpu", "vpa", 9_000.0, 0.0), today) == "+125 %"
        assert against(today, today) == against(today, None) == ""
        assert against(outcome("cpu", "vpa", 1.0, 0.0), outcome("cpu", "today", 0.0, 0.0)) == ""

    @given(st.floats(0, 1e18))
    def test_a_figure_fits_its_column_and_nothing_small_becomes_nothing(self, value):
        assert len(number(value)) <= 7
        assert (number(value) == "0") == (value == 0)

    def test_figures_keep_what_tells_them_apart(self):
        shown = [number(v) for v in (0.004, 0.05, 9_107, 121_648, 999_999.7, 3_522_460, 16_905_700, 2.5e12)]
        assert shown == ["<0.01", "0.05", "9,107", "121,648", "1M", "3.522M", "16.91M", "2.5e+12"]
        assert [tenths(s) for s in (0.0, 0.0001, 0.0034, 0.097, 0.0996, 0.2)] == [
            "0 %", "<0.1 %", "0.3 %", "9.7 %", "10 %", "20 %",
        ]  # fmt: skip

    def test_the_worst_come_with_their_own_today(self):
        pairs = worst_of(sample_report(), "cpu")
        assert [(p.ours.target.name, p.today and p.today.request) for p in pairs] == [
            ("checkout", 2.0),
            ("search", None),
        ]
        assert [p.ours.resource for p in worst_of(sample_report(), "memory")] == ["memory"]


class TestTable:
    @pytest.mark.parametrize("width", [40, 80, 200])
    @pytest.mark.parametrize("make", MAKERS)
    def test_no_line_is_wider_than_asked(self, make, width):
        for color in (False, True):
            text = render_backtest(make(), "table", width=width, color=color, frontier=True)
            assert max(cell_len(line) for line in STYLE.sub("", text).splitlines()) <= min(width, 120)

    def test_columns_stand_apart_whatever_the_figures(self):
        """Each row of a rule splits into its name and nine cells, also where all are at their widest."""
        wide = {
            "value_per_month": 888_888.0, "short_minutes": 888_888.0, "worst_1pct": 888_888.0, "relative_slack": -1.75,
            "largest_tenth_share": 1.0, "changes_per_day": 0.1234,
        }  # fmt: skip
        made = [
            outcome("cpu", "autopilot-window", 888_888.0, 777_777.0, **wide),
            outcome("cpu", "today", 333_333.0, 888_888.0, **wide),
            outcome("memory", "autopilot-window", 888_888.0, 777_777.0, incident_share=0.5, **wide),
        ]
        lines = render_backtest(sample_report(outcomes=tuple(made)), "table").splitlines()
        rows = [line.replace(" %", "%").split() for line in lines if line.startswith("autopilot-window")]
        assert [len(row) for row in rows] == [10, 9]  # memory has no today to compare with
        assert rows[0][1:4] == ["888,888", "+167%", "888,888"]

    def test_it_tells_folds_rules_worst_and_notes(self):
        text = render_backtest(sample_report(), "table")
        assert "trained on 2026-03-01 to 2026-03-07, judged to 2026-03-11" in text
        assert "trained on 2026-03-01 to 2026-03-11, judged to 2026-03-15" in text
        assert "CPU: 30 containers, 200 container-days" in text
        assert re.search(r"^planner +1,000 +-75 % +100 +40,000 +2,000 +25 +20,000 +40 0\.012$", text, re.MULTILINE)
        assert re.search(r"^krr-simple +4,000 +-60 % +400 +0 +100\.00 +\? +0 +- +0\.012$", text, re.MULTILINE)
        assert re.search(r"^shop/Deployment/checkout/app +500m +4,321 +3\.4 %\n  today +2 +0 +0 %$", text, re.MULTILINE)
        assert re.search(r"^shop/Deployment/search/app +500m +1\.235M +<0\.1 %\n  today +none$", text, re.MULTILINE)
        assert re.search(r"^shop/Deployment/search/app +512Mi +2 +10 %\n  today +2Gi +0 +0 %$", text, re.MULTILINE)
        assert "A request is judged as if it were the limit." in text

    def test_rules_judged_on_other_days_are_named(self):
        """The planner and vpa have 200 container-days of CPU, today 204; of memory all have the same."""
        text = " ".join(render_backtest(sample_report(), "table").split())
        assert text.count("Container-days that differ") == 1
        assert "seen too little: today 204." in text

    def test_settings_come_on_demand(self):
        plain, full = (render_backtest(sample_report(), "table", frontier=f) for f in (False, True))
        assert "price of risk x 4" not in plain
        assert full.index("planner  ") < full.index("price of risk x 4") < full.index("percentile=1,margin=0.15")

    def test_no_worst_container_is_good_news(self):
        text = render_backtest(sample_report(worst=(container_outcome("cpu", "planner", "x"),)), "table")
        assert "No container would have gone over its memory under the planner's rule." in text
        assert "No container would have been short" not in text


class TestJson:
    @pytest.mark.parametrize("make", MAKERS)
    def test_json_is_the_report_whatever_its_texts_hold(self, make):
        assert json.loads(render_backtest(make(), "json")) == make().model_dump(mode="json")
        assert BacktestReport.model_validate_json(render_backtest(make(), "json")) == make()


class TestCsv:
    def test_one_row_per_rule_and_with_the_frontier_per_setting(self):
        rows = list(csv.DictReader(io.StringIO(render_backtest(sample_report(), "csv"))))
        assert [(r["resource"], r["method"]) for r in rows] == [
            (o.resource, o.method) for o in sample_outcomes() if o.is_default
        ]
        assert (rows[0]["reserved_hours"], rows[0]["shortage_core_seconds"]) == ("1000", "40000")
        assert (rows[0]["is_default"], rows[0]["synthetic"], rows[0]["currency"]) == ("true", "false", "USD")
        assert (rows[3]["changes_per_day"], rows[5]["relative_slack"]) == ("", "")
        every = list(csv.DictReader(io.StringIO(render_backtest(sample_report(), "csv", frontier=True))))
        assert [r["setting"] for r in every] == [o.setting for o in sample_outcomes()]

    def test_per_container_has_a_row_for_each_and_its_whole_target(self):
        report = sample_report(containers=sample_report().worst)
        rows = list(csv.DictReader(io.StringIO(render_backtest(report, "csv", per_container=True))))
        assert [(r["name"], r["resource"], r["method"]) for r in rows] == [
            (line.target.name, line.resource, line.method) for line in report.worst
        ]
        assert (rows[0]["namespace"], rows[0]["kind"], rows[0]["container"]) == ("shop", "Deployment", "app")
        assert (rows[0]["request"], rows[0]["shortage_core_seconds"], rows[0]["currency"]) == ("0.5", "4321", "USD")

    @pytest.mark.parametrize("per_container", [False, True])
    def test_no_cell_is_a_formula(self, per_container):
        text = render_backtest(hostile_report(), "csv", frontier=True, per_container=per_container)
        rows = list(csv.reader(io.StringIO(text)))
        assert len(rows) > 5
        assert len({len(row) for row in rows}) == 1
        for cell in (cell for row in rows for cell in row):
            if cell.lstrip()[:1] in ("=", "+", "-", "@", "|", "%"):
                float(cell)


class TestHtml:
    @pytest.mark.parametrize("make", MAKERS)
    def test_every_tag_is_ours_and_closed_and_nothing_is_loaded(self, make):
        check_page(render_backtest(make(), "html"))

    def test_the_policy_allows_nothing_but_styles(self):
        [policy] = re.findall(r'Content-Security-Policy" content="([^"]*)"', render_backtest(sample_report(), "html"))
        assert policy == "default-src 'none'; style-src 'unsafe-inline'"

    def test_the_hostile_text_is_shown_as_text(self):
        page = check_page(render_backtest(hostile_report(), "html"))
        assert "<script>alert(1)</script>" in page.words
        assert "\\x1b[31mred" in page.words
        assert HOSTILE_TEXT not in page.words

    def test_each_resource_has_a_chart_with_units_and_every_setting(self):
        page = check_page(render_backtest(sample_report(), "html"))
        assert [name for name, _ in page.tags].count("svg") == 2
        for words in (
            "reserved, core-hours",
            "reserved, GiB-hours",
            "CPU shortage, core-seconds",
            "OOM container-days",
        ):
            assert words in page.words
        for one in sample_outcomes():
            assert one.setting.replace(",", ", ") in page.words
            assert f"{one.method} ({one.setting}): " in page.words

    def test_light_and_dark(self):
        assert render_backtest(sample_report(), "html").count("prefers-color-scheme:dark") == 2

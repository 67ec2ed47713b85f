"""The risk of a plan and the backtest of each recommendation, in every format, and nothing where nothing is known."""

import csv
import io
import re

import pytest
from fakes.plans import evidence, recommendation, route, sample_plan, sample_risk, values

from planner.plan.schema import BacktestLine, BudgetUse, RiskSummary
from planner.reports.explain import render_explain
from planner.reports.render import render
from planner.reports.risk import backtest_cells, backtest_sentence, bearers_sentence, budget_sentences, figure

PEOPLE = ("table", "wide", "markdown", "html")


def told(plan, format_name: str) -> str:
    """Words alone: no line ends, tags and backslashes."""
    return " ".join(re.sub(r"<[^>]+>", " ", render(plan, format_name)).replace("\\", "").split())


@pytest.mark.parametrize("format_name", PEOPLE)
def test_every_report_for_people_tells_incidents_bearers_and_budgets(format_name):
    text = told(sample_plan(), format_name)
    for part in (
        "OOM per 1,000 container-days",
        "4.62",
        "CPU short, core-seconds a day",
        "12,346",
        "The worst 1 % of containers: 0.1 expected OOM days in 30, each.",
        "The largest tenth of containers has 17 % of all expected OOM days.",
        "Fleet: 0.487 of 0.5 OOM kills per 1,000 container-days; one more OOM a month would save 12.30 USD.",
        "Fleet: 12,346 of 50,000 core-seconds of CPU shortage a day; one more core-hour of shortage a month would"
        " save nothing.",
        "Namespace shop: 0.0421 of 0.01 OOM kills per 1,000 container-days, exceeded: to keep it would cost more"
        " than the policy pays for an incident; one more OOM a month would save 250.00 USD.",
    ):
        assert part in text, part


@pytest.mark.parametrize("format_name", PEOPLE)
def test_a_plan_without_risk_has_no_section_of_it(format_name):
    text = told(sample_plan(risk=RiskSummary()), format_name)
    assert "container-days" not in text
    assert "Fleet" not in text
    assert not re.search(r"\b(Risk|Expected)\b", text)


@pytest.mark.parametrize("format_name", PEOPLE)
def test_half_a_risk_is_told_with_what_is_not_known(format_name):
    risk = RiskSummary(oom_kills_per_1000_container_days=0.25, largest_tenth_share_of_oom_days=0.0)
    text = told(sample_plan(risk=risk), format_name)
    assert "OOM per 1,000 container-days" in text
    assert "0.25" in text
    assert "?" in text
    assert "CPU short, core-seconds a day" not in text
    assert "has 0 % of all expected OOM days" in text
    assert "worst 1 %" not in text


def test_risk_follows_the_totals_in_the_table():
    text = render(sample_plan(), "table")
    assert text.index("Memory requested") < text.index("OOM per 1,000") < text.index("Worth most")
    assert re.search(r"^OOM per 1,000 container-days +4\.62 +0\.487$", text, re.MULTILINE)
    assert re.search(r"^CPU short, core-seconds a day +3 +12,346$", text, re.MULTILINE)


def test_sentences_need_no_figure():
    assert bearers_sentence(RiskSummary()) == ""
    assert budget_sentences(sample_plan(risk=RiskSummary())) == []
    use = BudgetUse(
        scope="ml", resource="cpu", unit="u", budget=0.0, expected=0.0002, exceeded=True, saving_of_one_more=0.004
    )
    [text] = budget_sentences(sample_plan(risk=sample_risk().model_copy(update={"budgets": (use,)})))
    assert text.startswith("Namespace ml: <0.001 of 0 u, exceeded: ")
    assert text.endswith("one more core-hour of shortage a month would save nothing.")


class TestBacktestLine:
    def test_memory_and_cpu_in_words(self):
        """A slack of 0.142 leaves the p95 at 85.8 % of the request; one of -0.04 puts it at 104 %."""
        line = evidence().backtest
        assert backtest_sentence(line) == (
            "In 14 held-out days (2 folds) the same rule would have been over its memory on no day (today's values: 1),"
            " with the p95 of use at 86 % of the request; and been short of 52.4 core-seconds of CPU a day (today's"
            " values: 0), for 1.21 % of the time, with the p95 of use at 104 % of the request."
        )

    def test_one_resource_alone(self):
        line = BacktestLine(folds=1, days=3.5, memory_incident_days=1.0)
        assert backtest_sentence(line) == (
            "In 3.5 held-out days (1 fold) the same rule would have been over its memory on 1 day."
        )
        line = BacktestLine(folds=3, days=21.0, cpu_shortage_core_seconds_per_day=0.0004, cpu_short_share=0.0)
        assert backtest_sentence(line) == (
            "In 21 held-out days (3 folds) the same rule would have been short of <0.001 core-seconds of CPU a day,"
            " for 0 % of the time."
        )

    def test_neither(self):
        assert "nothing of it could be judged" in backtest_sentence(BacktestLine(folds=3, days=0.0))

    def test_explain_tells_it_or_why_there_is_none(self):
        way = route(["c"], "c")
        with_line = recommendation("n/Deployment/d/c", values("1"), values("2"), way, 1.0)
        without = recommendation("n/Deployment/d/c", values("1"), values("2"), way, 1.0, seen=evidence(backtest=None))
        assert "In 14 held-out days (2 folds) the same rule would have" in " ".join(
            render_explain([with_line], []).split()
        )
        assert "Not backtested: no days of it were held back." in render_explain([without], [])

    def test_the_page_tells_it_under_why(self):
        assert told(sample_plan(), "html").count("In 14 held-out days (2 folds) the same rule") == 5

    def test_wide_has_today_and_the_same_rule(self):
        lines = render(sample_plan(), "wide").splitlines()
        [web] = [line for line in lines if line.startswith("shop/Deployment/web/web ")]
        assert re.search(r" 1 -> 0 +0 -> 52\.4 ", web)
        report = next(r for r in sample_plan().recommendations if r.target.name == "nightly-report")
        assert backtest_cells(report) == ("", "")
        half = evidence(backtest=BacktestLine(folds=1, days=3.0, memory_incident_days=2.0))
        assert backtest_cells(report.model_copy(update={"evidence": half})) == ("? -> 2", "")

    def test_csv_has_a_column_for_each_figure(self):
        rows = list(csv.DictReader(io.StringIO(render(sample_plan(), "csv"))))
        given = evidence().backtest.model_dump()
        for name in BacktestLine.model_fields:
            assert float(rows[0][f"backtest_{name}"]) == given[name]
            assert rows[-1][f"backtest_{name}"] == ""


def test_a_figure_never_becomes_nothing():
    assert [figure(v) for v in (None, 0.0, 0.0004, 0.31, 999.4, 9107.2)] == ["?", "0", "<0.001", "0.31", "999", "9,107"]

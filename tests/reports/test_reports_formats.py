"""Every format of a plan: what it must show, and that no text of a cluster does more than be read.

The outputs for ``sample_plan()`` are goldens in ``tests/goldens/reports``. Renew them after a wanted change with
``PLANNER_RENEW_GOLDENS=1 pytest tests/reports`` and read the difference.
"""

import csv
import io
import json
import re

import pytest
import yaml
from fakes.goldens import check_golden
from fakes.html_tags import Page, check_page
from fakes.plans import HOSTILE_TEXT, evidence, hostile_plan, recommendation, route, sample_plan, values
from rich.cells import cell_len

from planner.errors import UsageError
from planner.plan.schema import Bill, Expectation, Plan
from planner.reports.render import FORMATS, render

STYLE = re.compile(r"\x1b\[[0-9;]*m")
LONG = "very-long-" * 25 + "tail"


def wide_names() -> Plan:
    """Long names, names of double width, and figures as large as they get."""
    names = [f"shop/Deployment/{LONG}/{LONG}", "日本語/Deployment/日本語の長い名前の例/名前" + "コンテナ" * 20]
    big = values("128974m", "128974848Ki", "1289748480m", "1048576000Ki")
    more = values("1", "1", "1289748480001m", "")
    seen = evidence(
        expected_incidents=(
            Expectation(name="oom_kill_days_per_30_days", current=29.97, proposed=None),
            Expectation(name="cpu_shortage_core_seconds_per_day", current=123456.0, proposed=9876543.0),
        )
    )
    made = tuple(
        recommendation(name, big, more, route(["x"], "x"), -98_765_432.1, seen=seen)
        for name in [*names, "e/\u0301" + "/e" * 2]
    )
    bill = Bill(
        currency="X" * 40,
        basis="nodes",
        current_per_month=123_456_789.12,
        planned_per_month=0.0,
        nodes_per_month=0.0,
    )
    return sample_plan(recommendations=made, cluster=LONG, bill=bill, synthetic=True)


@pytest.mark.parametrize("format_name", FORMATS)
def test_the_report_of_the_sample_plan_is_as_read_and_agreed(format_name):
    check_golden(f"reports/plan.{format_name}.txt", render(sample_plan(), format_name))


@pytest.mark.parametrize("format_name", FORMATS)
def test_the_same_plan_gives_the_same_bytes(format_name):
    assert render(hostile_plan(), format_name) == render(hostile_plan(), format_name)


@pytest.mark.parametrize("format_name", FORMATS)
def test_no_control_character_and_no_turned_text_reaches_the_reader(format_name):
    text = render(hostile_plan(), format_name, color=False)
    assert text.endswith("\n")
    assert {c for c in text if not c.isprintable()} == {"\n"}
    text.encode()


def test_an_unknown_format_is_a_usage_error():
    with pytest.raises(UsageError, match="no output format 'xml'"):
        render(sample_plan(), "xml")


class TestTable:
    @pytest.mark.parametrize("width", [40, 60, 80, 100, 200])
    @pytest.mark.parametrize("make", [sample_plan, hostile_plan, wide_names])
    def test_no_line_is_wider_than_asked(self, make, width):
        for color in (False, True):
            lines = STYLE.sub("", render(make(), "table", width=width, color=color)).splitlines()
            assert max(cell_len(line) for line in lines) <= min(width, 120)

    def test_it_is_made_for_eighty_columns_and_uses_them(self):
        lines = render(sample_plan(), "table").splitlines()
        assert lines == render(sample_plan(), "table", width=80).splitlines()
        assert max(cell_len(line) for line in lines) == 80

    def test_it_shows_the_bill_its_basis_and_the_share_freed(self):
        """9,412.75 - 7,309.40 = 2,103.35, which is 22.3 % of 9,412.75."""
        text = render(sample_plan(), "table")
        assert re.search(r"Bill, USD a month +9,412\.75 +7,309\.40 +2,103\.35 +22 %", text)
        assert "value of what is requested" in text
        assert "only when nodes go away" in " ".join(text.split())
        assert re.search(r"CPU requested, cores +212\.5 +151\.2 +61\.2 +29 % +68\.4", text)
        assert "7 recommendations: 5 free 2,241.75, 2 need 138.40 USD more. 6 left alone." in text

    def test_moves_come_by_worth_with_change_risk_and_confidence(self):
        text = render(sample_plan(), "table", top=2)
        assert "Worth most (2 of 7)" in text
        assert text.index("shop/Deployment/web/web") < text.index("ml/Rollout/ranker/server")
        assert "cart-db" not in text
        for part in ("CPU 2 -> 500m", "CPU 4 -> none", "mem 4Gi -> 460Mi", "OOM days 0 -> <0.01", "1,243.50  high"):
            assert part in text

    def test_what_was_left_alone_is_grouped_with_counts_and_examples(self):
        text = render(sample_plan(), "table")
        assert "Left alone (6)" in text
        assert re.search(r"^ +4  hpa_on_same_metric$", text, re.MULTILINE)
        assert "shop/Deployment/checkout/app, shop/Deployment/frontend/app and 2 more" in text
        assert "Fix: give the prices with --price-file" in text

    def test_color_only_adds_styles(self):
        plain, colored = (render(sample_plan(), "table", color=color) for color in (False, True))
        assert "\x1b" not in plain
        assert "\x1b[1m" in colored
        assert STYLE.sub("", colored) == plain

    def test_a_plan_without_anything_is_short_and_whole(self):
        text = render(sample_plan(recommendations=(), not_recommended=(), warnings=(), totals={}), "table")
        assert "0 recommendations. 0 left alone. 0 warnings." in text
        assert "Worth most" not in text

    def test_a_made_up_snapshot_is_said_in_every_report_for_people(self):
        plan = sample_plan(synthetic=True)
        for format_name in ("table", "wide", "markdown", "html"):
            assert "made up" in render(plan, format_name)
            assert "made up" not in render(sample_plan(), format_name)


class TestWide:
    def test_every_recommendation_has_one_line(self):
        lines = render(sample_plan(), "wide").splitlines()
        assert sum(line.startswith(("shop/", "ml/", "legacy/")) for line in lines) == 7
        [web] = [line for line in lines if line.startswith("shop/Deployment/web/web ")]
        for part in ("2 -> 500m", "4 -> none", "4Gi -> 460Mi", "8Gi -> 920Mi", "1,243.50", "14.0", "99%", "high"):
            assert part in web

    def test_columns_stand_under_each_other(self):
        lines = [
            line for line in render(wide_names(), "wide").splitlines() if "->" in line or line.startswith("target")
        ]
        ends = {len_before(line, "strategic-merge") for line in lines[1:]}
        assert len(lines) == 4
        assert ends == {len_before(lines[0], "patch")}

    def test_names_give_way_to_the_width_and_figures_do_not(self):
        wide, narrow = (render(wide_names(), "wide", width=width) for width in (None, 160))
        assert "128974m -> 1" in wide
        assert "128974m -> 1" in narrow
        assert max(map(cell_len, narrow.splitlines())) < max(map(cell_len, wide.splitlines()))


def len_before(line: str, word: str) -> int:
    return cell_len(line[: line.rindex(word)])


class TestDocuments:
    @pytest.mark.parametrize("make", [sample_plan, hostile_plan, wide_names])
    def test_json_is_the_plan_whatever_its_texts_hold(self, make):
        assert json.loads(render(make(), "json")) == make().model_dump(mode="json")

    def test_json_is_a_plan_file_again(self, tmp_path):
        from planner.plan.files import read_plan

        (tmp_path / "plan.json").write_text(render(sample_plan(), "json"))
        assert read_plan(tmp_path / "plan.json") == sample_plan()

    @pytest.mark.parametrize("make", [sample_plan, hostile_plan, wide_names])
    def test_yaml_is_the_same_document(self, make):
        document = json.loads(json.dumps(make().model_dump(mode="json")).replace("\\ud800", "\\ufffd"))
        assert yaml.safe_load(render(make(), "yaml")) == document

    def test_yaml_floats_are_floats_to_every_reader(self):
        plan = sample_plan(totals={"a": 1e-7, "b": 1e22, "c": 0.1})
        assert yaml.safe_load(render(plan, "yaml"))["totals"] == {"a": 1e-7, "b": 1e22, "c": 0.1}


class TestCsv:
    def test_one_row_per_recommendation_in_base_units(self):
        rows = list(csv.DictReader(io.StringIO(render(sample_plan(), "csv"))))
        assert len(rows) == 7
        web = rows[0]
        assert (web["namespace"], web["kind"], web["name"], web["container"]) == ("shop", "Deployment", "web", "web")
        assert (web["cpu_request_now_cores"], web["cpu_request_planned_cores"]) == ("2", "0.5")
        assert (web["cpu_limit_now_cores"], web["cpu_limit_planned_cores"]) == ("4", "")
        assert web["memory_request_planned_bytes"] == str(460 * 1024**2)
        assert (web["freed_value_per_month"], web["currency"], web["confidence"]) == ("1243.50", "USD", "high")
        assert rows[-1]["freed_value_per_month"] == "-120.00"

    def test_no_cell_is_a_formula(self):
        for make in (hostile_plan, sample_plan):
            rows = list(csv.reader(io.StringIO(render(make(), "csv"))))
            assert len({len(row) for row in rows}) == 1
            for cell in (cell for row in rows for cell in row):
                if cell.lstrip()[:1] in ("=", "+", "-", "@", "\t", "\r"):
                    float(cell)  # a negative amount is a number and nothing else

    @pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t=", "\r=", " =", "\n=", "|", "%", "＝"])
    def test_formulas_are_made_text(self, start):
        change = recommendation("n/Deployment/d/c", values("1"), values("2"), route(["c"], "c"), 1.0)
        target = change.target.model_copy(update={"name": f"{start}cmd|'/c calc'!A1"})
        plan = sample_plan(recommendations=(change.model_copy(update={"target": target}),))
        [row] = csv.DictReader(io.StringIO(render(plan, "csv")))
        assert row["name"][0] in "'\\"

    def test_a_quantity_that_cannot_be_read_is_left_empty(self):
        change = recommendation("n/Deployment/d/c", values("much"), values("2"), route(["c"], "c"), 1.0)
        [row] = csv.DictReader(io.StringIO(render(sample_plan(recommendations=(change,)), "csv")))
        assert (row["cpu_request_now_cores"], row["cpu_request_planned_cores"]) == ("", "2")


class TestMarkdown:
    def test_tables_have_as_many_cells_in_every_row(self):
        for make in (sample_plan, hostile_plan):
            blocks = re.findall(r"(?:^\|.*\n)+", render(make(), "markdown"), re.MULTILINE)
            assert len(blocks) >= 2
            for block in blocks:
                cells = {len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}
                assert len(cells) == 1

    def test_nothing_of_the_cluster_is_markup(self):
        text = render(hostile_plan(), "markdown")
        assert "<script" not in text
        assert "@all" not in text
        assert set(re.findall(r"<[^>]*>", text)) <= {"<br>", "<details>", "</details>", "<summary>", "</summary>"}
        assert not re.search(r"(?<!\\)`", text)

    def test_the_first_moves_stand_open_and_the_others_are_folded(self):
        text = render(sample_plan(), "markdown", top=2)
        assert "<summary>5 more recommendations</summary>" in text
        assert text.index("ranker") < text.index("<details>") < text.index("cart-db")


class TestHtml:
    @pytest.mark.parametrize("make", [sample_plan, hostile_plan, wide_names])
    def test_every_tag_is_ours_and_closed_and_nothing_is_loaded(self, make):
        check_page(render(make(), "html"))

    def test_the_hostile_text_is_shown_as_text(self):
        page = Page()
        page.feed(render(hostile_plan(), "html"))
        assert "<script>alert(1)</script>" in page.words
        assert "\\x1b[31mred" in page.words
        assert HOSTILE_TEXT not in page.words

    def test_bars_show_the_cores_of_each_namespace(self):
        """shop: 12 x 2 + 3 x 4 = 36 cores and the CronJob's none; planned 12 x 0.5 + 3 x 2.5 + 0.2 x 0.1 = 13.52.

        The init container of `web` is left out: it does not run beside the others.
        """
        page = Page()
        page.feed(render(sample_plan(), "html"))
        assert "36 cores" in page.words
        assert "13.52 cores" in page.words

    def test_namespaces_beyond_the_twelfth_bar_are_one(self):
        way = route(["c"], "c")
        made = tuple(recommendation(f"n{i:02}/Deployment/d/c", values("1"), values("2"), way, 1.0) for i in range(20))
        page = Page()
        page.feed(render(sample_plan(recommendations=made), "html"))
        assert page.words.count("9 others") == 2
        assert "27 cores" in page.words
        assert "54 cores" in page.words

    def test_light_and_dark(self):
        assert "prefers-color-scheme:dark" in render(sample_plan(), "html")


def test_worth_follows_the_basis_of_the_bill():
    """Under `nodes` a move is worth its part of the bill; the one that frees most may save nothing."""
    first, second = sample_plan().recommendations[0], sample_plan().recommendations[2]
    moves = (
        first.model_copy(update={"saving_per_month": 0.0}),
        second.model_copy(update={"saving_per_month": 312.0}),
    )
    bill = sample_plan().bill.model_copy(update={"basis": "nodes"})
    text = render(sample_plan(recommendations=moves, bill=bill), "table")
    assert text.index("cart-db") < text.index("web/web")
    assert "312.00" in text
    assert "1,243.50" not in text
    assert "sum of the prices of the nodes" in text

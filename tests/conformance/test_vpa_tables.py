"""The reader of the VPA tables notices what is wrong with them, and the constants agree with the tables."""

import json
import os
from pathlib import Path

import pytest
from test_vpa_cases import all_cases, differences
from vpa_groups import NOT_THE_RECOMMENDERS, RUNNERS

from planner.decisions.baselines import vpa, vpa_amounts, vpa_buckets, vpa_histogram, vpa_state
from planner.units import MIB

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("PLANNER_SHARED") or ROOT.parent / "shared")
TABLE = json.loads((Path(__file__).with_name("cases") / "vpa_cases.json").read_text(encoding="utf-8"))


def entries(folder, **files):
    for name, text in files.items():
        (folder / f"{name}.json").write_text(text, encoding="utf-8")
    return [parameter.values[0] for parameter in all_cases(folder)]


def only_problem(found):
    (entry,) = found
    return entry["problem"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "cannot be read"),
        ("[]", "cannot be read"),
        ("{}", "cannot be read"),
        ('{"groups": []}', "holds no groups"),
        ('{"groups": [{"id": "rounding", "cases": []}]}', "has no cases"),
        ('{"groups": [{"id": "rounding"}]}', "has no cases"),
        ('{"groups": [{"id": "histogram_new", "cases": [{}]}]}', "no such group"),
        ('{"groups": ["rounding"]}', "no such group"),
        ('{"groups": [{"id": "update_order", "cases": [{}]}]}', "no case of the recommender"),
    ],
)
def test_a_table_that_cannot_be_run_is_a_failure(tmp_path, text, problem):
    assert problem in only_problem(entries(tmp_path, vpa_one=text))


def test_an_empty_folder_is_a_failure(tmp_path):
    assert "no vpa*.json" in only_problem(entries(tmp_path, hpa_one="{}"))


def test_a_bad_file_does_not_hide_a_good_one(tmp_path):
    good = {"groups": [{"id": "rounding", "cases": [{"id": "a", "in": {"cores": 0.5}, "out": {"cpu_m": 500}}]}]}
    found = entries(tmp_path, vpa_a="{", vpa_b=json.dumps(good))
    assert ["problem" in entry for entry in found] == [True, False]


def test_a_wrong_value_is_told_and_a_tolerance_is_honoured():
    """0.5 cores is 500 millicores; 501 is wrong, unless 1 % is allowed, and 510 is wrong even then."""
    case = {"in": {"cores": 0.5}, "out": {"cpu_m": 501}}
    assert differences({"id": "rounding"}, case) == ["cpu_m: found 500, wanted 501"]
    assert differences({"id": "rounding", "tolerance_rel": 0.01}, case) == []
    assert differences({"id": "rounding", "tolerance": 1}, case) == []
    far = {"in": {"cores": 0.5}, "out": {"cpu_m": 510, "tolerance_rel": 0.01}}
    assert differences({"id": "rounding"}, far) == ["cpu_m: found 500, wanted 510"]


@pytest.mark.parametrize("out", [{}, {"cores": 1}])
def test_a_case_that_wants_nothing_known_is_a_failure(out):
    with pytest.raises(LookupError):
        differences({"id": "rounding"}, {"in": {"cores": 0.5}, "out": out})


def test_every_group_is_run_or_named_as_someone_elses():
    path = SHARED / "cases" / "vpa_cases.json"
    if not path.is_file():
        pytest.skip("needs the full table: set PLANNER_SHARED")
    groups = {group["id"] for group in json.loads(path.read_text(encoding="utf-8"))["groups"]}
    assert groups == RUNNERS.keys() | NOT_THE_RECOMMENDERS.keys()


def test_the_constants_are_those_of_the_table():
    table = TABLE["defaults"]
    for buckets, stated, unit in [
        (vpa_buckets.CPU_BUCKETS, table["cpu_histogram"], "cores"),
        (vpa_buckets.MEMORY_BUCKETS, table["memory_histogram"], "bytes"),
    ]:
        assert buckets.highest == stated[f"max_{unit}"]
        assert buckets.first == stated[f"first_bucket_{unit}"]
        assert (buckets.ratio, buckets.count) == (stated["ratio"], stated["buckets"])
        assert buckets.epsilon == pytest.approx(stated["epsilon"])
    config, sizer = vpa_state.VpaConfig(), vpa.VpaSizer()
    assert config.target == sizer.percentile == table["target_cpu_percentile"] == table["target_memory_percentile"]
    assert config.margin == sizer.margin == table["margin_fraction"]
    assert (config.lower, config.upper) == (table["lower_percentile"], table["upper_percentile"])
    assert config.pod_minimum_millicores == table["pod_min_cpu_m"]
    assert config.pod_minimum_bytes == table["pod_min_mem_mib"] * MIB
    assert vpa.HALF_LIFE_DAYS * 24 == table["cpu_half_life_h"] == table["memory_half_life_h"]
    assert sizer.window_days == vpa_state.INTERVALS_KEPT == table["memory_aggregation_interval_count"]
    assert table["cpu_sample_weight"] == vpa_buckets.SAMPLE_WEIGHT
    assert table["memory_sample_weight"] == vpa_state.MEMORY_WEIGHT
    assert tuple(table["upper_confidence"].values()) == vpa_state.UPPER_CONFIDENCE
    assert tuple(table["lower_confidence"].values()) == vpa_state.LOWER_CONFIDENCE
    assert (
        table["oom_bump_ratio"],
        table["oom_min_bump_bytes"],
    ) == (vpa_state.OOM_BUMP_RATIO, vpa_state.OOM_MIN_BUMP_BYTES)
    assert table["max_amount"] == vpa_amounts.HIGHEST_AMOUNT
    assert table["max_checkpoint_weight"] == vpa_histogram.HEAVIEST_CHECKPOINT_BUCKET

"""Facts about the Vertical Pod Autoscaler's recommender, as tables of inputs and results.

Every ``vpa*.json`` in the folder ``PLANNER_CASES_DIR`` (default: ``cases`` beside this file) is read, one test for each
case. A table that cannot be read, that holds no groups, or a group that nobody has heard of is a failure, not a gap.
"""

import json
import math
import os
from pathlib import Path

import pytest
from vpa_groups import NOT_THE_RECOMMENDERS, RUNNERS

CASES_DIR = Path(os.environ.get("PLANNER_CASES_DIR") or Path(__file__).with_name("cases"))
TOLERANCES = ("tolerance_rel", "tolerance")


def failing(name, reason):
    return pytest.param({"problem": reason}, id=name)


def cases_of(path):
    """Parameters of one file, a failing one for everything that cannot be run."""
    try:
        groups = json.loads(path.read_text(encoding="utf-8"))["groups"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        return [failing(path.name, f"{path.name} cannot be read: {type(error).__name__}: {error}")]
    if not isinstance(groups, list) or not groups:
        return [failing(path.name, f"{path.name} holds no groups")]
    found = []
    for group in groups:
        name = group.get("id") if isinstance(group, dict) else None
        if name in NOT_THE_RECOMMENDERS:
            continue
        if name not in RUNNERS:
            found.append(failing(f"{path.stem}-{name}", f"{path.name}: no such group as {name!r}"))
        elif not group.get("cases") or not all(isinstance(case, dict) for case in group["cases"]):
            found.append(failing(f"{path.stem}-{name}", f"{path.name}: {name} has no cases"))
        else:
            found.extend(
                pytest.param({"group": group, "case": case}, id=str(case.get("id", f"{name}-without-id")))
                for case in group["cases"]
            )
    return found


def all_cases(folder):
    files = sorted(folder.glob("vpa*.json"))
    if not files:
        return [failing("no-files", f"no vpa*.json in {folder}")]
    found = [case for path in files for case in cases_of(path)]
    return found or [failing("no-cases", f"no case of the recommender in {folder}")]


def tolerance_of(group, case):
    """(relative, absolute) tolerance: the narrowest place that names one."""
    for place in (case["out"], case, group):
        if any(name in place for name in TOLERANCES):
            return place.get("tolerance_rel", 0.0), place.get("tolerance", 0.0)
    return None


def same(found, wanted, tolerance):
    """Whether a result is the wanted one: whole numbers exactly and others to 1e-12, unless a tolerance is given."""
    if isinstance(wanted, bool) or wanted is None or isinstance(wanted, str):
        return found is wanted or (isinstance(wanted, str) and found == wanted)
    if isinstance(wanted, dict):
        return (
            isinstance(found, dict)
            and found.keys() == wanted.keys()
            and all(same(found[key], value, tolerance) for key, value in wanted.items())
        )
    if isinstance(wanted, list):
        return (
            isinstance(found, list)
            and len(found) == len(wanted)
            and all(same(mine, theirs, tolerance) for mine, theirs in zip(found, wanted, strict=True))
        )
    if isinstance(found, bool) or not isinstance(found, int | float):
        return False
    if tolerance is not None:
        return math.isclose(found, wanted, rel_tol=tolerance[0], abs_tol=tolerance[1])
    if isinstance(found, int) and isinstance(wanted, int):
        return found == wanted
    return math.isclose(found, wanted, rel_tol=1e-12)


def differences(group, case):
    """What the planner finds otherwise than the table says."""
    wanted = {name: value for name, value in case["out"].items() if name not in TOLERANCES}
    if not wanted:
        raise LookupError("the case wants nothing")
    found = {"error": None, **RUNNERS[group["id"]](case["in"], wanted)}
    if wanted.get("error") is False:
        wanted["error"] = None
    tolerance = tolerance_of(group, case)
    wrong = []
    for name, value in wanted.items():
        if name not in found:
            raise LookupError(f"{group['id']} knows no result {name!r}")
        if name.endswith("_approx") and tolerance is None:
            raise LookupError(f"{name} comes without a tolerance")
        if not same(found[name], value, None if name.endswith("_exact") else tolerance):
            wrong.append(f"{name}: found {found[name]!r}, wanted {value!r}")
    return wrong


@pytest.mark.parametrize("entry", all_cases(CASES_DIR))
def test_vpa_cases(entry):
    if "problem" in entry:
        pytest.fail(entry["problem"])
    wrong = differences(entry["group"], entry["case"])
    if wrong and entry["case"].get("known_wrong_upstream"):
        pytest.skip("upstream pins a value that breaks its own rule: " + "; ".join(wrong))
    assert not wrong, f"{entry['case'].get('name')}: {'; '.join(wrong)}"

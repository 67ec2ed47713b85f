"""Generated pages are true, links lead somewhere, and every key and code that users meet is documented."""

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]


def make_docs():
    spec = importlib.util.spec_from_file_location("make_docs", ROOT / "scripts" / "make_docs.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_generated_pages_are_up_to_date():
    """Renew them with ``make docs``."""
    stale = [path.name for path, text in make_docs().pages().items() if not path.is_file() or path.read_text() != text]
    assert stale == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    links = re.findall(r"\]\(([^)#]+)", page.read_text())
    missing = [link for link in links if not link.startswith("http") and not (page.parent / link).exists()]
    assert missing == []


def test_every_reason_to_leave_something_alone_is_documented():
    source = "".join(path.read_text() for path in (ROOT / "planner" / "decisions").glob("*.py"))
    codes = set(re.findall(r'Refusal\(\s*"([a-z_]+)"', source))
    assert len(codes) > 10
    methods = (ROOT / "docs" / "methods.md").read_text()
    assert {code for code in codes if f"`{code}`" not in methods} == set()


def test_every_bound_is_documented():
    source = (ROOT / "planner" / "decisions" / "bounds.py").read_text() + (
        ROOT / "planner" / "decisions" / "candidates.py"
    ).read_text()
    codes = set(re.findall(r'at_(?:least|most)\([^"]*?"([a-z_]+)"', source))
    assert {"peak", "oom_floor", "node_size"} <= codes
    methods = (ROOT / "docs" / "methods.md").read_text()
    assert {code for code in codes if f"`{code}`" not in methods} == set()

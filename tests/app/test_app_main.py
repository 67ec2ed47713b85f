import sys
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

MAIN = Path(__file__).resolve().parents[2] / "app" / "main.py"

pytestmark = pytest.mark.filterwarnings("default")  # Streamlit's own


@pytest.fixture
def run(monkeypatch):
    def start(*arguments: str) -> AppTest:
        monkeypatch.setattr(sys, "argv", ["main.py", *arguments])
        return AppTest.from_file(str(MAIN), default_timeout=60).run()

    return start


def test_the_sample_is_shown_when_nothing_is_given(run):
    page = run()
    assert not page.exception
    assert [metric.label for metric in page.metric][-1] == "Recommendations"
    table = page.dataframe[0].value
    assert len(table) == int(page.metric[-1].value)
    assert "vector-db" in set(table["container"])


def test_a_folder_without_snapshot_is_one_line_not_a_traceback(run, tmp_path):
    page = run(str(tmp_path))
    assert not page.exception
    assert page.error[0].value == "The snapshot cannot be shown."
    assert "no snapshot here" in page.text[0].value

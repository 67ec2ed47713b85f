"""Write the generated pages: ``docs/plan.schema.json``, ``docs/backtest.schema.json``, ``docs/cli.md``.

``make docs`` runs it; ``tests/test_docs.py`` fails where a page is out of date. With ``--check`` it writes
nothing and exits with 1 when a page differs.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COMMANDS = (
    (), ("collect",), ("recommend",), ("explain",), ("simulate",), ("backtest",), ("doctor",), ("policy",),
    ("policy", "check"), ("policy", "show"), ("policy", "schema"), ("version",),
)  # fmt: skip


def plan_schema() -> str:
    """JSON schema of a plan file."""
    from planner.plan.schema import Plan

    return _schema(Plan.model_json_schema(mode="serialization"))


def backtest_schema() -> str:
    """JSON schema of a backtest."""
    from planner.plan.backtest import BacktestReport

    return _schema(BacktestReport.model_json_schema(mode="serialization"))


def _schema(schema: dict[str, object]) -> str:
    return json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema"} | schema, indent=2) + "\n"


def cli_page() -> str:
    """Every command's own help, at 80 columns."""
    environment = os.environ | {"COLUMNS": "80", "NO_COLOR": "1", "TERM": "dumb", "TERMINAL_WIDTH": "80"}
    parts = ["# Command line\n", "Made by `make docs` from each command's `--help`.\n"]
    for command in COMMANDS:
        name = " ".join(("planner", *command))
        answer = subprocess.run(
            [sys.executable, "-m", "planner", *command, "--help"],
            check=True,
            capture_output=True,
            text=True,
            env=environment,
            cwd=ROOT,
        )
        text = "\n".join(line.rstrip() for line in answer.stdout.strip("\n").splitlines())
        text = text.replace("python -m planner", "planner")
        parts.append(f"## `{name}`\n\n```text\n{text}\n```\n")
    return "\n".join(parts)


def pages() -> dict[Path, str]:
    """Path -> text of every generated page."""
    return {
        ROOT / "docs" / "plan.schema.json": plan_schema(),
        ROOT / "docs" / "backtest.schema.json": backtest_schema(),
        ROOT / "docs" / "cli.md": cli_page(),
    }


def main() -> int:
    """Write the pages, or compare them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    stale = [path for path, text in pages().items() if not path.is_file() or path.read_text(encoding="utf-8") != text]
    for path in stale:
        if not check:
            path.write_text(pages()[path], encoding="utf-8")
        print(f"{'out of date' if check else 'written'}: {path.relative_to(ROOT)}")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())

"""Run the program as a user does: its own process, an environment without the tester's settings."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CLEAN = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "LC_ALL": "C.UTF-8", "COLUMNS": "80"}
CLEAN["PYTHONPATH"] = str(ROOT)  # this tree from any folder, whichever is installed


def planner(*arguments: str, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    """Exit code, stdout and stderr of ``planner ARGUMENTS``."""
    return subprocess.run(
        [sys.executable, "-m", "planner", *arguments],
        capture_output=True,
        text=True,
        env=CLEAN | environment,
        cwd=cwd or ROOT,
        timeout=120,
        check=False,
    )

"""Make the synthetic sample platform again: the same arguments give the same folder.

Run it from the repository: ``python scripts/make_sample.py --out data/samples/ml-platform``.
"""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from planner.collectors.sample.platform import DEFAULT_DAYS, DEFAULT_SEED
from planner.collectors.sample.snapshot import make_snapshot

DEFAULT_OUT = Path(__file__).resolve().parent.parent / "data" / "samples" / "ml-platform"


def main(arguments: list[str] | None = None) -> int:
    """Write the sample beside its place, then put it there in one move."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT, help="folder of the snapshot")
    parser.add_argument("--days", type=int, default=DEFAULT_DAYS, help="length of the window")
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED, help="of everything random")
    parser.add_argument("--copies", type=int, default=1, help="so many platforms beside each other")
    options = parser.parse_args(arguments)
    out: Path = options.out
    if out.exists() and any(out.iterdir()) and not (out / "snapshot.json").exists():
        sys.stderr.write(f"{out} holds something else than a snapshot\n")
        return 2
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".sample-") as scratch:
        made = Path(scratch) / "snapshot"
        header = make_snapshot(made, seed=options.seed, days=options.days, copies=options.copies)
        if out.exists():
            shutil.rmtree(out)
        made.replace(out)
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    sys.stdout.write(f"{header.snapshot_id}: {size / 1e6:.2f} MB in {out}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

"""A real Prometheus on loopback, loaded with recorded series.

Text in OpenMetrics form -> blocks (``promtool tsdb create-blocks-from openmetrics``) -> server::

    load_openmetrics(lines, tmp_path / "data")
    with RealPrometheus(tmp_path / "data") as server:
        requests.get(server.url + "/api/v1/query", params={"query": "up"})

promtool reads its whole input once for each block that it makes: keep small texts in few blocks
(``block_hours=54``), and give large ones already cut, one call for each block.
"""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

import pytest

HOW_TO_GET = "needs `prometheus` and `promtool` on PATH (Debian: apt-get install prometheus)"
BLOCK_HOURS = (2, 6, 18, 54)
READY_SECONDS = 60.0


def missing_binaries() -> list[str]:
    """Programs of this fake that are not on PATH."""
    return [name for name in ("prometheus", "promtool") if shutil.which(name) is None]


def require_prometheus() -> None:
    """Skip the test where the programs are missing; fail it where CI promises them."""
    missing = missing_binaries()
    if not missing:
        return
    if os.environ.get("CI") == "true":
        pytest.fail(f"{', '.join(missing)} missing in CI: {HOW_TO_GET}")
    pytest.skip(HOW_TO_GET)


def load_openmetrics(source: Path | Iterable[str], data: Path, *, block_hours: int = 54) -> None:
    """Turn OpenMetrics text into blocks of a data folder; may be called again for other times.

    Args:
        source: a file that ends with ``# EOF``, or lines grouped by family without it.
        data: folder of the server, made when missing.
        block_hours: length of a block, aligned to the epoch.
    """
    if block_hours not in BLOCK_HOURS:
        message = f"a block has {BLOCK_HOURS} hours, not {block_hours}"
        raise ValueError(message)
    data.mkdir(parents=True, exist_ok=True)
    if isinstance(source, Path):
        _create_blocks(source, data, block_hours)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "openmetrics.txt"
        with path.open("w", encoding="utf-8") as stream:
            for line in source:
                stream.write(line if line.endswith("\n") else line + "\n")
            stream.write("# EOF\n")
        _create_blocks(path, data, block_hours)


def _create_blocks(path: Path, data: Path, block_hours: int) -> None:
    command = ["promtool", "tsdb", "create-blocks-from", "openmetrics", "-q"]
    command += [f"--max-block-duration={block_hours}h", str(path), str(data)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        message = f"promtool refused the text: {(done.stderr or done.stdout)[-2000:]}"
        raise RuntimeError(message)


def free_port() -> int:
    """A TCP port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class RealPrometheus:
    """A running server over a data folder; a context manager.

    Attributes:
        url: ``http://127.0.0.1:PORT``.
        pid: its process.
    """

    def __init__(self, data: Path, *flags: str) -> None:
        self.data = data
        self.flags = flags
        self.url = ""
        self.pid = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._log = data / "server.log"

    def start(self) -> "RealPrometheus":
        """Start it and wait until it answers."""
        self.data.mkdir(parents=True, exist_ok=True)
        config = self.data / "prometheus.yml"
        config.write_text("global: {scrape_interval: 1h}\n")
        port = free_port()
        command = [
            "prometheus",
            f"--config.file={config}",
            f"--storage.tsdb.path={self.data}",
            "--storage.tsdb.retention.time=100y",  # blocks of the past would be deleted at start
            "--storage.tsdb.min-block-duration=2h",  # equal lengths: no compaction in the background
            "--storage.tsdb.max-block-duration=2h",
            f"--web.listen-address=127.0.0.1:{port}",
            "--log.level=warn",
            *self.flags,
        ]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        self.pid = self._process.pid
        self.url = f"http://127.0.0.1:{port}"
        self._wait_ready()
        return self

    def _wait_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        assert self._process is not None
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                break
            try:
                with urllib.request.urlopen(f"{self.url}/-/ready", timeout=1) as answer:
                    if answer.status == 200:
                        return
            except (urllib.error.URLError, OSError):
                time.sleep(0.05)
        self.stop()
        message = f"Prometheus does not start: {self._log.read_text(errors='replace')[-2000:]}"
        raise RuntimeError(message)

    def stop(self) -> None:
        """End it."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def cpu_seconds(self) -> float:
        """CPU seconds (user and system) that the server has used so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def __enter__(self) -> "RealPrometheus":
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

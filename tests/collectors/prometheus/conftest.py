"""A real Prometheus with the recorded scene, and servers that misbehave on purpose."""

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
import requests
from fakes.prometheus_scene import END, START, scene
from fakes.real_prometheus import RealPrometheus, load_openmetrics, require_prometheus
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from planner.collectors.prometheus.client import PrometheusClient
from planner.collectors.prometheus.transport import ConnectionOptions
from planner.collectors.prometheus.usage import CollectedUsage, collect_usage
from planner.snapshot.header import Metric
from planner.snapshot.read import Snapshot, read_snapshot
from planner.snapshot.write import SnapshotWriter

STEP = 300


@pytest.fixture(scope="session")
def scene_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Blocks of the scene."""
    require_prometheus()
    data = tmp_path_factory.mktemp("prometheus") / "data"
    load_openmetrics(scene(), data)
    return data


@pytest.fixture(scope="session")
def scene_server(scene_data: Path) -> Iterator[RealPrometheus]:
    """A server over the scene."""
    with RealPrometheus(scene_data) as server:
        yield server


@pytest.fixture
def real_server(scene_data: Path, tmp_path: Path) -> Iterator[Callable[..., RealPrometheus]]:
    """Starts servers over copies of the scene, with flags of their own."""
    servers: list[RealPrometheus] = []

    def start(*flags: str) -> RealPrometheus:
        data = tmp_path / f"copy-{len(servers)}"
        shutil.copytree(scene_data, data, ignore=shutil.ignore_patterns("lock", "queries.active", "wal", "*.log"))
        servers.append(RealPrometheus(data, *flags))
        return servers[-1].start()

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def connect() -> Iterator[Callable[..., PrometheusClient]]:
    """Makes clients that are closed after the test; waiting is noted, not done."""
    clients: list[PrometheusClient] = []

    def make(url: str, **options: object) -> PrometheusClient:
        waits: list[float] = []
        client = PrometheusClient(ConnectionOptions(url, **options), sleep=waits.append)  # type: ignore[arg-type]
        client.waits = waits  # type: ignore[attr-defined]
        clients.append(client)
        return client

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def client(scene_server: RealPrometheus, connect: Callable[..., PrometheusClient]) -> PrometheusClient:
    """A client of the scene."""
    return connect(scene_server.url)


@pytest.fixture
def collect(tmp_path: Path) -> Callable[..., tuple[CollectedUsage, Snapshot]]:
    """Collects usage into ``folder`` and commits it, or abandons it when that fails."""

    def run(
        client: PrometheusClient,
        cluster: str = "main",
        *,
        start: float = START,
        end: float = END,
        step: int = STEP,
        folder: str = "snapshot",
        now: float | None = None,
        **options: object,
    ) -> tuple[CollectedUsage, Snapshot]:
        writer = SnapshotWriter(tmp_path / folder, cluster=cluster, step_seconds=step)
        try:
            found = collect_usage(
                client,
                writer,
                start=start,
                end=end,
                step_seconds=step,
                cluster_matcher={"cluster": cluster},
                now=time.time() if now is None else now,
                **options,  # type: ignore[arg-type]
            )
        except BaseException:
            writer.abandon()
            raise
        writer.commit(
            start=found.start,
            end=found.end,
            sources=[client.source(details=dict(found.details))],
            warnings=[*found.warnings, *client.warnings],
        )
        return found, read_snapshot(tmp_path / folder)

    return run


@pytest.fixture
def series_of() -> Callable[[Snapshot, Metric], dict[tuple[str, str, str], dict[str, list[float]]]]:
    """(namespace, pod, container) -> day -> values of the day."""

    def read(snapshot: Snapshot, metric: Metric) -> dict[tuple[str, str, str], dict[str, list[float]]]:
        found: dict[tuple[str, str, str], dict[str, list[float]]] = {}
        for day, block in snapshot.usage(metric):
            for row in range(len(block)):
                key = (block.namespace[row], block.pod[row], block.container[row])
                found.setdefault(key, {})[day] = block.values[row].tolist()
        return found

    return read


@pytest.fixture
def proxy(httpserver: HTTPServer, scene_server: RealPrometheus) -> Callable[..., str]:
    """A server that passes questions on to the scene after ``fault(path, form)`` had its chance to answer itself.

    ``change(path, body)`` may rewrite the real answer.
    """

    def start(
        fault: Callable[[str, dict[str, str]], Response | None] = lambda _path, _form: None,
        change: Callable[[str, bytes], bytes] = lambda _path, body: body,
    ) -> str:
        def handle(request: Request) -> Response:
            form = request.form.to_dict()
            own = fault(request.path, form)
            if own is not None:
                return own
            url = scene_server.url + request.path
            if request.method == "GET":
                answer = requests.get(f"{url}?{urlencode(list(request.args.items(multi=True)))}", timeout=60)
            else:
                answer = requests.post(url, data=form, timeout=60)
            return Response(change(request.path, answer.content), answer.status_code, content_type="application/json")

        for path in (
            "/api/v1/query",
            "/api/v1/query_range",
            "/api/v1/label/__name__/values",
            "/api/v1/status/buildinfo",
        ):
            httpserver.expect_request(path).respond_with_handler(handle)
        return httpserver.url_for("").rstrip("/")

    return start

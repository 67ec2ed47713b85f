"""Usage series, day by day, into a snapshot folder: only what is missing is asked for."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from planner.collectors.parts import Progress, SilentProgress
from planner.collectors.prometheus.chunks import Allowance, Part, ask_in_parts, cut_evenly, in_order
from planner.collectors.prometheus.client import PrometheusClient
from planner.collectors.prometheus.combine import Folded, fold
from planner.collectors.prometheus.gaps import Presences, carried_over, gap_warnings
from planner.collectors.prometheus.probe import agree_on_end
from planner.collectors.prometheus.queries import Scope, namespaces_of
from planner.collectors.prometheus.recipes import Chosen, Menu, choose_recipes, still_true
from planner.snapshot.header import Metric, SourceWarning
from planner.snapshot.usage import SECONDS_PER_DAY, day_of, day_start, merge_blocks
from planner.snapshot.write import SnapshotWriter


@dataclass(frozen=True, slots=True)
class CollectedUsage:
    """What :func:`collect_usage` found beside the series that it stored.

    Attributes:
        start, end: the window after the clocks were compared; the caller's state and commit use them.
        days: ISO dates that were asked for; the others were stored already.
        warnings: missing metrics, gaps, skew, duplicates.
        details: for :class:`planner.snapshot.header.Source`.
    """

    start: float
    end: float
    days: tuple[str, ...]
    warnings: tuple[SourceWarning, ...]
    details: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Task:
    """One metric over the part of one day that is missing."""

    day: str
    chosen: Chosen
    part: Part


@dataclass(frozen=True, slots=True)
class _Result:
    task: _Task
    folded: list[Folded]
    partial: bool


def collect_usage(
    client: PrometheusClient,
    writer: SnapshotWriter,
    *,
    start: float,
    end: float,
    step_seconds: int,
    metrics: Collection[Metric] = tuple(Metric),
    namespaces: Sequence[str] | None = None,
    cluster_matcher: Mapping[str, str] | None = None,
    progress: Progress | None = None,
    now: float,
) -> CollectedUsage:
    """Store the usage of a window; the value of ``[t, t + step)`` is evaluated at its end.

    A day is closed when all its metrics are in. It stays open, and is asked for again next time, when
    an answer was partial or when nothing at all came back.

    Args:
        client: the server.
        writer: open snapshot; the caller commits or abandons it.
        start: of the window, Unix seconds, a multiple of the step.
        end: of the window, half-open, a multiple of the step.
        step_seconds: grid; divides a day.
        metrics: which to ask for.
        namespaces: only these.
        cluster_matcher: label -> value on every selector.
        progress: told after each (day, metric).
        now: our clock, to compare with the server's.

    Raises:
        ValueError: the window is not on the grid of steps.
        SourceError: the server cannot be read; nothing is half stored before ``commit``.
    """
    if start % step_seconds or end % step_seconds or end <= start:
        message = f"window {start}..{end} is not on a grid of {step_seconds} s"
        raise ValueError(message)
    progress = progress or SilentProgress()
    clock = agree_on_end(client, end=end, step_seconds=step_seconds, now=now)
    warnings = list(clock.warnings)
    days = _missing_days(writer, start, clock.end)
    presences = Presences(start, max(clock.end, start), step_seconds)
    for _, begin, until in days:
        presences.ask(max(begin, start), min(until, clock.end))
    earlier = writer.previous.warnings if writer.previous is not None else ()
    warnings.extend(carried_over(earlier, presences))
    details = {"step_seconds": str(step_seconds), "clock_skew_seconds": str(round(clock.skew_seconds))}
    if days:
        scope = Scope(dict(cluster_matcher or {}), tuple(sorted(set(namespaces))) if namespaces else None)
        first = min(begin for _, begin, _ in days)
        menu = choose_recipes(client, scope, metrics, start=first, end=clock.end, step_seconds=step_seconds)
        warnings.extend(menu.warnings)
        details.update(_told(menu))
        warnings.extend(_store_days(client, writer, menu, days, presences, step_seconds, progress))
    else:
        warnings.extend(still_true(earlier))
    return CollectedUsage(start, clock.end, tuple(dict.fromkeys(day for day, _, _ in days)), tuple(warnings), details)


def _missing_days(writer: SnapshotWriter, start: float, end: float) -> list[tuple[str, float, float]]:
    """(day, from, until) of everything in the window that the writer does not cover.

    What is covered of a day stays one piece: a question begins or ends at it, even where the window does not.
    """
    days = []
    midnight = day_start(day_of(start))
    while midnight < end:
        day = day_of(midnight)
        first, last = max(start, midnight), min(end, midnight + SECONDS_PER_DAY)
        begin, until = writer.covered_from(day), writer.covered_until(day)
        parts = [(first, begin), (until, last)] if begin < until else [(first, last)]
        days += [(day, a, b) for a, b in parts if a < b]
        midnight += SECONDS_PER_DAY
    return days


def _told(menu: Menu) -> dict[str, str]:
    details = {"scrape_seconds": f"{menu.scrape_seconds:g}"} if menu.scrape_seconds else {}
    for chosen in menu.chosen:
        details[f"series_{chosen.recipe.metric.value}"] = f"{chosen.series:.0f}"
        if chosen.recipe.metric is Metric.CPU:
            details["cpu_rate_window_seconds"] = str(chosen.window_seconds)
        if chosen.scope.names.rewritten:
            details[f"labels_{chosen.recipe.family.value}"] = chosen.scope.names.pod
    return details


def _store_days(
    client: PrometheusClient,
    writer: SnapshotWriter,
    menu: Menu,
    days: list[tuple[str, float, float]],
    presences: Presences,
    step_seconds: int,
    progress: Progress,
) -> list[SourceWarning]:
    """Ask for everything, several questions at a time; write and cover day by day, in order."""
    tasks = [
        _Task(day, chosen, Part(begin, until, chosen.scope.namespaces))
        for day, begin, until in days
        for chosen in menu.chosen
    ]
    progress.expect(len(tasks))
    allowance = Allowance()
    calls: list[Callable[[], _Result]] = [partial(_fetch, client, task, step_seconds, allowance) for task in tasks]
    bounds: dict[str, tuple[float, float]] = {}
    for day, begin, until in days:  # a day has two parts where its middle is stored
        bounds[day] = (bounds.get(day, (begin, until))[0], until)
        writer.note_asked(day, begin, until)
    whole = dict.fromkeys(bounds, True)
    stored = dict.fromkeys(bounds, False)
    duplicates = shared = 0
    for position, result in enumerate(in_order(calls, client.threads)):
        task = result.task
        block = merge_blocks([folded.block for folded in result.folded])
        if task.chosen.recipe.metric in (Metric.CPU, Metric.MEMORY):
            presences.add(day_start(task.day), block.values)
        writer.write_usage(task.day, task.chosen.recipe.metric, [block])
        stored[task.day] |= len(block) > 0
        whole[task.day] &= not result.partial
        duplicates = max(duplicates, *(folded.duplicates for folded in result.folded), 0)
        shared = max(shared, *(folded.shared for folded in result.folded), 0)
        last_of_day = position + 1 == len(tasks) or tasks[position + 1].day != task.day
        if last_of_day and stored[task.day] and whole[task.day]:
            since, covered = bounds[task.day]
            writer.set_covered(task.day, covered, since)
        progress.step(f"{task.day} {task.chosen.recipe.metric.value}")
    warnings = gap_warnings(presences) if menu.chosen else []
    if not all(whole.values()):
        warnings.append(_partial_days([day for day, is_whole in whole.items() if not is_whole]))
    if duplicates:
        warnings.append(_duplicated(duplicates))
    if shared:
        warnings.append(_shared_gpus(shared))
    return warnings


def _fetch(client: PrometheusClient, task: _Task, step_seconds: int, allowance: Allowance) -> _Result:
    """Query, decode and fold one task; only rows of a day leave this function."""
    chosen = task.chosen
    recipe, scope = chosen.recipe, chosen.scope
    origin = day_start(task.day)
    partial_answer = False

    def ask(part: Part) -> Folded:
        nonlocal partial_answer
        narrowed = Scope(scope.cluster, part.namespaces, scope.names)
        text = recipe.query(narrowed, chosen.window_seconds)
        answer = client.range(text, part.start + step_seconds, part.end, step_seconds)
        partial_answer |= answer.notes.partial
        return fold(answer, recipe, scope.names, day_start=origin, step_seconds=step_seconds)

    def list_namespaces() -> tuple[str, ...]:
        window = int(task.part.end - task.part.start)
        answer = client.instant(namespaces_of(recipe.needs[0], scope, window), task.part.end)
        return tuple(sorted({labels.get(scope.names.namespace, "") for labels in answer.labels} - {""}))

    folded: list[Folded] = []
    for piece in cut_evenly(task.part, step_seconds, series=chosen.series, options=client.options):
        folded += ask_in_parts(
            ask, piece, step_seconds=step_seconds, list_namespaces=list_namespaces, allowance=allowance
        )
    return _Result(task, folded, partial_answer)


def _partial_days(days: list[str]) -> SourceWarning:
    return SourceWarning(
        source="prometheus",
        code="partial_days",
        text=f"answers for {len(days)} days were partial; the days stay open and are asked for again next time",
        costs="series may be missing or cut short",
        fix="check the stores behind the server (Thanos, Mimir, VictoriaMetrics)",
        objects=tuple(days),
    )


def _duplicated(count: int) -> SourceWarning:
    return SourceWarning(
        source="prometheus",
        code="duplicate_series",
        text=f"up to {count} series a day were there twice (an HA pair, or two scrape jobs); the larger counts",
        fix="deduplicate on the server (Thanos: replica labels) to halve the work",
    )


def _shared_gpus(count: int) -> SourceWarning:
    return SourceWarning(
        source="prometheus",
        code="gpu_shared",
        text=f"{count} GPUs serve several containers at once; their values are split evenly",
        costs="who of them uses a GPU is not known",
        fix="",
    )

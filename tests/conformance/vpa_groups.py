"""How a case of each group of the VPA tables is put to the reference classes.

A function gets the ``in`` and ``out`` of a case and returns what the planner finds, under the names of ``out``. A case
of a shape that is not known here raises, so that it fails instead of passing unseen.
"""

from planner.decisions.baselines import vpa_amounts, vpa_state
from planner.decisions.baselines.vpa_buckets import CPU_BUCKETS, MEMORY_BUCKETS, ExponentialBuckets, LinearBuckets
from planner.decisions.baselines.vpa_histogram import DecayingHistogram, Histogram, HistogramCheckpoint
from planner.units import MIB

HOUR, DAY, MINUTE = 3600, 86_400, 60

AGES = {"age_days": DAY, "age_hours": HOUR, "age_h": HOUR}

NOT_THE_RECOMMENDERS = {
    "eviction_event_to_oom": "reading of events",
    "proportional_limit": "limits at admission",
    "admission_result": "limits at admission",
    "policy_capping": "caps of the policy",
    "policy_and_limit_capping": "caps of the policy",
    "container_limitrange": "LimitRange",
    "pod_limitrange": "LimitRange",
    "limitrange_merge": "LimitRange",
    "update_priority": "updater",
    "update_decision": "updater",
    "update_order": "updater",
    "disruption_budget": "updater",
    "eviction_requirements": "updater",
    "infeasible_retry": "updater, in place",
    "resize_status": "updater, in place",
    "in_place_decision": "updater, in place",
    "startup_boost": "startup boost at admission",
}
"""Groups of the tables that say nothing about a recommendation."""


def buckets_of(options):
    if options["scheme"] == "linear":
        return LinearBuckets(options["max"], options["bucket"], options["epsilon"])
    if options["scheme"] == "exponential":
        return ExponentialBuckets(options["max"], options["first_bucket"], options["ratio"], options["epsilon"])
    raise LookupError(f"no bucket scheme {options['scheme']!r}")


def histogram_options(given, wanted):
    if wanted.get("error"):
        return {"error": _error_of(lambda: buckets_of(given["options"]), wanted["error"])}
    buckets = buckets_of(given["options"])
    found = {"num_buckets": buckets.count}
    if "bucket" in given:
        found["start"] = buckets.start(given["bucket"])
    if "value" in given:
        found["bucket"] = buckets.find(given["value"])
    return found


def histogram_percentile(given, _wanted):
    histogram = _histogram(given)
    return {"value": histogram.percentile(given["p"]), "total_weight": histogram.total_weight, "empty": histogram.empty}


def decaying_histogram_percentile(given, _wanted):
    histogram = DecayingHistogram(Histogram(buckets_of(given["options"])), given["half_life_h"] * HOUR)
    for value, weight, hour in given["samples_value_weight_hour"]:
        histogram.add(value, weight, hour * HOUR)
    return {"value": histogram.percentile(given["p"])}


def histogram_checkpoint(given, wanted):
    histogram = _histogram(given)
    if "checkpoint" in given:
        stored = given["checkpoint"]
        if stored is not None:
            weights = {int(bucket): weight for bucket, weight in stored["bucket_weights"].items()}
            stored = HistogramCheckpoint(stored["total_weight"], weights)
        if wanted.get("error"):
            return {"error": _error_of(lambda: histogram.load(stored), wanted["error"])}
        histogram.load(stored)
    elif wanted.get("error"):
        raise LookupError("an error is wanted of a histogram that loads no checkpoint")
    saved = histogram.save()
    return {
        "total_weight": saved.total_weight,
        "bucket_weights": {str(bucket): weight for bucket, weight in saved.bucket_weights.items()},
        "bucket_weight": {str(bucket): weight for bucket, weight in enumerate(histogram.weights) if weight > 0},
        "empty": histogram.empty,
    }


def estimators(given, _wanted):
    found = {}
    if "cpu_samples_cores" in given:
        cpu, memory = Histogram(CPU_BUCKETS), Histogram(MEMORY_BUCKETS)
        for value in given["cpu_samples_cores"]:
            cpu.add(value, given["weight"])
        for value in given["memory_samples_bytes"]:
            memory.add(value, given["weight"])
        millicores = vpa_amounts.cpu_amount(cpu.percentile(given["p_cpu"]))
        size = vpa_amounts.amount(memory.percentile(given["p_memory"]))
        found |= {"cpu_cores_approx": millicores / 1000, "cpu_millicores_exact": millicores}
        found |= {"memory_bytes_approx": size, "memory_bytes_exact": size}
    if "spacing_s" in given:
        state = vpa_state.AggregateState()
        for index in range(given["samples"]):
            state.add_cpu(1.0, index * given["spacing_s"])
        found["confidence"] = state.history(given["interval_s"])
    for name in ("cpu_m", "mem_b"):
        if f"base_{name}" not in given:
            continue
        amount = given[f"base_{name}"]
        if "margin" in given:
            amount = vpa_amounts.with_margin(amount, given["margin"])
        if "multiplier" in given:
            amount = vpa_amounts.with_confidence(amount, given["multiplier"], given["exponent"], given["confidence"])
        if f"min_{name}" in given:
            amount = vpa_amounts.with_floor(amount, given[f"min_{name}"])
        found[name] = amount
    return found


def pod_minimum_split(given, _wanted):
    floors = {"cpu_m": given["pod_min_cpu_m"], "mem_b": given["pod_min_mem_mib"] * MIB}
    return {
        name: vpa_amounts.with_floor(
            given[f"estimate_{name}"], vpa_amounts.share_of_minimum(floor, given["containers"])
        )
        for name, floor in floors.items()
    }


class Recorder:
    """An aggregate that writes down what it is told."""

    def __init__(self):
        self.operations = []

    def add_cpu(self, cores, time_seconds):
        pass

    def add_memory_peak(self, size_bytes, time_seconds):
        self.operations.append(["add", size_bytes, time_seconds])

    def subtract_memory_peak(self, size_bytes, time_seconds):
        self.operations.append(["subtract", size_bytes, time_seconds])


def memory_peak_and_oom(given, _wanted):
    recorder = Recorder()
    container = vpa_state.ContainerState(recorder, given.get("interval_s", DAY))
    accepted = []
    for event in given["events"]:
        if "oom_request_b" in event:
            accepted.append(container.record_oom(event["oom_request_b"], event["t_s"]))
        elif "mem_b" in event:
            accepted.append(container.add_memory(event["mem_b"], event["t_s"]))
        else:
            accepted.append(container.add_cpu(event["cpu_cores"], event["t_s"]))
    return {"histogram_ops_kind_bytes_windowend_s": recorder.operations, "accepted": accepted}


def state_expiry(given, _wanted):
    (idle,) = (given[name] * unit for name, unit in AGES.items() if name in given)
    interval = given["interval_h"] * HOUR if "interval_h" in given else given.get("interval_s", DAY)
    return {"expired": vpa_state.expired(idle, interval, given.get("interval_count", vpa_state.INTERVALS_KEPT))}


def rounding(given, wanted):
    names = set(given)
    texts = [name for name, value in wanted.items() if isinstance(value, str) and name != "error"]
    if texts:
        (size,) = (value for value in given.values() if not isinstance(value, bool))
        return dict.fromkeys(texts, vpa_amounts.humanised_memory(size))
    if names == {"value", "scale"}:
        value, error = _kept_or_rounded(given["value"], given["scale"])
        return {"value": value, "error": error}
    if names & {"round_cpu_m", "round_mem_b"}:
        scales = {"cpu_m": given.get("round_cpu_m", 1), "mem_b": given.get("round_mem_b", 1)}
        return {name: _kept_or_rounded(given[name], scale)[0] for name, scale in scales.items() if name in given}
    if names == {"cores"}:
        return {"cpu_m": vpa_amounts.cpu_amount(given["cores"])}
    if names == {"cpu_cores"}:
        return {"cpu_cores": vpa_amounts.whole_cores(round(given["cpu_cores"] * 1000))}
    if names == {"bytes"}:
        return {"mem_b": vpa_amounts.amount(given["bytes"])}
    if names == {"amount", "factor"}:
        return {"amount": vpa_amounts.scaled(given["amount"], given["factor"])}
    raise LookupError(f"a rounding of {sorted(names)} is not known")


def field_values(given, wanted):
    unit = "bytes" if "bucket_end_bytes" in given else "cores"
    end = given[f"bucket_end_{unit}"]
    buckets, to_amount, name = {
        "bytes": (MEMORY_BUCKETS, vpa_amounts.amount, "mem_b"),
        "cores": (CPU_BUCKETS, vpa_amounts.cpu_amount, "cpu_m"),
    }[unit]
    if "bucket" in given:
        own = buckets.start(given["bucket"] + 1)
        assert abs(own / end - 1) < 1e-6, f"bucket {given['bucket']} ends at {own}, not {end}"
    return {name: vpa_amounts.with_margin(to_amount(end), given["margin"])}


def derived_constant_usage(given, _wanted):
    state = vpa_state.AggregateState()
    container = vpa_state.ContainerState(state)
    for day in range(8):
        if "cpu_cores" in given:
            container.add_cpu(given["cpu_cores"], day * DAY)
        else:
            container.add_memory(round(given["mem_mib"] * MIB), day * DAY)
    target = vpa_state.recommend_pod({"main": state})["main"].target
    if "cpu_cores" in given:
        end = vpa_amounts.cpu_amount(state.cpu.percentile(0.9))
        margin = vpa_amounts.with_margin(end, 0.15)
        return {"bucket_end_m": end, "with_margin_m": margin, "target_m": target.cpu_millicores}
    end = vpa_amounts.amount(state.memory.percentile(0.9))
    margin = vpa_amounts.with_margin(end, 0.15)
    return {"bucket_end_b": end, "with_margin_b": margin, "target_b": target.memory_bytes}


def derived_weekly_memory_peak(given, _wanted):
    days, peak, base = given.get("days", 30), given.get("peak_mib", 2048), given.get("base_mib", 500)
    state = vpa_state.AggregateState()
    container = vpa_state.ContainerState(state)
    for day in range(days):
        high = day == days - 1 - given["days_since_peak"]
        container.add_memory((peak if high else base) * MIB, day * DAY)
    as_upper = vpa_state.recommend_pod({"main": state}, vpa_state.VpaConfig(target=0.95))
    return {
        "target_b": vpa_state.recommend_pod({"main": state})["main"].target.memory_bytes,
        "p95_plus_margin_b": as_upper["main"].target.memory_bytes,
    }


def derived_oom_in_fleet(given, _wanted):
    state = vpa_state.AggregateState()
    pods = [vpa_state.ContainerState(state) for _ in range(given["pods"])]
    for day in range(given["history_days"]):
        for pod in pods:
            pod.add_memory(given["peak_mib"] * MIB, day * DAY)
    before = vpa_state.recommend_pod({"main": state})["main"].target.memory_bytes
    assert pods[0].record_oom(given["request_mib"] * MIB, (given["history_days"] - 1) * DAY + HOUR)
    after = vpa_state.recommend_pod({"main": state})["main"].target.memory_bytes
    return {"target_b": after, "reacts": after > before}


def derived_daily_cpu_peak(given, _wanted):
    """Eight days of one-minute samples that end where a day's peak ends, or where the next one begins."""
    peak_minutes = round(given["peak_hours_per_day"] * 60)
    base, peak = given.get("base_cores", 0.2), given.get("peak_cores", 2.0)

    def target(end_minute):
        state = vpa_state.AggregateState()
        for minute in range(end_minute - 8 * 1440, end_minute):
            state.add_cpu(peak if minute % 1440 < peak_minutes else base, minute * MINUTE)
        return vpa_state.recommend_pod({"main": state})["main"].target.cpu_millicores

    return {
        "target_m_right_after_peak": target(8 * 1440 + peak_minutes),
        "target_m_just_before_next_peak": target(9 * 1440),
    }


def derived_bound_multipliers(given, wanted):
    """A steady history of one sample a minute is a whole number of minutes; the table gives 4 decimals."""
    minutes = round(given["history_days"] * 1440)
    history = vpa_amounts.confidence(minutes * MINUTE, minutes)
    exact = {
        "upper_multiplier": vpa_amounts.confidence_factor(*vpa_state.UPPER_CONFIDENCE, history),
        "lower_multiplier": vpa_amounts.confidence_factor(*vpa_state.LOWER_CONFIDENCE, history),
    }
    return {name: round(value, max(4, _decimals(wanted.get(name, 0.0)))) for name, value in exact.items()}


RUNNERS = {
    run.__name__: run
    for run in (
        histogram_options,
        histogram_percentile,
        decaying_histogram_percentile,
        histogram_checkpoint,
        estimators,
        pod_minimum_split,
        memory_peak_and_oom,
        state_expiry,
        rounding,
        field_values,
        derived_constant_usage,
        derived_weekly_memory_peak,
        derived_oom_in_fleet,
        derived_daily_cpu_peak,
        derived_bound_multipliers,
    )
}
"""Group to the function that runs a case of it."""


def _histogram(given):
    histogram = Histogram(buckets_of(given["options"]))
    for value, weight in given.get("samples", []):
        histogram.add(value, weight)
    return histogram


def _error_of(action, wanted):
    """True, or the text if a text is wanted; None if there was no error."""
    try:
        action()
    except ValueError as error:
        return True if wanted is True else str(error)
    return None


def _kept_or_rounded(value, scale):
    """The recommender keeps a value whose scale is no good."""
    try:
        return vpa_amounts.rounded_up(value, scale), None
    except ValueError as error:
        return value, str(error)


def _decimals(number):
    return len(repr(number).partition(".")[2])

"""Usage and cluster state from any server that speaks the Prometheus HTTP API.

- :mod:`~planner.collectors.prometheus.transport`: how to reach the server (plain values).
- :mod:`~planner.collectors.prometheus.client`: ask it.
- :mod:`~planner.collectors.prometheus.usage`: ``collect_usage``, series day by day into a snapshot folder.
- :mod:`~planner.collectors.prometheus.state`: ``collect_state``, objects from kube-state-metrics.
- :mod:`~planner.collectors.prometheus.doctor`: ``check_prometheus``.
- :mod:`~planner.collectors.prometheus.queries`: every PromQL text in one place.
"""

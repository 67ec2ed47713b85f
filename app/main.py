"""The dashboard: one read-only page that shows the plan of a snapshot.

Run it with ``streamlit run app/main.py -- [SNAPSHOT]``; without a folder it opens the sample cluster.
"""

import sys
from pathlib import Path

import pandas as pd
import streamlit as st

from planner import service
from planner.errors import PlannerError
from planner.plan.schema import Plan


@st.cache_data(show_spinner="planning ...")
def load_plan(folder: str, snapshot_id: str) -> Plan:
    """The plan of a snapshot under the built-in policy; ``snapshot_id`` makes the cache notice a new collection."""
    return service.recommend(service.open_snapshot(Path(folder)), service.load_policy(None))


def recommendations_table(plan: Plan) -> pd.DataFrame:
    """One row per recommendation."""
    rows = [
        {
            "namespace": item.target.namespace,
            "workload": f"{item.target.kind}/{item.target.name}",
            "container": item.target.container,
            "CPU now": item.current.get("requests", {}).get("cpu"),
            "CPU planned": item.proposed.get("requests", {}).get("cpu"),
            "memory now": item.current.get("requests", {}).get("memory"),
            "memory planned": item.proposed.get("requests", {}).get("memory"),
            f"freed, {plan.bill.currency} a month": item.freed_value_per_month,
            "confidence": item.evidence.confidence.value,
            "why": item.reason.text,
        }
        for item in plan.recommendations
    ]
    return pd.DataFrame(rows)


def render(plan: Plan) -> None:
    """Totals, recommendations, what was left alone, warnings. Untrusted text goes into tables only."""
    st.title("Capacity plan")
    st.caption(f"{plan.plan_id}, observed {plan.window.start:%Y-%m-%d} to {plan.window.end:%Y-%m-%d} UTC")
    if plan.synthetic:
        st.info("The snapshot was made up: these figures are of no real cluster.")
    bill, cpu, memory, count = st.columns(4)
    freed = plan.bill.planned_per_month - plan.bill.current_per_month
    bill.metric(
        f"Bill, {plan.bill.currency} a month",
        f"{plan.bill.planned_per_month:,.0f}",
        f"{freed:,.0f}",
        delta_color="inverse",
    )
    now, planned = plan.totals["requested_cpu_cores"], plan.totals["planned_cpu_cores"]
    cpu.metric("CPU requested, cores", f"{planned:,.0f}", f"{planned - now:,.0f}", delta_color="inverse")
    now, planned = plan.totals["requested_memory_gib"], plan.totals["planned_memory_gib"]
    memory.metric("Memory requested, GiB", f"{planned:,.0f}", f"{planned - now:,.0f}", delta_color="inverse")
    count.metric("Recommendations", len(plan.recommendations))
    for note in plan.bill.notes:
        st.text(note)
    st.subheader("Recommendations")
    st.dataframe(recommendations_table(plan), hide_index=True)
    st.subheader("Left alone")
    left = [
        {"target": str(n.target.name), "namespace": n.target.namespace, "reason": n.reason, "why": n.text}
        for n in plan.not_recommended
    ]
    st.dataframe(pd.DataFrame(left), hide_index=True)
    if plan.warnings:
        st.subheader("Warnings")
        st.dataframe(
            pd.DataFrame([{"code": w.code, "text": w.text, "costs": w.costs, "fix": w.fix} for w in plan.warnings]),
            hide_index=True,
        )


def main(folder: Path) -> None:
    """Show a snapshot's plan, or the one line that says why not."""
    st.set_page_config(page_title="planner", layout="wide")
    try:
        snapshot = service.open_snapshot(folder)
        plan = load_plan(str(folder), snapshot.header.snapshot_id)
    except PlannerError as error:
        st.error("The snapshot cannot be shown.")
        st.text(str(error))
        return
    render(plan)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else service.sample_folder())

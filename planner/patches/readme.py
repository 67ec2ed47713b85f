"""The README of an export: what it is, three ways to use it, and what is not in it."""

from collections.abc import Sequence

from planner.patches.node_pools import FOLDER, TABLE, VARIABLES
from planner.patches.objects import PatchFile, worth
from planner.patches.routes import JSON_PATCH, NotExported, object_key
from planner.patches.untrusted import markdown_text
from planner.plan.schema import Plan

_MOST_NAMED = 200

_WAYS = """\
Nothing here is a whole object. Patches merge containers by name: sidecars, and every field that a file does
not name, stay as they are. A comment over each value says why. `null` removes a value.
A change of a pod template rolls its pods out.

## Use them

**1. kubectl, all at once.** Add `--dry-run=server` first to see that the cluster takes them.

```sh
for f in */*.strategic.yaml; do kubectl patch -f "$f" --type strategic --patch-file "$f"; done
```

**2. kustomize (GitOps).** Each namespace's folder is a kustomize component. Copy it beside your overlay:

```yaml
resources: [../base]
components: [../patches/NAMESPACE]
```

Your base comes out with other resources and nothing else changed. An object that the base does not hold is
passed over without a message, so look at the difference: `kubectl diff -k OVERLAY`.
A folder built alone (`kubectl kustomize NAMESPACE`) prints nothing: it has patches and no objects.

**3. One by one.** The head of each file has the line that applies it.
"""

_JSON_PATCHES = """
`*.json6902.yaml` are JSON patches, for custom resources (a merge would replace their lists of containers) and
where the order of containers is not known. They find a container by its place, and stop where
another name stands there. kustomize takes them as above; with kubectl apply them one by one.
"""

_POOLS = f"""
## Node pools

`{FOLDER}/{TABLE}` tells for every pool, type, purchase option and zone how many nodes the plan runs: set the group's
minimum and maximum to `min_nodes` and `max_nodes`. `{FOLDER}/{VARIABLES}` is the same for Terraform. Pools of Karpenter
have patches beside them, with the line that applies each at its head. Add nodes before others are removed, and change
pools after the requests: the pools are planned for the planned requests.
"""


def readme(plan: Plan, places: Sequence[tuple[str, str, tuple[PatchFile, ...]]], refused: Sequence[NotExported]) -> str:
    """The text of README.md.

    Args:
        plan: the plan.
        places: namespace, its folder, its patches.
        refused: recommendations without a patch.
    """
    patches = [patch for _, _, members in places for patch in members]
    parts = [_head(plan, patches), _WAYS]
    if any(patch.method == JSON_PATCH for patch in patches):
        parts.append(_JSON_PATCHES)
    parts.append(_namespaces(plan, places) if places else "\nThe plan holds nothing to patch.\n")
    if plan.pools:
        parts.append(_POOLS)
    if refused:
        parts.append(_refused(refused))
    return "".join(parts)


def _head(plan: Plan, patches: Sequence[PatchFile]) -> str:
    freed = sum(worth(plan, patch.recommendations) for patch in patches)
    basis = (
        "value of what is requested; money only when nodes go away"
        if plan.bill.basis == "requests"
        else "part of the bill of nodes"
    )
    made_up = "**The snapshot was made up: these values fit no real cluster.**\n\n" if plan.synthetic else ""
    return (
        f"# Patches of {markdown_text(plan.plan_id, 80)}\n\n{made_up}"
        f"Cluster {markdown_text(plan.cluster, 80)}, snapshot {markdown_text(plan.snapshot_id, 80)},"
        f" policy {markdown_text(plan.policy_id, 80)}.\n"
        f"Objects: {len(patches)}. Freed: {freed:,.2f} {markdown_text(plan.bill.currency, 12)} a month ({basis}).\n\n"
    )


def _namespaces(plan: Plan, places: Sequence[tuple[str, str, tuple[PatchFile, ...]]]) -> str:
    lines = [
        "\n## Namespaces\n",
        f"| namespace | folder | objects | freed, {markdown_text(plan.bill.currency, 12)} a month |",
        "| --- | --- | ---: | ---: |",
    ]
    for namespace, folder, members in places:
        freed = sum(worth(plan, patch.recommendations) for patch in members)
        lines.append(f"| {markdown_text(namespace, 80) or '(none)'} | `{folder}` | {len(members)} | {freed:,.2f} |")
    return "\n".join(lines) + "\n"


def _refused(refused: Sequence[NotExported]) -> str:
    lines = ["\n## Recommended, but not here\n"]
    for item in refused[:_MOST_NAMED]:
        target = item.recommendation.target
        name = f"{object_key(item.recommendation)}" + (f"/{target.container}" if target.container else "")
        lines.append(f"- {markdown_text(name)}: {markdown_text(item.why)}")
    if len(refused) > _MOST_NAMED:
        lines.append(f"- and {len(refused) - _MOST_NAMED} more: see the plan")
    return "\n".join(lines) + "\n"

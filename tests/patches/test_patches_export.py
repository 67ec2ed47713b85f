"""The exported folder: its bytes, its safety on disk, and kubectl's own reading of it.

The files of ``sample_plan()`` are goldens in ``tests/goldens/patches``. Renew them after a wanted change with
``PLANNER_RENEW_GOLDENS=1 pytest tests/patches`` and read the difference.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from fakes.bases import base_objects, intended_objects, without_empty
from fakes.goldens import FOLDER, check_golden
from fakes.plans import hostile_plan, recommendation, route, sample_plan, values

from planner.errors import PlannerError, UsageError
from planner.patches import folder as folder_module
from planner.patches.export import MARKER, export_patches
from planner.patches.folder import contents
from planner.patches.objects import patch_objects
from planner.plan.schema import Plan

needs_kubectl = [
    pytest.mark.integration,
    pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not on PATH"),
]


def kubectl(*arguments: str, folder: Path) -> str:
    environment = os.environ | {"HOME": str(folder), "KUBECONFIG": str(folder / "none")}
    done = subprocess.run(
        ["kubectl", *arguments], capture_output=True, text=True, check=False, cwd=folder, env=environment, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def files_of(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_the_files_of_the_sample_plan_are_as_read_and_agreed():
    texts = contents(sample_plan()).texts
    for name, text in texts.items():
        check_golden(f"patches/{name}", text)
    assert {
        p.relative_to(FOLDER / "patches").as_posix() for p in (FOLDER / "patches").rglob("*") if p.is_file()
    } == set(texts)


def test_summary_and_marker_tell_what_was_written(tmp_path):
    plan = sample_plan()
    summary = export_patches(plan, tmp_path / "out")
    assert (summary.namespaces, summary.objects, summary.recommendations) == (2, 5, 6)
    assert [item.why for item in summary.not_exported] == ["a bare pod has no template"]
    marker = json.loads((tmp_path / "out" / MARKER).read_text())
    assert marker["plan_id"] == plan.plan_id
    assert {*marker["files"], MARKER} == set(files_of(tmp_path / "out"))


def test_the_same_plan_gives_the_same_bytes_whatever_the_order_of_its_recommendations(tmp_path):
    plan = sample_plan()
    turned = plan.model_copy(update={"recommendations": plan.recommendations[::-1]})
    export_patches(plan, tmp_path / "a")
    export_patches(turned, tmp_path / "b")
    assert files_of(tmp_path / "a") == files_of(tmp_path / "b")


def test_every_patch_file_reads_back_as_its_body():
    for plan in (sample_plan(), hostile_plan()):
        made = contents(plan)
        read = [
            yaml.safe_load(text)
            for name, text in made.texts.items()
            if name.endswith((".strategic.yaml", ".json6902.yaml"))
        ]
        bodies = [patch.body for patch in patch_objects(plan)]
        assert len(read) == len(bodies)
        assert sorted(map(str, read)) == sorted(str(body).replace("\\ud800", "\ufffd") for body in bodies)


def test_hostile_names_stay_inside_and_apart(tmp_path):
    """24 names, each in `shop` and in a namespace of its own; three hold invisible characters: no object can."""
    plan = hostile_plan()
    summary = export_patches(plan, tmp_path / "deep" / "out")
    names = list(files_of(tmp_path / "deep" / "out"))
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["out"]
    assert sum(name.endswith(".strategic.yaml") for name in names) == summary.objects == 42
    assert len(summary.not_exported) == 6
    assert len({name.lower() for name in names}) == len(names)
    assert all(name.isascii() and len(part) < 130 for name in names for part in name.split("/"))
    for name, data in files_of(tmp_path / "deep" / "out").items():
        text = data.decode()
        assert text.replace("\n", "").isprintable(), name
        if name.endswith(".strategic.yaml"):
            assert set(yaml.safe_load(text)) == {"apiVersion", "kind", "metadata", "spec"}


def test_kinds_of_the_same_name_in_other_groups_get_files_of_their_own():
    way = route(["a"], "a", method="json-patch")
    made = [
        recommendation("n/Job/x/a", values("1"), values("2"), way, 1.0, api_version=version)
        for version in ("batch/v1", "one.example/v1", "two.example/v1", "one.example/v2")
    ]
    made += [recommendation(f"n/{kind}/x/a", values("1"), values("2"), way, 1.0) for kind in ("JOB", "job", "jOb")]
    made = [
        r.model_copy(update={"target": r.target.model_copy(update={"api_version": "v1"})})
        if r.target.kind != "Job"
        else r
        for r in made
    ]
    names = [name for name in contents(sample_plan(recommendations=tuple(made))).texts if name.endswith("6902.yaml")]
    assert len(names) == len({name.lower() for name in names}) == 7
    assert "n/job-x.json6902.yaml" in names


def test_where_short_digests_agree_the_long_one_decides(monkeypatch):
    """With digests of no length all hostile names of a form share a file name, unless that is seen."""

    def same_for_all(text, identity="", *, dots=True, digest_length=0):
        return f"long-{(identity or text).encode().hex()}" if digest_length else "short"

    monkeypatch.setattr(folder_module, "file_stem", same_for_all)
    names = list(contents(sample_plan()).texts)
    assert "short/kustomization.yaml" in names
    assert sum(name.endswith("strategic.yaml") for name in names) == 3
    assert sum(name.endswith("json6902.yaml") for name in names) == 2


def test_an_earlier_export_is_replaced_whole(tmp_path):
    out = tmp_path / "out"
    export_patches(sample_plan(), out)
    smaller = sample_plan(recommendations=sample_plan().recommendations[:1])
    export_patches(smaller, out)
    assert set(files_of(out)) == {*contents(smaller).texts, MARKER}
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_an_empty_folder_is_taken(tmp_path):
    (tmp_path / "out").mkdir()
    export_patches(sample_plan(), tmp_path / "out")
    assert (tmp_path / "out" / "README.md").is_file()


@pytest.mark.parametrize("foreign", ["notes.txt", "shop/extra.yaml", ".git/HEAD", ".planner-export.json/x"])
def test_files_of_others_are_never_touched(tmp_path, foreign):
    out = tmp_path / "out"
    if foreign.startswith(".planner-export"):
        out.mkdir()
    else:
        export_patches(sample_plan(), out)
    (out / foreign).parent.mkdir(parents=True, exist_ok=True)
    (out / foreign).write_text("mine")
    before = files_of(out)
    with pytest.raises(UsageError, match="no export"):
        export_patches(sample_plan(recommendations=()), out)
    assert files_of(out) == before


@pytest.mark.parametrize("marker", ["", "[]", "{}", '{"files": "README.md"}'])
def test_a_folder_with_a_marker_that_says_nothing_is_foreign(tmp_path, marker):
    (tmp_path / MARKER).write_text(marker)
    with pytest.raises(UsageError):
        export_patches(sample_plan(), tmp_path)
    assert files_of(tmp_path) == {MARKER: marker.encode()}


def test_a_file_or_a_link_in_the_way_is_refused(tmp_path):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    for name in ("file", "link"):
        with pytest.raises(UsageError, match="not a folder"):
            export_patches(sample_plan(), tmp_path / name)
    assert (tmp_path / "file").read_text() == "mine"
    assert (tmp_path / "link").is_symlink()


def test_a_failure_leaves_what_was_there(tmp_path, monkeypatch):
    """The disk fails at the last file: the earlier export is whole, and nothing half-written lies beside it."""
    out = tmp_path / "out"
    export_patches(sample_plan(), out)
    before = files_of(out)
    written = Path.write_bytes

    def failing(self, data):
        if self.name == MARKER:
            raise OSError(28, "No space left on device")
        return written(self, data)

    monkeypatch.setattr(Path, "write_bytes", failing)
    with pytest.raises(PlannerError, match="No space left"):
        export_patches(sample_plan(recommendations=()), out)
    assert files_of(out) == before
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_a_failed_rename_puts_the_old_folder_back(tmp_path, monkeypatch):
    out = tmp_path / "out"
    export_patches(sample_plan(), out)
    before = files_of(out)
    renamed = Path.rename

    def failing(self, target):
        if ".new-" in self.name:
            raise OSError(13, "Permission denied")
        return renamed(self, target)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(PlannerError, match="Permission denied"):
        export_patches(sample_plan(recommendations=()), out)
    assert files_of(out) == before
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_a_parent_that_is_a_file_is_an_error_and_no_traceback(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(PlannerError):
        export_patches(sample_plan(), tmp_path / "file" / "out")


def test_the_namespace_of_a_target_is_exact_where_default_holds_another_of_that_name():
    way = route(["a"], "a")
    alone = [recommendation("shop/Deployment/d/a", values("1"), values("2"), way, 1.0)]
    both = [*alone, recommendation("default/Deployment/d/a", values("1"), values("2"), way, 1.0)]

    def namespaces(made: list) -> list[str]:
        texts = contents(sample_plan(recommendations=tuple(made))).texts
        kustomizations = [yaml.safe_load(text) for name, text in texts.items() if name.endswith("kustomization.yaml")]
        return [patch["target"]["namespace"] for k in kustomizations for patch in k["patches"]]

    assert namespaces(alone) == ["(shop|default)"]
    assert namespaces(both) == ["default", "shop"]


class TestWithKubectl:
    """What kubectl 1.32 (kustomize 5.5) makes of the files. Skipped where there is no kubectl."""

    pytestmark = needs_kubectl

    def test_patch_local_gives_the_intended_object(self, tmp_path):
        plan = sample_plan()
        export_patches(plan, tmp_path / "out")
        bases, wanted = base_objects(plan), intended_objects(plan)
        paths = [p for p in sorted(tmp_path.glob("out/*/*.yaml")) if p.name != "kustomization.yaml"]
        assert len(paths) == 5
        for path, patch in zip(paths, patch_objects(plan), strict=True):
            key = patch.key.kind, patch.key.name
            (tmp_path / "base.yaml").write_text(yaml.safe_dump(bases[key]))
            kind = "strategic" if ".strategic." in path.name else "json"
            printed = kubectl(
                "patch",
                "--local",
                "-f",
                "base.yaml",
                "--type",
                kind,
                "--patch-file",
                str(path),
                "-o",
                "json",
                folder=tmp_path,
            )
            result = json.loads(printed)
            assert pods(result) == pods(wanted[key])

    @pytest.mark.parametrize("base_has_namespace", [True, False])
    def test_an_overlay_with_the_component_changes_resources_only(self, tmp_path, base_has_namespace):
        """Also where the base leaves the namespace to the overlay. Order of containers included."""
        plan = sample_plan()
        export_patches(plan, tmp_path / "out")
        for namespace in ("shop", "ml"):
            bases = [o for o in base_objects(plan).values() if o["metadata"]["namespace"] == namespace]
            wanted = [o for o in intended_objects(plan).values() if o["metadata"]["namespace"] == namespace]
            if not base_has_namespace:
                for item in bases:
                    del item["metadata"]["namespace"]
            write_overlay(tmp_path, bases, namespace)
            built = list(yaml.safe_load_all(kubectl("kustomize", "overlay", folder=tmp_path)))
            assert by_name(built) == by_name(wanted)

    def test_objects_of_other_names_and_namespaces_are_not_touched(self, tmp_path):
        """`web.v1` is no pattern: `webxv1` stays. So do `shop2` and the same name elsewhere."""
        way = route(["a"], "a")
        plan = sample_plan(
            recommendations=(recommendation("shop/Deployment/web.v1/a", values("1"), values("2"), way, 1.0),)
        )
        export_patches(plan, tmp_path / "out")
        others = []
        for namespace, name in (("shop", "webxv1"), ("shop2", "web.v1"), ("xshop", "web.v1"), ("other", "web.v1")):
            item = next(iter(base_objects(plan).values()))
            others.append(item | {"metadata": {"name": name, "namespace": namespace}})
        write_overlay(tmp_path, others, "")
        built = list(yaml.safe_load_all(kubectl("kustomize", "overlay", folder=tmp_path)))
        assert by_name(built) == by_name(others)

    def test_each_folder_builds_alone_hostile_or_not(self, tmp_path):
        for plan, out in ((sample_plan(), "plain"), (hostile_plan(), "hostile")):
            export_patches(plan, tmp_path / out)
            folders = sorted(p for p in (tmp_path / out).iterdir() if p.is_dir())
            overlay = {"resources": [], "components": [f"../{out}/{p.name}" for p in folders]}
            (tmp_path / "all").mkdir(exist_ok=True)
            (tmp_path / "all" / "kustomization.yaml").write_text(yaml.safe_dump(overlay))
            assert kubectl("kustomize", "all", folder=tmp_path) == ""
            for folder in folders[:3]:
                assert kubectl("kustomize", str(folder), folder=tmp_path) == ""

    def test_kubectl_reads_quantities_and_words_as_text(self, tmp_path):
        """A Deployment called ``on`` with container ``y``, memory ``1e3``: a guess would make them true and 1000."""
        way = route(["y"], "y")
        plan: Plan = sample_plan(
            recommendations=(recommendation("null/Deployment/on/y", values("1", "1Gi"), values("2", "1e3"), way, 1.0),)
        )
        export_patches(plan, tmp_path / "out")
        [path] = (tmp_path / "out" / "null").glob("*.strategic.yaml")
        printed = kubectl(
            "patch",
            "--local",
            "-f",
            str(path),
            "--type",
            "strategic",
            "--patch-file",
            str(path),
            "-o",
            "json",
            folder=tmp_path,
        )
        result = json.loads(printed)
        assert (result["metadata"]["name"], result["metadata"]["namespace"]) == ("on", "null")
        [container] = result["spec"]["template"]["spec"]["containers"]
        assert container == {"name": "y", "resources": {"requests": {"cpu": "2", "memory": "1e3"}}}


def write_overlay(folder: Path, objects: list[dict], namespace: str) -> None:
    for name in ("base", "overlay"):
        (folder / name).mkdir(exist_ok=True)
    (folder / "base" / "objects.yaml").write_text(yaml.safe_dump_all(objects))
    (folder / "base" / "kustomization.yaml").write_text("resources: [objects.yaml]\n")
    parts = [p.name for p in (folder / "out").iterdir() if p.is_dir() and p.name in (namespace or p.name)]
    overlay: dict = {"resources": ["../base"], "components": [f"../out/{part}" for part in parts]}
    if namespace:
        overlay["namespace"] = namespace
    (folder / "overlay" / "kustomization.yaml").write_text(yaml.safe_dump(overlay))


def by_name(objects: list[dict]) -> dict:
    return {(o["kind"], o["metadata"]["name"], o["metadata"]["namespace"]): without_empty(o) for o in objects}


def pods(document: dict) -> list:
    """Every list of containers of an object, with where it stands; kubectl fills defaults elsewhere."""
    found = []

    def walk(node, path):
        if isinstance(node, dict):
            for key, item in sorted(node.items()):
                if key in ("containers", "initContainers"):
                    found.append((*path, key, without_empty(item)))
                walk(item, (*path, key))

    walk(document, ())
    return found

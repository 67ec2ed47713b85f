"""Write the patches of a plan as a folder, whole or not at all."""

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from planner.errors import PlannerError, UsageError
from planner.patches.folder import Contents, contents
from planner.patches.routes import NotExported
from planner.plan.schema import Plan

MARKER = ".planner-export.json"
"""Tells a later export that this folder, and which files in it, are its own to replace."""


@dataclass(frozen=True, slots=True)
class ExportSummary:
    """What an export wrote.

    Attributes:
        folder: where.
        namespaces: folders of namespaces.
        objects: files with a patch.
        recommendations: carried out by them.
        not_exported: left out, with the reason.
    """

    folder: Path
    namespaces: int
    objects: int
    recommendations: int
    not_exported: tuple[NotExported, ...]


def export_patches(plan: Plan, folder: Path) -> ExportSummary:
    """Write one folder per namespace with its patches, a kustomize component, and a README.

    The same plan gives the same bytes. A folder of an earlier export is replaced; any other is refused.

    Raises:
        UsageError: the folder is not of an earlier export, or holds files that no export wrote.
        PlannerError: it cannot be written; what was there before is still there.
    """
    made = contents(plan)
    target = _free(folder)
    temporary = target.with_name(f".{target.name[:100]}.new-{os.getpid()}")
    try:
        _write(plan, made, temporary)
        _replace(target, temporary)
    except OSError as error:
        raise PlannerError(f"cannot write the patches: {error.strerror}", where=str(folder)) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return ExportSummary(
        folder=folder,
        namespaces=len(made.folders),
        objects=len(made.patches),
        recommendations=sum(len(patch.recommendations) for patch in made.patches),
        not_exported=made.refused,
    )


def _free(folder: Path) -> Path:
    """The folder as an absolute path; refuses to touch what an export did not write."""
    where = str(folder)
    fix = "give a folder that does not exist yet, or one of an earlier export"
    try:
        target = folder.resolve()
        if folder.is_symlink() or (target.exists() and not target.is_dir()):
            raise UsageError("cannot export there: it is not a folder", where=where, fix=fix)
        if not target.exists() or not any(target.iterdir()):
            return target
        own = _files_of(target / MARKER)
        found = sorted(
            (Path(parent) / name).relative_to(target).as_posix()
            for parent, folders, names in os.walk(target)
            for name in [*names, *(f for f in folders if (Path(parent) / f).is_symlink())]
        )
    except OSError as error:
        raise PlannerError(f"cannot read the folder: {error.strerror}", where=where) from error
    if own is None:
        raise UsageError("the folder is not empty and no export of this program", where=where, fix=fix)
    foreign = [name for name in found if name not in own]
    if foreign:
        raise UsageError(
            f"the folder holds {len(foreign)} files that no export wrote, such as {foreign[0][:100]!r}",
            where=where,
            fix="move them out first: the whole folder is replaced",
        )
    return target


def _files_of(marker: Path) -> frozenset[str] | None:
    """Files that an earlier export wrote, itself included; ``None`` = no export."""
    if marker.is_symlink() or not marker.is_file():
        return None
    try:
        document = json.loads(marker.read_bytes())
    except ValueError:
        return None
    files = document.get("files") if isinstance(document, dict) else None
    return frozenset([MARKER, *map(str, files)]) if isinstance(files, list) else None


def _write(plan: Plan, made: Contents, temporary: Path) -> None:
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    for name, text in made.texts.items():
        path = temporary / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(text.encode("utf-8", "replace"))
    marker = {"written_by": "planner", "plan_id": plan.plan_id, "files": list(made.texts)}
    (temporary / MARKER).write_bytes((json.dumps(marker, indent=1) + "\n").encode())


def _replace(target: Path, temporary: Path) -> None:
    """Put the new folder in the place of the old one; put the old one back where that fails."""
    if not target.exists():
        temporary.rename(target)
        return
    old = target.with_name(f".{target.name[:100]}.old-{os.getpid()}")
    target.rename(old)
    try:
        temporary.rename(target)
    except OSError:
        old.rename(target)
        raise
    shutil.rmtree(old, ignore_errors=True)

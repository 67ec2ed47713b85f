"""The folder under a snapshot: who may write it, what a killed writer left in it, and how bytes reach the disk."""

import os
import re
import shutil
import weakref
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from planner.errors import SnapshotError

HEADER_NAME = "snapshot.json"
LOCK_NAME = ".lock"
PARTS = ("usage", "tables")
"""Sub-folders that belong to the snapshot whole."""
_TEMPORARY = re.compile(r"\.tmp-\d+$")
_DATA_FILE = re.compile(r"[a-z_]+-[0-9a-f]{12}\.parquet(\.tmp-\d+)?")
_DAY_FOLDER = re.compile(r"day=\d{4}-\d\d-\d\d")


class FolderLock:
    """The right to write a folder, held by one process at a time.

    It is a ``flock`` on a file in the folder, so that it ends with the process, killed or not; what a
    killed process leaves is a file that nobody holds. Where the system has no ``flock`` (Windows) or the
    file system refuses it, nothing is locked, and two collections at once are the operator's to avoid.
    """

    def __init__(self, folder: Path) -> None:
        """Take the lock.

        Raises:
            SnapshotError: another process has it, or the folder cannot be written.
        """
        self._path = folder / LOCK_NAME
        try:
            self._descriptor = _locked(self._path)
        except BlockingIOError:
            raise SnapshotError(
                "another collection is writing here", where=str(folder), fix="wait for it, or choose another --out"
            ) from None
        except OSError as error:
            raise SnapshotError(f"cannot write the snapshot: {error.strerror}", where=str(folder)) from error
        self._close = weakref.finalize(self, os.close, self._descriptor)

    @property
    def held(self) -> bool:
        """Whether it is still ours."""
        return self._close.alive

    def release(self) -> None:
        """Remove the file and let others write; a second call does nothing."""
        if self.held:
            with suppress(OSError):  # Windows keeps open files; the next writer takes it over
                self._path.unlink(missing_ok=True)
            self._close()


def _locked(path: Path) -> int:
    """Open and lock a file.

    A holder removes its file as it lets go; a lock on a removed file would exclude nobody, so the name
    is looked up again afterwards.
    """
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o644)
        try:
            _flock(descriptor)
            if os.path.samestat(os.fstat(descriptor), path.lstat()):
                return descriptor
        except FileNotFoundError:
            pass
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _flock(descriptor: int) -> None:
    try:
        import fcntl
    except ImportError:
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError:  # a network file system without locks
        return


def only_leftovers(folder: Path) -> bool:
    """Whether a folder without ``snapshot.json`` holds nothing but what a killed first collection leaves."""
    for path in folder.iterdir():
        if path.is_symlink():
            return False
        if path.name in PARTS and path.is_dir():
            if not all(_is_ours(item, path) for item in path.rglob("*")):
                return False
        elif not (path.is_file() and (path.name == LOCK_NAME or _is_header_temporary(path))):
            return False
    return True


def _is_ours(path: Path, part: Path) -> bool:
    if path.is_symlink():
        return False
    if path.is_dir():
        return path.parent == part and _DAY_FOLDER.fullmatch(path.name) is not None
    return _DATA_FILE.fullmatch(path.name) is not None


def _is_header_temporary(path: Path) -> bool:
    return path.name.startswith(HEADER_NAME) and _TEMPORARY.search(path.name) is not None


def remove_parts(folder: Path) -> None:
    """Remove everything of a folder that belongs to a snapshot without ``snapshot.json``."""
    for part in PARTS:
        shutil.rmtree(folder / part, ignore_errors=True)
    _remove_header_temporaries(folder)


def remove_unnamed(folder: Path, named: Iterable[str]) -> None:
    """Remove the data files of a snapshot that are not among the named ones, and folders that this empties."""
    kept = set(named)
    for part in PARTS:
        for path in sorted((folder / part).rglob("*")):
            if path.is_file() and path.relative_to(folder).as_posix() not in kept:
                path.unlink(missing_ok=True)
    remove_empty(folder)
    _remove_header_temporaries(folder)


def remove_empty(folder: Path) -> None:
    """Remove the sub-folders that hold nothing."""
    for part in PARTS:
        for path in sorted((folder / part).rglob("*"), reverse=True):
            if path.is_dir() and not any(path.iterdir()):
                path.rmdir()


def _remove_header_temporaries(folder: Path) -> None:
    for path in folder.glob(f"{HEADER_NAME}.tmp-*"):
        if _is_header_temporary(path):
            path.unlink(missing_ok=True)


def write_whole(path: Path, data: bytes) -> None:
    """Write a file whole or not at all; its bytes are on the disk when its name is.

    Raises:
        SnapshotError: the file cannot be written.
    """
    temporary = path.with_name(f"{path.name}.tmp-{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise SnapshotError(f"cannot write the snapshot: {error.strerror}", where=str(path)) from error


def sync_folders(folders: Iterable[Path]) -> None:
    """Bring the names in folders to the disk, where the system can (Windows cannot open a folder)."""
    for folder in folders:
        try:
            descriptor = os.open(folder, os.O_RDONLY)
        except OSError:
            continue
        try:
            with suppress(OSError):
                os.fsync(descriptor)
        finally:
            os.close(descriptor)

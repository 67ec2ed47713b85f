"""Every exception the planner raises on purpose.

::

    PlannerError                 exit 1   something went wrong that the message explains
    ├── UsageError               exit 2   the command line asks for something impossible
    ├── ConfigError              exit 2   the policy file or the settings cannot be used
    ├── SnapshotError            exit 1   a snapshot folder is missing, damaged, older or foreign
    ├── PlanFileError            exit 1   a plan file is missing, damaged, older or foreign
    ├── SourceError              exit 1   a source (Prometheus, Kubernetes, prices) could not be read
    │   ├── SourceUnreachable             no connection, no name, no answer in time
    │   ├── SourceDenied                  401 or 403
    │   ├── SourceLimit                   the server refuses the size of the question
    │   └── SourceAnswerInvalid           an answer arrived, but not one of this API
    ├── SolverError              exit 1   a solver failed where a solution exists
    ├── InfeasibleError          exit 3   no plan satisfies every rule
    └── DataTooPoorError         exit 4   too little was observed to say anything

The exit table of all commands: 0 done, 1 error, 2 bad usage, 3 infeasible, 4 data too poor,
5 reverted, 6 refusals with ``--strict``, 10 something to change (with ``--exit-code``).
"""

from typing import ClassVar

EXIT_DONE = 0
EXIT_ERROR = 1
EXIT_USAGE = 2
EXIT_INFEASIBLE = 3
EXIT_DATA_TOO_POOR = 4
EXIT_REVERTED = 5
EXIT_REFUSED = 6
EXIT_CHANGES = 10


class PlannerError(Exception):
    """An error that tells what happened, where, and what to do about it."""

    exit_code: ClassVar[int] = EXIT_ERROR

    def __init__(self, what: str, *, where: str = "", fix: str = "") -> None:
        self.what = what
        self.where = where
        self.fix = fix
        super().__init__(what)

    def __str__(self) -> str:
        """One line: ``what (where): fix``."""
        place = f" ({self.where})" if self.where else ""
        cure = f"; {self.fix}" if self.fix else ""
        return f"{self.what}{place}{cure}"


class UsageError(PlannerError):
    """The command line asks for something impossible."""

    exit_code = EXIT_USAGE


class ConfigError(PlannerError):
    """The policy file or the settings cannot be used."""

    exit_code = EXIT_USAGE


class SnapshotError(PlannerError):
    """A snapshot folder is missing, damaged, older or foreign."""


class PlanFileError(PlannerError):
    """A plan file is missing, damaged, older or foreign."""


class SourceError(PlannerError):
    """A source of observations could not be read."""


class SourceUnreachable(SourceError):
    """No connection, no such name, or no answer in time."""


class SourceDenied(SourceError):
    """The source refused the credentials or lacks a permission for them (401, 403)."""


class SourceLimit(SourceError):
    """The source refuses the size of the question, even after it was cut into parts."""


class SourceAnswerInvalid(SourceError):
    """An answer arrived that this API does not give: not JSON, cut short, another shape."""


class SolverError(PlannerError):
    """A solver failed on a problem that has a solution."""


class InfeasibleError(PlannerError):
    """No plan satisfies every rule at once."""

    exit_code = EXIT_INFEASIBLE


class DataTooPoorError(PlannerError):
    """Too little was observed to recommend anything."""

    exit_code = EXIT_DATA_TOO_POOR

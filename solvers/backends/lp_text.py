r"""Readable ``.lp`` text of a model, in the dialect that CPLEX, Gurobi, HiGHS and CBC all read.

Blocks keep their order, numbers have all their digits (the shortest text that reads back to the
same float), names are those of `LinearModel.lp_variable_names`. Readers disagree on ranged rows, so
one is written as two, ``name~low`` and ``name~high``. Rows without a finite side are left out, since
the format has no way to say them.
"""

import numpy as np

from solvers.linear_model import LinearModel

_WIDTH = 100


def write_lp(model: LinearModel) -> str:
    """The whole model as text; the same model gives the same bytes."""
    names = model.lp_variable_names()
    lines = [
        f"\\ {model.name}: {model.variable_count} variables, {model.constraint_count} constraints",
        "Minimize",
        *_objective(model, names),
        "Subject To",
        *_rows(model, names),
        "Bounds",
        *_bounds(model, names),
        *_integers(model, names),
        "End",
    ]
    return "\n".join(lines) + "\n"


def _number(value: float) -> str:
    """Shortest text that reads back to the same float: ``3``, ``0.1``, ``1e-07``."""
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(float(value))


def _term(coefficient: float, name: str, *, first: bool) -> str:
    sign = "-" if coefficient < 0 else ("" if first else "+")
    size = abs(coefficient)
    amount = "" if size == 1.0 else f"{_number(size)} "
    return f"{sign}{'' if first or not sign else ' '}{amount}{name}"


def _wrapped(start: str, terms: list[str], end: str) -> list[str]:
    """Lines of at most about 100 characters; a continued line is indented."""
    lines, line = [], f" {start}:"
    for term in [*terms, end] if end else terms:
        if len(line) + len(term) + 1 > _WIDTH and not line.endswith(":"):
            lines.append(line)
            line = "   "
        line += f" {term}"
    return [*lines, line]


def _objective(model: LinearModel, names: list[str]) -> list[str]:
    costs = model.objective
    priced = np.flatnonzero(costs)
    terms = [_term(float(costs[j]), names[j], first=k == 0) for k, j in enumerate(priced.tolist())]
    if not terms:
        terms = [f"0 {names[0]}"] if names else []
    return _wrapped("cost", terms, "")


def _rows(model: LinearModel, names: list[str]) -> list[str]:
    matrix = model.matrix_csr()
    lines: list[str] = []
    sides = zip(model.lp_constraint_names(), model.row_lower.tolist(), model.row_upper.tolist(), strict=True)
    for row, (name, lower, upper) in enumerate(sides):
        span = slice(matrix.indptr[row], matrix.indptr[row + 1])
        entries = sorted(zip(matrix.indices[span].tolist(), matrix.data[span].tolist(), strict=True))
        terms = [_term(value, names[column], first=k == 0) for k, (column, value) in enumerate(entries)]
        if not terms:
            terms = [f"0 {names[0]}"] if names else []
        if lower == upper:
            lines += _wrapped(name, terms, f"= {_number(upper)}")
            continue
        ranged = np.isfinite(lower) and np.isfinite(upper)
        if np.isfinite(lower):
            lines += _wrapped(f"{name}~low" if ranged else name, terms, f">= {_number(lower)}")
        if np.isfinite(upper):
            lines += _wrapped(f"{name}~high" if ranged else name, terms, f"<= {_number(upper)}")
    return lines


def _bounds(model: LinearModel, names: list[str]) -> list[str]:
    """Bounds of every variable that differ from the format's own, 0 and infinity."""
    lines = []
    for name, lower, upper in zip(names, model.column_lower.tolist(), model.column_upper.tolist(), strict=True):
        if lower == upper:
            lines.append(f" {name} = {_number(lower)}")
        elif lower == -np.inf and upper == np.inf:
            lines.append(f" {name} free")
        elif upper == np.inf:
            if lower:
                lines.append(f" {name} >= {_number(lower)}")
        else:
            lines.append(f" {'-inf' if lower == -np.inf else _number(lower)} <= {name} <= {_number(upper)}")
    return lines


def _integers(model: LinearModel, names: list[str]) -> list[str]:
    whole = np.flatnonzero(model.integrality).tolist()
    return ["Generals", *(f" {names[j]}" for j in whole)] if whole else []

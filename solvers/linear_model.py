"""One sparse, solver-neutral linear model, built block by block from arrays.

The model is::

    minimise    c' x
    subject to  L <= A x <= U          rows, in blocks of named constraints
                l <=   x <= u          columns, in blocks of named variables
                x_j whole              for the integer variables

Every block has a name, and every element of it a label: ``quota_covers_requests[team-a]``. Blocks
are arrays, so that 600,000 variables are built in a moment; names are made only when asked for.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from solvers.model_names import Labels, check_block_name, check_labels, display_names, element_labels, lp_names
from solvers.solution import Solution, SolveError, SolveStatus

if TYPE_CHECKING:
    from scipy.sparse import csc_array, csr_array

__all__ = ["LinearModel", "Solution", "SolveError", "SolveStatus"]

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Block:
    """Consecutive columns or rows with one name."""

    name: str
    start: int
    shape: tuple[int, ...]
    labels: Labels


class LinearModel:
    """A linear or mixed-integer model under construction; always minimised.

    >>> model = LinearModel("diet")
    >>> eaten = model.add_variables("eaten", 2, objective=[3.0, 2.0], labels=["rice", "beans"])
    >>> rows = model.add_constraints("enough", [0, 0], eaten, [1.0, 2.0], lower=4.0, labels=["protein"])
    >>> model.constraint_names()
    ['enough[protein]']
    """

    def __init__(self, name: str = "model") -> None:
        check_block_name(name)
        self.name = name
        self._columns: list[_Block] = []
        self._rows: list[_Block] = []
        self._column_parts: list[tuple[Floats, Floats, Floats, NDArray[np.bool_]]] = []
        self._row_parts: list[tuple[Floats, Floats]] = []
        self._entries: list[tuple[Indices, Indices, Floats]] = []
        self._cache: dict[str, Any] = {}
        self.variable_count = 0
        self.constraint_count = 0

    def add_variables(
        self,
        name: str,
        shape: int | tuple[int, ...],
        *,
        lower: ArrayLike = 0.0,
        upper: ArrayLike = np.inf,
        objective: ArrayLike = 0.0,
        integer: ArrayLike = False,
        labels: Labels = None,
    ) -> Indices:
        """Add a block of variables.

        Args:
            name: name of the block, unique among the variables.
            shape: number of variables, or the lengths of the axes.
            lower: lower bounds, broadcast to the shape; ``-inf`` for none.
            upper: upper bounds, broadcast to the shape; ``inf`` for none.
            objective: cost of one unit, broadcast to the shape.
            integer: True where only whole numbers are allowed, broadcast to the shape.
            labels: one string per variable (one axis), one sequence of strings per axis (more
                axes), or a function that returns one string per variable when names are needed.

        Returns:
            The column numbers, int64 of the given shape.

        Raises:
            ValueError: a name or label is used twice, a shape does not fit, a number is NaN, or a
                lower bound exceeds its upper bound.
        """
        self._check_new(name, self._columns, "variables")
        dimensions = _dimensions(name, shape)
        low = _broadcast(name, "lower", lower, dimensions)
        high = _broadcast(name, "upper", upper, dimensions)
        cost = _broadcast(name, "objective", objective, dimensions)
        whole = _broadcast(name, "integer", integer, dimensions).astype(bool)
        _check_bounds(name, low, high)
        if not np.isfinite(cost).all():
            raise ValueError(f"objective of {name} holds a number that is not finite")
        check_labels(name, labels, dimensions)
        start = self.variable_count
        self._columns.append(_Block(name, start, dimensions, labels))
        self._column_parts.append((cost, low, high, whole))
        self.variable_count += low.size
        self._cache.clear()
        return np.arange(start, self.variable_count, dtype=np.int64).reshape(dimensions)

    def add_constraints(
        self,
        name: str,
        rows: ArrayLike,
        columns: ArrayLike,
        values: ArrayLike,
        *,
        count: int | None = None,
        lower: ArrayLike = -np.inf,
        upper: ArrayLike = np.inf,
        labels: Labels = None,
    ) -> Indices:
        """Add a block of rows ``lower <= sum values * x <= upper`` from coordinates.

        Args:
            name: name of the block, unique among the constraints.
            rows: row of each coefficient, counted from 0 within this block.
            columns: column number of each coefficient, as `add_variables` returned it.
            values: the coefficients; scalars are broadcast. Coefficients of one place are added up.
            count: number of rows. By default the length of ``lower``, ``upper`` or ``labels`` if
                one of them has one, else the largest of ``rows`` plus 1.
            lower: left-hand sides, broadcast to the rows; ``-inf`` for none.
            upper: right-hand sides, broadcast to the rows; ``inf`` for none. Equal sides make an equation.
            labels: one string per row, or a function that returns them when names are needed.

        Returns:
            The row numbers, (count,) int64.

        Raises:
            ValueError: as for `add_variables`, or a row or column number is out of range.
        """
        self._check_new(name, self._rows, "constraints")
        row, column, value = _coordinates(name, rows, columns, values)
        size = _row_count(name, count, row, lower, upper, labels)
        low = _broadcast(name, "lower", lower, (size,))
        high = _broadcast(name, "upper", upper, (size,))
        _check_bounds(name, low, high)
        check_labels(name, labels, (size,))
        if row.size:
            _check_range(name, "rows", row, size)
            _check_range(name, "columns", column, self.variable_count)
            if not np.isfinite(value).all():
                raise ValueError(f"values of {name} hold a number that is not finite")
        start = self.constraint_count
        self._rows.append(_Block(name, start, (size,), labels))
        self._row_parts.append((low, high))
        self._entries.append((row + start, column, value))
        self.constraint_count += size
        self._cache.clear()
        return np.arange(start, self.constraint_count, dtype=np.int64)

    def with_objective(self, objective: ArrayLike) -> "LinearModel":
        """The same variables and rows under another objective, (variable,) or a scalar; this model is not changed."""
        cost = _broadcast(self.name, "objective", objective, (self.variable_count,))
        other = LinearModel(self.name)
        other._columns, other._rows = list(self._columns), list(self._rows)
        other._row_parts, other._entries = list(self._row_parts), list(self._entries)
        for block, (old, low, high, whole) in zip(self._columns, self._column_parts, strict=True):
            other._column_parts.append((cost[block.start : block.start + old.size], low, high, whole))
        other.variable_count, other.constraint_count = self.variable_count, self.constraint_count
        return other

    @property
    def objective(self) -> Floats:
        """Costs ``c``, (variable,) float64."""
        return self._column_array("objective", 0)

    @property
    def column_lower(self) -> Floats:
        """Lower bounds ``l``, (variable,) float64, ``-inf`` for none."""
        return self._column_array("column_lower", 1)

    @property
    def column_upper(self) -> Floats:
        """Upper bounds ``u``, (variable,) float64, ``inf`` for none."""
        return self._column_array("column_upper", 2)

    @property
    def integrality(self) -> NDArray[np.bool_]:
        """(variable,) bool, True where only whole numbers are allowed."""
        flags: NDArray[np.bool_] = self._column_array("integrality", 3).astype(bool)
        return flags

    @property
    def has_integers(self) -> bool:
        """True if any variable is integer."""
        return any(bool(part[3].any()) for part in self._column_parts)

    @property
    def row_lower(self) -> Floats:
        """Left-hand sides ``L``, (row,) float64, ``-inf`` for none."""
        return self._joined("row_lower", [part[0] for part in self._row_parts])

    @property
    def row_upper(self) -> Floats:
        """Right-hand sides ``U``, (row,) float64, ``inf`` for none."""
        return self._joined("row_upper", [part[1] for part in self._row_parts])

    def matrix_csr(self) -> "csr_array":
        """Coefficients ``A``, (row, variable), compressed by rows, repeated places added up."""
        if "csr" not in self._cache:
            from scipy.sparse import coo_array

            parts = list(zip(*self._entries, strict=True)) if self._entries else [(), (), ()]
            row, column, value = (np.concatenate(part) if part else np.empty(0) for part in parts)
            shape = (self.constraint_count, self.variable_count)
            coordinates = (row.astype(np.int64), column.astype(np.int64))
            matrix = coo_array((value.astype(float), coordinates), shape=shape).tocsr()
            matrix.sum_duplicates()
            matrix.eliminate_zeros()
            self._cache["csr"] = matrix
        matrix_csr: csr_array = self._cache["csr"]
        return matrix_csr

    def matrix_csc(self) -> "csc_array":
        """Coefficients ``A``, (row, variable), compressed by columns."""
        if "csc" not in self._cache:
            self._cache["csc"] = self.matrix_csr().tocsc()
        matrix_csc: csc_array = self._cache["csc"]
        return matrix_csc

    def variable_names(self) -> list[str]:
        """``block[label]`` of every variable, for people."""
        return self._names("variable_names", self._columns, safe=False)

    def constraint_names(self) -> list[str]:
        """``block[label]`` of every row, for people."""
        return self._names("constraint_names", self._rows, safe=False)

    def lp_variable_names(self) -> list[str]:
        """Names of the variables that every reader of ``.lp`` files takes."""
        return self._names("lp_variable_names", self._columns, safe=True)

    def lp_constraint_names(self) -> list[str]:
        """Names of the rows that every reader of ``.lp`` files takes."""
        return self._names("lp_constraint_names", self._rows, safe=True)

    def _names(self, key: str, blocks: Sequence[_Block], *, safe: bool) -> list[str]:
        if key not in self._cache:
            make = lp_names if safe else display_names
            names: list[str] = []
            for block in blocks:
                names += make(block.name, element_labels(block.name, block.labels, block.shape))
            self._cache[key] = names
        return list(self._cache[key])

    def _column_array(self, key: str, part: int) -> Floats:
        return self._joined(key, [parts[part] for parts in self._column_parts])

    def _joined(self, key: str, parts: Sequence[NDArray[Any]]) -> Floats:
        if key not in self._cache:
            joined = np.concatenate(parts) if parts else np.empty(0)
            joined.flags.writeable = False
            self._cache[key] = joined
        array: Floats = self._cache[key]
        return array

    def _check_new(self, name: str, blocks: Sequence[_Block], kind: str) -> None:
        check_block_name(name)
        if any(block.name == name for block in blocks):
            raise ValueError(f"{self.name} already has {kind} called {name}")


def _dimensions(name: str, shape: int | tuple[int, ...]) -> tuple[int, ...]:
    dimensions = (shape,) if isinstance(shape, int | np.integer) else tuple(shape)
    if not dimensions or any(length < 0 for length in dimensions):
        raise ValueError(f"shape of {name} is {shape}; expected one or more lengths of 0 or more")
    return tuple(int(length) for length in dimensions)


def _broadcast(name: str, what: str, given: ArrayLike, shape: tuple[int, ...]) -> Floats:
    """A flat float64 copy of ``given``, broadcast to ``shape``."""
    array = np.asarray(given, dtype=np.float64)
    try:
        wide = np.broadcast_to(array, shape)
    except ValueError:
        raise ValueError(f"{what} of {name} has shape {array.shape}; expected {shape} or a scalar") from None
    return wide.astype(np.float64).ravel()


def _coordinates(name: str, rows: ArrayLike, columns: ArrayLike, values: ArrayLike) -> tuple[Indices, Indices, Floats]:
    """Rows, columns and values as flat arrays of one length."""
    row, column = np.asarray(rows), np.asarray(columns)
    value = np.asarray(values, dtype=np.float64)
    for what, array in (("rows", row), ("columns", column)):
        if array.size and not np.issubdtype(array.dtype, np.integer):
            raise ValueError(f"{what} of {name} must be whole numbers, not {array.dtype}")
    try:
        wide = np.broadcast_arrays(row, column, value)
    except ValueError:
        shapes = f"{row.shape}, {column.shape} and {value.shape}"
        raise ValueError(f"rows, columns and values of {name} have shapes {shapes}, which do not fit") from None
    flat = [array.ravel() for array in wide]
    return flat[0].astype(np.int64), flat[1].astype(np.int64), flat[2].astype(np.float64)


def _row_count(name: str, count: int | None, row: Indices, lower: ArrayLike, upper: ArrayLike, labels: Labels) -> int:
    """Rows of a block: as told, else the length of a side or of the labels, else up to the last row used."""
    if count is not None:
        return int(count)
    lengths = [array.size for array in (np.asarray(lower), np.asarray(upper)) if array.ndim]
    if labels is not None and not callable(labels):
        lengths.append(len(labels))
    if not lengths:
        return int(row.max()) + 1 if row.size else 0
    if len(set(lengths)) > 1:
        raise ValueError(f"lower, upper and labels of {name} have different lengths: {sorted(set(lengths))}")
    return int(lengths[0])


def _check_range(name: str, what: str, indices: Indices, count: int) -> None:
    if indices.min() < 0 or indices.max() >= count:
        wrong = int(indices.min()) if indices.min() < 0 else int(indices.max())
        raise ValueError(f"{what} of {name} hold {wrong}; expected 0 to {count - 1}")


def _check_bounds(name: str, lower: Floats, upper: Floats) -> None:
    wrong = ~(lower <= upper) | (lower == np.inf) | (upper == -np.inf)
    if wrong.any():
        place = int(np.flatnonzero(wrong)[0])
        raise ValueError(f"bounds of {name} at {place} are {lower[place]:g} to {upper[place]:g}")

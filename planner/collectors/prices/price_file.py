"""The operator's own prices: a CSV file that overrides every other source.

Columns, in any order: the selectors ``node``, ``pool``, ``instance_type``, ``region``, ``zone``, ``purchase`` (each
may be left out; an empty cell means any), ``price_per_hour`` (needed), ``currency`` (USD if empty), ``as_of``
(ISO date), ``note``. Separated by commas, with a header, in UTF-8; decimals with a point::

    instance_type,purchase,price_per_hour,as_of,note
    m5.xlarge,on-demand,0.1425,2026-10-01,after the savings plan
    m5.xlarge,spot,0.071,,
"""

import csv
import io
import math
import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from planner.config.problems import did_you_mean
from planner.domain.node import Node, Price, Purchase
from planner.errors import ConfigError

SELECTORS = ("node", "pool", "instance_type", "region", "zone", "purchase")
COLUMNS = (*SELECTORS, "price_per_hour", "currency", "as_of", "note")
_LARGEST_BYTES = 16 * 1024 * 1024
_MOST_PROBLEMS_TOLD = 20


@dataclass(frozen=True, slots=True)
class PriceRow:
    """One row; an empty selector means any."""

    line: int
    price: Price
    node: str = ""
    pool: str = ""
    instance_type: str = ""
    region: str = ""
    zone: str = ""
    purchase: Purchase | None = None

    def matches(self, node: Node) -> bool:
        """Whether every selector that is given fits the node."""
        return (
            self.node in ("", node.name)
            and self.pool in ("", node.pool)
            and self.instance_type in ("", node.instance_type)
            and self.region in ("", node.region)
            and self.zone in ("", node.zone)
            and self.purchase in (None, node.purchase)
        )

    @property
    def specificity(self) -> tuple[bool, int, int]:
        """Order of precedence: a row that names the node wins, then more selectors, then the later line."""
        given = (self.node, self.pool, self.instance_type, self.region, self.zone, self.purchase)
        return bool(self.node), sum(bool(selector) for selector in given), self.line


def read_price_file(path: Path, *, max_per_hour: float = 1000.0) -> tuple[PriceRow, ...]:
    """Read and check a price file.

    Raises:
        ConfigError: the file cannot be read, or has a row that cannot be used; every bad row is told.
    """
    text = _text_of(path)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows: list[PriceRow] = []
    problems: list[str] = []
    header: list[str] | None = None
    try:
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if header is None:
                header = _header(cells, f"{path}:{reader.line_num}")
                continue
            try:
                rows.append(_row(header, cells, reader.line_num, path.name, max_per_hour))
            except ValueError as error:
                problems.append(f"{path}:{reader.line_num}: {error}")
    except csv.Error as error:
        raise ConfigError(f"not readable CSV: {error}", where=f"{path}:{reader.line_num}") from error
    if header is None:
        raise ConfigError("the price file is empty", where=str(path), fix=f"columns: {', '.join(COLUMNS)}")
    if len(problems) == 1:
        raise ConfigError(problems[0])
    if problems:
        more = [f"... and {len(problems) - _MOST_PROBLEMS_TOLD} more"] if len(problems) > _MOST_PROBLEMS_TOLD else []
        told = "\n  ".join(problems[:_MOST_PROBLEMS_TOLD] + more)
        raise ConfigError(f"{len(problems)} rows of the price file cannot be used:\n  {told}")
    return tuple(rows)


def _text_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(_LARGEST_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"cannot read the price file: {error.strerror}", where=str(path)) from error
    if len(raw) > _LARGEST_BYTES:
        raise ConfigError(f"the price file is larger than {_LARGEST_BYTES // 1024**2} MiB", where=str(path))
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError("the price file is not UTF-8 text", where=str(path)) from error


def _header(cells: list[str], where: str) -> list[str]:
    names = [cell.strip().lower() for cell in cells]
    if len(names) == 1 and (";" in names[0] or "\t" in names[0]):
        raise ConfigError(
            "the columns must be separated by commas", where=where, fix="export the table as comma-separated"
        )
    for name in names:
        if name not in COLUMNS:
            fix = did_you_mean(name, COLUMNS) or f"known: {', '.join(COLUMNS)}"
            raise ConfigError(f"unknown column {name[:40]!r}", where=where, fix=fix)
        if names.count(name) > 1:
            raise ConfigError(f"the column {name} is given twice", where=where)
    if "price_per_hour" not in names:
        raise ConfigError("there is no column price_per_hour", where=where, fix="add it")
    return names


def _row(header: list[str], cells: list[str], line: int, file_name: str, max_per_hour: float) -> PriceRow:
    if len(cells) > len(header):
        raise ValueError(f"has {len(cells)} cells, the header has {len(header)} (a decimal comma?)")
    given = {name: cell.strip() for name, cell in zip(header, cells, strict=False)}
    currency = given.get("currency") or "USD"
    if not re.fullmatch(r"[A-Z]{3}", currency):
        raise ValueError(f"the currency {currency[:20]!r} is not three capital letters, such as EUR")
    as_of = given.get("as_of", "")
    if as_of and not _is_date(as_of):
        raise ValueError(f"as_of {as_of[:20]!r} is not a date, such as 2026-11-24")
    amount = _amount(given.get("price_per_hour", ""), max_per_hour)
    return PriceRow(
        line=line,
        price=Price(amount, f"file:{file_name}", as_of, currency),
        node=given.get("node", ""),
        pool=given.get("pool", ""),
        instance_type=given.get("instance_type", ""),
        region=given.get("region", ""),
        zone=given.get("zone", ""),
        purchase=_purchase(given.get("purchase", "")),
    )


def _amount(text: str, max_per_hour: float) -> float:
    try:
        amount = float(text)
    except ValueError:
        raise ValueError(f"price_per_hour {text[:20]!r} is not a number") from None
    if not math.isfinite(amount) or amount <= 0:
        raise ValueError(f"price_per_hour {text[:20]} is not above zero; leave the row out if the price is unknown")
    if amount > max_per_hour:
        raise ValueError(f"price_per_hour {text[:20]} is above {max_per_hour:g}: is it a price per month?")
    return amount


def _purchase(text: str) -> Purchase | None:
    if not text:
        return None
    try:
        return Purchase(text.lower())
    except ValueError:
        known = [purchase.value for purchase in Purchase]
        hint = did_you_mean(text, known) or f"known: {', '.join(known)}"
        raise ValueError(f"unknown purchase {text[:20]!r}; {hint}") from None


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return len(text) == len("2026-11-24")

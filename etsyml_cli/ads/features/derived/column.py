"""A derived column of a click model's rows, and the table of them all."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

import pyarrow as pa

from etsyml_cli.ads.log.row_order import TIME
from etsyml_cli.core.registry import resolve

DERIVED = {
    "hour": "etsyml_cli.ads.features.derived.clock:HOUR",
    "weekday": "etsyml_cli.ads.features.derived.clock:WEEKDAY",
    "listing_age_days": "etsyml_cli.ads.features.derived.listing_age:LISTING_AGE_DAYS",
}


@dataclass(frozen=True)
class DerivedColumn:
    """A column computed from columns of the rows and of their listings.

    `compute` takes the columns of `row`, then those of `listing`, each (N,), null if unknown, and returns an array
    (N,) of type `type`, null if the value is unknown.
    """

    compute: Callable[..., pa.Array]
    type: pa.DataType
    row: tuple[str, ...] = (TIME,)
    listing: tuple[str, ...] = ()


def derived_columns(names: Collection[str]) -> dict[str, DerivedColumn]:
    """The derived columns among `names`, by name."""
    return {name: resolve(DERIVED, name, "derived column") for name in DERIVED if name in names}


def computable_types(row: Collection[str], listing: Collection[str]) -> dict[str, pa.DataType]:
    """The types of all derived columns that can be computed from these columns of rows and listings."""
    return {
        name: column.type
        for name, column in derived_columns(DERIVED).items()
        if set(column.row) <= set(row) and set(column.listing) <= set(listing)
    }


def row_inputs(names: Collection[str]) -> list[str]:
    """The columns of rows from which the derived columns among `names` are computed."""
    return list(dict.fromkeys(source for column in derived_columns(names).values() for source in column.row))


def listing_inputs(names: Collection[str]) -> list[str]:
    """The columns of listings from which the derived columns among `names` are computed."""
    return list(dict.fromkeys(source for column in derived_columns(names).values() for source in column.listing))


def requirements_of(name: str) -> str | None:
    """A hint that names the columns from which a derived column is computed; None for any other column."""
    if name not in DERIVED:
        return None
    column = derived_columns([name])[name]
    sources = [f"{source} of the log" for source in column.row]
    sources += [f"{source} of the listings table" for source in column.listing]
    return f"{name} is computed from {' and '.join(sources)}."

"""Add derived columns to rows that enter a click model."""

from __future__ import annotations

from collections.abc import Collection

import pyarrow as pa
import pyarrow.compute as pc

from etsyml_cli.ads.features.derived.column import DerivedColumn, derived_columns, listing_inputs


class DerivedColumns:
    """The derived columns among the columns of a model, and the listings that they are computed from."""

    def __init__(self, columns: Collection[str], listings: pa.Table | None) -> None:
        self._columns = derived_columns(columns)
        needed = ["listing_id", *listing_inputs(columns)]
        self._of_listing = (
            {name: listings[name].combine_chunks() for name in needed if name in listings.column_names}
            if listings is not None
            else {}
        )

    def add_to(self, rows: pa.RecordBatch) -> pa.RecordBatch:
        """The rows with derived columns. A value that a row already has is kept.

        A column is left out if a column that it is computed from does not exist.
        """
        for name, column in self._columns.items():
            if (sources := self._sources(rows, column)) is None:
                continue
            rows = _fill(rows, name, column.compute(*sources).cast(column.type))
        return rows

    def _sources(self, rows: pa.RecordBatch, column: DerivedColumn) -> list[pa.Array] | None:
        if not set(column.row) <= set(rows.schema.names):
            return None
        sources = [rows.column(name) for name in column.row]
        if not column.listing:
            return sources
        if not set(column.listing) <= set(self._of_listing) or "listing_id" not in rows.schema.names:
            return None
        positions = pc.index_in(rows.column("listing_id"), value_set=self._of_listing["listing_id"])
        return sources + [self._of_listing[name].take(positions) for name in column.listing]


def _fill(rows: pa.RecordBatch, name: str, derived: pa.Array) -> pa.RecordBatch:
    """The rows with `derived` for each row that has no value of this column."""
    if name not in rows.schema.names:
        return rows.append_column(name, derived)
    own = rows.column(name)
    if own.null_count == 0:
        return rows
    own = own.dictionary_decode() if pa.types.is_dictionary(own.type) else own
    return rows.set_column(rows.schema.names.index(name), name, pc.coalesce(own, derived.cast(own.type)))

"""Text columns of more than 2 GiB, which Arrow's 32-bit offsets cannot hold in one piece."""

from __future__ import annotations

import pyarrow as pa

MOST_BYTES = (1 << 31) - 1


def widened(table: pa.Table) -> pa.Table:
    """The table with 64-bit offsets in each text column that is too long for 32 bits.

    Without them `combine_chunks` and `take` would overflow.
    """
    for place, field in enumerate(table.schema):
        kind = _wide_type(field.type)
        if kind is not None and table[place].nbytes > MOST_BYTES:
            table = table.set_column(place, field.with_type(kind), table[place].cast(kind))
    return table


def _wide_type(kind: pa.DataType) -> pa.DataType | None:
    """The type with 64-bit offsets of a text or a list of texts; None for other types."""
    if pa.types.is_string(kind):
        return pa.large_string()
    if pa.types.is_list(kind) and pa.types.is_string(kind.value_type):
        return pa.list_(pa.large_string())
    return None

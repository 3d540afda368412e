"""The row contract: a block of foreign rows becomes rows of a table, or rejects with a reason each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from etsyml_cli.ingest.columns import convert
from etsyml_cli.ingest.formats.cells import Block
from etsyml_cli.ingest.mapping import Mapping, whole_groups
from etsyml_cli.ingest.rules import Rules
from etsyml_cli.io.rejects import Reason
from etsyml_cli.io.schema import TableSchema, arrow_schema

Problems = dict[int, tuple[Reason, str]]  # by row: the first reason in the order of the columns, and its column


@dataclass(frozen=True)
class Contract:
    """What a foreign row must be to enter a table."""

    schema: TableSchema
    mapping: Mapping
    rules: Rules
    spaced: frozenset[str] = frozenset()  # foreign columns whose lists are parted by spaces


def check_block(block: Block, contract: Contract) -> tuple[pa.Table, Problems]:
    """All rows of the block as the table would hold them, shape (N,), and what is wrong with which of them."""
    problems: Problems = {}
    arrays = {}
    for ours, theirs in contract.mapping.columns.items():
        rules = contract.rules.with_spaced_tags() if theirs in contract.spaced else contract.rules
        arrays[ours], reasons = convert(block.columns[theirs], contract.schema.column_or_feature(ours), rules)
        for row, reason in reasons.items():
            problems.setdefault(row, (reason, ours))
    table = pa.table(arrays, schema=arrow_schema(contract.schema, list(arrays)))
    for row, problem in (_lacking_group(table, contract.schema) | _too_many_clicks(table)).items():
        problems.setdefault(row, problem)
    return table, problems


def without(table: pa.Table, problems: Problems) -> pa.Table:
    """The rows that have no problem."""
    if not problems:
        return table
    keep = np.ones(table.num_rows, dtype=bool)
    keep[list(problems)] = False
    return table.filter(pa.array(keep))


def _lacking_group(table: pa.Table, schema: TableSchema) -> Problems:
    """Rows that lack a part of the group of columns that their file has."""
    return {
        row: (Reason.MISSING, name)
        for group in whole_groups(schema, table.column_names)
        for name in reversed(group)  # what the first column lacks is said last, and stays
        for row in np.flatnonzero(table[name].is_null().to_numpy()).tolist()
    }


def _too_many_clicks(table: pa.Table) -> Problems:
    if not {"clicks", "impressions"} <= set(table.column_names):
        return {}
    above = pc.greater(table["clicks"], table["impressions"]).fill_null(False).to_numpy()
    return dict.fromkeys(np.flatnonzero(above).tolist(), (Reason.CLICKS_ABOVE_IMPRESSIONS, "clicks"))

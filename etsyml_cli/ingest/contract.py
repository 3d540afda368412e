"""The row contract: convert blocks of input rows to table rows, with a reason for each rejected row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from etsyml_cli.ingest.columns import convert
from etsyml_cli.ingest.combine import combine_parts
from etsyml_cli.ingest.formats.cells import Block
from etsyml_cli.ingest.mapping import Mapping, complete_groups
from etsyml_cli.ingest.rules import Rules
from etsyml_cli.io.rejects import Reason
from etsyml_cli.io.schema import TableSchema, arrow_schema

Problems = dict[int, tuple[Reason, str]]  # row -> the reason of the first bad column, and that column


@dataclass(frozen=True)
class Contract:
    """The conditions that an input row must meet to enter a table."""

    schema: TableSchema
    mapping: Mapping
    rules: Rules
    space_separated: frozenset[str] = frozenset()  # input columns whose lists are separated by spaces


def check_block(block: Block, contract: Contract) -> tuple[pa.Table, Problems]:
    """Convert all N rows of the block to table rows; also return the problems by row."""
    block = combine_parts(block, contract.mapping, contract.schema, contract.rules)
    problems: Problems = {}
    arrays = {}
    for target, source in contract.mapping.columns.items():
        rules = contract.rules.with_space_separated_tags() if source in contract.space_separated else contract.rules
        arrays[target], reasons = convert(block.columns[source], contract.schema.column_or_feature(target), rules)
        for row, reason in reasons.items():
            problems.setdefault(row, (reason, target))
    table = pa.table(arrays, schema=arrow_schema(contract.schema, list(arrays)))
    for row, problem in (_incomplete_groups(table, contract.schema) | _excess_clicks(table)).items():
        problems.setdefault(row, problem)
    return table, problems


def drop_problems(table: pa.Table, problems: Problems) -> pa.Table:
    """The rows without problems."""
    if not problems:
        return table
    keep = np.ones(table.num_rows, dtype=bool)
    keep[list(problems)] = False
    return table.filter(pa.array(keep))


def _incomplete_groups(table: pa.Table, schema: TableSchema) -> Problems:
    """Rows with a null in a column of a group that the file has."""
    return {
        row: (Reason.MISSING, name)
        for group in complete_groups(schema, table.column_names)
        for name in reversed(group)  # reversed, so that the first column of the group is reported
        for row in np.flatnonzero(table[name].is_null().to_numpy()).tolist()
    }


def _excess_clicks(table: pa.Table) -> Problems:
    if not {"clicks", "impressions"} <= set(table.column_names):
        return {}
    above = pc.greater(table["clicks"], table["impressions"]).fill_null(False).to_numpy()
    return dict.fromkeys(np.flatnonzero(above).tolist(), (Reason.CLICKS_ABOVE_IMPRESSIONS, "clicks"))

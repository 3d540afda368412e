"""The row contract: convert blocks of input rows to table rows, with a reason for each rejected row and emptied cell.

A bad value rejects its row if the column is required or belongs to a group of which a file must have one; in other
columns it only empties the cell.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from etsyml_cli.ingest.config import MergeWeights
from etsyml_cli.ingest.formats.cells import Block, Note
from etsyml_cli.ingest.mapping import Mapping, complete_groups
from etsyml_cli.ingest.selection.drop import Drop
from etsyml_cli.ingest.selection.only import Only
from etsyml_cli.ingest.values.columns import Reasons, convert
from etsyml_cli.ingest.values.combine import combine_parts
from etsyml_cli.ingest.values.ids import IdForms, id_forms
from etsyml_cli.ingest.values.rules import Rules
from etsyml_cli.ingest.values.weights import look_up_weights
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
    weights: dict[str, float] = field(default_factory=dict)  # text in the input column of `weight` -> weight
    only: Only = field(default_factory=dict)
    drop: Drop = field(default_factory=Drop)
    merge_weights: MergeWeights = "max"
    ids_as_written: frozenset[str] = frozenset()  # columns in which the id 196.0 is not 196

    def input_columns(self) -> list[str]:
        """The columns to read."""
        return list(dict.fromkeys([*self.mapping.columns.values(), *self.only]))


@dataclass(frozen=True)
class Checked:
    """The N rows of a block as table rows, and how they were read."""

    rows: pa.Table
    problems: Problems = field(default_factory=dict)
    emptied: dict[str, Reasons] = field(default_factory=dict)  # column -> bad cells of the rows without problems
    notes: Counter[Note] = field(default_factory=Counter)
    ids: dict[str, IdForms] = field(default_factory=dict)  # column -> forms of its ids

    def accepted(self) -> pa.Table:
        """The rows without problems."""
        return drop_problems(self.rows, self.problems)


def check_block(block: Block, contract: Contract) -> Checked:
    """Convert all N rows of the block to table rows."""
    block = combine_parts(block, contract.mapping, contract.schema, contract.rules)
    problems: Problems = {}
    emptied: dict[str, Reasons] = {}
    notes: Counter[Note] = Counter()
    ids = _forms_of_ids(block, contract)
    arrays = {}
    for target, source in contract.mapping.columns.items():
        column, rules = contract.schema.column_or_feature(target), _rules_of(contract, target, ids.get(target))
        if target == "weight" and contract.weights:
            arrays[target], reasons = look_up_weights(block.columns[source], contract.weights)
        else:
            arrays[target], reasons = convert(block.columns[source], column, rules, notes)
            if contract.schema.is_optional(target):
                emptied[target] = reasons
                continue
        for row, reason in reasons.items():
            problems.setdefault(row, (reason, target))
    table = pa.table(arrays, schema=arrow_schema(contract.schema, list(arrays)))
    for row, problem in (_incomplete_groups(table, contract.schema) | _excess_clicks(table)).items():
        problems.setdefault(row, problem)
    in_table = {
        target: {row: reason for row, reason in reasons.items() if row not in problems}
        for target, reasons in emptied.items()
    }
    return Checked(table, problems, in_table, notes, ids)


def _forms_of_ids(block: Block, contract: Contract) -> dict[str, IdForms]:
    return {
        target: id_forms(block.columns[source], may_shorten=target not in contract.ids_as_written)
        for target, source in contract.mapping.columns.items()
        if contract.schema.column_or_feature(target).kind == "id"
    }


def _rules_of(contract: Contract, target: str, ids: IdForms | None) -> Rules:
    rules = contract.rules
    if contract.mapping.columns[target] in contract.space_separated:
        rules = rules.with_space_separated_tags()
    return rules.with_whole_ids() if ids and ids.shortened else rules


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

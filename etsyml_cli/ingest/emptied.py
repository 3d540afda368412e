"""Cells of optional columns that are emptied because their value is bad: counts, examples, and the limit."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import pyarrow as pa

from etsyml_cli.core.errors import DataError
from etsyml_cli.ingest.contract import Checked, Contract
from etsyml_cli.ingest.formats.cells import Block
from etsyml_cli.ingest.formats.files import InputFile
from etsyml_cli.ingest.values.photo_paths import download_hint
from etsyml_cli.io.rejects import HINTS, Reason
from etsyml_cli.io.schema import TableSchema

EXAMPLES = 3  # per column
MAX_COLUMNS = 3  # in the message of an error
MAX_CHARACTERS = 60


@dataclass
class EmptiedCells:
    """The emptied cells of the rows read so far."""

    values: Counter[str] = field(default_factory=Counter)  # non-empty cells by optional column, bad ones included
    reasons: Counter[tuple[str, Reason]] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)  # by column

    def count(self, checked: Checked, accepted: pa.Table, block: Block, contract: Contract, file: str) -> None:
        """Add the emptied cells of the accepted rows of a block, which is from this file."""
        for column, reasons in checked.emptied.items():
            self.values[column] += accepted.num_rows - accepted[column].null_count + len(reasons)
            self.reasons.update((column, reason) for reason in reasons.values())
            examples = self.examples.setdefault(column, [])
            for row in sorted(reasons)[: EXAMPLES - len(examples)]:
                value = _cut(str(block.columns[contract.mapping.columns[column]].at(row)))
                examples.append(f"{file}:{block.lines[row]}: {column}: {reasons[row]}: {value}")

    def by_reason(self) -> dict[str, int]:
        """The number of emptied cells, with keys such as `price: not a number`."""
        return {f"{column}: {reason}": n for (column, reason), n in sorted(self.reasons.items())}

    def all_examples(self) -> list[str]:
        return [example for examples in self.examples.values() for example in examples]

    def above(self, limit: float) -> dict[str, int]:
        """The number of emptied cells of the columns in which they are more than this share of the values.

        One bad value among others is an exception, whatever its share, unless none is allowed.
        """
        emptied: Counter[str] = Counter()
        for (column, _), n in self.reasons.items():
            emptied[column] += n
        return {
            column: n
            for column, n in emptied.most_common()
            if n > limit * self.values[column] and (n > 1 or self.values[column] == 1 or not limit)
        }


def check_emptied_rate(cells: EmptiedCells, limit: float, schema: TableSchema, file: InputFile) -> None:
    """Raise DataError if more than this share of the values of an optional column are bad; `file` is the first one."""
    columns = cells.above(limit)
    if not columns:
        return
    lines = [
        f"{column}: {n:,} of {cells.values[column]:,} values are bad "
        f"({n / cells.values[column]:.1%}, allowed {limit:.1%}): {cells.examples[column][0]}"
        for column, n in list(columns.items())[:MAX_COLUMNS]
    ]
    reasons = dict.fromkeys(reason for (column, reason), _ in cells.reasons.most_common() if column in columns)
    advice = [download_hint(file) if reason is Reason.URL else HINTS.get(reason, "") for reason in reasons]
    leave_out = " ".join(f"--map {column}=" for column in columns if schema.column(column))
    choices = [f"Leave out: {leave_out}."] if leave_out else []
    choices.append("Empty the bad cells and keep the rest: --set max_emptied_rate=1")
    raise DataError("\n".join(lines), hint=" ".join(filter(None, [*advice, *choices])))


def _cut(text: str) -> str:
    return text if len(text) <= MAX_CHARACTERS else f"{text[: MAX_CHARACTERS - 1]}…"

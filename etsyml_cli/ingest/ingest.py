"""Import log files into a table: read blocks, check rows against the contract, write them, resolve duplicates."""

from __future__ import annotations

import math
import os
from dataclasses import replace
from pathlib import Path

import msgspec

from etsyml_cli.core.errors import DataError, InputError
from etsyml_cli.core.log import logger
from etsyml_cli.ingest.config import IngestConfig
from etsyml_cli.ingest.contract import Contract
from etsyml_cli.ingest.presets import fit
from etsyml_cli.ingest.resolve_duplicates import resolve_duplicates
from etsyml_cli.ingest.rows import Tally, read_rows
from etsyml_cli.ingest.rules import build_rules
from etsyml_cli.ingest.sources import Inputs, common_mapping, open_inputs
from etsyml_cli.io.artifact import Plan
from etsyml_cli.io.rejects import HINTS, Reason, Reject
from etsyml_cli.io.schema import TableSchema, table_schema
from etsyml_cli.io.summary import Summary, up_to_date
from etsyml_cli.io.tables import TableDraft, seal, table_draft, table_is_up_to_date, table_manifest

PHOTOS = {"image", "images"}
INSPECT = "Inspect the file with --check, or raise --max-bad-rate."


def ingest(
    table: str,
    files: list[str],
    *,
    out: Path,
    config: IngestConfig,
    force: bool = False,
    limit: int | None = None,
    may_shrink: bool = True,
) -> Summary:
    """Import `files` (paths, globs, `-` for stdin; the first `limit` rows) into the table `table` at `out`.

    Each row is written, merged into another row, or written to the rejects file with a reason.
    Raises DataError, without changing `out`, if more than `max_bad_rate` of the rows are rejected, or if the new table
    would have fewer rows and `may_shrink` is false.
    """
    schema = table_schema(table)
    with open_inputs(files, out.parent / f".{out.stem}.stdin", config.delimiter) as inputs:
        config = fit(config, schema, inputs)
        contract = contract_for(schema, inputs, config)
        plan = _plan(inputs, contract, config, limit, out)
        if not force and table_is_up_to_date(out, plan):
            return up_to_date(out, table_manifest(out))
        with table_draft(out, plan, force=force) as draft:
            fill_table(draft, inputs, contract, config, limit)
            if not may_shrink:
                _expect_no_fewer_rows(out, draft.rows["out"])
    return Summary(kind=plan.kind, path=str(out), rows=draft.rows, facts=draft.facts)


def contract_for(schema: TableSchema, inputs: Inputs, config: IngestConfig) -> Contract:
    """The contract for the rows of `inputs`. Raises UsageError or InputError if the columns cannot be mapped."""
    mapping = common_mapping(schema, inputs, config.map)
    image_root = os.path.abspath(config.image_root or inputs.folder)  # noqa: PTH100  resolve() would follow links
    if PHOTOS & mapping.columns.keys() and not os.path.isdir(image_root):  # noqa: PTH112  False without permission
        raise InputError(
            f"--image-root {config.image_root}: directory not found",
            hint="Give the directory that contains the images.",
        )
    space_separated = frozenset().union(*(header.space_separated for _, header in inputs.files))
    return Contract(schema, mapping, build_rules(config, image_root), space_separated)


def _plan(inputs: Inputs, contract: Contract, config: IngestConfig, limit: int | None, out: Path) -> Plan:
    settings = msgspec.to_builtins(config) | {"image_root": _image_root(contract, out.parent), "limit": limit}
    return Plan(kind=f"table:{contract.schema.name}", config=settings, inputs={"files": inputs.sources()})


def _image_root(contract: Contract, folder: Path) -> str | None:
    """The image root relative to the table's directory, so that both can be moved; None for a table without photos.

    Relative to the real path of that directory, because `..` does not go back through a symbolic link.
    """
    if not PHOTOS & contract.mapping.columns.keys():
        return None
    return os.path.relpath(contract.rules.image_root, os.path.realpath(folder))


def fill_table(draft: TableDraft, inputs: Inputs, contract: Contract, config: IngestConfig, limit: int | None) -> None:
    """Write the table and its rejects, and record counts and facts. Raises DataError if the rows are refused."""
    table, tally = read_rows(inputs, contract, draft, limit)
    if tally.new_keys:
        logger.info("keys not in the first lines: %s", ", ".join(tally.new_keys))
        inputs = inputs.with_keys(list(tally.new_keys))
        extended = contract_for(contract.schema, inputs, config)
        if extended.mapping.columns != contract.mapping.columns:  # they belong in the table: read again
            table.writer.close()
            table, tally = read_rows(inputs, extended, draft, limit)
        contract = replace(contract, mapping=extended.mapping)
    table = resolve_duplicates(table, tally, inputs, contract, draft)
    _record_facts(draft, tally, contract)
    _check_bad_rate(draft, tally, inputs, config)
    seal(table.writer, draft)


def _record_facts(draft: TableDraft, tally: Tally, contract: Contract) -> None:
    rejected = tally.reasons.total()
    draft.rows = {
        "in": tally.rows_in,
        "out": tally.rows_in - tally.merged - rejected,
        "merged": tally.merged,
        "rejected": rejected,
    }
    draft.facts = {
        "reasons": {reason.value: n for reason, n in sorted(tally.reasons.items())},
        **{note.value.replace(" ", "_"): n for note, n in sorted(tally.notes.items())},
        "mapping": {target: source for target, source in contract.mapping.columns.items() if target != source},
        "left_out": contract.mapping.left_out,
        "image_root": _image_root(contract, draft.scratch.parent),
    }


def _check_bad_rate(draft: TableDraft, tally: Tally, inputs: Inputs, config: IngestConfig) -> None:
    """Raise DataError if too many rows are rejected or no row is left."""
    rows_in, rejected = draft.rows["in"], draft.rows["rejected"]
    if not rows_in:
        raise DataError(f"{', '.join(file.name for file, _ in inputs.files)}: no rows")
    if draft.rows["out"] and rejected <= config.max_bad_rate * rows_in:
        return
    share = f"{rejected / rows_in:.1%}, allowed {config.max_bad_rate:.1%}"
    reasons = ", ".join(f"{n:,} {reason}" for reason, n in tally.reasons.most_common(3))
    examples = "; ".join(_format_reject(reject) for reject in tally.examples)
    raise DataError(
        f"{rejected:,} of {rows_in:,} rows are bad ({share}): {reasons}\n{examples}",
        hint=_hint(tally, draft.rows),
    )


def _hint(tally: Tally, rows: dict[str, int]) -> str:
    reason = tally.reasons.most_common(1)[0][0]
    field = next((reject.field for reject in tally.examples if reject.reason == reason), None)
    if reason != Reason.MISSING or not field or not rows["out"]:
        return HINTS.get(reason, INSPECT)
    share = math.ceil(100 * rows["rejected"] / rows["in"]) / 100
    return (
        f"Name a column of {field} that is never empty: --map {field}=COLUMN,"
        f" or go without these rows: --max-bad-rate {share}"
    )


def _expect_no_fewer_rows(out: Path, rows: int) -> None:
    try:
        before = table_manifest(out).rows["out"] if out.is_file() else 0
    except InputError:  # damaged, or of another schema version: there is nothing to lose
        return
    if rows < before:
        raise DataError(
            f"{out}: has {before:,} rows, the new table would have {rows:,}",
            hint="Replace it with --replace, or keep both: write to another --out or --workspace.",
        )


def _format_reject(reject: Reject) -> str:
    field = f"{reject.field}: " if reject.field else ""
    return f"{reject.file}:{reject.line}: {field}{reject.reason}"

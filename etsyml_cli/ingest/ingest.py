"""Import log files into a table: read blocks, check rows against the contract, write them, resolve duplicates."""

from __future__ import annotations

import math
import os
import shlex
from collections import Counter
from dataclasses import replace
from pathlib import Path

import msgspec

from etsyml_cli.core.errors import DataError, InputError
from etsyml_cli.core.log import logger
from etsyml_cli.ingest.check.guess import guess_event
from etsyml_cli.ingest.config import IngestConfig
from etsyml_cli.ingest.contract import Contract
from etsyml_cli.ingest.duplicates.resolve_duplicates import resolve_duplicates
from etsyml_cli.ingest.emptied import check_emptied_rate
from etsyml_cli.ingest.empty import words_by_column
from etsyml_cli.ingest.presets import fit
from etsyml_cli.ingest.rows import Tally, read_rows
from etsyml_cli.ingest.selection.drop import Drop, check_drop
from etsyml_cli.ingest.selection.only import check_only, nothing_taken
from etsyml_cli.ingest.sources import Inputs, common_mapping, open_inputs
from etsyml_cli.ingest.time_unit import check_time_unit, time_hint
from etsyml_cli.ingest.values.rules import build_rules
from etsyml_cli.ingest.values.weights import check_weights
from etsyml_cli.io.artifact import Plan, source_of
from etsyml_cli.io.rejects import Reason, Reject
from etsyml_cli.io.schema import EVENTS, TableSchema, table_schema
from etsyml_cli.io.summary import Summary, up_to_date
from etsyml_cli.io.tables import RowGroups, TableDraft, seal, table_draft, table_is_up_to_date, table_manifest

PHOTOS = {"image", "images"}
MAX_EVENTS_IN_HINT = 5
FLAG_EVENTS = {"1": "click", "true": "click", "0": "impression", "false": "impression"}
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
    listings: Path | None = None,
) -> Summary:
    """Import `files` (paths, globs, `-` for stdin; the first `limit` rows) into the table `table` at `out`.

    Each row is written, merged into another row, excluded by `only` or `drop` (whose owners are those of the table
    `listings`), or written to the rejects file with a reason.
    Raises DataError, without changing `out`, if more than `max_bad_rate` of the rows are rejected, or if the new table
    would have fewer rows and `may_shrink` is false.
    """
    schema = table_schema(table)
    with open_inputs(files, out.parent / f".{out.stem}.stdin", schema, config) as inputs:
        config = fit(config, schema, inputs)
        contract = contract_for(schema, inputs, config, listings)
        plan = _plan(inputs, contract, config, limit, out)
        if not force and table_is_up_to_date(out, plan):
            return up_to_date(out, table_manifest(out))
        with table_draft(out, plan, force=force) as draft:
            fill_table(draft, inputs, contract, config, limit)
            if not may_shrink:
                _expect_no_fewer_rows(out, draft.rows["out"])
    return Summary(kind=plan.kind, path=str(out), rows=draft.rows, facts=draft.facts)


def contract_for(schema: TableSchema, inputs: Inputs, config: IngestConfig, listings: Path | None = None) -> Contract:
    """The contract for the rows of `inputs`; `listings` is the table with the owners.

    Raises UsageError or InputError if the columns cannot be mapped or an option does not fit them.
    """
    mapping = common_mapping(schema, inputs, config.map)
    image_root = os.path.abspath(config.image_root or inputs.folder)  # noqa: PTH100  resolve() would follow links
    if PHOTOS & mapping.columns.keys() and not os.path.isdir(image_root):  # noqa: PTH112  False without permission
        raise InputError(
            f"--image-root {config.image_root}: directory not found",
            hint="Give the directory that contains the images.",
        )
    space_separated = frozenset().union(*(header.space_separated for _, header in inputs.files))
    drop = Drop(config.drop, config.max_events_per_day, listings)
    check_drop(drop, mapping.columns)
    check_only(config.only, inputs)
    check_weights(config.weight_map, mapping.columns)
    return Contract(
        schema,
        mapping,
        build_rules(config, image_root),
        space_separated,
        config.weight_map,
        config.only,
        drop,
        config.merge_weights,
    )


def _plan(inputs: Inputs, contract: Contract, config: IngestConfig, limit: int | None, out: Path) -> Plan:
    settings = msgspec.to_builtins(config) | {"image_root": _image_root(contract, out.parent), "limit": limit}
    sources = {"files": inputs.sources()}
    if listings := contract.drop.owners():
        sources["listings"] = [source_of(listings)]
    return Plan(kind=f"table:{contract.schema.name}", config=settings, inputs=sources)


def _image_root(contract: Contract, folder: Path) -> str | None:
    """The image root relative to the table's directory, so that both can be moved; None for a table without photos.

    Relative to the real path of that directory, because `..` does not go back through a symbolic link.
    """
    if not PHOTOS & contract.mapping.columns.keys():
        return None
    return os.path.relpath(contract.rules.image_root, os.path.realpath(folder))


def fill_table(draft: TableDraft, inputs: Inputs, contract: Contract, config: IngestConfig, limit: int | None) -> None:
    """Write the table and its rejects, and record counts and facts. Raises DataError if the rows are refused."""
    check_time_unit(inputs, contract)
    inputs = inputs.with_words(words_by_column(contract.schema, contract.mapping, config))
    table, tally, inputs, contract = _read(draft, inputs, contract, config, limit)
    table = resolve_duplicates(table, tally, inputs, contract, draft)
    _record_facts(draft, tally, contract)
    _check_bad_rate(draft, tally, inputs, contract, config)
    check_emptied_rate(tally.emptied, config.max_emptied_rate, contract.schema, inputs.files[0][0])
    _report_readings(tally)
    seal(table.writer, draft)


def _read(
    draft: TableDraft, inputs: Inputs, contract: Contract, config: IngestConfig, limit: int | None
) -> tuple[RowGroups, Tally, Inputs, Contract]:
    """Read the rows; again if only all of them show which columns there are, or how ids are written."""
    while True:
        table, tally = read_rows(inputs, contract, draft, limit)
        columns = contract.mapping.columns
        if tally.new_keys:
            logger.info("keys not in the first lines: %s", ", ".join(tally.new_keys))
            inputs = inputs.with_keys(list(tally.new_keys))
            extended = contract_for(contract.schema, inputs, config, contract.drop.listings)
            contract = replace(extended, ids_as_written=contract.ids_as_written)
        mixed = {name for name, forms in tally.ids.items() if forms.shortened and forms.other}
        if contract.mapping.columns == columns and not mixed:
            return table, tally, inputs, contract
        contract = replace(contract, ids_as_written=contract.ids_as_written | mixed)
        table.writer.close()


def _report_readings(tally: Tally) -> None:
    """Log examples of emptied cells, and ids that look like numbers of a float column but are kept."""
    for example in tally.emptied.all_examples():
        logger.info("emptied %s", example)
    for name, forms in tally.ids.items():
        if forms.pointed and forms.other:
            logger.warning(
                "%s: %s ids such as 196.0 are kept as they are, because others, such as %s, are not whole numbers",
                name,
                f"{forms.pointed:,}",
                forms.other,
            )


def _record_facts(draft: TableDraft, tally: Tally, contract: Contract) -> None:
    rejected, excluded = tally.reasons.total(), tally.excluded.total()
    draft.rows = {
        "in": tally.rows_in,
        "out": tally.rows_in - tally.merged - rejected - excluded,
        "merged": tally.merged,
        "rejected": rejected,
    }
    if contract.only or contract.drop.kinds:
        draft.rows["excluded"] = excluded
    draft.facts = {
        "reasons": {reason.value: n for reason, n in sorted(tally.reasons.items())},
        "excluded": {option: n for option, n in sorted(tally.excluded.items()) if n},
        "emptied": tally.emptied.by_reason(),
        "ids_without_decimals": {name: forms.shortened for name, forms in tally.ids.items() if forms.shortened},
        **{note.value.replace(" ", "_"): n for note, n in sorted(tally.notes.items())},
        "mapping": {target: source for target, source in contract.mapping.columns.items() if target != source},
        "left_out": contract.mapping.left_out,
        "image_root": _image_root(contract, draft.scratch.parent),
    }


def _check_bad_rate(draft: TableDraft, tally: Tally, inputs: Inputs, contract: Contract, config: IngestConfig) -> None:
    """Raise DataError if too many rows are rejected or no row is left."""
    rows_in, rejected = draft.rows["in"] - tally.excluded.total(), draft.rows["rejected"]
    if not draft.rows["in"]:
        raise DataError(f"{', '.join(file.name for file, _ in inputs.files)}: no rows")
    if not rows_in:
        raise _nothing_left(tally, config)
    if draft.rows["out"] and rejected <= config.max_bad_rate * rows_in:
        return
    share = f"{rejected / rows_in:.1%}, allowed {config.max_bad_rate:.1%}"
    reasons = ", ".join(f"{n:,} {reason}" for reason, n in tally.reasons.most_common(3))
    examples = "; ".join(_format_reject(reject) for reject in tally.examples)
    raise DataError(
        f"{rejected:,} of {rows_in:,} rows are bad ({share}): {reasons}\n{examples}",
        hint=_hint(tally, draft.rows, inputs, contract),
    )


def _hint(tally: Tally, rows: dict[str, int], inputs: Inputs, contract: Contract) -> str:
    reason = tally.reasons.most_common(1)[0][0]
    if reason is Reason.UNKNOWN_EVENT:
        return _event_hint(tally.unknown_events)
    field = next((reject.field for reject in tally.examples if reject.reason == reason), None)
    if reason != Reason.MISSING or not field or not rows["out"]:
        return time_hint(reason, inputs, contract) or INSPECT
    share = math.ceil(100 * rows["rejected"] / rows["in"]) / 100
    return (
        f"Name a column of {field} that is never empty: --map {field}=COLUMN,"
        f" or go without these rows: --max-bad-rate {share}"
    )


def _nothing_left(tally: Tally, config: IngestConfig) -> DataError:
    if not tally.excluded.keys() - {"only"}:
        return nothing_taken(config.only, tally.seen)
    options = {"only": "--only", "owner": "--drop owner", "bots": "--drop bots"}
    counts = ", ".join(f"{n:,} by {options[option]}" for option, n in sorted(tally.excluded.items()) if n)
    return DataError(
        f"all {tally.rows_in:,} rows are excluded: {counts}",
        hint="Leave out --drop, or allow more events of a user: --set max_events_per_day=NUMBER.",
    )


def _event_hint(events: Counter[str]) -> str:
    """Name the texts of unknown events, and options that map them."""
    texts = [text for text, _ in events.most_common(MAX_EVENTS_IN_HINT)]
    guesses = {text: guess_event(text) or FLAG_EVENTS.get(text.casefold(), EVENTS[0]) for text in texts}
    options = " ".join(f"--event-map {shlex.quote(f'{text}={event}')}" for text, event in guesses.items())
    more = f" (and {len(events) - len(texts):,} others)" if len(events) > len(texts) else ""
    return f"Map each event{more} to {', '.join(EVENTS[:-1])} or {EVENTS[-1]}, for example: {options}"


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

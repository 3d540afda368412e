"""Score impressions with a click model: JSON Lines to JSON Lines, or a table to a Parquet file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from etsyml_cli.ads.click_model import CtrModel, input_columns
from etsyml_cli.ads.explain import explain as explain_rows
from etsyml_cli.ads.json_rows import as_batch, json_objects
from etsyml_cli.ads.log.log import BATCH_ROWS, LOGS
from etsyml_cli.ads.log.row_order import TIME
from etsyml_cli.ads.side_inputs import SideInputs, check_side_inputs
from etsyml_cli.ads.store import load_model, manifest_of, side_inputs_of
from etsyml_cli.core.errors import InputError, UsageError
from etsyml_cli.core.log import logger, progress
from etsyml_cli.io.artifact import Manifest, Plan, source_of, was_made_by
from etsyml_cli.io.atomic import is_as_written, whole_file
from etsyml_cli.io.joins import Ids, check_join, distinct_ids
from etsyml_cli.io.summary import Summary, up_to_date
from etsyml_cli.io.tables import MANIFEST_KEY, open_table, parquet_writer, table_manifest
from etsyml_cli.io.text import STDIN, open_lines

KIND = "scores"
LINES_AT_ONCE = 16_384
TABLE_SUFFIX, LINES_SUFFIX = ".parquet", ".jsonl"
PARQUET_MAGIC = b"PAR1"
ID_COLUMNS = ["impression_id", "search_id", TIME, "listing_id"]  # they identify a row of a table


@dataclass(frozen=True)
class Inputs:
    """A click model, and the listings table and photo features that complete the rows to score."""

    model: Path
    listings: Path | None
    images: Path | None = None


def score_rows(inputs: Inputs, rows: Iterable[bytes], *, explain: bool = False) -> Iterator[dict[str, Any]]:
    """Yield each JSON object of `rows` with its click probability as `score`. Fields may be missing.

    With `explain`, `why` is a list of `Reason`: contributions of features to the logit of the score.
    Raises InputError, with the line, if a line is not a JSON object or a value has a wrong type.
    """
    side = _side_inputs(inputs)
    model = load_model(inputs.model, side)
    objects = json_objects(rows)
    checked = False
    while some := list(islice(objects, LINES_AT_ONCE)):
        batch = as_batch(some, model.config)
        if not checked:
            _check_listings(batch, inputs, side)
            checked = True
        scores: list[dict[str, Any]] = [{"score": p} for p in model.predict(batch).tolist()]
        if explain:
            reasons = explain_rows(model, batch, side.listings)
            scores = [score | {"why": why} for score, why in zip(scores, reasons, strict=True)]
        yield from (row | score for (_, row), score in zip(some, scores, strict=True))


def _check_listings(rows: pa.RecordBatch, inputs: Inputs, side: SideInputs) -> None:
    """Warn if few of the rows' listings are in the listings table; an error would refuse new listings."""
    if inputs.listings is not None and side.listings is not None and "listing_id" in rows.schema.names:
        shown = Ids("listings of the rows", Path("rows"), rows.column("listing_id"))
        check_join(shown, Ids("listings", inputs.listings, side.listings["listing_id"]), required=False)


def holds_a_table(source: str) -> bool:
    """Whether `source` is a Parquet file, by its name or first bytes; "-" and pipes are read as JSON Lines."""
    path = Path(source)
    if path.suffix.lower() == TABLE_SUFFIX:
        return True
    if source == STDIN or not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(PARQUET_MAGIC)) == PARQUET_MAGIC


def score_lines(inputs: Inputs, source: str, *, explain: bool = False) -> Iterator[dict[str, Any]]:
    """`score_rows` of the JSON Lines of a file, or of stdin if `source` is "-"."""
    with open_lines(source) as rows:
        yield from score_rows(inputs, rows, explain=explain)


def write_scored_lines(
    inputs: Inputs, source: str, *, out: Path, force: bool = False, explain: bool = False
) -> Summary:
    """Write `score_lines` to a file. Raises UsageError if its extension is not .jsonl."""
    _expect_suffix(out, LINES_SUFFIX, "scored JSON Lines")
    if source != STDIN:
        _expect_another_file(out, Path(source))
    count = 0
    with whole_file(out, force=force) as partial, partial.open("wb") as file:
        for scored in score_lines(inputs, source, explain=explain):
            file.write(msgspec.json.encode(scored) + b"\n")
            count += 1
    return Summary(kind=KIND, path=str(out), rows={"out": count})


def score_table(inputs: Inputs, table: Path, *, out: Path, force: bool = False) -> Summary:
    """Write the click probability of every row of an impressions or searches table, in its order, as Parquet.

    Raises UsageError if the extension of `out` is not .parquet, DataError if no listing of the table is in the listings
    table or has a photo.
    """
    _expect_suffix(out, TABLE_SUFFIX, "scores of a table")
    _expect_another_file(out, table)
    file = open_table(table, *LOGS)
    paths = {"model": inputs.model, "impressions": table, "listings": inputs.listings, "images": inputs.images}
    plan = Plan(kind=KIND, inputs={name: [source_of(path)] for name, path in paths.items() if path is not None})
    done = Manifest(plan=plan, rows={"out": file.metadata.num_rows})
    if not force and _is_up_to_date(out, plan):
        return up_to_date(out, done)
    side = _side_inputs(inputs)
    ids = distinct_ids(rows.column("listing_id") for rows in file.iter_batches(columns=["listing_id"]))
    check_side_inputs(Ids(f"listings of {table.stem}", table, ids), side, inputs.listings, inputs.images)
    with whole_file(out, force=force) as partial:
        _write_scores(partial, file, load_model(inputs.model, side), done)
    return Summary(kind=KIND, path=str(out), rows=done.rows)


def _expect_suffix(out: Path, suffix: str, what: str) -> None:
    if out.suffix.lower() != suffix:
        raise UsageError(f"--out {out}: {what} are written as {suffix}", hint=f"Choose a file name with {suffix}.")


def _expect_another_file(out: Path, source: Path) -> None:
    if out.exists() and source.exists() and out.samefile(source):
        raise UsageError(f"--out {out}: this is the input file", hint="Choose another file.")


def _write_scores(path: Path, table: pq.ParquetFile, model: CtrModel, done: Manifest) -> None:
    present = table.schema_arrow.names
    kept = [name for name in ID_COLUMNS if name in present]
    wanted = [name for name in present if name in {*kept, *input_columns(model.config)}]
    schema = pa.schema([*(table.schema_arrow.field(name) for name in kept), pa.field("score", pa.float64())])
    with parquet_writer(path, schema, unlike=["impression_id", "score"]) as writer:
        with progress("score", table.metadata.num_rows) as advance:
            for rows in table.iter_batches(BATCH_ROWS, columns=wanted):
                columns = [*(rows.column(name) for name in kept), pa.array(model.predict(rows))]
                writer.write_batch(pa.record_batch(columns, schema=schema))
                advance(rows.num_rows)
        writer.add_key_value_metadata({MANIFEST_KEY: msgspec.json.encode(done)})


def _is_up_to_date(out: Path, plan: Plan) -> bool:
    try:
        return is_as_written(out) and was_made_by(table_manifest(out), plan)
    except InputError:
        return False


def _side_inputs(inputs: Inputs) -> SideInputs:
    manifest = manifest_of(inputs.model)
    if inputs.listings is None and "listings" in manifest.plan.inputs:
        logger.warning(
            "%s was trained with a listings table: without it, rows have only their own columns", inputs.model
        )
    return side_inputs_of(inputs.model, inputs.listings, inputs.images)

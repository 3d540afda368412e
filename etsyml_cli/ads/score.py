"""Score ads with a click model: JSON Lines to JSON Lines, or a table of what was shown to a Parquet file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from etsyml_cli.ads.click_model import CtrModel
from etsyml_cli.ads.explain import explain as reasons
from etsyml_cli.ads.json_rows import as_batch, json_objects
from etsyml_cli.ads.listing_features import SideInputs
from etsyml_cli.ads.log import BATCH_ROWS, LOGS
from etsyml_cli.ads.row_order import TIME
from etsyml_cli.ads.store import load_model, manifest_of, side_inputs_of
from etsyml_cli.core.errors import InputError, UsageError
from etsyml_cli.core.log import logger, progress
from etsyml_cli.io.artifact import Manifest, Plan, source_of, was_made_by
from etsyml_cli.io.atomic import is_as_written, whole_file
from etsyml_cli.io.summary import Summary, up_to_date
from etsyml_cli.io.tables import MANIFEST_KEY, open_table, parquet_writer, table_manifest
from etsyml_cli.io.text import STDIN, open_lines

KIND = "scores"
LINES_AT_ONCE = 16_384
TABLE_SUFFIX, LINES_SUFFIX = ".parquet", ".jsonl"
PARQUET_MAGIC = b"PAR1"
NAMED_BY = ["impression_id", "search_id", TIME, "listing_id"]  # what a scored row of a table is found by


def score_rows(
    *, model: Path, rows: Iterable[bytes], listings: Path | None, images: Path | None = None, explain: bool = False
) -> Iterator[dict[str, Any]]:
    """Each JSON object of `rows` with its probability as `score`; a field that is missing is no feature.

    With `explain`, `why` says what adds how much to the logit of that.
    Raises InputError, naming the line, for what is no JSON object and for a value of the wrong kind.
    """
    side = _side_inputs(model, listings, images)
    scorer = load_model(model, side)
    objects = json_objects(rows)
    while some := list(islice(objects, LINES_AT_ONCE)):
        batch = as_batch(some, scorer.config)
        found = [{"score": p} for p in scorer.predict(batch).tolist()]
        if explain:
            found = [one | {"why": why} for one, why in zip(found, reasons(scorer, batch, side.listings), strict=True)]
        yield from (row | one for (_, row), one in zip(some, found, strict=True))


def holds_a_table(source: str) -> bool:
    """Whether `source` is a Parquet file, by its name or its first bytes; "-" and pipes hold JSON Lines."""
    path = Path(source)
    if path.suffix.lower() == TABLE_SUFFIX:
        return True
    if source == STDIN or not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(PARQUET_MAGIC)) == PARQUET_MAGIC


def score_lines(
    *, model: Path, source: str, listings: Path | None, images: Path | None = None, explain: bool = False
) -> Iterator[dict[str, Any]]:
    """`score_rows` of the JSON Lines in a file, or of stdin where `source` is "-"."""
    with open_lines(source) as rows:
        yield from score_rows(model=model, rows=rows, listings=listings, images=images, explain=explain)


def write_scored_lines(
    *,
    model: Path,
    source: str,
    listings: Path | None,
    images: Path | None = None,
    out: Path,
    force: bool = False,
    explain: bool = False,
) -> Summary:
    """Write what `score_lines` gives, as JSON Lines. Raises UsageError for another extension than .jsonl."""
    _expect_suffix(out, LINES_SUFFIX, "scored JSON Lines")
    if source != STDIN:
        _expect_another_file(out, Path(source))
    count = 0
    with whole_file(out, force=force) as partial, partial.open("wb") as file:
        for scored in score_lines(model=model, source=source, listings=listings, images=images, explain=explain):
            file.write(msgspec.json.encode(scored) + b"\n")
            count += 1
    return Summary(kind=KIND, path=str(out), rows={"out": count})


def score_table(
    *,
    model: Path,
    impressions: Path,
    listings: Path | None,
    images: Path | None = None,
    out: Path,
    force: bool = False,
) -> Summary:
    """Write the click probability of every row of an impressions or searches table, in its order, as Parquet.

    Raises UsageError for another extension of `out` than .parquet.
    """
    _expect_suffix(out, TABLE_SUFFIX, "scores of a table")
    _expect_another_file(out, impressions)
    file = open_table(impressions, *LOGS)
    inputs = {
        "model": model,
        "impressions": impressions,
        **({"listings": listings} if listings else {}),
        **({"images": images} if images else {}),
    }
    plan = Plan(kind=KIND, inputs={name: [source_of(path)] for name, path in inputs.items()})
    done = Manifest(plan=plan, rows={"out": file.metadata.num_rows})
    if not force and _is_up_to_date(out, plan):
        return up_to_date(out, done)
    with whole_file(out, force=force) as partial:
        _write_scores(partial, file, load_model(model, _side_inputs(model, listings, images)), done)
    return Summary(kind=KIND, path=str(out), rows=done.rows)


def _expect_suffix(out: Path, suffix: str, what: str) -> None:
    if out.suffix.lower() != suffix:
        raise UsageError(f"--out {out}: {what} would be written as {suffix}", hint=f"Name a {suffix} file.")


def _expect_another_file(out: Path, source: Path) -> None:
    if out.exists() and source.exists() and out.samefile(source):
        raise UsageError(f"--out {out}: that is what is scored", hint="Name another file.")


def _write_scores(path: Path, table: pq.ParquetFile, scorer: CtrModel, done: Manifest) -> None:
    present = table.schema_arrow.names
    kept = [name for name in NAMED_BY if name in present]
    wanted = [name for name in present if name in {*kept, *scorer.config.columns()}]
    schema = pa.schema([*(table.schema_arrow.field(name) for name in kept), pa.field("score", pa.float64())])
    with parquet_writer(path, schema, unlike=["impression_id", "score"]) as writer:
        with progress("score", table.metadata.num_rows) as advance:
            for rows in table.iter_batches(BATCH_ROWS, columns=wanted):
                columns = [*(rows.column(name) for name in kept), pa.array(scorer.predict(rows))]
                writer.write_batch(pa.record_batch(columns, schema=schema))
                advance(rows.num_rows)
        writer.add_key_value_metadata({MANIFEST_KEY: msgspec.json.encode(done)})


def _is_up_to_date(out: Path, plan: Plan) -> bool:
    try:
        return is_as_written(out) and was_made_by(table_manifest(out), plan)
    except InputError:
        return False


def _side_inputs(model: Path, listings: Path | None, images: Path | None) -> SideInputs:
    manifest = manifest_of(model)
    if listings is None and "listings" in manifest.plan.inputs:
        logger.warning("%s was trained with a listings table: without it, rows have only their own columns", model)
    return side_inputs_of(model, listings, images)

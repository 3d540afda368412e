"""The listings that lists may contain: those of a file, not those of another, and those that meet a condition."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from etsyml_cli.core.errors import DataError, InputError
from etsyml_cli.core.log import logger
from etsyml_cli.core.types import I32, Bools
from etsyml_cli.io.condition import parse_condition, rows_that_meet
from etsyml_cli.io.joins import Ids, check_join
from etsyml_cli.io.schema import table_schema
from etsyml_cli.io.tables import read_table
from etsyml_cli.io.text import read_text
from etsyml_cli.personalization.store import LdaModel

ID = "listing_id"


@dataclass(frozen=True)
class Selection:
    """The listings that lists may contain; None does not restrict them.

    candidates: a file with the only ones. exclude: a file with others that are left out. where: a condition on columns
    of the listings table.
    """

    candidates: Path | None = None
    exclude: Path | None = None
    where: str | None = None


def left_out(selection: Selection, directory: Path, model: LdaModel, listings: Path | None) -> I32:
    """The listings of the model in `directory` that lists must not contain.

    Raises DataError if the model knows no id of a file or no listing is left, InputError for a file that cannot be read
    and a missing listings table, UsageError for an invalid condition.
    """
    ids = pa.array(model.listing_ids, pa.large_string())
    allowed = np.ones(len(ids), np.bool_)
    if selection.candidates is not None:
        allowed &= _are_in(ids, _known_ids(selection.candidates, "candidates", directory, model))
    if selection.exclude is not None:
        allowed &= ~_are_in(ids, _known_ids(selection.exclude, "excluded listings", directory, model))
    if selection.where is not None:
        allowed &= _are_in(ids, _that_meet(selection.where, listings))
    if not allowed.any():
        raise DataError(
            f"no listing is left: none of the {len(ids):,} listings of the model is allowed",
            hint="Check --candidates, --exclude and --where: together they leave out every listing.",
        )
    return np.flatnonzero(~allowed).astype(np.int32)


def _are_in(ids: pa.Array, others: pa.Array) -> Bools:
    return np.asarray(pc.is_in(ids, others.cast(pa.large_string())))


def _known_ids(path: Path, what: str, directory: Path, model: LdaModel) -> pa.Array:
    """The ids in the file. Warns of those that the model does not contain; raises DataError if it contains none."""
    ids = read_ids(path)
    if not len(ids):
        logger.warning("%s: no listing ids", path)
    check_join(Ids(what, path, ids), Ids("the listings to recommend", directory, model.listing_ids), least=1)
    return ids


def read_ids(path: Path) -> pa.Array:
    """The listing ids in a text file, one per line, or in the column listing_id of a CSV or Parquet file.

    Raises InputError if the file cannot be read or has no such column.
    """
    try:
        if path.suffix == ".parquet":
            column = pq.read_table(path, columns=[ID])[ID]
        elif path.suffix == ".csv":
            as_text = pa_csv.ConvertOptions(column_types={ID: pa.string()}, include_columns=[ID])
            column = pa_csv.read_csv(path, convert_options=as_text)[ID]
        else:
            lines = (line.strip() for line in read_text(path).splitlines())
            return pa.array([line for line in lines if line], pa.large_string())
        return column.cast(pa.large_string()).drop_null().combine_chunks()
    except FileNotFoundError:
        raise InputError(f"{path}: not found") from None
    except (pa.ArrowInvalid, pa.ArrowKeyError, pa.ArrowNotImplementedError, KeyError) as error:
        hint = "Give a CSV or Parquet file with the column listing_id, or a .txt file with one id per line."
        raise InputError(f"{path}: {str(error).splitlines()[0]}", hint=hint) from None


def _that_meet(where: str, listings: Path | None) -> pa.Array:
    """The ids of the listings that meet the condition. Raises DataError if there are none."""
    condition = parse_condition("--where", where, table_schema("listings").names())
    if listings is None:
        hint = "Make it with: etsyml ingest listings FILE"
        raise InputError("no listings table found, which --where needs", hint=hint)
    table = read_table(listings, "listings", list(dict.fromkeys([ID, *condition.columns])))
    meeting = rows_that_meet(condition, table, ID)[ID].combine_chunks()
    if not len(meeting):
        empty = [name for name in condition.columns if table[name].null_count == len(table)]
        hint = f"The column {empty[0]} has no values." if empty else "Check its values: etsyml inspect listings"
        raise DataError(f"--where {where!r}: none of the {len(table):,} listings meets it", hint=hint)
    logger.info("%s of %s listings meet %r", f"{len(meeting):,}", f"{len(table):,}", where)
    return meeting

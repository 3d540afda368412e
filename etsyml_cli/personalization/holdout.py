"""The value of `--holdout`: none, a share, or a file of favorites."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from etsyml_cli.core.errors import DataError, InputError, UsageError
from etsyml_cli.core.types import Bools
from etsyml_cli.io.atomic import sha256_of
from etsyml_cli.io.joins import Ids, check_join
from etsyml_cli.personalization.log import PAIR, FavoritesTable
from etsyml_cli.splits.favorites import FavoriteSplit


def holdout_file(holdout: str | None) -> Path | None:
    """The file that `holdout` refers to, or None."""
    return None if holdout in (None, "none") or share_of(holdout) is not None else Path(holdout)


def share_of(holdout: str) -> float | None:
    """The share that `holdout` gives; None if it is a file. Raises UsageError if it is neither."""
    try:
        share = float(holdout)
    except ValueError:
        if Path(holdout).is_file():
            return None
        raise UsageError(f"--holdout {holdout}: expected none, a share such as 0.2, or an existing file") from None
    if not 0 < share < 1:
        raise UsageError(f"--holdout {holdout}: the share must be between 0 and 1")
    return share


def favorites_in_file(favorites: FavoritesTable, path: Path) -> tuple[Bools, FavoriteSplit]:
    """Which favorites the file contains, shape (P,). Raises DataError if none of its pairs is in the table."""
    named = _read_pairs(path)
    users = pc.fill_null(pc.index_in(named["user_id"], favorites.user_ids), -1).to_numpy().astype(np.int64)
    listings = pc.fill_null(pc.index_in(named["listing_id"], favorites.listing_ids), -1).to_numpy().astype(np.int64)
    known = (users >= 0) & (listings >= 0)
    n_listings = len(favorites.listing_ids)
    pairs = np.unique(users[known] * n_listings + listings[known])
    held = np.isin(favorites.user * n_listings + favorites.listing, pairs)
    if not held.any():
        for name, ids in (("user_id", favorites.user_ids), ("listing_id", favorites.listing_ids)):
            what = f"{name} values of {path.name}"
            check_join(Ids(what, path, named[name]), Ids("favorites", Path("favorites"), ids), least=0)
        raise DataError(f"{path}: none of its {named.num_rows:,} pairs is in the favorites table")
    missing = int((~known).sum()) + len(pairs) - int(held.sum())
    source = {"name": path.name, "sha256": sha256_of(path)}
    return held, FavoriteSplit(rule="file", file=source, not_in_favorites=missing)


def _read_pairs(path: Path) -> pa.Table:
    """Read user_id and listing_id of a CSV (optionally gzipped) or Parquet file, as text."""
    try:
        if path.suffix == ".parquet":
            table = pq.read_table(path, columns=PAIR)
        else:
            as_text = pa_csv.ConvertOptions(column_types=dict.fromkeys(PAIR, pa.string()), include_columns=PAIR)
            table = pa_csv.read_csv(path, convert_options=as_text)
        return pa.table({name: table[name].cast(pa.large_string()).combine_chunks() for name in PAIR})
    except (pa.ArrowInvalid, pa.ArrowKeyError, KeyError) as error:
        reason = str(error).splitlines()[0]
        hint = "Give a CSV or Parquet file with the columns user_id and listing_id."
        raise InputError(f"{path}: {reason}", hint=hint) from None

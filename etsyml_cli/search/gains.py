"""The gains of the rows of logged pages for ranking metrics: from events, planted grades or a qrels file."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from etsyml_cli.core.errors import DataError
from etsyml_cli.core.types import F64
from etsyml_cli.io.joins import Ids, check_join
from etsyml_cli.io.trec import query_key, read_qrels
from etsyml_cli.search.log import SearchLog


def gains_of(log: SearchLog, searches: Path, truth: Path | None, qrels: Path | None) -> F64:
    """The gain of each row of the log, shape (N,): from `qrels` if given, else the planted `truth`, else the events.

    `searches` is the table of the log. Raises DataError if the truth lacks a row, or if the qrels have no query or no
    listing of the log.
    """
    if qrels is not None:
        return _qrels_grades(log, searches, qrels)
    return log.level.astype(np.float64) if truth is None else _planted_grades(log, truth)


def _planted_grades(log: SearchLog, truth: Path) -> F64:
    """The planted grade of every row, shape (N,)."""
    from etsyml_cli.io.truth import read_page_grades

    table = read_page_grades(truth)
    pairs = zip(table["search_id"].to_pylist(), table["listing_id"].to_pylist(), strict=True)
    grade_of = dict(zip(pairs, table["grade"].to_pylist(), strict=True))
    rows = zip(log.page_of_row(), log.listing, strict=True)
    grades = [grade_of.get((log.search_ids[q], log.listing_ids[i])) for q, i in rows]
    if unknown := grades.count(None):
        raise DataError(f"{truth}: no grades for {unknown:,} of {len(grades):,} rows of the test pages")
    return np.array(grades, dtype=np.float64)


def _qrels_grades(log: SearchLog, searches: Path, qrels: Path) -> F64:
    """The grade of every row in a qrels file, shape (N,), 0 if it is missing or negative."""
    grades = read_qrels(qrels)
    keys = [query_key(query) for query in log.queries]
    hint = f"Query ids must be the words of the query joined by _, as in {keys[0]}."
    check_join(Ids("queries of test pages", searches, keys), Ids("qrels", qrels, list(grades)), hint=hint)
    of_page = [grades.get(key, {}) for key in keys]
    judged = [listing_id for of_query in of_page for listing_id in of_query]
    check_join(Ids("listings of qrels", qrels, judged), Ids("test pages", searches, log.listing_ids), least=0)
    rows = zip(log.page_of_row().tolist(), log.listing.tolist(), strict=True)
    return np.array([max(of_page[q].get(log.listing_ids[i], 0), 0) for q, i in rows], dtype=np.float64)

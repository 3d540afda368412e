"""Which search pages train, which choose and which judge: by day, or by a hash of the search, its query or a seller."""

from __future__ import annotations

from typing import Any

import mmh3
import msgspec
import numpy as np
from numpy.typing import NDArray

from etsyml_cli.core.errors import DataError, InputError
from etsyml_cli.core.log import logger
from etsyml_cli.splits.days import TEST, TRAIN, VALID, DaySplit, last_days, share_of_days

HASH_RULES = {
    "time": "hash of search_id",  # its last resort
    "query": "hash of query",
    "seller": "hash of shop_id",
}


class HashSplit(msgspec.Struct, frozen=True, kw_only=True):
    """Test where u < `test_below`, else validation where u < `valid_below`; u = MurmurHash3 x86-32 / 2^32."""

    rule: str = HASH_RULES["time"]
    seed: int
    test_below: float
    valid_below: float

    def part_of(self, keys: list[str]) -> NDArray[np.int8]:
        """TRAIN, VALID or TEST for each key, shape (Q,): what the rule names, of a page or a seller."""
        u = np.array([mmh3.hash(key, self.seed, signed=False) / 2**32 for key in keys])
        return np.where(u < self.test_below, TEST, np.where(u < self.valid_below, VALID, TRAIN)).astype(np.int8)


PageSplit = DaySplit | HashSplit


def split_pages(
    days: NDArray[np.int64] | None, *, test_share: float, valid_share: float, seed: int, by: str = "time"
) -> PageSplit:
    """Hold out the last days, and where the log has no times or too few days, pages by the hash of their ids.

    By "query" whole queries are held out, by their hash: the test then holds queries that training never saw. By
    "seller" it is sellers, and the rows of a page go where their sellers do.

    `days`, shape (Q,), is None where a page has no time. A `test_share` of 0 holds out no test part.
    """
    by_hash = HashSplit(rule=HASH_RULES[by], seed=seed, test_below=test_share, valid_below=test_share + valid_share)
    if by != "time":
        return by_hash
    if days is None:
        logger.info("searches without created_at: pages are held out by the hash of their search_id")
        return by_hash
    try:
        return last_days(
            days,
            test_days=share_of_days(days, test_share) if test_share else 0,
            valid_days=share_of_days(days, valid_share),
        )
    except DataError as too_few:
        logger.warning("%s: pages are held out by the hash of their search_id", too_few.message)
        return by_hash


def parts(split: PageSplit, keys: list[str], days: NDArray[np.int64] | None) -> NDArray[np.int8]:
    """TRAIN, VALID or TEST for each key, shape (Q,). Raises InputError where a split by days meets no times."""
    if isinstance(split, HashSplit):
        return split.part_of(keys)
    if days is None:
        raise InputError("the model's pages were split by day, these searches have no created_at")
    return split.part_of(days)


def holds_out_a_test(split: PageSplit) -> bool:
    """Whether a part was kept from training to judge the model."""
    return split.test_below > 0 if isinstance(split, HashSplit) else split.test_from is not None


def describe(split: PageSplit) -> str:
    """The split in words, for people."""
    if isinstance(split, HashSplit):
        valid = split.valid_below - split.test_below
        shares = f"{split.test_below:.0%} test, {valid:.0%} validation"
        divided = "; each row of a page goes with its shop" if split.rule == HASH_RULES["seller"] else ""
        return f"by the {split.rule} (seed {split.seed}): {shares}{divided}"
    first, valid_from, end = _date(split.first), _date(split.valid_from), _date(split.test_begins)
    test = f"test from {end} to {_date(split.last)}" if split.test_from is not None else "no test part"
    return f"by day: training from {first}, validation from {valid_from} until before {end}, {test}"


def split_from(stored: dict[str, Any]) -> PageSplit:
    """The split that `split.json` holds. Raises InputError where it holds none."""
    try:
        if stored["rule"] in HASH_RULES.values():
            return msgspec.convert(stored, HashSplit)
        return msgspec.convert(stored, DaySplit)
    except (KeyError, TypeError, msgspec.ValidationError) as error:
        raise InputError(
            f"the model's split.json is damaged: {error}", hint="Train the model again with --force."
        ) from None


def _date(day: int) -> str:
    return str(np.datetime64(day, "D"))

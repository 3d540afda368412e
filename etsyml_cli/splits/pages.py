"""Split search pages into training, validation and test sets, by day or by a hash of search, query or seller."""

from __future__ import annotations

from typing import Any

import mmh3
import msgspec
import numpy as np
from numpy.typing import NDArray

from etsyml_cli.core.days import iso_date
from etsyml_cli.core.errors import DataError, InputError
from etsyml_cli.core.log import logger
from etsyml_cli.splits.days import TEST, TRAIN, VALID, DaySplit, last_days, share_of_days

HASH_RULES = {
    "time": "hash of search_id",  # fallback if the log cannot be split by day
    "query": "hash of query",
    "seller": "hash of shop_id",
}


class HashSplit(msgspec.Struct, frozen=True, kw_only=True):
    """Test if u < `test_below`, else validation if u < `valid_below`, else training; u = MurmurHash3 x86-32 / 2^32."""

    rule: str = HASH_RULES["time"]
    seed: int
    test_below: float
    valid_below: float

    def part_of(self, keys: list[str]) -> NDArray[np.int8]:
        """TRAIN, VALID or TEST for each key (search id, query or shop id, depending on the rule), shape (Q,)."""
        u = np.array([mmh3.hash(key, self.seed, signed=False) / 2**32 for key in keys])
        return np.where(u < self.test_below, TEST, np.where(u < self.valid_below, VALID, TRAIN)).astype(np.int8)


PageSplit = DaySplit | HashSplit


def split_pages(
    days: NDArray[np.int64] | None, *, test_share: float, valid_share: float, seed: int, by: str = "time"
) -> PageSplit:
    """Hold out the last days, or pages by the hash of their ids if the log has no times or too few days.

    By "query", all pages of a query are in the same set, so that test queries are not in the training set.
    By "seller", all rows of a seller are in the same set.

    `days`, shape (Q,), is None if a page has no time. There is no test set if `test_share` is 0.
    """
    by_hash = HashSplit(rule=HASH_RULES[by], seed=seed, test_below=test_share, valid_below=test_share + valid_share)
    if by != "time":
        return by_hash
    if days is None:
        logger.info("searches have no created_at: pages are held out by the hash of search_id")
        return by_hash
    try:
        return last_days(
            days,
            test_days=share_of_days(days, test_share) if test_share else 0,
            valid_days=share_of_days(days, valid_share),
        )
    except DataError as error:
        logger.warning("%s: pages are held out by the hash of search_id", error.message)
        return by_hash


def assign_sets(split: PageSplit, keys: list[str], days: NDArray[np.int64] | None) -> NDArray[np.int8]:
    """TRAIN, VALID or TEST for each key, shape (Q,). Raises InputError if a split by day has no times."""
    if isinstance(split, HashSplit):
        return split.part_of(keys)
    if days is None:
        raise InputError("the model's pages were split by day, but these searches have no created_at")
    return split.part_of(days)


def has_test_set(split: PageSplit) -> bool:
    """Whether the split has a test set."""
    return split.test_below > 0 if isinstance(split, HashSplit) else split.test_from is not None


def describe(split: PageSplit) -> str:
    """A description of the split."""
    if isinstance(split, HashSplit):
        valid = split.valid_below - split.test_below
        shares = f"{split.test_below:.0%} test, {valid:.0%} validation"
        note = "; each row of a page is in the set of its shop" if split.rule == HASH_RULES["seller"] else ""
        return f"by the {split.rule} (seed {split.seed}): {shares}{note}"
    first, valid_from, valid_to, last = map(
        iso_date, (split.first, split.valid_from, split.test_begins - 1, split.last)
    )
    test = "no test set" if split.test_from is None else f"test from {iso_date(split.test_from)} to {last}"
    return f"by day: training from {first}, validation from {valid_from} to {valid_to}, {test}"


def decode_split(stored: dict[str, Any]) -> PageSplit:
    """Decode the content of `split.json`. Raises InputError if it is not a split."""
    try:
        if stored["rule"] in HASH_RULES.values():
            return msgspec.convert(stored, HashSplit)
        return msgspec.convert(stored, DaySplit)
    except (KeyError, TypeError, msgspec.ValidationError) as error:
        raise InputError(
            f"the model's split.json is damaged: {error}", hint="Train the model again with --force."
        ) from None

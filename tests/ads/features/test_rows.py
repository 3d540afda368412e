from __future__ import annotations

import mmh3
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etsyml_cli.ads.features.rows import Feature, RowHasher, hash_words
from etsyml_cli.core.errors import DataError
from etsyml_cli.text.tokenize import Tokenizer

tokenize = Tokenizer(english=True)
BITS = 20
BIAS = 1 << BITS
LISTINGS = pa.table(
    {
        "listing_id": ["L1", "L2"],
        "title": ["Red red scarf", None],
        "tags": pa.array([["warm wool", "scarf"], []], pa.list_(pa.string())),
        "shop_id": ["S1", "S2"],
        "price": [10.0, 20.0],
    }
)


def hasher(listings=LISTINGS, **features):
    roles = {"categorical": (), "text": (), "crosses": (), "numeric": (), **features}
    return RowHasher(**roles, bits=BITS, listings=listings, tokenize=tokenize)


def features_of(row_hasher, **columns):
    """{slot: value} of each row, without the bias, which each row must have."""
    rows = row_hasher(pa.record_batch(columns))
    found = []
    for start, stop in zip(rows.ptr[:-1], rows.ptr[1:], strict=True):
        row = dict(zip(rows.slots[start:stop].tolist(), rows.x[start:stop].tolist(), strict=True))
        assert row.pop(BIAS) == 1
        found.append(row)
    return found


def slot(value, name):
    return mmh3.hash(value, mmh3.hash(name, signed=False), signed=False) % BIAS


def test_a_category_is_one_slot_and_null_is_none():
    rows = features_of(hasher(categorical=("query",)), query=["red scarf", None, ""])
    assert rows == [{slot("red scarf", "query"): 1}, {}, {slot("", "query"): 1}]


def test_a_number_as_category_hashes_like_its_text():
    assert features_of(hasher(categorical=("position",)), position=pa.array([3], pa.int32())) == [
        {slot("3", "position"): 1}
    ]


def test_words_are_counted_and_lists_are_texts():
    rows = features_of(hasher(text=("title", "tags")), listing_id=["L1", "L2", "L9", None])
    words = {slot("red", "title.words"): 2, slot("scarf", "title.words"): 1}
    tags = {slot(word, "tags.words"): 1 for word in ("warm", "wool", "scarf")}
    assert rows == [words | tags, {}, {}, {}]


def test_the_row_comes_before_its_listing():
    rows = features_of(hasher(categorical=("shop_id",)), listing_id=["L1", "L1", "L9"], shop_id=["S7", None, None])
    assert rows == [{slot("S7", "shop_id"): 1}, {slot("S1", "shop_id"): 1}, {}]


def test_crosses_need_all_their_values_and_know_listings_too():
    crossed = hasher(crosses=(("query", "shop_id"),))
    rows = features_of(crossed, listing_id=["L1", "L1", "L9", "L2"], query=["a", None, "a", "a"])
    own = features_of(crossed, shop_id=["S1"], query=["a"])
    assert [len(row) for row in rows] == [1, 0, 0, 1]
    assert rows[0] == own[0] != rows[3]


def test_numbers_share_a_bucket_with_their_like():
    buckets = [next(iter(row)) for row in features_of(hasher(numeric=("price",)), price=[10.0, 10.4, 20.0, -10.0, 0.0])]
    assert buckets[0] == buckets[1]
    assert len(set(buckets)) == 4


def test_numbers_of_listings_and_rows_agree():
    by_listing = features_of(hasher(numeric=("price",)), listing_id=["L1", "L2"])
    by_row = features_of(hasher(None, numeric=("price",)), price=["10", "20"])  # further columns are text
    assert by_listing == by_row


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), "cheap"])
def test_what_is_no_number_is_refused(wrong):
    with pytest.raises(DataError, match=r"price.*number|price.*NaN or infinite"):
        features_of(hasher(numeric=("price",)), price=[wrong])


def test_columns_that_nothing_has_are_no_features():
    everything = hasher(None, categorical=("a",), text=("b",), crosses=(("a", "b"),), numeric=("c",))
    assert features_of(everything, listing_id=["L1"]) == [{}]


def test_the_batch_does_not_matter():
    def slots(**columns):
        return features_of(
            hasher(categorical=("shop_id", "query"), text=("title",), crosses=(("query", "shop_id"),)), **columns
        )

    ids, queries = ["L1", "L2", "L1"], ["x", "y", None]
    together = slots(listing_id=ids, query=pa.array(queries))
    apart = [slots(listing_id=[i], query=pa.array([q], pa.string()))[0] for i, q in zip(ids, queries, strict=True)]
    assert together == apart


@given(st.lists(st.none() | st.text("aB-s. é\u2003\n日本ΣİI\u0301\u0307ก\u0e31½™", max_size=9)))
def test_words_of_many_texts_are_those_of_each(texts):
    found = hash_words(pa.array(texts, pa.string()), Feature("query", hash_words, tokenize))
    seed = mmh3.hash("query.words", signed=False)
    for start, stop, text in zip(found.ptr[:-1], found.ptr[1:], texts, strict=True):
        expected = [mmh3.hash(word, seed, signed=False) for word in tokenize(text)]
        assert found.hashes[start:stop].tolist() == expected


def test_dictionaries_are_texts_and_the_last_ones_are_not_taken_for_these():
    features = {"categorical": ("query",), "text": ("query",), "crosses": (("query", "shop_id"),)}
    used = hasher(**features)
    for ids, queries in ((["L1", "L2"], ["red scarf", None]), (["L2", "L1"], ["wool", "red"])):
        expected = features_of(hasher(**features), listing_id=ids, query=queries)
        assert features_of(used, listing_id=ids, query=queries) == expected
        columns = {"listing_id": pa.array(ids), "query": pa.array(queries)}
        encoded = {name: column.dictionary_encode() for name, column in columns.items()}
        assert features_of(used, **encoded) == expected
        assert features_of(used, **{name: column[1:] for name, column in encoded.items()}) == expected[1:]


def test_word_pairs_are_every_word_with_every_word():
    crossed = hasher(word_crosses=(("query", "title"),))
    rows = features_of(crossed, listing_id=["L1", "L1", "L2", "L9"], query=["warm red", None, "warm", "warm"])
    seed = mmh3.hash("query*title.words", signed=False)

    def pair(first, second):
        halves = [
            mmh3.hash(word, mmh3.hash(name, signed=False), signed=False).to_bytes(4, "little")
            for word, name in ((first, "query.words"), (second, "title.words"))
        ]
        return mmh3.hash(b"".join(halves), seed, signed=False) % BIAS

    expected = {pair(first, second): times for first in ("warm", "red") for second, times in (("red", 2), ("scarf", 1))}
    assert rows == [expected, {}, {}, {}]


def test_word_pairs_are_the_same_if_the_row_has_its_own_words():
    crossed = hasher(word_crosses=(("query", "title"),))
    looked_up = features_of(crossed, listing_id=["L1"], query=["wool"])
    assert looked_up == features_of(crossed, query=["wool"], title=["Red red scarf"]) != [{}]


def test_keys_tell_values_apart_and_know_listings_too():
    counted = hasher(counts=(("shop_id",), ("query", "shop_id")))
    rows = pa.record_batch({"listing_id": ["L1", "L2", "L1", "L9"], "query": ["a", "a", None, "a"]})
    shops, pairs = counted.keys(rows)
    assert shops.present.tolist() == [True, True, True, False]
    assert pairs.present.tolist() == [True, True, False, False]
    assert shops.values[0] == shops.values[2] != shops.values[1]
    assert pairs.values[0] != pairs.values[1]
    own, _ = counted.keys(pa.record_batch({"shop_id": ["S1"], "query": ["a"]}))
    assert own.values[0] == shops.values[0]

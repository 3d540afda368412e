"""Named features are the hashed ones, with names that say what was hashed."""

from __future__ import annotations

from collections import defaultdict

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etsyml_cli.ads.features.names import named_features
from etsyml_cli.ads.features.rows import RowHasher
from etsyml_cli.text.tokenize import Tokenizer

LISTINGS = pa.table(
    {
        "listing_id": ["L1", "L2"],
        "title": ["Red red scarf", None],
        "tags": pa.array([["warm wool", "scarf"], []], pa.list_(pa.string())),
        "shop_id": ["S1", "S2"],
        "price": [10.0, None],
    }
)
ROLES = {
    "categorical": ("listing_id", "shop_id", "position"),
    "text": ("query", "title", "tags"),
    "crosses": (("query", "shop_id"), ("query", "listing_id", "position")),
    "numeric": ("price",),
}
SCHEMA = pa.schema(
    [
        ("listing_id", pa.string()),
        ("shop_id", pa.string()),
        ("query", pa.string()),
        ("title", pa.string()),
        ("position", pa.int32()),
        ("price", pa.float64()),
    ]
)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "listing_id": st.sampled_from(["L1", "L2", "L9", None]),
            "shop_id": st.sampled_from(["S7", None]),
            "query": st.sampled_from(["red scarf", "", None]),
            "title": st.sampled_from(["Wool wool", None]),
            "position": st.sampled_from([1, 2, None]),
            "price": st.sampled_from([-3.0, 0.0, 25.0, None]),
        }
    ),
    max_size=6,
)


def names_of(row, listings=LISTINGS, **roles):
    hasher = RowHasher(
        **(dict.fromkeys(ROLES, ()) | roles), bits=20, listings=listings, tokenize=Tokenizer(english=True)
    )
    (features,) = named_features(hasher, pa.RecordBatch.from_pylist([row]), listings)
    return [feature.name for feature in features]


@given(ROWS, st.booleans(), st.sampled_from([3, 20]))
def test_they_add_up_to_the_hashed_rows(rows, with_listings, bits):
    """With three bits nearly all share a slot."""
    listings = LISTINGS if with_listings else None
    hasher = RowHasher(**ROLES, bits=bits, listings=listings, tokenize=Tokenizer(english=True))
    batch = pa.RecordBatch.from_pylist(rows, schema=SCHEMA)
    hashed = hasher(batch)
    named = named_features(hasher, batch, listings)
    assert len(named) == len(rows)
    for features, start, stop in zip(named, hashed.ptr[:-1], hashed.ptr[1:], strict=True):
        added: dict[int, float] = defaultdict(float)
        for feature in features:
            added[feature.slot] += feature.x
        assert added == dict(zip(hashed.slots[start:stop].tolist(), hashed.x[start:stop].tolist(), strict=True))


def test_each_kind_has_its_name():
    row = {"listing_id": "L1", "query": "Wool scarves", "position": 3}
    assert names_of(row, **ROLES) == [
        *("bias", "listing_id=L1", "shop_id=S1", "position=3", "query:wool", "query:scarve"),
        *("title:red", "title:red", "title:scarf", "tags:warm", "tags:wool", "tags:scarf"),
        *("price~8.49…11.2", "query*shop_id=Wool scarves*S1", "query*listing_id*position=Wool scarves*L1*3"),
    ]


def test_the_rows_own_value_is_named_before_its_listings():
    assert names_of({"listing_id": "L1", "shop_id": "S7"}, categorical=("shop_id",)) == ["bias", "shop_id=S7"]


@pytest.mark.parametrize(
    ("price", "name"),
    [
        (0.0, "price~0…0.284"),
        (-0.1, "price~-0.284…0"),
        (10.0, "price~8.49…11.2"),
        (-10.0, "price~-11.2…-8.49"),
    ],
)
def test_a_bucket_is_named_by_its_bounds(price, name):
    assert names_of({"price": price}, numeric=("price",)) == ["bias", name]

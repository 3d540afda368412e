from __future__ import annotations

import math
import os
import struct
import subprocess
import sys

import mmh3
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etsyml_cli.core.errors import DataError
from etsyml_cli.text.hashing import (
    Field,
    Numbers,
    dense_field,
    feature_seed,
    hash_strings,
    hash_together,
    hashed_rows,
)

BITS = 8
SEEDS = st.integers(0, 2**32 - 1)


@pytest.mark.parametrize(
    ("text", "seed", "published"),  # the test vectors of en.wikipedia.org/wiki/MurmurHash
    [
        ("", 0, 0x00000000),
        ("", 1, 0x514E28B7),
        ("", 0xFFFFFFFF, 0x81F16F39),
        ("test", 0, 0xBA6BD213),
        ("test", 0x9747B28C, 0x704B81DC),
        ("Hello, world!", 0, 0xC0363E43),
        ("Hello, world!", 0x9747B28C, 0x24884CBA),
        ("The quick brown fox jumps over the lazy dog", 0, 0x2E4FF723),
        ("The quick brown fox jumps over the lazy dog", 0x9747B28C, 0x2FA826CD),
    ],
)
def test_published_vectors(text, seed, published):
    assert hash_strings(pa.array([text]), seed).tolist() == [published]


@settings(deadline=None)  # the first call compiles
@given(st.lists(st.text()), SEEDS, st.integers(0, 3))
def test_hashes_equal_mmh3(texts, seed, skipped):
    texts = ["", "a", "ab", "abc", "abcd", "žluťoučký", "日本語", *texts]
    hashes = hash_strings(pa.array(texts, pa.string())[skipped:], seed)
    assert hashes.tolist() == [mmh3.hash(text, seed, signed=False) for text in texts[skipped:]]


@settings(deadline=None)  # the first call compiles
@given(st.lists(st.tuples(SEEDS, SEEDS), min_size=1), SEEDS)
def test_a_cross_is_the_hash_of_the_bytes_of_its_parts(pairs, seed):
    left, right = np.array(pairs, np.uint32).T
    expected = [mmh3.hash(struct.pack("<II", *pair), seed, signed=False) for pair in pairs]
    assert hash_together([left, right], seed).tolist() == expected


def test_a_feature_is_seeded_by_its_name():
    assert feature_seed("query") == mmh3.hash("query", signed=False) != feature_seed("query.words")


def test_no_strings():
    assert hash_strings(pa.array([], pa.string()), 0).tolist() == []


def test_a_new_process_gives_the_same_hashes():
    code = "import pyarrow as pa; from etsyml_cli.text.hashing import *; print(*hash_strings(pa.array({}), {}))"
    texts, seed = ["wool", "scarf", "日本語"], feature_seed("query")
    outputs = [
        subprocess.run(
            [sys.executable, "-c", code.format(texts, seed)],
            env={**os.environ, "PYTHONHASHSEED": salt},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for salt in ("1", "2")
    ]
    assert outputs == [" ".join(map(str, hash_strings(pa.array(texts), seed))) + "\n"] * 2


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_non_finite_numbers_are_a_data_error(value):
    with pytest.raises(DataError, match="photo1 is NaN or infinite"):
        dense_field(Numbers(["photo0", "photo1"], np.array([[1.0, 2.0], [3.0, value]]), np.array([1])))


@st.composite
def fields_of_rows(draw):
    """Fields over the same rows with few distinct hashes (or last bits), so that many rows have equal slots."""
    step = draw(st.sampled_from([1_000_003, 1 << 13]))
    n_rows = draw(st.integers(0, 6))
    fields = []
    for _ in range(draw(st.integers(0, 3))):
        values = draw(st.lists(st.lists(st.integers(0, 9), max_size=5), min_size=1, max_size=4))
        hashes = np.array([h * step + 7 for value in values for h in value], np.uint32)
        codes = draw(st.lists(st.integers(-1, len(values) - 1), min_size=n_rows, max_size=n_rows))
        x = draw(st.sampled_from([None, np.arange(1.0, len(hashes) + 1)]))
        fields.append(Field(np.array(codes, np.int64), np.cumsum([0, *map(len, values)]), hashes, x))
    return n_rows, fields


@settings(deadline=None)  # the first call compiles
@given(fields_of_rows(), st.sampled_from([8, 14]))
def test_a_row_is_the_sum_of_its_features_in_distinct_slots(drawn, bits):
    n_rows, fields = drawn
    rows = hashed_rows(fields, n_rows, bits)
    assert len(rows.slots) == len(rows.x) == rows.ptr[-1]
    for t in range(n_rows):
        expected = np.zeros((1 << bits) + 1)
        expected[-1] = 1
        for field in fields:
            if field.codes[t] >= 0:
                own = slice(field.ptr[field.codes[t]], field.ptr[field.codes[t] + 1])
                np.add.at(expected, field.hashes[own] % (1 << bits), 1 if field.x is None else field.x[own])
        own = slice(rows.ptr[t], rows.ptr[t + 1])
        assert len(set(rows.slots[own])) == len(rows.slots[own])
        actual = np.zeros_like(expected)
        actual[rows.slots[own]] = rows.x[own]
        np.testing.assert_array_equal(actual, expected)


def test_no_hash_has_the_slot_of_the_bias():
    n = 5000
    field = Field(np.arange(n), np.arange(n + 1), hash_strings(pa.array(map(str, range(n))), 0), np.ones(n))
    rows = hashed_rows([field], n, BITS)
    assert (rows.slots == 1 << BITS).sum() == n  # once in each row
    assert set(rows.slots) == set(range((1 << BITS) + 1))

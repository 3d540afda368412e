"""Lists in text: what JSON, Python, NumPy and Postgres write comes back; other text is left alone."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from etsyml_cli.ingest.values.lists import list_in_text

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
ELEMENTS = TEXTS | st.sampled_from(["it's", 'a "b"', "a,b", "{x}", "[y]", "\\", "NULL", "red mug", ""])


def postgres(elements: list[str | None]) -> str:
    """A Postgres array as array_out writes it: elements are quoted if they have to be."""
    return "{" + ",".join(map(_postgres_element, elements)) + "}"


def _postgres_element(element: str | None) -> str:
    if element is None:
        return "NULL"
    if (
        element
        and element.upper() != "NULL"
        and not set(element) & set('{},"\\')
        and not any(map(str.isspace, element))
    ):
        return element
    return '"' + element.replace("\\", "\\\\").replace('"', '\\"') + '"'


@given(st.lists(ELEMENTS | st.integers() | st.none(), max_size=5), st.booleans())
def test_json_lists_come_back(elements, ascii_only):
    assert list_in_text(json.dumps(elements, ensure_ascii=ascii_only)) == elements


@given(st.lists(ELEMENTS | st.integers() | st.floats(0, 1) | st.none(), max_size=5))
def test_python_lists_and_tuples_come_back(elements):
    assert list_in_text(repr(elements)) == elements
    assert list_in_text(repr(tuple(elements))) == elements


@given(st.sets(ELEMENTS.filter(lambda text: repr(text)[0] == "'"), min_size=1, max_size=5))
def test_python_sets_come_back(elements):
    assert set(list_in_text(repr(elements))) == elements


@given(st.lists(st.text("abc '\"\\é,", min_size=1, max_size=8), min_size=1, max_size=30))
def test_numpy_arrays_come_back(elements):
    assert list_in_text(str(np.array(elements, dtype=object))) == elements


@given(st.lists(ELEMENTS | st.none(), max_size=5))
def test_postgres_arrays_come_back(elements):
    assume(not any(element and element.startswith("'") for element in elements))  # as in Python's sets
    assert list_in_text(postgres(elements)) == elements


@pytest.mark.parametrize(
    "text",
    [
        "red, mug",
        "[sale] mug",
        "(one)",
        "(1)",
        "[sale",
        "{",
        "[]x",
        '{"a": 1}',
        "[a, [b]]",
        "['a'",
        "[x for x in y]",
        "(a, b)",
    ],
)
def test_other_text_is_not_a_list(text):
    assert list_in_text(text) is None


@given(st.text("[](){}'\",\\ ab1", max_size=12))
def test_every_text_is_decided(text):
    elements = list_in_text(text)
    assert elements is None or isinstance(elements, list)


def test_an_unquoted_list_is_split_at_its_commas():
    assert list_in_text("[red mug, fern]") == ["red mug", " fern"]


def test_deep_nesting_is_not_read():
    assert list_in_text("[" * 100_000 + "]" * 100_000) is None
    assert list_in_text("(" * 50_000 + ")" * 50_000) is None

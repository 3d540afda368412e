"""Single values: accepted values of each kind of column, and the reasons for rejected ones."""

from __future__ import annotations

import posixpath
from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etsyml_cli.ingest.formats.cells import Cells, to_cells
from etsyml_cli.ingest.values.columns import convert
from etsyml_cli.ingest.values.rules import Rules
from etsyml_cli.ingest.values.values import parse
from etsyml_cli.io.rejects import BadValueError, Reason
from etsyml_cli.io.schema import ARROW_TYPES, Column

PLAIN = Rules()
UTC_RULES = Rules(tz=ZoneInfo("UTC"))
NEW_YORK = Rules(tz=ZoneInfo("America/New_York"))
ROOT = Rules(image_root="/shop/photos")


def micros(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1_000_000)


@pytest.mark.parametrize(
    ("kind", "value", "rules", "expected"),
    [
        ("id", " L1 ", PLAIN, "L1"),
        ("id", 17, PLAIN, "17"),
        ("id", 17.0, PLAIN, "17"),
        ("id", 2**70, PLAIN, str(2**70)),
        ("id", "", PLAIN, None),
        ("text", " as it is ", PLAIN, " as it is "),
        ("text", "  ", PLAIN, None),
        ("text", True, PLAIN, "true"),
        ("feature", {"a": [1]}, PLAIN, '{"a":[1]}'),
        ("tags", "red | silk|", PLAIN, ["red", "silk"]),
        ("tags", "red, silk;wool", PLAIN, ["red", "silk", "wool"]),
        ("tags", "a,b|c", PLAIN, ["a,b", "c"]),
        ("tags", "red silk", PLAIN.with_space_separated_tags(), ["red", "silk"]),
        ("tags", ["red", " silk "], PLAIN, ["red", "silk"]),
        ("price", "9.62", PLAIN, 9.62),
        ("price", Decimal("9.62"), PLAIN, 9.62),
        ("price", " 1e2 ", PLAIN, 100.0),
        ("number", "-.5", PLAIN, -0.5),
        ("count", "3.0", PLAIN, 3),
        ("position", 1, PLAIN, 1),
        ("flag", "Yes", PLAIN, 1),
        ("flag", False, PLAIN, 0),
        ("event", " Click ", PLAIN, "click"),
        ("id", "17.0", PLAIN, "17.0"),
        ("id", " 17.00", PLAIN.with_whole_ids(), "17"),
        ("id", "17.5", PLAIN.with_whole_ids(), "17.5"),
        ("tags", '["red, blue", null, 5]', PLAIN, ["red, blue", "5"]),
        ("tags", "[]", PLAIN, None),
        ("tags", [1.0, None, "a"], PLAIN, ["1", "a"]),
        ("price", "$1,234.50", PLAIN, 1234.5),
        ("price", "1.234,50 €", Rules(decimal=","), 1234.5),
        ("count", "1,234", PLAIN, 1234),
        ("event", "VIEW", Rules(events={"view": "impression"}), "impression"),
        ("time", "2014-05-01T00:00:03Z", PLAIN, micros("2014-05-01T00:00:03+00:00")),
        ("time", "2014-05-01 02:00:03.25+02:00", PLAIN, micros("2014-05-01T00:00:03.25+00:00")),
        ("time", "2014-05-01", UTC_RULES, micros("2014-05-01T00:00:00+00:00")),
        ("time", date(2014, 5, 1), UTC_RULES, micros("2014-05-01T00:00:00+00:00")),
        ("time", datetime(2014, 5, 1, tzinfo=UTC), PLAIN, micros("2014-05-01T00:00:00+00:00")),
        ("time", "2014-11-02T01:30:00", NEW_YORK, micros("2014-11-02T05:30:00+00:00")),  # ambiguous: the earlier
        ("time", "2014-03-09T02:30:00", NEW_YORK, micros("2014-03-09T07:30:00+00:00")),  # nonexistent: shifted to 3:30
        ("time", "881250949", Rules(time_unit="s"), 881_250_949_000_000),
        ("time", 881_250_949_123, Rules(time_unit="ms"), 881_250_949_123_000),
        ("time", 881_250_949_123_456, Rules(time_unit="us"), 881_250_949_123_456),
        ("time", 881_250_949_123_456_789, Rules(time_unit="ns"), 881_250_949_123_456),
        ("time", 881_250_949.5, Rules(time_unit="s"), 881_250_949_500_000),
        ("path", "a/./b/../c.jpg", ROOT, "a/c.jpg"),
        ("path", "/shop/photos/c.jpg", ROOT, "c.jpg"),
        ("paths", "a.jpg| b/c, d; e.jpg ||./a.jpg", ROOT, ["a.jpg", "b/c, d; e.jpg"]),
        ("paths", "red mug.jpg", ROOT.with_space_separated_tags(), ["red mug.jpg"]),
        ("paths", ["b|c.jpg", None, "", "/shop/photos/a.jpg", "x/../b|c.jpg"], ROOT, ["b|c.jpg", "a.jpg"]),
        ("paths", [b"a.jpg"], ROOT, ["a.jpg"]),
        ("paths", [], ROOT, None),
        ("paths", " | ", ROOT, None),
    ],
)
def test_good_values(kind, value, rules, expected):
    assert parse(value, kind, rules) == expected


@pytest.mark.parametrize(
    ("kind", "value", "rules", "reason"),
    [
        ("id", ["L1"], PLAIN, Reason.NOT_AN_ID),
        ("id", 1.5, PLAIN, Reason.NOT_AN_ID),
        ("id", True, PLAIN, Reason.NOT_AN_ID),
        ("id", "a\tb", PLAIN, Reason.CONTROL_CHARACTER),
        ("id", "a\x00", PLAIN, Reason.CONTROL_CHARACTER),
        ("id", "x" * 513, PLAIN, Reason.ID_TOO_LONG),
        ("id", b"\xff", PLAIN, Reason.NOT_UTF8),
        ("text", {"a": 1}, PLAIN, Reason.NOT_TEXT),
        ("tags", 5, PLAIN, Reason.NOT_TAGS),
        ("price", "-1", PLAIN, Reason.NEGATIVE),
        ("price", "nan", PLAIN, Reason.NOT_FINITE),
        ("price", float("inf"), PLAIN, Reason.NOT_FINITE),
        ("price", "1e400", PLAIN, Reason.NOT_FINITE),
        ("price", "POA", PLAIN, Reason.NOT_A_NUMBER),
        ("price", "-$5", PLAIN, Reason.NEGATIVE),
        ("price", "12,5", PLAIN, Reason.OTHER_DECIMAL_MARK),
        ("count", "$5", PLAIN, Reason.NOT_A_NUMBER),
        ("tags", '["a", ["b"]]', PLAIN, Reason.NOT_TAGS),
        ("tags", [True], PLAIN, Reason.NOT_TAGS),
        ("price", "1_000", PLAIN, Reason.NOT_A_NUMBER),
        ("price", "0x10", PLAIN, Reason.NOT_A_NUMBER),
        ("price", True, PLAIN, Reason.NOT_A_NUMBER),
        ("count", "1.5", PLAIN, Reason.NOT_WHOLE),
        ("count", -1, PLAIN, Reason.NEGATIVE),
        ("count", 2**80, PLAIN, Reason.TOO_LARGE),
        ("position", "0", PLAIN, Reason.POSITION_BELOW_1),
        ("position", 2**31, PLAIN, Reason.TOO_LARGE),
        ("flag", 2, PLAIN, Reason.NOT_A_FLAG),
        ("flag", "maybe", PLAIN, Reason.NOT_A_FLAG),
        ("event", "hover", PLAIN, Reason.UNKNOWN_EVENT),
        ("event", 1, PLAIN, Reason.UNKNOWN_EVENT),
        ("time", "yesterday", UTC_RULES, Reason.NOT_A_TIME),
        ("time", True, Rules(time_unit="s"), Reason.NOT_A_TIME),
        ("time", "2014-05-01T00:00:03", PLAIN, Reason.NAIVE_TIME),
        ("time", "2014-05-01", PLAIN, Reason.NAIVE_TIME),
        ("time", 881_250_949, UTC_RULES, Reason.BARE_NUMBER_TIME),
        ("time", "18991231", UTC_RULES, Reason.BARE_NUMBER_TIME),
        ("time", "1969-12-31T23:59:59Z", PLAIN, Reason.TIME_OUT_OF_RANGE),
        ("time", "2100-01-01T00:00:00Z", PLAIN, Reason.TIME_OUT_OF_RANGE),
        ("time", 1_398_902_403_000, Rules(time_unit="s"), Reason.TIME_OUT_OF_RANGE),
        ("path", "../secret.jpg", ROOT, Reason.PATH_OUTSIDE_ROOT),
        ("path", "a/../../photos2/x.jpg", ROOT, Reason.PATH_OUTSIDE_ROOT),
        ("path", "/etc/passwd", ROOT, Reason.PATH_OUTSIDE_ROOT),
        ("path", ".", ROOT, Reason.PATH_OUTSIDE_ROOT),
        ("path", "http://shop/x.jpg", ROOT, Reason.URL),
        ("path", ["a.jpg"], ROOT, Reason.LIST_OF_PATHS),
        ("path", [], ROOT, Reason.LIST_OF_PATHS),
        ("paths", "a.jpg|../secret.jpg", ROOT, Reason.PATH_OUTSIDE_ROOT),
        ("paths", ["a.jpg", "/etc/passwd"], ROOT, Reason.PATH_OUTSIDE_ROOT),
        ("paths", "a.jpg|http://shop/x.jpg", ROOT, Reason.URL),
        ("paths", ["a.jpg", 5], ROOT, Reason.NOT_A_PATH),
        ("paths", ["a.jpg", ["b.jpg"]], ROOT, Reason.NOT_A_PATH),
        ("paths", {"a": "a.jpg"}, ROOT, Reason.NOT_A_PATH),
        ("paths", [b"\xff.jpg"], ROOT, Reason.NOT_UTF8),
    ],
)
def test_bad_values_are_rejected_with_their_reason(kind, value, rules, reason):
    with pytest.raises(BadValueError) as error:
        parse(value, kind, rules)
    assert error.value.reason is reason


NUMBERS_AS_TEXT = [
    "1", "0", "007", "+1", "-0", "1.", ".5", "1e5", "1e-400", "nan", "-inf", "0x10", " 7 ", "1_0", "9e18", "0\x1f",
]  # fmt: skip
TIMES_AS_TEXT = [
    "2014-05-01T00:00:03Z", "2014-05-01t00:00:03z", "2014-05-01 00:00:03", "2014-05-01", "2014-05-01T00:00+02",
    "2014-05-01T00:00:03.123456789Z", "2014-11-02T01:30:00", "2014-03-09T02:30:00", "881250949", "881250949.25",
    "0x34", "1969-01-01T00:00:00Z", "2014-02-30T00:00:00Z", "-5", "999999999999999999999",
]  # fmt: skip
ODD_TEXTS = ["\u00a0L1\u3000", "\x1fL1", "\x85L1", "a\u0085b", "a\x7fb", "é", "x" * 512, "é" * 256, "é" * 257]
AMOUNTS_AS_TEXT = [
    "1,234", "1.234", "12,5", "12.5", "1.234,56", "1,234.56", "1.234.567", "$5", "5 €", "-5 kr", "1 000", "1,", ",5",
    "196.0", "7.00", "-3.0", "1.0.0",
]  # fmt: skip
LISTS_AS_TEXT = ['["a.jpg", "b"]', "['a' 'b']", "{a,b c}", "(1, 2)", "[]", "a.jpg, b.png", "a.jpg; b", "[a, b]", "(a)"]
PATHS = [
    "a.jpg",
    "./a.jpg",
    "b/a.jpg",
    "b//a.jpg",
    " é, x;y.jpg ",
    "../a.jpg",
    "/shop/photos/a.jpg",
    "/a",
    "s3://a",
    "",
]
PHOTOS = st.one_of(
    st.lists(st.none() | st.sampled_from(PATHS), max_size=5),
    st.lists(st.sampled_from(PATHS), max_size=5).map("|".join),
)
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.integers(-3, 3),
    st.floats(),
    st.floats(0, 5),
    st.sampled_from([0.0, -0.0, 1.0, 2.0, 881250949.5, 1398902403.123456]),
    st.text(max_size=5),
    st.lists(st.text(max_size=3), max_size=2),
    st.sampled_from(["", " ", "true", "No", "click", "view", "a|b", "x/y.jpg", "../x"]),
    st.sampled_from(NUMBERS_AS_TEXT + TIMES_AS_TEXT + ODD_TEXTS + AMOUNTS_AS_TEXT + LISTS_AS_TEXT),
    PHOTOS,
)
RULES = st.builds(
    Rules,
    tz=st.sampled_from([None, ZoneInfo("UTC"), ZoneInfo("America/New_York")]),
    time_unit=st.sampled_from([None, "s", "ms", "us", "ns"]),
    image_root=st.just("/shop/photos"),
    decimal=st.sampled_from([".", ","]),
    whole_ids=st.booleans(),
)


def one_by_one(values, kind, rules):
    parsed, reasons = [], {}
    for row, value in enumerate(values):
        try:
            parsed.append(parse(value, kind, rules))
        except BadValueError as error:
            parsed.append(None)
            reasons[row] = error.reason
    return pa.array(parsed, ARROW_TYPES[kind]), reasons


@pytest.mark.parametrize("kind", list(ARROW_TYPES))
@settings(deadline=None)
@given(values=st.lists(VALUES, max_size=12), rules=RULES)
def test_a_converted_column_equals_its_parsed_values(kind, values, rules):
    got, reasons = convert(to_cells(values), Column("column", kind), rules)
    expected, expected_reasons = one_by_one(values, kind, rules)
    assert reasons == expected_reasons
    assert got.equals(expected)


@pytest.mark.parametrize("kind", list(ARROW_TYPES))
@settings(deadline=None)
@given(
    values=st.lists(
        st.sampled_from(NUMBERS_AS_TEXT + TIMES_AS_TEXT + ODD_TEXTS + AMOUNTS_AS_TEXT + LISTS_AS_TEXT + [None]),
        max_size=12,
    ),
    rules=RULES,
)
def test_a_converted_text_column_equals_its_parsed_values(kind, values, rules):
    got, reasons = convert(Cells(pa.array(values, pa.string())), Column("column", kind), rules)
    expected, expected_reasons = one_by_one(values, kind, rules)
    assert reasons == expected_reasons
    assert got.equals(expected)


@settings(deadline=None)
@given(lists=st.lists(st.none() | st.lists(st.none() | st.sampled_from(PATHS), max_size=5), max_size=8))
def test_converted_photo_lists_equal_parsed_ones(lists):
    got, reasons = convert(Cells(pa.array(lists, pa.list_(pa.string()))), Column("images", "paths"), ROOT)
    expected, expected_reasons = one_by_one(lists, "paths", ROOT)
    assert reasons == expected_reasons
    assert got.equals(expected)


@given(names=st.lists(st.sampled_from(PATHS) | st.text(max_size=6), max_size=6))
def test_photo_paths_keep_their_order_without_duplicates_inside_the_root(names):
    try:
        got = parse(names, "paths", ROOT) or []
    except BadValueError:
        return
    under_root = [posixpath.normpath(posixpath.join("/shop/photos", name.strip())) for name in names if name.strip()]
    assert all(place.startswith("/shop/photos/") for place in under_root)
    assert [posixpath.join("/shop/photos", path) for path in got] == list(dict.fromkeys(under_root))


@pytest.mark.parametrize("kind", ["float16", "float32", "float64"])
def test_floats_of_any_width_become_their_shortest_text(kind):
    floats = pa.array([0.5, 3.0, None, -2.25, 0.1], pa.float64()).cast(kind)
    got, _ = convert(Cells(floats), Column("column", "feature"), PLAIN)
    assert got.to_pylist()[:4] == ["0.5", "3", None, "-2.25"]
    if kind != "float16":  # Arrow prints these as float64
        assert got.to_pylist()[4] == "0.1"


@pytest.mark.parametrize("kind", ["float16", "float32"])
@pytest.mark.parametrize("column", list(ARROW_TYPES))
def test_narrow_floats_are_read_like_float64(kind, column):
    floats = pa.array([0.5, 3.0, None, 1.0, -2.25], pa.float64())
    narrow, wide = (
        convert(Cells(cells), Column("column", column), Rules(time_unit="s")) for cells in (floats.cast(kind), floats)
    )
    assert narrow[0].equals(wide[0])
    assert narrow[1] == wide[1]


def test_trimming_agrees_with_python_on_every_character():
    characters = [chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000]
    values = [f"{character}x{character}" for character in characters]
    got, reasons = convert(Cells(pa.array(values)), Column("column", "id"), PLAIN)
    rejected = {values[row][0] for row in reasons}
    assert rejected <= {chr(code) for code in [*range(0x20), 0x7F]}
    kept = got.to_pylist()
    assert [v for v, text in zip(kept, values, strict=True) if v is not None and v != text.strip()] == []


def test_only_bad_rows_of_a_large_column_are_rejected():
    values = ["2014-05-01T00:00:03Z"] * 5_000
    values[1234] = "soon"
    values[4321] = "1.5"
    got, reasons = convert(Cells(pa.array(values)), Column("created_at", "time"), PLAIN)
    assert reasons == {1234: Reason.NOT_A_TIME, 4321: Reason.BARE_NUMBER_TIME}
    assert got.null_count == 2


def test_a_required_empty_value_is_missing():
    _, reasons = convert(Cells(pa.array(["x", "", " ", None])), Column("listing_id", "id", required=True), PLAIN)
    assert reasons == dict.fromkeys([1, 2, 3], Reason.MISSING)

"""Times in the forms that other programs write."""

from __future__ import annotations

import email.utils
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from etsyml_cli.core.errors import UsageError
from etsyml_cli.ingest.config import IngestConfig
from etsyml_cli.ingest.formats.cells import Cells
from etsyml_cli.ingest.values.columns import convert
from etsyml_cli.ingest.values.rules import Rules, build_rules
from etsyml_cli.ingest.values.times import parse_time
from etsyml_cli.io.rejects import BadValueError, Reason
from etsyml_cli.io.schema import ARROW_TYPES, Column

PLAIN = Rules()
IN_UTC = Rules(tz=ZoneInfo("UTC"))
BERLIN = Rules(tz=ZoneInfo("Europe/Berlin"))

# name -> how a program writes a time of a whole second in UTC
WITH_ZONE = {
    "ISO 8601": "%Y-%m-%dT%H:%M:%SZ",
    "BigQuery": "%Y-%m-%d %H:%M:%S UTC",
    "BigQuery with a fraction": "%Y-%m-%d %H:%M:%S.000000 UTC",
    "GMT": "%Y-%m-%d %H:%M:%S GMT",
    "Z after a blank": "%Y-%m-%d %H:%M:%S Z",
    "Java": "%Y-%m-%dT%H:%M:%SZ[UTC]",
    "Java with an offset": "%Y-%m-%dT%H:%M:%S+00:00[Europe/London]",
    "Ruby": "%Y-%m-%d %H:%M:%S +0000",
    "Go": "%Y-%m-%d %H:%M:%S +0000 UTC",
    "compact ISO 8601": "%Y%m%dT%H%M%SZ",
    "compact with a blank": "%Y%m%dT%H%M%S UTC",
    "slashes and a zone": "%Y/%m/%d %H:%M:%S UTC",
    "Apache": "%d/%b/%Y:%H:%M:%S +0000",
    "Apache in brackets": "[%d/%b/%Y:%H:%M:%S +0000]",
    "RFC 2822": "%a, %d %b %Y %H:%M:%S +0000",
    "RFC 2822 without a weekday": "%d %b %Y %H:%M:%S GMT",
    "HTTP": "%a, %d %b %Y %H:%M:%S GMT",
}
LOCAL = {
    "ISO 8601": "%Y-%m-%dT%H:%M:%S",
    "slashes": "%Y/%m/%d %H:%M:%S",
    "slashes with a fraction": "%Y/%m/%d %H:%M:%S.000",
    "compact with T": "%Y%m%dT%H%M%S",
    "compact with a blank": "%Y%m%d %H%M%S",
    "digits": "%Y%m%d%H%M%S",
    "capitals": "%d-%b-%Y %H:%M:%S",
}
COARSE = {"%Y%m%d": "day", "%Y/%m/%d": "day", "%Y%m%d%H": "hour", "%y%m%d%H": "hour", "%Y%m%d%H%M": "minute"}
TRUNCATED = {
    "day": {"hour": 0, "minute": 0, "second": 0},
    "hour": {"minute": 0, "second": 0},
    "minute": {"second": 0},
}

# A written local time cannot say which side of a clock change it is on: the first (PEP 495, fold=0).
seconds = st.datetimes(datetime(1990, 1, 1), datetime(2099, 12, 31, 23, 59, 59)).map(
    lambda time: time.replace(microsecond=0, fold=0)
)


def micros(when: datetime) -> int:
    return (when.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def both(texts: list[object], rules: Rules) -> list[int | Reason]:
    """The result for each value, checked to be the same one by one and as a column."""
    results: list[int | Reason] = []
    for text in texts:
        try:
            results.append(parse_time(text, rules))
        except BadValueError as error:
            results.append(error.reason)
    array, reasons = convert(Cells(pa.array(texts)), Column("created_at", "time"), rules)
    assert reasons == {row: result for row, result in enumerate(results) if isinstance(result, Reason)}
    expected = [None if isinstance(result, Reason) else result for result in results]
    assert array.equals(pa.array(expected, ARROW_TYPES["time"]))
    return results


@pytest.mark.parametrize("form", WITH_ZONE)
@given(times=st.lists(seconds, min_size=1, max_size=5))
def test_a_time_with_a_zone_is_read_back_in_every_form(form, times):
    written = [time.strftime(WITH_ZONE[form]) for time in times]
    assert both(written, PLAIN) == [micros(time.replace(tzinfo=UTC)) for time in times]
    assert both(written, BERLIN) == both(written, PLAIN)


@pytest.mark.parametrize("form", LOCAL)
@given(times=st.lists(seconds, min_size=1, max_size=5))
@example(times=[datetime(1999, 3, 28, 2), datetime(1999, 10, 31, 2, 30)])
def test_a_local_time_needs_a_zone_in_every_form(form, times):
    written = [time.strftime(LOCAL[form]) for time in times]
    for rules in (IN_UTC, BERLIN):
        assert both(written, rules) == [micros(time.replace(tzinfo=rules.tz)) for time in times]
    assert set(both(written, PLAIN)) == {Reason.NAIVE_TIME}


@pytest.mark.parametrize("form", COARSE)
@given(times=st.lists(seconds, min_size=1, max_size=5))
def test_dates_and_hours_in_digits_are_read_back(form, times):
    if form == "%y%m%d%H":
        times = [time.replace(year=2000 + time.year % 20) for time in times if (time.month, time.day) != (2, 29)]
    expected = [micros(time.replace(**TRUNCATED[COARSE[form]], tzinfo=UTC)) for time in times]
    written = [time.strftime(form) for time in times]
    if not written:
        return
    assert both(written, IN_UTC) == expected
    if written[0].isdigit() and not any(text.startswith("0") for text in written):
        assert both([int(text) for text in written], IN_UTC) == expected
        assert both([float(text) for text in written], IN_UTC) == expected
        assert both([f"{text}.0" for text in written], IN_UTC) == expected


@given(time=seconds, minutes=st.integers(-14 * 60, 14 * 60))
def test_mail_dates_are_read_back(time, minutes):
    local = time.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    if local.astimezone(UTC).year in range(1970, 2100):
        assert both([email.utils.format_datetime(local)], PLAIN) == [micros(local)]


EXAMPLES = [
    ("2014-10-21 10:30:00.123456 UTC", "2014-10-21T10:30:00.123456+00:00"),
    ("2014-10-21 UTC", "2014-10-21T00:00:00+00:00"),
    ("20141021 UTC", "2014-10-21T00:00:00+00:00"),
    ("2014-10-21 10:30 +0200", "2014-10-21T08:30:00+00:00"),
    ("20141021T103000 -0500", "2014-10-21T15:30:00+00:00"),
    ("2014-10-21T10:30:00+02:00[Europe/Berlin]", "2014-10-21T08:30:00+00:00"),
    ("1 Mar 2024 09:05:00 GMT", "2024-03-01T09:05:00+00:00"),
    ("01/MAR/2024:10:00:00 +0100", "2024-03-01T09:00:00+00:00"),
    ("2024-03-01 24:00:00 UTC", "2024-03-02T00:00:00+00:00"),
    ("2024-02-29T24:00Z", "2024-03-01T00:00:00+00:00"),
    ("2024/3/1 9:05", "2024-03-01T09:05:00+00:00"),
    ("2024/3/11 19:05:06.5", "2024-03-11T19:05:06.5+00:00"),
    ("14102100", "2014-10-21T00:00:00+00:00"),
    ("14102123", "2014-10-21T23:00:00+00:00"),
    ("20010115", "2001-01-15T00:00:00+00:00"),
]


@pytest.mark.parametrize(("text", "iso"), EXAMPLES)
def test_examples(text, iso):
    assert both([text], IN_UTC) == [micros(datetime.fromisoformat(iso))]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("20141321", Reason.BARE_NUMBER_TIME),
        ("20140230", Reason.BARE_NUMBER_TIME),
        ("19891231", Reason.BARE_NUMBER_TIME),
        ("18991231.0", Reason.BARE_NUMBER_TIME),
        ("20011323", Reason.BARE_NUMBER_TIME),  # an hour of 2020, or a date of 2001 gone wrong
        ("+20141021", Reason.BARE_NUMBER_TIME),
        ("20141021.5", Reason.BARE_NUMBER_TIME),
        ("1398902403", Reason.BARE_NUMBER_TIME),
        ("2024-02-30 10:00:00 UTC", Reason.NOT_A_TIME),
        ("2024-03-01 24:00:01 UTC", Reason.NOT_A_TIME),
        ("2024-03-01 25:00:00 UTC", Reason.NOT_A_TIME),
        ("2024-03-01 10:00:00 CET", Reason.NOT_A_TIME),
        ("01/03/2024", Reason.NOT_A_TIME),
        ("01 Mrz 2024 10:00:00 GMT", Reason.NOT_A_TIME),
        ("20240301 -0500", Reason.NOT_A_TIME),
        ("2024-03-01 10:00:00 UTC UTC", Reason.NOT_A_TIME),
        ("UTC", Reason.NOT_A_TIME),
    ],
)
def test_other_forms_are_rejected(text, reason):
    assert both([text], IN_UTC) == [reason]


texts = st.sampled_from(
    [datetime(2014, 10, 2, 10, 30, 5).strftime(form) for form in (*WITH_ZONE.values(), *LOCAL.values(), *COARSE)]
    + [text for text, _ in EXAMPLES]
)


@st.composite
def edited(draw: st.DrawFn) -> str:
    """A time with a few characters changed, added or removed."""
    text = draw(texts)
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.integers(0, len(text)))
        new = draw(st.sampled_from(["", *"0123456789 :/-+.,TZxUMar[]%\n"]))
        text = text[:place] + new + text[place + draw(st.integers(0, 2)) :]
    return text


@settings(max_examples=300, deadline=None)
@given(
    values=st.lists(edited(), max_size=8),
    rules=st.builds(
        Rules,
        tz=st.sampled_from([None, ZoneInfo("UTC"), ZoneInfo("Europe/Berlin")]),
        time_unit=st.sampled_from([None, "s", "excel"]),
    ),
)
@example(values=["20140230", "2014-10-21 10:00:00 UTC"], rules=IN_UTC)
def test_a_column_of_odd_texts_equals_its_parsed_values(values, rules):
    both([value for value in values if value.strip()], rules)


FORMATS = ["%d.%m.%Y %H:%M:%S", "%d/%m/%Y", "%Y%m%d%H", "%m-%d-%y %H:%M", "%b %d %Y %I:%M %p", "%Y年%m月%d日", "%Y-%j"]


@pytest.mark.parametrize("form", FORMATS)
@given(times=st.lists(seconds, min_size=1, max_size=5), edit=st.sampled_from(["", " ", "0", "x"]))
def test_a_time_format_reads_what_it_writes(form, times, edit):
    rules = build_rules(IngestConfig(time_format=form, tz="Europe/Berlin"), "/")
    times = [time.replace(year=2000 + time.year % 60, day=min(time.day, 28)) for time in times]
    written = [time.strftime(form) for time in times]
    expected = [micros(datetime.strptime(text, form).replace(tzinfo=rules.tz)) for text in written]
    assert both(written, rules) == expected
    both([edit + written[0], written[0] + edit, written[0].replace("0", "", 1)], rules)
    assert both(["2014-10-21T10:30:00Z", "soon"], rules) == [Reason.NOT_A_TIME] * 2


def test_numbers_are_read_by_the_time_format():
    rules = build_rules(IngestConfig(time_format="%y%m%d%H", tz="UTC"), "/")
    hour = micros(datetime(2020, 1, 15, 23, tzinfo=UTC))
    for number in (20011523, 20011523.0, "20011523"):
        assert both([number], rules) == [hour]


def test_a_time_format_with_an_offset_needs_no_zone():
    rules = build_rules(IngestConfig(time_format="%a %b %d %H:%M:%S %z %Y"), "/")
    assert both(["Wed Oct 21 10:30:00 +0200 2015"], rules) == [micros(datetime(2015, 10, 21, 8, 30, tzinfo=UTC))]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"time_format": "%Q"}, "invalid format"),
        ({"time_format": "%d.%m.%Y %"}, "invalid format"),
        ({"time_format": "%Y %Y-%m-%d"}, "invalid format"),
        ({"time_format": "%H:%M"}, "no year, month or day"),
        ({"time_format": "%Y-%m"}, "no year, month or day"),
        ({"time_format": "%Y-%m-%d %Z"}, "names of time zones"),
        ({"time_format": "%s"}, "invalid format"),
        ({"time_format": "%Y-%m-%d", "time_unit": "s"}, "exclude each other"),
    ],
)
def test_an_invalid_time_format_is_a_usage_error(settings, message):
    with pytest.raises(UsageError, match=message):
        build_rules(IngestConfig(**settings), "/")


@given(days=st.floats(25_569, 73_050) | st.integers(25_569, 73_050))
def test_days_of_excel_are_local_times_to_the_millisecond(days):
    rules = Rules(tz=ZoneInfo("UTC"), time_unit="excel")
    when = datetime(1899, 12, 30, tzinfo=UTC) + timedelta(days=days)
    [read] = both([days], rules)
    assert abs(read - micros(when)) <= 501
    assert read % 1000 == 0
    assert both([repr(days)], rules) == [read]
    assert both([days], Rules(time_unit="excel")) == [Reason.NAIVE_TIME]


def test_digits_without_end_are_rejected():
    assert both(["9" * 5_000], IN_UTC) == [Reason.BARE_NUMBER_TIME]
    for unit in ("s", "ns", "excel"):
        assert both(["9" * 5_000, "1" * 250], Rules(time_unit=unit))[0] is Reason.NOT_FINITE


def test_excel_days_in_a_zone():
    rules = Rules(tz=ZoneInfo("Europe/Berlin"), time_unit="excel")
    assert both(["45352.5", "45474.25"], rules) == [
        micros(datetime(2024, 3, 1, 11, tzinfo=UTC)),
        micros(datetime(2024, 7, 1, 4, tzinfo=UTC)),
    ]
    assert both([1e300, -5.0, float("nan")], rules)[:2] == [Reason.TIME_OUT_OF_RANGE] * 2


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("20240301123456Z", datetime(2024, 3, 1, 12, 34, 56, tzinfo=UTC)),
        ("20240301123456+0100", datetime(2024, 3, 1, 11, 34, 56, tzinfo=UTC)),
        ("20240301123456 UTC", datetime(2024, 3, 1, 12, 34, 56, tzinfo=UTC)),
        ("202403011030Z", datetime(2024, 3, 1, 10, 30, tzinfo=UTC)),
    ],
)
def test_compact_times_with_a_zone(text, read):
    micros = int(read.timestamp()) * 1_000_000
    assert parse_time(text, PLAIN) == micros
    converted, _ = convert(Cells(pa.array([text])), Column("t", "time"), PLAIN)
    assert converted.cast(pa.int64()).to_pylist() == [micros]


@pytest.mark.parametrize("text", ["2024-03-01x10:00:00Z", "20240301_10:00Z"])
def test_another_separator_is_not_a_time(text):
    with pytest.raises(BadValueError):
        parse_time(text, PLAIN)

"""Units of numeric times through the command line: wrong ones are refused, and each hint works when it is followed."""

from __future__ import annotations

import json
import re
import shlex
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etsyml_cli.ingest.formats import files as input_files
from etsyml_cli.ingest.time_unit import unit_that_fits
from tests.conftest import Etsyml

EXCEL = [45352.41667, 45353.5, 45400]


def log(folder: Path, times: list[object], name: str = "log.csv") -> Path:
    path = folder / name
    rows = "".join(f'"{time}",L{number},0\n' for number, time in enumerate(times))
    path.write_text(f"at,listing_id,clicked\n{rows}")
    return path


def line(folder: Path, file: Path, *options: str) -> list[str | Path]:
    return ["-w", folder / "work", "ingest", "impressions", file, "--map", "created_at=at", *options]


def times_in(folder: Path) -> list[datetime]:
    table = pq.read_table(folder / "work/tables/impressions.parquet")
    return sorted(table["created_at"].to_pylist())


@pytest.mark.parametrize(
    ("times", "given_options", "hint", "first"),
    [
        (["20141021", "20141022"], ["--time-unit", "s"], "dates in digits", "2014-10-21"),
        (["14102100", "14102223"], ["--time-unit", "s"], "dates in digits", "2014-10-21"),
        (["2014102110", "2014102211"], ["--time-unit", "s"], "dates in digits", "2014-10-21"),
        (["20141021", "20141022"], [], "--tz UTC", "2014-10-21"),
        (EXCEL, ["--time-unit", "s"], "as Excel writes them", "2024-03-01"),
        (EXCEL, [], "as Excel writes them", "2024-03-01"),
        ([1398902403000], ["--time-unit", "us"], "--time-unit ms", "2014-05-01"),
        ([1398902403000], ["--time-unit", "s"], "--time-unit ms", "2014-05-01"),
        ([1398902403], ["--time-unit", "ms"], "--time-unit s:", "2014-05-01"),
        ([1398902403], ["--time-unit", "excel"], "--time-unit s:", "2014-05-01"),
        ([1398902403], [], "--time-unit s:", "2014-05-01"),
        ([1398902403000], [], "--time-unit ms", "2014-05-01"),
        ([1398902403123456789], [], "--time-unit ns", "2014-05-01"),
    ],
)
def test_the_hint_leads_to_the_right_day(tmp_path, etsyml: Etsyml, times, given_options, hint, first):
    file = log(tmp_path, times)
    refused = etsyml(*line(tmp_path, file, *given_options))
    assert refused.code == 4
    assert hint in refused.err
    assert not (tmp_path / "work/tables/impressions.parquet").exists()
    options = re.findall(r"--(?:time-unit (?:s|ms|us|ns|excel)|tz UTC)\b", refused.err.splitlines()[-1])
    followed = etsyml(*line(tmp_path, file, *shlex.split(" ".join(options))))
    assert followed.code == 0, followed.err
    assert f"{times_in(tmp_path)[0]:%Y-%m-%d}" == first


@pytest.mark.parametrize(
    "times", [["20141021"], EXCEL, [1398902403], ["2014/10/21 10:30"], ["2014-10-21 10:30:00 UTC"]]
)
def test_check_proposes_a_command_that_works(tmp_path, etsyml: Etsyml, times):
    file = log(tmp_path, times)
    report = json.loads(etsyml(*line(tmp_path, file, "--check", "--json")).out)
    assert report["rejected"] == {}
    done = etsyml(*shlex.split(report["command"])[1:])
    assert done.code == 0, done.err
    assert times_in(tmp_path)[0].year in (2014, 2024)


def test_numbers_without_a_unit_that_fits_are_named(tmp_path, etsyml: Etsyml):
    refused = etsyml(*line(tmp_path, log(tmp_path, [7, 8, 9])))
    assert refused.code == 4
    assert "No unit fits these numbers" in refused.err
    assert "--time-unit" not in refused.err


def test_check_refuses_a_unit_that_does_not_fit(tmp_path, etsyml: Etsyml):
    refused = etsyml(*line(tmp_path, log(tmp_path, [1398902403000]), "--time-unit", "s", "--check"))
    report = json.loads(refused.out)
    assert report["command"] is None
    assert "Use --time-unit ms" in report["hint"]


def test_the_median_of_the_first_rows_decides_whatever_the_blocks(tmp_path, etsyml: Etsyml, monkeypatch):
    times = [5] * 49 + [1398902403] * 51 + [5] * 100
    for chunk in (64, 1 << 20):
        monkeypatch.setattr(input_files, "CHUNK_BYTES", chunk)
        done = etsyml(*line(tmp_path, log(tmp_path, times[:100]), "--time-unit", "s", "--force"))
        assert done.code == 0, done.err
        assert etsyml(*line(tmp_path, log(tmp_path, times), "--time-unit", "s", "--force")).code == 4


def test_a_time_format_through_the_command_line(tmp_path, etsyml: Etsyml):
    file = log(tmp_path, ["03.04.2024 10:30", "04.04.2024 00:00"])
    refused = etsyml(*line(tmp_path, file, "--tz", "Europe/Berlin"))
    assert refused.code == 4
    assert "--time-format '%d.%m.%Y %H:%M'" in refused.err
    done = etsyml(*line(tmp_path, file, "--tz", "Europe/Berlin", "--time-format", "%d.%m.%Y %H:%M"))
    assert done.code == 0, done.err
    assert times_in(tmp_path)[0] == datetime(2024, 4, 3, 8, 30, tzinfo=UTC)
    wrong = etsyml(*line(tmp_path, file, "--tz", "UTC", "--time-format", "%d/%m/%Y"))
    assert wrong.code == 4
    assert "'%d/%m/%Y' does not fit" in wrong.err
    assert etsyml(*line(tmp_path, file, "--time-format", "%H:%M")).code == 2


@given(st.datetimes(datetime(1990, 1, 1), datetime(2032, 12, 31)).map(lambda when: when.replace(tzinfo=UTC)))
def test_the_unit_of_a_time_is_found(when):
    seconds = int(when.timestamp())
    for unit, scale in (("s", 1), ("ms", 10**3), ("us", 10**6), ("ns", 10**9)):
        assert unit_that_fits([seconds * scale]) == unit
    assert unit_that_fits([seconds / 86_400 + 25_569]) == "excel"
    for form in ("%Y%m%d", "%Y%m%d%H", "%Y%m%d%H%M%S"):
        assert unit_that_fits([when.strftime(form)]) is None
    assert unit_that_fits([]) is None
    assert unit_that_fits(["soon", seconds]) is None
    assert unit_that_fits([10**400]) is None

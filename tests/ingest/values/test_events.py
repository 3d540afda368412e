"""Events of every type are looked up by their text; an unknown one is named with options that map it."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from etsyml_cli.io.tables import read_table
from tests.conftest import Etsyml

EVENTS = {"1": "click", "0": "impression"}
FLAGS = {"true": "click", "false": "impression"}


def write(path: Path, values: list) -> Path:
    rows = [{"search_id": "s", "query": "mug", "listing_id": f"L{i}", "position": i + 1, "event": v}
            for i, v in enumerate(values)]  # fmt: skip
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif path.suffix == ".csv":
        path.write_text("\n".join([",".join(rows[0]), *(",".join(map(str, row.values())) for row in rows)]) + "\n")
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def options(events: dict[str, str]) -> list[str]:
    return [word for text, event in events.items() for word in ("--event-map", f"{text}={event}")]


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize(
    ("values", "events"),
    [
        ([1, 0], EVENTS),
        ([1.0, 0.0], EVENTS),
        ([1.0, 0.0], {"1.0": "click", "0.0": "impression"}),
        (["1", "0"], EVENTS),
        ([True, False], FLAGS),
        (["TRUE", " false"], FLAGS),
        ([2.5, -1], {"2.5": "click", "-1": "impression"}),
    ],
)
def test_events_are_looked_up_by_their_text(tmp_path, etsyml: Etsyml, suffix, values, events):
    file = write(tmp_path / f"log.{suffix}", values)
    assert etsyml("-w", tmp_path / "w", "ingest", "searches", file, *options(events)).code == 0
    table = read_table(tmp_path / "w/tables/searches.parquet", "searches").sort_by("position")
    assert table["event"].to_pylist() == ["click", "impression"]


@pytest.mark.parametrize("values", [[1, 0, 1], [True, False, True], ["hover", "add to cart", "x;y"], [1, "view", None]])
def test_the_hint_maps_the_events_that_occurred(tmp_path, etsyml: Etsyml, values):
    values = [value for value in values if value is not None]
    command = ["-w", tmp_path / "w", "ingest", "searches", write(tmp_path / "log.jsonl", values)]
    ended = etsyml(*command)
    assert ended.code == 4
    advice = shlex.split(ended.err.partition("for example: ")[2])
    assert len(advice) == 2 * len({json.dumps(value) for value in values})
    assert etsyml(*command, *advice).code == 0


def test_a_given_option_is_not_advised_again(tmp_path, etsyml: Etsyml):
    file = write(tmp_path / "log.jsonl", ["view", "hover"])
    ended = etsyml("-w", tmp_path / "w", "ingest", "searches", file, "--event-map", "view=impression")
    assert "view" not in ended.err
    assert "--event-map hover=impression" in ended.err

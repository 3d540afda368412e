"""Ingest small random files: each ends in rows read = written + merged + rejected, or in an error that a user can fix.

Files are CSV, TSV or JSON Lines with the quotes, escapes, delimiters, empty lines and odd bytes of damaged exports.
Number of files: `python -m benchmarks fuzz_ingest`, or `python -m benchmarks.fuzz_ingest 2000`.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from etsyml_cli.core.errors import EtsymlError
from etsyml_cli.ingest.config import IngestConfig
from etsyml_cli.ingest.ingest import ingest
from etsyml_cli.ingest.formats import files as input_files

FILES = 100_000
TABLES = {
    "listings": ("listing_id", "title", "tags", "price", "quantity", "created_at"),
    "favorites": ("user_id", "listing_id", "created_at", "weight"),
    "searches": ("search_id", "query", "listing_id", "position", "event"),
}
CELLS = (
    *("", "1", "2", "L3", "-1", "0", "5.0", "1e400", "NaN", "NULL", "\\N", "true", "click", "view", "1.0E+12", "[]"),
    *("mug", "Mug, red", '"mug"', '"Old mug', 'rod 36"', 'a ""b""', '"two\nlines"', " x ", "é", "\udcff", "\x00"),
    *("2014-05-01T00:00:00Z", "2014-05-01", "1398902403", '="007"', "#", "a|b", "{}", "\\", "'", "\r", "\u2028", "\ufeff"),
)
LINES = ("", "sep=;", "# exported", "My shop", '"', ",,,,,,,,", "{", '{"a":1}', "\ufeff", "\x1a", "'", "\\")
ENDINGS = ("\n", "\n", "\n", "\r\n", "\r")
SETTINGS: dict[str, tuple[object, ...]] = {
    "delimiter": (None, None, ",", "tab", "::", ";"),
    "quote": ('"', '"', '"', "none", "'"),
    "escape": (None, None, "\\"),
    "encoding": ("utf-8", "utf-8", "utf-8", "latin-1", "utf-16", "shift_jis"),
    "time_unit": (None, "s"),
    "tz": (None, "UTC"),
}


def random_text(draw: random.Random, names: tuple[str, ...]) -> str:
    """A small CSV or JSON Lines file with these columns."""
    rows = [[draw.choice(CELLS) for _ in names] for _ in range(draw.randrange(8))]
    if draw.random() < 0.3:
        values = [dict(zip(names, map(_json_value, row), strict=True)) for row in rows]
        lines = [json.dumps(value, ensure_ascii=draw.random() < 0.5) for value in values]
    else:
        delimiter = draw.choice((",", ",", "\t", ";", "::", "|"))
        lines = [delimiter.join(row) for row in [list(names), *rows][draw.random() < 0.1 :]]
    for _ in range(draw.choice((0, 0, 1, 2))):
        lines.insert(draw.randrange(len(lines) + 1), draw.choice((*LINES, *lines)))
    return draw.choice(ENDINGS).join(lines) + draw.choice(("", "\n"))


def _json_value(cell: str) -> object:
    try:
        return json.loads(cell)
    except ValueError:
        return cell


def random_config(draw: random.Random, names: tuple[str, ...]) -> IngestConfig:
    """Settings, most of them at their defaults."""
    chosen = {name: draw.choice(values) for name, values in SETTINGS.items() if draw.random() < 0.3}
    columns = draw.choice((names, (*names[:-1], f"{names[-1]}..."))) if draw.random() < 0.1 else ()
    return IngestConfig(max_bad_rate=draw.choice((0.01, 1.0)), columns=columns, **chosen)  # type: ignore[arg-type]


def outcome(seed: int, folder: Path) -> str:
    """Ingest the file of this seed: "rows", or the name of the error. Raises AssertionError if a row is lost."""
    draw = random.Random(seed)
    table = draw.choice(list(TABLES))
    path = folder / draw.choice(("x.csv", "x.tsv", "x.jsonl", "x", "x.dat"))
    path.write_bytes(random_text(draw, TABLES[table]).encode("utf-8", "surrogateescape"))
    input_files.CHUNK_BYTES = draw.choice((7, 64, 4 << 20))
    config = random_config(draw, TABLES[table])
    try:
        rows = ingest(table, [str(path)], out=folder / "out.parquet", config=config, force=True).rows
    except EtsymlError as error:
        return type(error).__name__
    assert rows["in"] == rows["out"] + rows["merged"] + rows["rejected"], f"seed {seed}: {rows}"
    return "rows"


def fuzz(n: int) -> Counter[str]:
    """Ingest n files, and count how they end."""
    chunk_bytes = input_files.CHUNK_BYTES
    outcomes: Counter[str] = Counter()
    try:
        with tempfile.TemporaryDirectory() as folder:
            for seed in range(n):
                try:
                    outcomes[outcome(seed, Path(folder))] += 1
                except Exception as error:
                    error.add_note(f"seed {seed}")
                    raise
    finally:
        input_files.CHUNK_BYTES = chunk_bytes
    return outcomes


def main(n: int = FILES) -> None:
    start = time.monotonic()
    outcomes = fuzz(n)
    counts = ", ".join(f"{count:,} {name}" for name, count in outcomes.most_common())
    print(f"{n:,} files in {time.monotonic() - start:.0f} s, no row lost: {counts}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))

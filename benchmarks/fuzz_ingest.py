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
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from unittest.mock import patch

from etsyml_cli.core.errors import EtsymlError
from etsyml_cli.ingest.config import IngestConfig
from etsyml_cli.ingest.formats import files as input_files
from etsyml_cli.ingest.ingest import ingest

FILES = 100_000
BATCH = 1_000
TABLES = {
    "listings": ("listing_id", "title", "tags", "price", "quantity", "created_at"),
    "favorites": ("user_id", "listing_id", "created_at", "weight"),
    "searches": ("search_id", "query", "listing_id", "position", "event"),
}
GOOD = {
    "created_at": ("2014-05-01T00:00:00Z", "2014-05-02T00:00:00+02:00"),
    "price": ("5", "7.5"),
    "quantity": ("1", "0"),
    "weight": ("1", "2.5"),
    "position": ("1", "2", "3"),
    "event": ("click", "purchase", "impression"),
    "title": ("mug", "Mug, red", 'rod 36"', '"Old mug', '"two\nlines"'),
    "query": ("mug", '"gold" ring', "lamp"),
}
IDS = ("L1", "L2", "L3", "L4")
ODD_SHARE = 0.1  # of the cells
ODD = (
    *("", "1", "2", "L3", "-1", "0", "5.0", "1e400", "NaN", "NULL", "\\N", "true", "click", "view", "1.0E+12", "[]"),
    *("mug", "Mug, red", '"mug"', '"Old mug', 'rod 36"', 'a ""b""', '"two\nlines"', " x ", "é", "\udcff", "\x00"),
    *(
        "2014-05-01T00:00:00Z",
        "2014-05-01",
        "1398902403",
        '="007"',
        "#",
        "a|b",
        "{}",
        "\\",
        "'",
        "\r",
        "\u2028",
        "\ufeff",
    ),
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


def random_text(draw: random.Random, names: tuple[str, ...], *, is_json: bool) -> str:
    """A small CSV or JSON Lines file with these columns."""
    rows = [[_cell(draw, name) for name in names] for _ in range(draw.randrange(8))]
    if is_json:
        values = [dict(zip(names, map(_json_value, row), strict=True)) for row in rows]
        lines = [json.dumps(value, ensure_ascii=draw.random() < 0.5) for value in values]
    else:
        delimiter = draw.choice((",", ",", "\t", ";", "::", "|"))
        lines = [delimiter.join(row) for row in [list(names), *rows][draw.random() < 0.05 :]]
    for _ in range(draw.choice((0, 0, 1, 2))):
        lines.insert(draw.randrange(len(lines) + 1), draw.choice((*LINES, *lines)))
    return draw.choice(ENDINGS).join(lines) + draw.choice(("", "\n"))


def _cell(draw: random.Random, name: str) -> str:
    return draw.choice(ODD if draw.random() < ODD_SHARE else GOOD.get(name, IDS))


def _json_value(cell: str) -> object:
    try:
        return json.loads(cell)
    except ValueError:
        return cell


def random_config(draw: random.Random, names: tuple[str, ...]) -> IngestConfig:
    """Settings, most of them at their defaults."""
    chosen = {name: draw.choice(values) for name, values in SETTINGS.items() if draw.random() < 0.15}
    columns = draw.choice((names, (*names[:-1], f"{names[-1]}..."))) if draw.random() < 0.05 else ()
    return IngestConfig(max_bad_rate=draw.choice((0.01, 1.0, 1.0, 1.0)), columns=columns, **chosen)  # type: ignore[arg-type]


def outcome(seed: int, folder: Path) -> str:
    """Ingest the file of this seed: "rows", or the name of the error. Raises AssertionError if a row is lost."""
    draw = random.Random(seed)
    table = draw.choice(list(TABLES))
    is_json = draw.random() < 0.3
    path = folder / draw.choice(("x.jsonl", "x") if is_json else ("x.csv", "x.tsv", "x", "x.dat"))
    path.write_bytes(random_text(draw, TABLES[table], is_json=is_json).encode("utf-8", "surrogateescape"))
    config = random_config(draw, TABLES[table])
    try:
        with patch.object(input_files, "CHUNK_BYTES", draw.choice((7, 64, 4 << 20))):
            rows = ingest(table, [str(path)], out=folder / "out.parquet", config=config, force=True).rows
    except EtsymlError as error:
        return type(error).__name__
    assert rows["in"] == rows["out"] + rows["merged"] + rows["rejected"], f"seed {seed}: {rows}"
    return "rows"


def fuzz(seeds: range) -> Counter[str]:
    """Ingest a file per seed, and count how they end."""
    outcomes: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        for seed in seeds:
            try:
                outcomes[outcome(seed, Path(folder))] += 1
            except Exception as error:
                error.add_note(f"seed {seed}")
                raise
    return outcomes


def main(n: int = FILES) -> None:
    start = time.monotonic()
    with ProcessPoolExecutor() as pool:
        parts = pool.map(fuzz, (range(first, min(first + BATCH, n)) for first in range(0, n, BATCH)))
        outcomes = sum(parts, Counter[str]())
    counts = ", ".join(f"{count:,} {name}" for name, count in outcomes.most_common())
    print(f"{n:,} files in {time.monotonic() - start:.0f} s, no row lost: {counts}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))

"""The README of a synthetic marketplace: its files and the command that generates it."""

from __future__ import annotations

import msgspec

from etsyml_cli.sample.config import SampleConfig

OWN_OPTIONS = ("listings", "users", "pages")  # other settings use --set

TEXT = """\
# A sample marketplace

Drawn by a program: nobody made these things, nobody clicked. This command draws it again:

    {command}

| file | what | rows |
|---|---|---|
| `listings.csv` | what is for sale; tags are separated by a bar | {listings:,} |
| `images/` | a photo of each listing | |
| `searches.tsv.gz` | result pages, one row per listing shown, with what came of it | {searches:,} |
| `favorites.jsonl` | who favorited what | {favorites:,} |
| `impressions.csv.gz` | one row per ad shown | {impressions:,} |
| `truth/` | what the logs were drawn from; no model reads it | |

Two titles in five do not say what the thing is, and one listing in five is tagged as another thing: the photo tells.
A sharp, bright photo means a well-made thing, which is clicked more often. Two listings in five are born during the
log. The result pages are {pages}, and the chance that a shopper looks at a position falls as the position grows
(`truth/positions.json`). A user's favorites follow a mixture of {styles} styles (`truth/styles.parquet`,
`truth/users.parquet`).

    etsyml ingest listings listings.csv
    etsyml ingest searches searches.tsv.gz
    etsyml ingest favorites favorites.jsonl
    etsyml ingest impressions impressions.csv.gz
"""


def describe(config: SampleConfig, seed: int, rows: dict[str, int]) -> str:
    """The text of the README, from the configuration, the seed and the number of rows of each file."""
    order = {"shuffled": "in random order", "ranked": "ranked by a relevance that the log does not tell"}
    command = _command(config, seed)
    return TEXT.format(command=command, pages=order[config.pages], styles=config.styles, **rows)


def _command(config: SampleConfig, seed: int) -> str:
    parts = ["etsyml sample-data --out sample_data", f"--listings {config.listings} --users {config.users}"]
    defaults = msgspec.to_builtins(SampleConfig())
    for name, value in msgspec.to_builtins(config).items():
        if value != defaults[name] and name not in ("listings", "users"):
            parts.append(f"--{name} {value}" if name in OWN_OPTIONS else f"--set {name}={value}")
    return " ".join([*parts, f"--seed {seed}"])

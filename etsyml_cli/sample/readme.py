"""The README of a synthetic marketplace: its files and the command that generates it."""

from __future__ import annotations

import msgspec

from etsyml_cli.sample.config import SampleConfig

OWN_OPTIONS = ("listings", "users", "pages")  # other settings use --set

TEXT = """\
# A sample marketplace

Synthetic data: the listings, users and clicks are generated. This command generates the same files:

    {command}

| file | content | rows |
|---|---|---|
| `listings.csv` | listings; tags are separated by a bar | {listings:,} |
| `images/` | a photo of each listing | |
| `searches.tsv.gz` | result pages, one row per listing shown, with its event | {searches:,} |
| `favorites.jsonl` | pairs of user and listing | {favorites:,} |
| `impressions.csv.gz` | one row per ad shown | {impressions:,} |
| `truth/` | ground truth of the logs; models do not read it | |

Two titles in five do not name the item, and one listing in five is tagged as another item: the photo shows it. A
sharp, bright photo means a well-made item, which is clicked more often. Two listings in five are created during the
log. The result pages are {pages}, and the probability that a user examines a position decreases with the position
(`truth/positions.json`). A user's favorites follow a mixture of {styles} styles (`truth/styles.parquet`,
`truth/users.parquet`).

    etsyml ingest listings listings.csv
    etsyml ingest searches searches.tsv.gz
    etsyml ingest favorites favorites.jsonl
    etsyml ingest impressions impressions.csv.gz
"""


def describe(config: SampleConfig, seed: int, rows: dict[str, int]) -> str:
    """The text of the README, from the configuration, the seed and the number of rows of each file."""
    order = {"shuffled": "in random order", "ranked": "ranked by a relevance that is not in the log"}
    command = _command(config, seed)
    return TEXT.format(command=command, pages=order[config.pages], styles=config.styles, **rows)


def _command(config: SampleConfig, seed: int) -> str:
    parts = ["etsyml sample-data --out sample_data", f"--listings {config.listings} --users {config.users}"]
    defaults = msgspec.to_builtins(SampleConfig())
    for name, value in msgspec.to_builtins(config).items():
        if value != defaults[name] and name not in ("listings", "users"):
            parts.append(f"--{name} {value}" if name in OWN_OPTIONS else f"--set {name}={value}")
    return " ".join([*parts, f"--seed {seed}"])

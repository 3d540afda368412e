"""The weights of a click model with the names of their features, found by hashing rows of a log again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pyarrow as pa

from etsyml_cli.ads.click_model import CtrModel, model_rows
from etsyml_cli.ads.features.names import named_features
from etsyml_cli.ads.log.log import AdLog, open_log
from etsyml_cli.ads.model.ftrl import used_slots, weights
from etsyml_cli.ads.store import load_model, origin_of, side_inputs_of
from etsyml_cli.core.log import progress
from etsyml_cli.io.atomic import whole_file
from etsyml_cli.io.summary import Summary

KIND = "weights"
NAMING_ROWS = 20_000  # evenly spaced rows of the log
HEADER = "model\tweight\tslot\tfeatures\n"


class Weight(msgspec.Struct, frozen=True, kw_only=True):
    """The weight of a slot of one part, and the names of the features in it; empty if no row has them."""

    model: str
    weight: float
    slot: int
    features: list[str]


def model_weights(*, model: Path, log: Path, listings: Path | None, images: Path | None = None) -> list[Weight]:
    """All weights except zeros, by magnitude, with the features of NAMING_ROWS rows of the table `log`."""
    origin = origin_of(model)
    side = side_inputs_of(model, listings, images)
    loaded = load_model(model, side)
    names = _names(loaded, open_log(log, NAMING_ROWS, origin.label, origin.source), side.listings)
    all_weights = [weight for part in loaded.parts for weight in _weights_of(loaded, part, names[part])]
    return sorted(all_weights, key=lambda one: (-abs(one.weight), one.model, one.slot))


def write_weights(
    *, model: Path, log: Path, listings: Path | None, images: Path | None = None, out: Path, force: bool = False
) -> Summary:
    """Write `model_weights` as tab-separated text, one line per weight."""
    with whole_file(out, force=force) as partial, partial.open("w", encoding="utf-8") as file:
        all_weights = model_weights(model=model, log=log, listings=listings, images=images)
        file.write(HEADER)
        for one in all_weights:
            names = " | ".join(one.features).replace("\t", " ").replace("\n", " ").replace("\r", " ")
            file.write(f"{one.model}\t{one.weight:.9g}\t{one.slot}\t{names}\n")
    return Summary(kind=KIND, path=str(out), rows={"out": len(all_weights)})


def _weights_of(model: CtrModel, name: str, names: dict[int, set[str]]) -> Iterator[Weight]:
    part = model.parts[name]
    slots, _ = used_slots(part.zn)
    for slot, weight in zip(slots.tolist(), weights(part.zn, slots, part.config).tolist(), strict=True):
        if weight:
            yield Weight(model=name, weight=weight, slot=slot, features=sorted(names.get(slot, ())))


def _names(model: CtrModel, log: AdLog, listings: pa.Table | None) -> dict[str, dict[int, set[str]]]:
    """Part -> slot -> names of the features in that slot."""
    names: dict[str, dict[int, set[str]]] = {name: defaultdict(set) for name in model.parts}
    days = log.days()
    with progress("name the weights", log.rows(int(days[0]), int(days[-1]) + 1)) as advance:
        for batch in model_rows(model, log, int(days[0]), int(days[-1]) + 1):
            rows, side = model.feature_rows(batch)
            for name, part in model.parts.items():
                for features in named_features(part.hash_rows, rows, listings, side.numbers[name]):
                    for feature in features:
                        names[name][feature.slot].add(feature.name)
            advance(rows.num_rows)
    return names

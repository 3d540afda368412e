"""The stored index for similar listings: the catalog, memory-mapped, and short sketches of the photos."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from etsyml_cli.core.errors import InputError
from etsyml_cli.core.log import logger
from etsyml_cli.core.types import I64
from etsyml_cli.io.arrays import map_array, save_arrays
from etsyml_cli.io.artifact import Manifest, Plan, artifact, expect_kind, facts_of, is_fresh, source_of
from etsyml_cli.io.atomic import of_one_version
from etsyml_cli.io.columns import map_columns, save_columns
from etsyml_cli.io.summary import Summary, existing_result
from etsyml_cli.io.tables import table_source
from etsyml_cli.photos.store import features_facts, made_by, read_image_features, write_matrix
from etsyml_cli.similar.catalog import LEAST_K, VARIANTS, SimilarityCatalog, read_catalog
from etsyml_cli.similar.nearest import nearest
from etsyml_cli.similar.photos import Photos, SketchedPhotos, sketch_dimension, sketches
from etsyml_cli.similar.words import Words
from etsyml_cli.text.tokenize import WORDS_VERSION

KIND = "index:similar"
MADE_BY = "etsyml index similar"
REBUILD_HINT = f"Build it again: {MADE_BY} --force"
LISTINGS, TERMS, SKETCHES = "listings", "terms", "sketches"
LISTING_COLUMNS = pa.schema(
    {"listing_id": pa.large_string(), "title": pa.large_string()}
    | {name: pa.int64() for name in ("shop", "id_order", "photo")}
    | {"photo_length": pa.float64()}
)
TERM_COLUMNS = pa.schema({"term": pa.large_string()})
WORDS: dict[str, type[np.generic]] = {
    "ptr": np.int64,
    "terms": np.int32,
    "values": np.float64,
    "starts": np.int64,
    "listings": np.int32,
    "weights": np.float32,
}
SAMPLE_SIZE = 200
FACTORS = (1, 2, 4, 8, 16, 32, 64)


class SimilarFacts(msgspec.Struct, frozen=True, omit_defaults=True, rename={"recall": f"recall@{LEAST_K}"}):
    """The facts in the manifest of an index with photos: their origin, and factor and recall per variant.

    The scan of a variant collects factor times k candidates; recall is the share of the exact lists of LEAST_K
    listings that the lists of the index contain.
    """

    photos: str | None = None
    factor: dict[str, int] = {}
    recall: dict[str, float] = {}


def index_similar(*, listings: Path, images: Path | None, out: Path, recall: float, force: bool = False) -> Summary:
    """Write the index of a listings table and, if given, its photo features to `out`.

    `recall` is the share of the exact lists that the lists of the index must contain. The number of candidates that
    this needs is measured on a sample of listings and stored in the manifest.
    """
    plan = _plan(listings, images, recall)
    if done := existing_result(out, plan, force=force):
        return done
    catalog = read_catalog(listings, images)
    with artifact(out, plan, force=force) as draft:
        _save(draft.path, catalog)
        draft.rows = {"listings": len(catalog.ids), "words": len(catalog.terms)}
        if images is not None and isinstance(catalog.photos, Photos):
            draft.rows["with_photo"] = int((catalog.photos.photo >= 0).sum())
            photos = catalog.photos
            shape = (len(catalog.ids), sketch_dimension(photos))
            write_matrix(draft.path / f"{SKETCHES}.npy", sketches(photos), shape, "<i2")
            sketch = map_array(draft.path, SKETCHES, shape, np.int16, hint=REBUILD_HINT)
            reach = _reach(catalog, SketchedPhotos(photos, sketch), recall)
            origin = made_by(features_facts(images))
            draft.facts = msgspec.to_builtins(SimilarFacts(origin, *reach))
    return Summary(kind=KIND, path=str(out), rows=draft.rows, facts=draft.facts)


@of_one_version
def index_that_fits(index: Path, listings: Path, images: Path | None) -> SimilarityCatalog | None:
    """The index at `index`; None, with a warning, if it is stale. Raises InputError if it is damaged."""
    manifest = expect_kind(index, KIND, made_by=MADE_BY)
    if not is_fresh(index, _plan(listings, images, manifest.plan.config.get("recall", 0)), made_by=MADE_BY):
        return None
    return _load(index, manifest, images)


def _plan(listings: Path, images: Path | None, recall: float) -> Plan:
    inputs = {"listings": [table_source(listings, "listings")]}
    if images is not None:
        inputs["images"] = [source_of(images)]
    return Plan(kind=KIND, config={"recall": recall}, inputs=inputs, format_version=WORDS_VERSION)


def _reach(
    catalog: SimilarityCatalog, sketched: SketchedPhotos, recall: float
) -> tuple[dict[str, int], dict[str, float]]:
    """The smallest factor per variant with which its lists reach `recall`, and their recall with it.

    Measured on the lists of SAMPLE_SIZE listings with photos, evenly spaced over the table.
    """
    has = np.flatnonzero(sketched.photos.length > 0)
    sample = has[np.linspace(0, len(has) - 1, min(len(has), SAMPLE_SIZE)).astype(np.int64)]
    factors: dict[str, int] = {}
    recalls: dict[str, float] = {}
    for variant in (name for name, parts in VARIANTS.items() if "image" in parts):
        exact = list(_lists(catalog, variant, sample))
        for factor in FACTORS:
            found = _lists(replace(catalog, photos=sketched, factor={variant: factor}), variant, sample)
            share = _recall(exact, found)
            if share >= recall:
                break
        else:
            logger.warning("%s: the index reaches a recall of %.3f only; use --exact for exact lists", variant, share)
        factors[variant], recalls[variant] = factor, share
    return factors, recalls


def _lists(catalog: SimilarityCatalog, variant: str, queries: I64) -> Iterator[set[int]]:
    neighbors = nearest(
        queries,
        catalog.parts(variant),
        catalog.id_order,
        LEAST_K,
        lambda listing, rows: rows != listing,
        catalog.reach(variant, LEAST_K),
    )
    return (set(best.tolist()) for _, best, _ in neighbors)


def _recall(exact: list[set[int]], found: Iterator[set[int]]) -> float:
    shares = [len(one & other) / len(one) for one, other in zip(exact, found, strict=True) if one]
    return float(np.mean(shares)) if shares else 1.0


def _save(directory: Path, catalog: SimilarityCatalog) -> None:
    photos = catalog.photos if isinstance(catalog.photos, Photos) else None
    none = np.full(len(catalog.ids), -1, np.int64)
    columns = {
        "listing_id": catalog.ids,
        "title": catalog.titles,
        "shop": catalog.shop,
        "id_order": catalog.id_order,
        "photo": none if photos is None else photos.photo,
        "photo_length": np.zeros(len(none)) if photos is None else photos.length,
    }
    save_columns(directory, LISTINGS, {name: pa.array(values) for name, values in columns.items()})
    save_columns(directory, TERMS, {"term": catalog.terms})
    save_arrays(directory, {f"words_{name}": getattr(catalog.words, name) for name in WORDS})


def _load(directory: Path, manifest: Manifest, images: Path | None) -> SimilarityCatalog:
    columns = map_columns(directory, LISTINGS, LISTING_COLUMNS, REBUILD_HINT)
    terms = map_columns(directory, TERMS, TERM_COLUMNS, REBUILD_HINT)["term"]
    n, d = len(columns["listing_id"]), len(terms)
    shapes = {"ptr": (n + 1,), "starts": (d + 1,)}
    arrays = {
        name: map_array(directory, f"words_{name}", shapes.get(name, (None,)), dtype, hint=REBUILD_HINT)
        for name, dtype in WORDS.items()
    }
    words = Words(**arrays)
    numbers = {name: columns[name].to_numpy() for name in ("shop", "id_order", "photo", "photo_length")}
    photos = None
    if images is not None:
        matrix = np.asarray(read_image_features(images).matrix)
        whole = Photos(matrix, numbers["photo"], numbers["photo_length"])
        shape = (n, sketch_dimension(whole))
        photos = SketchedPhotos(whole, map_array(directory, SKETCHES, shape, np.int16, hint=REBUILD_HINT))
    catalog = SimilarityCatalog(
        ids=columns["listing_id"],
        titles=columns["title"],
        shop=numbers["shop"],
        id_order=numbers["id_order"],
        terms=terms,
        words=words,
        photos=photos,
        factor=facts_of(manifest, SimilarFacts, directory, hint=REBUILD_HINT).factor,
    )
    if manifest.rows.get("listings") != n or not _is_sound(catalog):
        raise InputError(f"{directory}: damaged, its files are inconsistent", hint=REBUILD_HINT)
    return catalog


def _is_sound(catalog: SimilarityCatalog) -> bool:
    """Whether all indices are within bounds, because compiled code does not check them."""
    n, words = len(catalog.ids), catalog.words
    pointers = [(words.ptr, len(words.terms)), (words.starts, len(words.listings))]
    inside: list[tuple[NDArray[Any], int]] = [
        (words.terms, len(catalog.terms)),
        (words.listings, n),
        (catalog.id_order, n),
    ]
    if isinstance(catalog.photos, SketchedPhotos):
        inside.append((catalog.photos.photos.photo + 1, len(catalog.photos.photos.matrix) + 1))
    return (
        len(words.terms) == len(words.values) == len(words.listings) == len(words.weights)
        and all(ptr[0] == 0 and ptr[-1] == end and bool((np.diff(ptr) >= 0).all()) for ptr, end in pointers)
        and all(not len(places) or (places.min() >= 0 and places.max() < end) for places, end in inside)
    )

"""The photos in a listings table: their listings, which of them can be opened, and which are equal."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from etsyml_cli.core.errors import DataError, InputError
from etsyml_cli.core.log import progress
from etsyml_cli.core.types import I64
from etsyml_cli.io.artifact import Source
from etsyml_cli.io.tables import read_table, table_manifest
from etsyml_cli.photos.pixels import PhotoError
from etsyml_cli.photos.reader import STATUSES, find_photo

LISTINGS_AT_ONCE = 10_000
PHOTOS_AT_ONCE = 32  # Ctrl-C waits for a batch
DIGEST_BYTES = 32
PATHS = pa.list_(pa.large_string())  # text of more than 2 GiB


@dataclass(frozen=True)
class NamedPhotos:
    """N photos in the order of the table, under `root`; photo n belongs to listing `listing[n]` of I listings.

    Arrow arrays, because a million Python strings would fill the memory.
    """

    root: Path
    listing_ids: pa.Array  # (I,)
    listing: I64  # (N,)
    images: pa.Array  # (N,) paths under `root`

    def n_listings(self) -> int:
        """The number of listings with a photo."""
        return len(np.unique(self.listing))


@dataclass(frozen=True)
class Photos(NamedPhotos):
    """Opened photos: photo n is distinct photo `distinct[n]` of M, which first occurs at `first`.

    A photo that was found under another name has that name in `images`.
    """

    status: NDArray[np.int8]  # (N,) index into STATUSES: 0, or the reason why a photo cannot be opened
    distinct: I64  # (N,), -1 for photos that cannot be opened
    first: I64  # (M,) places among the N, ascending
    digests: NDArray[np.uint8]  # (M, 32)
    n_renamed: int  # of the N, those that were found under another name
    source: Source


def read_named_photos(listings: Path, limit: int | None) -> NamedPhotos:
    """The photos of all listings, or of the first `limit`. Raises DataError if there are none."""
    table = read_table(listings, "listings", ["listing_id", "image", "images"]).slice(0, limit)
    photos = pa.chunked_array(map(_photos_of, table.to_batches(LISTINGS_AT_ONCE)), PATHS).combine_chunks()
    if len(photos.flatten()) == 0:
        raise DataError(
            f"{listings}: none of {table.num_rows:,} listings has a photo", hint="Ingest the column image or images."
        )
    root = table_manifest(listings).facts.get("image_root")
    if root is None:
        raise InputError(
            f"{listings}: the root directory of the photos is unknown", hint="Ingest it again with --image-root DIR."
        )
    return NamedPhotos(
        root=listings.parent / root,
        listing_ids=table["listing_id"].combine_chunks(),
        listing=pc.list_parent_indices(photos).to_numpy().astype(np.int64),
        images=photos.flatten(),
    )


def open_photos(named: NamedPhotos, threads: int) -> Photos:
    """Open and hash each named file once, in threads."""
    encoded = named.images.dictionary_encode()
    names, name_of_photo = encoded.dictionary, encoded.indices.to_numpy()
    status = np.zeros(len(names), np.int8)
    digests = np.zeros((len(names), DIGEST_BYTES), np.uint8)
    size = 0
    renamed: dict[int, str] = {}
    with ThreadPoolExecutor(threads) as pool, progress("photos opened", len(names)) as advance:
        starts = range(0, len(names), PHOTOS_AT_ONCE)
        found = pool.map(lambda start: _digests(named.root, names[start : start + PHOTOS_AT_ONCE]), starts)
        for start, looks in zip(starts, found, strict=True):
            for n, (code, found_name, digest, n_bytes) in enumerate(looks, start):
                status[n] = code
                digests[n] = np.frombuffer(digest, np.uint8)
                size += n_bytes
                if found_name is not None:
                    renamed[n] = found_name
            advance(len(looks))
    source = Source("photos", size, _hash_of_all(names, status, digests))
    if renamed:
        named = replace(named, images=_renamed(names, renamed).take(encoded.indices))
    of_photo = status[name_of_photo]
    distinct, first = _same(digests[name_of_photo], of_photo)
    return Photos(
        **vars(named),
        status=of_photo,
        distinct=distinct,
        first=first,
        digests=digests[name_of_photo[first]],
        n_renamed=int(np.isin(name_of_photo, list(renamed)).sum()),
        source=source,
    )


def _photos_of(listings: pa.RecordBatch) -> pa.Array:
    """The list of distinct photos of each listing, `image` first."""
    rows = zip(listings["image"].to_pylist(), listings["images"].to_pylist(), strict=True)
    lists = [list(dict.fromkeys(filter(None, [image, *(images or [])]))) for image, images in rows]
    return pa.array(lists, PATHS)


def _renamed(names: pa.Array, renamed: dict[int, str]) -> pa.Array:
    mask = np.zeros(len(names), dtype=bool)
    mask[list(renamed)] = True
    return pc.replace_with_mask(names, mask, pa.array([renamed[n] for n in sorted(renamed)], names.type))


def _digests(root: Path, images: pa.Array) -> list[tuple[int, str | None, bytes, int]]:
    """Status, other name (None if it is the same), digest and size (bytes) of these photos."""
    found: list[tuple[int, str | None, bytes, int]] = []
    for image in images.to_pylist():
        try:
            name, digest, n_bytes = find_photo(root, image)
            found.append((0, None if name == image else name, digest, n_bytes))
        except PhotoError as error:
            found.append((STATUSES.index(error.reason), None, bytes(DIGEST_BYTES), 0))
    return found


def _same(digests: NDArray[np.uint8], status: NDArray[np.int8]) -> tuple[I64, I64]:
    """The number of each distinct photo by first occurrence, (N,), -1 if it cannot be opened; first places, (M,)."""
    sound = np.flatnonzero(status == 0)
    keys = digests[sound].view(f"V{DIGEST_BYTES}").ravel()
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    by_appearance = np.argsort(first)
    number = np.empty_like(by_appearance)
    number[by_appearance] = np.arange(len(first))
    distinct = np.full(len(status), -1, np.int64)
    distinct[sound] = number[inverse]
    return distinct, sound[first[by_appearance]]


def _hash_of_all(images: pa.Array, status: NDArray[np.int8], digests: NDArray[np.uint8]) -> str:
    """A hash of all names and contents, in order."""
    whole = hashlib.sha256()
    for image, code, digest in zip(images, status.tolist(), digests, strict=True):
        whole.update(msgspec.json.encode([image.as_py(), STATUSES[code], digest.tobytes().hex()]))
    return whole.hexdigest()

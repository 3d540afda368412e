"""JSON Lines: one object per line. Batches are decoded at once, or line by line if that fails.

`NaN` and `Infinity`, which Python's json module writes, are read as null and as texts.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from operator import attrgetter
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from etsyml_cli.core.errors import DataError, InputError
from etsyml_cli.ingest.formats.cells import BATCH_ROWS, Block, Cells, UnreadableRow, concatenate, to_cells
from etsyml_cli.ingest.formats.files import Header, InputFile, open_file, refusal, whole_lines
from etsyml_cli.ingest.formats.foreign import HEAD_BYTES, object_kind
from etsyml_cli.ingest.formats.json_shape import elements_filter, shape_of
from etsyml_cli.io.rejects import Reason

SAMPLED_ROWS = 10_000
PEEKED_ROWS = 1_000
MAX_KEYS = 2_000

_NEWLINE, _RETURN, _OPEN, _CLOSE = (ord(character) for character in "\n\r{}")
_KEYS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_NESTED = re.compile(rb"[\[\s]*\{")
_NOT_FINITE = re.compile(rb'"(?:[^"\\\n]|\\.)*"|NaN|-?Infinity')

Bounds = NDArray[np.int64]


def read_header(file: InputFile) -> Header | None:
    """The keys of the first 10,000 objects in order of appearance; None if the file has no lines.

    Raises InputError if none of these lines is a JSON object.
    """
    names: dict[str, None] = {}
    seen: Counter[str] = Counter()  # values that are not null, by key
    nested: Counter[str] = Counter()  # objects and lists of objects, by key
    objects = 0
    lines = [line for line in _first_chunk(file).split(b"\n")[:SAMPLED_ROWS] if line.strip()]
    for line in lines:
        try:
            values = _KEYS.decode(_finite(line))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue  # read_blocks reports it
        names |= dict.fromkeys(values)
        objects += 1
        if objects <= PEEKED_ROWS:
            seen.update(key for key, value in values.items() if bytes(value) not in (b"null", b"[]"))
            nested.update(key for key, value in values.items() if _NESTED.match(value))
    if lines and not objects:
        raise InputError(f"{file.name}: no JSON object in the first lines", hint="Expected one object per line.")
    mostly_nested = frozenset(key for key, n in nested.items() if 2 * n > seen[key])
    return Header(tuple(names), nested=mostly_nested, rows_in=_rows_in(lines)) if lines else None


def _first_chunk(file: InputFile) -> bytes:
    """The first lines. Raises InputError, with a conversion, if the first is an endless object with a list of rows."""
    try:
        return next(whole_lines(file), b"")
    except DataError:
        with open_file(file) as stream:
            rows = _rows_in([stream.read(HEAD_BYTES)])
        if rows is None:
            raise
        raise refusal(file, object_kind(rows)) from None


def _rows_in(lines: list[bytes]) -> str | None:
    """The jq filter of the list of objects in the only object of a file."""
    path = shape_of(lines[0].decode("utf-8", "replace")).list_path if len(lines) == 1 else None
    return elements_filter(path) if path else None


def _finite(text: bytes) -> bytes:
    """The text of JSON values with null instead of NaN, and infinite numbers as texts."""
    if b"NaN" not in text and b"Infinity" not in text:
        return text
    return _NOT_FINITE.sub(_as_finite, text)


def _as_finite(match: re.Match[bytes]) -> bytes:
    token = match[0]
    return token if token.startswith(b'"') else b"null" if token == b"NaN" else b'"%b"' % token


def read_blocks(file: InputFile, header: Header, columns: Sequence[str]) -> Iterator[Block]:
    """The rows, in blocks; a missing key is null."""
    reader = _Reader(file, header.names, columns)
    for chunk in whole_lines(file):
        yield reader.block(chunk)


class _Reader:
    """Decodes lines to columns; keeps track of the line number and the keys."""

    def __init__(self, file: InputFile, names: Sequence[str], columns: Sequence[str]) -> None:
        self.file = file
        self.columns = list(columns)
        self.lines_before = 0
        self.new_keys: dict[str, None] = {}
        self._set_keys(list(dict.fromkeys([*columns, *names])))

    def _set_keys(self, names: list[str]) -> None:
        """Build the row type: `columns` are decoded, other known keys are skipped, an unknown key is an error."""
        if len(names) > MAX_KEYS:
            raise DataError(
                f"{self.file.name}: more than {MAX_KEYS:,} keys", hint="Expected objects with the same keys."
            )
        self.names = names
        fields = [f"c{i}" for i in range(len(names))]
        n = len(self.columns)
        kinds = [(f, Any, None) for f in fields[:n]] + [(f, msgspec.Raw, msgspec.Raw(b"")) for f in fields[n:]]
        rename = dict(zip(fields, names, strict=True))
        try:
            row = msgspec.defstruct("Row", kinds, rename=rename, forbid_unknown_fields=True, gc=False)
        except ValueError as error:  # a quote, a backslash or a control character in a key
            raise InputError(f"{self.file.name}: {error}", hint="Rename this key in the file.") from None
        self.decoder = msgspec.json.Decoder(row)
        self.getters = [attrgetter(field) for field in fields[:n]]

    def block(self, chunk: bytes) -> Block:
        starts, ends = _line_bounds(chunk)
        plain = _looks_like_object(chunk, starts, ends) & _is_utf8(chunk)
        parts: list[list[Cells]] = []
        kept: list[int] = []
        unreadable: list[UnreadableRow] = []
        for first in range(0, len(starts), BATCH_ROWS):
            last = min(first + BATCH_ROWS, len(starts))
            rows = (
                self._decode_batch(chunk, starts[first], ends[last - 1], last - first)
                if plain[first:last].all()
                else None
            )
            if rows is None:
                lines = {i: chunk[starts[i] : ends[i]] for i in range(first, last)}
                rows = self._decode_lines(lines, kept, unreadable)
            else:
                kept.extend(range(first, last))
            parts.append([to_cells(list(map(getter, rows))) for getter in self.getters])
        columns = {name: concatenate(part[i] for part in parts) for i, name in enumerate(self.columns)}
        numbers = np.array(kept, dtype=np.int64) + self.lines_before + 1
        self.lines_before += len(starts)
        return Block(
            columns,
            numbers,
            lambda i: chunk[starts[kept[i]] : ends[kept[i]]],
            unreadable,
            new_keys=tuple(self.new_keys),
        )

    def _decode_batch(self, chunk: bytes, start: int, end: int, n: int) -> list[Any] | None:
        """The rows of n lines, or None if they have to be decoded line by line."""
        lines = memoryview(chunk)[start:end]
        rows: list[Any] | None = self._try_batch(lines)
        if rows is None and (finite := _finite(bytes(lines))) != lines:
            rows = self._try_batch(finite)
        if rows is None:
            return None
        # Each line begins with `{` and ends with `}`, so no object spans two lines: if there are as many
        # objects as lines, each line is one object.
        return rows if len(rows) == n else None

    def _try_batch(self, lines: bytes | memoryview) -> list[Any] | None:
        try:
            return self.decoder.decode_lines(lines)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None

    def _decode_lines(self, lines: dict[int, bytes], kept: list[int], unreadable: list[UnreadableRow]) -> list[Any]:
        """Decode lines one by one; append the numbers of objects to `kept` and other lines to `unreadable`."""
        rows = []
        for i, line in lines.items():
            if not line.strip():
                continue
            row = self._decode_line(line)
            if isinstance(row, Reason):
                unreadable.append(UnreadableRow(self.lines_before + i + 1, row, line))
            else:
                rows.append(row)
                kept.append(i)
        return rows

    def _decode_line(self, line: bytes) -> Any:
        try:
            line.decode()
            line = _finite(line)
            unknown = [key for key in _KEYS.decode(line) if key not in self.names]
            if unknown:
                self.new_keys |= dict.fromkeys(unknown)
                self._set_keys(self.names + unknown)
            return self.decoder.decode(line)
        except UnicodeDecodeError:
            return Reason.NOT_UTF8
        except (msgspec.DecodeError, RecursionError) as error:
            return Reason.NOT_AN_OBJECT if str(error).startswith("Expected `object`") else Reason.NOT_JSON


def _line_bounds(chunk: bytes) -> tuple[Bounds, Bounds]:
    """The start and the end of each line, without its newline."""
    ends = np.flatnonzero(np.frombuffer(chunk, np.uint8) == _NEWLINE)
    if not chunk.endswith(b"\n"):
        ends = np.append(ends, len(chunk))
    return np.concatenate([[0], ends[:-1] + 1]), ends


def _looks_like_object(chunk: bytes, starts: Bounds, ends: Bounds) -> NDArray[np.bool_]:
    content = np.frombuffer(chunk, np.uint8)
    last = content[np.maximum(ends - 1, 0)]
    last = np.where(last == _RETURN, content[np.maximum(ends - 2, 0)], last)
    plain: NDArray[np.bool_] = (content[starts] == _OPEN) & (last == _CLOSE)
    return plain


def _is_utf8(chunk: bytes) -> bool:
    try:
        chunk.decode()
    except UnicodeDecodeError:
        return False
    return True

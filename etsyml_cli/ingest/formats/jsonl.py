"""JSON Lines: one object a line. Whole batches are decoded at once; a batch that does not decode goes line by line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import attrgetter
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from etsyml_cli.core.errors import DataError, InputError
from etsyml_cli.ingest.formats.cells import BATCH_ROWS, Block, Cells, Refused, cells_of, joined
from etsyml_cli.ingest.formats.files import ForeignFile, Header, whole_lines
from etsyml_cli.io.rejects import Reason

SAMPLED_ROWS = 10_000
MOST_KEYS = 2_000

_NEWLINE, _RETURN, _OPEN, _CLOSE = (ord(character) for character in "\n\r{}")
_KEYS = msgspec.json.Decoder(dict[str, msgspec.Raw])

Bounds = NDArray[np.int64]


def read_header(file: ForeignFile) -> Header | None:
    """The keys of the first 10,000 objects in the order of their coming; None for a file without lines."""
    names: dict[str, None] = {}
    objects = 0
    lines = [line for line in next(whole_lines(file), b"").split(b"\n")[:SAMPLED_ROWS] if line.strip()]
    for line in lines:
        try:
            names |= dict.fromkeys(_KEYS.decode(line))
            objects += 1
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue  # read_blocks refuses it by name
    if lines and not objects:
        raise InputError(f"{file.name}: no JSON object in its first lines", hint="One object a line is expected.")
    return Header(tuple(names)) if lines else None


def read_blocks(file: ForeignFile, header: Header, wanted: Sequence[str]) -> Iterator[Block]:
    """The rows, block by block; an absent key is null."""
    reader = _Reader(file, header.names, wanted)
    for chunk in whole_lines(file):
        yield reader.block(chunk)


class _Reader:
    """Decodes lines to columns; remembers the line number and the keys that it met."""

    def __init__(self, file: ForeignFile, names: Sequence[str], wanted: Sequence[str]) -> None:
        self.file = file
        self.wanted = list(wanted)
        self.lines_before = 0
        self.late: dict[str, None] = {}
        self._expect(list(dict.fromkeys([*wanted, *names])))

    def _expect(self, names: list[str]) -> None:
        """Build the row's type: wanted keys are decoded, other known ones skipped, an unknown one is an error."""
        if len(names) > MOST_KEYS:
            raise DataError(
                f"{self.file.name}: more than {MOST_KEYS:,} keys", hint="Objects of like keys are expected."
            )
        self.names = names
        fields = [f"c{i}" for i in range(len(names))]
        n = len(self.wanted)
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
        refused: list[Refused] = []
        for first in range(0, len(starts), BATCH_ROWS):
            last = min(first + BATCH_ROWS, len(starts))
            rows = (
                self._quickly(chunk, starts[first], ends[last - 1], last - first) if plain[first:last].all() else None
            )
            if rows is None:
                lines = {i: chunk[starts[i] : ends[i]] for i in range(first, last)}
                rows = self._line_by_line(lines, kept, refused)
            else:
                kept.extend(range(first, last))
            parts.append([cells_of(list(map(getter, rows))) for getter in self.getters])
        columns = {name: joined(part[i] for part in parts) for i, name in enumerate(self.wanted)}
        numbers = np.array(kept, dtype=np.int64) + self.lines_before + 1
        self.lines_before += len(starts)
        return Block(columns, numbers, lambda i: chunk[starts[kept[i]] : ends[kept[i]]], refused, late=tuple(self.late))

    def _quickly(self, chunk: bytes, start: int, end: int, n: int) -> list[Any] | None:
        """The rows of n lines, or None where one of them needs a closer look."""
        try:
            rows: list[Any] = self.decoder.decode_lines(memoryview(chunk)[start:end])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        # Each line begins with `{` and ends with `}`, so no object goes over a line's end: as many
        # objects as lines means one object a line.
        return rows if len(rows) == n else None

    def _line_by_line(self, lines: dict[int, bytes], kept: list[int], refused: list[Refused]) -> list[Any]:
        """The rows of the lines that hold an object; `kept` gets their numbers, `refused` the other lines."""
        rows = []
        for i, line in lines.items():
            if not line.strip():
                continue
            row = self._decoded(line)
            if isinstance(row, Reason):
                refused.append(Refused(self.lines_before + i + 1, row, line))
            else:
                rows.append(row)
                kept.append(i)
        return rows

    def _decoded(self, line: bytes) -> Any:
        try:
            line.decode()
            unknown = [key for key in _KEYS.decode(line) if key not in self.names]
            if unknown:
                self.late |= dict.fromkeys(unknown)
                self._expect(self.names + unknown)
            return self.decoder.decode(line)
        except UnicodeDecodeError:
            return Reason.NOT_UTF8
        except (msgspec.DecodeError, RecursionError) as error:
            return Reason.NOT_AN_OBJECT if str(error).startswith("Expected `object`") else Reason.NOT_JSON


def _line_bounds(chunk: bytes) -> tuple[Bounds, Bounds]:
    """Where each line begins and where it ends, without its newline."""
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

"""Ids that a float column has turned into `196.0`: they are 196 if all ids of the column are whole numbers."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from etsyml_cli.ingest.formats.cells import Cells, text_bytes
from etsyml_cli.ingest.values.values import POINT_ZERO

_WHOLE = rf"^(?:-?[0-9]+|{POINT_ZERO})$"


@dataclass(frozen=True)
class IdForms:
    """How the ids of a column are written."""

    pointed: int = 0  # number of texts such as 196.0
    shortened: int = 0  # those of them that are read as 196
    other: str | None = None  # an id that is not a whole number

    def __add__(self, more: IdForms) -> IdForms:
        return IdForms(self.pointed + more.pointed, self.shortened + more.shortened, self.other or more.other)


def id_forms(cells: Cells, *, may_shorten: bool = True) -> IdForms:
    """The forms of the ids that are text. Numbers do not count: they are whole, or rejected.

    Ids are shortened if all of these cells allow it: another block of the column may not, which only the sum shows.
    """
    forms = _forms_of(cells.array) if pa.types.is_string(cells.array.type) else IdForms()
    texts = [value for value in cells.other_types.values() if isinstance(value, str)]
    forms += _forms_of(pa.array(texts, pa.string())) if texts else IdForms()
    return forms if forms.other or not may_shorten else IdForms(forms.pointed, shortened=forms.pointed)


def _forms_of(texts: pa.Array) -> IdForms:
    content = text_bytes(texts)
    if ord(".") in content:
        ids = _trimmed(texts)
        pointed = pc.sum(pc.match_substring_regex(ids, f"^{POINT_ZERO}$")).as_py()
        return IdForms(pointed or 0, other=_first_other(ids))
    first = _first_other(_trimmed(texts[:1]))  # decides most columns
    if first or not len(content) or (content - ord("0") < 10).all():  # unsigned: characters before 0 wrap around
        return IdForms(other=first)
    return IdForms(other=_first_other(_trimmed(texts)))


def _trimmed(texts: pa.Array) -> pa.Array:
    ids = pc.utf8_trim_whitespace(texts)
    return ids.filter(pc.not_equal(ids, ""))


def _first_other(ids: pa.Array) -> str | None:
    """The first id that is not a whole number."""
    others = ids.filter(pc.invert(pc.match_substring_regex(ids, _WHOLE)))
    return str(others[0]) if len(others) else None

"""How the fields of a CSV file are separated, quoted and escaped."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

DELIMITERS = (",", "\t", ";", "|", "::")
_TAB_SUFFIXES = {".tsv", ".tab", ".inter", ".item", ".user"}

# The csv module takes one character as delimiter, and drops the escape character of MySQL's null. Text is given to it
# with lone surrogates in their place, which no decoder gives.
_DELIMITER_MARK, _NULL_MARK = "\ud800", "\ud801"
_NULL = "\\N"

# quotes that do not end a field are text, or errors; all quotes are text; blanks before quotes are skipped
Style = Literal["quoted", "strict", "unquoted", "without blanks"]


@dataclass(frozen=True)
class Dialect:
    """The delimiter, of one or several characters, and the quote and escape characters of a file, if it has them."""

    delimiter: str
    quote: str | None
    escape: str | None

    def reader(self, lines: Iterable[str], style: Style = "quoted") -> Any:
        """A csv.reader of marked lines in this style."""
        return csv.reader(lines, self._styles[style])

    @cached_property
    def _styles(self) -> dict[Style, Any]:
        """What csv.reader makes of its options, once: it is called for each record of several lines."""
        quoted: dict[str, Any] = {
            "delimiter": self.separator,
            "quotechar": self.quote,
            "quoting": csv.QUOTE_MINIMAL if self.quote else csv.QUOTE_NONE,
            "escapechar": self.escape,
        }
        options: dict[Style, dict[str, Any]] = {
            "quoted": quoted,
            "strict": quoted | {"strict": True},
            "unquoted": quoted | {"quoting": csv.QUOTE_NONE},
            "without blanks": quoted | {"strict": True, "skipinitialspace": True},
        }
        return {style: csv.reader([], **one).dialect for style, one in options.items()}

    @cached_property
    def separator(self) -> str:
        """The delimiter in marked text: a single character."""
        return self.delimiter if len(self.delimiter) == 1 else _DELIMITER_MARK

    def is_plain(self, text: str) -> bool:
        """Whether the text has no quotes and escapes, so that each line is a record."""
        return not (self.quote and self.quote in text) and not (self.escape and self.escape in text)

    @property
    def has_marks(self) -> bool:
        return len(self.delimiter) > 1 or self.escape == "\\"

    def mark(self, text: str) -> str:
        """The text with marks in place of what the csv module cannot read."""
        if len(self.delimiter) > 1:
            text = text.replace(self.delimiter, _DELIMITER_MARK)
        return self._null_cells.sub(_NULL_MARK, text) if self.escape == "\\" else text

    def unmark(self, text: str) -> str:
        """The original text."""
        return text.replace(_DELIMITER_MARK, self.delimiter).replace(_NULL_MARK, _NULL)

    def unmark_field(self, field: str) -> str:
        """The field without marks."""
        if field.isascii() or field == _NULL_MARK:
            return _NULL if field == _NULL_MARK else field
        return field.replace(_DELIMITER_MARK, self.delimiter).replace(_NULL_MARK, "N")  # only a whole cell is a null

    @cached_property
    def _null_cells(self) -> re.Pattern[str]:
        separator = re.escape(self.separator)
        return re.compile(rf"(?:^|(?<={separator}))\\N(?={separator}|[\r\n]|\Z)", re.MULTILINE)


def detect_delimiter(path: Path, header: str) -> str:
    """The delimiter of the extension if the header has it, else the most common one in the header."""
    suffixes = {suffix.lower() for suffix in path.suffixes}
    default = "\t" if suffixes & _TAB_SUFFIXES else "," if ".csv" in suffixes else ""
    if default and default in header:
        return default
    return max(DELIMITERS, key=header.count)

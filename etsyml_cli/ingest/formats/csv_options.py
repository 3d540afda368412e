"""What the user says about CSV files: delimiter, quotes, encoding, names of columns, empty cells."""

from __future__ import annotations

import codecs
from dataclasses import dataclass

from etsyml_cli.core.errors import UsageError
from etsyml_cli.ingest.config import IngestConfig

_DELIMITERS = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|", "space": " "}
_REST = "..."  # ends the name of a column that takes all remaining fields


@dataclass(frozen=True)
class CsvOptions:
    """Options of all text files of one ingest."""

    delimiter: str | None = None  # None: detected
    quote: str | None = '"'  # None: quotes are ordinary characters
    escape: str | None = None
    encoding: str = "utf-8"
    columns: tuple[str, ...] = ()  # names of the columns of a file without a header
    takes_rest: bool = False  # whether the last of these columns is the list of all remaining fields
    empty: tuple[str, ...] = ()  # cells that are read as empty, unless they are quoted


def csv_options(config: IngestConfig) -> CsvOptions:
    """The options in `config`. Raises UsageError for an invalid one."""
    delimiter = None if config.delimiter is None else _DELIMITERS.get(config.delimiter, config.delimiter)
    quote = None if config.quote in (None, "", "none") else config.quote
    _expect_one_character("--quote", quote, "Such as: --quote none")
    _expect_one_character("--escape", config.escape, "Such as: --escape '\\'")
    if quote is not None and quote == config.escape:
        raise UsageError(f"--escape {quote}: is the quote character", hint="Doubled quotes are read without --escape.")
    if delimiter is not None and (not delimiter or set(delimiter) & {"\r", "\n", quote, config.escape}):
        raise UsageError(
            f"--delimiter {config.delimiter!r}: invalid value",
            hint="Give one or more characters, no quotes, escapes or line breaks: --delimiter tab, or --delimiter ::",
        )
    _expect_encoding(config.encoding)
    names = _names(config.columns)
    takes_rest = bool(names) and config.columns[-1].strip().endswith(_REST)
    return CsvOptions(delimiter, quote, config.escape, config.encoding, names, takes_rest, config.empty)


def _names(columns: tuple[str, ...]) -> tuple[str, ...]:
    names = tuple(name.strip().removesuffix(_REST) or f"column_{i}" for i, name in enumerate(columns, 1))
    repeated = next((name for i, name in enumerate(names) if name in names[:i]), None)
    if repeated is not None:
        raise UsageError(f"--columns: duplicate name {repeated!r}", hint="Give each column a name of its own.")
    if any(name.strip().endswith(_REST) for name in columns[:-1]):
        raise UsageError(
            f"--columns: only the last name may end in {_REST}", hint="Such as: --columns user_id,items..."
        )
    return names


def _expect_one_character(option: str, value: str | None, hint: str) -> None:
    if value is not None and (len(value) != 1 or value in "\r\n"):
        raise UsageError(f"{option} {value!r}: expected a single character", hint=hint)


def _expect_encoding(name: str) -> None:
    try:
        is_text = codecs.lookup(name)._is_text_encoding  # base64 and the like are codecs too
    except (LookupError, ValueError):
        is_text = False
    if not is_text:
        raise UsageError(
            f"--encoding {name}: unknown encoding", hint="Use a name such as utf-8, windows-1252, utf-16 or shift_jis."
        )

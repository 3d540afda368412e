"""Files that `ingest` does not read: what they are, by their first bytes, and how to convert them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from etsyml_cli.ingest.formats import containers, markup
from etsyml_cli.ingest.formats.compression import Compression, compression_of, decompress_command
from etsyml_cli.ingest.formats.json_shape import lines_filter, spans_lines

HEAD_BYTES = 1 << 16
PARQUET, ARROW = b"PAR1", (b"ARROW1", b"FEA1", b"\xff\xff\xff\xff")

SPREADSHEET = "Open it in a spreadsheet program and save it as CSV UTF-8."
_FROM_ORC = "import sys, pyarrow.orc as o, pyarrow.parquet as p; p.write_table(o.read_table(sys.argv[1]), sys.argv[2])"
_FROM_PICKLE = "import sys, pandas; pandas.read_pickle(sys.argv[1]).to_csv(sys.argv[2], index=False)"


@dataclass(frozen=True)
class Foreign:
    """A kind of file, and the conversion: advice (`{file}`: the file), or a command that reads stdin."""

    name: str
    advice: str = ""
    command: str = ""
    result: str = "NEW.jsonl"
    reads_compressed: bool = False

    def hint(self, file: str, compression: Compression | None) -> str:
        """The conversion of this file, whose name is quoted for the shell."""
        if self.command:
            opened = f"{decompress_command(compression)} {file} | {self.command}" if compression else ""
            return f"Convert it: {opened or f'{self.command} < {file}'} > {self.result}"
        if compression and not self.reads_compressed:
            return f"Decompress it first: {decompress_command(compression)} {file} > NEW"
        return self.advice.replace("{file}", file)


COMPRESSED_COLUMNS = Foreign("a compressed Parquet or Arrow file")


def foreign_kind(start: bytes, path: Path, compression: Compression | None) -> Foreign | None:
    """The kind of a file whose (decompressed) first bytes are `start`; None if it may be a file that is read."""
    inner = compression_of(start)
    if compression and inner:
        return Foreign(f"a file compressed twice, with {inner} and {compression}")
    if start.startswith((PARQUET, *ARROW)):
        return COMPRESSED_COLUMNS if compression else None
    by_magic = next((kind for magic, kind in _MAGIC if start.startswith(magic)), None)
    return by_magic or next((found for find in _FINDERS if (found := find(start, path, compression))), None)


def json_kind(text: str) -> Foreign | None:
    """The kind of a JSON file that is not JSON Lines; None if it may be JSON Lines."""
    if text[:1] == "[":
        return Foreign("a JSON array, expected JSON Lines", command="jq -c '.[]'")
    return object_kind(lines_filter(text)) if text[:1] == "{" and spans_lines(text) else None


def object_kind(rows: str) -> Foreign:
    """One JSON object, whose rows a jq filter selects."""
    return Foreign("one JSON object, expected an object per line", command=f"jq -c {shlex.quote(rows)}")


def _zip(start: bytes, path: Path, compression: Compression | None) -> Foreign | None:
    if not start.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return None
    if b"xl/" in start or b"worksheets" in start:
        return Foreign("an Excel workbook", SPREADSHEET)
    if b"mimetypeapplication/vnd.oasis.opendocument" in start:
        return Foreign("an OpenDocument file", SPREADSHEET)
    names = [] if compression else containers.zip_members(path)
    if any(name.startswith("xl/") for name in names):
        return Foreign("an Excel workbook", SPREADSHEET)
    several = f" (its files: {', '.join(names[:5])}{', …' * (len(names) > 5)})" if len(names) > 1 else ""
    return Foreign(
        f"a zip archive{several}", f"Unpack it: unzip -p {{file}}{_member(names, unzip=True)} > NEW{_suffix(names)}"
    )


def _tar(start: bytes, path: Path, compression: Compression | None) -> Foreign | None:
    if not containers.is_tar(start):
        return None
    names = containers.first_tar_member(path)
    advice = f"Unpack it: tar -xOf {{file}}{_member(names)} > NEW{_suffix(names)}"
    return Foreign("a tar archive", advice, reads_compressed=compression in (None, "gzip", "bzip2", "xz", "zstd"))


def _sqlite(start: bytes, path: Path, compression: Compression | None) -> Foreign | None:
    if not start.startswith(b"SQLite format 3\x00"):
        return None
    tables = [] if compression else containers.sqlite_tables(path)
    query = 'SELECT * FROM "' + (tables or ["TABLE"])[0].replace('"', '""') + '"'  # noqa: S608  the user runs it
    others = f" (its tables: {', '.join(tables)})" if len(tables) > 1 else ""
    return Foreign(
        f"an SQLite database{others}",
        f"Export a table: sqlite3 -csv -header {{file}} {shlex.quote(query)} > NEW.csv",
    )


def _markup(start: bytes, _path: Path, _compression: Compression | None) -> Foreign | None:
    text = start.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace").lstrip()
    if markup.is_html(text):
        return Foreign("an HTML page", SPREADSHEET + " If it is an error or login page, download the file again.")
    if markup.is_xml(text):
        return Foreign("an XML file", command=markup.to_json_lines(markup.row_element(text)))
    return None


def _orc(start: bytes, _path: Path, _compression: Compression | None) -> Foreign | None:
    """ORC by its magic and a byte that no text contains, because a header may begin with these letters."""
    if not start.startswith(b"ORC") or not re.search(rb"[\x00-\x08]", start[3:64]):
        return None
    return Foreign("an ORC file", f"Convert it: python3 -c {shlex.quote(_FROM_ORC)} {{file}} NEW.parquet")


def _duckdb(start: bytes, _path: Path, _compression: Compression | None) -> Foreign | None:
    if start[8:12] != b"DUCK" or start[14:20] != bytes(6):
        return None
    return Foreign("a DuckDB database", "Export a table: duckdb -csv {file} 'FROM TABLE' > NEW.csv")


def _image(start: bytes, _path: Path, _compression: Compression | None) -> Foreign | None:
    riff = start.startswith(b"RIFF") and start[8:12] == b"WEBP"
    heif = start[:3] == bytes(3) and start[4:8] == b"ftyp"
    return _PHOTO if riff or heif or start.startswith(_IMAGE_MAGIC) else None


def _pickle(start: bytes, _path: Path, _compression: Compression | None) -> Foreign | None:
    if not re.match(rb"\x80[\x02-\x05]", start):
        return None
    command = f"python3 -c {shlex.quote(_FROM_PICKLE)} {{file}} NEW.csv"
    return Foreign("a Python pickle", f"Convert it if you trust it, because it can run code: {command}")


def _binary(start: bytes, _path: Path, _compression: Compression | None) -> Foreign | None:
    """Any other file with many bytes that no text in UTF-8 or UTF-16 contains."""
    sample = start[:4096]
    if b"\x00" not in sample or re.search(rb"\x00[,;\t\n]|[,;\t\n]\x00", sample):
        return None
    if len(re.findall(rb"[\x01-\x08\x0e-\x1a\x7f]", sample)) < max(32, len(sample) / 10):
        return None
    return Foreign("a binary file of an unknown kind", "Export the table as CSV, JSON Lines or Parquet.")


def _member(names: list[str], *, unzip: bool = False) -> str:
    if not names:
        return ""
    name = re.sub(r"[\[*?]", r"[\g<0>]", names[0]) if unzip else names[0]
    return f" {shlex.quote(name)}"


def _suffix(names: list[str]) -> str:
    return Path(names[0]).suffix if names and re.fullmatch(r"\.\w+", Path(names[0]).suffix) else ".csv"


_IMAGE_MAGIC = (b"\x89PNG", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"II*\x00", b"MM\x00*")
_PHOTO = Foreign("an image", "Expected a table: give the paths of images in its column image or images.")
_AVRO = "Convert it: duckdb -c \"INSTALL avro; LOAD avro; COPY (FROM read_avro('\"{file}\"')) TO 'NEW.parquet'\""
_MAGIC = (
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Foreign("an Excel workbook of an old format (.xls)", SPREADSHEET)),
    (b"7z\xbc\xaf\x27\x1c", Foreign("a 7z archive", "Unpack it: 7z x -so {file} > NEW.csv")),
    (b"Rar!\x1a\x07", Foreign("a RAR archive", "Unpack it: unrar p -inul {file} > NEW.csv")),
    (b"%PDF-", Foreign("a PDF document", "Export the table as CSV instead.")),
    (b"Obj\x01", Foreign("an Avro file", _AVRO)),
    (b"\x93NUMPY", Foreign("a NumPy array", "Write it as CSV or Parquet, with a name for each column.")),
    (b"\x89HDF", Foreign("an HDF5 file", "Write its table as CSV or Parquet.")),
    (b"version https://git-lfs", Foreign("a Git LFS pointer, not the file itself", "Fetch the file: git lfs pull")),
)
_FINDERS: tuple[Callable[[bytes, Path, Compression | None], Foreign | None], ...] = (
    _zip, _tar, _sqlite, _duckdb, _markup, _orc, _image, _pickle, _binary,
)  # fmt: skip

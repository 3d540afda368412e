"""XML and HTML: recognize them, and the conversion of XML to JSON Lines."""

from __future__ import annotations

import re
import shlex
from collections import Counter

_HTML = re.compile(r"<(!doctype\s+html|(html|head|body|table|div|meta|style|script|title)[\s>])", re.IGNORECASE)
_XML = re.compile(r"<(\?xml\b|!--|!DOCTYPE\b|[A-Za-z_][\w:.-]*(\s+[\w:.-]+\s*=[^<>]*)?/?>\s*<)")
_NOT_A_TAG = re.compile(r"<!--.*?-->|<!\[CDATA\[.*?\]\]>|<\?.*?\?>", re.DOTALL)
_TAG = re.compile(r"<(?P<end>/?)(?:[\w.-]+:)?(?P<name>[\w.-]+)(?P<attributes>[^<>]*?)(?P<empty>/?)>")

_SCRIPT = (
    "import json,sys,xml.etree.ElementTree as E; t=lambda e: e.tag.split('}')[-1]; "
    "[(print(json.dumps({**e.attrib, **{t(c): c.text for c in e}})), e.clear()) "
    "for _, e in E.iterparse(sys.stdin.buffer) if t(e) == 'ROW']"
)


def is_html(text: str) -> bool:
    """Whether the text begins as an HTML page."""
    return bool(_HTML.match(_NOT_A_TAG.sub("", text[:4096]).lstrip()))


def is_xml(text: str) -> bool:
    """Whether the text begins as XML. A header such as `<DATE>,<OPEN>` is not XML."""
    return bool(_XML.match(text))


def row_element(text: str) -> str:
    """The name of the element that holds a row: of those with children or attributes that repeat, the outermost."""
    depth, opened = 0, ""
    depth_of: dict[str, int] = {}
    count: Counter[str] = Counter()
    for tag in _TAG.finditer(_NOT_A_TAG.sub("", text)):
        if tag["end"]:
            depth, opened = depth - 1, ""
            continue
        for name in (opened, tag["name"] if tag["attributes"].strip() else ""):
            if name:
                count[name] += 1
                depth_of.setdefault(name, depth - (name == opened))
        depth, opened = (depth, "") if tag["empty"] else (depth + 1, "" if tag["attributes"].strip() else tag["name"])
    repeated = [name for name, n in count.items() if n > 1 and depth_of[name] > 0]
    inner = [name for name in count if depth_of[name] > 0]
    return min(repeated or inner[-1:] or ["ROW"], key=lambda name: depth_of.get(name, 0))


def to_json_lines(element: str) -> str:
    """The command that reads XML from stdin and writes a JSON object per `element` to stdout."""
    script = _SCRIPT.replace("ROW", element).replace("'", '"')
    return f"python3 -c {shlex.quote(script)}"

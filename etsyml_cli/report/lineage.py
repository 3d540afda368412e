"""What was made from what: the files of a workspace as rows, each above what was made from it."""

from __future__ import annotations

from pathlib import Path

import msgspec

from etsyml_cli.io.artifact import Manifest, Source, source_of


class Node(msgspec.Struct, kw_only=True):
    """A file or directory; `kind` is what its manifest calls it, None for what came from outside."""

    name: str
    kind: str | None


class Edge(msgspec.Struct, kw_only=True):
    """Node number `target` was made from number `source`, which has `changed` since."""

    source: int
    target: int
    changed: bool


class Lineage(msgspec.Struct, kw_only=True):
    """Every node comes after all that it was made from."""

    nodes: list[Node]
    edges: list[Edge]


def lineage(root: Path, made: dict[Path, Manifest]) -> Lineage:
    """The lineage of artifacts in the workspace `root`, given in the order of the chain."""
    there = {path: source_of(path) for path in made}
    number: dict[Source | Path, int] = {}
    nodes: list[Node] = []
    for path, manifest in made.items():
        for source in _sources(manifest):
            if _origin(source, path, there) is None and source not in number:
                number[source] = len(nodes)
                nodes.append(Node(name=source.name, kind=None))
        number[path] = len(nodes)
        nodes.append(Node(name=str(path.relative_to(root)), kind=manifest.plan.kind))
    edges = [
        Edge(
            source=number[origin or source], target=number[path], changed=origin is not None and there[origin] != source
        )
        for path, manifest in made.items()
        for source in _sources(manifest)
        for origin in [_origin(source, path, there)]
    ]
    return Lineage(nodes=nodes, edges=edges)


def _sources(manifest: Manifest) -> list[Source]:
    return list(dict.fromkeys(source for sources in manifest.plan.inputs.values() for source in sources))


def _origin(source: Source, target: Path, there: dict[Path, Source]) -> Path | None:
    """Which of the artifacts the source was: the same, or else one that bears its name now; None for neither."""
    earlier = list(there)[: list(there).index(target)]
    same = (path for path in earlier if there[path] == source)
    of_this_name = (path for path in earlier if path.name == source.name)
    return next(same, next(of_this_name, None))

"""Lineage: the files of a workspace, each listed before the files created from it."""

from __future__ import annotations

from pathlib import Path

import msgspec

from etsyml_cli.io.artifact import Manifest, Source, source_of


class Node(msgspec.Struct, kw_only=True):
    """A file or directory; `kind` is the kind in its manifest, None for files from outside the workspace."""

    name: str
    kind: str | None


class Edge(msgspec.Struct, kw_only=True):
    """Node number `target` was created from node number `source`; `changed` if the source has changed since."""

    source: int
    target: int
    changed: bool


class Lineage(msgspec.Struct, kw_only=True):
    """Nodes in topological order: every node comes after its sources."""

    nodes: list[Node]
    edges: list[Edge]


def lineage(root: Path, manifests: dict[Path, Manifest]) -> Lineage:
    """The lineage of the artifacts in the workspace `root`; an artifact must come after those it depends on."""
    current = {path: source_of(path) for path in manifests}
    number: dict[Source | Path, int] = {}
    nodes: list[Node] = []
    for path, manifest in manifests.items():
        for source in _sources(manifest):
            if _origin(source, path, current) is None and source not in number:
                number[source] = len(nodes)
                nodes.append(Node(name=source.name, kind=None))
        number[path] = len(nodes)
        nodes.append(Node(name=str(path.relative_to(root)), kind=manifest.plan.kind))
    edges = [
        Edge(
            source=number[origin or source],
            target=number[path],
            changed=origin is not None and current[origin] != source,
        )
        for path, manifest in manifests.items()
        for source in _sources(manifest)
        for origin in [_origin(source, path, current)]
    ]
    return Lineage(nodes=nodes, edges=edges)


def _sources(manifest: Manifest) -> list[Source]:
    return list(dict.fromkeys(source for sources in manifest.plan.inputs.values() for source in sources))


def _origin(source: Source, target: Path, current: dict[Path, Source]) -> Path | None:
    """The artifact that the source refers to: an identical one, else one of the same name, else None."""
    earlier = list(current)[: list(current).index(target)]
    same = (path for path in earlier if current[path] == source)
    of_this_name = (path for path in earlier if path.name == source.name)
    return next(same, next(of_this_name, None))

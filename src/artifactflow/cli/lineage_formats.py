"""The lineage of a version as a graph for other programs: Mermaid, as Markdown pages show it, and Graphviz's DOT."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from artifactflow.lineage import LineageNode
from artifactflow.runs import Run

Used = Iterable[tuple[Run, Mapping[str, str]]]
"""What `lineage.users` gives: who took the version, and what came of it."""


@dataclass(slots=True)
class _Graph:
    """Versions and runs by what they are called, and the arrows between them, each once."""

    focus: str
    removed: set[str] = field(default_factory=set)
    versions: dict[str, str] = field(default_factory=dict)
    runs: dict[str, tuple[str, str]] = field(default_factory=dict)
    arrows: dict[tuple[str, str], None] = field(default_factory=dict)

    def version(self, ref: str) -> str:
        return self.versions.setdefault(ref, f"v{len(self.versions)}")

    def run(self, run_id: str, step: str) -> str:
        return self.runs.setdefault(run_id, (f"r{len(self.runs)}", step))[0]


def _graph(root: LineageNode, used: Used) -> _Graph:
    graph = _Graph(root.ref)
    waiting = [root]
    while waiting:
        node = waiting.pop()
        made = graph.version(node.ref)
        graph.removed |= {node.ref} if node.removed else set()
        waiting += reversed(node.children)
        if node.run_id is None:
            continue
        run = graph.run(node.run_id, node.step or "")
        graph.arrows[run, made] = None
        for child in node.children:
            graph.arrows[graph.version(child.ref), run] = None
    for user, outputs in used:
        run = graph.run(user.id, user.step)
        graph.arrows[graph.version(root.ref), run] = None
        for ref in outputs.values():
            graph.arrows[run, graph.version(ref)] = None
    return graph


def mermaid(root: LineageNode, used: Used) -> str:
    """A Mermaid flowchart: versions round, runs square, the version in question emphasised."""
    graph = _graph(root, used)
    lines = ["flowchart LR"]
    lines += [f'  {key}(["{_mermaid_text(_label(graph, ref))}"])' for ref, key in graph.versions.items()]
    lines += [f'  {key}["{_mermaid_text(step)}"]' for key, step in graph.runs.values()]
    lines += [f"  {source} --> {target}" for source, target in graph.arrows]
    lines += [f"  style {graph.versions[graph.focus]} stroke-width:3px"]
    return "\n".join(lines)


def dot(root: LineageNode, used: Used) -> str:
    """A Graphviz graph: versions round, runs square with their id as a tooltip, the version in question emphasised."""
    graph = _graph(root, used)
    lines = ["digraph lineage {", "  rankdir=LR;"]
    for ref, key in graph.versions.items():
        bold = ", penwidth=3" if ref == graph.focus else ""
        lines.append(f"  {key} [label={_dot_text(_label(graph, ref))}, shape=ellipse{bold}];")
    for run_id, (key, step) in graph.runs.items():
        lines.append(f"  {key} [label={_dot_text(step)}, tooltip={_dot_text(run_id)}, shape=box];")
    lines += [f"  {source} -> {target};" for source, target in graph.arrows]
    return "\n".join([*lines, "}"])


def _label(graph: _Graph, ref: str) -> str:
    gone = " (removed)" if ref in graph.removed else ""
    return f"file {ref[7:19]}" if ref.startswith("sha256:") else f"{ref}{gone}"


def _mermaid_text(text: str) -> str:
    # Mermaid has its own entities, a number between # and ;. All but plain characters become one: quotes would end
    # the text, and its Markdown and HTML would be interpreted.
    return "".join(char if char.isalnum() or char in " -:.=,_/" else f"#{ord(char)};" for char in text)


def _dot_text(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "")
    return f'"{escaped}"'


FORMATS: Mapping[str, Callable[[LineageNode, Used], str]] = {"mermaid": mermaid, "dot": dot}
"""The writers by the names that `--format` takes, beside `text` and `json`."""

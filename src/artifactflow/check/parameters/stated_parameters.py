"""The parameters of a manifest as they are written, also where MLflow or artifactflow would refuse them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from artifactflow.errors import Place, UsageError
from artifactflow.parameters import TYPE_SYNONYMS, Parameter, ParameterType, Value
from artifactflow.read.mlproject_parameters import mlflow_text
from artifactflow.read.yaml_node import Node

SECTIONS = ("parameters", "optional_parameters")


@dataclass(frozen=True, slots=True, eq=False)
class StatedParameter:
    """One parameter of a manifest: its name, where it stands, and what it says.

    `keys` leads to it from the top of the manifest. `output` says that it is the placeholder of an output.
    """

    name: str
    keys: tuple[str, ...]
    place: Place
    node: Node
    output: bool = False

    @property
    def optional(self) -> bool:
        """Whether it stands under `optional_parameters`, which MLflow does not see."""
        return self.keys[-2] == "optional_parameters"

    @property
    def type_node(self) -> Node | None:
        """What is stated as its type, in the short form (`x: int`) too."""
        return self.node if isinstance(self.node.value, str) else self.node.get("type")

    @property
    def word(self) -> str:
        """The word for its type, empty where there is none."""
        node = self.type_node
        return node.value.strip() if node is not None and isinstance(node.value, str) else ""

    @property
    def type(self) -> ParameterType | None:
        """Its type, or None where the word for it is unknown. MLflow takes a parameter without a type for a text."""
        if self.type_node is None:
            flag = self.node.get("flag")
            return ParameterType.BOOL if flag is not None and flag.value is True else ParameterType.STR
        return TYPE_SYNONYMS.get(self.word.lower())

    @property
    def default(self) -> Node | None:
        """What is stated as its default."""
        return self.node.get("default")

    @property
    def secret(self) -> bool:
        """Whether it is marked so."""
        node = self.node.get("secret")
        return node is not None and node.value is True


def stated_parameters(root: Node) -> Iterator[StatedParameter]:
    """Every parameter of every entry point. One that an alias repeats comes once."""
    seen: set[int] = set()
    points = root.get("entry_points")
    for entry_point, point in (points.items if points else {}).items():
        outputs, command = point.get("outputs"), point.get("command")
        written = command.value if command is not None and isinstance(command.value, str) else ""
        for section in SECTIONS:
            stated = point.get(section)
            for name, node in (stated.items if stated is not None else {}).items():
                if id(node) in seen:
                    continue
                seen.add(id(node))
                output = outputs is not None and name in outputs.items and f"{{{name}}}" in written
                place = stated.key_place(name) if stated is not None else node.place
                yield StatedParameter(name, ("entry_points", entry_point, section, name), place, node, output)


def typed(name: str, kind: ParameterType, value: object) -> Value:
    """What a value of YAML is to a parameter of the type, by the text that MLflow passes. Raises UsageError."""
    try:
        return Parameter(name, kind).parse(mlflow_text(value))
    except ValueError:
        raise UsageError(f"{name} takes another value") from None

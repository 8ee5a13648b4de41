"""A value of a YAML text, with its place and what it must be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from artifactflow.errors import ContractError, Place, near_matches
from artifactflow.parameters import Value


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """One value of a YAML text.

    `value` is plain data, as `yaml.safe_load` gives it. A scalar has its source in `text` and its `style`: `plain`,
    `'`, `"`, `|` or `>`. A mapping has `items` and `key_places` by the text of its keys (`str(key)`, as MLflow takes
    them), and in `duplicates` the place of every key that was stated before: the last one counts. A sequence has
    `elements`.
    """

    value: Any
    place: Place
    text: str | None = None
    style: str | None = None
    items: Mapping[str, Node] = field(default_factory=dict)
    key_places: Mapping[str, Place] = field(default_factory=dict)
    elements: tuple[Node, ...] = ()
    duplicates: tuple[Place, ...] = ()

    def error(self, message: str, *, hint: str | None = None) -> ContractError:
        """The error that says `message` of this place."""
        return ContractError(message, hint=hint, place=self.place)

    def get(self, key: str) -> Node | None:
        """What a mapping holds under `key`, or None where it has no such key."""
        return self.items.get(key)

    def key_place(self, key: str) -> Place:
        """Where the mapping states `key`; the mapping's own place where it does not."""
        return self.key_places.get(key, self.place)

    def mapping(self, what: str) -> Mapping[str, Node]:
        """The items of a mapping. Raises ContractError naming `what` for anything else."""
        if not isinstance(self.value, dict):
            raise self.error(f"{what} must be a mapping (`key: value`), got {self.shown()}")
        return self.items

    def sequence(self, what: str) -> tuple[Node, ...]:
        """The elements of a list. Raises ContractError naming `what` for anything else."""
        if not isinstance(self.value, list):
            raise self.error(f"{what} must be a list (`[a, b]`), got {self.shown()}")
        return self.elements

    def string(self, what: str) -> str:
        """The value, which must be a text. Raises ContractError naming `what` for anything else."""
        if not isinstance(self.value, str):
            hint = f'put it in quotes: "{self.text}"' if self.text and self.style == "plain" else None
            raise self.error(f"{what} must be a text, got {self.shown()}", hint=hint)
        return self.value

    def strings(self, what: str) -> tuple[str, ...]:
        """A list of texts. Raises ContractError naming `what` for anything else."""
        return tuple(element.string(f"each of {what}") for element in self.sequence(what))

    def boolean(self, what: str) -> bool:
        """The value, which must be true or false. Raises ContractError naming `what` for anything else."""
        if not isinstance(self.value, bool):
            raise self.error(f"{what} must be true or false, got {self.shown()}")
        return self.value

    def number(self, what: str) -> float:
        """The value, which must be a number; `1e-3` is one too, though YAML 1.1 reads a text. Raises ContractError."""
        try:
            if not isinstance(self.value, (bool, str, int, float)) or isinstance(self.value, bool):
                raise ValueError
            return float(self.value) if isinstance(self.value, str) else self.value
        except ValueError:
            raise self.error(f"{what} must be a number, got {self.shown()}") from None

    def scalar(self, what: str) -> Value:
        """A single value, of which a date is a text. Raises ContractError naming `what` for a mapping or a list."""
        if self.value is None or isinstance(self.value, (str, int, float, bool)):
            return self.value
        if self.text is None:
            raise self.error(f"{what} must be a single value, got {self.shown()}")
        return self.text  # a date, which YAML reads and no parameter holds

    def refuse_duplicates(self) -> None:
        """Raise ContractError for the first key of a mapping that was stated before."""
        if self.duplicates:
            raise ContractError("a key is stated a second time", place=self.duplicates[0])

    def refuse_unknown_keys(self, known: Iterable[str], what: str) -> None:
        """Raise ContractError for the first key of a mapping that is not among `known`, with what may be meant."""
        allowed = list(known)
        for key, place in self.key_places.items():
            if key not in allowed:
                raise ContractError(
                    f"{what} has the unknown key {key!r}, expected one of {', '.join(allowed)}",
                    hint=near_matches(key, allowed),
                    place=place,
                )

    def shown(self) -> str:
        """The value in a few words, for messages."""
        if isinstance(self.value, dict):
            return "a mapping"
        if isinstance(self.value, list):
            return "a list"
        if self.value is None:
            return "nothing"
        text = repr(self.value)
        return text if len(text) <= 60 else text[:57] + "..."

"""What is noted of artifacts, runs and metrics while a script is followed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from artifactflow.errors import ContractError, Place
from artifactflow.read.orchestration.symbols import UNKNOWN, Constant, Handle, Symbol
from artifactflow.read.orchestration.texts import NO_TEXT, Text, text_of
from artifactflow.read.orchestration.tracking_uses import ArtifactUse, RunStart

MOST_USES: Final = 1000
NO_DESCRIPTION: Final = Constant("")

LOCAL_COPY: Final = "local copy"
"""What `file()` and `download()` of an artifact give: loading a model from there uses no other artifact."""


@dataclass(slots=True)
class Draft:
    """An artifact while the script is followed: later calls say more of it."""

    kind: str
    api: str
    place: Place
    name: Symbol
    type: Symbol = UNKNOWN
    description: Symbol = UNKNOWN
    method: str = ""
    waits: bool = False
    files: list[Symbol] = field(default_factory=list)

    def value(self) -> ArtifactUse:
        """What the script was found to do with it."""
        return ArtifactUse(
            self.kind,
            self.api,
            text_of(self.name),
            text_of(self.type),
            text_of(self.description),
            self.method,
            self.waits,
            self.place,
            tuple(text_of(file) for file in self.files),
        )


class Notes:
    """What the calls of one script did. `not_awaited` are the artifacts whose upload may still be under way."""

    def __init__(self) -> None:
        self.artifacts: list[Draft] = []
        self.inits: list[RunStart] = []
        self.finished = False
        self.removed: list[Place] = []
        self.parameters: list[Text] = []
        self.metrics: list[Text] = []
        self.not_awaited: list[Draft] = []
        self._handles = 0

    def handle(self, kind: str) -> Handle:
        """A new object of a kind, which no other call returned."""
        self._handles += 1
        return Handle(kind, self._handles)

    def add(self, draft: Draft) -> None:
        """Note an artifact. Raises ContractError where there are more than any script has."""
        if len(self.artifacts) >= MOST_USES:
            raise ContractError(f"the script uses and logs more than {MOST_USES} artifacts", place=draft.place)
        self.artifacts.append(draft)

    def remove(self, path: Symbol, place: Place) -> None:
        """Note that the file at `path` is deleted: a fault where it is still being uploaded."""
        if any(path in draft.files for draft in self.not_awaited) and text_of(path) != NO_TEXT:
            self.removed.append(place)


def given_text(argument: Symbol | None) -> Text:
    """The text of an argument, unknown where it is not given."""
    return text_of(argument) if argument is not None else NO_TEXT

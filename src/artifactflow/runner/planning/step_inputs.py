"""What goes into a step, as far as the steps before it have made it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from artifactflow.artifact import Version
from artifactflow.errors import NotFoundError
from artifactflow.pipeline import OutputOf, Stored
from artifactflow.plan import InputIdentity
from artifactflow.runner.binding.bound import BoundStep, Gathered, LocalPath
from artifactflow.runner.planning.gather import gathered_tree
from artifactflow.runner.planning.identities import path_identity
from artifactflow.runner.planning.planned import GatheredInput
from artifactflow.store import Store


@dataclass(frozen=True, slots=True)
class StepInputs:
    """The inputs of one step.

    `versions` and `gathered` are as in a `PlannedStep`; `identities` has every input, and `waiting` names the steps
    that have yet to make one.
    """

    versions: dict[str, Version] = field(default_factory=dict)
    gathered: dict[str, GatheredInput] = field(default_factory=dict)
    identities: dict[str, InputIdentity] = field(default_factory=dict)
    waiting: list[str] = field(default_factory=list)


def inputs_of(
    bound: BoundStep,
    known: Mapping[OutputOf, Version],
    results: Mapping[str, InputIdentity],
    store: Store | None,
) -> StepInputs:
    """What a step takes from the outputs that are `known`, from those that it comes `after`, and from outside.

    `results` tells by step which execution its results are of. Raises NotFoundError where an input is a stored artifact
    that does not exist.
    """
    inputs = StepInputs()
    for name, source in bound.inputs.items():
        if isinstance(source, LocalPath):
            inputs.identities[name] = path_identity(source.path)
        elif isinstance(source, Gathered):
            _add_gathered(inputs, name, source, known, store)
        elif isinstance(source, OutputOf) and source not in known:
            inputs.waiting.append(source.step)
            inputs.identities[name] = InputIdentity(f"output of {source}", "(to be made)")
        else:
            version = known[source] if isinstance(source, OutputOf) else _stored(source, store)
            inputs.versions[name] = version
            inputs.identities[name] = InputIdentity(str(version.digest), version.ref)
    for name in bound.after:
        # What is handed on out of sight is as new as the execution that made it.
        inputs.identities[f"after {name}"] = results.get(name, InputIdentity("", "(to be made)"))
        if name not in results:
            inputs.waiting.append(name)
    return inputs


def _add_gathered(
    inputs: StepInputs, name: str, source: Gathered, known: Mapping[OutputOf, Version], store: Store | None
) -> None:
    cells = tuple((label, known[output]) for label, output in source.outputs if output in known)
    if len(cells) < len(source.outputs) or store is None:
        inputs.waiting.append(source.step)
        inputs.identities[name] = InputIdentity(f"outputs of {source.step}", "(to be made)")
        return
    tree, index = gathered_tree(cells, store.tree)
    inputs.gathered[name] = GatheredInput(tree, index, cells)
    inputs.identities[name] = InputIdentity(str(tree.digest), ", ".join(version.ref for _, version in cells))


def _stored(source: Stored, store: Store | None) -> Version:
    if store is None:
        raise NotFoundError(f"there is no artifact {source.ref}: nothing has been stored yet")
    return store.version(source.ref)

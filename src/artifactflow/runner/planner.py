"""Decides RUN or REUSE for a step, with the reason. No user code is imported to decide."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from artifactflow import __version__
from artifactflow.artifact import Digest, Tree, TreeEntry, Version
from artifactflow.contract import Component, Contract
from artifactflow.errors import IntegrityError, NotFoundError, OutsideError
from artifactflow.fetch.addresses import local_file, text_identity
from artifactflow.parameters import ParameterType, format_value
from artifactflow.pipeline import OutputOf, Stored
from artifactflow.plan import Decision, Ingredients, InputIdentity, differences
from artifactflow.read.code import code_digests, file_digests
from artifactflow.runner.binding import BoundStep, Gathered, LocalPath
from artifactflow.runner.environment_modes import EnvironmentModes
from artifactflow.runner.environments import Environments
from artifactflow.runner.gather import gathered_tree
from artifactflow.runner.nested_callers import CALLS, calls_components
from artifactflow.runner.recorded_uses import reusable_run, why_not_reused
from artifactflow.runs import Run
from artifactflow.store import Store

SHOWN_DIFFERENCES = 3
NEVER_RUN = "never run"


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """A step with its decision.

    `versions` are the inputs that are known by now, and `gathered` those that are the folders of a matrix;
    `ingredients` and `cache_key` are None while an input is still to be made by a step before, or the environment is
    still to be resolved. `reused` is the run whose outputs serve, for REUSE and SKIP.
    """

    bound: BoundStep
    decision: Decision
    reason: str
    versions: Mapping[str, Version] = field(default_factory=dict)
    gathered: Mapping[str, GatheredInput] = field(default_factory=dict)
    ingredients: Ingredients | None = None
    cache_key: str = ""
    reused: Run | None = None

    @property
    def name(self) -> str:
        """The step's name."""
        return self.bound.name


@dataclass(frozen=True, slots=True)
class GatheredInput:
    """The folder of a matrix: its tree, its index, and the version of each cell."""

    tree: Tree
    index: bytes
    cells: tuple[tuple[str, Version], ...]


class Planner:
    """Plans the steps of one pipeline against one store.

    `store` is None where none exists yet: then nothing has ever run. What steps share (the digests of a component's
    code, the packages of an environment) is found out once.
    """

    def __init__(
        self,
        store: Store | None,
        pipeline: str,
        *,
        force: Collection[str] = (),
        use_cache: bool = True,
        environments: Environments | None = None,
    ) -> None:
        self.store = store
        self.pipeline = pipeline
        self.force = force
        self.use_cache = use_cache
        self.environments = environments or Environments(EnvironmentModes(), store.root if store else None)
        self._results: dict[str, InputIdentity] = {}
        self._code: dict[tuple[Path, Contract], dict[str, str]] = {}

    def plan(self, bound: BoundStep, known: Mapping[OutputOf, Version]) -> PlannedStep:
        """Decide about a step. `known` holds the outputs of the steps before it; what is missing is still to be made.

        Raises NotFoundError where an input is a stored artifact that does not exist.
        """
        versions: dict[str, Version] = {}
        gathered: dict[str, GatheredInput] = {}
        waiting: list[str] = []
        identities: dict[str, InputIdentity] = {}
        for name, source in bound.inputs.items():
            if isinstance(source, LocalPath):
                identities[name] = path_identity(source.path)
                continue
            if isinstance(source, Gathered):
                found = self._gathered(source, known)
                if found is None:
                    waiting.append(source.step)
                    identities[name] = InputIdentity(f"outputs of {source.step}", "(to be made)")
                else:
                    gathered[name] = found
                    labels = ", ".join(version.ref for _, version in found.cells)
                    identities[name] = InputIdentity(str(found.tree.digest), labels)
                continue
            version = known.get(source) if isinstance(source, OutputOf) else self._stored(source)
            if version is None:
                waiting.append(source.step if isinstance(source, OutputOf) else name)
                identities[name] = InputIdentity(f"output of {source}", "(to be made)")
            else:
                versions[name] = version
                identities[name] = InputIdentity(str(version.digest), version.ref)
        for name in bound.after:
            # What is handed on out of sight is as new as the execution that made it.
            identities[f"after {name}"] = self._results.get(name, InputIdentity("", "(to be made)"))
            if name not in self._results:
                waiting.append(name)
        ingredients = self.ingredients(bound, identities)
        pending = self.environments.pending(bound)
        forced = self._forced(bound)
        if waiting:
            followed = ", ".join(dict.fromkeys(waiting))
            changes = [forced] if forced else self._changes(bound, ingredients, waiting, pending)
            reason = "; ".join([*changes, f"follows {followed}"])
            return PlannedStep(bound, Decision.RUN, reason, versions, gathered)
        if pending:
            reason = forced or "; ".join(self._changes(bound, ingredients, waiting, pending))
            return PlannedStep(bound, Decision.RUN, reason, versions, gathered)
        cache_key = ingredients.cache_key()
        planned = PlannedStep(bound, Decision.RUN, "", versions, gathered, ingredients, cache_key)
        if forced:
            return _with(planned, reason=forced)
        reused, changed = reusable_run(self.store, cache_key) if self.store else (None, [])
        if self.store is None or reused is None:
            # With nothing changed since the last run, that run's record must have lost its key: it is told as it is.
            changes = [change for change in self._changes(bound, ingredients, waiting) if change != NEVER_RUN]
            return _with(planned, reason="; ".join(changes) or self._why_not_reused(bound) or NEVER_RUN)
        if changed:
            return _with(planned, reason="; ".join(changed[:SHOWN_DIFFERENCES]))
        lost = [key for key, ref in reused.outputs.items() if not self._present(self.store, ref)]
        if lost:
            return _with(planned, reason=f"output missing: {', '.join(lost)}")
        return _with(planned, decision=Decision.REUSE, reason=f"unchanged since run {reused.id}", reused=reused)

    def ingredients(self, bound: BoundStep, identities: Mapping[str, InputIdentity]) -> Ingredients:
        """Everything that the step's result depends on."""
        component, contract = bound.component, bound.contract
        hashed = dict(identities)
        parameters = dict(bound.parameters)
        for parameter in contract.parameters:
            value = bound.parameters[parameter.name]
            if parameter.secret and value is not None:
                if parameter.name in bound.presumed:
                    parameters[parameter.name] = f"*** {_short_digest(format_value(value))}"
                else:
                    del parameters[parameter.name]
                continue
            file = bound.contents.get(parameter.name) or _file_behind(parameter.type, value)
            if file is not None:
                # What counts is the content; where it lies does not.
                hashed[parameter.name] = path_identity(file)
                parameters[parameter.name] = file.name
            elif isinstance(value, str):
                parameters[parameter.name] = text_identity(value)
        return Ingredients(
            component=component.reference or component.name,
            entry_point=contract.entry_point,
            command=contract.command,
            parameters=parameters,
            inputs=hashed,
            code=self._code_of(component, contract),
            environment=self.environments.packages(bound),
            variables={name: _short_digest(os.environ.get(name, "")) for name in contract.environment_variables},
            outputs={slot.key: f"{slot.name} ({slot.type})" for slot in bound.outputs},
        )

    def _forced(self, bound: BoundStep) -> str:
        if "all" in self.force or bound.name in self.force or bound.step.name in self.force:
            return "forced"
        if not self.use_cache:
            return "run with --no-cache"
        if not (bound.contract.cache and bound.step.cache):
            return "step says cache: false"
        return ""

    def _why_not_reused(self, bound: BoundStep) -> str:
        last = self.store.last_run(self.pipeline, bound.name) if self.store else None
        if last is None and calls_components(bound):
            return f"never run, and {CALLS}"
        return why_not_reused(last)

    def _changes(self, bound: BoundStep, ingredients: Ingredients, waiting: list[str], pending: str = "") -> list[str]:
        """What is different from the last run: looked up only where there is a change to explain."""
        last = self.store.last_run(self.pipeline, bound.name) if self.store else None
        if last is None:
            return [*([] if waiting else [NEVER_RUN]), *([pending] if pending else [])]
        old = Ingredients.from_json(last.ingredients)
        if pending:
            # Nobody knows yet which packages there will be.
            found = [pending, *differences(replace(old, environment={}), replace(ingredients, environment={}))]
        else:
            found = differences(old, ingredients)
        if waiting:
            found = [change for change in found if not change.startswith("input ")]
        if len(found) > SHOWN_DIFFERENCES:
            found = [*found[:SHOWN_DIFFERENCES], f"and {len(found) - SHOWN_DIFFERENCES} more changes"]
        return found

    def settled(self, name: str, run_id: str) -> None:
        """Take note of the run whose results a step has now, for those that come after it."""
        self._results[name] = InputIdentity(run_id, run_id)

    def skip(self, bound: BoundStep, *, needed: bool) -> PlannedStep:
        """A step that the selection leaves out: the outputs of its newest finished run serve, where it has any.

        Raises NotFoundError where it has none and is `needed`, with the command that makes them.
        """
        last = self.store.last_run(self.pipeline, bound.name) if self.store else None
        lost = (
            [key for key, ref in last.outputs.items() if not self._present(self.store, ref)]
            if last and self.store
            else []
        )
        if last is None or lost:
            if not needed:
                return PlannedStep(bound, Decision.SKIP, "left out, and nothing needs it")
            raise NotFoundError(
                f"step {bound.name} is left out, but it has no outputs to take",
                hint=f"run it first: artifactflow run-pipeline --until '{bound.step.name}'",
            )
        return PlannedStep(bound, Decision.SKIP, f"left out, outputs of run {last.id}", reused=last)

    def _gathered(self, source: Gathered, known: Mapping[OutputOf, Version]) -> GatheredInput | None:
        cells = [(label, known[output]) for label, output in source.outputs if output in known]
        if len(cells) < len(source.outputs) or self.store is None:
            return None
        tree, index = gathered_tree(cells, self.store.tree)
        return GatheredInput(tree, index, tuple(cells))

    def _stored(self, source: Stored) -> Version:
        if self.store is None:
            raise NotFoundError(f"there is no artifact {source.ref}: nothing has been stored yet")
        return self.store.version(source.ref)

    def _present(self, store: Store, ref: str) -> bool:
        try:
            return store.intact(store.version(ref).digest)
        except NotFoundError:
            return False

    def _code_of(self, component: Component, contract: Contract) -> dict[str, str]:
        key = (component.folder, contract)
        if key not in self._code:
            if component.built_in:
                module = component.folder / f"{component.name}.py"
                self._code[key] = {"artifactflow": __version__, **file_digests(module, module.name)}
            else:
                self._code[key] = code_digests(component, contract)
        return self._code[key]


def needed_by(steps: Sequence[BoundStep], selected: Collection[str]) -> set[str]:
    """Those (their cells) that a selected step takes from or comes after."""
    return {name for step in steps if step.step.name in selected for name in step.waits_for()}


def _with(
    planned: PlannedStep, *, reason: str, decision: Decision = Decision.RUN, reused: Run | None = None
) -> PlannedStep:
    return replace(planned, reason=reason, decision=decision, reused=reused)


def _short_digest(text: str) -> str:
    """By which a text can be told from another, and not be read."""
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:12]


def _file_behind(kind: ParameterType, value: object) -> Path | None:
    """The local file or folder that a `path` or `uri` parameter names, where there is one."""
    if not isinstance(value, str) or not value:
        return None
    if kind is ParameterType.PATH:
        path = Path(value)
        return path if path.exists() else None
    return local_file(value) if kind is ParameterType.URI else None


def path_identity(path: Path) -> InputIdentity:
    """The identity of a file or folder outside the store: the digest of what is in it."""
    digest = tree_of(path).digest
    return InputIdentity(str(digest), f"{path.name} ({digest.short})")


def tree_of(path: Path) -> Tree:
    """The tree of a file or folder that is not stored. Raises OutsideError where it cannot be read."""
    files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    try:
        entries = []
        for file in files:
            with file.open("rb") as stream:
                digest = Digest(hashlib.file_digest(stream, "sha256").hexdigest())
            status = file.stat()
            name = file.relative_to(path).as_posix() if path.is_dir() else file.name
            entries.append(TreeEntry(name, digest, status.st_size, bool(status.st_mode & 0o100)))
        return Tree(tuple(entries), folder=path.is_dir())
    except FileNotFoundError as error:
        raise NotFoundError(f"{path} does not exist") from error
    except OSError as error:
        raise OutsideError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeEncodeError as error:
        raise IntegrityError(f"{path} holds a name that is not UTF-8") from error

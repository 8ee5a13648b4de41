"""Decides RUN or REUSE for a step, with the reason. No user code is imported to decide."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from artifactflow.artifact import Version
from artifactflow.errors import NotFoundError
from artifactflow.pipeline import OutputOf
from artifactflow.plan import Decision, Ingredients, InputIdentity, differences
from artifactflow.runner.binding.bound import BoundStep
from artifactflow.runner.environment_modes import EnvironmentModes
from artifactflow.runner.environments import Environments
from artifactflow.runner.nested.callers import CALLS, calls_components
from artifactflow.runner.planning.ingredients import IngredientFinder
from artifactflow.runner.planning.planned import PlannedStep
from artifactflow.runner.planning.step_inputs import inputs_of
from artifactflow.runner.recorded_uses import reusable_run, why_not_reused
from artifactflow.runs import Run
from artifactflow.store import Store

SHOWN_DIFFERENCES = 3
NEVER_RUN = "never run"


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
        self._ingredients = IngredientFinder(self.environments, store.root if store else None)
        self._results: dict[str, InputIdentity] = {}

    def plan(self, bound: BoundStep, known: Mapping[OutputOf, Version]) -> PlannedStep:
        """Decide about a step. `known` holds the outputs of the steps before it; what is missing is still to be made.

        Raises NotFoundError where an input is a stored artifact that does not exist.
        """
        inputs = inputs_of(bound, known, self._results, self.store)
        ingredients = self._ingredients.of(bound, inputs.identities)
        pending = self.environments.pending(bound)
        forced = self._forced(bound)
        if inputs.waiting or pending:
            changes = [forced] if forced else self._changes(bound, ingredients, inputs.waiting, pending)
            follows = [f"follows {', '.join(dict.fromkeys(inputs.waiting))}"] if inputs.waiting else []
            return PlannedStep(bound, Decision.RUN, "; ".join([*changes, *follows]), inputs.versions, inputs.gathered)
        cache_key = ingredients.cache_key()
        planned = PlannedStep(bound, Decision.RUN, forced, inputs.versions, inputs.gathered, ingredients, cache_key)
        if forced:
            return planned
        reused, reason = self._reusable(bound, ingredients, cache_key)
        return replace(planned, decision=Decision.REUSE if reused else Decision.RUN, reason=reason, reused=reused)

    def skip(self, bound: BoundStep, *, needed: bool) -> PlannedStep:
        """A step that the selection leaves out: the outputs of its newest finished run serve, where it has any.

        Raises NotFoundError where it has none and is `needed`, with the command that makes them.
        """
        last = self._last_run(bound)
        if last is not None and self.store is not None and not _lost_outputs(self.store, last):
            return PlannedStep(bound, Decision.SKIP, f"left out, outputs of run {last.id}", reused=last)
        if not needed:
            return PlannedStep(bound, Decision.SKIP, "left out, and nothing needs it")
        raise NotFoundError(
            f"step {bound.name} is left out, but it has no outputs to take",
            hint=f"run it first: artifactflow run-pipeline --until '{bound.step.name}'",
        )

    def forget(self, bound: BoundStep) -> None:
        """Take no file of the step's component for known: it may have been changed since another one was planned."""
        self._ingredients.forget(bound)

    def settled(self, name: str, run_id: str) -> None:
        """Take note of the run whose results a step has now, for those that come after it."""
        self._results[name] = InputIdentity(run_id, run_id)

    def _last_run(self, bound: BoundStep) -> Run | None:
        return self.store.last_run(self.pipeline, bound.name) if self.store else None

    def _forced(self, bound: BoundStep) -> str:
        if "all" in self.force or bound.name in self.force or bound.step.name in self.force:
            return "forced"
        if not self.use_cache:
            return "run with --no-cache"
        if not (bound.contract.cache and bound.step.cache):
            return "step says cache: false"
        return ""

    def _reusable(self, bound: BoundStep, ingredients: Ingredients, cache_key: str) -> tuple[Run | None, str]:
        """The run whose outputs serve, or None, and why."""
        found, changed = reusable_run(self.store, cache_key) if self.store else (None, [])
        if self.store is None or found is None:
            # With nothing changed since the last run, that run's record must have lost its key: it is told as it is.
            changes = [change for change in self._changes(bound, ingredients, []) if change != NEVER_RUN]
            return None, "; ".join(changes) or self._why_not_reused(bound) or NEVER_RUN
        if changed:
            return None, "; ".join(changed[:SHOWN_DIFFERENCES])
        lost = _lost_outputs(self.store, found)
        if lost:
            return None, f"output missing: {', '.join(lost)}"
        return found, f"unchanged since run {found.id}"

    def _why_not_reused(self, bound: BoundStep) -> str:
        last = self._last_run(bound)
        if last is None and calls_components(bound):
            return f"never run, and {CALLS}"
        return why_not_reused(last)

    def _changes(self, bound: BoundStep, ingredients: Ingredients, waiting: list[str], pending: str = "") -> list[str]:
        """What is different from the last run: looked up only where there is a change to explain."""
        last = self._last_run(bound)
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


def needed_by(steps: Sequence[BoundStep], selected: Collection[str]) -> set[str]:
    """Those (their cells) that a selected step takes from or comes after."""
    return {name for step in steps if step.step.name in selected for name in step.waits_for()}


def _lost_outputs(store: Store, run: Run) -> list[str]:
    """The keys of outputs that are not there any more, as they were."""
    return [key for key, ref in run.outputs.items() if not _is_present(store, ref)]


def _is_present(store: Store, ref: str) -> bool:
    try:
        return store.intact(store.version(ref).digest)
    except NotFoundError:
        return False

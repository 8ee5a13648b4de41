"""The numbers that a run measured, and how they moved since an earlier one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from artifactflow.artifact import ArtifactRef, Version
from artifactflow.errors import IntegrityError, NotFoundError
from artifactflow.runs import PipelineRun
from artifactflow.store import Store
from artifactflow.trackers.scores import last_values, points

LARGEST_FILE: Final = 1_000_000
"""Bytes of JSON that are read for metrics; whoever writes more does not mean a handful of numbers."""

_up: Final = frozenset(
    {"accuracy", "auc", "auroc", "bleu", "correlation", "f1", "iou", "kappa", "map", "mcc", "ndcg", "precision", "r2"}
    | {"recall", "rouge", "score", "sensitivity", "specificity", "throughput"}
)
_down: Final = frozenset(
    {"brier", "deviance", "error", "errors", "latency", "logloss", "loss", "mae", "mape", "mse", "perplexity"}
    | {"residual", "rmse", "rmsle", "seconds", "wer"}
)


class Verdict(StrEnum):
    """What a change means, as far as the metric's name tells."""

    BETTER = "better"
    WORSE = "worse"
    CHANGED = "changed"
    SAME = "same"
    NEW = "new"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class MetricChange:
    """One metric of one step, now and before; None where that run did not measure it."""

    step: str
    name: str
    before: float | None
    now: float | None

    @property
    def change(self) -> float | None:
        """By how much it moved."""
        return None if self.before is None or self.now is None else self.now - self.before

    @property
    def share(self) -> float | None:
        """By which share of the earlier value it moved; None where that was nothing."""
        return None if self.change is None or not self.before else self.change / abs(self.before)

    @property
    def verdict(self) -> Verdict:
        """Whether that is good.

        >>> MetricChange("train", "rmse", before=0.5, now=0.4).verdict.value
        'better'
        """
        if self.now is None:
            return Verdict.GONE
        if self.before is None:
            return Verdict.NEW
        if self.now == self.before:
            return Verdict.SAME
        direction = direction_of(self.name)
        if not direction:
            return Verdict.CHANGED
        return Verdict.BETTER if (self.now > self.before) == (direction > 0) else Verdict.WORSE


def direction_of(name: str) -> int:
    """1 for a metric that should grow, -1 for one that should shrink, 0 where its name does not tell.

    >>> [direction_of(name) for name in ("f1_macro", "test.log_loss", "neg_mean_squared_error", "depth")]
    [1, -1, 1, 0]
    """
    words = re.split(r"[^a-z0-9]+", name.lower())
    if words[0] == "neg":  # scikit-learn negates errors so that more is better
        return 1
    # An error of something good is still an error: `accuracy_loss`.
    return -1 if _down.intersection(words) else 1 if _up.intersection(words) else 0


def metrics_of(store: Store, version: Version) -> dict[str, float]:
    """The numbers in a version of a type such as `metrics`: those in its JSON, else those of its metadata."""
    if "metric" not in version.type.lower():
        return {}
    try:
        files = [entry for entry in store.tree(version.digest).entries if entry.path.endswith(".json")]
        if len(files) == 1 and files[0].size <= LARGEST_FILE:
            return last_values(points(json.loads(store.object_path(files[0].digest).read_bytes())))
    except (NotFoundError, IntegrityError, OSError, ValueError, RecursionError):
        pass  # lost, or no JSON: what the step said about it is left
    return last_values(points(version.metadata))


def measured(store: Store, record: PipelineRun) -> dict[tuple[str, str], float]:
    """Every metric of a run, by step and name, in the order of the steps."""
    found: dict[tuple[str, str], float] = {}
    for outcome in record.steps:
        for ref in outcome.outputs.values():
            try:
                version = store.version(ArtifactRef.parse(ref))
            except NotFoundError:
                continue
            found |= {(outcome.step, name): number for name, number in metrics_of(store, version).items()}
    return found


def compared(
    now: Mapping[tuple[str, str], float], before: Mapping[tuple[str, str], float], *, steps: Iterable[str]
) -> tuple[MetricChange, ...]:
    """Metrics of two runs side by side. One that only the earlier run has counts where its step is among `steps`."""
    kept = set(steps)
    keys = dict.fromkeys([*now, *(key for key in before if key[0] in kept)])
    return tuple(MetricChange(step, name, before.get((step, name)), now.get((step, name))) for step, name in keys)

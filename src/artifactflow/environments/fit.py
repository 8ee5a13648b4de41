"""Whether a component runs in the current interpreter. Asked for every run, so it loads nothing that builds."""

from __future__ import annotations

from dataclasses import dataclass

from artifactflow.contract import Component
from artifactflow.environments.current import unsatisfied
from artifactflow.pipeline import EnvironmentMode

SHOWN = 3
"""How many unmet requirements a reason names."""


@dataclass(frozen=True, slots=True)
class Fit:
    """The answer with its `reason`, for people; `warning` says that the current interpreter is taken all the same."""

    current: bool
    reason: str
    warning: str = ""


def fit_of(component: Component, mode: EnvironmentMode) -> Fit:
    """Whether a component runs in the current interpreter, with this mode."""
    environment = component.environment
    if component.built_in:
        return Fit(True, "built-in steps run in the current interpreter")
    if environment is None:
        return Fit(True, "it names no environment file")
    if mode not in (EnvironmentMode.AUTO, EnvironmentMode.CURRENT):
        return Fit(False, "as asked")
    lacking = unsatisfied(environment)
    if not lacking:
        return Fit(True, f"it satisfies {environment.file.name}")
    named = "; ".join(map(str, lacking[:SHOWN]))
    if len(lacking) > SHOWN:
        named += f"; and {len(lacking) - SHOWN} more"
    if mode is EnvironmentMode.AUTO:
        return Fit(False, f"the current interpreter does not satisfy {environment.file.name}: {named}")
    warning = (
        f"{component.name} runs in the current interpreter, which does not satisfy {environment.file.name}: {named} "
        "(--env auto builds an environment that does)"
    )
    return Fit(True, "as asked", warning)

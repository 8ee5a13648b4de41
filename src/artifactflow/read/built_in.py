"""The components that ship with artifactflow: `artifactflow:download`, `artifactflow:train`."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from artifactflow.contract import BUILT_IN_PREFIX, MAIN, Component, Environment, EnvironmentKind
from artifactflow.errors import NotFoundError, near_matches
from artifactflow.read.signature import contract_of

BUILT_IN_STEPS = {
    "download": ("urllib3", "zstandard"),
    "train": ("numpy", "pandas", "scikit-learn", "scipy", "skops"),
}
"""The packages that the result of each depends on: a newer pandas reruns `train`, and nothing else does.

Each step is the function of its name in the module of its name in `artifactflow.steps`.
"""


def step_function(name: str) -> Callable[..., object]:
    """The built-in step function. Importing it is cheap: the heavy libraries are imported when it is called."""
    if name not in BUILT_IN_STEPS:
        raise NotFoundError(
            f"artifactflow has no built-in step {name!r}, it has {', '.join(BUILT_IN_STEPS)}",
            hint=near_matches(name, BUILT_IN_STEPS),
        )
    function: Callable[..., object] = getattr(importlib.import_module(f"artifactflow.steps.{name}"), name)
    return function


def built_in_component(name: str) -> Component:
    """The component of a built-in step. Its command hands over every option; an empty one is an absent value."""
    function = step_function(name)
    contract = contract_of(function)
    options = " ".join(f"--{option}={{{option}}}" for option in contract.option_names())
    command = f"python -m artifactflow.invoke {name} {options}"
    file = Path(str(importlib.import_module(f"artifactflow.steps.{name}").__file__))
    return Component(
        name=name,
        folder=file.parent,
        entry_points={MAIN: replace(contract, command=command)},
        environment=Environment(EnvironmentKind.REQUIREMENTS, file, requirements=BUILT_IN_STEPS[name]),
        reference=f"{BUILT_IN_PREFIX}{name}",
    )

"""How a pipeline is to be run."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from artifactflow.executors import Executor
from artifactflow.runner.binding.bound import BoundStep
from artifactflow.runner.environment_modes import EnvironmentModes
from artifactflow.selection import Selection
from artifactflow.trackers import Settings

ChooseExecutor = Callable[[BoundStep], Executor]


@dataclass(frozen=True, slots=True)
class Options:
    """How to run.

    `force` names steps to run though nothing changed (`all` for every one); with `use_cache` false nothing is reused.
    `jobs` is how many steps run side by side, 0 for as many as there are processors. With `keep_going` a failed step
    stops only those that need it. `rerun` is the command that was typed, for the hint of a failure. `source` says which
    commit of which repository the pipeline was checked out from; of a local one git is asked. Steps run in forks
    of warm servers where that makes no difference, or with `cold` each in a fresh process; `choose_executor` decides
    otherwise. The servers end with the run, or with `keep_warm` so many seconds after their last use. With `inline`
    step functions run in this process, one after another, and other steps as usual. `environments` says where the steps
    run. `tracking` has the settings of the trackers that are told, which nobody waits for unless `wait_tracking` says
    so.
    """

    force: Collection[str] = ()
    use_cache: bool = True
    selection: Selection = field(default_factory=Selection)
    jobs: int = 0
    keep_going: bool = False
    rerun: str = ""
    source: Mapping[str, str | bool] = field(default_factory=dict)
    environments: EnvironmentModes = field(default_factory=EnvironmentModes)
    cold: bool = False
    keep_warm: float = 0.0
    inline: bool = False
    choose_executor: ChooseExecutor | None = None
    tracking: Settings = field(default_factory=dict)
    wait_tracking: bool = False

"""Rules about scripts that run components by mlflow.run."""

from __future__ import annotations

from collections.abc import Iterator

from artifactflow.check.findings import Finding, Rule, Severity
from artifactflow.check.orchestration import orchestration_artifacts
from artifactflow.check.orchestration.orchestrated_children import Child, children_of
from artifactflow.check.orchestration.orchestration_artifacts import check_artifacts
from artifactflow.check.subjects import OrchestratorSubject
from artifactflow.check.tree import Tree
from artifactflow.errors import near_matches
from artifactflow.read.orchestration.orchestrated import Orchestrator
from artifactflow.read.paths import is_folder
from artifactflow.read.source import read_text

CHILD_MISSING = Rule(
    "O601",
    "child-missing",
    Severity.ERROR,
    "A root runs a component that is not there.",
    "The folder does not exist, or has no MLproject file. MLflow stops there, or runs the folder without contract.\n"
    '  wrong:  mlflow.run("src/clean_data")     # the folder is src/clean\n'
    '  right:  mlflow.run("src/clean")',
)
CHILD_ENTRY_POINT_MISSING = Rule(
    "O602",
    "child-entry-point-missing",
    Severity.ERROR,
    "A root runs an entry point that the component does not have.",
    "MLflow stops with `Could not find NAME among entry points`. Without an entry point it takes `main`.",
)
PARAMETER_REFUSED = Rule(
    "O603",
    "passed-parameter-refused",
    Severity.ERROR,
    "A root passes a parameter that neither the component's manifest nor its script knows.",
    "MLflow appends what the manifest does not declare as `--name value`; the script then stops at an unknown option.",
)
PARAMETER_UNDECLARED = Rule(
    "O604",
    "passed-parameter-undeclared",
    Severity.INFO,
    "A root passes a parameter that the component's manifest does not declare.",
    "MLflow appends it to the command as `--name value`. The manifest does not say that the component takes it.",
)
PARAMETER_MISSING = Rule(
    "O605",
    "required-parameter-missing",
    Severity.ERROR,
    "A root does not pass a parameter that the component requires.",
    "MLflow stops before the component starts: `No value given for missing parameters`.",
)
ENV_MANAGER_UNSTATED = Rule(
    "O608",
    "env-manager-unstated",
    Severity.WARNING,
    "A root runs components without saying how their environments are made.",
    "`--env-manager` of the outer `mlflow run` is not handed on. Where a call says nothing, MLflow builds an "
    "environment by conda (conda_env) or virtualenv (python_env), also when the root itself was started with `local`.\n"
    "  wrong:  mlflow.run(folder, parameters=…)\n"
    '  right:  mlflow.run(folder, parameters=…, env_manager="local")',
)
GATE_UNKNOWN = Rule(
    "O610",
    "gate-unknown",
    Severity.WARNING,
    "The config chooses a step that the root does not have.",
    "A root runs `if NAME in active_steps`. A name that no `if` asks for is passed over without a word.\n"
    '  wrong:  steps: "download,claen"\n'
    '  right:  steps: "download,clean"',
)

RULES: tuple[Rule, ...] = (
    CHILD_MISSING,
    CHILD_ENTRY_POINT_MISSING,
    PARAMETER_REFUSED,
    PARAMETER_UNDECLARED,
    PARAMETER_MISSING,
    *orchestration_artifacts.RULES,
    ENV_MANAGER_UNSTATED,
    GATE_UNKNOWN,
)

_STEP_KEYS = ("steps", "execute_steps", "active_steps")


def check_orchestrator(root: OrchestratorSubject, tree: Tree) -> Iterator[Finding]:
    """Where an orchestrator and the components that it runs disagree."""
    orchestrator = root.orchestrator
    if orchestrator is None:
        return
    children = children_of(orchestrator, tree)
    for child in children:
        yield from _check_child(child)
    yield from check_artifacts(children)
    yield from _check_env_manager(orchestrator)
    yield from _check_gates(orchestrator)


def _check_child(child: Child) -> Iterator[Finding]:
    run = child.run
    if child.missing is not None:
        folder = child.missing
        beside = sorted(path.name for path in folder.parent.iterdir()) if is_folder(folder.parent) else []
        what = "it has no MLproject file" if is_folder(folder) else "there is no such folder"
        yield CHILD_MISSING.at(
            run.place,
            f"the root runs the component {run.target}, and {what}",
            hint=near_matches(folder.name, [name for name in beside if name != folder.name]) or f"looked for: {folder}",
        )
    manifest = child.component.manifest if child.component else None
    points = manifest.component.entry_points if manifest else {}
    if child.point is not None:
        yield from _check_parameters(child)
    elif manifest and points and run.entry_point and not run.entry_point.endswith((".py", ".sh")):
        yield CHILD_ENTRY_POINT_MISSING.at(
            run.place,
            f"the component {manifest.component.name} has no entry point {run.entry_point!r}, "
            f"it has {', '.join(points)}",
            hint=near_matches(run.entry_point, points) or f'name one of them: "{next(iter(points))}"',
        )


def _check_parameters(child: Child) -> Iterator[Finding]:
    run, point, contract = child.run, child.point, child.contract
    if point is None or contract is None:
        return
    declared = list(contract.option_names())
    for name, source in run.parameters.items():
        if name in declared:
            continue
        line = point.script.command_line if point.script else None
        accepted = line.accepts(f"--{name}") if line else None
        hint = near_matches(name, declared) or f"declare it in the MLproject of {child.label}: {name}: {{type: str}}"
        message = f"{child.label} does not declare the parameter {name}"
        if accepted is False:
            yield PARAMETER_REFUSED.at(
                source.place, f"{message}, and its script has no option --{name}", hint=hint, length=len(name) + 2
            )
        else:
            yield PARAMETER_UNDECLARED.at(
                source.place, f"{message}, MLflow appends it as --{name} VALUE", hint=hint, length=len(name) + 2
            )
    if run.complete:
        # artifactflow asks for every input; to MLflow it is a parameter, and its default will do.
        required = [
            item.name
            for item in contract.inputs
            if not item.optional and f"parameters.{item.name}.default" not in contract.places
        ]
        required += [parameter.name for parameter in contract.parameters if parameter.required]
        if missing := [name for name in required if name not in run.parameters]:
            yield PARAMETER_MISSING.at(
                run.place,
                f"{child.label} requires {', '.join(missing)}, and the root does not pass "
                f"{'it' if len(missing) == 1 else 'them'}",
                hint=f'pass it: parameters={{"{missing[0]}": …}}, or give it a default in the MLproject',
            )


def _check_env_manager(orchestrator: Orchestrator) -> Iterator[Finding]:
    """One finding for a root, at its first call: what mends one mends all."""
    if orchestrator.file.suffix != ".py":
        return
    silent = [run for run in orchestrator.runs if run.env_manager is None and run.use_conda is None]
    if silent:
        calls = "this call does" if len(silent) == 1 else f"{len(silent)} calls do"
        yield ENV_MANAGER_UNSTATED.at(
            silent[0].place,
            f"{calls} not say env_manager, so MLflow builds an environment for each component",
            hint='env_manager="local" runs it in the root\'s environment, "uv" and "conda" build one',
        )


def _check_gates(orchestrator: Orchestrator) -> Iterator[Finding]:
    gates = orchestrator.gates
    if not gates:
        return
    text = read_text(orchestrator.file)
    for key, (value, place) in orchestrator.config_values.items():
        # A list of steps has the keys steps.0, steps.1, …
        words = [word for word in key.split(".") if not word.isdigit()]
        if not words or words[-1] not in _STEP_KEYS or not isinstance(value, str):
            continue
        for name in (part.strip() for part in value.split(",")):
            # A name that stands in the script may be asked for in a way that was not followed.
            if name and name != "all" and name not in text and (near := near_matches(name, gates)):
                yield GATE_UNKNOWN.at(
                    place, f"the root has no step {name!r}, it has {', '.join(gates)}", hint=near, length=len(value)
                )

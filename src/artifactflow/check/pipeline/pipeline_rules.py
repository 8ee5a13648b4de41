"""Rules about pipeline files: everything that planning a run would refuse, found without a run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from artifactflow.check.findings import Finding, Rule, Severity
from artifactflow.check.parameters.parameter_secrets import check_secret
from artifactflow.check.parameters.stated_parameters import StatedParameter
from artifactflow.check.pipeline import pipeline_artifacts, pipeline_bindings
from artifactflow.check.pipeline.pipeline_artifacts import check_artifacts
from artifactflow.check.pipeline.pipeline_bindings import check_bindings
from artifactflow.check.pipeline.pipeline_facts import PipelineFacts, facts_of, folders_beside
from artifactflow.check.subjects import PipelineSubject
from artifactflow.check.tree import Tree
from artifactflow.contract import BUILT_IN_PREFIX, Contract
from artifactflow.errors import UsageError, near_matches
from artifactflow.parameters import Parameter, format_value
from artifactflow.pipeline import Interpolation, Literal, variable_name
from artifactflow.read.yaml_node import Node

COMPONENT_MISSING = Rule(
    "L501",
    "component-missing",
    Severity.ERROR,
    "A step names a component that is not there, or that cannot be read.",
    "`component:` is a folder with an MLproject file, relative to the pipeline file, or `artifactflow:NAME` for a "
    "built-in step.",
)
ENTRY_POINT_MISSING = Rule(
    "L502",
    "entry-point-missing",
    Severity.ERROR,
    "A step names an entry point that its component does not have.",
    "Without `entry_point:` a step runs `main`, or the only entry point that there is.",
)
UNUSED_PARAMETER = Rule(
    "L511",
    "pipeline-parameter-unused",
    Severity.WARNING,
    "A parameter of the pipeline reaches no step.",
    "Whoever sets it by -P or in the config changes nothing, and is not told.\n"
    "  wrong:  parameters: {seed: 7}       steps: {train: {component: train}}\n"
    '  right:  parameters: {seed: 7}       steps: {train: {component: train, with: {seed: "${seed}"}}}',
)
CONFIG_KEY_UNKNOWN = Rule(
    "L512",
    "config-key-unknown",
    Severity.ERROR,
    "The config file sets something that the pipeline does not take.",
    "A config gives values to the pipeline's parameters (`max_iter: 100`) and to what steps leave open "
    "(`train: {seed: 7}`). A key that is neither stops every run.",
)
CONFIG_VALUE_REFUSED = Rule(
    "L513",
    "config-value-refused",
    Severity.ERROR,
    "The config file sets a value that the parameter does not take.",
    "The type, the bounds and the choices are those that the pipeline declares, or the component for `step.name`.",
)
SECRET_IN_FILE = Rule(
    "L514",
    "secret-in-pipeline",
    Severity.ERROR,
    "A pipeline file or its config holds a secret.",
    "Everybody who can read the repository can read it, for ever. A secret reaches a step by an environment variable.\n"
    "  wrong:  api_key: {type: str, secret: true, default: 1f2e3d…}\n"
    "  right:  api_key: {type: str, secret: true}       and ARTIFACTFLOW_P_API_KEY in the environment",
)

RULES: tuple[Rule, ...] = (
    COMPONENT_MISSING,
    ENTRY_POINT_MISSING,
    *pipeline_bindings.RULES,
    *pipeline_artifacts.RULES,
    UNUSED_PARAMETER,
    CONFIG_KEY_UNKNOWN,
    CONFIG_VALUE_REFUSED,
    SECRET_IN_FILE,
)


_PATH_HINT = "correct the path: it is relative to the pipeline file"


def check_pipeline(pipeline: PipelineSubject, tree: Tree) -> Iterator[Finding]:
    """What is wrong with a pipeline and with what it hands to its components."""
    facts = facts_of(pipeline, tree)
    if facts is None:
        return
    yield from _check_components(facts)
    yield from check_bindings(facts)
    yield from check_artifacts(facts)
    yield from _check_unused(facts)
    yield from _check_config(facts)
    yield from _check_secrets(facts)


def _check_components(facts: PipelineFacts) -> Iterator[Finding]:
    for step in facts.pipeline.steps:
        if missing := facts.without_entry_point.get(step.name):
            yield ENTRY_POINT_MISSING.at(
                facts.entry_point_place(step),
                f"step {step.name}: {missing.message}",
                hint=missing.hint or "name one that it has: entry_point: NAME",
                length=len(step.entry_point),
            )
        if error := facts.failures.get(step.name):
            path = PurePosixPath(step.component)
            near = near_matches(path.name, folders_beside(facts.pipeline.folder / path.parent))
            yield COMPONENT_MISSING.at(
                facts.component_place(step),
                f"step {step.name}: {error}",
                hint=("" if step.component.startswith(BUILT_IN_PREFIX) else near) or error.hint or _PATH_HINT,
                length=len(step.component),
            )


def _check_unused(facts: PipelineFacts) -> Iterator[Finding]:
    used = {
        name
        for step in facts.pipeline.steps
        for binding in step.bindings.values()
        if isinstance(binding, Interpolation)
        for name in binding.names
    }
    declared = facts.root.get("parameters")
    for name in facts.parameters:
        if name not in used and declared is not None:
            yield UNUSED_PARAMETER.at(
                declared.key_place(name),
                f"no step uses the parameter {name}",
                hint=f"hand it to a step under with:, as ${{{name}}}, or take it out",
                length=len(name),
            )


def _check_config(facts: PipelineFacts) -> Iterator[Finding]:
    """Keys and values of the config. A step whose contract is not known may take anything."""
    open_parameters = {
        f"{step.name}.{parameter.name}": parameter
        for step in facts.pipeline.steps
        if step.name in facts.contracts
        for parameter in facts.contracts[step.name][1].parameters
        if parameter.name not in step.bindings
    }
    open_inputs = {
        f"{step.name}.{item.name}"
        for step in facts.pipeline.steps
        if step.name in facts.contracts
        for item in facts.contracts[step.name][1].inputs
        if item.name not in step.bindings
    }
    parameters = {**facts.parameters, **open_parameters}
    known = {*parameters, *open_inputs}
    for name, (value, place) in facts.pipeline.config.items():
        step_name, _, key = name.rpartition(".")
        if name in parameters:
            try:
                parameters[name].check(value)
            except UsageError as error:
                yield CONFIG_VALUE_REFUSED.at(place, error.message, hint=error.hint or "correct the value")
        elif name not in known and step_name not in {*facts.failures, *facts.without_entry_point}:
            same = sorted(full for full in known if full.rpartition(".")[2] == key)
            is_set = any(name == f"{step.name}.{bound}" for step in facts.pipeline.steps for bound in step.bindings)
            hint = "the step sets it itself under with:" if is_set else None
            if hint is None and same:
                hint = f"did you mean {' or '.join(same)}?"
            yield CONFIG_KEY_UNKNOWN.at(
                place,
                f"the config sets {name}, which pipeline {facts.pipeline.name} does not take",
                hint=hint or near_matches(name, known) or f"it takes {', '.join(sorted(known)) or 'no parameters'}",
            )


def _check_secrets(facts: PipelineFacts) -> Iterator[Finding]:
    """Defaults, and values of the config, that the rule about secrets in manifests would not let pass either."""
    declared = facts.root.get("parameters")
    for name, parameter in facts.parameters.items():
        node = declared.get(name) if declared else None
        default = node.get("default") if node and isinstance(node.value, dict) else node
        if default is not None and _is_secret(parameter, default):
            yield _secret(name, default, f"the secret {name} has a default")
        if name in facts.pipeline.config:
            value, place = facts.pipeline.config[name]
            stated = Node(value, place, text=str(value))
            if _is_secret(parameter, stated):
                yield _secret(name, stated, f"the config holds the secret {name}")
    for step in facts.pipeline.steps:
        contract = facts.contracts[step.name][1] if step.name in facts.contracts else Contract()
        for parameter in contract.parameters:
            binding, where = step.bindings.get(parameter.name), step.places.get(parameter.name)
            if parameter.secret and where is not None and isinstance(binding, Literal) and binding.value is not None:
                stated = Node(binding.value, where, text=format_value(binding.value))
                if _is_secret(parameter, stated):
                    full = f"{step.name}.{parameter.name}"
                    yield _secret(full, stated, f"step {step.name} states the secret {parameter.name}")


def _is_secret(parameter: Parameter, value: Node) -> bool:
    items = {"default": value, "secret": Node(parameter.secret, value.place)}
    stated = StatedParameter(
        parameter.name, ("parameters", parameter.name), value.place, Node({}, value.place, items=items)
    )
    return any(check_secret(stated))


def _secret(name: str, value: Node, message: str) -> Finding:
    hint = f"take it out, and put it into the environment: {variable_name(name)}"
    return SECRET_IN_FILE.at(value.place, message, hint=hint, length=len(value.text or " "), masked=True)

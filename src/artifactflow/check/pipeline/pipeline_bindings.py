"""What a pipeline binds under `with:` against what the component's contract takes."""

from __future__ import annotations

from collections.abc import Iterator

from artifactflow.check.findings import Finding, Rule, Severity
from artifactflow.check.pipeline.pipeline_facts import PipelineFacts
from artifactflow.contract import Contract
from artifactflow.errors import UsageError, near_matches
from artifactflow.parameters import Parameter
from artifactflow.pipeline import Interpolation, Literal, OutputOf, Step, Stored

UNKNOWN_BINDING = Rule(
    "L503",
    "unknown-binding",
    Severity.ERROR,
    "A step sets something that its component does not take.",
    "Names under `with:` are the component's parameters and inputs.\n"
    "  wrong:  with: {max_itr: 200}\n"
    "  right:  with: {max_iter: 200}",
)
BINDING_MISSING = Rule(
    "L504",
    "binding-missing",
    Severity.ERROR,
    "A step leaves open what its component requires.",
    "Nothing gives the value: neither `with:`, nor the config, nor a default. Where the caller is meant to give it, "
    "declare a parameter of the pipeline without default and hand it on.\n"
    "  wrong:  train: {component: train}\n"
    '  right:  train: {component: train, with: {data: "${clean.table}"}}',
)
VALUE_REFUSED = Rule(
    "L505",
    "value-refused",
    Severity.ERROR,
    "A step hands over a value that its component does not take.",
    "The value has another type, lies outside the bounds or is none of the choices. The default of the pipeline's "
    "parameter counts too: it is the value where nobody gives another.\n"
    "  wrong:  with: {test_size: 1.2}     # the component: {type: float, minimum: 0, maximum: 1}\n"
    "  right:  with: {test_size: 0.2}",
)
UNKNOWN_REFERENCE = Rule(
    "L506",
    "unknown-reference",
    Severity.ERROR,
    "A reference names no parameter, step or output.",
    "`${name}` is a parameter that the pipeline declares, `${step.key}` an output of another step by its key in the "
    "component's `outputs:`, not by the artifact's name. `$$` is a dollar.",
)
ARTIFACT_FOR_PARAMETER = Rule(
    "L507",
    "artifact-for-parameter",
    Severity.ERROR,
    "A parameter is bound to an artifact.",
    "Artifacts go to inputs. A parameter that is meant to take one is declared so in the component: "
    "`raw: {type: path, artifact: raw_data}`.",
)

RULES = (UNKNOWN_BINDING, BINDING_MISSING, VALUE_REFUSED, UNKNOWN_REFERENCE, ARTIFACT_FOR_PARAMETER)


def check_bindings(facts: PipelineFacts) -> Iterator[Finding]:
    """What is wrong with the bindings of every step; those of a step without contract only by their references."""
    for step in facts.pipeline.steps:
        yield from _check_references(facts, step)
        if step.name in facts.contracts:
            component, contract = facts.contracts[step.name]
            yield from _check_names(facts, step, contract, component.name)
            yield from _check_missing(facts, step, contract)
            for parameter in contract.parameters:
                yield from _check_value(facts, step, parameter)


def _check_references(facts: PipelineFacts, step: Step) -> Iterator[Finding]:
    for name, binding in step.bindings.items():
        place = facts.value_place(step, name)
        if isinstance(binding, Interpolation):
            for used in dict.fromkeys(binding.names):
                if used not in facts.parameters:
                    yield UNKNOWN_REFERENCE.at(
                        place,
                        f"step {step.name}: {name} uses ${{{used}}}, which is no parameter of the pipeline",
                        hint=near_matches(used, facts.parameters) or f"declare {used} under parameters:",
                        length=len(f"${{{used}}}"),
                    )
        elif isinstance(binding, OutputOf):
            yield from _check_output(facts, step, name, binding)


def _check_output(facts: PipelineFacts, step: Step, name: str, binding: OutputOf) -> Iterator[Finding]:
    place, length = facts.value_place(step, name), len(str(binding))
    steps = [other.name for other in facts.pipeline.steps]
    if binding.step not in steps:
        yield UNKNOWN_REFERENCE.at(
            place,
            f"step {step.name}: {name} takes {binding}, and there is no step {binding.step!r}",
            hint=near_matches(binding.step, steps) or f"the steps are {', '.join(steps)}",
            length=length,
        )
    elif binding.step in facts.contracts:
        component, contract = facts.contracts[binding.step]
        keys = [output.key for output in contract.outputs]
        if binding.key not in keys:
            yield UNKNOWN_REFERENCE.at(
                place,
                f"step {step.name}: {name} takes {binding}, and {component.name} has no output {binding.key!r}",
                hint=near_matches(binding.key, keys) or f"its outputs are {', '.join(keys) or '(none)'}",
                length=length,
            )


def _check_names(facts: PipelineFacts, step: Step, contract: Contract, component: str) -> Iterator[Finding]:
    known = contract.names()
    for name in step.bindings:
        if name not in known:
            yield UNKNOWN_BINDING.at(
                facts.key_place(step, name),
                f"step {step.name} sets {name!r}, which {component} does not take",
                hint=near_matches(name, known) or f"it takes {', '.join(known) or 'nothing'}",
                length=len(name),
            )


def _check_missing(facts: PipelineFacts, step: Step, contract: Contract) -> Iterator[Finding]:
    place = step.place or facts.root.place
    for item in contract.inputs:
        if not item.optional and not _is_given(facts, step, item.name):
            yield BINDING_MISSING.at(
                place,
                f"step {step.name} needs the input {item.name}",
                hint=f"bind it under with:, as {item.name}: ${{STEP.OUTPUT}}",
                length=len(step.name),
            )
    for parameter in contract.parameters:
        if parameter.required and not _is_given(facts, step, parameter.name):
            yield BINDING_MISSING.at(
                place,
                f"step {step.name} needs the parameter {parameter.name}, it takes {parameter.expects()}",
                hint=f"give it under with:, as {parameter.name}: VALUE or {parameter.name}: ${{NAME}}",
                length=len(step.name),
            )


def _is_given(facts: PipelineFacts, step: Step, name: str) -> bool:
    return name in step.bindings or f"{step.name}.{name}" in facts.pipeline.config


def _check_value(facts: PipelineFacts, step: Step, parameter: Parameter) -> Iterator[Finding]:
    binding = step.bindings.get(parameter.name)
    place = facts.value_place(step, parameter.name)
    if isinstance(binding, (OutputOf, Stored)):
        yield ARTIFACT_FOR_PARAMETER.at(
            place,
            f"step {step.name}: {parameter.name} is a parameter, it cannot take an artifact",
            hint=f"bind {_words(facts, step)}, or declare {parameter.name} as an input in the component",
        )
    elif isinstance(binding, (Literal, Interpolation)):
        known = facts.bound_value(binding)
        if known is None:
            return
        try:
            parameter.check(known.value)
        except UsageError as error:
            names = ", ".join(f"${{{name}}}" for name in binding.names) if isinstance(binding, Interpolation) else ""
            origin = f"; that is what {names} gives where the caller says nothing" if names else ""
            yield VALUE_REFUSED.at(
                place,
                f"step {step.name}: {error.message}{origin}",
                hint=error.hint or f"give {parameter.expects()}",
                length=len(str(known.value)) if not names else len(names),
            )


def _words(facts: PipelineFacts, step: Step) -> str:
    inputs = [item.name for item in facts.contracts[step.name][1].inputs]
    return f"the artifact to an input ({', '.join(inputs)})" if inputs else "a value"

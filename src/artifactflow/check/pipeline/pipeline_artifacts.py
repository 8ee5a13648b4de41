"""The artifacts of a pipeline: their names, their types, and the order in which they are handed on."""

from __future__ import annotations

from collections.abc import Iterator

from artifactflow.artifact import URI_PREFIX, check_name
from artifactflow.check.findings import Finding, Rule, Severity
from artifactflow.check.pipeline.pipeline_facts import PipelineFacts
from artifactflow.contract import DEFAULT_OUTPUT_TYPE, Input, Output, fill_template, template_names
from artifactflow.errors import ArtifactflowError, UsageError
from artifactflow.fetch.addresses import local_path
from artifactflow.parameters import Value
from artifactflow.pipeline import Interpolation, Literal, OutputOf, Step
from artifactflow.read.paths import exists

TYPE_DIFFERS = Rule(
    "L508",
    "artifact-type-differs",
    Severity.WARNING,
    "An input expects an artifact of another type than the one bound to it.",
    "Types say what an artifact is for: a step that expects `clean_data` and is handed `raw_data` is bound to the "
    "wrong output, or states the wrong type.",
)
NAME_SHARED = Rule(
    "L509",
    "artifact-name-shared",
    Severity.ERROR,
    "Two steps produce an artifact of one name.",
    "Whichever ran last would be `name:latest`, so planning refuses it. An output's `name:` may use a parameter: "
    '`name: "{artifact_name}"`.',
)
CYCLE = Rule(
    "L510",
    "step-cycle",
    Severity.ERROR,
    "Steps take from each other in a circle.",
    "No order lets each come after those that it takes from.",
)
INPUT_FILE_MISSING = Rule(
    "L515",
    "input-file-missing",
    Severity.WARNING,
    "An input is a file or folder that does not exist.",
    "A path under `with:` is relative to the pipeline file. It may be there on another machine; here the pipeline "
    "cannot be planned.",
)
NAME_REFUSED = Rule(
    "L516",
    "artifact-name-refused",
    Severity.ERROR,
    "What a step hands over gives its artifact a name or a type that none can have.",
    "Names and types are letters, digits, `_`, `-` and `.`: what every tracker and file system takes.",
)

RULES = (TYPE_DIFFERS, NAME_SHARED, CYCLE, INPUT_FILE_MISSING, NAME_REFUSED)


def check_artifacts(facts: PipelineFacts) -> Iterator[Finding]:
    """What is wrong with what steps hand to each other."""
    yield from _check_names(facts)
    for step in facts.pipeline.steps:
        if step.name in facts.contracts:
            for item in facts.contracts[step.name][1].inputs:
                yield from _check_input(facts, step, item)
    names = {step.name for step in facts.pipeline.steps}
    if all(upstream in names for step in facts.pipeline.steps for upstream in step.upstream()):
        try:
            facts.pipeline.order()
        except ArtifactflowError as error:
            yield CYCLE.at(error.place or facts.root.place, error.message, hint=error.hint or "")


def _check_names(facts: PipelineFacts) -> Iterator[Finding]:
    owners: dict[str, Step] = {}
    for step in facts.pipeline.steps:
        if step.name not in facts.contracts:
            continue
        values = facts.step_values(step)
        for output in facts.contracts[step.name][1].outputs:
            yield from _check_words(step, output, values, facts)
            name = _filled(output.name, values)
            if name is None:
                continue
            other = owners.setdefault(name, step)
            if other is not step:
                yield NAME_SHARED.at(
                    step.place or facts.root.place,
                    f"the steps {other.name} and {step.name} both produce an artifact called {name!r}",
                    hint=_hint_for_name(output),
                    length=len(step.name),
                )


def _check_words(step: Step, output: Output, values: dict[str, Value], facts: PipelineFacts) -> Iterator[Finding]:
    for template, what in ((output.name, "artifact name"), (output.type, "artifact type")):
        word = _filled(template, values)
        try:
            if word is not None:
                check_name(word, what)
        except UsageError as error:
            given = [name for name in template_names(template) if name in step.bindings]
            place = facts.value_place(step, given[0]) if given else step.place or facts.root.place
            yield NAME_REFUSED.at(
                place, f"step {step.name}: the output {output.key}: {error.message}", hint=error.hint or ""
            )


def _hint_for_name(output: Output) -> str:
    names = template_names(output.name)
    if names:
        return f"give {names[0]} another value in one of them"
    return f"name the output by a parameter in the component, as name: {output.name}-{{variant}}"


def _check_input(facts: PipelineFacts, step: Step, item: Input) -> Iterator[Finding]:
    binding = step.bindings.get(item.name)
    place = facts.value_place(step, item.name)
    if isinstance(binding, OutputOf):
        yield from _check_type(facts, step, item, binding)
    elif isinstance(binding, (Literal, Interpolation)):
        known = facts.bound_value(binding)
        if known is None or not isinstance(known.value, str) or known.value.startswith(URI_PREFIX):
            return
        try:
            path = facts.pipeline.folder / local_path(known.value)
            missing = "" if not known.value or exists(path) else f"there is no {path}"
        except UsageError as error:
            missing = error.message
        if missing:
            yield INPUT_FILE_MISSING.at(
                place,
                f"step {step.name}: the input {item.name} is {known.value}, and {missing}",
                hint=f"correct the path, or name a stored artifact: {URI_PREFIX}/NAME/ALIAS",
                length=len(known.value) if isinstance(binding, Literal) else 1,
            )


def _check_type(facts: PipelineFacts, step: Step, item: Input, binding: OutputOf) -> Iterator[Finding]:
    if binding.step not in facts.contracts or item.type in ("", DEFAULT_OUTPUT_TYPE):
        return
    producer = facts.pipeline.step(binding.step)
    output = next((each for each in facts.contracts[producer.name][1].outputs if each.key == binding.key), None)
    found = _filled(output.type, facts.step_values(producer)) if output else None
    if found is not None and found not in (DEFAULT_OUTPUT_TYPE, item.type):
        yield TYPE_DIFFERS.at(
            facts.value_place(step, item.name),
            f"step {step.name}: {item.name} expects an artifact of type {item.type}, {binding} is of type {found}",
            hint=f"bind an output of type {item.type}, or correct the type in one of the components",
            length=len(str(binding)),
        )


def _filled(template: str, values: dict[str, Value]) -> str | None:
    """A name or type with the step's values in it; None where one of them is not known."""
    if any(name not in values for name in template_names(template)):
        return None
    try:
        return fill_template(template, values)
    except ArtifactflowError:
        return None

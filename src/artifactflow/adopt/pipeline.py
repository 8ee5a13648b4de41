"""An orchestrated root → pipeline.yaml: its steps, their values, and the edges that can be stated."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from artifactflow.adopt.adoption import Adoption, Remark
from artifactflow.adopt.pipeline_values import Values
from artifactflow.artifact import check_name
from artifactflow.contract import MAIN, Contract, fill_template, template_names
from artifactflow.errors import ArtifactflowError, ContractError, Place, UsageError
from artifactflow.parameters import Parameter
from artifactflow.pipeline import OutputOf, Pipeline, Step
from artifactflow.read.mlproject import find_manifest, read_manifest
from artifactflow.read.orchestration.orchestrated import ChildRun, HandedOn, Orchestrator
from artifactflow.read.pipeline import find_pipeline_file
from artifactflow.write.pipeline import write_pipeline_text


@dataclass(slots=True)
class _Child:
    """One run of the root on its way to a step. `contract` is None where the component cannot be read."""

    run: ChildRun
    step: Step
    contract: Contract | None
    after: list[str] = field(default_factory=list)


def adopt_root(root: Orchestrator) -> Adoption:
    """The pipeline file of a root, beside it. The root and its components stay as they are.

    An artifact that is handed on by its name in W&B is an edge only where the components declare it as an output and
    an input; otherwise the file says in a comment where it comes from. Raises ContractError where no step is known.
    """
    folder = root.file.parent
    remarks: list[Remark] = [Remark(f"not followed: {line}", place) for line, place in root.unknown]
    children = list(_children(root, remarks))
    if not children:
        raise ContractError("which components it runs is only known when it runs", place=Place(str(root.file)))
    if root.gates:
        message = f"chooses among the steps {', '.join(root.gates)}: in the pipeline each of them runs"
        first = next(run.place for run in root.runs if run.gate is not None)
        remarks.append(Remark(message, first))
    values = Values(root)
    for child in children:
        _bind(child, values, remarks)
    _join(children, remarks)
    unused = [name for name in root.config_values if name not in values.used] if values.config else []
    if unused:
        message = f"no step takes {', '.join(unused)}: declared because the config file sets them"
        remarks.append(Remark(message, Place(str(root.config_file), 1)))
    if root.config_file is not None and not values.config:
        message = "is no plain mapping of values: they stand in the pipeline file as defaults"
        remarks.append(Remark(message, Place(str(root.config_file), 1)))
    file = find_pipeline_file(folder) or folder / "pipeline.yaml"
    pipeline = Pipeline(
        name=_pipeline_name(folder),
        folder=folder,
        file=file,
        parameters=values.parameters(),
        steps=tuple(child.step for child in children),
    )
    text = write_pipeline_text(
        pipeline,
        config=values.config,
        heading=[f"Adopted from {root.file.name}, which is as it was."],
        comments={child.step.name: child.after for child in children},
    )
    found = dict.fromkeys([*remarks, *values.remarks])
    ordered = sorted(found, key=lambda remark: (remark.place.file, remark.place.line or 0))
    return Adoption("pipeline", folder, {file.name: text}, tuple(ordered))


def _children(root: Orchestrator, remarks: list[Remark]) -> Iterator[_Child]:
    taken: set[str] = set()
    for run in root.runs:
        if run.target is None:
            remarks.append(Remark("which component runs here is not known: the step is left out", run.place))
            continue
        entry_point = run.entry_point or MAIN
        if run.entry_point is None:
            remarks.append(Remark("which entry point runs here is not known: main", run.place))
        name = _free_name(_step_name(run), taken)
        taken.add(name)
        contract = _contract(root.file.parent, run, entry_point, name, remarks)
        step = Step(name, run.target, contract.entry_point if contract else entry_point)
        yield _Child(run, step, contract)


def _step_name(run: ChildRun) -> str:
    """The name by which the root chooses the step, else its folder's, else its entry point's."""
    folder = (run.target or "").split("#")[-1].rstrip("/").rpartition("/")[2].removesuffix(".git")
    wanted = run.gate or (folder if folder not in {"", "."} else run.entry_point) or "step"
    return re.sub(r"[^A-Za-z0-9_-]+", "_", wanted).strip("-_") or "step"


def _free_name(wanted: str, taken: set[str]) -> str:
    name, number = wanted, 2
    while name in taken:
        name, number = f"{wanted}-{number}", number + 1
    return name


def _contract(folder: Path, run: ChildRun, entry_point: str, name: str, remarks: list[Remark]) -> Contract | None:
    """The contract of the component that a run names, or None with a remark that says why it cannot run yet."""
    target = run.target or ""
    if "://" in target or target.startswith("git@"):
        remarks.append(Remark(f"{name} cannot run yet: copy {target} into the project", run.place))
        return None
    manifest = find_manifest(folder / target)
    if manifest is None:
        remarks.append(Remark(f"{name} cannot run yet: there is no MLproject in {target}", run.place))
        return None
    try:
        return read_manifest(manifest).component.contract(entry_point)
    except ArtifactflowError as error:
        remarks.append(Remark(f"{name} cannot run yet: {error}", run.place))
        return None


def _bind(child: _Child, values: Values, remarks: list[Remark]) -> None:
    contract, name = child.contract, child.step.name
    declared: dict[str, Parameter] = {one.name: one for one in contract.parameters} if contract else {}
    outputs = {output.key for output in contract.outputs if output.placeholder} if contract else set()
    bindings = {}
    for key, source in child.run.parameters.items():
        if key in outputs:
            continue  # where an output is written is the runner's to say
        binding = values.binding(key, source, declared.get(key))
        if binding is not None:
            bindings[key] = binding
        if contract is not None and key not in contract.names():
            remarks.append(Remark(f"{name} cannot run yet: it does not declare {key}", source.place))
    child.step = replace(child.step, bindings=bindings)


def _join(children: list[_Child], remarks: list[Remark]) -> None:
    """Bind what is handed on: the artifact that a step names, to the step before it which produces that name."""
    for position, child in enumerate(children):
        inputs = {item.name for item in child.contract.inputs} if child.contract else set()
        before = [(earlier, key, name) for earlier in children[:position] for key, name in _produced(earlier)]
        bindings = dict(child.step.bindings)
        after: list[str] = []
        for handed in _consumed(child, inputs):
            name = _artifact_name(handed.text)
            makers = [(earlier, key) for earlier, key, made in before if made in (name, handed.text)]
            if not makers:
                if not handed.produced and ":" in handed.text:
                    message = f"{child.step.name} takes {handed.text}, which no step before it produces"
                    remarks.append(Remark(message, handed.place))
                continue
            maker, key = makers[-1]
            if handed.parameter in inputs and key is not None:
                bindings[handed.parameter] = OutputOf(maker.step.name, key)
                continue
            child.after.append(f"takes {name} from {maker.step.name} by its name in W&B")
            after.append(maker.step.name)
            message = (
                f"{child.step.name} takes {name} from {maker.step.name} by its name in W&B: it comes after that step, "
                f"and runs again whenever that did"
            )
            remarks.append(Remark(message, handed.place))
        child.step = replace(child.step, bindings=bindings, after=tuple(dict.fromkeys(after)))


def _consumed(child: _Child, inputs: set[str]) -> Iterator[HandedOn]:
    """The artifacts that a step is told of, and the paths that are given to its inputs."""
    named = {handed.parameter for handed in child.run.artifacts}
    yield from (handed for handed in child.run.artifacts if not handed.produced or handed.parameter in inputs)
    for key, source in child.run.parameters.items():
        if key in inputs and key not in named and isinstance(source.value, str):
            yield HandedOn(key, source.value, False, source.place)


def _produced(child: _Child) -> Iterator[tuple[str | None, str]]:
    """What a step produces, by name or path, with the key of the output, or None where it declares none for it."""
    outputs = child.contract.outputs if child.contract else ()
    given = {key: source.value for key, source in child.run.parameters.items() if isinstance(source.value, str)}
    for handed in child.run.artifacts:
        if handed.produced:
            matching = [o.key for o in outputs if handed.parameter in (o.key, *template_names(o.name))]
            yield matching[0] if matching else None, handed.text
    for output in outputs:
        if output.placeholder and output.key in given:
            yield output.key, given[output.key]
        if not template_names(output.name):
            yield output.key, fill_template(output.name, {})


def _artifact_name(reference: str) -> str:
    """`project/sample.csv:latest` → `sample.csv`."""
    return reference.rpartition("/")[2].partition(":")[0]


def _pipeline_name(folder: Path) -> str:
    manifest = find_manifest(folder)
    try:
        name = read_manifest(manifest).component.name if manifest else folder.resolve().name
        return check_name(name, "pipeline name")
    except UsageError:
        return re.sub(r"[^A-Za-z0-9_.-]+", "-", folder.resolve().name).strip("-.") or "pipeline"

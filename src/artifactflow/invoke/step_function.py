"""`run`, and the call of a step function with what its contract promises it."""

from __future__ import annotations

import functools
import inspect
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from artifactflow.contract import Input, Output
from artifactflow.errors import ArtifactflowError, StepFailedError
from artifactflow.fetch.addresses import local_path
from artifactflow.formats import format_of_annotation
from artifactflow.formats.metadata import add_metadata
from artifactflow.parameters import Value
from artifactflow.read.signature import contract_of, returned_annotations, without_none


def run(function: Callable[..., object], arguments: Sequence[str] | None = None) -> NoReturn:
    """Run a step function from the command line; the process ends with it.

    `arguments` defaults to `sys.argv[1:]`. What the function raises on its own shows as an ordinary traceback and
    exit code 1; an artifactflow error as its message and its exit code.
    """
    import typer

    from artifactflow.invoke.command_line import add_command

    try:
        contract = contract_of(function)
        app = typer.Typer(
            rich_markup_mode=None,
            add_completion=False,
            pretty_exceptions_enable=False,
            context_settings={"help_option_names": ["-h", "--help"]},
        )
        add_command(
            app,
            contract,
            function.__name__,
            lambda values, _: call_step_function(function, values),
            outputs=True,
        )
        code = app(list(sys.argv[1:] if arguments is None else arguments), standalone_mode=False)
    except ArtifactflowError as error:
        print(error.render(), file=sys.stderr)  # noqa: T201 - this is a command line
        raise SystemExit(error.exit_code) from None
    except typer.TyperException as error:
        print(f"error: {error.format_message()}", file=sys.stderr)  # noqa: T201 - this is a command line
        raise SystemExit(error.exit_code) from None
    except typer.Abort:
        raise SystemExit(130) from None
    raise SystemExit(code if isinstance(code, int) else 0)


def call_step_function(function: Callable[..., object], values: Mapping[str, Value]) -> None:
    """Call `function` with `values` by option name: parameters as they are, inputs and outputs as paths.

    Inputs are read by the format of their annotation; what is returned is written to the paths of the outputs. Raises
    StepFailedError where the function does not return what its contract promises.
    """
    signature = _signature(function)
    arguments: dict[str, Any] = {}
    for parameter in signature.parameters.values():
        base, extras = _unwrapped(parameter.annotation)
        marker = next((extra for extra in extras if isinstance(extra, (Input, Output))), None)
        base, _ = without_none(base)
        if isinstance(marker, Input):
            path = values.get(marker.name or parameter.name)
            arguments[parameter.name] = None if path is None else format_of_annotation(base).read(_existing(path))
        elif isinstance(marker, Output):
            arguments[parameter.name] = _place_for(Path(str(values[marker.key or parameter.name])))
        else:
            arguments[parameter.name] = _as_annotated(base, values[parameter.name])
    result = function(**arguments)
    returned = returned_annotations(function)
    results = result if len(returned) > 1 and isinstance(result, tuple) else (result,) if returned else ()
    if len(results) != len(returned) or any(value is None for value in results):
        raise StepFailedError(
            f"{function.__name__} returned {type(result).__name__}, its contract promises "
            + ", ".join(key for key, _ in returned)
        )
    given = [argument for argument in arguments.values() if isinstance(argument, Path)]
    for (key, annotation), value in zip(returned, results, strict=True):
        place = _place_for(Path(str(values[key])))
        if isinstance(value, Path) and any(value.resolve() == path.resolve() for path in given):
            _copy(value, place)  # a path that is returned is moved, but an input is not the step's to move
        else:
            format_of_annotation(annotation).write(value, place)
        add_metadata(key, _facts_of(value))


@functools.lru_cache(maxsize=64)
def _signature(function: Callable[..., object]) -> inspect.Signature:
    return inspect.signature(function, eval_str=True)


def _unwrapped(annotation: Any) -> tuple[Any, tuple[object, ...]]:
    extras = getattr(annotation, "__metadata__", ())
    return (annotation.__origin__, extras) if extras else (annotation, ())


def _existing(path: Value) -> Path:
    found = local_path(str(path))
    if not found.exists():
        raise StepFailedError(f"the input {found} does not exist", hint="give the path of a file or folder that does")
    return found


def _place_for(path: Path) -> Path:
    """The path, with the folder that it lies in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        shutil.copyfile(source, target)


def _as_annotated(base: Any, value: Value) -> Any:
    if value is None:
        return None
    if isinstance(base, type) and not issubclass(base, (str, int, float, bool)):
        made: Callable[[Value], Any] = base
        return made(value)  # a Path, a Uri, or a member of an Enum
    return value


def _facts_of(value: object) -> dict[str, Any]:
    """The shape of a table: the one thing that is asked of nearly every artifact."""
    shape, columns = getattr(value, "shape", None), getattr(value, "columns", None)
    if shape is None or columns is None or len(shape) != 2:
        return {}
    return {"rows": int(shape[0]), "columns": [str(column) for column in columns]}

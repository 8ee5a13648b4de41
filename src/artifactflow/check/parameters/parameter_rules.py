"""Rules about parameters: their types, paths and addresses.

`parameter_values.py` has those about defaults, choices and bounds, `parameter_secrets.py` the one about secrets.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from typing import Final

from artifactflow.check.findings import Finding, Rule, Severity
from artifactflow.check.manifest.manifest_fixes import mend, replace_key, replace_value
from artifactflow.check.manifest.manifest_keys import run_together
from artifactflow.check.parameters import parameter_secrets, parameter_values
from artifactflow.check.parameters.stated_parameters import StatedParameter, stated_parameters, typed
from artifactflow.check.subjects import ComponentSubject
from artifactflow.errors import UsageError
from artifactflow.parameters import TYPE_SYNONYMS, ParameterType
from artifactflow.read.yaml_node import Node

UNKNOWN_TYPE = Rule(
    "P101",
    "unknown-type",
    Severity.WARNING,
    "The word for a parameter's type means none.",
    """It is taken for a text, so no value is checked.

Wrong:  rate: {type: flaot, default: 0.1}
Right:  rate: {type: float, default: 0.1}""",
)
RUN_TOGETHER = Rule(
    "P102",
    "key-and-value-run-together",
    Severity.ERROR,
    "A key and its value are one word to YAML, so what they say is lost.",
    """A value needs a colon and a blank before it.

Wrong:  seed: {type str, default:1}
Right:  seed: {type: str, default: 1}""",
)
RELATIVE_PATH = Rule(
    "P111",
    "relative-path-default",
    Severity.WARNING,
    "The default of a path is relative: to MLflow, to the folder of whoever calls it.",
    """`mlflow run components/clean` looks for it in the current folder and not in the component, and stops where it is
not there.

Wrong:  raw: {type: path, default: data/raw.csv}
Right:  raw: {type: path}
   or:  raw: {type: str, default: data/raw.csv}      # the command is started in the component's folder""",
)
OUTPUT_IS_PATH = Rule(
    "P112",
    "output-typed-path",
    Severity.ERROR,
    "The placeholder of an output is of the type path, which has to exist before the run.",
    """MLflow stops with "no such file or directory was found": the step has yet to write it.

Wrong:  clean: {type: path, default: clean.csv}
Right:  clean: {type: str, default: clean.csv}""",
)
LOCAL_URI = Rule(
    "P113",
    "local-uri-default",
    Severity.ERROR,
    "The default of a uri is a local path, which MLflow refuses.",
    """MLflow stops with "Expected URI for parameter": an address begins with a scheme.

Wrong:  source: {type: uri, default: data/raw.csv}
Right:  source: {type: str, default: data/raw.csv}""",
)
NOT_FOR_MLFLOW = Rule(
    "P114",
    "optional-for-artifactflow-only",
    Severity.INFO,
    "An optional parameter that plain `mlflow run` cannot express.",
    """MLflow does not see optional_parameters: it knows no default of theirs, and appends every value it is given as
`--name value`, which a flag does not take.

Seen:   optional_parameters:
          verbose: {type: bool, flag: true}""",
)

RULES: Final = (
    UNKNOWN_TYPE,
    RUN_TOGETHER,
    *parameter_values.RULES,
    parameter_secrets.SECRET,
    RELATIVE_PATH,
    OUTPUT_IS_PATH,
    LOCAL_URI,
    NOT_FOR_MLFLOW,
)

_scheme = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_short_form = re.compile(r"type(?:\s*[:=]\s*|\s+)(\w+)")


def check_parameters(component: ComponentSubject) -> Iterator[Finding]:
    """What is wrong with single parameters."""
    root = component.root
    if root is None or not isinstance(root.value, dict):
        return
    for parameter in stated_parameters(root):
        yield from _check_run_together(component, parameter)
        yield from _check_type(component, parameter)
        yield from parameter_values.check_values(component, parameter)
        yield from parameter_secrets.check_secret(parameter)
        yield from _check_location(component, parameter)
        yield from _check_optional(parameter)


def _check_run_together(component: ComponentSubject, parameter: StatedParameter) -> Iterator[Finding]:
    for key, node in parameter.node.items.items():
        source = run_together(key, node)
        if source is not None:
            yield RUN_TOGETHER.at(
                parameter.node.key_place(key),
                f"{key!r} is one key without a value to YAML, so {parameter.name} loses what it says",
                hint=f"write {source}",
                length=len(key),
                fix=mend(component, source, replace_key((*parameter.keys, key), source)),
            )
    short = _short_form.fullmatch(parameter.word) if parameter.node is parameter.type_node else None
    if short is not None:
        source = f"{{type: {short[1]}}}"
        yield RUN_TOGETHER.at(
            parameter.node.place,
            f"{parameter.word!r} is the word for the type of {parameter.name} to YAML",
            hint=f"write {source}, or {short[1]} alone",
            length=len(parameter.word),
            fix=mend(component, source, replace_value(parameter.keys, source)),
        )


def _check_type(component: ComponentSubject, parameter: StatedParameter) -> Iterator[Finding]:
    node, word = parameter.type_node, parameter.word
    if node is None or parameter.type is not None or _short_form.fullmatch(word):
        return
    expected = ", ".join(kind.value for kind in ParameterType)
    if not isinstance(node.value, str):
        yield UNKNOWN_TYPE.at(
            node.place if node.value is not None else parameter.node.key_place("type"),
            f"the type of {parameter.name} must be one of {expected}, got {node.shown()}",
            hint="write one of them, or leave the key out for a text",
            length=max(1, len(node.text or "type")),
        )
        return
    near = next(iter(difflib.get_close_matches(word.lower(), TYPE_SYNONYMS, n=1, cutoff=0.65)), None)
    keys = _type_keys(parameter, node)
    certain = near is not None and _is_certain(parameter, word, near)
    yield UNKNOWN_TYPE.at(
        node.place,
        f"the type {word!r} of {parameter.name} means none of {expected}: it is taken for a text",
        hint=f"write {near}" if near else "write str for a text",
        length=len(node.text or word),
        fix=mend(component, f"{word} → {near}", replace_value(keys, near)) if near and certain else None,
    )


def _is_certain(parameter: StatedParameter, word: str, near: str) -> bool:
    """Whether a word is so near a type, and the default a value of it, that nothing else can be meant."""
    if difflib.SequenceMatcher(None, word.lower(), near).ratio() < 0.75:
        return False
    default = parameter.default
    try:
        if default is not None and default.value is not None:
            typed(parameter.name, TYPE_SYNONYMS[near], default.value)
    except UsageError:
        return False
    return True


def _check_location(component: ComponentSubject, parameter: StatedParameter) -> Iterator[Finding]:
    """What MLflow does for the very words `path` and `uri`, and for no other spelling of them."""
    node, type_node = parameter.default, parameter.type_node
    if type_node is None:
        return
    if parameter.output and type_node.value == "path" and not parameter.optional:
        yield OUTPUT_IS_PATH.at(
            type_node.place,
            f"{parameter.name} is an output: MLflow looks for a file of the type path before the step has written it",
            hint="write type: str",
            length=len("path"),
            fix=mend(component, f"{parameter.name} is a str", replace_value(_type_keys(parameter, type_node), "str")),
        )
        return
    text = node.value if node is not None and isinstance(node.value, str) else ""
    if node is None or not text or parameter.optional or _scheme.match(text):
        return
    length = len(node.text or text)
    if type_node.value == "path" and not text.startswith("/"):
        yield RELATIVE_PATH.at(
            node.place,
            f"MLflow looks for {text!r} in the folder of its caller, and not in the component's",
            hint="leave the default out, or write type: str for a path in the component's folder",
            length=length,
        )
    elif type_node.value == "uri":
        yield LOCAL_URI.at(
            node.place,
            f"{parameter.name} is a uri, and MLflow refuses {text!r}, which has no scheme such as https://",
            hint="write type: str",
            length=length,
        )


def _type_keys(parameter: StatedParameter, type_node: Node) -> tuple[str, ...]:
    return parameter.keys if type_node is parameter.node else (*parameter.keys, "type")


def _check_optional(parameter: StatedParameter) -> Iterator[Finding]:
    if not parameter.optional:
        return
    flag, default = parameter.node.get("flag"), parameter.default
    if flag is not None and flag.value is True:
        message = f"`mlflow run -P {parameter.name}=true` appends --{parameter.name} true, which a flag does not take"
        place = parameter.node.key_place("flag")
        yield NOT_FOR_MLFLOW.at(place, message, hint="it works under artifactflow", length=len("flag"))
    elif default is not None and default.value not in (None, ""):
        message = f"MLflow does not see the default of {parameter.name}"
        yield NOT_FOR_MLFLOW.at(
            default.place, message, hint="move it under parameters", length=len(default.text or " ")
        )

"""The rule about secrets that stand in a manifest."""

from __future__ import annotations

import re
from collections.abc import Iterator

from artifactflow.check.findings import Finding, Rule, Severity
from artifactflow.check.parameters.stated_parameters import StatedParameter
from artifactflow.parameters import Parameter, ParameterType, names_a_secret

SECRET = Rule(
    "P110",
    "secret-default",
    Severity.ERROR,
    "A secret stands in the manifest as a default.",
    """Whoever can read the repository has it, and MLflow records it with every run. Take it out, and make it invalid
where it was issued. A secret reaches a step by an environment variable.

Wrong:  api_key: {type: str, default: 3f1c9a…}
Right:  api_key: {type: str, secret: true}""",
)

_known_form = re.compile(
    r"AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{30,}|hf_[A-Za-z0-9]{30,}|xox[abprs]-[A-Za-z0-9-]{10,}"
    r"|sk-[A-Za-z0-9_-]{20,}|-----BEGIN [A-Z ]*PRIVATE KEY-----.*",
    re.DOTALL,
)
_password_in_address = re.compile(r"[a-z][a-z0-9+.-]*://[^/\s:@]*:(?P<password>[^/\s@]+)@", re.IGNORECASE)
_placeholder = re.compile(
    r"(<.*>|\[.*\]|\{.*\}|\$.*|%.*%|x+|\*+|\.+|-+|none|null|nil|false|true|todo|tbd|fixme|dummy|example|placeholder|empty"
    r"|test|default|default_?\w*|secret|password|token|key|env|unset|missing|change.?me.*|change.?this.*|replace.*"
    r"|(your|my|the|some|insert|enter|put|add|fill)[\s_-].*|.*[\s_-]here|os\.environ.*|env[:_.].*|\w+_(KEY|TOKEN|SECRET|PASSWORD))",
    re.IGNORECASE,
)


def check_secret(parameter: StatedParameter) -> Iterator[Finding]:
    """A default that is a secret, by the parameter's name or by its own form. The message does not repeat it."""
    node = parameter.default
    if node is None or not isinstance(node.value, (str, int)) or isinstance(node.value, bool):
        return
    text = str(node.value).strip()
    why = _why(parameter, text)
    if why is not None:
        yield SECRET.at(
            node.place,
            f"{why}: the default of {parameter.name}, ***, can be read by whoever reads the repository",
            hint=f"take the default out, write secret: true, and give it by ARTIFACTFLOW_P_{parameter.name.upper()}",
            length=len(node.text or " "),
            masked=True,
        )


def is_secret(parameter: StatedParameter | Parameter, value: object) -> bool:
    """Whether a value of a parameter is a secret, which no message may repeat."""
    return _why(parameter, str(value).strip()) is not None


def _why(parameter: StatedParameter | Parameter, text: str) -> str | None:
    password = _password_in_address.search(text)
    if password is not None and not _is_placeholder(password["password"]):
        return "an address with a password"
    if _known_form.fullmatch(text):
        return "a value of the form of a secret"
    if not text or _is_placeholder(text):
        return None
    if parameter.secret:
        return "a secret"
    if parameter.type is ParameterType.STR and _names_a_secret(parameter.name, text):
        return "a secret by its name"
    return None


def _is_placeholder(text: str) -> bool:
    return _placeholder.fullmatch(text) is not None


def _names_a_secret(name: str, text: str) -> bool:
    return names_a_secret(name) or (name.lower() == "key" and _looks_random(text))


def _looks_random(text: str) -> bool:
    """Whether a text is of the kind that is generated: sixteen or more letters and digits, both among them."""
    return re.fullmatch(r"(?=.*[0-9])(?=.*[A-Za-z])[A-Za-z0-9+/=_-]{16,}", text) is not None

"""Typed parameters: their types and bounds, the way between text and value, and where a value came from."""

from __future__ import annotations

import contextlib
import math
import re
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import Final

from artifactflow.errors import ContractError, UsageError

Value = str | int | float | bool | None
"""What a parameter can hold. None means absent, and only an optional parameter may be absent."""


class ParameterType(StrEnum):
    """The types written to manifests. `read/` understands more spellings, see `TYPE_SYNONYMS`."""

    STR = "str"
    INT = "int"
    FLOAT = "float"
    BOOL = "bool"
    PATH = "path"
    URI = "uri"


TYPE_SYNONYMS: Final = {
    "str": ParameterType.STR,
    "string": ParameterType.STR,
    "text": ParameterType.STR,
    "int": ParameterType.INT,
    "integer": ParameterType.INT,
    "float": ParameterType.FLOAT,
    "double": ParameterType.FLOAT,
    "number": ParameterType.FLOAT,
    "bool": ParameterType.BOOL,
    "boolean": ParameterType.BOOL,
    "path": ParameterType.PATH,
    "uri": ParameterType.URI,
}
"""Every spelling of a type seen in real MLproject files, in lower case, and what it means."""

TRUE_WORDS: Final = frozenset({"true", "1", "yes", "y", "on", "t"})
FALSE_WORDS: Final = frozenset({"false", "0", "no", "n", "off", "f"})


LONGEST_NUMBER: Final = 1000
"""Characters of a number: beyond some thousands Python refuses to read one."""


class Uri(str):
    """The annotation of a step function's parameter that is a remote address or a local path.

    A local path is resolved and hashed as a `Path` parameter is; an address counts as its text.
    """

    __slots__ = ()


class Required(Enum):
    """The default of a parameter that has none. None cannot say it: None is the default of an optional one."""

    REQUIRED = "required"

    def __repr__(self) -> str:
        return "REQUIRED"


REQUIRED: Final = Required.REQUIRED


class SourceKind(StrEnum):
    """Where a value came from, strongest first."""

    LITERAL = "literal"
    OPTION = "option"
    VARIABLE = "variable"
    CONFIG = "config"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Source:
    """Where a value came from, and the words that show it to a person: `config.yaml:3`, `-P max_iter`."""

    kind: SourceKind
    detail: str = ""

    def __str__(self) -> str:
        return self.detail or self.kind.value


@dataclass(frozen=True, slots=True)
class Parameter:
    """One scalar that a step takes.

    `default` is REQUIRED where the caller must give a value; an `optional` parameter may be absent (None).
    `minimum` and `maximum` are inclusive and belong to numbers; `choices` is empty where every value will do.
    `flag` marks a boolean that a foreign script takes as a bare `--name` and never as `--name=true`;
    `secret` one whose value is masked wherever it would be shown, and which reaches a step by an environment variable
    only. `aliases` are further spellings for the terminal (`-n`); manifests do not carry them, so they do not count
    when parameters are compared.
    """

    name: str
    type: ParameterType = ParameterType.STR
    default: Value | Required = REQUIRED
    optional: bool = False
    description: str = ""
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[Value, ...] = ()
    secret: bool = False
    flag: bool = False
    aliases: tuple[str, ...] = field(default=(), compare=False)

    @property
    def required(self) -> bool:
        """Whether the caller must give a value.

        >>> Parameter("seed", ParameterType.INT, default=42).required
        False
        """
        return self.default is REQUIRED and not self.optional

    def parse(self, text: str) -> Value:
        """The value that `text` stands for. The empty text is an absent value where the parameter is optional.

        >>> Parameter("min_price", ParameterType.FLOAT).parse("1e-3")
        0.001

        Raises UsageError naming the parameter, the type or range expected and the text got.
        """
        if text == "" and self.optional:
            return None
        return self.check(self._parse_text(text))

    def _parse_text(self, text: str) -> Value:
        stripped = text.strip()
        match self.type:
            case ParameterType.INT:
                if len(stripped) <= LONGEST_NUMBER and re.fullmatch(r"[+-]?[0-9]+(_[0-9]+)*", stripped):
                    return int(stripped)
                # 100.0 and 1e3 are whole numbers too: MLflow and YAML print them so.
                number = _float_or_none(stripped)
                if number is not None and math.isfinite(number) and number.is_integer():
                    return int(number)
            case ParameterType.FLOAT:
                number = _float_or_none(stripped)
                if number is not None:
                    return number
            case ParameterType.BOOL:
                word = stripped.lower()
                if word in TRUE_WORDS:
                    return True
                if word in FALSE_WORDS:
                    return False
            case _:
                return text
        raise UsageError(f"{self.name} takes {self.expects()}, got {self.shown(text)!r}")

    def check(self, value: object) -> Value:
        """`value` as this parameter holds it: an int given to a float becomes one; a text is taken as it is.

        Raises UsageError where the type, the range or the choices forbid the value.
        """
        checked = self._checked_type(value)
        if checked is None:
            return None
        if isinstance(checked, (int, float)) and not isinstance(checked, bool):
            low, high = self.minimum, self.maximum
            # An int can be larger than any float, and has no need to be asked whether it is a number.
            if isinstance(checked, float) and math.isnan(checked) and (low is not None or high is not None):
                raise self._refusal(value)
            if (low is not None and checked < low) or (high is not None and checked > high):
                raise self._refusal(value)
        if self.choices and checked not in self.choices:
            raise self._refusal(value)
        return checked

    def _checked_type(self, value: object) -> Value:
        if value is None:
            if self.optional:
                return None
            raise self._refusal(value)
        match self.type:
            case ParameterType.BOOL:
                if isinstance(value, bool):
                    return value
            case ParameterType.INT:
                if isinstance(value, int) and not isinstance(value, bool):
                    return value
                if isinstance(value, float) and value.is_integer():
                    return int(value)
            case ParameterType.FLOAT:
                if isinstance(value, (int, float)) and not isinstance(value, bool):
                    with contextlib.suppress(OverflowError):  # larger than any float
                        return float(value)
            case _:
                if isinstance(value, str):
                    return value
                if isinstance(value, (int, float)):
                    return format_value(value)
        if isinstance(value, str) and self.type is not ParameterType.STR:
            # YAML gives 1e-3 and quoted numbers as text; they are numbers all the same.
            return self._parse_text(value)
        raise self._refusal(value)

    def _refusal(self, value: object) -> UsageError:
        return UsageError(f"{self.name} takes {self.expects()}, got {self.shown(value)}")

    def shown(self, value: object) -> object:
        """`value`, or a mask where the parameter is secret."""
        return "***" if self.secret and value is not None else value

    def expects(self) -> str:
        """What values it takes, in words.

        >>> Parameter("test_size", ParameterType.FLOAT, minimum=0, maximum=1).expects()
        'a number from 0 to 1'
        """
        if self.choices:
            return "one of " + ", ".join(format_value(choice) for choice in self.choices)
        words = {
            ParameterType.INT: "a whole number",
            ParameterType.FLOAT: "a number",
            ParameterType.BOOL: "true or false",
            ParameterType.PATH: "a path",
            ParameterType.URI: "a URI",
        }.get(self.type, "a text")
        low, high = self.minimum, self.maximum
        if low is not None and high is not None:
            return f"{words} from {format_value(low)} to {format_value(high)}"
        if low is not None:
            return f"{words} of at least {format_value(low)}"
        if high is not None:
            return f"{words} of at most {format_value(high)}"
        return words


_SECRET_WORDS: Final = frozenset(
    {"password", "passwd", "pwd", "passphrase", "secret", "token", "apikey", "credential", "credentials"}
)
_KEYS_OF_SECRETS: Final = frozenset({"api", "access", "secret", "private", "auth", "encryption", "account", "wandb"})
_NO_SECRETS: Final = frozenset(
    {"pad", "bos", "eos", "unk", "cls", "sep", "mask", "special", "start", "end", "stop", "max", "min", "num", "next"}
)
"""Words before `token` that belong to language models and to paging."""

_words_of_names = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])")


def names_a_secret(name: str) -> bool:
    """Whether a name says that what it names is secret.

    >>> [names_a_secret(name) for name in ("api_key", "DB_PASSWORD", "hfToken", "pad_token", "sort_key")]
    [True, True, True, False, False]
    """
    *before, last = [word.lower() for word in _words_of_names.findall(name)] or [""]
    if last == "key":
        return bool(_KEYS_OF_SECRETS.intersection(before))
    return last in _SECRET_WORDS and not _NO_SECRETS.intersection(before)


def format_value(value: Value) -> str:
    """The text that `Parameter.parse` turns back into `value`.

    >>> [format_value(value) for value in (True, 10.0, 1e-05, None)]
    ['true', '10.0', '1e-05', '']
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, float) else str(value)


def parameter_type(text: str, *, subject: str = "parameter") -> ParameterType:
    """The type that a manifest's word means. Raises ContractError for a word that means none."""
    found = TYPE_SYNONYMS.get(text.strip().lower())
    if found is None:
        raise ContractError(
            f"{subject} has the type {text!r}, expected one of {', '.join(kind.value for kind in ParameterType)}"
        )
    return found


def _float_or_none(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None

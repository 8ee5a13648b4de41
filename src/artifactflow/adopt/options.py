"""The options of a script as the parts of a contract: parameters, inputs, outputs, and the words of the command.

An option is handed over by the command where that changes nothing for the script: it has to be given, or its default
is known. Everything else is appended when it is given, under `optional_parameters`, or it is left out with a remark.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from artifactflow.adopt.adoption import Remark
from artifactflow.adopt.path_uses import PathUse
from artifactflow.contract import Input, Output
from artifactflow.errors import UsageError
from artifactflow.parameters import REQUIRED, Parameter, ParameterType, Required, Value
from artifactflow.read.script.command_line import CommandLine, Option
from artifactflow.read.script.static_values import Unknown

_path_like: Final = re.compile(r"(.*_)?(path|file|filename|dir|directory|folder|csv|infile|outfile|input|output)")
_not_values: Final = frozenset({"help", "version", "parsers", "hydra"})
_name: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


@dataclass(slots=True)
class Draft:
    """What is known of an entry point while its options are taken one after another."""

    words: list[str]
    parameters: list[Parameter] = field(default_factory=list)
    inputs: list[Input] = field(default_factory=list)
    outputs: list[Output] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    """The manifest's names by the script's (dest), of those that have a value in every run."""

    def taken(self) -> set[str]:
        """The names in use."""
        items = {item.name for item in self.inputs} | {parameter.name for parameter in self.parameters}
        return items | {output.key for output in self.outputs}

    def free_name(self, wanted: str) -> str:
        """`wanted` as a name that MLproject can hold and that nothing else has."""
        name = re.sub(r"[^A-Za-z0-9_-]+", "_", wanted).strip("_-") or "value"
        name = name if _name.fullmatch(name) else f"_{name}"
        taken, free, number = self.taken(), name, 2
        while free in taken:
            free, number = f"{name}_{number}", number + 1
        return free


def take_options(
    line: CommandLine,
    draft: Draft,
    uses: Mapping[str, PathUse],
    artifact_names: Iterable[str] = (),
    *,
    appended: bool = True,
) -> None:
    """Add the options of a command line to a draft.

    `uses` says which are paths that the script reads or writes; `artifact_names` are the dests of those that hold the
    name of an artifact which the script fetches or logs by itself. `appended` is false for the options of a command
    around a sub-command, which have to stand before its name.
    """
    taker = _Taker(line, draft, uses, frozenset(artifact_names), appended)
    for position, option in enumerate(line.options, start=1):
        if option.type is None or option.action in _not_values:
            continue
        taker.take(option, position)
    draft.remarks += [Remark(f"{reason}: there may be more options", place) for reason, place in line.unknown_reasons]


@dataclass(slots=True)
class _Taker:
    line: CommandLine
    draft: Draft
    uses: Mapping[str, PathUse]
    artifact_names: frozenset[str]
    appended: bool

    def take(self, option: Option, position: int) -> None:
        if option.flag:
            self._flag(option)
            return
        if isinstance(option.nargs, int) and option.nargs > 1:
            self._left_out(option, f"takes {option.nargs} values, and a parameter holds one")
            return
        use = self.uses.get(f"argv:{position}" if self.line.kind == "argv" else option.dest)
        parameter = self._parameter(option)
        is_text = parameter.type in (ParameterType.STR, ParameterType.PATH) and not parameter.choices
        use = _of_converter(option) or use
        if is_text and use is not None and option.dest not in self.artifact_names:
            if use.read and use.written:
                self._say(option, f"{_shown(option)} is read and written: a str parameter")
            elif use.written and not _takes_several(option):
                self._output(option, parameter, use)
                return
            elif use.read and not _takes_several(option):
                self._input(option, parameter)
                return
        if option.dest in self.artifact_names:
            self._say(option, f"{_shown(option)} names an artifact, which the script handles itself: a str parameter")
        elif is_text and use is None and (option.type is ParameterType.PATH or _path_like.fullmatch(option.dest)):
            self._say(option, f"nothing shows whether {_shown(option)} is read or written: a str parameter")
        if parameter.type is ParameterType.PATH:
            # A relative `path` means the caller's folder to MLflow; the script means its own.
            parameter = replace(parameter, type=ParameterType.STR)
        self._scalar(option, parameter)

    def _parameter(self, option: Option) -> Parameter:
        """The option as a parameter, without its default."""
        kind = option.type
        if isinstance(kind, Unknown) or kind is None:
            self._say(option, f"the type of {_shown(option)} is computed: str")
            kind = ParameterType.STR
        choices: tuple[Value, ...] = ()
        if isinstance(option.choices, Unknown):
            self._say(option, f"the choices of {_shown(option)} are computed: not in the manifest")
        elif option.choices:
            choices = option.choices
        description = option.description
        if isinstance(description, Unknown):
            self._say(option, f"the help of {_shown(option)} is computed: not in the manifest")
            description = ""
        return Parameter(
            self._free_name(option),
            kind,
            description=_plain(description, option),
            choices=choices,
        )

    def _free_name(self, option: Option) -> str:
        spelling = _spelling(option)
        return self.draft.free_name(spelling.lstrip("-").replace("-", "_").replace(".", "_"))

    def _scalar(self, option: Option, parameter: Parameter) -> None:
        default = self._default(option, parameter)
        if _takes_several(option):
            self._say(option, f"{_shown(option)} takes several values: the manifest hands over one")
            default = REQUIRED if option.required is True else None
        if default is None:
            self._optional(option, parameter)
            return
        self.draft.parameters.append(replace(parameter, default=default))
        self.draft.names[option.dest] = parameter.name
        self._word(option, parameter.name)

    def _default(self, option: Option, parameter: Parameter) -> Value | Required:
        """The default to hand over; None where none can be, and the option is only given when there is a value."""
        default, shown = option.default, _shown(option)
        if option.required is True:
            return REQUIRED
        if isinstance(option.required, Unknown):
            self._say(option, f"whether {shown} has to be given is not known: it may be left out")
            return None
        if isinstance(default, Unknown):
            self._say(option, f"default of {shown} is computed: not in the manifest")
            return None
        if option.suppressed or default is None or isinstance(default, Required):
            return None
        if isinstance(default, (list, dict)):
            if not _takes_several(option):
                self._say(option, f"default of {shown} is no single value: not in the manifest")
            return None
        if option.converter == "bool":
            self._say(option, f"type=bool takes every text but the empty one for true: {shown} is best left out")
            return None
        if not isinstance(default, str) and (parameter.type is ParameterType.STR or isinstance(option.type, Unknown)):
            self._say(
                option, f"default of {shown} is {default!r} and no text, what is given is one: it may be left out"
            )
            return None
        try:
            return parameter.check(default)
        except UsageError:
            self._say(option, f"default of {shown} is {default!r}, but it takes {parameter.expects()}: left out")
            return None

    def _optional(self, option: Option, parameter: Parameter) -> None:
        """An option that may be absent: appended as `--name=value` when there is one."""
        name = self._appended_name(option)
        if name is not None:
            self.draft.parameters.append(replace(parameter, name=name, default=None, optional=True))

    def _appended_name(self, option: Option) -> str | None:
        """The name that makes `--name` of an option; None, with a remark, where no name does."""
        spelling = _spelling(option)
        if option.positional:
            self._left_out(option, "may be left out, and what is appended has a name")
        elif not self.appended:
            self._left_out(option, "has to stand before the sub-command, and what may be left out is appended")
        elif self.line.kind == "hydra":
            self._left_out(option, "has no default to hand over, and Hydra takes no --name=value")
        elif not spelling.startswith("--"):
            self._left_out(option, "has no long name to append it by")
        elif not _name.fullmatch(spelling[2:]) or spelling[2:] in self.draft.taken():
            self._left_out(option, "cannot be a parameter's name of its own")
        else:
            return spelling[2:]
        return None

    def _flag(self, option: Option) -> None:
        """A flag goes under optional_parameters; one that can be switched both ways by the spelling that changes it."""
        on = [name for name in option.names if name not in option.off_names]
        wanted = [on] if option.default is not True or not option.off_names else []
        if option.off_names and option.default is not False:
            wanted.append(list(option.off_names))
        description = _plain("" if isinstance(option.description, Unknown) else option.description, option)
        for names in wanted:
            named = replace(option, names=tuple(names), off_names=())
            name = self._appended_name(named)
            if name is not None:
                self.draft.parameters.append(
                    Parameter(
                        name,
                        ParameterType.BOOL,
                        default=None,
                        optional=True,
                        description=description,
                        flag=True,
                    )
                )

    def _input(self, option: Option, parameter: Parameter) -> None:
        if option.required is True:
            self.draft.inputs.append(Input(parameter.name, description=parameter.description))
            self._word(option, parameter.name)
            return
        if option.positional or self.line.kind == "hydra":
            self._say(option, f"{_shown(option)} is read, but may be left out: a str parameter")
            self._scalar(option, replace(parameter, type=ParameterType.STR))
            return
        name = self._appended_name(option)
        if name is not None:
            if isinstance(option.default, str):
                self._say(option, f"{_shown(option)} reads {option.default} where no artifact is handed over")
            self.draft.inputs.append(Input(name, description=parameter.description, optional=True))

    def _output(self, option: Option, parameter: Parameter, use: PathUse) -> None:
        path = option.default if isinstance(option.default, str) and option.default else ""
        if not path:
            path = f"{parameter.name}{use.ending}"
            self._say(option, f"where {_shown(option)} writes to is not stated: {path}")
        self.draft.outputs.append(
            Output(parameter.name, description=parameter.description, key=parameter.name, path=path)
        )
        self.draft.names[option.dest] = parameter.name
        self._word(option, parameter.name)

    def _word(self, option: Option, name: str) -> None:
        spelling = _spelling(option)
        if option.positional:
            self.draft.words.append(f"{{{name}}}")
        elif spelling.startswith("--") or self.line.kind == "hydra":
            self.draft.words.append(f"{spelling}={{{name}}}")
        else:
            self.draft.words += [spelling, f"{{{name}}}"]

    def _left_out(self, option: Option, why: str) -> None:
        needed = ", and the script does not run without it" if option.required is True else ""
        self._say(option, f"{_shown(option)} {why}: not in the manifest{needed}")

    def _say(self, option: Option, message: str) -> None:
        self.draft.remarks.append(Remark(message, option.place))


def _spelling(option: Option) -> str:
    """The name to hand an option over by: the first long one."""
    if option.positional:
        return option.dest
    return next((name for name in option.names if name.startswith("--")), option.names[0])


def _shown(option: Option) -> str:
    return _spelling(option) if option.names else option.dest


def _takes_several(option: Option) -> bool:
    return option.multiple or (option.nargs not in (None, "?") and option.nargs != 1)


def _of_converter(option: Option) -> PathUse | None:
    """What `type=argparse.FileType("w")` says of a path."""
    found = re.fullmatch(r"(?:argparse\.)?FileType\((?:mode=)?(?:['\"](\w+)[+]?['\"])?.*\)", option.converter or "")
    if found is None:
        return None
    return PathUse(read=option.place) if (found[1] or "r").startswith("r") else PathUse(written=option.place)


def _plain(description: str, option: Option) -> str:
    """A help text without argparse's own placeholders."""
    text = " ".join(description.split())
    if "%(default)" in text:
        text = re.sub(r"\s*[\[(][^\[(]*%\(default\)[^\])]*[\])]", "", text)
    if isinstance(option.default, (str, int, float)):
        text = text.replace("%(default)s", str(option.default))
    return text.replace("%%", "%") if "%(" not in text else re.sub(r"%\(\w+\)\w", "…", text)

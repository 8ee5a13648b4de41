"""`mlflow run DIR -e ENTRY -P name=value` in shell scripts and Makefiles."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from artifactflow.errors import Place
from artifactflow.read.orchestration.orchestrated import ChildRun, ParameterSource, artifacts_in, source_of, target_of
from artifactflow.read.orchestration.shell_words import Operator, Word, Words
from artifactflow.read.orchestration.symbols import UNKNOWN, Constant, Joined, Kind, Reference, Symbol
from artifactflow.read.orchestration.texts import join, join_path, literal_of

_shebang: Final = re.compile(r"#!\s*\S*?(env\s+)?(ba|z|k|da)?sh\b")
_assignment: Final = re.compile(r"([A-Za-z_]\w*)=", re.ASCII)
_make_assignment: Final = re.compile(r"^([A-Za-z_][\w.-]*)[ \t]*[:?]?:?=[ \t]*(.*?)[ \t]*(?:#.*)?$", re.MULTILINE)
_make_prefix: Final = re.compile(r"^\t[ \t]*[@+-]+", re.MULTILINE)

# Words that a command may stand behind.
_before_command: Final = {
    "time",
    "exec",
    "nohup",
    "sudo",
    "env",
    "do",
    "then",
    "else",
    "if",
    "while",
    "!",
    "{",
    "command",
}

_options: Final = {
    "-e": "entry_point", "--entry-point": "entry_point", "-v": "version", "--version": "version",
    "-P": "parameter", "--param-list": "parameter", "--env-manager": "env_manager", "--no-conda": "no_conda",
    "--skip-image-build": "flag", "--build-image": "flag", "--help": "flag",
}  # fmt: skip
"""What options of `mlflow run` say; every other option takes a value that does not matter here."""

Runs = tuple[tuple[ChildRun, ...], tuple[tuple[str, Place], ...]]


def is_makefile(path: Path) -> bool:
    """Whether a file is a Makefile, by its name."""
    return path.suffix == ".mk" or path.name.lower() in {"makefile", "gnumakefile"}


def is_shell(path: Path, text: str) -> bool:
    """Whether a file is a shell script, by its ending or first line."""
    return path.suffix in {".sh", ".bash", ".zsh", ".ksh"} or _shebang.match(text) is not None


def runs_of_shell(text: str, file: str, *, makefile: bool = False, place: Place | None = None) -> Runs:
    """The runs in a script and its lines that could not be followed. `place` stands for all of them, where given.

    >>> runs, _ = runs_of_shell("cd src && mlflow run clean -P min_price=10", "all.sh")
    >>> runs[0].target, runs[0].parameters["min_price"].text
    ('src/clean', '10')
    """
    return _Script(text, file, makefile, place).read()


def run_of_words(words: Sequence[Word], gate: str | None = None, folder: Symbol | None = None) -> ChildRun | None:
    """The run that a command is, None where it is another command."""
    start = _start_of_run(words)
    if start is None:
        return None
    found: dict[str, Symbol] = {}
    parameters: dict[str, ParameterSource] = {}
    complete = True
    target: Symbol | None = None
    rest = iter(words[start:])
    for word, stated in rest:
        place = stated
        option, value = _option(word)
        meaning = _options.get(option, "other")
        if not option:
            target = word if target is None else target
            continue
        if meaning in {"no_conda", "flag"}:
            found[meaning] = word
            continue
        if value is None:
            value, place = next(rest, (UNKNOWN, place))
        if meaning == "parameter":
            name, given = _cut(value, "=")
            if name is None:
                complete = False
            else:
                parameters[name] = source_of(given, place, {}, {})
        else:
            found[meaning] = value
    if target is None:
        return None
    return ChildRun(
        target=target_of(join_path(folder, target) if folder else target, {}),
        entry_point=literal_of(found.get("entry_point", Constant("main"))),
        place=words[0][1],
        parameters=parameters,
        complete=complete,
        version=literal_of(found.get("version", UNKNOWN)),
        gate=gate,
        env_manager=literal_of(found.get("env_manager", UNKNOWN)),
        use_conda=False if "no_conda" in found else None,
        artifacts=artifacts_in(parameters),
    )


class _Script:
    """Follows the commands of one script: assignments, `cd` and runs."""

    def __init__(self, text: str, file: str, makefile: bool, place: Place | None) -> None:
        self.variables: dict[str, Symbol] = {}
        self.makefile = makefile
        if makefile:
            for name, value in _make_assignment.findall(text):
                self.variables[name] = Constant(value) if "$" not in value else UNKNOWN
            # `@` and `-` before a recipe's command are make's own.
            text = _make_prefix.sub(lambda match: " " * len(match[0]), text)
        self.lines = text.split("\n")
        self.words = Words(text, file, self.variables, makefile=makefile)
        self.place = place
        self.folder: Symbol | None = None
        self.outside: list[Symbol | None] = []
        self.runs: list[ChildRun] = []

    def read(self) -> Runs:
        """The runs, and the lines that could not be followed."""
        command: list[Word] = []
        for item in self.words:
            if not isinstance(item, Operator):
                command.append(item)
                continue
            self._command(command)
            command = []
            if item.text == "(":
                self.outside.append(self.folder)
            elif item.text == ")" and self.outside:
                self.folder = self.outside.pop()
            elif item.text == "\n" and self.makefile:
                self.folder = None  # each line of a recipe has its own shell
        self._command(command)
        unknown = tuple(
            (self.lines[(run.place.line or 1) - 1].strip()[:120], run.place)
            for run in self.runs
            if None in {run.target, run.entry_point} or not run.complete or _has_unknown(run)
        )
        return tuple(self.runs), unknown if self.place is None else ()

    def _command(self, words: list[Word]) -> None:
        while words and (words[0][0] in {Constant(word) for word in _before_command} or self._assigns(words)):
            words = words[1:]
        if not words:
            return
        match words[0][0], words[1:]:
            case Constant("cd" | "pushd"), [(folder, _), *_]:
                self.folder = join_path(self.folder, folder) if self.folder else folder
            case Constant("popd"), _:
                self.folder = UNKNOWN
            case Constant("export" | "local" | "readonly" | "declare"), rest:
                for word in rest:
                    self._assigns([word])
            case Constant("for" | "select" | "read"), [(Constant(str(name)), _), *_]:
                self.variables[name] = UNKNOWN
            case _:
                run = run_of_words([(word, self.place or place) for word, place in words], None, self.folder)
                if run is not None:
                    self.runs.append(run)

    def _assigns(self, words: list[Word]) -> bool:
        name, value = _cut(words[0][0], "=")
        if name is None or not name.isidentifier():
            return False
        self.variables[name] = value
        return True


def _start_of_run(words: Sequence[Word]) -> int | None:
    """The position behind `mlflow run`, also behind `python -m` and `uv run`."""
    texts = [word.value if isinstance(word, Constant) else None for word, _ in words[:8]]
    for index in range(len(texts) - 1):
        if texts[index] in {"mlflow", "mlflow.cli"} and texts[index + 1] == "run":
            return index + 2 if _launches(texts[:index]) else None
    return None


def _launches(before: Sequence[object]) -> bool:
    first = str(before[0]) if before else ""
    return not before or first in {"python", "python3", "uv", "uvx", "poetry", "pipenv", "conda", "pixi", "hatch"}


def _has_unknown(run: ChildRun) -> bool:
    return any(source.kind is Kind.UNKNOWN for source in run.parameters.values())


def _option(word: Symbol) -> tuple[str, Symbol | None]:
    """The option that a word is and the value in the same word, `("", None)` for any other word."""
    text = word.value if isinstance(word, Constant) else word.parts[0] if isinstance(word, Joined) else None
    if not isinstance(text, str) or not text.startswith("-") or text == "-":
        return "", None
    if text.startswith("--"):
        name, value = _cut(word, "=")
        return (text, None) if name is None else (name, value)
    if len(text) == 2 and isinstance(word, Constant):
        return text, None
    rest = [Constant(text[2:]), *map(_symbol, word.parts[1:] if isinstance(word, Joined) else ())]
    return text[:2], join(*rest)


def _cut(word: Symbol, separator: str) -> tuple[str | None, Symbol]:
    """A word at the first separator; None where it has none in the text at its beginning."""
    parts = word.parts if isinstance(word, Joined) else (word.value,) if isinstance(word, Constant) else ()
    first = parts[0] if parts else None
    if not isinstance(first, str) or separator not in first:
        return None, UNKNOWN
    name, _, rest = first.partition(separator)
    return name, join(Constant(rest), *map(_symbol, parts[1:]))


def _symbol(part: str | Reference) -> Symbol:
    return Constant(part) if isinstance(part, str) else part

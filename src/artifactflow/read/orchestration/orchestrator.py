"""What a root runs: `mlflow.run` calls of a Python script and `mlflow run` lines of a shell script or Makefile.

The root is neither run nor imported. What cannot be known from its text is None or UNKNOWN, and its line is listed.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from artifactflow.errors import Place
from artifactflow.read.orchestration.known_calls import Call
from artifactflow.read.orchestration.orchestrated import (
    ChildRun,
    Orchestrator,
    ParameterSource,
    artifacts_in,
    resolved,
    source_of,
    target_of,
)
from artifactflow.read.orchestration.orchestrator_config import Values, find_config, read_config
from artifactflow.read.orchestration.orchestrator_shell import is_makefile, is_shell, run_of_words, runs_of_shell
from artifactflow.read.orchestration.symbols import (
    UNKNOWN,
    Constant,
    Handle,
    Imported,
    Items,
    Kind,
    Reference,
    Symbol,
    Table,
)
from artifactflow.read.orchestration.texts import Text, literal_of, text_of
from artifactflow.read.orchestration.walk import Walker
from artifactflow.read.source import Source, parse_source, read_text

__all__ = ["ChildRun", "Orchestrator", "ParameterSource", "read_orchestrator"]

_run_names: Final = {"mlflow.run", "mlflow.projects.run"}
_program_calls: Final = {
    "subprocess.run", "subprocess.call", "subprocess.check_call", "subprocess.check_output", "subprocess.Popen",
    "os.system", "os.popen",
}  # fmt: skip


def read_orchestrator(path: Path) -> Orchestrator | None:
    """What the script at `path` runs, None where it runs no component.

    Raises NotFoundError, OutsideError where it cannot be read, and ContractError with its place where the script is not
    Python or its config is not YAML.
    """
    text = read_text(path)
    if "mlflow" not in text:
        return None
    if is_makefile(path) or is_shell(path, text):
        runs, unknown = runs_of_shell(text, str(path), makefile=is_makefile(path))
        return Orchestrator(path, runs, unknown=unknown) if runs else None
    if path.suffix != ".py":
        return None
    observer = _Observer(path, parse_source(text, str(path)))
    observer.walker.walk()
    if not observer.runs:
        return None
    return Orchestrator(
        path,
        tuple(observer.runs),
        observer.config_file,
        observer.config,
        tuple(dict.fromkeys(observer.unknown)),
    )


class _Observer:
    """Takes down the runs, and what is known of the config and of files on the way to them."""

    def __init__(self, path: Path, source: Source) -> None:
        self.folder = path.parent
        self.source = source
        self.walker = Walker(source, self)
        self.walker.config_items = self._config_items
        self.runs: list[ChildRun] = []
        self.unknown: list[tuple[str, Place]] = []
        self.config: Values = {}
        self.config_file: Path | None = None
        self._config_path = "."
        self._opened: dict[Symbol, Symbol] = {}
        self._written: dict[Text, str] = {}

    def __call__(self, call: Call) -> Symbol | None:
        if call.name in _run_names:
            return self._run(call)
        if any(isinstance(symbol, Imported) and symbol.name in _run_names for symbol in call.arguments):
            self._not_followed(call.place)
        match call.name:
            case "hydra.main" | "hydra.initialize" | "hydra.compose":
                return self._hydra(call)
            case "omegaconf.OmegaConf.load":
                return self._load(call.argument(0, "file_"))
            case "yaml.safe_load" | "yaml.load" | "yaml.full_load" if call.arguments:
                return self._load(self._opened.get(call.arguments[0]))
            case "open" | ".open":
                handle = self.walker.handle("file")
                self._opened[handle] = call.argument(0, "file") or UNKNOWN if call.name == "open" else call.receiver
                return handle
            case "json.dump" | "yaml.dump" | "yaml.safe_dump" | "omegaconf.OmegaConf.save":
                self._write(call.argument(0, "obj", "data", "config"), call.argument(1, "fp", "stream", "f"))
            case "file.write":
                self._write(call.argument(0), call.receiver)
            case ".write_text":
                self._write(call.argument(0, "data"), call.receiver)
            case _ if call.name in _program_calls:
                self._program(call)
        return None

    def _run(self, call: Call) -> Symbol:
        target = call.argument(0, "uri")
        entry_point = call.argument(1, "entry_point") or Constant("main")
        given = call.argument(3, "parameters") or Table({})
        parameters, complete = self._parameters(given)
        run = ChildRun(
            target=target_of(target or UNKNOWN, self.config),
            entry_point=resolved(entry_point, self.config),
            place=call.place,
            parameters=parameters,
            complete=complete and call.complete,
            version=literal_of(call.argument(2, "version")),
            gate=self.walker.gates[-1] if self.walker.gates else None,
            env_manager=literal_of(call.argument(13, "env_manager")),
            use_conda=_boolean(call.argument(None, "use_conda")),
            synchronous=_boolean(call.argument(10, "synchronous")) is not False,
            artifacts=artifacts_in(parameters),
        )
        return self._add(run)

    def _add(self, run: ChildRun) -> Symbol:
        self.runs.append(run)
        if run.target is None or run.entry_point is None or not run.complete:
            self._not_followed(run.place)
        for source in run.parameters.values():
            if source.kind is Kind.UNKNOWN:
                self._not_followed(source.place)
        in_this_project = run.target in {None, "."}
        name = run.entry_point if in_this_project else (run.target or "").rstrip("/").rpartition("/")[2]
        return Reference(Kind.RUN, name or "run")

    def _parameters(self, given: Symbol) -> tuple[Mapping[str, ParameterSource], bool]:
        if given == Constant(None):
            return {}, True
        if not isinstance(given, Table):
            return {}, False
        sources = {
            name: source_of(entry.value, entry.place, self.config, self._written)
            for name, entry in given.entries.items()
        }
        return sources, given.complete

    def _program(self, call: Call) -> None:
        """`subprocess.run(["mlflow", "run", …])` and `os.system("mlflow run …")`."""
        first = call.argument(0, "args", "command")
        if isinstance(first, Items):
            gate = self.walker.gates[-1] if self.walker.gates else None
            found = run_of_words([(symbol, call.place) for symbol in first.items], gate)
            if found:
                self._add(found)
        elif isinstance(first, Constant) and isinstance(first.value, str):
            for run in runs_of_shell(first.value, self.source.file, place=call.place)[0]:
                self._add(run)

    def _hydra(self, call: Call) -> Symbol | None:
        if call.name == "hydra.compose":
            name, found = literal_of(call.argument(0, "config_name")), Reference(Kind.CONFIG)
        else:
            name, found = literal_of(call.argument(None, "config_name")), None
            self._config_path = literal_of(call.argument(0, "config_path")) or "."
        if name and self.config_file is None:
            self._read(find_config(self.folder, self._config_path, name))
        return found

    def _load(self, path: Symbol | None) -> Symbol:
        name = target_of(path, self.config) if path is not None else None
        found = find_config(self.folder, ".", name) if name and not name.startswith("/") else None
        if found is None or self.config_file not in {None, found}:
            return UNKNOWN
        self._read(found)
        return Reference(Kind.CONFIG)

    def _read(self, path: Path | None) -> None:
        if path is not None and self.config_file is None:
            self.config_file = path
            self.config = read_config(path)

    def _config_items(self, key: str) -> tuple[Symbol, ...] | None:
        listed: list[Symbol] = []
        while (item := f"{key}.{len(listed)}") in self.config:
            listed.append(Constant(self.config[item][0]))
        value = self.config[key][0] if key in self.config else None
        if isinstance(value, str) and "," in value:
            return tuple(Constant(part.strip()) for part in value.split(","))
        return tuple(listed) or None

    def _write(self, content: Symbol | None, file: Symbol | None) -> None:
        """A config section that goes to a file: a later parameter that names the file hands on the section."""
        path = self._opened.get(file, file) if isinstance(file, Handle) else file
        if isinstance(content, Reference) and content.kind is Kind.CONFIG and path is not None:
            text = text_of(path)
            if text.kind is not Kind.UNKNOWN:
                self._written[text] = content.name

    def _not_followed(self, place: Place) -> None:
        line = self.source.lines[(place.line or 1) - 1] if place.line else ""
        self.unknown.append((line.strip()[:120], place))


def _boolean(symbol: Symbol | None) -> bool | None:
    return symbol.value if isinstance(symbol, Constant) and isinstance(symbol.value, bool) else None

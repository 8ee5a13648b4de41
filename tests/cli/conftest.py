"""The command line in this process: as fast as a function call, with the same exit codes and output."""

import json
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from artifactflow.cli.app import main


@dataclass(frozen=True)
class Answer:
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as the one JSON document that it is."""
        return json.loads(self.out)


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Callable]:
    """`artifactflow …` in `tmp_path`; it must end well, or with the exit code that is expected."""
    monkeypatch.chdir(tmp_path)
    on_termination = signal.getsignal(signal.SIGTERM)

    def call(*arguments: object, code: int = 0) -> Answer:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        answer = Answer(int(ended.value.code or 0), printed.out, printed.err)
        assert answer.code == code, f"{arguments}: exit code {answer.code}\n{answer.err}"
        if code:
            assert answer.err.startswith("error: ")
            assert "Traceback" not in answer.err
        return answer

    yield call
    signal.signal(signal.SIGTERM, on_termination)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A small table with two classes, a missing value and a text column."""
    file = tmp_path / "flats.csv"
    rows = [
        f"{20 + number % 37},{'north' if number % 3 else 'south'},{'yes' if number % 2 else 'no'}"
        for number in range(60)
    ]
    rows[5] = ",south,no"
    file.write_text("\n".join(["size,side,let", *rows]) + "\n")
    return file


@pytest.fixture
def words(tmp_path: Path) -> Path:
    """A pipeline of two plain scripts, which start in milliseconds: `make` writes a word, `shout` writes it louder."""
    folder = tmp_path / "words"
    component(
        folder / "make",
        parameters={"word": "{type: str, default: hello}", "count": "{type: int, default: 2, minimum: 1, maximum: 9}"},
        inputs={},
        output="made",
        script="print('making', word)\nopen(made, 'w').write(word * int(count))\n",
    )
    component(
        folder / "shout",
        parameters={},
        inputs={"text": "text"},
        output="loud",
        script="open(loud, 'w').write(open(text).read().upper())\n",
    )
    (folder / "pipeline.yaml").write_text(
        "name: words\n"
        "parameters:\n"
        "  word: hello\n"
        "steps:\n"
        '  make:  {component: make, with: {word: "${word}"}}\n'
        '  shout: {component: shout, with: {text: "${make.made}"}}\n'
    )
    return folder


def component(folder: Path, *, parameters: dict[str, str], inputs: dict[str, str], output: str, script: str) -> None:
    """Write a component whose script has its options as variables."""
    names = [*inputs, *parameters, output]
    stated = [f"      {name}: {{type: path, artifact: {kind}}}" for name, kind in inputs.items()]
    stated += [f"      {name}: {text}" for name, text in parameters.items()]
    stated += [f"      {output}: {{type: str, default: {output}.txt}}"]
    options = " ".join(f"{{{name}}}" for name in names)
    folder.mkdir(parents=True)
    (folder / "MLproject").write_text(
        f"name: {folder.name}\nentry_points:\n  main:\n    parameters:\n"
        + "\n".join(stated)
        + f"\n    outputs:\n      {output}: {{type: text, path: {output}.txt}}\n    command: python main.py {options}\n"
    )
    (folder / "main.py").write_text(f"import sys\n{', '.join(names)}, = sys.argv[1:]\n{script}")

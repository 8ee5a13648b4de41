"""The rules about commands, each with what `check --explain` prints."""

from __future__ import annotations

from typing import Final

from artifactflow.check.findings import Rule, Severity

BROKEN_LINES: Final = Rule(
    "C201",
    "broken-lines",
    Severity.ERROR,
    "A command over several lines is not one command for bash.",
    """`>-` keeps the newline before a line that is indented deeper, and a backslash joins lines only where it is the
very last character. Plain `mlflow run` then runs the first line alone, with defaults, and stops at the next:
`--seed: command not found`.

wrong:   command: >-
           python train.py --size {size}\\ (a blank)
             --seed {seed}
right:   command: python train.py --size {size} --seed {seed}""",
)
OPEN_QUOTE: Final = Rule(
    "C202",
    "open-quote",
    Severity.ERROR,
    "A quote of a command is never closed.",
    """bash stops with `unexpected EOF while looking for matching quote` before anything runs.

wrong:   command: python train.py --note 'first run
right:   command: python train.py --note 'first run'""",
)
REDIRECTION: Final = Rule(
    "C203",
    "accidental-redirection",
    Severity.ERROR,
    "bash takes a part of a command for a redirection.",
    """Outside of quotes, `<` reads from a file and `>` writes to one. `pandas>=2` writes to a file called `=2`.

wrong:   command: python train.py --size <size>
right:   command: python train.py --size {size}""",
)
UNDECLARED: Final = Rule(
    "C204",
    "undeclared-placeholder",
    Severity.ERROR,
    "A command uses a placeholder that is no parameter.",
    """Plain `mlflow run` stops with a KeyError; only what stands under `parameters` is filled in, and
`optional_parameters` is not read by MLflow.

wrong:   parameters: {max_iter: int}
         command: python train.py --max_iter {max_itr}
right:   command: python train.py --max_iter {max_iter}""",
)
OUTPUT_UNDECLARED: Final = Rule(
    "C205",
    "output-not-a-parameter",
    Severity.ERROR,
    "The placeholder of an output is not declared under parameters.",
    """artifactflow fills in the place of an output by itself. Plain `mlflow run` does not know outputs and stops with a
KeyError, unless the same name is a parameter whose default is the path.

wrong:   outputs: {clean: {path: clean.csv}}
         command: python main.py --clean={clean}
right:   parameters: {clean: {type: str, default: clean.csv}}
         outputs: {clean: {path: clean.csv}}
         command: python main.py --clean={clean}""",
)
UNUSED: Final = Rule(
    "C206",
    "unused-parameter",
    Severity.WARNING,
    "A declared parameter never reaches the script.",
    """MLflow appends parameters that are not declared, and fills in those that the command names. One that is declared
and not named goes nowhere: whatever the caller gives is ignored.

wrong:   parameters: {seed: {type: int, default: 42}}
         command: python train.py
right:   command: python train.py --seed={seed}""",
)
UNSAFE: Final = Rule(
    "C207",
    "unsafe-placeholder",
    Severity.ERROR,
    "A placeholder stands inside quotes or other shell syntax, where its value could run as code.",
    """MLflow quotes every value before it is put into the command. Inside quotes of the command those quotes end them:
for the value `a; rm -r data`, `'{name}'` becomes `''a; rm -r data''`, and bash runs `rm`.

wrong:   command: python main.py --name '{name}'
right:   command: python main.py --name {name}""",
)
BRACE: Final = Rule(
    "C208",
    "stray-brace",
    Severity.ERROR,
    "Braces of a command are no placeholder.",
    """MLflow fills commands by `str.format`. `${HOME}` asks for a parameter HOME, `{1:2}` for a positional value, and
`{a.b}` for an attribute of the value: each raises. A brace that means itself is doubled.

wrong:   command: python main.py --out ${HOME}/out
right:   command: python main.py --out ${{HOME}}/out""",
)
ECHOED: Final = Rule(
    "C209",
    "echoed-placeholder",
    Severity.WARNING,
    "`$(echo {x})` undoes the quotes that keep a value whole.",
    """bash splits what the echo prints at blanks, replaces `*` by file names, and drops an empty value. Where that is
meant, because one value holds several options, there is no other way for plain `mlflow run`; then ignore this rule on
that line. Where one value is meant, the placeholder alone is right.

wrong:   command: python main.py --name $(echo {name})
right:   command: python main.py --name {name}""",
)
INTERPRETER: Final = Rule(
    "C210",
    "pinned-interpreter",
    Severity.INFO,
    "A command names one version or one place of Python.",
    """The environment file says which Python runs. `python3.8` or `/usr/bin/python` in the command may be another one,
outside of the environment that was built, without its packages.

wrong:   command: python3.8 main.py
right:   command: python main.py""",
)
CHANGED_FOLDER: Final = Rule(
    "C211",
    "changed-folder",
    Severity.INFO,
    "A command leaves the component's folder.",
    """Behind `cd`, relative paths of inputs and outputs mean something else than the manifest says, and neither the
script nor its options can be checked.

wrong:   command: cd src && python main.py --out={out}
right:   command: python src/main.py --out={out}""",
)
MISSING_PROGRAM: Final = Rule(
    "C212",
    "missing-program",
    Severity.ERROR,
    "The file that a command starts does not exist, or cannot be found by its bare name.",
    """bash looks for a bare name in PATH only, and not in the component's folder.

wrong:   command: main.py --seed={seed}
right:   command: python main.py --seed={seed}""",
)
SECRET: Final = Rule(
    "C213",
    "secret-in-command",
    Severity.ERROR,
    "A command names a parameter that is marked secret.",
    """Every user of the machine can read command lines in the list of processes, and MLflow records them. The value
is in the environment variable ARTIFACTFLOW_P_NAME, where a step function finds it by itself. A run refuses the command.

wrong:   command: python main.py --api_key={api_key}
right:   command: python main.py          and in the script: os.environ["ARTIFACTFLOW_P_API_KEY"]""",
)

RULES: Final = (
    BROKEN_LINES,
    OPEN_QUOTE,
    REDIRECTION,
    UNDECLARED,
    OUTPUT_UNDECLARED,
    UNUSED,
    UNSAFE,
    BRACE,
    ECHOED,
    INTERPRETER,
    CHANGED_FOLDER,
    MISSING_PROGRAM,
    SECRET,
)

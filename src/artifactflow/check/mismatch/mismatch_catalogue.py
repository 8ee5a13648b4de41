"""The rules about the manifest against the script, each with what `check --explain` prints."""

from __future__ import annotations

from typing import Final

from artifactflow.check.findings import Rule, Severity

MISSING_SCRIPT: Final = Rule(
    "X301",
    "missing-script",
    Severity.ERROR,
    "The script that a command runs does not exist.",
    """Python stops with `can't open file`. The path is relative to the component's folder.

wrong:   command: python run.py        (the folder holds main.py)
right:   command: python main.py""",
)
UNKNOWN_OPTION: Final = Rule(
    "X302",
    "unknown-option",
    Severity.ERROR,
    "The command passes an option that the script rejects.",
    """The script stops with a usage error before it does anything.

wrong:   command: python main.py --max_itr {max_iter}       (the script has --max_iter)
right:   command: python main.py --max_iter {max_iter}""",
)
SPELLING: Final = Rule(
    "X303",
    "dash-or-underscore",
    Severity.ERROR,
    "The command and the script spell an option with `-` and with `_`.",
    """argparse and click take `--max-iter` and `--max_iter` for different options and reject the one they do not know.

wrong:   command: python main.py --max-iter {max_iter}      (the script has --max_iter)
right:   command: python main.py --max_iter {max_iter}""",
)
STRAY_ARGUMENT: Final = Rule(
    "X304",
    "stray-argument",
    Severity.ERROR,
    "The command passes a positional argument that the script does not take.",
    """The script stops with `unrecognized arguments`.

wrong:   command: python main.py {data}                     (the script has --data only)
right:   command: python main.py --data {data}""",
)
UNSTATED: Final = Rule(
    "X305",
    "unstated-option",
    Severity.INFO,
    "An option of the script is not in the manifest.",
    """Whoever reads the manifest cannot know it, and it always keeps its default. State it, or leave it on purpose.

right:   parameters: {seed: {type: int, default: 42}}
         command: python main.py --seed={seed}""",
)
MISSING_OPTION: Final = Rule(
    "X306",
    "missing-option",
    Severity.ERROR,
    "The command never passes what the script requires.",
    """The script stops with `the following arguments are required`.

wrong:   command: python main.py                            (the script requires --data)
right:   parameters: {data: path}
         command: python main.py --data={data}""",
)
REQUIRED: Final = Rule(
    "X307",
    "required-differs",
    Severity.INFO,
    "A parameter is required by one of manifest and script, and has a default in the other.",
    """It runs, but a reader of one of the two is misled.

wrong:   seed: {type: int}                                  (the script: --seed, default 42)
right:   seed: {type: int, default: 42}""",
)
DEFAULT: Final = Rule(
    "X308",
    "default-differs",
    Severity.WARNING,
    "The default of a parameter is another one in the script.",
    """The command always passes the value, so the manifest's default wins under MLflow and the script's counts when the
script is run by hand: two runs that look alike give different results.

wrong:   test_size: {type: float, default: 0.3}             (the script: default=0.2)
right:   test_size: {type: float, default: 0.2}""",
)
TYPE: Final = Rule(
    "X309",
    "type-differs",
    Severity.WARNING,
    "The type of a parameter is another one in the script.",
    """MLflow checks no types. artifactflow does, by the manifest: with the wrong one it refuses what the script takes,
or lets through what stops the script after it was started.

wrong:   epochs: {type: str, default: 10}                   (the script: type=int)
right:   epochs: {type: int, default: 10}""",
)
CHOICES: Final = Rule(
    "X310",
    "choices-differ",
    Severity.ERROR,
    "The manifest allows, or has as its default, what the script refuses.",
    """The script stops with `invalid choice`.

wrong:   method: {type: str, default: middle}               (the script: choices=["mean", "median"])
right:   method: {type: str, default: median, choices: [mean, median]}""",
)
DESCRIPTION: Final = Rule(
    "X311",
    "description-differs",
    Severity.INFO,
    "The manifest describes a parameter in other words than the script's help.",
    """Two texts for one thing: one of them is likely to be out of date.""",
)
UNDEFINED: Final = Rule(
    "X312",
    "undefined-attribute",
    Severity.ERROR,
    "The script reads an attribute of its arguments that no option defines.",
    """Python stops there with an AttributeError, possibly after hours of work.

wrong:   parser.add_argument("--max_iter"); args.max_itr
right:   parser.add_argument("--max_iter"); args.max_iter""",
)
BOOL: Final = Rule(
    "X313",
    "bool-converter",
    Severity.ERROR,
    "argparse's `type=bool` takes every text but the empty one for True.",
    """`bool("False")` is True, and MLflow passes `False`: the option cannot be switched off.

wrong:   parser.add_argument("--shuffle", type=bool, default=True)
right:   parser.add_argument("--shuffle", type=lambda text: text.lower() in ("true", "1", "yes"), default=True)""",
)
SENTINEL: Final = Rule(
    "X314",
    "none-as-text",
    Severity.INFO,
    "A default is the word null or None as a text.",
    """A text that stands for nothing has to be asked for by every reader, and one who forgets it uses a file called
`None`. A parameter that may be absent goes under `optional_parameters`; a script's default is then None.

wrong:   parser.add_argument("--limit", default="null")
right:   parser.add_argument("--limit", type=int, default=None)""",
)
FLAG_VALUE: Final = Rule(
    "X315",
    "value-for-a-flag",
    Severity.ERROR,
    "The command gives a value to a flag, which takes none.",
    """The script stops with `unrecognized arguments: False`. Plain MLflow has no way to say a flag; artifactflow
appends `--verbose` where the value is true.

wrong:   parameters: {verbose: {type: bool, default: false}}
         command: python main.py --verbose {verbose}        (the script: action="store_true")
right:   optional_parameters: {verbose: {type: bool, flag: true}}
         command: python main.py""",
)
STALE: Final = Rule(
    "X316",
    "stale-manifest",
    Severity.ERROR,
    "The manifest is not what the step function states.",
    """The signature of a step function is where the contract is written, the manifest is derived from it. Where they
differ, plans, caches and `mlflow run` follow the manifest and the function does something else. `--fix` writes anew
what differs.

wrong:   max_iter: {type: int, default: 100}                (def train(max_iter: int = 200))
right:   max_iter: {type: int, default: 200}""",
)

RULES: Final = (
    MISSING_SCRIPT,
    UNKNOWN_OPTION,
    SPELLING,
    STRAY_ARGUMENT,
    UNSTATED,
    MISSING_OPTION,
    REQUIRED,
    DEFAULT,
    TYPE,
    CHOICES,
    DESCRIPTION,
    UNDEFINED,
    BOOL,
    SENTINEL,
    FLAG_VALUE,
    STALE,
)

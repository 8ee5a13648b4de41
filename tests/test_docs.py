"""The documentation is complete, its links lead somewhere, and what it shows works."""

import doctest
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer
import yaml

import artifactflow
from artifactflow.check import ALL_RULES
from artifactflow.cli.app import COMMANDS, app
from artifactflow.errors import ArtifactflowError
from artifactflow.read import mlproject, mlproject_parameters, pipeline_parameters, pipeline_steps
from artifactflow.read import pipeline as pipeline_reader

REPOSITORY = Path(__file__).resolve().parents[1]
DOCS = REPOSITORY / "docs"
PAGES = [REPOSITORY / "README.md", *sorted(DOCS.rglob("*.md"))]
IDS = [str(page.relative_to(REPOSITORY)) for page in PAGES]


def text_of(name: str) -> str:
    return (DOCS / "reference" / name).read_text()


def commands_and_options() -> list[tuple[str, list[str]]]:
    """Every command with its options, from the application itself."""
    found = []
    group = typer.main.get_command(app)
    for name in COMMANDS:
        command = group.get_command(None, name)
        inner = getattr(command, "commands", None)
        for full, one in [(f"{name} {key}", value) for key, value in inner.items()] if inner else [(name, command)]:
            options = [option for parameter in one.params for option in (*parameter.opts, *parameter.secondary_opts)]
            found.append((full, [option for option in options if option.startswith("-")]))
    return found


def test_the_reference_names_every_command_and_every_option():
    reference = text_of("commands.md")
    common, *sections = re.split(r"^## ", reference, flags=re.MULTILINE)
    by_command = {section.split("\n")[0].removeprefix("artifactflow ").strip(): section for section in sections}
    for command, options in commands_and_options():
        section = by_command.get(command.split()[0], "")
        assert f"artifactflow {command}" in section, f"{command} is not in commands.md"
        for option in options:
            pattern = re.compile(rf"(?<![\w-]){re.escape(option)}(?![\w-])")
            assert pattern.search(section) or pattern.search(common), f"{command} {option} is not in commands.md"


def test_the_reference_names_no_command_that_does_not_exist():
    known = {f"artifactflow {command}" for command, _ in commands_and_options()} | {
        f"artifactflow {name}" for name in COMMANDS
    }
    for page in PAGES:
        for line in page.read_text().splitlines():
            for words in re.findall(r"\bartifactflow ((?:artifacts |runs )?[a-z][a-z-]+)\b(?=[ `\n]|$)", line):
                if "`artifactflow" in line or line.startswith(("artifactflow ", "$ artifactflow ")):
                    named = f"artifactflow {words}"
                    assert named in known or named.rpartition(" ")[0] in known, f"{page.name}: {named}"


def test_the_reference_names_every_public_name():
    reference = text_of("step-functions.md")
    for name in artifactflow.__all__:
        assert re.search(rf"`(?:{name})\b", reference), f"{name} is not in step-functions.md"


def test_the_reference_names_every_exit_code():
    rows = dict(re.findall(r"^\| (\d+) \|.*\| (?:`(\w+)`)? ?\|$", text_of("exit-codes.md"), flags=re.MULTILINE))
    assert rows["0"] == ""
    for kind in [ArtifactflowError, *ArtifactflowError.__subclasses__()]:
        assert rows[str(kind.exit_code)] == kind.__name__


def test_the_reference_lists_every_rule_of_check_as_it_is():
    rows = re.findall(r"^\| ([A-Z]\d{3}) \| (.*?) \| (\w+) \| (.*) \|$", text_of("checks.md"), flags=re.MULTILINE)
    expected = [(rule.code, rule.name, rule.severity.value, rule.summary.replace("|", "\\|")) for rule in ALL_RULES]
    assert sorted(rows) == sorted(expected)


def test_the_reference_names_every_key_of_a_pipeline():
    reference = text_of("pipeline-yaml.md")
    keys = (*pipeline_reader.PIPELINE_KEYS, *pipeline_steps.STEP_KEYS, *pipeline_parameters.PARAMETER_KEYS)
    for key in keys:
        assert re.search(rf"^\| [^|]*`{key}`", reference, flags=re.MULTILINE), f"{key} is not in pipeline-yaml.md"


def test_the_reference_names_every_key_of_a_manifest():
    reference = text_of("manifest.md")
    keys = (*mlproject.MANIFEST_KEYS, *mlproject.ENTRY_POINT_KEYS, *mlproject.OUTPUT_KEYS)
    for key in (*keys, *mlproject_parameters.PARAMETER_KEYS):
        assert re.search(rf"^\| [^|]*`{key}`", reference, flags=re.MULTILINE), f"{key} is not in manifest.md"


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_links_lead_somewhere(page: Path):
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)]+)\)", text):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        linked = (page.parent / name).resolve() if name else page
        assert linked.is_file() or (linked.is_dir() and not anchor), f"{page.name} links to {target}"
        if anchor:
            titles = re.findall(r"^#+ (.*)$", linked.read_text(), flags=re.MULTILINE)
            anchors = [re.sub(r"[^\w\- ]", "", title).strip().lower().replace(" ", "-") for title in titles]
            assert anchor in anchors, f"{page.name} links to {target}"


def test_every_page_is_reached_from_the_index():
    linked = {(DOCS / target).resolve() for target in re.findall(r"\]\(([^)#]+)\)", (DOCS / "index.md").read_text())}
    assert {page.resolve() for page in DOCS.rglob("*.md")} - {(DOCS / "index.md").resolve()} <= linked


SHOWN = re.compile(r"^<!-- runs -->\n```bash\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)
RUNNING = [page for page in PAGES if SHOWN.search(page.read_text())]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The examples with a store beside them that holds what the iris example makes: the pages start from there."""
    folder = tmp_path_factory.mktemp("examples")
    ignored = shutil.ignore_patterns(".artifactflow", "mlruns", "mlflow.db", "__pycache__")
    shutil.copytree(REPOSITORY / "examples", folder / "examples", ignore=ignored)
    subprocess.run(
        [sys.executable, "-m", "artifactflow", "run-pipeline", "examples/iris"],
        cwd=folder,
        env={**os.environ, "ARTIFACTFLOW_TRACK": "none"},  # a tracker would still write into what is copied
        check=True,
        capture_output=True,
    )
    return folder


@pytest.mark.parametrize("page", RUNNING, ids=[str(page.relative_to(REPOSITORY)) for page in RUNNING])
def test_the_commands_of_a_page_run(page: Path, prepared: Path, tmp_path: Path):
    work = shutil.copytree(prepared, tmp_path / "work")
    program = tmp_path / "bin" / "artifactflow"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m artifactflow "$@"\n')
    program.chmod(0o755)
    # Each block begins in the folder of the examples, as a reader does who comes to this section.
    script = "".join(f"(\n{block})\n" for block in SHOWN.findall(page.read_text()))
    done = subprocess.run(
        ["bash", "-e"],
        input=script,
        cwd=work,
        env={**os.environ, "PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


EXAMPLES = [page for page in PAGES if ">>> " in page.read_text()]


@pytest.mark.parametrize("page", EXAMPLES, ids=[str(page.relative_to(REPOSITORY)) for page in EXAMPLES])
def test_the_python_of_a_page_says_what_it_prints(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    text = "\n".join(re.findall(r"^```python\n(>>> .*?)^```$", page.read_text(), flags=re.MULTILINE | re.DOTALL))
    test = doctest.DocTestParser().get_doctest(text, {}, page.name, str(page), 0)
    report: list[str] = []
    results = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(test, out=report.append)
    assert results.failed == 0, "".join(report)
    assert results.attempted > 0


def test_the_workflow_of_the_page_checks_runs_and_keeps_the_store_of_every_run():
    page = (DOCS / "how-to" / "run-in-ci.md").read_text()
    text = re.findall(r"^```yaml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)[0]
    steps = yaml.safe_load(text)["jobs"]["pipeline"]["steps"]
    commands = [step["run"] for step in steps if "run" in step]
    assert commands[1:] == ["artifactflow check --format github", "artifactflow run-pipeline ."]
    (cache,) = (step["with"] for step in steps if step.get("uses", "").startswith("actions/cache@"))
    assert cache["path"] == ".artifactflow"
    # A key that is known already is not written again: it must be another one in every run.
    assert cache["key"].endswith("-${{ github.run_id }}-${{ github.run_attempt }}")
    assert all(cache["key"].startswith(key.partition("main")[0]) for key in cache["restore-keys"].splitlines())

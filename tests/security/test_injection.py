"""500 hostile texts go through every way in: each reaches the program byte for byte or is refused, with no shell."""

import json
import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

sys.path.insert(0, str(Path(__file__).parent))

from injections import injections

from artifactflow.artifact import ArtifactRef, check_alias, check_name
from artifactflow.contract import Environment, EnvironmentKind
from artifactflow.environments.wanted import wanted
from artifactflow.errors import ArtifactflowError, ContractError, UsageError
from artifactflow.fetch.git import check_out, parse_git_address
from artifactflow.library import run_downloads
from artifactflow.pipeline import Given
from artifactflow.read.command import parse_command
from artifactflow.read.component import load_pipeline
from artifactflow.read.environment import read_environment
from artifactflow.runner import Options, bind_pipeline, run_pipeline
from artifactflow.store import Store

TEXTS = injections()
NAMES = [f"p{number}" for number in range(len(TEXTS))]
EXPECTED = dict(zip(NAMES, TEXTS, strict=True))
STEP_FUNCTION = """
import json
from typing import Annotated
from artifactflow import Output, run

def main({parameters}) -> Annotated[dict, Output("made", type="facts")]:
    return {{name: value for name, value in locals().items() if name.startswith("p")}}

if __name__ == "__main__":
    run(main)
"""


@pytest.fixture(autouse=True)
def no_shell(tmp_path, monkeypatch):
    """Shells and `touch` that leave a mark are found first. Neither it nor what the texts try to write may be there."""
    folder, mark = tmp_path / "bin", tmp_path / "a-shell-was-started"
    folder.mkdir()
    for name in ("sh", "bash", "dash", "touch", "calc"):
        program = folder / name
        program.write_text(f"#!{sys.executable}\nimport sys\nopen({str(mark)!r}, 'a').write(repr(sys.argv))\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    yield
    assert not mark.exists(), mark.read_text()
    assert [str(path) for path in tmp_path.rglob("*PWNED*")] == []


def manifest(texts=None, command=None):
    parameters = {name: {"type": "str"} | ({} if texts is None else {"default": texts[name]}) for name in NAMES}
    parameters["made"] = {"type": "str", "default": "made.json"}
    words = " ".join(f"{{{name}}}" for name in NAMES)
    point = {
        "parameters": parameters,
        "outputs": {"made": {"type": "facts", "path": "made.json"}},
        "command": command or f"python main.py {words} {{made}}",
    }
    return yaml.safe_dump({"name": "dump", "entry_points": {"main": point}}, width=10**6)


@pytest.fixture
def dumped(files):
    """Runs the pipeline or component and gives what its script was given."""

    def run(path, options=None, variables=None, **how):
        bound = bind_pipeline(load_pipeline(files.folder / path), Given(options or {}, variables or {}), files.folder)
        with Store.open(files.folder / ".artifactflow") as store:
            run_pipeline(bound, store, Options(use_cache=False, **how))
            (entry,) = store.tree(store.version("made").digest).entries
            return json.loads(store.object_path(entry.digest).read_text())

    return run


def pipeline_file(files, **content):
    bound = {name: f"${{{name}}}" for name in NAMES}
    text = {"name": "p", "steps": {"dump": {"component": "dump", "with": bound}}, **content}
    (files.folder / "pipeline.yaml").write_text(yaml.safe_dump(text, width=10**6))


def test_there_are_500_texts():
    assert len(set(TEXTS)) == 500


@pytest.mark.parametrize("cold", [pytest.param(True, marks=pytest.mark.torture), False], ids=["fresh", "warm"])
def test_options_reach_a_script_byte_for_byte(files, dumped, cold):
    files.component("dump", manifest())
    assert dumped("dump", EXPECTED, cold=cold) == TEXTS


def test_environment_variables_reach_a_script_byte_for_byte(files, dumped):
    files.component("dump", manifest())
    variables = {f"ARTIFACTFLOW_P_{name.upper()}": text for name, text in EXPECTED.items()}
    assert dumped("dump", variables=variables) == TEXTS


@pytest.mark.torture
def test_a_config_file_reaches_a_script_byte_for_byte(files, dumped):
    files.component("dump", manifest())
    (files.folder / "config.yaml").write_text(yaml.safe_dump(EXPECTED, width=10**6))
    pipeline_file(files, config="config.yaml", parameters={name: {"type": "str"} for name in NAMES})
    assert dumped(".") == TEXTS


def test_literals_of_a_pipeline_reach_a_script_byte_for_byte(files, dumped):
    files.component("dump", manifest())
    bound = {name: text.replace("$", "$$") for name, text in EXPECTED.items() if not text.startswith("artifactflow:/")}
    left = {f"dump.{name}": text for name, text in EXPECTED.items() if name not in bound}
    pipeline_file(files, steps={"dump": {"component": "dump", "with": bound}})
    assert dumped(".", left) == TEXTS


@pytest.mark.torture
def test_defaults_of_a_pipeline_reach_a_script_byte_for_byte(files, dumped):
    files.component("dump", manifest())
    pipeline_file(files, parameters={name: {"type": "str", "default": text} for name, text in EXPECTED.items()})
    assert dumped(".") == TEXTS


def test_defaults_of_a_manifest_reach_a_script_byte_for_byte(files, dumped):
    files.component("dump", manifest(EXPECTED))
    assert dumped("dump") == TEXTS


@pytest.mark.parametrize(
    "how",
    [
        pytest.param({"cold": True}, marks=pytest.mark.torture),
        pytest.param({"cold": False}, marks=pytest.mark.torture),
        {"inline": True},
    ],
    ids=["fresh", "warm", "inline"],
)
def test_a_step_function_gets_every_text_as_it_is(files, dumped, how):
    words = " ".join(f"--{name}={{{name}}}" for name in NAMES)
    parameters = ", ".join(f"{name}: str" for name in NAMES)
    text = manifest(command=f"python main.py {words} --made={{made}}")
    files.component("dump", text, STEP_FUNCTION.format(parameters=parameters))
    assert dumped("dump", EXPECTED, **how) == EXPECTED


@pytest.mark.torture
def test_the_command_line_takes_every_text_as_it_is(files, artifactflow, dumped):
    files.component("dump", manifest())
    options = [word for name, text in EXPECTED.items() for word in ("-P", f"{name}={text}")]
    done = artifactflow(
        "run-pipeline", "dump", "--quiet", "--store", files.folder / "store", *options, cwd=files.folder
    )
    assert done.returncode == 0, done.stderr
    with Store.open(files.folder / "store") as store:
        (entry,) = store.tree(store.version("made").digest).entries
        assert json.loads(store.object_path(entry.digest).read_text()) == TEXTS


def matrix_reaches_its_cells(files, texts):
    files.one_value("dump")
    steps = {"dump": {"component": "dump", "matrix": {"text": texts}}}
    pipeline_file(files, steps=steps)
    bound = bind_pipeline(load_pipeline(files.folder), Given(), files.folder)
    with Store.open(files.folder / ".artifactflow") as store:
        record = run_pipeline(bound, store)
        got = []
        for outcome in record.steps:
            (entry,) = store.tree(store.version(outcome.outputs["made"]).digest).entries
            got += json.loads(store.object_path(entry.digest).read_text())
    assert got == texts


def test_cells_of_a_matrix_get_their_text_as_it_is(files):
    matrix_reaches_its_cells(files, TEXTS[::25])


@pytest.mark.torture
def test_all_500_texts_reach_their_cells(files):
    matrix_reaches_its_cells(files, TEXTS)


def test_a_command_that_needs_a_shell_is_given_every_text_quoted(files, dumped, monkeypatch):
    monkeypatch.setenv("PATH", os.environ["PATH"].partition(os.pathsep)[2])
    (files.folder.parent / "bin" / "touch").unlink()
    command = yaml.safe_load(manifest())["entry_points"]["main"]["command"]
    files.component("dump", manifest(command=f"{command} && true | cat"))
    # The whole command is one argument of bash, and may have 128 KiB.
    short = {name: text if len(text) < 500 else "short" for name, text in EXPECTED.items()}
    assert dumped("dump", short) == list(short.values())


@pytest.mark.parametrize("text", ["\0", "a\0b", "\ud800"])
def test_what_no_program_can_be_given_is_refused_in_words(files, dumped, text):
    files.component("dump", manifest())
    with pytest.raises(UsageError, match="no program can be given"):
        dumped("dump", {**EXPECTED, "p3": text})


def is_harmless(name):
    return 0 < len(name) <= 128 and all(one.isascii() and (one.isalnum() or one in "_.-") for one in name) and (
        name[0] not in "-."
    )  # fmt: skip


def test_one_place_decides_about_names():
    for text in [*TEXTS, "\0", "\ud800"]:
        if is_harmless(text):
            assert check_name(text) == text
        else:
            with pytest.raises(UsageError):
                check_name(text)


NAMED = [text for text in [*TEXTS, "a\0b", "\ud800"] if not is_harmless(text)]


def refused(action, *arguments, **named):
    with pytest.raises(ArtifactflowError):
        action(*arguments, **named)


def test_the_store_takes_no_hostile_name(tmp_path):
    (tmp_path / "file").write_text("x")
    with Store.open(tmp_path / "store") as store:
        tree = store.put_tree(tmp_path / "file")
        with store.transaction() as transaction:
            transaction.register("name", "type", "", tree)
        before = sorted(str(path) for path in tmp_path.rglob("*") if "tmp" not in path.parts[-2:])
        for text in NAMED:
            refused(check_alias, text)
            refused(store.run_folder, text, create=True)
            if ":" not in text.strip(":"):
                refused(ArtifactRef.parse, text)
            refused(store.set_alias, text, 1, "champion")
        assert sorted(str(path) for path in tmp_path.rglob("*") if "tmp" not in path.parts[-2:]) == before


def test_registering_takes_no_hostile_name_or_type_and_any_description(tmp_path):
    (tmp_path / "file").write_text("x")
    with Store.open(tmp_path / "store") as store:
        tree = store.put_tree(tmp_path / "file")
        for text in NAMED:
            for name, kind in ((text, "type"), ("name", text)):
                with pytest.raises(UsageError), store.transaction() as transaction:
                    transaction.register(name, kind, "", tree)
        for text in TEXTS[::25]:
            with store.transaction() as transaction:
                assert transaction.register("name", "type", text, tree).version.description in (text, TEXTS[0])


def test_pipelines_and_steps_take_no_hostile_name(files):
    files.component("dump", manifest())
    for text in NAMED[::9]:
        for content in ({"name": text}, {"steps": {text: {"component": "dump"}}}):
            try:
                written = yaml.safe_dump({"name": "p", "steps": {"dump": {"component": "dump"}}, **content})
            except (UnicodeEncodeError, yaml.YAMLError):
                continue
            (files.folder / "pipeline.yaml").write_bytes(written.encode(errors="surrogatepass"))
            refused(load_pipeline, files.folder)


def test_the_name_that_a_download_is_given_is_checked_before_anything_runs(tmp_path):
    (tmp_path / "file.csv").write_text("x")
    with Store.open(tmp_path / "store") as store:
        for text in NAMED[::10]:
            refused(run_downloads, [{"file_url": str(tmp_path / "file.csv"), "artifact_name": text}], store)
        assert store.runs() == []


def test_a_placeholder_is_a_plain_name_and_never_evaluated():
    for text in TEXTS:
        try:
            template = parse_command(f"python main.py {{{text}}}")
        except ContractError:
            continue
        assert all(re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]*", name) for name in template.placeholders)


def test_git_addresses_name_repositories_and_nothing_that_git_would_run(tmp_path):
    folder = tmp_path / "repository"
    folder.mkdir()
    for arguments in (
        ["init", "-q"],
        ["-c", "user.name=a", "-c", "user.email=b", "commit", "-q", "--allow-empty", "-m", "c"],
    ):
        subprocess.run(["git", *arguments], cwd=folder, check=True)
    for text in TEXTS:
        for address in (
            text,
            f"{folder}#{text}",
            f"{folder}#x@{text}",
            f"https://{text}",
            f"https://127.0.0.1:9/{text}",
        ):
            try:
                parsed = parse_git_address(address)
            except (UsageError, ArtifactflowError):
                continue
            assert not parsed.repository.startswith("-")
            assert "::" not in parsed.repository
            assert not parsed.ref.startswith("-")
            assert ".." not in Path(parsed.folder).parts
    for text in TEXTS[::25]:
        try:
            parsed = parse_git_address(f"{folder}#@{text}")
        except ArtifactflowError:
            continue
        if parsed.ref != "HEAD":
            refused(check_out, parsed, tmp_path / "cache")


@pytest.mark.parametrize("kind", ["conda", "python", "requirements"])
def test_environment_files_give_lines_of_one_line_or_are_refused(tmp_path, kind):
    """What pip understands stays what it is; what it does not is refused with its place. One entry is one line."""
    taken = 0
    for text in TEXTS:
        if kind == "requirements":
            file = tmp_path / "requirements.txt"
            file.write_bytes(f"{text}\n".encode())
        else:
            file = tmp_path / f"{kind}.yaml"
            listed = [text] if kind == "python" else ["python=3.11", {"pip": [text]}]
            file.write_text(yaml.safe_dump({"dependencies": listed}))
        try:
            stated = wanted(read_environment(file, EnvironmentKind(kind)))
        except ArtifactflowError:
            continue
        for line in (*stated.lines, *stated.options):
            assert len(line.splitlines()) <= 1, (text, line)
            taken += 1
    assert taken > 0


@pytest.mark.parametrize(
    "text", ["--index-url https://a\n--extra-index-url https://b", "-e .\n-r /etc/passwd", "x\r--pre", "x\n-e ../evil"]
)
def test_a_requirement_with_a_line_break_is_refused(tmp_path, text):
    file = tmp_path / "python_env.yaml"
    file.write_text(yaml.safe_dump({"dependencies": [text]}))
    with pytest.raises(ContractError, match="a line break stands in a line"):
        wanted(Environment(EnvironmentKind.PYTHON, file, requirements=(text,)))


@pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")
def test_the_system_calls_of_a_run_start_no_shell(files, tmp_path):
    files.component("dump", manifest())
    options = [word for name, text in EXPECTED.items() for word in ("-P", f"{name}={text}")]
    trace = tmp_path / "trace"
    command = [sys.executable, "-m", "artifactflow", "run-pipeline", "dump", "--quiet", "--cold", *options]
    done = subprocess.run(
        ["strace", "-f", "-qq", "-s", "80", "-e", "trace=execve", "-o", trace, *command],
        cwd=files.folder,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    started = [
        line.partition("execve(")[2].split('"')[1] for line in trace.read_text().splitlines() if "execve(" in line
    ]
    names = {Path(program).name for program in started}
    assert any(name.startswith("python") for name in names)
    assert names.isdisjoint({"sh", "bash", "dash", "zsh", "touch", "env"})


def test_temporary_folders_can_be_entered_by_their_owner_alone_and_their_names_cannot_be_guessed(tmp_path):
    names = set()
    with Store.open(tmp_path / "store") as store:
        assert stat.S_IMODE((store.root / "tmp").stat().st_mode) == 0o700
        for _ in range(20):
            with store.temporary_folder("test-") as folder:
                assert stat.S_IMODE(folder.stat().st_mode) == 0o700
                names.add(folder.name)
    assert len(names) == 20
    assert all(len(name) >= len("test-") + 8 for name in names)

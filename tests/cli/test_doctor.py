"""`artifactflow doctor`: a line for each thing, and an exit code where one is broken."""

import os


def test_it_prints_a_line_for_each_thing_and_ends_well(cli, words):
    cli("run-pipeline", words, "-q")
    out = cli("doctor", "--store", words).out
    assert "SQLite" in out
    assert "2 versions, 1 run" in out
    assert out.splitlines()[-1].endswith("0 broken")


def test_a_warning_has_its_mend_below_it(cli, monkeypatch):
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    lines = cli("doctor").out.splitlines()
    warned = next(number for number, line in enumerate(lines) if "byte-compilation" in line)
    assert lines[warned].startswith("warn")
    assert lines[warned + 1].strip() == "mend: unset PYTHONDONTWRITEBYTECODE"


def test_json_has_the_observations_and_their_totals(cli):
    answer = cli("doctor", "--json").json
    assert set(answer["observations"][0]) == {"subject", "mark", "text", "mend"}
    assert sum(answer["totals"].values()) == len(answer["observations"])
    assert answer["totals"]["fail"] == 0


def test_something_broken_is_an_exit_code_of_its_own(artifactflow, tmp_path):
    (tmp_path / ".artifactflow").mkdir()
    (tmp_path / ".artifactflow" / "notes.txt").write_text("mine")
    done = artifactflow("doctor")
    assert done.returncode == 7
    assert "fail  store" in done.stdout
    assert "1 broken" in done.stdout


def test_no_library_of_a_tracker_is_imported_for_it(artifactflow):
    done = artifactflow("doctor", PYTHONPROFILEIMPORTTIME="1", MLFLOW_TRACKING_URI=f"sqlite:///{os.devnull}")
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if "import time:" in line}
    assert "artifactflow.doctor" in loaded
    assert not {"mlflow", "wandb", "pandas", "sklearn", "numpy"} & loaded

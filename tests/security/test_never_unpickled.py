"""Looking at what is stored never runs what is stored: a model that is a bomb lies still under every command."""

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from artifactflow.errors import IntegrityError
from artifactflow.formats import read_any
from artifactflow.store import Store

COMMANDS = (
    ["artifacts", "show", "model", "--json"],
    ["artifacts", "verify"],
    ["artifacts", "get", "model", "--to", "out"],
    ["artifacts", "lineage", "model"],
    ["artifacts", "diff", "model:v1", "model:v2"],
    ["artifacts", "rebuild"],
    ["runs", "show", "make"],
    ["report", "-o", "page.html"],
    ["ci", "comment"],
    ["plan", "make"],
)

# An audit hook sees every object that a pickle asks for; these modules are what could load one.
WATCH = """
import sys
def watch(event, arguments):
    if event == "pickle.find_class":
        sys.stderr.write(f"FOUND {event} {arguments}\\n")
        import os
        os._exit(77)
sys.addaudithook(watch)
from artifactflow.cli.app import main
try:
    main(sys.argv[1:])
finally:
    loaded = {"joblib", "skops", "cloudpickle", "dill", "sklearn"} & set(sys.modules)
    if loaded:
        sys.stderr.write(f"LOADED {loaded}\\n")
        import os
        os._exit(78)
"""


class Bomb:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return (open, (str(self.mark), "w"))


@pytest.fixture
def store_with_bombs(files, tmp_path, artifactflow):
    """A pipeline run has made two versions of a model, both of them bombs."""
    mark = tmp_path / "exploded"
    copy = "import shutil, sys\nshutil.copy(sys.argv[1], sys.argv[2])"
    files.one_value("make", "source: {type: path}", copy, output="model", kind="model", path="model.pkl")
    for number in (1, 2):
        bomb = tmp_path / f"bomb{number}.pkl"
        bomb.write_bytes(pickle.dumps([number, Bomb(mark)]))
        done = artifactflow(
            "run-pipeline", "make", "-P", f"source={bomb}", "--store", files.folder / ".artifactflow", cwd=files.folder
        )
        assert done.returncode == 0, done.stderr
    yield files.folder
    assert not mark.exists()


def test_the_bomb_is_one(tmp_path):
    mark = tmp_path / "exploded"
    pickle.loads(pickle.dumps(Bomb(mark))).close()
    assert mark.exists()


def test_no_command_that_looks_at_artifacts_unpickles_one(store_with_bombs, tmp_path):
    watching = tmp_path / "watching.py"
    watching.write_text(WATCH)
    variables = {**os.environ, "ARTIFACTFLOW_P_SOURCE": str(tmp_path / "bomb1.pkl")}
    started = [
        (
            arguments,
            subprocess.Popen(
                [sys.executable, watching, *arguments], cwd=store_with_bombs, env=variables,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            ),
        )
        for arguments in COMMANDS
        if arguments not in (["artifacts", "rebuild"],)
    ]  # fmt: skip
    for arguments, process in started:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, f"{arguments}: {errors}"
        assert "FOUND" not in errors
        assert "LOADED" not in errors
    rebuilt = subprocess.run([sys.executable, watching, "artifacts", "rebuild"], cwd=store_with_bombs, env=variables)
    assert rebuilt.returncode == 0


def test_a_pickle_is_never_loaded_as_a_model_with_trust_neither(store_with_bombs):
    with Store.open(store_with_bombs / ".artifactflow") as store:
        version = store.version("model")
        (entry,) = store.tree(version.digest).entries
        copy = store_with_bombs / "model.pkl"
        copy.write_bytes(store.object_path(entry.digest).read_bytes())
    for trust in (False, True):
        with pytest.raises(IntegrityError, match="never loaded"):
            from artifactflow.formats import model

            model.read(copy, trust=trust)
    assert isinstance(read_any(copy), Path)


def test_a_model_with_unreviewed_types_names_them_and_loads_with_trust_only(tmp_path):
    import skops.io
    from sklearn.preprocessing import FunctionTransformer

    from artifactflow.formats import model

    file = tmp_path / "model.skops"
    skops.io.dump(FunctionTransformer(func=json.dumps), file)
    with pytest.raises(IntegrityError, match=r"json\.dumps"):
        model.read(file)
    assert model.read(file, trust=True).func is json.dumps

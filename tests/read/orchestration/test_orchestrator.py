"""What a root's text says of the components that it runs."""

import shutil
import subprocess
from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artifactflow.errors import ArtifactflowError, ContractError
from artifactflow.read.orchestration.orchestrated import ChildRun, Orchestrator
from artifactflow.read.orchestration.orchestrator import read_orchestrator
from artifactflow.read.orchestration.orchestrator_shell import runs_of_shell
from artifactflow.read.orchestration.symbols import Kind

CONFIG = """
    main:
      project_name: rentals
      components_repository: "https://git.example.org/team/steps#components"
      shared: ../shared
      steps: all
    data:
      source: http://127.0.0.1/raw.csv
    etl: {sample: sample1.csv, min_price: 10, max_price: 350.5}
    modeling:
      seed: 42
      rate: 1e-3
      export: "${main.project_name}_model"
      forest: {trees: 100, depth: [3, 5]}
"""

ROOT = """
    import json
    import os
    import tempfile

    import hydra
    import mlflow
    from omegaconf import DictConfig

    _steps = ["download", "clean", "check", "split", "train"]

    @hydra.main(config_path=".", config_name="config", version_base="1.3")
    def go(config: DictConfig):
        os.environ["WANDB_PROJECT"] = config["main"]["project_name"]
        wanted = config["main"]["steps"]
        active_steps = wanted.split(",") if wanted != "all" else _steps
        root_path = hydra.utils.get_original_cwd()

        with tempfile.TemporaryDirectory() as folder:
            if "download" in active_steps:
                _ = mlflow.run(
                    f"{config['main']['components_repository']}/get_data",
                    "main",
                    version="v2",
                    env_manager="conda",
                    parameters={
                        "sample": config["etl"]["sample"],
                        "artifact_name": "sample.csv",
                        "artifact_type": "raw_data",
                    },
                )
            if "clean" in active_steps:
                _ = mlflow.run(
                    os.path.join(root_path, "src", "clean"),
                    "main",
                    parameters={
                        "input_artifact": "sample.csv:latest",
                        "output_artifact": "clean.csv",
                        "output_description": "Inside the range: cheap:dear",
                        "min_price": str(config.etl.min_price),
                        "max_price": config["etl"].get("max_price", 1),
                    },
                )
            if "check" in active_steps:
                mlflow.run(
                    os.path.join(root_path, "src/check"),
                    parameters={"sample": "rentals/clean.csv:latest", "reference": "clean.csv:reference"},
                )
            if "split" in active_steps:
                mlflow.run(
                    f"{config.main.shared}/split",
                    parameters={"input": "clean.csv:latest", "seed": config.modeling.seed},
                )
            if "train" in active_steps:
                forest = os.path.abspath("forest.json")
                with open(forest, "w+") as file:
                    json.dump(dict(config["modeling"]["forest"].items()), file)
                mlflow.run(
                    os.path.join(root_path, "src", "train"),
                    "main",
                    parameters={
                        "data": "trainval.csv:latest",
                        "forest": forest,
                        "scratch": os.path.join(folder, "x"),
                        "output_artifact": config["modeling"]["export"],
                        "token": make_token(),
                    },
                )
            if "test" in active_steps:
                mlflow.run(os.path.join(root_path, "src", "test"), "main", parameters={"model": "rentals_model:prod"})

    if __name__ == "__main__":
        go()
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "config.yaml").write_text(dedent(CONFIG))
    (tmp_path / "main.py").write_text(dedent(ROOT))
    return tmp_path / "main.py"


def read(path: Path) -> Orchestrator:
    found = read_orchestrator(path)
    assert found is not None
    return found


def read_source(tmp_path: Path, source: str) -> Orchestrator:
    path = tmp_path / "root.py"
    path.write_text(dedent(source))
    return read(path)


def sources(run: ChildRun) -> dict[str, tuple[str, str]]:
    return {name: (source.kind.value, source.text) for name, source in run.parameters.items()}


def test_six_components_of_a_hydra_root_with_their_folders_and_gates(root):
    found = read(root)
    assert [(run.target, run.entry_point) for run in found.runs] == [
        ("https://git.example.org/team/steps#components/get_data", "main"),
        ("src/clean", "main"),
        ("src/check", "main"),
        ("../shared/split", "main"),
        ("src/train", "main"),
        ("src/test", "main"),
    ]
    assert found.gates == ("download", "clean", "check", "split", "train", "test")
    download = found.runs[0]
    assert (download.version, download.env_manager, found.runs[1].env_manager) == ("v2", "conda", None)


def test_parameters_with_the_key_that_gives_each_its_value_and_its_place(root):
    clean = read(root).runs[1]
    assert sources(clean) == {
        "input_artifact": ("literal", "sample.csv:latest"),
        "output_artifact": ("literal", "clean.csv"),
        "output_description": ("literal", "Inside the range: cheap:dear"),
        "min_price": ("config", "etl.min_price"),
        "max_price": ("config", "etl.max_price"),
    }
    assert [source.value for source in clean.parameters.values()][3:] == [10, 350.5]
    lines = root.read_text().splitlines()
    for name, source in clean.parameters.items():
        assert lines[source.place.line - 1][source.place.column - 1 :].startswith(f'"{name}"')


def test_a_config_section_dumped_to_a_file_is_handed_on_as_that_section(root):
    train = read(root).runs[4]
    assert sources(train)["forest"] == ("file", "modeling.forest")
    assert train.parameters["forest"].value == "forest.json"


def test_what_only_the_run_knows_is_a_template_or_unknown_and_listed(root):
    found = read(root)
    train = found.runs[4]
    assert sources(train)["scratch"] == ("template", "{folder}/x")
    assert train.parameters["token"].kind is Kind.UNKNOWN
    assert [text for text, _ in found.unknown] == ['"token": make_token(),']


def test_artifacts_are_handed_on_by_name(root):
    handed_on = [
        [(artifact.text, "produced" if artifact.produced else "used") for artifact in run.artifacts]
        for run in read(root).runs
    ]
    assert handed_on == [
        [("sample.csv", "produced")],
        [("sample.csv:latest", "used"), ("clean.csv", "produced")],
        [("rentals/clean.csv:latest", "used"), ("clean.csv:reference", "used")],
        [("clean.csv:latest", "used")],
        [("trainval.csv:latest", "used"), ("rentals_model", "produced")],
        [("rentals_model:prod", "used")],
    ]


def test_the_config_is_flattened_as_omegaconf_reads_it(root):
    found = read(root)
    assert found.config_file == root.parent / "config.yaml"
    values = {key: value for key, (value, _) in found.config_values.items()}
    assert values["modeling.rate"] == 0.001
    assert values["modeling.export"] == "rentals_model"
    assert values["modeling.forest.depth.1"] == 5
    assert str(found.config_values["etl.sample"][1]).endswith("config.yaml:9:15")


def test_without_its_config_file_a_key_stays_a_key(root):
    (root.parent / "config.yaml").unlink()
    found = read(root)
    assert found.config_file is None
    assert found.runs[0].target is None
    assert sources(found.runs[0])["sample"] == ("config", "etl.sample")
    assert "mlflow.run(" in found.unknown[0][0]


def test_config_groups_that_the_defaults_list_are_read(tmp_path):
    (tmp_path / "conf" / "model").mkdir(parents=True)
    (tmp_path / "conf" / "config.yaml").write_text("defaults:\n  - model: forest\n  - _self_\nseed: 1\n")
    (tmp_path / "conf" / "model" / "forest.yaml").write_text("trees: 7\n")
    found = read_source(
        tmp_path,
        """
        import hydra, mlflow
        @hydra.main(config_path="conf", config_name="config")
        def main(cfg):
            mlflow.run("train", parameters={"trees": cfg.model.trees, "seed": cfg.seed})
        main()
        """,
    )
    assert [source.value for source in found.runs[0].parameters.values()] == [7, 1]


@pytest.mark.parametrize(
    "loading",
    [
        "from omegaconf import OmegaConf\ncfg = OmegaConf.load('config.yaml')",
        "import yaml\nwith open('config.yaml') as file:\n    cfg = yaml.safe_load(file)",
        "import yaml\nfrom pathlib import Path\ncfg = yaml.safe_load(open(Path(__file__).parent / 'config.yaml'))",
        "import hydra\nwith hydra.initialize(config_path='.'):\n    cfg = hydra.compose(config_name='config')",
    ],
)
def test_every_way_to_load_a_config(root, loading):
    root.write_text(f"import mlflow\n{loading}\nmlflow.run('clean', parameters={{'low': cfg['etl']['min_price']}})\n")
    (run,) = read(root).runs
    assert (sources(run), run.parameters["low"].value) == ({"low": ("config", "etl.min_price")}, 10)


def test_a_config_that_is_no_yaml_is_an_error_at_its_place(root):
    (root.parent / "config.yaml").write_text("main: [1\nother: 2\n")
    with pytest.raises(ContractError) as caught:
        read_orchestrator(root)
    assert caught.value.place.file.endswith("config.yaml") and caught.value.place.line is not None


@pytest.mark.parametrize(
    ("expression", "target"),
    [
        ("'src/clean'", "src/clean"),
        ("'./src/clean/'", "src/clean"),
        ("'.'", "."),
        ("os.path.join(HERE, 'src', STEP)", "src/clean"),
        ("os.path.join(os.path.dirname(os.path.abspath(__file__)), 'clean')", "clean"),
        ("str(Path(__file__).parent / 'src' / 'clean')", "src/clean"),
        ("str(Path(__file__).resolve().parents[1] / 'clean')", "../clean"),
        ("Path.cwd().joinpath('src', 'clean').as_posix()", "src/clean"),
        ("f'{HERE}/src/{STEP}'", "src/clean"),
        ("'src/%s' % STEP", "src/clean"),
        ("'{}/{}'.format('src', STEP)", "src/clean"),
        ("os.getcwd() + '/clean'", "clean"),
        ("hydra.utils.to_absolute_path('src/clean')", "src/clean"),
        ("'https://git.example.org/a//b#c'", "https://git.example.org/a//b#c"),
        ("os.path.join('/opt', 'clean')", "/opt/clean"),
        ("os.path.join(choose(), 'clean')", None),
        ("os.environ['STEP']", None),
        ("sys.argv[1]", None),
        ("args.step", None),
    ],
)
def test_targets_in_every_spelling(tmp_path, expression, target):
    found = read_source(
        tmp_path,
        f"""
        import os, sys, argparse, hydra, mlflow
        from pathlib import Path
        HERE = os.path.dirname(os.path.realpath(__file__))
        STEP = "clean"
        args = argparse.ArgumentParser().parse_args()
        mlflow.run({expression})
        """,
    )
    assert found.runs[0].target == target
    assert bool(found.unknown) is (target is None)


@pytest.mark.parametrize(
    "call",
    [
        "import mlflow\nmlflow.run('clean')",
        "import mlflow as ml\nml.projects.run(uri='clean')",
        "from mlflow import run\nrun('clean')",
        "from mlflow.projects import run as launch\nlaunch('clean')",
        "import mlflow.projects\nmlflow.projects.run('clean', 'main', None)",
        "import subprocess\nsubprocess.run(['mlflow', 'run', 'clean'], check=True)",
        "import os\nos.system('mlflow run clean -e main')",
        "import mlflow\nsubmitted = [mlflow.run('clean') for _ in '1']",
        "import mlflow\ndef never_called():\n    return mlflow.run('clean')",
    ],
)
def test_calls_under_every_name(tmp_path, call):
    (run,) = read_source(tmp_path, call + "\n").runs
    assert (run.target, run.entry_point, run.gate) == ("clean", "main", None)


def test_a_wrapper_is_followed_and_runs_hand_on_their_outputs(tmp_path):
    found = read_source(
        tmp_path,
        """
        import os
        import click
        import mlflow
        from mlflow.tracking import MlflowClient

        def _already_ran(entry_point, parameters):
            for info in MlflowClient().search_runs([]):
                if info.name == entry_point:
                    return MlflowClient().get_run(info.run_id)
            return None

        def _get_or_run(entry_point, parameters, use_cache=True):
            existing = _already_ran(entry_point, parameters)
            if use_cache and existing:
                return existing
            submitted = mlflow.run(".", entry_point, parameters=parameters, env_manager="local")
            return MlflowClient().get_run(submitted.run_id)

        @click.command()
        @click.option("--max-rows", default=1000)
        def workflow(max_rows):
            with mlflow.start_run():
                load = _get_or_run("load", {})
                table = os.path.join(load.info.artifact_uri, "table")
                etl = _get_or_run("etl", {"table": table, "max_rows": max_rows})
                _get_or_run("train", {"data": etl.info.run_id, "depth": 3})

        if __name__ == "__main__":
            workflow()
        """,
    )
    assert [(run.target, run.entry_point, run.env_manager) for run in found.runs] == [
        (".", "load", "local"),
        (".", "etl", "local"),
        (".", "train", "local"),
    ]
    assert sources(found.runs[1]) == {
        "table": ("template", "{load.info.artifact_uri}/table"),
        "max_rows": ("parameter", "max_rows"),
    }
    assert sources(found.runs[2]) == {"data": ("run", "etl.info.run_id"), "depth": ("literal", "3")}
    assert found.unknown == ()


def test_loops_over_steps_that_stand_in_the_source(tmp_path):
    found = read_source(
        tmp_path,
        """
        import mlflow
        STEPS = {"download": {"n": 1}, "clean": {"n": 2}}
        for name, parameters in STEPS.items():
            mlflow.run(f"src/{name}", parameters=parameters)
        for index, name in enumerate(["train", "test"]):
            if name == "test":
                mlflow.run(f"src/{name}", parameters={"index": index})
        """,
    )
    assert [(run.target, sources(run)) for run in found.runs] == [
        ("src/download", {"n": ("literal", "1")}),
        ("src/clean", {"n": ("literal", "2")}),
        ("src/test", {"index": ("literal", "1")}),
    ]


def test_a_config_s_list_of_steps_is_what_runs_unless_the_root_asks_for_each_name(tmp_path):
    (tmp_path / "config.yaml").write_text("steps: [download, clean]\n")
    head = "import hydra, mlflow\n@hydra.main(config_path='.', config_name='config')\ndef main(cfg):\n"
    listed = read_source(tmp_path, head + "    for step in cfg.steps:\n        mlflow.run(f'src/{step}')\nmain()\n")
    assert [(run.target, run.gate) for run in listed.runs] == [("src/download", "download"), ("src/clean", "clean")]
    asked = read_source(
        tmp_path,
        head + "    for step in cfg.steps:\n"
        "        if step == 'clean':\n            mlflow.run('a')\n"
        "        elif step == 'train':\n            mlflow.run('b')\nmain()\n",
    )
    assert [(run.target, run.gate) for run in asked.runs] == [("a", "clean"), ("b", "train")]


def test_parameters_that_are_built_up_before_the_call(tmp_path):
    found = read_source(
        tmp_path,
        """
        import mlflow
        common = dict(seed=7)
        parameters = {**common, "depth": 3}
        parameters["rate"] = 0.1
        parameters.update({"depth": 4}, name="x")
        mlflow.run("train", parameters=parameters, synchronous=False, use_conda=False)
        mlflow.run("test", parameters={**load(), "a": 1})
        mlflow.run("last", parameters=load())
        """,
    )
    train, test, last = found.runs
    assert sources(train) == {
        "seed": ("literal", "7"),
        "depth": ("literal", "4"),
        "rate": ("literal", "0.1"),
        "name": ("literal", "x"),
    }
    assert (train.synchronous, train.use_conda, train.complete) == (False, False, True)
    assert (test.complete, last.complete, list(test.parameters)) == (False, False, ["a"])
    assert [text for text, _ in found.unknown] == [
        'mlflow.run("test", parameters={**load(), "a": 1})',
        'mlflow.run("last", parameters=load())',
    ]


@pytest.mark.parametrize(
    ("test", "gate"),
    [
        ("'clean' in active_steps", "clean"),
        ("'clean' in config['main']['execute_steps']", "clean"),
        ("active_steps == 'all' or 'clean' in active_steps", "clean"),
        ("args.step == 'clean'", "clean"),
        ("config.environment == 'production'", None),
        ("'clean' not in active_steps", None),
        ("args.verbose", None),
    ],
)
def test_gates(tmp_path, test, gate):
    found = read_source(tmp_path, f"import mlflow\nactive_steps = choose()\nif {test}:\n    mlflow.run('clean')\n")
    assert found.runs[0].gate == gate


def test_a_match_on_the_step_is_a_gate(tmp_path):
    found = read_source(
        tmp_path,
        """
        import mlflow
        match choose():
            case 'clean':
                mlflow.run('a')
            case _:
                mlflow.run('b')
        """,
    )
    assert [run.gate for run in found.runs] == ["clean", None]


def test_a_script_that_runs_nothing_is_no_orchestrator(tmp_path):
    path = tmp_path / "run.py"
    path.write_text("import mlflow\nmlflow.log_metric('a', 1)\n")
    assert read_orchestrator(path) is None
    path.write_text("import shop\nshop.run('clean')\n# mlflow.run('clean')\n")
    assert read_orchestrator(path) is None


def test_a_handed_on_mlflow_run_is_listed_as_not_followed(tmp_path):
    found = read_source(tmp_path, "import mlflow\nmlflow.run('a')\npool.submit(mlflow.run, 'b')\n")
    assert [text for text, _ in found.unknown] == ["pool.submit(mlflow.run, 'b')"]


def test_a_script_that_is_no_python_is_an_error_at_its_place(tmp_path):
    path = tmp_path / "main.py"
    path.write_text("import mlflow\nmlflow.run('a'\n")
    with pytest.raises(ContractError) as caught:
        read_orchestrator(path)
    assert (caught.value.place.line, caught.value.place.file) == (2, str(path))


SHELL = r"""#!/usr/bin/env bash
# mlflow run not/this
set -euo pipefail
export NAME=clean
cat <<END
mlflow run nor/this
END
DATA="sample.csv:latest"
mlflow run "src/$NAME" -e main \
    -P input_artifact="$DATA" -P 'note=3 $x' \
    --env-manager=local -P n=$1
(cd src && python -m mlflow run train -Plimit="$(wc -l < x)" --experiment-name nightly)
MLFLOW_TRACKING_URI=sqlite:///x.db mlflow run . --no-conda -v v2 && echo "mlflow run neither/this"
"""


def test_a_shell_script(tmp_path):
    path = tmp_path / "all.sh"
    path.write_text(SHELL)
    found = read(path)
    clean, train, last = found.runs
    assert [(run.target, run.entry_point, run.place.line) for run in found.runs] == [
        ("src/clean", "main", 9),
        ("src/train", "main", 12),
        (".", "main", 13),
    ]
    assert sources(clean) == {
        "input_artifact": ("literal", "sample.csv:latest"),
        "note": ("literal", "3 $x"),
        "n": ("variable", "1"),
    }
    assert str(clean.parameters["note"].place) == f"{path}:10:34"
    assert [(artifact.text, artifact.produced) for artifact in clean.artifacts] == [("sample.csv:latest", False)]
    assert sources(train) == {"limit": ("unknown", "$(wc -l < x)")}
    assert (clean.env_manager, last.use_conda, last.version) == ("local", False, "v2")
    assert [place.line for _, place in found.unknown] == [12]


def test_a_makefile(tmp_path):
    path = tmp_path / "Makefile"
    path.write_text(
        "DIR := src\nall: clean\n\nclean:\n\t@cd elsewhere\n\t-@mlflow run $(DIR)/clean -P home=$$HOME -P dir=${DIR}\n"
    )
    (run,) = read(path).runs
    assert (run.target, str(run.place)) == ("src/clean", f"{path}:6:4")
    assert sources(run) == {"home": ("variable", "HOME"), "dir": ("literal", "src")}


@pytest.mark.skipif(shutil.which("bash") is None, reason="compares with a real bash")
@given(st.lists(st.text("ab$'\"\\ \n=#-xé", max_size=8), min_size=1, max_size=4))
@settings(max_examples=25, deadline=None)
def test_words_quoted_for_a_shell_are_the_words_that_bash_sees(values):
    import shlex

    options = " ".join(f"-P p{n}={shlex.quote(value)}" for n, value in enumerate(values))
    (run,) = runs_of_shell(f"mlflow run clean {options}", "all.sh")[0]
    printed = subprocess.run(
        ["bash", "-c", f"mlflow() {{ printf '%s\\0' \"$@\"; }}; mlflow run clean {options}"],
        capture_output=True,
        check=True,
        text=True,
    ).stdout.split("\0")[:-1]
    assert [f"{name}={source.value}" for name, source in run.parameters.items()] == printed[3::2]


@given(st.text(st.sampled_from(list("mlflow run-eP=$(){}'\"\\`\n\t #<>&|;@:x1")), max_size=60), st.booleans())
@settings(max_examples=150, deadline=None)
def test_any_text_is_read_as_a_shell_script(text, makefile):
    runs, _ = runs_of_shell(text + "\nmlflow run last", "all.sh", makefile=makefile)
    assert all(run.place.line >= 1 for run in runs)


@pytest.mark.parametrize(
    "text",
    [
        "$(" * 20_000,
        "((" * 20_000,
        "`" * 20_001,
        "a=$a$a\n" * 2_000,
        "x <<E\n" * 5_000,
        "mlflow run " + "-P a=1 " * 5_000,
    ],
)
def test_shell_scripts_made_to_hurt(text):
    runs_of_shell(text, "all.sh")


LINES = st.sampled_from([line.strip() for line in ROOT.splitlines() if line.strip()])


@given(st.lists(st.tuples(st.integers(0, 3), LINES), max_size=30))
@settings(max_examples=60, deadline=None)
def test_any_shuffle_of_lines_is_read_or_refused_by_an_error_of_ours(tmp_path_factory, lines):
    path = tmp_path_factory.mktemp("root") / "main.py"
    path.write_text("import mlflow\n" + "".join("    " * indent + line + "\n" for indent, line in lines))
    try:
        read_orchestrator(path)
    except ArtifactflowError as error:
        assert error.place is not None

"""What a script's text says of its W&B and MLflow artifacts."""

from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artifactflow.errors import ArtifactflowError, ContractError, NotFoundError, OutsideError
from artifactflow.read.orchestration.symbols import Kind
from artifactflow.read.orchestration.texts import Text
from artifactflow.read.orchestration.tracking import read_tracking, read_tracking_text
from artifactflow.read.orchestration.tracking_uses import TrackingUse

CLEAN = """
    import argparse
    import logging
    import pandas as pd
    import wandb

    logger = logging.getLogger()

    def go(args):
        run = wandb.init(project="rentals", group="nightly", job_type="clean")
        run.config.update(args)
        path = run.use_artifact(args.input_artifact).file()
        frame = pd.read_csv(path)
        frame.to_csv("clean.csv", index=False)
        artifact = wandb.Artifact(
            args.output_artifact, type=args.output_type, description=args.output_description
        )
        artifact.add_file("clean.csv")
        run.log_artifact(artifact)

    if __name__ == "__main__":
        parser = argparse.ArgumentParser()
        parser.add_argument("--input_artifact", type=str, required=True)
        args = parser.parse_args()
        go(args)
"""


def tracking(source: str) -> TrackingUse:
    return read_tracking_text(dedent(source), "run.py")


def parameter(name: str) -> Text:
    return Text(Kind.PARAMETER, name)


def literal(text: str) -> Text:
    return Text(Kind.LITERAL, text)


def test_a_component_s_artifacts_are_named_by_its_parameters_through_the_function_that_gets_them():
    found = tracking(CLEAN)
    (used,), (logged,) = found.used(), found.logged()
    assert (used.api, used.name, used.method) == ("wandb", parameter("input_artifact"), "file")
    assert (logged.name, logged.type, logged.description) == (
        parameter("output_artifact"),
        parameter("output_type"),
        parameter("output_description"),
    )
    assert (logged.method, logged.files) == ("log_artifact", (literal("clean.csv"),))
    assert (str(used.place), str(logged.place)) == ("run.py:12:12", "run.py:19:5")


def test_a_run_started_and_never_finished_is_told_from_a_finished_one():
    (start,) = tracking(CLEAN).inits
    assert (start.project, start.group, start.job_type) == (literal("rentals"), literal("nightly"), literal("clean"))
    assert tracking(CLEAN).finished is False
    assert tracking("import wandb\nrun = wandb.init()\nrun.finish()").finished is True
    assert tracking("import wandb\nwandb.init()\nwandb.finish()").finished is True
    assert tracking("import wandb\nwith wandb.init() as run:\n    run.log({'loss': 1})").finished is True
    assert tracking("import wandb\nwandb.log({'loss': 1})").finished is None


def test_a_finish_in_a_branch_or_a_helper_counts():
    source = """
        import wandb
        def close(run):
            run.finish()
        run = wandb.init()
        try:
            run.log({})
        finally:
            close(run)
    """
    assert tracking(source).finished is True


REMOVES = """
    import os
    import wandb
    run = wandb.init()
    artifact = wandb.Artifact("clean.csv", type="clean_data")
    artifact.add_file("out/clean.csv")
    run.log_artifact(artifact){wait}
    {between}
    os.remove({path})
"""


@pytest.mark.parametrize(
    ("wait", "between", "path", "removed"),
    [
        ("", "", "'out/clean.csv'", True),
        ("", "pass", "os.path.join('out', 'clean.csv')", True),
        ("", "", "'another.csv'", False),
        ("", "artifact.wait()", "'out/clean.csv'", False),
        (".wait()", "", "'out/clean.csv'", False),
        ("", "run.finish()", "'out/clean.csv'", False),
        ("", "", "unknown()", False),
    ],
)
def test_deleting_a_logged_file_is_found_unless_the_script_waited(wait, between, path, removed):
    found = tracking(REMOVES.format(wait=wait, between=between, path=path))
    assert [str(place) for place in found.removed_after_logging] == (["run.py:9:1"] if removed else [])
    assert found.logged()[0].waits is (".wait" in wait + between)


def test_unlink_of_a_path_is_a_deletion_too():
    found = tracking("""
        from pathlib import Path
        import wandb
        path = Path("out") / "clean.csv"
        artifact = wandb.Artifact("clean", "clean_data")
        artifact.add_file(str(path))
        wandb.log_artifact(artifact)
        path.unlink()
    """)
    assert len(found.removed_after_logging) == 1


def test_deleting_after_the_with_block_of_the_run_is_safe():
    found = tracking("""
        import os, wandb
        with wandb.init() as run:
            artifact = wandb.Artifact("clean", "clean_data")
            artifact.add_file("clean.csv")
            run.log_artifact(artifact)
        os.remove("clean.csv")
    """)
    assert found.removed_after_logging == ()


def test_names_made_of_parameters_become_templates():
    found = tracking("""
        import argparse, wandb
        args = argparse.ArgumentParser().parse_args()
        for split in ["train", "test"]:
            artifact = wandb.Artifact(f"{args.root}_{split}.csv", type="%s_data" % args.kind)
            wandb.log_artifact(artifact)
        wandb.use_artifact("team/" + args.source + ":latest")
        wandb.use_artifact("{}:{}".format(args.name, "v1"))
    """)
    template = Kind.TEMPLATE
    assert [(use.name, use.type) for use in found.logged()] == [
        (Text(template, "{root}_train.csv"), Text(template, "{kind}_data")),
        (Text(template, "{root}_test.csv"), Text(template, "{kind}_data")),
    ]
    assert [use.name for use in found.used()] == [Text(template, "team/{source}:latest"), Text(template, "{name}:v1")]


def test_the_parameters_of_click_and_typer_functions_name_artifacts():
    click_script = """
        import click, wandb
        @click.command()
        @click.option("--output-artifact")
        def main(output_artifact):
            wandb.log_artifact(wandb.Artifact(output_artifact, type="model"))
        if __name__ == "__main__":
            main()
    """
    typer_script = """
        import typer, wandb
        def main(output_artifact: str = "model"):
            wandb.log_artifact(wandb.Artifact(output_artifact, type="model"))
        typer.run(main)
    """
    for script in (click_script, typer_script):
        assert [use.name for use in tracking(script).logged()] == [parameter("output_artifact")]


def test_hydra_keys_name_artifacts_in_every_spelling():
    found = tracking("""
        import hydra, wandb
        @hydra.main(config_path="conf", config_name="config")
        def main(cfg):
            for name in (cfg["data"]["raw"], cfg.data.raw, str(cfg.data["raw"]), cfg["data"].get("raw")):
                wandb.use_artifact(name).download()
        main()
    """)
    assert {use.name for use in found.used()} == {Text(Kind.CONFIG, "data.raw")}


def test_constants_branches_and_reassignments_are_followed_as_far_as_they_are_certain():
    found = tracking("""
        import os, wandb
        NAME = "clean"
        alias = "latest"
        if os.path.exists("x"):
            alias = "v3"
        run = None
        if NAME:
            run = wandb.init()
        run.use_artifact(f"{NAME}.csv")
        run.use_artifact(f"{NAME}:{alias}")
        run.use_artifact(compute())
    """)
    assert [use.name for use in found.used()] == [
        literal("clean.csv"),
        Text(Kind.TEMPLATE, "clean:{alias}"),
        Text(Kind.UNKNOWN),
    ]


def test_what_an_earlier_turn_of_a_loop_may_have_changed_is_unknown():
    found = tracking("""
        import wandb
        name = "first"
        while True:
            wandb.use_artifact(name)
            name = "next"
    """)
    assert [use.name.kind for use in found.used()] == [Kind.VARIABLE]


def test_methods_of_a_class_share_what_its_constructor_keeps():
    found = tracking("""
        import argparse
        import wandb
        class Trainer:
            def __init__(self, args, job="train"):
                self.args = args
                self.run = wandb.init(job_type=job)
            def fit(self):
                self.data = self.run.use_artifact(self.args.data).download()
                return self
        Trainer(argparse.ArgumentParser().parse_args()).fit()
    """)
    assert [(use.name, use.method) for use in found.used()] == [(parameter("data"), "download")]
    assert found.inits[0].job_type == literal("train")


def test_imports_under_other_names_are_known():
    found = tracking("""
        import wandb as wb
        from wandb import Artifact, init as start
        run = start()
        artifact = Artifact("model", "model")
        artifact.add_dir("export")
        wb.run.log_artifact(artifact)
        wb.Api().artifact("team/project/model:prod").download()
    """)
    assert found.imports_wandb and not found.imports_mlflow
    assert [use.files for use in found.logged()] == [(literal("export"),)]
    assert [use.name for use in found.used()] == [literal("team/project/model:prod")]


def test_other_libraries_with_the_same_words_are_left_alone():
    found = tracking("""
        import shop
        run = shop.init()
        run.log_artifact(shop.Artifact("x", type="y"))
        run.use_artifact("a:latest").file()
    """)
    assert found == TrackingUse()


def test_mlflow_artifacts_models_parameters_and_metrics():
    found = tracking("""
        import argparse, mlflow
        import mlflow.sklearn
        from mlflow.tracking import MlflowClient
        args = argparse.ArgumentParser().parse_args()
        source = mlflow.artifacts.download_artifacts(artifact_uri="models:/rentals/3")
        with mlflow.start_run():
            mlflow.log_param("seed", 7)
            mlflow.log_params({"depth": 3, "trees": 10})
            mlflow.log_metric(key="mae", value=1.0)
            mlflow.log_artifact("plots/importance.png")
            mlflow.log_artifacts("plots", artifact_path="figures")
            mlflow.sklearn.log_model(object(), args.model_name)
            mlflow.sklearn.save_model(object(), path="export")
            MlflowClient().log_artifact("run-id", "notes.txt")
        mlflow.sklearn.load_model(f"runs:/{args.run}/model")
    """)
    assert [(use.method, str(use.name)) for use in found.logged()] == [
        ("log_artifact", "plots/importance.png"),
        ("log_artifacts", "figures"),
        ("sklearn.log_model", "{model_name}"),
        ("sklearn.save_model", "export"),
        ("log_artifact", "notes.txt"),
    ]
    assert [str(use.name) for use in found.used()] == ["models:/rentals/3", "runs:/{run}/model"]
    assert [text.text for text in found.logged_parameters] == ["seed", "depth", "trees"]
    assert [text.text for text in found.logged_metrics] == ["mae"]
    assert all(use.waits for use in found.logged())
    assert [start.api for start in found.inits] == ["mlflow"]


def test_a_model_loaded_from_a_downloaded_artifact_is_no_second_use():
    found = tracking("""
        import mlflow, wandb
        folder = wandb.init().use_artifact("model:prod").download()
        mlflow.sklearn.load_model(folder)
    """)
    assert [use.api for use in found.used()] == ["wandb"]


def test_functions_that_nothing_calls_are_read_too():
    found = tracking("import wandb\ndef fixture():\n    return wandb.init().use_artifact('sample.csv:latest').file()")
    assert [use.name for use in found.used()] == [literal("sample.csv:latest")]


@pytest.mark.parametrize(
    ("source", "place"),
    [("import wandb\ndef go(:\n    pass\n", "run.py:2:8"), ("x = = 2\n", "run.py:1:5"), ("a\0b", "run.py:1:1")],
)
def test_what_is_not_python_is_an_error_with_its_place(source, place):
    with pytest.raises(ContractError) as caught:
        read_tracking_text(source, "run.py")
    assert str(caught.value.place) == place


def test_places_count_characters_not_bytes():
    (used,) = tracking("import wandb; n = 'größe'; wandb.use_artifact(n)").used()
    assert used.place.column == 28


def test_files_that_cannot_be_read_are_refused(tmp_path: Path):
    with pytest.raises(NotFoundError):
        read_tracking(tmp_path / "missing.py")
    with pytest.raises(OutsideError):
        read_tracking(tmp_path)
    (tmp_path / "latin.py").write_bytes(b"x = 1\nname = '\xe9'\n")
    with pytest.raises(ContractError, match=r"not UTF-8 .*latin.py:2"):
        read_tracking(tmp_path / "latin.py")
    (tmp_path / "large.py").write_bytes(b"#" * (1 << 20) + b"\n")
    with pytest.raises(ContractError, match="larger"):
        read_tracking(tmp_path / "large.py")


def test_the_script_is_not_run(tmp_path: Path):
    witness = tmp_path / "witness"
    script = tmp_path / "run.py"
    script.write_text(f"import wandb\nopen({str(witness)!r}, 'w').write('x')\nwandb.init()\n")
    assert len(read_tracking(script).inits) == 1
    assert not witness.exists()


def doubling_calls() -> str:
    functions = [f"def f{n}():\n    f{n + 1}()\n    f{n + 1}()\n" for n in range(60)]
    return "import wandb\n" + "".join(functions) + "def f60():\n    wandb.init()\nf0()\n"


HOSTILE = {
    "calls that double": doubling_calls(),
    "loops within loops": "xs = [1,2,3,4,5,6,7,8,9]\n"
    + "".join("  " * n + f"for x{n} in xs:\n" for n in range(15))
    + "  " * 15
    + "print(1)\n",
    "texts that double": "a = 'x'\n" + "a = a + a\n" * 5000,
    "lists that double": "a = [1]\n" + "a = [a, a]\n" * 500 + "if a: b = a\nelse: b = [a]\nc = a == b\n",
    "dicts that double": "a = {}\n" + "a = {'x': a, 'y': a}\n" * 500,
    "recursion": "def f(x):\n    return g(x)\ndef g(x):\n    return f(x)\nf(1)\n",
    "a power": "x = 9 ** 9 ** 9 ** 9\ny = 'a' * 10 ** 10\nz = '%1000000000d' % 1\n",
    "many branches": "if a: pass\n" + "elif b: x = 1\n" * 3000,
    "one long line": "f();" * 10_000,
    "loops around much": "".join(" " * n + "while x:\n" for n in range(19)) + (" " * 19 + "a = 1\n") * 20_000,
    "comprehensions in comprehensions": "xs = [1, 2, 3] * 50\n"
    + "b = [[[y for y in xs] for x in xs] for z in xs]\n" * 9,
    "long lists": f"xs = {list(range(250))}\n" + "b = [[y for y in xs] for x in xs]\n" * 50,
    "formats": "a = '{}' * 900\n" + "b = a.format(1)\n" * 5000,
    "splits": "a = 'x,' * 900\n" + "b = a.split(',')\n" * 5000,
    "many artifacts": "import wandb\n" + "a = wandb.log_artifact('a')\na.wait()\n" * 5000,
    "many functions": "".join(f"def f{n}(): pass\n" for n in range(5_000)),
    "many names": "".join(f"a{n} = 1\n" for n in range(5_000)) + "if a0: b = 1\n" * 5_000,
}


@pytest.mark.parametrize("source", HOSTILE.values(), ids=HOSTILE.keys())
def test_scripts_made_to_hurt_are_read_or_refused(source):
    try:
        read_tracking_text(source, "run.py")
    except ContractError as error:
        assert error.place is not None


@pytest.mark.parametrize("source", ["-" * 5000 + "1", "(" * 5000, "x = " + "1 + " * 20_000 + "1", "a" + ".b" * 20_000])
def test_deep_nesting_is_refused_or_read_and_never_a_crash(source):
    try:
        read_tracking_text(source, "run.py")
    except ContractError as error:
        assert error.place is not None


LINES = st.sampled_from([line.strip() for line in CLEAN.splitlines() if line.strip()])


@given(st.lists(st.tuples(st.integers(0, 3), LINES), max_size=25))
@settings(max_examples=60, deadline=None)
def test_any_shuffle_of_lines_is_read_or_refused_by_an_error_of_ours(lines):
    source = "".join("    " * indent + line + "\n" for indent, line in lines)
    try:
        read_tracking_text(source, "run.py")
    except ArtifactflowError as error:
        assert error.place is not None


NAMES = st.sampled_from(["wandb", "mlflow", "run", "args", "x", "f", "os", "str", "dict", "open", "self"])
EXPRESSIONS = st.recursive(
    NAMES | st.sampled_from(["1", "'a'", "None", "-2.5", "[]", "{}", "'%s'", "'{}'", "''", "10 ** 9"]),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["init", "use_artifact", "parent", "parents", "get", "items", "format"])).map(
            ".".join
        ),
        st.lists(inner, max_size=3).map(lambda parts: "(" + "".join(f"{part}, " for part in parts) + ")"),
        st.tuples(inner, st.lists(inner, max_size=3)).map(lambda both: f"({both[0]})({', '.join(both[1])})"),
        st.tuples(inner, inner).map(lambda both: f"({both[0]})[{both[1]}]"),
        st.tuples(inner, st.sampled_from(["+", "/", "%", "|", "*", "and", "or", "in", "=="]), inner).map(" ".join),
        st.tuples(inner, inner).map(lambda both: f"{{{both[0]}: {both[1]}, **{both[0]}}}"),
        st.tuples(inner, inner).map(lambda both: f"[{both[0]} for x in {both[1]}]"),
        inner.map(lambda part: f"str(*{part})"),
    ),
    max_leaves=12,
)


@given(st.lists(st.tuples(NAMES, EXPRESSIONS), max_size=8))
@settings(max_examples=120, deadline=None)
def test_any_assignments_are_read(assignments):
    source = "import wandb, mlflow, os\n" + "".join(f"{name} = {value}\n" for name, value in assignments)
    try:
        read_tracking_text(source, "run.py")
    except ContractError as error:
        assert "not Python" in error.message

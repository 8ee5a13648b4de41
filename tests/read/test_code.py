"""What of a component's folder counts as its code."""

from pathlib import Path

from artifactflow.read.code import code_digests
from artifactflow.read.component import load_component


def test_a_model_that_mlflow_saved_beside_the_script_is_no_code(tmp_path: Path):
    (tmp_path / "MLproject").write_text("name: fit\nentry_points: {main: {command: python main.py}}\n")
    (tmp_path / "main.py").write_text("import helper")
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "helper.py").write_text("x = 1")
    saved = tmp_path / "model_dir"
    (saved / "code").mkdir(parents=True)
    (saved / "MLmodel").write_text("flavors: {}")
    (saved / "conda.yaml").write_text("name: model")
    (saved / "code" / "helper.py").write_text("x = 1")
    component = load_component(".", tmp_path)
    assert set(code_digests(component, component.contract("main"))) == {"main.py", "inner/helper.py"}

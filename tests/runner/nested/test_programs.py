"""A root may start `mlflow run` as a program; its components are steps as those of `mlflow.run` are."""

import shutil

import pytest

pytestmark = pytest.mark.torture


@pytest.mark.parametrize(
    "call",
    [
        "import subprocess; subprocess.run(['mlflow', 'run', '../child', '-P', 'n=1'], check=True)",
        "import os; assert os.system('mlflow run ../child -P n=1 --env-manager local') == 0",
        "import os; verb = 'run'; assert os.system('mlflow ' + verb + ' ../child -P n=1') == 0",
    ],
)
def test_a_component_started_by_mlflows_command_is_reused_and_its_root_is_not(project, mlflow_database, call):
    project.pipeline("{name: p, steps: {root: {component: root}}}")
    project.component("root", "name: root\nentry_points: {main: {command: python main.py}}\n", main=call)
    manifest = (
        "name: child\nconda_env: conda.yml\nentry_points: {main: {parameters: {n: int}, command: 'python main.py'}}"
    )
    project.component("child", manifest, main="print('works')\n", conda_yml="dependencies: [python]\n")
    shutil.copy(mlflow_database, project.folder / "mlflow.db")
    assert project.decisions() == {"root": "RUN", "root/child": "RUN"}
    assert ("root/child", "works") in project.notes.printed
    assert project.decisions() == {"root": "RUN", "root/child": "REUSE"}

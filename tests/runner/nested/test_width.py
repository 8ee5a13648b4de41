"""Components that are called all at once share the places for steps, and can be waited for and cancelled."""

import re
import shutil

from artifactflow.runner import Options

PIPELINE = "{name: p, steps: {root: {component: root}}}"
ROOT = "name: root\nentry_points: {main: {command: python main.py}}\n"
LEAF = "name: leaf\nentry_points: {main: {parameters: {n: str}, command: 'python main.py {n}'}}\n"
LEAF_MAIN = """
    import os, pathlib, sys, time

    folder = pathlib.Path(os.environ["AT_WORK"])
    mine = folder / sys.argv[1]
    mine.touch()
    if sys.argv[1].startswith("long"):
        time.sleep(100)
    time.sleep(0.1)
    print("at once", len(list(folder.iterdir())))
    mine.unlink()
"""


def calling(project, database, main):
    """A pipeline of a root with this script, which can call `leaf`."""
    project.pipeline(PIPELINE)
    project.component("root", ROOT, main=main)
    project.component("leaf", LEAF, main=LEAF_MAIN)
    shutil.copy(database, project.folder / "mlflow.db")


def most_at_once(project):
    return max(int(found[1]) for _, line in project.notes.printed if (found := re.match(r"at once (\d+)", line)))


def test_ten_components_at_once_and_a_single_place(project, mlflow_database, monkeypatch, tmp_path):
    monkeypatch.setenv("AT_WORK", str(tmp_path / "at work"))
    (tmp_path / "at work").mkdir()
    calling(
        project,
        mlflow_database,
        """
        import os, time
        import mlflow

        def call(n):
            return mlflow.run("../leaf", parameters={"n": str(n)}, synchronous=False)

        runs = [call(n) for n in range(10)]
        print("waited", {run.wait() for run in runs}, {run.get_status() for run in runs})
        first, second = call("long 1"), call("long 2")
        while not os.path.exists(os.environ["AT_WORK"] + "/long 1"):
            time.sleep(0.01)
        second.cancel()
        print("second", second.get_status(), "first", first.get_status())
        first.cancel()
        print("first", first.get_status())
        print("again", call(3).wait())
        """,
    )
    record = project.run(Options(jobs=1))
    told = [line for step, line in project.notes.printed if step == "root" and not line.startswith("20")]
    assert told == [
        "waited {True} {'FINISHED'}",
        "artifactflow: step root/leaf#12 is not started: it was cancelled, or its caller is stopped",
        "second FAILED first RUNNING",
        "first FAILED",
        "again True",
    ]
    assert most_at_once(project) == 1
    decisions = {outcome.step: outcome.decision for outcome in record.steps}
    assert decisions["root/leaf#11"] == "STOPPED"
    assert "root/leaf#12" not in decisions  # it never began
    assert decisions["root/leaf#13"] == "REUSE"

    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{project.folder}/mlflow.db")
    runs = client.search_runs([client.get_experiment_by_name("p").experiment_id])
    assert sorted(run.info.status for run in runs) == ["FAILED"] * 2 + ["FINISHED"] * 10

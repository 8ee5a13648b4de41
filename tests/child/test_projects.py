"""Outside a step, MLflow's own backend and stores do what they do without us."""

import pytest

from artifactflow.child.site.artifactflow_bridge import projects


class Local:
    def run(self, *given):
        return given


@pytest.fixture(autouse=True)
def _no_step(monkeypatch):
    monkeypatch.delenv("ARTIFACTFLOW_LINE", raising=False)


def test_a_process_of_no_step_uses_mlflows_own_backend():
    given = ("uri", "main", {}, None, {}, "sqlite://", "0")
    assert projects.runner_backend(Local)().run(*given) == given


def test_a_process_of_no_step_makes_stores_as_mlflow_does(tmp_path):
    from mlflow.tracking._tracking_service.registry import TrackingStoreRegistry

    class Utils:
        _tracking_store_registry = TrackingStoreRegistry()

    made = []
    Utils._tracking_store_registry.register("sqlite", lambda **given: made.append(given))
    projects.patch_stores(Utils)
    Utils._tracking_store_registry.get_store_builder("sqlite:///x.db")(store_uri=f"sqlite:///{tmp_path}/x.db")
    assert made == [{"store_uri": f"sqlite:///{tmp_path}/x.db", "artifact_uri": None}]


def test_a_step_has_its_artifacts_beside_the_database(tmp_path, monkeypatch):
    from mlflow.tracking._tracking_service.registry import TrackingStoreRegistry

    class Utils:
        _tracking_store_registry = TrackingStoreRegistry()

    monkeypatch.setenv("ARTIFACTFLOW_LINE", "somewhere")
    monkeypatch.setenv("ARTIFACTFLOW_TOKEN", "something")
    made = []
    Utils._tracking_store_registry.register("sqlite", lambda **given: made.append(given))
    projects.patch_stores(Utils)
    builder = Utils._tracking_store_registry.get_store_builder("sqlite:///x.db")
    builder(store_uri=f"sqlite:///{tmp_path}/new/x.db", artifact_uri=None)
    assert made[0]["artifact_uri"] == str(tmp_path / "new" / "mlruns")

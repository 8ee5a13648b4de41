import io
import os
import pickle
import subprocess
import sys
import zipfile

import numpy
import pytest
import scipy.sparse
from sklearn import ensemble, linear_model, tree
from sklearn.base import BaseEstimator
from sklearn.datasets import load_iris
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from artifactflow.errors import ContractError, IntegrityError, NotFoundError, StepFailedError
from artifactflow.formats import model

FEATURES, CLASSES = load_iris(return_X_y=True)

ESTIMATORS = [
    linear_model.LogisticRegression(max_iter=500),
    linear_model.Ridge(),
    tree.DecisionTreeClassifier(max_depth=3),
    ensemble.RandomForestClassifier(5, random_state=0),
    ensemble.RandomForestRegressor(5, random_state=0),
    ensemble.GradientBoostingClassifier(n_estimators=3, random_state=0),
    ensemble.HistGradientBoostingClassifier(max_iter=3),
    ensemble.HistGradientBoostingRegressor(max_iter=3),
    ensemble.IsolationForest(n_estimators=3, max_features=0.5, random_state=0),
    ensemble.BaggingClassifier(make_pipeline(StandardScaler(), tree.DecisionTreeClassifier()), 2, random_state=0),
]


class Own(BaseEstimator):
    pass


def fitted(estimator):
    target = numpy.rint(FEATURES[:, 3] * 10) if "Regressor" in type(estimator).__name__ else CLASSES
    features = numpy.column_stack([FEATURES[:, :3], numpy.rint(FEATURES[:, 3])])
    return estimator.fit(features, target), features


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda estimator: type(estimator).__name__)
def test_an_estimator_comes_back_without_trust_and_predicts_the_same(tmp_path, estimator):
    estimator, features = fitted(estimator)
    model.write(estimator, tmp_path / "a.skops")
    back = model.read(tmp_path / "a.skops")
    assert type(back) is type(estimator)
    numpy.testing.assert_array_equal(back.predict(features), estimator.predict(features))


SCRIPT = """
import scipy.sparse
from sklearn import ensemble
from sklearn.datasets import load_iris
from sklearn.neighbors import KNeighborsClassifier
from artifactflow.formats import model

X, y = load_iris(return_X_y=True)
model.write(ensemble.RandomForestClassifier(5, random_state=0).fit(X, y), folder / "forest.skops")
model.write(ensemble.HistGradientBoostingClassifier(max_iter=3, random_state=0).fit(X, y), folder / "boosting.skops")
model.write(KNeighborsClassifier().fit(scipy.sparse.csr_matrix(X), y), folder / "sparse.skops")
"""


def test_another_process_writes_the_same_bytes(tmp_path):
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    exec(SCRIPT, {"folder": here})
    code = f"from pathlib import Path\nfolder = Path({str(there)!r})\n{SCRIPT}"
    subprocess.run([sys.executable, "-c", code], check=True, env=os.environ | {"PYTHONHASHSEED": "7"})
    for file in ("forest.skops", "boosting.skops", "sparse.skops"):
        assert (here / file).read_bytes() == (there / file).read_bytes()


def test_members_carry_no_date_and_arrays_that_are_one_object_stay_one(tmp_path):
    own = Own()
    own.first_ = own.second_ = numpy.arange(3)
    own.sparse_ = scipy.sparse.csr_matrix([[0.0, 1.0]])
    own.user_mapping_ = {"file": "a.npy", "__id__": 5, "__loader__": "x"}
    model.write(own, tmp_path / "a.skops")
    with zipfile.ZipFile(tmp_path / "a.skops") as archive:
        assert {member.date_time for member in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert sorted(archive.namelist()) == ["1.npy", "2.npz", "schema.json"]
    back = model.read(tmp_path / "a.skops", trust=True)
    assert back.first_ is back.second_
    assert back.user_mapping_ == own.user_mapping_
    assert back.sparse_.toarray().tolist() == [[0.0, 1.0]]


def test_unreviewed_types_are_listed_and_loaded_only_with_trust(tmp_path):
    model.write(KNeighborsClassifier(algorithm="kd_tree").fit(FEATURES, CLASSES), tmp_path / "a.skops")
    with pytest.raises(IntegrityError, match=r"sklearn\.neighbors\._kd_tree\.KDTree") as caught:
        model.read(tmp_path / "a.skops")
    assert "trust=True" in caught.value.hint
    assert model.read(tmp_path / "a.skops", trust=True).predict(FEATURES[:1]).tolist() == [0]


class Bomb:
    def __reduce__(self):
        return os.mkdir, ("exploded",)


@pytest.mark.parametrize("name", ["a.pkl", "a.joblib", "a.skops"])
def test_a_pickle_is_refused_and_never_run(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_bytes(pickle.dumps(Bomb()))
    for trust in (False, True):
        with pytest.raises(IntegrityError, match="never loaded"):
            model.read(tmp_path / name, trust=trust)
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize("schema", ["", "[]", "{}", '{"protocol": 99}', '{"protocol": 2, "__loader__": "Nothing"}'])
def test_a_zip_that_is_no_model_is_refused(tmp_path, schema):
    with zipfile.ZipFile(tmp_path / "a.skops", "w") as archive:
        archive.writestr("schema.json", schema)
    with pytest.raises(IntegrityError, match="cannot be read as a skops file"):
        model.read(tmp_path / "a.skops")


def test_a_missing_file_is_not_found(tmp_path):
    with pytest.raises(NotFoundError, match="expected a model"):
        model.read(tmp_path / "a.skops")


def test_only_estimators_are_written_and_only_as_skops(tmp_path):
    with pytest.raises(StepFailedError, match="gave a dict"):
        model.write({}, tmp_path / "a.skops")
    with pytest.raises(ContractError, match="promises a pickle") as caught:
        model.write(Own(), tmp_path / "a.pkl")
    assert "a.skops" in caught.value.hint
    own = Own()
    own.stream = io.StringIO()
    with pytest.raises(StepFailedError, match="cannot be kept as a skops file"):
        model.write(own, tmp_path / "a.skops")
    assert not list(tmp_path.iterdir())

import numpy
import pytest
from sklearn import ensemble, tree
from sklearn.datasets import load_iris

from artifactflow.errors import IntegrityError
from artifactflow.formats import trees

FEATURES, CLASSES = load_iris(return_X_y=True)


def forest_with(change):
    """A forest whose second tree's state went through `change`, as a crafted file could bring it."""
    forest = ensemble.RandomForestClassifier(3, random_state=0).fit(FEATURES, CLASSES)
    inner = forest.estimators_[1].tree_
    state = inner.__getstate__()
    state["nodes"] = state["nodes"].copy()
    change(state)
    inner.__setstate__(state)
    return forest


def set_node(name, value, position=0):
    return lambda state: state["nodes"][name].__setitem__(position, value)


@pytest.mark.parametrize(
    "change",
    [
        set_node("left_child", 10**6),
        set_node("left_child", -7),
        set_node("right_child", 0),  # would run for ever
        set_node("feature", 4),
        set_node("feature", -3),
        lambda state: state.update(node_count=10**6),
        lambda state: state.update(max_depth=0),
    ],
)
def test_a_tree_that_points_outside_is_refused(change):
    with pytest.raises(IntegrityError, match="points outside"):
        trees.check(forest_with(change), "a.skops")


def test_a_tree_made_for_wider_rows_than_its_forest_is_refused():
    forest = ensemble.RandomForestClassifier(3, random_state=0).fit(FEATURES, CLASSES)
    forest.n_features_in_ = 2
    with pytest.raises(IntegrityError, match="points outside"):
        trees.check(forest, "a.skops")


@pytest.mark.parametrize(("name", "value"), [("left", 10**6), ("right", 0), ("feature_idx", 4), ("is_categorical", 1)])
def test_a_boosted_tree_that_points_outside_is_refused(name, value):
    boosting = ensemble.HistGradientBoostingRegressor(max_iter=1).fit(FEATURES, CLASSES * 10.0)
    trees.check(boosting, "a.skops")
    boosting._predictors[0][0].nodes[name][0] = value
    with pytest.raises(IntegrityError, match="points outside"):
        trees.check(boosting, "a.skops")


def test_a_tree_of_one_leaf_is_sound():
    trees.check(tree.DecisionTreeClassifier().fit(FEATURES, numpy.zeros(len(FEATURES))), "a.skops")

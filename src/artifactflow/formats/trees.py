"""Whether the decision trees in a loaded estimator can be followed without leaving their arrays.

scikit-learn follows the node numbers and feature numbers of a tree without looking, so a crafted file could make it
read foreign memory or run for ever. Files that scikit-learn wrote always pass: it numbers children after their parent.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from artifactflow.errors import IntegrityError

TREE: Final = "sklearn.tree._tree.Tree"
PREDICTOR: Final = "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"


def check(estimator: object, what: str) -> None:
    """Check every tree in `estimator`, at any depth. Raises IntegrityError naming `what` it was loaded from."""
    for kind, tree, width in _trees(estimator):
        if not (_is_sound(tree, width) if kind == TREE else _is_sound_predictor(tree, width)):
            raise IntegrityError(
                f"{what} holds a decision tree that points outside of itself, or outside of the rows it is made for",
                hint="get the file anew from who made it",
            )


def _trees(estimator: object) -> Iterator[tuple[str, Any, int]]:
    """Every tree with its kind and the width of the rows that it will see, once for each width."""
    from sklearn.base import BaseEstimator
    from sklearn.ensemble import IsolationForest
    from sklearn.ensemble._forest import BaseForest
    from sklearn.ensemble._gb import BaseGradientBoosting
    from sklearn.ensemble._hist_gradient_boosting.gradient_boosting import BaseHistGradientBoosting
    from sklearn.tree import BaseDecisionTree

    # These look at the width of the rows once and hand them to all their trees; others ask each estimator inside.
    ensembles = (BaseForest, BaseGradientBoosting, BaseHistGradientBoosting, IsolationForest)
    seen: set[tuple[int, int | None]] = set()
    waiting: list[tuple[object, int | None]] = [(estimator, None)]
    while waiting:
        current, width = waiting.pop()
        if (id(current), width) in seen:
            continue
        seen.add((id(current), width))
        kind = f"{type(current).__module__}.{type(current).__qualname__}"
        if kind in (TREE, PREDICTOR):
            yield kind, current, width or 0
            continue
        if isinstance(current, ensembles) or (isinstance(current, BaseDecisionTree) and width is None):
            width = _width(current)
        elif isinstance(current, BaseEstimator) and not isinstance(current, BaseDecisionTree):
            width = None
        waiting += [(part, width) for part in _parts(current)]


def _parts(value: object) -> Iterable[object]:
    import numpy

    if isinstance(value, dict):
        return value.values()
    if isinstance(value, (list, tuple, set, frozenset)):
        return value
    if isinstance(value, numpy.ndarray):
        return value.ravel().tolist() if value.dtype == object else ()
    return getattr(value, "__dict__", {}).values()


def _width(estimator: object) -> int:
    """The columns that an estimator asks for; those of the narrowest tree where it shows each only some of them."""
    attributes = vars(estimator)
    asked = attributes.get("n_features_in_")
    return min([asked if isinstance(asked, int) else 0, *map(len, attributes.get("estimators_features_", ()))])


def _is_sound(tree: Any, width: int) -> bool:
    """scikit-learn's own trees: a node whose left child is -1 is a leaf."""
    if not 0 < tree.node_count <= tree.capacity:
        return False
    left, right = tree.children_left, tree.children_right
    depth = _depth(left, right, left != -1)
    return depth is not None and depth <= tree.max_depth and _in_range(tree.feature[left != -1], width)


def _is_sound_predictor(predictor: Any, width: int) -> bool:
    """Trees of histogram boosting: a node says itself that it is a leaf.

    Splits by category look things up in further arrays. Estimators with such splits need trust anyway, for a function
    that they hold, so one without it was crafted.
    """
    nodes = predictor.nodes
    inner = nodes["is_leaf"] == 0
    if _depth(nodes["left"].astype("int64"), nodes["right"].astype("int64"), inner) is None:
        return False
    splits = nodes[inner]
    return not splits["is_categorical"].any() and _in_range(splits["feature_idx"], width)


def _in_range(numbers: Any, end: int) -> bool:
    return bool(((numbers >= 0) & (numbers < end)).all())


def _depth(left: Any, right: Any, inner: Any) -> int | None:
    """The number of steps from the root to the deepest leaf; None where a child is not after its parent."""
    import numpy

    count = len(inner)
    own = numpy.arange(count)[inner]
    if not count or not all(((side[inner] > own) & (side[inner] < count)).all() for side in (left, right)):
        return None
    depth = 0
    level: Any = numpy.zeros(1, dtype="int64")
    while len(level := level[inner[level]]):
        depth += 1
        level = numpy.unique(numpy.concatenate([left[level], right[level]]))
    return depth

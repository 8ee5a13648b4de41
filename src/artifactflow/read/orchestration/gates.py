"""The step that a condition asks for: `"clean" in active_steps`, `step == "clean"`, `case "clean":`."""

from __future__ import annotations

import ast
from collections.abc import Callable

from artifactflow.read.orchestration.symbols import Symbol
from artifactflow.read.orchestration.texts import literal_of


def gate_of(test: ast.expr, evaluate: Callable[[ast.expr], Symbol]) -> str | None:
    """The name of the step that `test` asks for, None where it asks for something else."""
    if isinstance(test, ast.BoolOp):
        # `steps == "all" or "clean" in steps`: the membership names the step.
        gates = [(not _is_membership(value), gate) for value in test.values if (gate := gate_of(value, evaluate))]
        return min(gates, key=lambda each: each[0])[1] if gates else None
    if not isinstance(test, ast.Compare) or len(test.ops) != 1:
        return None
    left, right = test.left, test.comparators[0]
    if isinstance(test.ops[0], ast.In):
        return literal_of(evaluate(left))
    if isinstance(test.ops[0], ast.Eq):
        for one, other in ((left, right), (right, left)):
            if "step" in ast.unparse(one).lower():
                return literal_of(evaluate(other))
    return None


def gate_of_pattern(case: ast.match_case) -> str | None:
    """The same of a `case`."""
    match case.pattern:
        case ast.MatchValue(ast.Constant(str() as value)):
            return value
    return None


def _is_membership(test: ast.expr) -> bool:
    return isinstance(test, ast.Compare) and isinstance(test.ops[0], ast.In)

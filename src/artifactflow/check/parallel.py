"""Checks many components on several processors.

The work is all Python, so processes share it, not threads, and what they send back is findings only. A mend does not
travel (it is a function); that there is one does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from operator import itemgetter
from typing import Final

from artifactflow.check.findings import Finding
from artifactflow.check.subjects import ComponentSubject
from artifactflow.forks import may_share, share

FEWEST: Final = 64
"""Components below which starting processes costs more than it saves."""

_AT_ONCE: Final = 16

CheckComponent = Callable[[ComponentSubject], list[Finding]]


def check_side_by_side(check: CheckComponent, components: Sequence[ComponentSubject]) -> Iterator[Finding]:
    """The findings of all components, in their order. Alone where forking would not help or is not safe."""
    if len(components) < FEWEST or not may_share():
        for component in components:
            yield from check(component)
        return

    def check_some(numbers: Sequence[int]) -> list[tuple[int, list[Finding]]]:
        return [(number, [_to_be_sent(finding) for finding in check(components[number])]) for number in numbers]

    parts = share(check_some, range(len(components)), part=_AT_ONCE)
    for _, found in sorted((one for part in parts for one in part), key=itemgetter(0)):
        yield from found


def _to_be_sent(finding: Finding) -> Finding:
    return replace(finding, fix=replace(finding.fix, change=None)) if finding.fix is not None else finding

"""The packages that a step ran with, as its record has them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from artifactflow.runs import Run

_FACTS = ("python", "platform")
"""What stands among the packages and is none."""


def packages(run: Run) -> Mapping[str, str]:
    """Packages and their versions; empty where the step has no record of them."""
    known: Mapping[str, str] = run.ingredients.get("environment", {})
    return {name: version for name, version in known.items() if name not in _FACTS and version[:1].isdigit()}


def requirements_text(run: Run) -> str:
    """The packages as pip reads them, one a line."""
    return "".join(f"{name}=={version}\n" for name, version in sorted(packages(run).items()))


def environment_digest(run: Run) -> str:
    """Twelve digits that differ where Python, the platform or a package does; empty where nothing is known."""
    known = run.ingredients.get("environment", {})
    return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()[:12] if known else ""

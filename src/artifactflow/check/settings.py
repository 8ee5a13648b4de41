"""What to check and what to leave: options, `[tool.artifactflow]` of a pyproject.toml, and comments on lines."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from artifactflow.check.findings import Finding, Rule
from artifactflow.errors import UsageError, near_matches
from artifactflow.settings import project_settings

_comment = re.compile(r"#\s*artifactflow:\s*ignore(?:\[([^\]]*)\])?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Settings:
    """Which rules count. `select` is empty for all; a code may be cut short (`M` or `M1`) to mean all that begin so."""

    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    def wants(self, rule: Rule) -> bool:
        """Whether findings of this rule are reported."""
        chosen = not self.select or any(_means(word, rule) for word in self.select)
        return chosen and not any(_means(word, rule) for word in self.ignore)


def _means(word: str, rule: Rule) -> bool:
    return word == rule.name or rule.code.startswith(word.upper())


def read_settings(start: Path) -> Settings:
    """The settings of the nearest pyproject.toml above `start` that has `[tool.artifactflow]`.

    Raises ContractError for a file that is not TOML and for a key that does not hold what it should.
    """
    found = project_settings(start)
    return Settings(found.texts("select"), found.texts("ignore"), found.texts("exclude"))


def check_words(words: Collection[str], rules: Collection[Rule]) -> None:
    """Refuse a code or name that means no rule. Raises UsageError with what may be meant."""
    for word in words:
        if not any(_means(word, rule) for rule in rules):
            known = [rule.code for rule in rules] + [rule.name for rule in rules]
            raise UsageError(
                f"no rule is called {word!r}",
                hint=near_matches(word, known) or "artifactflow check --rules lists them",
            )


def is_suppressed(finding: Finding, line: str) -> bool:
    """Whether the finding's line says to ignore it: `# artifactflow: ignore[CODE]`; without codes it means all."""
    match = _comment.search(line)
    if match is None:
        return False
    if match[1] is None:
        return True
    return any(_means(word.strip(), finding.rule) for word in match[1].split(",") if word.strip())

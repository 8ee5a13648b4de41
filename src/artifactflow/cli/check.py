"""`artifactflow check`: find where a component contradicts itself."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from artifactflow.check import ALL_RULES, Report, Rule, Settings, Severity, check_paths, read_settings
from artifactflow.check.fixes import diff_of, fix_all
from artifactflow.cli.check_formats import FORMATS
from artifactflow.cli.options import new_app
from artifactflow.cli.render import print_table
from artifactflow.errors import FindingsError, UsageError, near_matches

app = new_app()


@app.command()
def command(
    paths: Annotated[list[Path] | None, typer.Argument(help="Files and folders. [default: here]")] = None,
    output_format: Annotated[str, typer.Option("--format", help="text, json, github or sarif.")] = "text",
    select: Annotated[
        list[str] | None, typer.Option(metavar="CODES", help="Only these rules, comma-separated.")
    ] = None,
    ignore: Annotated[list[str] | None, typer.Option(metavar="CODES", help="Not these rules, comma-separated.")] = None,
    fix: Annotated[bool, typer.Option("--fix", help="Mend what can be mended safely.")] = False,
    diff: Annotated[bool, typer.Option("--diff", help="Show the mends as a diff and write nothing.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 8 for warnings too.")] = False,
    explain: Annotated[str | None, typer.Option(metavar="CODE", help="Explain a rule and stop.")] = None,
    rules: Annotated[bool, typer.Option("--rules", help="List the rules and stop.")] = False,
) -> None:
    """Find where components contradict themselves, and mend it."""
    if explain is not None:
        _explain(explain)
        return
    if rules:
        rows = [[rule.code, rule.name, rule.severity.value, rule.summary] for rule in ALL_RULES]
        print_table(["code", "name", "severity", "what"], rows)
        return
    if output_format not in FORMATS:
        hint = near_matches(output_format, FORMATS)
        raise UsageError(f"--format takes one of {', '.join(FORMATS)}, got {output_format!r}", hint=hint)
    chosen = paths or [Path()]
    settings = _settings(chosen[0], _words(select), _words(ignore))
    if fix and not diff:
        done = fix_all(lambda: check_paths(chosen, settings).findings)
        for mend in done:
            typer.echo(f"mended {mend.file}: {mend.summary}", err=True)
    report = check_paths(chosen, settings, mends=diff)
    if diff:
        typer.echo(diff_of(report.findings), nl=False)
    else:
        typer.echo(FORMATS[output_format](report), nl=False)
    _end(report, strict=strict)


def _words(options: list[str] | None) -> tuple[str, ...]:
    return tuple(word.strip() for option in options or () for word in option.split(",") if word.strip())


def _settings(start: Path, select: tuple[str, ...], ignore: tuple[str, ...]) -> Settings:
    """What the command line says, on top of what pyproject.toml says."""
    stated = read_settings(start)
    return Settings(select or stated.select, (*stated.ignore, *ignore), stated.exclude)


def _end(report: Report, *, strict: bool) -> None:
    if report.count(Severity.ERROR) or (strict and report.count(Severity.WARNING)):
        raise typer.Exit(FindingsError.exit_code)


def _explain(word: str) -> None:
    rule = _rule(word)
    typer.echo(f"{rule.code} {rule.name} ({rule.severity.value})\n{rule.summary}")
    if rule.explanation:
        typer.echo(f"\n{rule.explanation}")


def _rule(word: str) -> Rule:
    for rule in ALL_RULES:
        if word.upper() == rule.code or word == rule.name:
            return rule
    known = [rule.code for rule in ALL_RULES] + [rule.name for rule in ALL_RULES]
    raise UsageError(
        f"no rule is called {word!r}", hint=near_matches(word, known) or "artifactflow check --rules lists them"
    )

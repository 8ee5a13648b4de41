"""`artifactflow artifacts …`: keeping a store healthy. The commands are registered in `artifacts.py`."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sized
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from artifactflow.artifact import ArtifactRef
from artifactflow.cli.options import JsonOption
from artifactflow.cli.render import print_json, shown_path
from artifactflow.cli.stores import StoreOption, required_store
from artifactflow.errors import IntegrityError, NotFoundError, UsageError
from artifactflow.store import Store, find_store
from artifactflow.words import size_text

if TYPE_CHECKING:
    from artifactflow.store.salvage import Salvaged

PROGRESS_SECONDS = 0.1
"""Between two lines of progress on a terminal."""


def verify(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME[:VERSION]", help="Read this artifact only. [default: everything]")
    ] = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="Put damaged objects aside and build a wrong catalog again.")
    ] = False,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Find every byte of the store that is not as it was written."""
    opened = required_store(store)
    progress = _Progress() if sys.stderr.isatty() and not json else None
    report = opened.verify(name, repair=repair, progress=progress)
    if progress is not None:
        progress.clear()
    if json:
        print_json(report.to_json())
    else:
        for fault in report.faults:
            typer.echo(f"{fault.path}: {fault.what}")
            typer.echo(f"  expected {fault.expected}\n  got      {fault.got}")
            if fault.versions:
                typer.echo(f"  hits     {', '.join(fault.versions)}")
            if fault.quarantined:
                typer.echo(f"  put into {fault.quarantined}")
            if fault.mend:
                typer.echo(f"  mend     {fault.mend}")
        for note in report.notes:
            typer.echo(f"note: {note}")
        typer.echo(
            f"read {_count(report.objects, 'object')} ({size_text(report.size)}) of "
            + _count(report.versions, "version")
            + (f" and {_count(report.records, 'record')} of the journal" if name is None else "")
            + ("" if report.faults else ": everything is as it was written")
        )
    if report.faults:
        mended = sum(bool(fault.quarantined) for fault in report.faults)
        raise IntegrityError(
            f"the store has {_count(len(report.faults), 'fault')}" + (f", {mended} put aside" if repair else ""),
            hint="do what the lines with `mend` say, then verify again"
            if repair
            else "artifactflow artifacts verify --repair puts damaged objects aside and builds a wrong catalog again",
        )


def rebuild(
    journal: Annotated[
        bool,
        typer.Option("--journal", help="Write a damaged journal anew first, of what is left of it and the catalog."),
    ] = False,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Build the catalog again from the journal: versions, aliases, lineage and runs."""
    opened = required_store(store)
    salvaged = None
    if journal:
        opened.close()
        from artifactflow.store.salvage import rebuild_journal

        salvaged = rebuild_journal(opened.root)
    opened.rebuild()
    counts = {
        "versions": len(opened.versions()),
        "runs": len(opened.runs()),
        "pipeline_runs": len(opened.pipeline_runs()),
    }
    if json:
        print_json(counts if salvaged is None else {**counts, "journal": salvaged.to_json()})
        return
    if salvaged is not None:
        _echo_salvaged(salvaged)
    typer.echo(
        f"built the catalog again: {_count(counts['versions'], 'version')}, {_count(counts['runs'], 'run')} of steps, "
        f"{_count(counts['pipeline_runs'], 'run')} of pipelines"
    )


def _echo_salvaged(salvaged: Salvaged) -> None:
    if salvaged.put_aside is None:
        typer.echo("the journal is as it was written: it stays")
        return
    typer.echo(f"wrote the journal anew, of {salvaged.taken}; what was there is in {salvaged.put_aside}")
    for what in salvaged.lost:
        typer.echo(f"lost: {what}")
    if salvaged.lost:
        typer.echo(
            "the content of versions that are lost is garbage now: put it again before artifactflow artifacts gc"
        )


def gc(
    keep: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Retire all but the newest N versions of each artifact.")
    ] = None,
    older_than: Annotated[
        str | None, typer.Option(metavar="TIME", help="Retire versions older than this: 30d, 12h.")
    ] = None,
    grace: Annotated[str, typer.Option(metavar="TIME", help="Leave alone what is younger.")] = "1h",
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Say what would go, and remove nothing.")] = False,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Remove what nothing refers to, and old versions where that is asked for."""
    opened = required_store(store)
    with _running(opened) as is_running:
        freed = opened.collect(
            keep=keep,
            older_than=None if older_than is None else _seconds(older_than, "--older-than"),
            grace=_seconds(grace, "--grace"),
            dry_run=dry_run,
            is_running=is_running,
        )
    if json:
        print_json(freed.to_json())
        return
    for ref in freed.versions:
        typer.echo(f"{'would retire' if dry_run else 'retired'} {ref}")
    for path in freed.leftovers:
        typer.echo(f"{'would remove' if dry_run else 'removed'} {path}")
    spared = f"; {_count(freed.spared, 'object')} too young to go, see --grace" if freed.spared else ""
    typer.echo(
        f"{'would free' if dry_run else 'freed'} {size_text(freed.size)}: {_count(freed.versions, 'version')}, "
        f"{_count(freed.objects, 'object')}, {_count(freed.leftovers, 'leftover')}{spared}"
    )


def rm(
    ref: Annotated[str, typer.Argument(metavar="NAME:VERSION", help="A version; the bare name with --force for all.")],
    force: Annotated[
        bool, typer.Option("--force", help="Even where an alias names it, or a version was made from it.")
    ] = False,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Remove a version. Its number is not used again, and its bytes go when the garbage is collected."""
    opened = required_store(store)
    parsed = ArtifactRef.parse(ref)
    everything = ref == parsed.name
    if everything and not force:
        count = len(opened.versions(parsed.name)) or opened.version(parsed).number
        raise UsageError(
            f"{ref} names all of its {_count(count, 'version')}",
            hint=f"name one, as {ref}:v1, or remove all of them: artifactflow artifacts rm {ref} --force",
        )
    removed = [version.ref for version in opened.remove(parsed, everything=everything, force=force)]
    if json:
        print_json({"removed": removed})
        return
    typer.echo(f"removed {', '.join(removed)}; the bytes go with the next artifactflow artifacts gc")


def migrate(store: StoreOption = None, json: JsonOption = False) -> None:
    """Bring a store that an older artifactflow made to the current format, after a backup."""
    root = find_store(Path.cwd(), store)
    if not root.exists():
        raise NotFoundError(f"there is no store at {root}", hint="give the store: --store DIR")
    from artifactflow.store.migrate import migrate as migrate_store

    done = migrate_store(root)
    Store.open(root, create=False).close()
    if json:
        print_json({"from": done.source, "to": done.target, "backup": str(done.backup) if done.backup else None})
    elif done.backup is None:
        typer.echo(f"{shown_path(root)} has format {done.source}, the current one: nothing to do")
    else:
        typer.echo(f"{shown_path(root)} went from format {done.source} to {done.target}; a backup is {done.backup}")


class _Progress:
    """One line on the terminal that counts on."""

    def __init__(self) -> None:
        self._shown = 0.0

    def __call__(self, done: int, total: int) -> None:
        if time.monotonic() - self._shown >= PROGRESS_SECONDS:
            self._shown = time.monotonic()
            sys.stderr.write(f"\r{done} of {total} objects")
            sys.stderr.flush()

    def clear(self) -> None:
        """Leave nothing of it."""
        sys.stderr.write("\r\x1b[K")


@contextmanager
def _running(store: Store) -> Iterator[Callable[[str], bool]]:
    """Whether a pipeline run, by its id, runs now: its process has a lock for as long."""
    from artifactflow.runner.locks import RunLocks  # with all of the runner, which listing and putting do without

    with RunLocks(store.root / "locks") as locks:

        def is_running(run_id: str) -> bool:
            if not locks.try_acquire(run_id):
                return True
            locks.release(run_id)
            return False

        yield is_running


def _seconds(text: str, option: str) -> float:
    from artifactflow.read.duration import duration

    seconds = duration(text)
    if seconds is None:
        raise UsageError(f"{option} {text!r} is no duration", hint="write a number and s, m, h or d: 30d, 12h, 90m")
    return seconds


def _count(of: int | Sized, what: str) -> str:
    number = of if isinstance(of, int) else len(of)
    return f"{number} {what}{'' if number == 1 else 's'}"

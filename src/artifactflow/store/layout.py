"""Where a store is, what its folder holds, and whether we may use it."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from artifactflow.errors import IntegrityError, NotFoundError, OutsideError, Place, UsageError
from artifactflow.store.files import os_errors, sync, write_durably

STORE_FOLDER: Final = ".artifactflow"
STORE_VARIABLE: Final = "ARTIFACTFLOW_STORE"
FORMAT_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Layout:
    """The names inside a store's folder."""

    root: Path

    @property
    def format(self) -> Path:
        """Which version of the format this is, and the store's id."""
        return self.root / "format"

    @property
    def objects(self) -> Path:
        """Every file's bytes, under their digest."""
        return self.root / "objects" / "sha256"

    @property
    def journal(self) -> Path:
        """The truth: versions, aliases and runs in the order in which they came."""
        return self.root / "journal"

    @property
    def catalog(self) -> Path:
        """The index over the journal."""
        return self.root / "catalog.db"

    @property
    def runs(self) -> Path:
        """One folder a run."""
        return self.root / "runs"

    @property
    def temporary(self) -> Path:
        """What is being written."""
        return self.root / "tmp"

    @property
    def locks(self) -> Path:
        """The lock files."""
        return self.root / "locks"

    @property
    def loaded(self) -> Path:
        """Copies for those who load versions in Python, each under the digest of its tree."""
        return self.root / "loaded"

    @property
    def quarantine(self) -> Path:
        """What was found damaged, each with a note. Nothing here is ever deleted by us."""
        return self.root / "quarantine"

    @property
    def migration(self) -> Path:
        """Where a migration to another format is prepared, and what is left to do of one that was decided."""
        return self.root / "migration"


def find_store(start: Path, explicit: Path | None = None) -> Path:
    """The folder of the store that serves `start`; it need not exist yet.

    The first that applies: `explicit` (the store's folder, or one that holds a `.artifactflow`); the variable
    ARTIFACTFLOW_STORE, read likewise; a `.artifactflow` in `start` or above; beside a `pipeline.yaml` in `start`;
    at the root of the git repository around it; in `start`.
    """
    named = explicit or os.environ.get(STORE_VARIABLE)
    if named:
        try:
            folder = Path(named).expanduser().absolute()
        except RuntimeError as error:
            raise UsageError(
                f"{named}: there is no such user's home folder", hint="give the store: --store DIR"
            ) from error
        inner = folder / STORE_FOLDER
        return inner if inner.is_dir() else folder
    start = start.absolute()
    for folder in (start, *start.parents):
        if (folder / STORE_FOLDER).is_dir():
            return folder / STORE_FOLDER
    if not (start / "pipeline.yaml").is_file():
        for folder in (start, *start.parents):
            if (folder / ".git").exists():
                return folder / STORE_FOLDER
    return start / STORE_FOLDER


def open_layout(layout: Layout, *, create: bool) -> str:
    """The id of the store, which is made where there is none and `create` allows it.

    Raises NotFoundError where there is none; IntegrityError for a folder that is no store, belongs to another user
    or has a newer format; OutsideError where it cannot be read and written.
    """
    with os_errors(f"open the store {layout.root}"):
        try:
            owner = layout.root.stat().st_uid
        except FileNotFoundError:
            if not create:
                raise NotFoundError(
                    f"there is no store at {layout.root}", hint="a run makes one, and so does the first put"
                ) from None
            _create(layout)
            owner = layout.root.stat().st_uid
        if owner != os.geteuid():
            # Files of two owners in one store would lock both out, and a foreign store may be a trap.
            raise IntegrityError(
                f"the store {layout.root} belongs to user {owner}, expected {os.geteuid()}",
                hint="work as its owner, or keep a store of your own with --store",
            )
        if not os.access(layout.root, os.R_OK | os.W_OK | os.X_OK):
            raise OutsideError(
                f"the store {layout.root} cannot be read and written",
                hint=f"chmod u+rwx {layout.root}, or keep the store elsewhere with --store",
            )
        if not os.path.lexists(layout.format):
            _refuse_foreign_folder(layout, create=create)
        refuse_links(layout)
        try:
            content = layout.format.read_bytes()
        except FileNotFoundError:
            _create(layout)
            content = layout.format.read_bytes()
    return _read_format(content, layout.format)


def refuse_links(layout: Layout) -> None:
    """Raise IntegrityError where something of the store is a symbolic link: writing there would write elsewhere.

    The store's own folder may be one, which whoever works here has made. Lock files, which are made when they are
    first needed, and objects are looked at when they are opened.
    """
    for folder in (layout.root, layout.objects.parent, layout.objects, layout.journal):
        try:
            with os.scandir(folder) as entries:
                link = next((entry.path for entry in entries if entry.is_symlink()), None)
        except FileNotFoundError:
            continue
        if link is not None:
            raise IntegrityError(
                f"{link} is a symbolic link, expected a file or folder of the store's own",
                hint="find out who made it; put what it points to in its place, or remove it",
            )


def _read_format(content: bytes, path: Path) -> str:
    place = Place(str(path))
    try:
        record: Mapping[str, Any] = json.loads(content)
        version, hash_name, store_id = record["version"], record["hash"], record["id"]
    except (ValueError, KeyError, TypeError) as error:
        raise IntegrityError(f"the store's format file cannot be read: {error}", place=place) from error
    if version != FORMAT_VERSION or hash_name != "sha256":
        older = isinstance(version, int) and version < FORMAT_VERSION
        raise IntegrityError(
            f"the store has format {version} with {hash_name}, expected {FORMAT_VERSION} with sha256",
            hint="bring it up to date: artifactflow artifacts migrate"
            if older
            else "a newer artifactflow made it: upgrade this one, or keep another store with --store",
            place=place,
        )
    return str(store_id)


def _refuse_foreign_folder(layout: Layout, *, create: bool) -> None:
    """Half a store, from a creation that was interrupted, may be completed. Anything else is not ours to touch."""
    ours = {".gitignore", "catalog.db", "objects", "journal", "runs", "tmp", "locks"}
    foreign = sorted({entry.name for entry in layout.root.iterdir()} - ours)
    used = layout.journal.is_dir() and any(layout.journal.iterdir())
    # The format is looked for again: another process may have completed the store, and used it, in between.
    if (foreign or used or not create) and not layout.format.exists():
        what = f"it holds {foreign[0]}" if foreign else "its format file is missing"
        raise IntegrityError(
            f"{layout.root} is not a store of artifactflow: {what}",
            hint="name another folder with --store" if foreign else "restore the file from a backup",
        )


def _create(layout: Layout) -> None:
    """Make the folders, then the format file, which makes it a store. Several processes may do so at once."""
    for folder in (layout.objects, layout.journal, layout.runs, layout.locks):
        folder.mkdir(parents=True, exist_ok=True)
    layout.temporary.mkdir(mode=0o700, exist_ok=True)
    store_id = uuid.uuid4().hex
    (layout.root / ".gitignore").write_text("# Everything here is made by artifactflow.\n*\n")
    for folder in (layout.objects, layout.objects.parent, layout.root.parent):
        sync(folder)
    content = json.dumps({"version": FORMAT_VERSION, "hash": "sha256", "id": store_id}) + "\n"
    # Where another process was faster, its file stands, and its id is the store's.
    write_durably(layout.format, content.encode(), aside=layout.temporary / f"format-{store_id}")

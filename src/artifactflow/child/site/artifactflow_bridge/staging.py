"""The files of an artifact that a script has put together, gathered where the runner can take them."""

# What is imported here, every step with wandb finds imported: so no pathlib.
# ruff: noqa: PTH100, PTH101, PTH103, PTH105, PTH113, PTH118, PTH120, PTH123

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlparse

from . import line

REFERENCES_NAME = ".wandb-references.json"
"""The file of a version that lists what lies elsewhere: references to buckets, addresses, local files."""

KEPT_FOLDER = "kept"
"""In the folder of an offline run: links to the store's bytes that it refers to, until it is sent."""

_seen: dict[str, Any] = {}  # the artifacts that this process has logged, by W&B's client id
_handed: set[str] = set()  # the folders of the artifacts that it was handed


def remember(artifact: Any) -> None:
    """Keep an artifact that was logged: others of this process may hold references to its files."""
    client_id = getattr(artifact, "_client_id", None)
    if client_id:
        _seen[client_id] = artifact


def remember_folder(folder: str) -> None:
    """Keep where files of the store were handed out: what refers to them means their content."""
    _handed.add(folder.rstrip("/") + "/")


def stage(artifact: Any, folder: str) -> dict[str, Any]:
    """Link or copy the artifact's files into a fresh folder below `folder`, as `log_artifact` wants to be told of it.

    `single` is the name of the file where the artifact is one file. Files of other artifacts are taken in; what lies
    outside W&B stays a reference. Raises FileNotFoundError for a file that is gone.
    """
    files: dict[str, str] = {}
    references: dict[str, Any] = {}
    for path, entry in artifact.manifest.entries.items():
        source = _source(entry)
        if source is None:
            references[str(path)] = {"ref": str(entry.ref), "digest": str(entry.digest), "size": entry.size}
            references[str(path)]["extra"] = plain(dict(entry.extra or {}))
        else:
            files[str(path)] = source
    if getattr(artifact, "_incremental", False):
        _take_in_the_last(artifact, files, references)
    return stage_files(files, folder, references)


def stage_files(files: Mapping[str, str], folder: str, references: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The same of files, by their paths in the artifact."""
    os.makedirs(folder, exist_ok=True)
    staged = tempfile.mkdtemp(dir=folder)
    for path, source in files.items():
        _link(source, os.path.join(staged, path))
    if references:
        with open(os.path.join(staged, REFERENCES_NAME), "w", encoding="utf-8") as stream:
            json.dump(references, stream, indent=1, sort_keys=True)
    alone = next(iter(files), "") if len(files) == 1 and not references else ""
    return {"staged": staged, "single": alone if "/" not in alone else ""}


def keep(objects: Mapping[str, str], run_folder: str) -> dict[str, str]:
    """The same files by names that stay when the store removes its own; where there can be none, by the store's."""
    folder = os.path.join(run_folder, KEPT_FOLDER)
    os.makedirs(folder, exist_ok=True)
    kept = {}
    for path, stored in objects.items():
        place = os.path.join(folder, "".join(stored.split("/")[-2:]))
        try:
            os.link(stored, place)
        except FileExistsError:
            pass
        except OSError:  # another file system than the store's, or one without hard links
            place = stored
        kept[path] = place
    return kept


def plain(value: Any) -> Any:
    """A value as JSON: numbers of NumPy as numbers, what JSON does not know as text."""
    return json.loads(json.dumps(value, default=_plain_part))


def copy(source: str, target: str) -> str:
    """Copy a file of the store to where a script may change it; what stands there is replaced."""
    os.makedirs(os.path.dirname(os.path.abspath(target)), exist_ok=True)
    aside = f"{target}.{os.urandom(4).hex()}.partial"
    shutil.copyfile(source, aside)
    if os.access(source, os.X_OK):
        os.chmod(aside, 0o744)
    os.replace(aside, target)
    return target


def _source(entry: Any) -> str | None:
    """Where the bytes of a manifest's entry are on this machine; None for a reference to elsewhere."""
    if entry.local_path:
        return str(entry.local_path)
    url = urlparse(str(entry.ref or ""))
    if url.scheme == "file" and unquote(url.path).startswith(tuple(_handed)):
        return unquote(url.path)
    if url.scheme == "wandb-client-artifact":
        other = _seen.get(url.netloc.partition(":")[0])
        inside = url.path.lstrip("/")
        if other is not None and inside in other.manifest.entries:
            return _source(other.manifest.entries[inside])
    return None


def _take_in_the_last(artifact: Any, files: dict[str, str], references: dict[str, Any]) -> None:
    """An incremental artifact adds to the latest version of its name."""
    last = line.ask("find_artifact", reference=f"{artifact.name}:latest")
    if last is None:
        return
    handed = line.ask("hand_out", reference=last["reference"])
    for path, source in handed["files"].items():
        if path not in references:
            files.setdefault(path, source)
    for path, reference in handed["references"].items():
        if path not in files:
            references.setdefault(path, reference)


def _link(source: str, target: str) -> None:
    if not os.path.isfile(source):
        raise FileNotFoundError(f"{source} is gone: a file of an artifact has to be there until it is logged")
    os.makedirs(os.path.dirname(target), exist_ok=True)
    try:
        os.link(source, target)  # the store copies a file that has another name
    except OSError:
        shutil.copyfile(source, target)


def _plain_part(value: Any) -> Any:
    for method in ("item", "tolist"):
        if hasattr(value, method):
            try:
                return getattr(value, method)()
            except (TypeError, ValueError):
                continue
    return str(value)

"""A wheel of the artifactflow that is running, packed from its installation: exactly this one, without any index."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path
from typing import IO, Final

import artifactflow
from artifactflow.errors import MissingToolError

NAME: Final = "artifactflow"
_KEPT_METADATA: Final = ("METADATA", "entry_points.txt", "licenses/")
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)


def running_digest() -> str:
    """What names the wheel of the running installation: a digest of its files. Raises as `running_wheel` does."""
    return _digest(_files())


def running_wheel(folder: Path) -> Path:
    """The wheel of the running installation, below `folder` under its content's digest; packed where it is not there.

    An editable installation is packed as its files are now. The same files give the same bytes. Raises
    MissingToolError where artifactflow runs from files that were never installed: their requirements are not known.
    """
    files = _files()
    wheel = folder / _digest(files) / f"{NAME}-{artifactflow.__version__}-py3-none-any.whl"
    if not wheel.exists():
        wheel.parent.mkdir(parents=True, exist_ok=True)
        descriptor, aside = tempfile.mkstemp(dir=wheel.parent)
        with os.fdopen(descriptor, "wb") as stream:
            _pack(stream, files, f"{_information()}/RECORD")
        Path(aside).replace(wheel)
    return wheel


def _information() -> str:
    return f"{NAME}-{artifactflow.__version__}.dist-info"


def _files() -> list[tuple[str, bytes]]:
    return [*_package_files(), *_metadata_files(_information())]


def _digest(files: Iterable[tuple[str, bytes]]) -> str:
    total = hashlib.sha256()
    for name, content in files:
        total.update(f"{name}\0{len(content)}\0".encode() + content)
    return total.hexdigest()[:32]


def _pack(stream: IO[bytes], files: Iterable[tuple[str, bytes]], record_name: str) -> None:
    """Write every file, then the RECORD of them all."""
    record = []
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files:
            archive.writestr(_entry(name), content)
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            record.append(f"{name},sha256={digest},{len(content)}\n")
        archive.writestr(_entry(record_name), "".join([*record, f"{record_name},,\n"]))


def _package_files() -> Iterator[tuple[str, bytes]]:
    package = Path(artifactflow.__file__).parent
    for path in sorted(package.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            yield f"{NAME}/{path.relative_to(package).as_posix()}", path.read_bytes()


def _metadata_files(information: str) -> Iterator[tuple[str, bytes]]:
    try:
        distribution = metadata.distribution(NAME)
    except metadata.PackageNotFoundError:
        raise MissingToolError(
            f"{NAME} runs from {Path(artifactflow.__file__).parent} and was never installed, so it cannot be packed",
            hint="install it: pip install -e .",
        ) from None
    for file in sorted(distribution.files or ()):
        folder, _, name = file.as_posix().partition("/")
        if folder.endswith(".dist-info") and name.startswith(_KEPT_METADATA):
            content = Path(str(file.locate())).read_bytes()
            if name == "METADATA":
                # The metadata of an editable installation keeps the version of the day on which it was installed.
                content = re.sub(
                    rb"(?m)^Version: .*$", f"Version: {artifactflow.__version__}".encode(), content, count=1
                )
            yield f"{information}/{name}", content
    yield (
        f"{information}/WHEEL",
        b"Wheel-Version: 1.0\nGenerator: artifactflow\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    )


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _EPOCH)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    return entry

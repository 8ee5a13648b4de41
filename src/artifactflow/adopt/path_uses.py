"""Which options of a script are paths that it reads or writes, by the calls that it hands them to.

A name such as `input_file` proves nothing: only a call does, `read_csv(args.x)`, `open(args.x, "w")`. The script is
followed as `orchestration/walk.py` follows it, so a path that goes through a function of the script is still known.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Final

from artifactflow.errors import Place
from artifactflow.read.orchestration.known_calls import Call
from artifactflow.read.orchestration.symbols import Kind, Reference, Symbol
from artifactflow.read.orchestration.texts import Text, parts_of, text_of
from artifactflow.read.orchestration.walk import Walker
from artifactflow.read.source import read_source

_readers: Final = re.compile(
    r"(pandas|polars|geopandas|dask\.dataframe|modin\.pandas|cudf)\.(read_\w+|scan_\w+)"
    r"|numpy\.(load|loadtxt|genfromtxt|fromfile)|(joblib|torch|skops\.io|cloudpickle|dill|soundfile)\.(load|read)"
    r"|(PIL\.)?Image\.open|cv2\.imread|pyarrow\.(parquet|feather|csv)\.read_\w+|xarray\.open_\w+|imageio\.\w*imread"
    r"|os\.(listdir|scandir|walk)|datasets\.load_from_disk|\w+(\.\w+)*\.load_model"
)
"""Functions that read the path which they are given first."""

_read_methods: Final = frozenset({".read_text", ".read_bytes", ".iterdir", ".glob", ".rglob"})
_written_methods: Final = frozenset({".write_text", ".write_bytes", ".touch"})

_writers: Final[dict[str, tuple[int, str]]] = {
    "joblib.dump": (1, ".joblib"), "skops.io.dump": (1, ".skops"), "torch.save": (1, ".pt"),
    "numpy.save": (0, ".npy"), "numpy.savez": (0, ".npz"), "numpy.savez_compressed": (0, ".npz"),
    "numpy.savetxt": (0, ".txt"), "cv2.imwrite": (0, ".png"), "matplotlib.pyplot.savefig": (0, ".png"),
    ".to_csv": (0, ".csv"), ".to_parquet": (0, ".parquet"), ".to_json": (0, ".json"), ".to_pickle": (0, ".pkl"),
    ".to_feather": (0, ".feather"), ".to_excel": (0, ".xlsx"), ".to_html": (0, ".html"), ".savefig": (0, ".png"),
    ".write_csv": (0, ".csv"), ".write_parquet": (0, ".parquet"), ".save_model": (0, ""), ".save": (0, ""),
    ".save_pretrained": (0, ""), "mlflow.sklearn.save_model": (1, ""), "mlflow.pyfunc.save_model": (0, ""),
    "pyarrow.parquet.write_table": (1, ".parquet"), "os.makedirs": (0, ""), "os.mkdir": (0, ""),
}  # fmt: skip
"""Calls that write a path: which argument it is, and the ending of what they write, where that is one."""

_openers: Final = frozenset(
    {"open", ".open", "io.open", "gzip.open", "bz2.open", "lzma.open", "tarfile.open", "zipfile.ZipFile", "h5py.File"}
)
_copies: Final = frozenset({"shutil.copy", "shutil.copy2", "shutil.copyfile", "shutil.copytree", "shutil.move"})
_removers: Final = frozenset({"os.remove", "os.unlink", "shutil.rmtree"})
_argv: Final = re.compile(r"sys\.argv\[(\d+)\]")


@dataclass(slots=True)
class PathUse:
    """How an option is used as a path: where it is read, where it is written, and the ending of what is written."""

    read: Place | None = None
    written: Place | None = None
    ending: str = ""


@dataclass(slots=True)
class PathUses:
    """What a script does with paths.

    `options` has its options by dest (`argv:2` for `sys.argv[2]`); `written` its own literal paths, where it writes
    them; `removed` are the texts of those that it deletes.
    """

    options: dict[str, PathUse] = field(default_factory=dict)
    written: dict[str, Place] = field(default_factory=dict)
    removed: set[Text] = field(default_factory=set)


def read_path_uses(script: Path) -> PathUses:
    """What the script does with paths; it is not run. Raises what `read_source` raises."""
    source = read_source(script)
    observer = _Observer()
    walker = Walker(source, observer)
    walker.walk()
    return observer.found


class _Observer:
    """Takes down every call that reads or writes a path."""

    def __init__(self) -> None:
        self.found = PathUses()

    def __call__(self, call: Call) -> Symbol | None:
        name = call.name
        first = call.arguments[0] if call.arguments else call.argument(None, *_path_words)
        if name in _openers:
            self._open(call, first)
        elif name in _copies:
            self._read(first, call)
            self._write(call.argument(1, "dst"), call, "")
        elif name in _read_methods:
            self._read(call.receiver, call)
        elif name in _written_methods:
            self._write(call.receiver, call, "")
        elif name == ".mkdir":
            self._write(call.receiver, call, "", folder=True)
        elif name in _writers:
            position, ending = _writers[name]
            written = call.argument(position, *_path_words)
            self._write(written, call, ending, folder=name.startswith("os."))
        elif _readers.fullmatch(name):
            self._read(first, call)
        elif name in _removers or name == ".unlink":
            removed = call.receiver if name == ".unlink" else first
            if removed is not None:
                self.found.removed.add(text_of(removed))
        return None

    def _open(self, call: Call, first: Symbol | None) -> None:
        method = call.name == ".open"
        path = call.receiver if method else first
        mode_symbol = call.argument(0 if method else 1, "mode")
        mode = "r" if mode_symbol is None else text_of(mode_symbol).text
        if mode[:1] in {"w", "x", "a"}:
            self._write(path, call, "")
        elif mode[:1] == "r" and "+" not in mode:
            self._read(path, call)

    def _read(self, path: Symbol | None, call: Call) -> None:
        use = self._use(path)
        if use is not None:
            use.read = use.read or call.place

    def _write(self, path: Symbol | None, call: Call, ending: str, folder: bool = False) -> None:
        use = self._use(path)
        if use is not None:
            use.written = use.written or call.place
            use.ending = use.ending or ending
        elif path is not None and not folder and (text := text_of(path)).kind is Kind.LITERAL:
            self.found.written.setdefault(text.text, call.place)

    def _use(self, path: Symbol | None) -> PathUse | None:
        """The use of the option that a path is, or that is the folder which it is in."""
        parts = parts_of(path) if path is not None else None
        if not parts or not isinstance(parts[0], Reference):
            return None
        rest = parts[1:]
        if rest and not (isinstance(rest[0], str) and rest[0].startswith("/")):
            return None
        name = _option_name(parts[0])
        if name is None:
            return None
        return self.found.options.setdefault(name, PathUse())


_path_words: Final = (
    "path", "filename", "file", "fname", "filepath_or_buffer", "path_or_buf", "excel_writer", "f", "fp", "src",
    "path_or_buffer", "name",
)  # fmt: skip


def _option_name(reference: Reference) -> str | None:
    match reference:
        case Reference(Kind.PARAMETER | Kind.CONFIG, name) if name:
            return name
        case Reference(Kind.VARIABLE, name) if found := _argv.fullmatch(name):
            return f"argv:{found[1]}"
    return None


def is_within(path: str) -> bool:
    """Whether a literal path stays below the folder in which the script runs."""
    parts = PurePosixPath(path)
    return bool(path) and not parts.is_absolute() and ".." not in parts.parts and "~" not in parts.parts[:1]

"""`wandb.Api()` over the local store, where W&B's service cannot be asked."""

# Parameters are called as W&B's are.
# ruff: noqa: A002

from __future__ import annotations

from typing import Any

from .artifacts import stored_artifact
from .asking import ask, failure
from .runs import find, is_local, replace

_mark = "_artifactflow_local"


def patch(api: Any) -> None:
    """Replace what `wandb.Api` has for artifacts. Raises AttributeError where W&B has it no more."""
    replace(api, "__init__", _init)
    replace(api, "artifact", _local_or(_artifact))
    for name, answer in (
        ("_artifact", _artifact),
        ("artifacts", _artifacts),
        ("artifact_versions", _artifacts),
        ("artifact_exists", _artifact_exists),
        ("artifact_collection_exists", _artifact_collection_exists),
    ):
        if hasattr(api, name):
            replace(api, name, _local_or(answer))
    api.__getattr__ = _missing


def _init(original: Any, self: Any, overrides: Any = None, *args: Any, **kwargs: Any) -> None:
    if not is_local():
        try:
            original(self, overrides, *args, **kwargs)
        except Exception as error:
            _warn(f"wandb.Api() cannot reach W&B ({error}): the store answers")
        else:
            return
    settings = {"entity": None, "project": None, "run": None, "base_url": "https://api.wandb.ai", **(overrides or {})}
    kept: dict[str, Any] = {name: {} for name in ("_projects", "_runs", "_sweeps", "_reports")}
    self.__dict__.update({_mark: True, "settings": settings, "_api_key": None, "_default_entity": None, **kept})


def _local_or(answer: Any) -> Any:
    """A replacement that answers from the store where the `Api` was made so, and asks W&B otherwise."""

    def replacement(original: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
        return answer(*args, **kwargs) if self.__dict__.get(_mark) else original(self, *args, **kwargs)

    return replacement


def _artifact(name: str, type: Any = None, **_: Any) -> Any:
    return stored_artifact(find(name, type))


def _artifacts(type_name: str, name: str, *_: Any, **__: Any) -> list[Any]:
    """The versions of a name, newest first."""
    records = ask("list_versions", name=name, type=type_name)
    return [stored_artifact(record) for record in records]


def _artifact_exists(name: str, type: Any = None) -> bool:
    record = ask("find_artifact", reference=name)
    return record is not None and (type is None or ask("name_of", text=str(type)) == record["type"])


def _artifact_collection_exists(name: str, type: Any = None) -> bool:
    return _artifact_exists(name, type)


def _missing(self: Any, name: str) -> Any:
    if self.__dict__.get(_mark) and name.startswith("_") and not name.startswith("__"):
        return NoService()  # what W&B has for its connection, called differently in different versions
    raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")


class NoService:
    """Stands where an `Api` has its connection; whatever asks something of it is told what it would need."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise failure(
            f"wandb.Api() was to ask W&B's service ({name}), and the local store only knows artifacts: "
            "it needs an account (WANDB_API_KEY) and a network"
        )


def _warn(message: str) -> None:
    import wandb  # type: ignore[import-not-found,unused-ignore]

    wandb.termwarn(f"artifactflow: {message}")

"""Runs when an interpreter starts that finds this folder on its PYTHONPATH, and waits for libraries to be imported.

When one of `HOOKS` has been imported, the function named beside it is called with the module. Until then nothing is
loaded: an interpreter that never imports them starts as quickly as without this file. A `sitecustomize` of the user's
that ours hides is run as well.
"""

# Every interpreter of a step runs this, from Python 3.8 on, before anything else: so only what is loaded already.
# ruff: noqa: PTH100, PTH118, PTH120, SIM105

import os
import sys

TYPE_CHECKING = False  # what type checkers know without typing being imported
if TYPE_CHECKING:
    from typing import Any

HOOKS = {
    "wandb": ("artifactflow_bridge.patches", "patch_wandb"),
    "wandb.apis.public": ("artifactflow_bridge.patches", "patch_public_api"),
    "mlflow.projects.backend.loader": ("artifactflow_bridge.projects", "patch_backends"),
    "mlflow.tracking._tracking_service.utils": ("artifactflow_bridge.projects", "patch_stores"),
}
"""Modules, each with the module and function to call once it has been imported."""

LINE_VARIABLE = "ARTIFACTFLOW_LINE"
TOKEN_VARIABLE = "ARTIFACTFLOW_TOKEN"  # noqa: S105 - the name of a variable


class Finder:
    """Finds the modules of `HOOKS` as the finders after it do, and has their hooks called."""

    @classmethod
    def find_spec(cls, name: "str", path: "Any" = None, target: "Any" = None) -> "Any":
        """The spec of a module with a hook, its loader told to call the hook; None for any other module."""
        if name not in HOOKS:
            return None
        for finder in sys.meta_path:
            if finder is not cls and hasattr(finder, "find_spec"):
                spec = finder.find_spec(name, path, target)
                if spec is not None:
                    call_after(spec.loader, *HOOKS[name])
                    return spec
        return None


def call_after(loader: "Any", module_name: "str", function_name: "str") -> "None":
    """Have a function called when `loader` has executed its module."""

    def exec_module(module: "Any") -> "None":
        del loader.exec_module  # whoever looks at the loader afterwards finds it as it was
        loader.exec_module(module)
        hooks = __import__(module_name, fromlist=[function_name])
        getattr(hooks, function_name)(module)

    try:
        loader.exec_module = exec_module
    except AttributeError:
        pass  # a loader of another kind: the library works as it does without us, and never says hello


def tell_that_it_was_reached() -> "None":
    """Leave a file beside the runner's socket: this interpreter will notice when it imports one of `HOOKS`."""
    line = os.environ.get(LINE_VARIABLE)
    token = os.environ.get(TOKEN_VARIABLE)
    if line and token:
        try:
            os.close(
                os.open(os.path.join(os.path.dirname(line), token), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            )
        except OSError:
            pass  # the runner is gone


def run_hidden() -> "None":
    """Run the `sitecustomize` that would have been found without this one."""
    importing: Any = sys.modules["_frozen_importlib"]
    folder = os.path.dirname(os.path.abspath(__file__))
    others = [entry for entry in sys.path if os.path.abspath(entry) != folder]
    external: Any = sys.modules["_frozen_importlib_external"]
    spec = external.PathFinder.find_spec("sitecustomize", others)
    if spec is not None:
        importing._load(spec)


if __name__ == "sitecustomize":
    sys.meta_path.insert(0, Finder)
    tell_that_it_was_reached()
    run_hidden()

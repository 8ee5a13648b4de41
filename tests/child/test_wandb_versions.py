"""The same scripts with other versions of W&B, in environments of their own and with networking denied."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.torture

OLD_NUMPY = ("numpy<2", "setuptools<81")
VERSIONS = {
    "0.15.0": OLD_NUMPY,
    "0.15.4": OLD_NUMPY,
    "0.15.12": OLD_NUMPY,
    "0.17.2": ("numpy",),
    "0.19.11": ("numpy",),
    "0.21.3": ("numpy",),
}
NEEDS_LOOPBACK = ("0.15", "0.16", "0.17", "0.18", "0.19")
"""Up to 0.19.11 W&B's own service listens on the loopback interface."""


@pytest.fixture(scope="module")
def environments(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Makes an environment with a version of W&B; what was downloaded is kept for the next."""
    root = tmp_path_factory.mktemp("environments")
    uv = Path(sys.executable).with_name("uv")

    def interpreter(version: str) -> Path:
        folder = root / version
        variables = {**os.environ, "UV_CACHE_DIR": str(root / "cache")}
        packages = [f"wandb=={version}", *VERSIONS[version], "pillow", "pandas<3"]
        python = folder / "bin" / "python"
        for command in (
            [uv, "venv", "--quiet", "--python", "3.11", folder],
            [uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", python, *packages],
        ):
            subprocess.run(command, env=variables, check=True)
        return python

    return interpreter


def without_network(python: Path, folder: Path, *, loopback: bool) -> Path:
    """An interpreter whose processes have no network, where this machine lets us take it away."""
    if subprocess.run(["unshare", "-n", "true"], capture_output=True).returncode != 0:
        return python
    up = "ip link set lo up; " if loopback else ""
    wrapper = folder / "python"
    wrapper.write_text(f"""#!/bin/sh\nexec unshare -n sh -c '{up}exec "$@"' sh {python} "$@"\n""")
    wrapper.chmod(0o755)
    return wrapper


@pytest.mark.parametrize("version", VERSIONS)
def test_the_scripts_run_with_older_versions(
    version: str, environments: Any, wandb_project: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("WANDB_MODE")
    python = without_network(environments(version), tmp_path, loopback=version.startswith(NEEDS_LOOPBACK))
    run_and_check(wandb_project, python)
    assert wandb_project.last("use").facts["wandb"]["version"] == version


def test_the_scripts_run_with_the_installed_version_and_no_network(
    wandb_project: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("WANDB_MODE")
    run_and_check(wandb_project, without_network(Path(sys.executable), tmp_path, loopback=False))


def run_and_check(project: Any, python: Path) -> None:
    project.shipped("log")
    project.shipped("use", after=("log",))
    project.run(python)
    project.check_uses(project.printed("use"))
    assert [decision for decision, _ in project.plan().values()] == ["REUSE", "REUSE"]

"""What is known of common distributions without installing them: their modules, what they bring, conda's names.

Beside `read/distribution_names.py`, which has those whose import name differs from their own.
"""

from __future__ import annotations

import functools
import importlib.metadata
from pathlib import Path
from typing import Final

from packaging.utils import canonicalize_name

from artifactflow.contract import Environment, EnvironmentKind
from artifactflow.environments.current import package_closure
from artifactflow.read.conda import PIP_NAMES
from artifactflow.read.distribution_names import DISTRIBUTION_NAMES
from artifactflow.read.imports import distributions_of, is_standard_library

_CALLED_AS_IMPORTED_WORDS: Final = """
absl-py aiohttp altair bokeh boto3 botocore catboost click dash dask datasets deepchecks dvc evidently fastai
fastapi flask flaml gdown gensim geopandas gradio gymnasium h5py httpx huggingface-hub hyperopt ipython jax joblib
jsonschema keras langchain lightgbm lightning marshmallow matplotlib mlflow mlxtend networkx nltk numba numpy
omegaconf onnx openai optuna pandas pandera plotly polars prefect prophet pycaret pydantic pymongo pytest requests
rich ruff scipy seaborn sentencepiece shap sktime spacy sqlalchemy statsmodels streamlit sympy tensorboard tiktoken
torch torchaudio torchmetrics torchvision tqdm transformers typer ujson wandb xarray yellowbrick
"""
_CALLED_AS_IMPORTED: Final = frozenset(_CALLED_AS_IMPORTED_WORDS.split())
"""Distributions whose module is called as they are (`-` as `_`), so that they are known without being installed."""

_DISTRIBUTIONS: Final = {name.replace("-", "_"): name for name in _CALLED_AS_IMPORTED - {"absl-py", "ipython"}} | {
    "absl": "absl-py",
    "IPython": "ipython",
}

BRINGS: Final = {
    "boto3": ("botocore", "jmespath", "python-dateutil", "s3transfer", "urllib3"),
    "catboost": ("graphviz", "matplotlib", "numpy", "pandas", "plotly", "scipy", "six"),
    "evidently": ("numpy", "pandas", "plotly", "pyyaml", "requests", "scikit-learn", "scipy", "statsmodels"),
    "geopandas": ("numpy", "packaging", "pandas", "pyproj", "shapely"),
    "hydra-core": ("antlr4-python3-runtime", "omegaconf", "packaging", "pyyaml"),
    "imbalanced-learn": ("joblib", "numpy", "scikit-learn", "scipy", "threadpoolctl"),
    "keras": ("absl-py", "h5py", "numpy", "packaging", "rich"),
    "lightgbm": ("numpy", "scipy"),
    "matplotlib": ("cycler", "numpy", "packaging", "pillow", "python-dateutil"),
    "mlflow": (
        "alembic", "click", "docker", "flask", "gitpython", "graphene", "matplotlib", "numpy", "packaging", "pandas",
        "pyarrow", "pydantic", "pyyaml", "requests", "scikit-learn", "scipy", "sqlalchemy",
    ),
    "mlflow-skinny": ("click", "gitpython", "packaging", "pydantic", "pyyaml", "requests"),
    "omegaconf": ("antlr4-python3-runtime", "pyyaml"),
    "numpy": (),
    "optuna": ("alembic", "numpy", "packaging", "pyyaml", "sqlalchemy", "tqdm"),
    "pandas": ("numpy", "python-dateutil", "pytz", "tzdata"),
    "pip": (),
    "plotly": ("narwhals", "packaging", "tenacity"),
    "python-dotenv": (),
    "pyyaml": (),
    "requests": ("certifi", "charset-normalizer", "idna", "urllib3"),
    "scikit-learn": ("joblib", "numpy", "scipy", "threadpoolctl"),
    "scipy": ("numpy",),
    "seaborn": ("matplotlib", "numpy", "pandas"),
    "setuptools": (),
    "shap": ("numba", "numpy", "pandas", "scikit-learn", "scipy", "tqdm"),
    "statsmodels": ("numpy", "packaging", "pandas", "patsy", "scipy"),
    "tensorflow": ("absl-py", "h5py", "keras", "numpy", "packaging", "protobuf", "requests", "six", "tensorboard"),
    "torch": ("filelock", "fsspec", "jinja2", "networkx", "sympy", "typing-extensions"),
    "torchvision": ("numpy", "pillow", "torch"),
    "transformers": ("huggingface-hub", "numpy", "packaging", "pyyaml", "requests", "safetensors", "tqdm"),
    "tqdm": (),
    "wandb": ("click", "gitpython", "packaging", "platformdirs", "protobuf", "pydantic", "pyyaml", "requests"),
    "wheel": ("packaging",),
    "xgboost": ("numpy", "scipy"),
}  # fmt: skip
"""What installing a distribution installs too, by the requirements of its releases of the last years."""

_SAME_MODULES: Final = PIP_NAMES | {
    "fbprophet": "prophet",
    "scikit-learn-intelex": "scikit-learn",
    "sklearn": "scikit-learn",
    "tensorflow-gpu": "tensorflow",
}
"""Packages that provide what pip knows by another name: conda's names, and deprecated ones."""

_NAMESPACES: Final = frozenset({"azure", "azureml", "backports", "google", "opentelemetry", "sphinxcontrib", "zope"})
"""Modules that many distributions share: the module's name does not tell which one is meant."""

COLLECTIONS: Final = frozenset({"anaconda", "jupyter", "jupyterlab", "notebook", "pycaret", "conda", "autogluon"})
"""Packages that bring so much that nobody can say what is missing beside them."""

_NOT_IMPORTED_WORDS: Final = """
artifactflow black build cloudpickle coverage cython fastparquet flake8 gunicorn h5py hydra-colorlog hydra-core
hydra-joblib-launcher hydra-optuna-sweeper hydra-submitit-launcher ipykernel ipython isort jinja2 jupyter kaleido plotly
lxml matplotlib mlflow mypy ninja numexpr openpyxl pandas-stubs pip pre-commit protobuf psutil psycopg2-binary
pyarrow pylint pymysql pytest pytest-cov pytest-xdist python-multipart pyyaml ruff scipy sentencepiece setuptools
sqlalchemy tables tabulate tensorboard tqdm uv uvicorn virtualenv wheel xlrd xlsxwriter zstandard
"""
NOT_IMPORTED: Final = frozenset(_NOT_IMPORTED_WORDS.split())
"""Distributions that do their work without an import in the script: engines, plug-ins, servers, tools, pins."""


def pip_names(declared: str) -> frozenset[str]:
    """The names under which a declared package counts.

    >>> sorted(pip_names("pytorch"))
    ['pytorch', 'torch']
    """
    return frozenset({declared, _SAME_MODULES.get(declared, declared)})


@functools.cache
def providers(module: str) -> tuple[str, ...]:
    """The normalised names of the distributions known to provide a module, the usual one first; empty for none known.

    >>> providers("PIL"), providers("lightgbm"), providers("my_own_helpers")
    (('pillow', 'pillow-simd'), ('lightgbm',), ())
    """
    if is_standard_library(module) or module in _NAMESPACES:
        return ()
    if module not in DISTRIBUTION_NAMES and module in _DISTRIBUTIONS:
        return (_DISTRIBUTIONS[module],)
    return tuple(dict.fromkeys(canonicalize_name(name) for name in distributions_of(module)))


def modules_of(distribution: str) -> frozenset[str]:
    """The modules that a distribution is known to provide, by its normalised name; empty where none is known.

    >>> sorted(modules_of("scikit-learn")), sorted(modules_of("somebodys-package"))
    (['sklearn'], [])
    """
    return _modules_by_distribution().get(distribution, frozenset())


@functools.cache
def _modules_by_distribution() -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for module, names in ({module: (name,) for module, name in _DISTRIBUTIONS.items()} | DISTRIBUTION_NAMES).items():
        for name in map(canonicalize_name, names):
            found[name] = found.get(name, frozenset()) | {module}
    return found


@functools.cache
def brought_by(distribution: str) -> frozenset[str] | None:
    """What installing a distribution installs too, by its metadata where it is installed here, else by what is known.

    None where neither tells.

    >>> "numpy" in (brought_by("pandas") or ()), brought_by("somebodys-package")
    (True, None)
    """
    if _is_installed(distribution):
        own = Environment(EnvironmentKind.REQUIREMENTS, Path(), requirements=(distribution,))
        return frozenset(package_closure(own)) - {"python", "platform"} | _by_table(distribution)
    return _by_table(distribution) if distribution in BRINGS else None


def _by_table(distribution: str) -> frozenset[str]:
    found: set[str] = set()
    waiting = [distribution]
    while waiting:
        new = set(BRINGS.get(waiting.pop(), ())) - found
        found |= new
        waiting += new
    return frozenset(found)


def _is_installed(distribution: str) -> bool:
    try:
        importlib.metadata.distribution(distribution)
    except (importlib.metadata.PackageNotFoundError, ValueError):
        return False
    return True

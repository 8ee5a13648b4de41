"""Data that ships inside installed packages."""

import subprocess
import sys

import pytest

from artifactflow.errors import MissingToolError, NotFoundError, UsageError
from artifactflow.fetch.packages import package_file


def test_the_file_is_found_without_importing_the_package():
    code = (
        "import sys; from artifactflow.fetch.packages import package_file;"
        "print(package_file('pkg:sklearn.datasets.data/iris.csv').read_text()[:5], 'sklearn' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["150,4", "False"]


def test_a_missing_file_offers_its_neighbour():
    with pytest.raises(NotFoundError) as caught:
        package_file("pkg:sklearn.datasets.data/irs.csv")
    assert caught.value.hint.startswith("did you mean iris.csv")


def test_a_missing_package_is_named_with_its_mend():
    with pytest.raises(MissingToolError) as caught:
        package_file("pkg:no_such_package.data/a.csv")
    assert "pip install no_such_package" in caught.value.hint


@pytest.mark.parametrize(
    "address", ["pkg:", "pkg:sklearn", "pkg:sklearn/", "pkg:/etc/passwd", "pkg:sklearn/../x", "pkg:sklearn//etc/passwd"]
)
def test_what_does_not_stay_in_the_package_is_refused(address):
    with pytest.raises(UsageError):
        package_file(address)


@pytest.mark.parametrize("address", ["pkg:sys/a.csv", "pkg:json.tool.x/a"])
def test_a_module_that_is_no_folder_holds_no_file(address):
    with pytest.raises((MissingToolError, NotFoundError)):
        package_file(address)

"""Requirements files as people write them: every line is read, a broken one says what is wrong and where."""

from __future__ import annotations

from pathlib import Path

import pytest

from artifactflow.errors import ContractError, NotFoundError, OutsideError, Place
from artifactflow.read.requirement import EntryRole
from artifactflow.read.requirements import read_requirements


def written(folder: Path, text: str, name: str = "requirements.txt") -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def test_a_file_in_the_wild_style_is_read_line_by_line(tmp_path):
    file = written(
        tmp_path,
        "# what we need\n"
        "--index-url https://pypi.org/simple\n"
        "\n"
        "pandas>=2.2,<3   # tables\n"
        "  Scikit_Learn==1.5.0 ; python_version >= '3.9'\n"
        "mlflow[extras,gateway] == 2.8.1 \\\n"
        "    --hash=sha256:abc \\\n"
        "    --hash=sha256:def\n"
        "request\n",
    )
    entries = read_requirements(file)
    assert [(entry.text, entry.name, entry.specifier, entry.pinned) for entry in entries] == [
        ("--index-url https://pypi.org/simple", "", "", False),
        ("pandas>=2.2,<3", "pandas", "<3,>=2.2", False),
        ("Scikit_Learn==1.5.0 ; python_version >= '3.9'", "scikit-learn", "==1.5.0", True),
        ("mlflow[extras,gateway] == 2.8.1", "mlflow", "==2.8.1", True),
        ("request", "request", "", False),
    ]
    assert [str(entry.place).removeprefix(str(file)) for entry in entries] == [":2:1", ":4:1", ":5:3", ":6:1", ":9:1"]
    assert entries[0].role is EntryRole.OPTION
    assert entries[2].marker == 'python_version >= "3.9"'
    assert entries[3].extras == ("extras", "gateway")
    assert [entry.problem for entry in entries] == [None] * 5


@pytest.mark.parametrize(
    ("line", "name", "problem"),
    [
        ("wandb=0.21.3", "wandb", "'=' in a pip line, pip says wandb==0.21.3"),
        ("Py_YAML = 6.0", "py-yaml", "'=' in a pip line, pip says Py_YAML==6.0"),
        ("pandas==", "pandas", "not a requirement"),
        ("pandas numpy", "pandas", "not a requirement"),
        ("==1.0", "", "not a requirement"),
        ("pandas ; os_name ~= 'posix'", "pandas", "not a requirement"),
        ("https://[host/tool.zip", "https", "not a requirement"),
        ("tool @ https://[host/tool.zip", "tool", "not a requirement"),
        ("tool @ ../a b", "tool", "not a requirement"),
        (f"./{'x' * 5000}", "", "there is no file or folder"),
        (f"-r {'x' * 5000}", "", "there is no file"),
        (f"pandas ; {'(' * 5000}", "pandas", "not a requirement"),
        ("-r missing.txt", "", "there is no file missing.txt"),
        ("-c missing.txt", "", "there is no file missing.txt"),
        ("-r https://host/requirements.txt", "", "requirements behind an address are not read"),
        ("./missing", "", "there is no file or folder ./missing"),
        ("-e missing/package", "", "there is no file or folder missing/package"),
    ],
)
def test_a_broken_line_is_an_entry_with_its_problem(tmp_path, line, name, problem):
    (entry,) = read_requirements(written(tmp_path, f"\n{line}\n"))
    assert entry.name == name
    assert entry.problem is not None
    assert entry.problem.startswith(problem)
    assert entry.place.line == 2
    assert not entry.pinned


@pytest.mark.parametrize(
    ("line", "name", "pinned"),
    [
        ("torch @ https://host/torch-2.1.0%2Bcpu-cp311-cp311-linux_x86_64.whl", "torch", True),
        ("https://host/path/my_tool-1.0-py3-none-any.whl", "my-tool", True),
        ("https://host/My.Tool-1.0.tar.gz#sha256=00", "my-tool", True),
        ("git+https://github.com/org/repository.git@main#egg=My_Tool", "my-tool", False),
        (f"git+ssh://git@github.com/org/repository.git@{'a' * 40}#egg=tool&subdirectory=x", "tool", True),
        ("tool @ git+https://github.com/org/repository.git@v1", "tool", False),
        ("git+https://github.com/org/repository.git", "", False),
        ("-e git+https://github.com/org/repository.git#egg=tool", "tool", False),
    ],
)
def test_an_address_gives_its_name_where_it_tells_one(tmp_path, line, name, pinned):
    (entry,) = read_requirements(written(tmp_path, line))
    assert (entry.text, entry.name, entry.pinned, entry.problem) == (line, name, pinned, None)
    assert entry.address


def test_a_local_project_is_called_as_its_pyproject_says(tmp_path):
    written(tmp_path, '[project]\nname = "My_Tool"\n', "lib/pyproject.toml")
    entries = read_requirements(written(tmp_path, "-e ./lib[fast, small]\n./lib\n-e file:lib\n"))
    assert [(entry.name, entry.problem) for entry in entries] == [("my-tool", None)] * 3
    assert entries[0].extras == ("fast", "small")


def test_a_local_wheel_is_called_as_its_file_says(tmp_path):
    written(tmp_path, "", "wheels/tool-1.0-py3-none-any.whl")
    (entry,) = read_requirements(written(tmp_path, "wheels/tool-1.0-py3-none-any.whl"))
    assert (entry.name, entry.problem) == ("tool", None)


@pytest.mark.parametrize("include", ["-r base.txt", "--requirement base.txt", "--requirement=base.txt", "-rbase.txt"])
def test_included_files_are_relative_to_the_file_that_names_them(tmp_path, include):
    written(tmp_path, "numpy\n-r more/other.txt\n", "deep/base.txt")
    written(tmp_path, "\nscipy\n", "deep/more/other.txt")
    entries = read_requirements(written(tmp_path, f"{include}\npandas\n", "deep/requirements.txt"))
    assert [entry.name for entry in entries] == ["numpy", "scipy", "pandas"]
    assert entries[1].place == Place(str(tmp_path / "deep/more/other.txt"), 2, 1)


def test_constraints_are_told_apart(tmp_path):
    written(tmp_path, "numpy==1.26.4\n", "constraints.txt")
    entries = read_requirements(written(tmp_path, "numpy\n-c constraints.txt\n"))
    assert [(entry.text, entry.role) for entry in entries] == [
        ("numpy", EntryRole.PIP),
        ("numpy==1.26.4", EntryRole.CONSTRAINT),
    ]


def test_files_that_include_each_other_are_read_once(tmp_path):
    written(tmp_path, "a\n-r two.txt\n", "one.txt")
    written(tmp_path, "b\n-r ./one.txt\n-r two.txt\n", "two.txt")
    assert [entry.name for entry in read_requirements(tmp_path / "one.txt")] == ["a", "b"]


def test_a_comment_is_not_continued_by_a_backslash(tmp_path):
    entries = read_requirements(written(tmp_path, "# comment \\\npandas\nnumpy # why \\\nscipy \\\n"))
    assert [entry.name for entry in entries] == ["pandas", "numpy", "scipy"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_byte_order_marks_are_understood(tmp_path, encoding):
    file = tmp_path / "requirements.txt"
    file.write_bytes("pandas==2.2.0\r\nnumpy\r\n".encode(encoding))
    assert [entry.name for entry in read_requirements(file)] == ["pandas", "numpy"]


def test_what_is_no_text_is_refused_with_its_line(tmp_path):
    file = tmp_path / "requirements.txt"
    file.write_bytes(b"pandas\n\xff\xfe\xff")
    with pytest.raises(ContractError, match=r"not UTF-8 \(.*requirements.txt:2\)"):
        read_requirements(file)


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    with pytest.raises(NotFoundError, match="there is no file"):
        read_requirements(tmp_path / "absent.txt")
    with pytest.raises(OutsideError, match="cannot be read"):
        read_requirements(tmp_path)

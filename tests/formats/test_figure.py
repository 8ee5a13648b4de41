import pytest
from matplotlib.figure import Figure

from artifactflow.errors import ContractError, StepFailedError
from artifactflow.formats import figure


def drawn():
    made = Figure()
    made.subplots().plot([1, 3, 2], label="line")
    return made


@pytest.mark.parametrize(("ending", "magic"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_the_ending_chooses_the_picture_and_its_bytes_are_stable(tmp_path, ending, magic):
    contents = []
    for name in ("a", "b"):
        figure.write(drawn(), tmp_path / f"{name}.{ending}")
        contents.append((tmp_path / f"{name}.{ending}").read_bytes())
    assert contents[0].startswith(magic)
    assert contents[0] == contents[1]


def test_a_picture_is_never_read_back(tmp_path):
    with pytest.raises(ContractError, match="no figure can be read back"):
        figure.read(tmp_path / "a.png")


def test_other_endings_and_other_objects_are_refused(tmp_path):
    with pytest.raises(ContractError, match=r"\.png, \.svg, \.pdf"):
        figure.write(drawn(), tmp_path / "a.gif")
    with pytest.raises(StepFailedError, match="gave a dict"):
        figure.write({}, tmp_path / "a.png")

"""`artifactflow artifacts lineage --format`: the same lineage in every form."""

import json
import re

import pytest

from artifactflow.cli.lineage_formats import dot, mermaid
from artifactflow.lineage import LineageNode
from artifactflow.runs import Run

HOSTILE = 'train[x="a\\"];<script>\n%%{init}%%#quot;'


@pytest.fixture
def lineage(cli, words):
    cli("run-pipeline", words, "-q")
    return lambda name, *arguments: cli("artifacts", "lineage", name, *arguments, "--store", words)


def test_mermaid_has_the_versions_the_runs_and_what_leads_where(lineage):
    lines = lineage("loud", "--format", "mermaid").out.splitlines()
    assert lines[0] == "flowchart LR"
    names = dict(re.findall(r'^  (\w+)\(?\["(.*?)"\]\)?$', "\n".join(lines), flags=re.MULTILINE))
    arrows = [tuple(names[key] for key in line.split(" --> ")) for line in map(str.strip, lines) if " --> " in line]
    assert set(arrows) == {("make", "made:v1"), ("made:v1", "shout"), ("shout", "loud:v1")}


def test_dot_has_the_same(lineage):
    out = lineage("made", "--format", "dot").out
    names = dict(re.findall(r'^  (\w+) \[label="(.*?)"', out, flags=re.MULTILINE))
    arrows = {(names[one], names[other]) for one, other in re.findall(r"^  (\w+) -> (\w+);", out, flags=re.MULTILINE)}
    assert arrows == {("make", "made:v1"), ("made:v1", "shout"), ("shout", "loud:v1")}
    assert out.startswith("digraph lineage {\n")
    assert out.endswith("}\n")


def test_format_json_is_the_option_json(lineage):
    assert lineage("loud", "--format", "json").out == lineage("loud", "--json").out


def test_an_unknown_format_is_refused(lineage, cli):
    assert (
        "--format takes text, json, mermaid or dot, got 'svg'"
        in cli("artifacts", "lineage", "loud", "--format", "svg", code=2).err
    )


def test_names_stay_texts_in_mermaid():
    written = mermaid(LineageNode(HOSTILE, "run", HOSTILE), [])
    (shown,) = set(re.findall(r'"(.*)"', written))
    assert not set('"<>[]%{}\\') & set(shown)
    assert "".join(chr(int(number)) for number in re.findall(r"#(\d+);", shown)) == re.sub(r"[\w =.:-]", "", HOSTILE)


def test_names_stay_texts_in_dot():
    written = dot(LineageNode(HOSTILE, "run", HOSTILE), [])
    for label in re.findall(r'label=("(?:\\.|[^"\\])*"),', written):
        assert json.loads(label) == HOSTILE
    assert written.count("label=") == 2


def test_a_version_that_was_used_twice_stands_there_once():
    source = LineageNode("raw:v1", None, None)
    root = LineageNode("both:v1", "r1", "join", (source, LineageNode("clean:v1", "r2", "clean", (source,))))
    user = Run("r3", "train", "train", outputs={"model": "model:v1"})
    written = mermaid(root, [(user, user.outputs)])
    assert written.count("raw:v1") == 1
    assert len(re.findall(" --> ", written)) == 7
    assert "stroke-width" in written.splitlines()[-1]


def test_a_version_that_was_removed_is_said_to_be():
    root = LineageNode("model:v1", "r", "train", (LineageNode("raw:v1", None, None, removed=True),))
    assert 'label="raw:v1 (removed)"' in dot(root, [])
    assert "raw:v1 #40;removed#41;" in mermaid(root, [])


def test_a_file_outside_the_store_is_named_by_its_digest():
    written = dot(LineageNode("a:v1", "r", "s", (LineageNode("sha256:" + "ab" * 32, None, None),)), [])
    assert 'label="file abababababab"' in written


def test_the_cell_of_a_matrix_keeps_its_brackets_as_text(cli, words):
    pipeline = (words / "pipeline.yaml").read_text()
    (words / "pipeline.yaml").write_text(
        pipeline.replace('{word: "${word}"}}', '{word: "${word}"}, matrix: {count: [1, 2]}}').split("  shout:")[0]
    )
    cli("run-pipeline", words, "-q")
    assert "made by make[count=2]" in cli("artifacts", "lineage", "made", "--store", words).out

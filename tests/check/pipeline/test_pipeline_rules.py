"""What is wrong with a pipeline, found without running or planning it."""

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from artifactflow.check import Finding, Settings, Severity, check_paths
from artifactflow.errors import ArtifactflowError
from artifactflow.pipeline import Given
from artifactflow.read.component import load_component
from artifactflow.read.pipeline import read_pipeline
from artifactflow.runner.binding.bind import bind

LOAD = """\
name: load
entry_points:
  main:
    parameters:
      rows:  {type: int, default: 10, minimum: 1, maximum: 1000}
      label: {type: str, default: table}
      table: {type: str, default: table.csv}
    outputs:
      table: {name: "{label}", type: raw_data, path: table.csv}
    command: python main.py --rows={rows} --label={label} --table={table}
"""
CLEAN = """\
name: clean
entry_points:
  main:
    parameters:
      raw:    {type: path, artifact: raw_data}
      method: {type: str, default: mean, choices: [mean, median]}
      share:  {type: float}
      clean:  {type: str, default: clean.csv}
    outputs:
      clean: {name: clean-table, type: clean_data, path: clean.csv}
    command: python main.py --raw={raw} --method={method} --share={share} --clean={clean}
  report:
    parameters:
      raw: {type: path, artifact: true}
      other: {type: path, artifact: true, default: ""}
    command: python report.py --raw={raw} --other={other}
"""
COMPONENTS = {"load/MLproject": LOAD, "clean/MLproject": CLEAN, "load/main.py": "", "clean/main.py": ""}
GOOD = """\
name: housing
parameters:
  rows: {type: int, default: 20, minimum: 1}
steps:
  load:
    component: load
    with: {rows: "${rows}"}
  clean:
    component: clean
    with:
      raw: ${load.table}
      share: 0.5
"""


@pytest.fixture
def pipeline(check: Callable[..., list[Finding]]) -> Callable[..., list[Finding]]:
    """What is found in this pipeline file beside the two components."""

    def find(text: str, files: dict[str, str] | None = None) -> list[Finding]:
        return check({**COMPONENTS, "pipeline.yaml": dedent(text), **(files or {})})

    return find


def only(found: list[Finding]) -> Finding:
    (finding,) = found
    return finding


def test_a_pipeline_that_is_right_has_no_finding(pipeline) -> None:
    assert pipeline(GOOD) == []


def test_a_pipeline_may_be_as_large_as_the_runner_reads(pipeline) -> None:
    choices = f"{{type: int, default: 20, choices: [{', '.join(map(str, range(41_000)))}]}}"
    assert pipeline(GOOD.replace("{type: int, default: 20, minimum: 1}", choices)) == []


def test_the_examples_have_no_finding_of_error_or_warning() -> None:
    examples = Path(__file__).parents[3] / "examples"
    report = check_paths([examples / "iris", examples / "housing"], Settings(select=("E4", "L5", "O6", "T7")))
    assert report.pipelines == 2
    assert [finding for finding in report.findings if finding.rule.severity is not Severity.INFO] == []


def test_a_component_that_is_not_there_is_found_with_what_may_be_meant(pipeline, said) -> None:
    found = pipeline(GOOD.replace("component: clean", "component: claen"))
    assert said(found) == ["L501 pipeline.yaml:9:16"]
    assert "there is no component 'claen'" in found[0].message
    assert found[0].hint == "did you mean clean?"


def test_a_built_in_step_that_does_not_exist_is_found(pipeline, said) -> None:
    found = pipeline("steps:\n  get:\n    component: artifactflow:dowload\n")
    assert said(found) == ["L501 pipeline.yaml:3:16"]
    assert found[0].hint == "did you mean download?"


def test_a_component_whose_manifest_is_broken_is_said_once_and_there(pipeline) -> None:
    found = pipeline(GOOD, {"clean/MLproject": "entry_points:\n  main: {parameters: {a: int}}\n"})
    assert found == []  # M001 says it, at the manifest


def test_a_component_outside_the_checked_paths_that_is_broken_is_said_at_the_step(write, said) -> None:
    folder = write({**COMPONENTS, "project/pipeline.yaml": GOOD.replace(": clean\n", ": ../clean\n")})
    (folder / "clean" / "MLproject").write_text("entry_points:\n  main: {parameters: {a: int}}\n")
    (folder / "load").rename(folder / "project" / "load")
    found = check_paths([folder / "project"], Settings(select=("L5",))).findings
    assert said(found) == ["L501 project/pipeline.yaml:9:16"]


def test_an_entry_point_that_the_component_does_not_have_is_found(pipeline, said) -> None:
    found = pipeline(GOOD.replace("    component: clean\n", "    component: clean\n    entry_point: reprot\n"))
    assert said(found) == ["L502 pipeline.yaml:10:18"]
    assert found[0].hint == "did you mean report?"


def test_a_name_that_the_component_does_not_take_is_found_at_the_name(pipeline, said) -> None:
    found = pipeline(GOOD.replace("      share: 0.5\n", "      share: 0.5\n      metod: mean\n"))
    assert said(found) == ["L503 pipeline.yaml:13:7"]
    assert found[0].message == "step clean sets 'metod', which clean does not take"
    assert (found[0].hint, found[0].length) == ("did you mean method?", 5)


def test_a_required_parameter_and_input_that_nothing_gives_are_found(pipeline, said) -> None:
    found = pipeline("steps:\n  clean: {component: clean}\n")
    assert said(found) == ["L504 pipeline.yaml:2:3", "L504 pipeline.yaml:2:3"]
    assert {finding.message for finding in found} == {
        "step clean needs the input raw",
        "step clean needs the parameter share, it takes a number",
    }


def test_the_config_gives_what_a_step_leaves_open(pipeline) -> None:
    text = GOOD.replace("      share: 0.5\n", "").replace("name: housing\n", "name: housing\nconfig: config.yaml\n")
    assert pipeline(text, {"config.yaml": "rows: 30\nclean:\n  share: 0.1\n"}) == []


def test_an_input_that_may_be_absent_is_not_missed(pipeline) -> None:
    text = GOOD + '  report: {component: clean, entry_point: report, with: {raw: "${clean.clean}"}}\n'
    assert pipeline(text) == []


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("share: 0.5", "share: half", "step clean: share takes a number, got 'half'"),
        (
            'rows: "${rows}"',
            "rows: 5000, label: '${rows}'",
            "step load: rows takes a whole number from 1 to 1000, got 5000",
        ),
        ("share: 0.5", "share: 0.5\n      method: mode", "step clean: method takes one of mean, median, got mode"),
    ],
)
def test_a_value_that_the_component_refuses_is_found(pipeline, old: str, new: str, message: str) -> None:
    found = only(pipeline(GOOD.replace(old, new)))
    assert (found.code, found.message) == ("L505", message)


def test_the_default_of_a_pipeline_parameter_must_suit_the_component(pipeline, said) -> None:
    found = pipeline(GOOD.replace("default: 20", "default: 2000"))
    assert said(found) == ["L505 pipeline.yaml:7:18"]
    assert found[0].message == (
        "step load: rows takes a whole number from 1 to 1000, got 2000; "
        "that is what ${rows} gives where the caller says nothing"
    )


def test_a_default_that_the_config_replaces_does_no_harm(pipeline) -> None:
    text = GOOD.replace("default: 20", "default: 2000").replace("name: housing\n", "config: config.yaml\n")
    assert pipeline(text, {"config.yaml": "rows: 7\n"}) == []


def test_a_parameter_that_only_the_caller_gives_is_not_judged(pipeline) -> None:
    assert pipeline(GOOD.replace("default: 20, ", "")) == []


@pytest.mark.parametrize(
    ("old", "new", "hint"),
    [
        ("${rows}", "${row}", "did you mean rows?"),
        ("${load.table}", "${laod.table}", "did you mean load?"),
        ("${load.table}", "${load.tabel}", "did you mean table?"),
        ("${load.table}", "${load.housing}", "its outputs are table"),
    ],
)
def test_a_reference_to_nothing_is_found(pipeline, old: str, new: str, hint: str) -> None:
    found = [finding for finding in pipeline(GOOD.replace(old, new)) if finding.code != "L511"]
    assert (only(found).code, only(found).hint) == ("L506", hint)


def test_an_artifact_for_a_parameter_is_found(pipeline, said) -> None:
    found = pipeline(GOOD.replace("share: 0.5", "share: ${load.table}"))
    assert said(found) == ["L507 pipeline.yaml:12:14"]


def test_an_artifact_of_another_type_is_a_warning(pipeline) -> None:
    text = GOOD + '  again: {component: clean, entry_point: main, with: {raw: "${clean.clean}", share: 1}}\n'
    differing = next(finding for finding in pipeline(text) if finding.code == "L508")
    assert differing.rule.severity is Severity.WARNING
    assert differing.message == (
        "step again: raw expects an artifact of type raw_data, ${clean.clean} is of type clean_data"
    )


@pytest.mark.parametrize(
    ("path", "words"),
    [("nowhere.csv", "there is no "), ("~nobody-here/x.csv", "no such user"), ("file://host/x.csv", "another machine")],
)
def test_an_input_whose_file_is_not_there_is_found(pipeline, path: str, words: str) -> None:
    found = [finding for finding in pipeline(GOOD.replace("${load.table}", path)) if finding.code == "L515"]
    assert words in only(found).message


def test_two_steps_that_produce_one_name_are_found(pipeline, said) -> None:
    text = GOOD + "  more: {component: load}\n"
    found = pipeline(text)
    assert said(found) == ["L509 pipeline.yaml:13:3"]
    assert found[0].message == "the steps load and more both produce an artifact called 'table'"
    assert found[0].hint == "give label another value in one of them"
    assert pipeline(GOOD + "  more: {component: load, with: {label: other}}\n") == []


def test_names_that_only_the_caller_decides_are_not_compared(pipeline) -> None:
    text = GOOD.replace("  rows: {type", "  label: {type: str}\n  rows: {type")
    assert pipeline(text + '  more: {component: load, with: {label: "${label}"}}\n') == []


def test_a_name_that_no_artifact_can_have_is_found(pipeline, said) -> None:
    found = pipeline(GOOD.replace('{rows: "${rows}"}', '{rows: "${rows}", label: "a b"}'))
    assert said(found) == ["L516 pipeline.yaml:7:36"]
    assert "'a b' cannot be an artifact name" in found[0].message


def test_a_circle_is_found(pipeline, said) -> None:
    text = """\
        steps:
          one: {component: clean, with: {raw: "${two.clean}", share: 1}}
          two: {component: clean, with: {raw: "${one.clean}", share: 1}}
    """
    found = [finding for finding in pipeline(text) if finding.code == "L510"]
    assert said(found) == ["L510 pipeline.yaml:2:3"]
    assert found[0].message == "the steps take from each other in a circle: one → two → one"


def test_a_parameter_that_no_step_uses_is_a_warning(pipeline, said) -> None:
    found = pipeline(GOOD.replace("steps:", "  seed: 7\nsteps:"))
    assert said(found) == ["L511 pipeline.yaml:4:3"]
    assert found[0].rule.severity is Severity.WARNING


def test_a_config_key_that_nothing_takes_is_found_in_the_config(pipeline, said) -> None:
    text = GOOD.replace("name: housing\n", "name: housing\nconfig: config.yaml\n")
    found = pipeline(text, {"config.yaml": "rows: 30\nraws: 3\nclean:\n  share: 1\n  method: mean\n"})
    assert said(found) == ["L512 config.yaml:2:7", "L512 config.yaml:4:10"]
    assert [finding.hint for finding in found] == ["did you mean rows?", "the step sets it itself under with:"]


def test_a_config_value_that_the_parameter_refuses_is_found_in_the_config(pipeline, said) -> None:
    text = GOOD.replace("name: housing\n", "name: housing\nconfig: config.yaml\n")
    found = pipeline(text, {"config.yaml": "rows: many\nclean:\n  method: mode\n"})
    assert said(found) == ["L513 config.yaml:1:7", "L513 config.yaml:3:11"]


def test_what_an_unreadable_component_may_take_is_no_unknown_key(pipeline) -> None:
    text = GOOD.replace("name: housing\n", "name: housing\nconfig: config.yaml\n")
    broken = {"clean/MLproject": "entry_points: [", "config.yaml": "clean:\n  whatever: 1\n"}
    assert pipeline(text, broken) == []


def test_a_secret_in_the_file_is_an_error(pipeline, said) -> None:
    text = GOOD.replace("  rows:", "  api_key: {type: str, default: 1f2e3d4c}\n  rows:").replace(
        'rows: "${rows}"', 'rows: "${rows}", label: "${api_key}"'
    )
    found = pipeline(text)
    assert said(found) == ["L514 pipeline.yaml:3:33"]
    assert found[0].masked
    assert "1f2e3d4c" not in found[0].message
    assert found[0].hint.endswith("ARTIFACTFLOW_P_API_KEY")
    assert pipeline(text.replace(", default: 1f2e3d4c", ", secret: true")) == []
    assert pipeline(text.replace("api_key", "pad_token")) == []
    in_config = text.replace(", default: 1f2e3d4c", "").replace("name: housing\n", "config: config.yaml\n")
    assert said(pipeline(in_config, {"config.yaml": "api_key: 1f2e3d4c\n"})) == ["L514 config.yaml:1:10"]


def test_an_input_file_that_does_not_exist_is_a_warning(pipeline, said) -> None:
    text = GOOD.replace("${load.table}", "data/raw.csv")
    found = pipeline(text)
    assert said(found) == ["L515 pipeline.yaml:11:12"]
    assert found[0].rule.severity is Severity.WARNING
    assert pipeline(text, {"data/raw.csv": ""}) == []
    assert pipeline(GOOD.replace("${load.table}", "artifactflow:/table/latest")) == []


def test_a_pipeline_that_cannot_be_read_is_left_to_the_rule_that_says_so(pipeline) -> None:
    assert pipeline(GOOD.replace("component: clean", "compnent: clean")) == []


# What `check` calls an error is what planning refuses, and nothing else


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("component: clean", "component: claen"),
        ("component: clean", "component: clean\n    entry_point: reprot"),
        ("share: 0.5", "share: 0.5\n      metod: mean"),
        ("share: 0.5", "method: mean"),
        ("raw: ${load.table}", "method: mean"),
        ("share: 0.5", "share: half"),
        ("default: 20", "default: 2000"),
        ("${rows}", "${row}"),
        ("${load.table}", "${laod.table}"),
        ("${load.table}", "${load.tabel}"),
        ("${load.table}", "${clean.clean}"),
        ("share: 0.5", "share: ${load.table}"),
        ('{rows: "${rows}"}', '{rows: "${rows}", label: clean-table}'),
        ('{rows: "${rows}"}', '{rows: "${rows}", label: a b}'),
        ("name: housing", "config: config.yaml"),
    ],
)
def test_an_error_is_what_planning_refuses(pipeline, tmp_path: Path, old: str, new: str) -> None:
    found = pipeline(GOOD.replace(old, new), {"config.yaml": "raws: 3\n"})
    assert Severity.ERROR in {finding.rule.severity for finding in found}
    with pytest.raises(ArtifactflowError):
        bind(read_pipeline(tmp_path / "pipeline.yaml"), Given(), load_component, tmp_path)


def test_what_has_no_error_can_be_planned(pipeline, tmp_path: Path) -> None:
    assert pipeline(GOOD) == []
    bind(read_pipeline(tmp_path / "pipeline.yaml"), Given(), load_component, tmp_path)

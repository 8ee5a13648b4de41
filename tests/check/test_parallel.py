"""Many components are checked on all processors, with the same findings in the same order."""

import json

from artifactflow.check import check_paths


def test_many_components_give_the_findings_of_each_in_order(tmp_path, artifactflow):
    for number in range(150):
        folder = tmp_path / f"c{number:03}"
        folder.mkdir()
        folder.joinpath("MLproject").write_text(
            f"name: c{number}\nentry_points:\n  main:\n    command: python main.py {{x{number}}}\n"
        )
        folder.joinpath("main.py").write_text("print('done')\n")
    alone = [finding.to_json() for finding in check_paths([tmp_path], mends=True).findings]
    assert len(alone) >= 150
    # A process of its own has one thread and may fork; this one may have more, and then it does not.
    together = json.loads(artifactflow("check", ".", "--format", "json").stdout)["findings"]
    placed = [(finding["code"], finding["line"], finding["message"]) for finding in together]
    assert placed == [(finding["code"], finding["line"], finding["message"]) for finding in alone]

"""Many components are checked on all processors, with the same findings in the same order."""

from artifactflow.check import check_paths


def test_many_components_give_the_findings_of_each_in_order(tmp_path):
    for number in range(150):
        folder = tmp_path / f"c{number:03}"
        folder.mkdir()
        folder.joinpath("MLproject").write_text(
            f"name: c{number}\nentry_points:\n  main:\n    command: python main.py {{x{number}}}\n"
        )
        folder.joinpath("main.py").write_text("print('done')\n")
    alone = check_paths([tmp_path])
    together = check_paths([tmp_path], mends=False)
    assert [finding.to_json() for finding in together.findings] == [finding.to_json() for finding in alone.findings]
    assert len(alone.findings) >= 150

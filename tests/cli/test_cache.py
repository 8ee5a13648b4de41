"""`artifactflow cache` and `runs log --follow`."""

import subprocess
import sys


def test_what_is_forgotten_runs_again_and_keeps_its_artifacts(cli, words):
    cli("run-pipeline", words)
    store = ["--store", words / ".artifactflow"]
    listed = cli("cache", "ls", *store, "--json").json
    assert {row["step"] for row in listed} == {"make", "shout"}
    assert cli("cache", "clear", "mak*", *store).out == "forgot 1 result\n"
    again = cli("run-pipeline", words, "--json").json
    assert [(row["step"], row["decision"]) for row in again["steps"]] == [("make", "RUN"), ("shout", "REUSE")]


def test_a_step_with_nothing_to_forget_is_named(cli, words):
    cli("run-pipeline", words)
    answer = cli("cache", "clear", "maek", "--store", words / ".artifactflow", code=4)
    assert (answer.code, answer.err) == (4, "error: nothing of maek can be reused\nhint: did you mean make?\n")


def test_the_log_of_a_running_step_is_followed_to_its_end(words, eventually):
    main = words / "make" / "main.py"
    main.write_text("import time\nfor n in range(8):\n    print('line', n)\n    time.sleep(0.1)\n" + main.read_text())
    run = subprocess.Popen([sys.executable, "-m", "artifactflow", "run-pipeline", words], stdout=subprocess.DEVNULL)
    store = words / ".artifactflow"
    eventually(lambda: run.poll() is not None or list(store.glob("runs/*/running.jsonl")))
    assert run.poll() is None
    followed = subprocess.run(
        [sys.executable, "-m", "artifactflow", "runs", "log", "make", "--follow", "--store", store],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert run.wait(60) == 0
    assert [line for line in followed.stdout.splitlines() if line.startswith("line")] == [f"line {n}" for n in range(8)]
    assert not list(store.glob("runs/*/running.jsonl"))

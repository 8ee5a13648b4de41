"""Thirty-odd secrets go into real runs by every way there is, and none of them comes out anywhere.

What is searched: every byte of the store with the files of MLflow and W&B in it, of everything else that the runs left
behind, of what every command prints, and the list of processes while the steps ran.
"""

import contextlib
import hashlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

WAYS = (
    "user of an address",
    "password of an address",
    "X-Amz-Signature of an address",
    "X-Amz-Credential of an address",
    "X-Amz-Security-Token of an address",
    "X-Goog-Signature of an address",
    "sig of an address",
    "Signature of an address",
    "Policy of an address",
    "token of an address",
    "access_token of an address",
    "api_key of an address",
    "password in a query",
    "unknown word of a query",
    "password in a description",
    "cookie of a server",
    "header of a server",
    "password in netrc",
    "AWS_SECRET_ACCESS_KEY",
    "HF_TOKEN",
    "GITHUB_TOKEN",
    "DB_PASSWORD",
    "WANDB_API_KEY",
    "password of a proxy",
    "parameter of a foreign script marked secret",
    "optional parameter of a foreign script marked secret",
    "parameter of a step function marked secret",
    "parameter of the pipeline marked secret under another name",
    "secret inside another text",
    "parameter called like a secret",
    "first line of a key of several lines",
    "second line of a key of several lines",
    "password printed in two pieces",
    "secret in the message of a failure",
    "token in a git address",
)
CANARIES = {way: "cnry" + hashlib.sha256(way.encode()).hexdigest()[:32] for way in WAYS}
OF_A_KEY = "-----BEGIN KEY-----\n{}\n{}\n-----END KEY-----".format(
    CANARIES["first line of a key of several lines"], CANARIES["second line of a key of several lines"]
)

FOREIGN = """
    name: foreign
    entry_points:
      main:
        parameters:
          api_key: {type: str, secret: true}
          made: {type: str, default: made.txt}
        optional_parameters:
          backup_key: {type: str, secret: true}
          key_file: {type: str, secret: true}
          halves: {type: str, secret: true}
        outputs:
          made: {type: text, path: made.txt}
        command: python main.py {made}
"""
FOREIGN_MAIN = """
    import os, sys, time
    names = ("API_KEY", "BACKUP_KEY", "KEY_FILE", "HALVES")
    values = {name: os.environ["ARTIFACTFLOW_P_" + name] for name in names}
    assert all(values.values()), values
    for value in (*values.values(), os.environ["DB_PASSWORD"], os.environ["HF_TOKEN"]):
        print("I use", value)
    half = len(values["HALVES"]) // 2
    for piece in (values["HALVES"][:half], values["HALVES"][half:], "\\n"):
        sys.stdout.write(piece)
        sys.stdout.flush()
        time.sleep(0.2)
    open(sys.argv[1], "w").write("made")
"""
TYPED = """
    name: typed
    entry_points:
      main:
        parameters:
          password: {type: str, secret: true}
          word: {type: str}
          dsn: {type: str}
          hub_token: {type: str}
          fail: {type: bool, default: false}
          result: {type: str, default: result.json}
        outputs:
          result: {type: facts, path: result.json}
        command: python main.py --word={word} --dsn={dsn} --hub_token={hub_token} --fail={fail} --result={result}
"""
TYPED_MAIN = """
    import hashlib
    import time
    from typing import Annotated
    from artifactflow import Output, run

    def main(password: str, word: str, dsn: str, hub_token: str, fail: bool = False) -> Annotated[
        dict, Output("result", type="facts")
    ]:
        \"\"\"Use secrets.\"\"\"
        print("logging in with", password, word, hub_token)
        time.sleep(0.5)
        if fail:
            raise ValueError(f"{word} was refused by {dsn}")
        texts = {"password": password, "word": word, "dsn": dsn, "hub_token": hub_token}
        return {name: hashlib.sha256(text.encode()).hexdigest() for name, text in texts.items()}

    if __name__ == "__main__":
        run(main)
"""
PIPELINE = """
    name: canaries
    parameters:
      file_url: {type: str}
      api_key: {type: str, secret: true}
      backup_key: {type: str, secret: true}
      key_file: {type: str, secret: true}
      halves: {type: str, secret: true}
      password: {type: str}
      login: {type: str, secret: true}
      inner: {type: str, secret: true}
      hub_token: {type: str}
      note: {type: str}
      fail: {type: bool, default: false}
    steps:
      download:
        component: artifactflow:download
        with: {file_url: "${file_url}", artifact_name: table, artifact_description: "from ${note}"}
      foreign:
        component: foreign
        with: {api_key: "${api_key}", backup_key: "${backup_key}", key_file: "${key_file}", halves: "${halves}"}
      typed:
        component: typed
        with:
          password: "${password}"
          word: "${login}"
          dsn: "postgres://me:${inner}@db/x"
          hub_token: "${hub_token}"
          fail: "${fail}"
"""

LOOKING = (
    "runs log foreign", "plan --json --force all", "runs show typed --json", "report -o page.html", "runs log typed",
    "plan --force all", "why typed --json", "runs ls --json", "ci comment", "doctor", "artifacts show table --json",
    "artifacts lineage table --json", "cache ls --json",
)  # fmt: skip
"""What is looked at afterwards; the first four also in the quick test."""


class Server(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = b"a,b\n1,2\n"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Set-Cookie", f"session={CANARIES['cookie of a server']}")
        self.send_header("X-Secret", CANARIES["header of a server"])
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running.server_port
        running.shutdown()


class ProcessList:
    """Looks at the command lines of all processes again and again, but for those that the test itself typed."""

    def __init__(self) -> None:
        self.seen: set[bytes] = set()
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.look)

    def look(self) -> None:
        while not self.over.wait(0.02):
            for entry in Path("/proc").iterdir():
                if entry.name.isdecimal():
                    with contextlib.suppress(OSError):
                        self.seen.add((entry / "cmdline").read_bytes())

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()


def address(port: int) -> str:
    of = CANARIES
    query = "&".join(
        f"{way.split()[0]}={of[way]}" for way in WAYS if way.endswith("of an address") and way.split()[0] not in
        ("user", "password")
    )  # fmt: skip
    return (
        f"http://{of['user of an address']}:{of['password of an address']}@127.0.0.1:{port}/table.csv?{query}"
        f"&password={of['password in a query']}&page={of['unknown word of a query']}"
    )


def variables(port: int, home: Path) -> dict[str, str]:
    of = CANARIES
    (home / ".netrc").write_text(f"machine 127.0.0.1 login me password {of['password in netrc']}\n")
    (home / ".netrc").chmod(0o600)
    named = ("AWS_SECRET_ACCESS_KEY", "HF_TOKEN", "GITHUB_TOKEN", "DB_PASSWORD", "WANDB_API_KEY")
    return {
        **{name: of[name] for name in named},
        "HOME": str(home),
        "HTTPS_PROXY": f"http://me:{of['password of a proxy']}@127.0.0.1:9",
        "NO_PROXY": "127.0.0.1",
        "ARTIFACTFLOW_P_FILE_URL": address(port),
        "ARTIFACTFLOW_P_API_KEY": of["parameter of a foreign script marked secret"],
        "ARTIFACTFLOW_P_BACKUP_KEY": of["optional parameter of a foreign script marked secret"],
        "ARTIFACTFLOW_P_KEY_FILE": OF_A_KEY,
        "ARTIFACTFLOW_P_HALVES": of["password printed in two pieces"],
        "ARTIFACTFLOW_P_PASSWORD": of["parameter of a step function marked secret"],
        "ARTIFACTFLOW_P_LOGIN": of["parameter of the pipeline marked secret under another name"],
        "ARTIFACTFLOW_P_INNER": of["secret inside another text"],
        "ARTIFACTFLOW_P_HUB_TOKEN": of["parameter called like a secret"],
        "ARTIFACTFLOW_P_NOTE": f"https://me:{of['password in a description']}@host/page",
        "WANDB_MODE": "offline",
        "GIT_CONFIG_GLOBAL": os.devnull,
    }


def test_there_are_thirty_canaries_and_more():
    assert len(set(CANARIES.values())) >= 30


@pytest.mark.parametrize("tracked", [pytest.param(True, marks=pytest.mark.torture), False], ids=["tracked", "plain"])
def test_no_secret_comes_out_of_a_run_that_ends_well_or_fails_or_of_any_command(
    files, tmp_path, server, artifactflow, leaks, below, tracked
):
    files.component("foreign", FOREIGN, FOREIGN_MAIN)
    files.component("typed", TYPED, TYPED_MAIN)
    files.pipeline(PIPELINE)
    home, leftovers = tmp_path / "home", tmp_path / "tmp"
    home.mkdir()
    leftovers.mkdir()
    given = {**variables(server, home), "TMPDIR": str(leftovers)}
    printed: list[tuple[str, bytes]] = []

    def call(*arguments: str, expected: int | None = 0, **more: str) -> str:
        done = artifactflow(*arguments, cwd=files.folder, **{**given, **more})
        name = " ".join(arguments)
        if expected is not None:
            assert done.returncode == expected, f"{name}: {done.stdout}{done.stderr}"
        printed.append((name, f"{done.stdout}{done.stderr}".encode()))
        return done.stdout + done.stderr

    with ProcessList() as processes:
        call("run-pipeline", *(["--track", "mlflow,wandb", "--wait-tracking"] if tracked else []))
        failing = call(
            "run-pipeline", "--json", "--cold", expected=6, ARTIFACTFLOW_P_FAIL="true",
            ARTIFACTFLOW_P_LOGIN=CANARIES["secret in the message of a failure"],
        )  # fmt: skip
        assert "ValueError: *** was refused by ***" in failing
        call("run-pipeline", "--inline", "--no-cache", "--only", "typed")
        if tracked:
            call("run-pipeline", "--cold", "--no-cache", "--only", "typed")
            assert "REUSE" in call("run-pipeline")
    for command in LOOKING if tracked else LOOKING[:4]:
        call(*command.split(), expected=None if command == "doctor" else 0)
    assert "I use ***" in dict(printed)["runs log foreign"].decode()

    commands = {" ".join(line.decode(errors="replace").split("\0")): line for line in processes.seen}
    assert any("--hub_token=***" in line for line in commands), "no step was seen while it ran"
    places = [*printed, *below(tmp_path / "project"), *below(leftovers)]
    places += [(f"process {line}", content) for line, content in commands.items()]
    names = [place for place, _ in places]
    assert any(name.endswith(".wandb") for name in names) == tracked
    assert any(name.endswith("mlflow.db") for name in names) == tracked
    assert any("/journal/" in name for name in names)
    assert leaks(CANARIES, places) == []


def test_the_steps_get_what_was_meant_for_them(files, tmp_path, server, artifactflow):
    files.component("foreign", FOREIGN, FOREIGN_MAIN)
    files.component("typed", TYPED, TYPED_MAIN)
    files.pipeline(PIPELINE)
    home = tmp_path / "home"
    home.mkdir()
    given = variables(server, home)
    done = artifactflow("run-pipeline", cwd=files.folder, **given)
    assert done.returncode == 0, done.stdout + done.stderr
    got = artifactflow("artifacts", "get", "result", "--to", str(tmp_path / "out"), cwd=files.folder)
    assert got.returncode == 0, got.stderr
    (file,) = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    texts = {
        "password": given["ARTIFACTFLOW_P_PASSWORD"],
        "word": given["ARTIFACTFLOW_P_LOGIN"],
        "dsn": f"postgres://me:{given['ARTIFACTFLOW_P_INNER']}@db/x",
        "hub_token": given["ARTIFACTFLOW_P_HUB_TOKEN"],
    }
    for name, text in texts.items():
        assert hashlib.sha256(text.encode()).hexdigest() in file.read_text(), name


@pytest.mark.torture
def test_the_password_of_an_address_of_mlflow_is_in_no_record_and_no_log(files, tmp_path, artifactflow, leaks, below):
    files.component("typed", TYPED, TYPED_MAIN)
    files.pipeline("name: one\nsteps:\n  typed: {component: typed, with: {word: a, dsn: b, hub_token: c}}")
    secrets = {"mlflow": "cnry" + "m" * 30}
    done = artifactflow(
        "run-pipeline", "--track", "mlflow", "--wait-tracking", cwd=files.folder,
        MLFLOW_TRACKING_URI=f"http://me:{secrets['mlflow']}@127.0.0.1:9", ARTIFACTFLOW_P_TYPED_PASSWORD="long-enough",
    )  # fmt: skip
    printed = (done.stdout + done.stderr).encode()
    assert b"127.0.0.1:9" in printed
    assert leaks(secrets, [("printed", printed), *below(files.folder)]) == []


def test_the_token_of_a_git_address_is_sent_to_its_server_and_shown_to_nobody(tmp_path, leaks, below):
    token = CANARIES["token in a git address"]
    asked: list[str] = []

    class Git(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.headers.get("Authorization", ""))
            time.sleep(0.5)
            self.send_error(404)

        def log_message(self, *arguments):
            pass

    code = "from artifactflow.cli.app import main\nimport os\nmain(['run-pipeline', os.environ['WHERE']])"
    with ThreadingHTTPServer(("127.0.0.1", 0), Git) as running, ProcessList() as processes:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        where = f"http://me:{token}@127.0.0.1:{running.server_port}/repository.git#folder@main"
        done = subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, "WHERE": where}, cwd=tmp_path, capture_output=True
        )
        running.shutdown()
    assert done.returncode == 9
    assert b"***" in done.stderr
    assert any(word.startswith("Basic ") for word in asked)
    places = [("printed", done.stdout + done.stderr), *below(tmp_path)]
    places += [(line.decode(errors="replace"), line) for line in processes.seen]
    assert any(b"fetch" in line for line in processes.seen)
    assert leaks({"git": token}, places) == []


def test_the_traceback_of_a_bug_of_ours_masks_addresses():
    code = (
        "import artifactflow.cli.app as app\n"
        "def broken(*_, **__): raise ValueError('https://me:word-of-honour@host/a?sig=abcdef')\n"
        "app.app = broken\napp.main([])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "https://***@host/a?sig=***" in done.stderr
    assert "word-of-honour" not in done.stderr

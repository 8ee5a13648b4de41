"""A real browser, driven over a pipe, and stores with runs to report on."""

import base64
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from artifactflow.runs import PipelineRun, Run, RunStatus, StepOutcome
from artifactflow.store import Store

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

AS_3_AND_4 = """
import fcntl, os, sys
reads, writes = (fcntl.fcntl(int(number), fcntl.F_DUPFD, 10) for number in sys.argv[1:3])
os.dup2(reads, 3)
os.dup2(writes, 4)
os.execv(sys.argv[3], sys.argv[3:])
"""
"""Become the browser, which reads commands from descriptor 3 and answers on 4."""


class Browser:
    """Headless Chromium, spoken to in its DevTools protocol over two pipes: JSON messages that end with a NUL."""

    def __init__(self, profile: Path) -> None:
        reads, to_browser = os.pipe()
        from_browser, writes = os.pipe()
        flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"]
        quiet = ["--no-first-run", "--disable-background-networking", "--disable-component-update"]
        arguments = [CHROMIUM, *flags, *quiet, "--remote-debugging-pipe", f"--user-data-dir={profile}", "about:blank"]
        self.process = subprocess.Popen(
            [sys.executable, "-c", AS_3_AND_4, str(reads), str(writes), *arguments],
            pass_fds=(reads, writes),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.close(reads)
        os.close(writes)
        self._to = to_browser
        self._from = os.fdopen(from_browser, "rb")
        self._buffer = b""
        self._number = 0
        self.session: str | None = None
        self.events: list[dict[str, Any]] = []
        target = next(one for one in self.call("Target.getTargets")["targetInfos"] if one["type"] == "page")
        attached = self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self.session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == self._number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return answer["result"]

    def _receive(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            read = os.read(self._from.fileno(), 1 << 20)
            assert read, "the browser has gone"
            self._buffer += read
        text, _, self._buffer = self._buffer.partition(b"\0")
        message = json.loads(text)
        if "method" in message:
            self.events.append(message)
        return message

    def open(self, page: Path, *, width: int = 1280, scheme: str = "light") -> None:
        """Show a page in a window of that width, and wait until it is loaded."""
        self.events.clear()
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 600
        )
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.call("Page.navigate", url=page.as_uri())
        while not any(event["method"] == "Page.loadEventFired" for event in self.events):
            self._receive()

    def ask(self, expression: str) -> Any:
        """The value of a JavaScript expression in the page."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def complaints(self) -> list[str]:
        """What went wrong in the page: exceptions, messages of the console, violations of its policy."""
        methods = ("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded")
        return [json.dumps(event["params"]) for event in self.events if event["method"] in methods]

    def requested(self) -> list[str]:
        """The addresses that were asked for, other than data in the page itself."""
        sent = [event["params"] for event in self.events if event["method"] == "Network.requestWillBeSent"]
        return [one["request"]["url"] for one in sent if not one["request"]["url"].startswith("data:")]

    def picture(self, file: Path, *, whole: bool = True) -> None:
        """A screenshot of the page."""
        taken = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        file.write_bytes(base64.b64decode(taken["data"]))

    def close(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        os.close(self._to)
        self._from.close()


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("there is no chromium on this machine (apt-get install chromium)")
    opened = Browser(tmp_path_factory.mktemp("profile"))
    yield opened
    opened.close()


class History:
    """Writes runs into a store as the runner would, without running anything."""

    def __init__(self, folder: Path) -> None:
        self.store = Store.open(folder / ".artifactflow")
        self.folder = folder
        self.clock = 0
        self.pipeline_run_id = ""
        self.begin()

    def begin(self) -> None:
        """The next runs belong to a new pipeline run."""
        self.clock += 100
        self.outcomes: list[StepOutcome] = []
        self.pipeline_run_id = f"20261123-{self.clock:06}-aaaaaaaa"

    def put(self, name: str, content: bytes | dict[str, bytes], **facts: Any) -> str:
        """A version, from bytes (a file with the artifact's name) or from files by path; how it is written."""
        aside = self.folder / f"put-{self.clock}"
        files = content if isinstance(content, dict) else {facts.pop("file", name): content}
        for path, text in files.items():
            (aside / path).parent.mkdir(parents=True, exist_ok=True)
            (aside / path).write_bytes(text)
        tree = self.store.put_tree(aside if isinstance(content, dict) else aside / next(iter(files)))
        shutil.rmtree(aside)
        kind, description = facts.pop("kind", "artifact"), facts.pop("description", "")
        with self.store.transaction() as transaction:
            return transaction.register(name, kind, description, tree, **facts).version.ref

    def step(
        self,
        name: str,
        *,
        inputs: dict[str, str] | None = None,
        outputs: dict[str, dict[str, Any]] | None = None,
        decision: str = "RUN",
        log: bytes = b"",
        **facts: Any,
    ) -> dict[str, str]:
        """A step of this pipeline run; `outputs` maps keys to what `put` takes. Returns the versions by key."""
        self.clock += 1
        run_id = f"20261123-{self.clock:06}-bbbbbbbb"
        made = {key: self.put(run_id=run_id, **what) for key, what in (outputs or {}).items()}
        folder = self.store.run_folder(run_id, create=True)
        (folder / "log").write_bytes(log)
        statuses = {"FAILED": RunStatus.FAILED, "STOPPED": RunStatus.INTERRUPTED}
        run = Run(
            id=run_id,
            step=name,
            component=facts.pop("component", name.partition("[")[0]),
            status=statuses.get(decision, RunStatus.FINISHED),
            pipeline=facts.pop("pipeline", "demo"),
            pipeline_run_id=self.pipeline_run_id,
            inputs=inputs or {},
            outputs=made,
            reason=facts.pop("reason", "never run"),
            started=self.time(),
            seconds=facts.pop("seconds", 1.5),
            log=f"runs/{run_id}/log",
            **facts,
        )
        with self.store.transaction() as transaction:
            transaction.record_run(run)
        self.outcomes.append(StepOutcome(name, decision, run.reason, run_id, made, run.seconds))
        return made

    def outcome(self, name: str, decision: str, reason: str, **facts: Any) -> None:
        """A step that was not executed now."""
        self.outcomes.append(StepOutcome(name, decision, reason, **facts))

    def end(self, status: RunStatus = RunStatus.FINISHED, *, steps: bool = True, **facts: Any) -> PipelineRun:
        """Record the pipeline run and begin the next."""
        record = PipelineRun(
            id=self.pipeline_run_id,
            pipeline=facts.pop("pipeline", "demo"),
            status=status,
            steps=tuple(self.outcomes) if steps else (),
            started=f"2026-11-23T10:{self.clock // 100:02}:00.000Z",
            seconds=facts.pop("seconds", 10.0),
            **facts,
        )
        with self.store.transaction() as transaction:
            transaction.record_pipeline_run(record)
        self.begin()
        return record

    def time(self) -> str:
        return f"2026-11-23T10:{self.clock // 100:02}:{self.clock % 100:02}.000Z"


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    written = History(tmp_path)
    yield written
    written.store.close()


def metrics(name: str = "scores", **numbers: float) -> dict[str, Any]:
    """An output of the type metrics."""
    return {"name": name, "content": json.dumps(numbers).encode(), "file": "metrics.json", "kind": "metrics"}


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[History]:
    """Two runs of one pipeline: all well, then with a matrix that is better, a failure, and what that blocks.

    Made once: tests read it only.
    """
    history = History(tmp_path_factory.mktemp("demo"))
    for run in range(2):
        loaded = history.step("load", outputs={"data": {"name": "raw", "content": b"a,b\n1,2\n", "file": "raw.csv"}})
        scores = {}
        for depth in (1, 2, 3):
            made = history.step(
                f"train[depth={depth}]",
                inputs={"data": loaded["data"]},
                outputs={"metrics": metrics(rmse=1.0 / depth - 0.1 * run, rows=10)},
                parameters={"depth": depth, "seed": 7},
                sources={"depth": "matrix", "seed": "default"},
                command="python main.py --depth={depth}",
                log=b"epoch 1\nepoch 2\n",
                facts={"peak_memory": 12_000_000, "cpu_seconds": 0.5, "process": "warm"},
                ingredients={"environment": {"python": "3.11", "numpy": "2.0.1"}},
            )
            scores[f"metrics[depth={depth}]"] = made["metrics"]
        figure = b'<svg xmlns="http://www.w3.org/2000/svg" width="90" height="60"><rect width="90" height="60"/></svg>'
        history.step("plot", inputs=scores, outputs={"figure": {"name": "plot", "content": figure, "file": "plot.svg"}})
        if not run:
            history.end(parameters={"file": "raw.csv"}, sources={"file": "-P file"})
    history.step("publish", inputs=scores, decision="FAILED", log=b"403 Forbidden\n", exit_code=1, message="it failed")
    history.outcome("announce", "BLOCKED", "needs publish")
    history.end(
        RunStatus.FAILED,
        message="step publish failed",
        parameters={"file": "raw.csv"},
        sources={"file": "-P file"},
        facts={"source": {"commit": "0123456789abcdef", "dirty": True}},
    )
    yield history
    history.store.close()

"""The store against a model of it: whatever is done in whatever order, and whatever is interrupted, nothing that was
acknowledged is lost, nothing half done is seen, and no garbage stays."""

import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from artifactflow.errors import NotFoundError, UsageError
from artifactflow.runs import Run, RunStatus
from artifactflow.store import Store

NAMES = st.sampled_from(["data", "model"])
CONTENTS = st.sampled_from(["a", "b", "c", "d"])
ALIASES = st.sampled_from(["champion", "latest"])
CALLS = st.sampled_from(["fsync", "rename", "pwrite", "link", "open", "unlink", "utime"])


class Crash(BaseException):
    """The process is gone: nothing that it would have done afterwards happens."""


class StoreMachine(RuleBasedStateMachine):
    """The store, and beside it what it has acknowledged."""

    @initialize()
    def start(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.root = self.folder / "store"
        self.store = Store.open(self.root, segment_bytes=2000)
        self.versions: dict[str, dict[int, str]] = {}
        self.highest: dict[str, int] = {}
        self.aliases: dict[str, dict[str, int]] = {}
        self.children: dict[str, set[str]] = {}
        self.runs = 0

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.store.close()
            shutil.rmtree(self.folder)

    # what a person does

    @rule(name=NAMES, content=CONTENTS)
    def put(self, name, content):
        number = self._put(name, content)
        self._model_put(name, content, number)

    def _put(self, name, content) -> int:
        file = self.folder / "file"
        file.write_text(content)
        tree = self.store.put_tree(file)
        with self.store.transaction() as transaction:
            return transaction.register(name, "text", "", tree).version.number

    def _model_put(self, name, content, number):
        known = {text: one for one, text in self.versions.get(name, {}).items()}
        assert number == known.get(content, self.highest.get(name, 0) + 1)
        self.versions.setdefault(name, {})[number] = content
        self.highest[name] = max(number, self.highest.get(name, 0))
        self.aliases.setdefault(name, {})["latest"] = number

    @rule(name=NAMES, alias=ALIASES, pick=st.integers(0, 9))
    def alias(self, name, alias, pick):
        if numbers := sorted(self.versions.get(name, {})):
            number = numbers[pick % len(numbers)]
            self.store.set_alias(name, number, alias)
            self.aliases[name][alias] = number

    @rule(pick=st.integers(0, 9))
    def derive(self, pick):
        """A run that made the newest model from some data."""
        data, models = sorted(self.versions.get("data", {})), sorted(self.versions.get("model", {}))
        if data and models:
            source, made = f"data:v{data[pick % len(data)]}", f"model:v{models[-1]}"
            self.runs += 1
            run = Run(f"r{self.runs}", "s", "c", status=RunStatus.FINISHED, inputs={"d": source}, outputs={"m": made})
            with self.store.transaction() as transaction:
                transaction.record_run(run)
            self.children.setdefault(source, set()).add(made)

    @rule(name=NAMES, pick=st.integers(0, 9), force=st.booleans())
    def remove(self, name, pick, force):
        numbers = sorted(self.versions.get(name, {}))
        if not numbers:
            with pytest.raises(NotFoundError):
                self.store.remove(f"{name}:v1", force=force)
            return
        number = numbers[pick % len(numbers)]
        if self._is_needed(name, number) and not force:
            with pytest.raises(UsageError):
                self.store.remove(f"{name}:v{number}")
            return
        self.store.remove(f"{name}:v{number}", force=force)
        self._model_remove(name, number)

    def _is_needed(self, name, number):
        there = {f"{one}:v{n}" for one, versions in self.versions.items() for n in versions}
        return number in self.aliases[name].values() or bool(self.children.get(f"{name}:v{number}", set()) & there)

    def _model_remove(self, name, number):
        del self.versions[name][number]
        left = max(self.versions[name], default=None)
        for alias in [alias for alias, to in self.aliases[name].items() if to == number]:
            del self.aliases[name][alias]
            if alias == "latest" and left is not None:
                self.aliases[name]["latest"] = left

    @rule()
    def collect(self):
        self.store.collect(grace=0.0, is_running=lambda _: False)
        needed = {digest for version in self.store.versions() for digest in self._objects(version)}
        there = {path for path in (self.root / "objects").rglob("*") if path.is_file()}
        assert there == needed

    def _objects(self, version):
        entries = self.store.tree(version.digest).entries
        return {self.store.object_path(digest) for digest in (version.digest, *(entry.digest for entry in entries))}

    @rule(keep=st.integers(1, 2))
    def retire(self, keep):
        freed = self.store.collect(keep=keep, grace=0.0, is_running=lambda _: False)
        for ref in freed.versions:
            name, number = ref.split(":v")
            assert int(number) not in self.aliases[name].values()
            assert int(number) not in sorted(self.versions[name])[-keep:]
            self._model_remove(name, int(number))

    @rule()
    def rebuild(self):
        self.store.rebuild()

    @rule()
    def open_again(self):
        self.store.close()
        self.store = Store.open(self.root, segment_bytes=2000)

    # what goes wrong

    @rule(name=NAMES, content=CONTENTS, call=CALLS, number=st.integers(1, 12))
    def crash_while_putting(self, name, content, call, number):
        """The process ends at some call. What it was about to say may have happened, or not; nothing in between."""
        before = self._seen(name)
        with pytest.MonkeyPatch.context() as patch:
            self._fail_at(patch, call, number)
            try:
                put = self._put(name, content)
            except Crash:
                put = None
        # The dead process's handles: its locks are gone with it.
        self.store = Store.open(self.root, segment_bytes=2000)
        if put is None and self._seen(name) == before:
            return
        (latest,) = [version for version in self.store.versions(name) if version.ref == self.store.version(name).ref]
        self._model_put(name, content, latest.number)

    @rule(call=CALLS, number=st.integers(1, 12))
    def crash_while_collecting(self, call, number):
        """What is left of a collection is collected by the next one."""
        with pytest.MonkeyPatch.context() as patch:
            self._fail_at(patch, call, number)
            with suppress(Crash):
                self.store.collect(grace=0.0, is_running=lambda _: False)
        self.store = Store.open(self.root, segment_bytes=2000)
        self.collect()
        assert list((self.root / "tmp").iterdir()) == []

    @staticmethod
    def _fail_at(patch, call, number):
        """Let the n-th call of that name end the process: neither it nor any other is made from then on."""
        state = {"left": number}

        def dying(name, original):
            def counted(*arguments, **options):
                if name == call:
                    state["left"] -= 1
                if state["left"] <= 0:
                    raise Crash
                return original(*arguments, **options)

            return counted

        for name in ("fsync", "rename", "pwrite", "link", "unlink", "utime", "ftruncate", "open", "rmdir"):
            patch.setattr(os, name, dying(name, getattr(os, name)))

    def _seen(self, name):
        return [version.ref for version in self.store.versions(name)], self.store.aliases(name)

    # what always holds

    @invariant()
    def the_store_says_what_the_model_says(self):
        if not hasattr(self, "store"):
            return
        said: dict[str, dict[int, str]] = {}
        for version in self.store.versions():
            (entry,) = self.store.tree(version.digest).entries
            said.setdefault(version.name, {})[version.number] = self.store.object_path(entry.digest).read_text()
        assert said == {name: versions for name, versions in self.versions.items() if versions}
        for name, aliases in self.aliases.items():
            assert self.store.aliases(name) == aliases

    @rule()
    def verify(self):
        assert self.store.verify().faults == []


def run(examples: int, steps: int) -> None:
    health = [HealthCheck.too_slow, HealthCheck.filter_too_much]
    chosen = settings(max_examples=examples, stateful_step_count=steps, deadline=None, suppress_health_check=health)
    run_state_machine_as_test(StoreMachine, settings=chosen)


def test_the_store_behaves_as_its_model():
    run(examples=8, steps=15)


@pytest.mark.torture
def test_the_store_behaves_as_its_model_for_long():
    run(examples=300, steps=60)

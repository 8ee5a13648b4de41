"""The server processes of a run: one for each interpreter, environment and set of modules, begun when it is needed."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping
from typing import Final

from artifactflow.executors.kept import ANSWER_SECONDS, address_of, find_server, make_room
from artifactflow.executors.search_paths import SearchPaths
from artifactflow.executors.server_process import READY_SECONDS, Keep, Server, ServerKey
from artifactflow.executors.syntax import is_late
from artifactflow.executors.task import Stop
from artifactflow.executors.warm import NotWarmError

MOST_SERVERS: Final = 8
"""How many are in use at once; beyond that the one that was idle longest is ended."""


class _Slot:
    """The place of one server among the others. `lock` is held while it starts."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.server: Server | None = None
        self.names: frozenset[str] = frozenset()
        self.refused = ""
        self.users = 0


class Servers:
    """All servers of a run, found or begun when first asked for.

    With `keep_warm` those that are begun stay for that many seconds since their last use. Servers that earlier runs
    have left are used in any case.
    """

    def __init__(self, search_paths: SearchPaths, keep_warm: float = 0.0) -> None:
        self._search_paths = search_paths
        self._keep_warm = keep_warm
        self._lock = threading.Lock()
        self._slots: dict[ServerKey, _Slot] = {}  # the one that was used last comes last

    @contextlib.contextmanager
    def server(self, key: ServerKey, stop: Stop) -> Iterator[tuple[Server, frozenset[str]]]:
        """The server for a key, kept while it is in use, with the top names of what it has imported.

        Raises NotWarmError where there can be none; that is remembered.
        """
        with self._lock:
            slot = self._slots.pop(key, None) or _Slot()
            self._slots[key] = slot
            slot.users += 1
        try:
            yield self._ready(slot, key, stop), slot.names
        finally:
            with self._lock:
                slot.users -= 1
                self._end_idle()

    def close(self) -> None:
        """End all of them, but those that are kept."""
        with self._lock:
            slots = list(self._slots.values())
            self._slots.clear()
        for slot in slots:
            if slot.server is not None:
                slot.server.close()

    def _ready(self, slot: _Slot, key: ServerKey, stop: Stop) -> Server:
        with slot.lock:
            if slot.refused:
                raise NotWarmError(slot.refused)
            if slot.server is not None and slot.server.has_ended():
                slot.server.close()
                slot.server = None
            if slot.server is None:
                slot.server, slot.names = self._started(slot, key, stop)
            return slot.server

    def _started(self, slot: _Slot, key: ServerKey, stop: Stop) -> tuple[Server, frozenset[str]]:
        try:
            search_path = self._search_paths.search_path(key.python, dict(key.environment))
            address = address_of(key, search_path, make=self._keep_warm > 0)
            found = find_server(address, self._keep_warm) if address else None
            if found is not None:
                with contextlib.suppress(NotWarmError):
                    return self._when_ready(found, stop, ANSWER_SECONDS)
            keep = Keep(address, self._keep_warm) if address and self._keep_warm else None
            if keep is not None:
                make_room()
            lighter = self._lighter(key)
            if lighter is not None:
                with contextlib.suppress(NotWarmError, OSError):
                    return self._when_ready(lighter.nest(key, keep), stop)
            return self._when_ready(Server.begin(key, keep), stop)
        except OSError as error:
            raise NotWarmError(f"the server process could not start: {error.strerror}") from error
        except NotWarmError as error:
            slot.refused = str(error)
            raise

    def _lighter(self, key: ServerKey) -> Server | None:
        """The server that has imported most of what is wanted, and nothing else."""
        with self._lock:
            found = [
                (len(other.modules), slot.server)
                for other, slot in self._slots.items()
                if slot.server is not None and other.is_lighter(key)
            ]
        return max(found, key=lambda one: one[0], default=(0, None))[1]

    def _when_ready(self, server: Server, stop: Stop, seconds: float = READY_SECONDS) -> tuple[Server, frozenset[str]]:
        try:
            return server, server.wait_ready(stop, seconds)
        except BaseException:
            server.close(0)  # it may be importing, and nothing runs on it yet
            raise

    def _end_idle(self) -> None:
        alive = [(key, slot) for key, slot in self._slots.items() if slot.server is not None]
        for key, slot in alive[: max(len(alive) - MOST_SERVERS, 0)]:
            if slot.users == 0 and slot.server is not None:
                del self._slots[key]
                slot.server.close()


def early_variables(environment: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """The environment variables that may be read while libraries are imported, sorted."""
    return tuple(sorted((name, value) for name, value in environment.items() if not is_late(name)))


def late_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """The others, which each step may have of its own."""
    return {name: value for name, value in environment.items() if is_late(name)}

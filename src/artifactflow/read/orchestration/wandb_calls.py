"""What calls of W&B do to artifacts and runs."""

from __future__ import annotations

import re
from typing import Final

from artifactflow.read.orchestration.known_calls import Call
from artifactflow.read.orchestration.symbols import UNKNOWN, Constant, Handle, Kind, Symbol, Table
from artifactflow.read.orchestration.texts import Text
from artifactflow.read.orchestration.tracking_notes import LOCAL_COPY, NO_DESCRIPTION, Draft, Notes, given_text
from artifactflow.read.orchestration.tracking_uses import RunStart

_run_call: Final = re.compile(r"wandb(\.run)?\.(\w+)")


class WandbCalls:
    """Takes down in `notes` what each call of W&B does."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes
        self._drafts: dict[Handle, Draft] = {}

    def __call__(self, call: Call) -> Symbol | None:
        """What a call whose name begins with `wandb.` gives, None where that is not known."""
        match call.name:
            case "wandb.init":
                project, group, job = (
                    given_text(call.argument(None, word)) for word in ("project", "group", "job_type")
                )
                self._notes.inits.append(RunStart("wandb", project, group, job, call.place))
                return self._notes.handle("wandb.run")
            case "wandb.run.__enter__":
                return call.receiver
            case "wandb.finish" | "wandb.run.finish" | "wandb.run.__exit__" | "wandb.join":
                self._notes.finished = True
                self._notes.not_awaited.clear()
            case "wandb.Artifact" | "wandb.sdk.Artifact":
                return self._new_artifact(call)
            case "wandb.Api" | "wandb.apis.PublicApi" | "wandb.apis.public.Api":
                return self._notes.handle("wandb.api")
            case "wandb.api.artifact":
                return self._used(call, call.argument(0, "name"))
            case _ if call.name.startswith("wandb.artifact."):
                return self._of_artifact(call)
            case _:
                found = _run_call.fullmatch(call.name)
                return self._of_run(call, found[2]) if found else None
        return None

    def _of_run(self, call: Call, method: str) -> Symbol | None:
        match method:
            case "use_artifact":
                return self._used(call, call.argument(0, "artifact_or_name"))
            case "log_artifact" | "upsert_artifact" | "finish_artifact":
                return self._logged(call, method)
            case "log":
                first = call.argument(0, "data")
                self._notes.metrics += (
                    [Text(Kind.LITERAL, key) for key in first.entries] if isinstance(first, Table) else []
                )
        return None

    def _new_artifact(self, call: Call) -> Handle:
        handle = self._notes.handle("wandb.artifact")
        self._drafts[handle] = Draft(
            "logged",
            "wandb",
            call.place,
            call.argument(0, "name") or UNKNOWN,
            call.argument(1, "type") or UNKNOWN,
            call.argument(2, "description") or (NO_DESCRIPTION if call.complete else UNKNOWN),
        )
        return handle

    def _used(self, call: Call, name: Symbol | None) -> Handle:
        if isinstance(name, Handle) and name in self._drafts:
            draft = self._drafts[name]
            name = draft.name
        handle = self._notes.handle("wandb.artifact")
        draft = Draft("used", "wandb", call.place, name or UNKNOWN, call.argument(1, "type") or UNKNOWN)
        self._drafts[handle] = draft
        self._notes.add(draft)
        return handle

    def _logged(self, call: Call, method: str) -> Handle:
        first = call.argument(0, "artifact_or_path", "artifact") or UNKNOWN
        if isinstance(first, Handle) and first in self._drafts:
            handle, draft = first, self._drafts[first]
            if draft.kind == "used":
                return handle
        else:
            handle = self._notes.handle("wandb.artifact")
            is_path = call.argument(None, "name", "type") is not None or isinstance(first, Constant)
            draft = Draft(
                "logged",
                "wandb",
                call.place,
                call.argument(None, "name") or UNKNOWN,
                call.argument(None, "type") or UNKNOWN,
            )
            draft.files = [first] if is_path else []
            self._drafts[handle] = draft
        if not draft.method:
            self._notes.add(draft)
            self._notes.not_awaited.append(draft)
        draft.method, draft.place = method, call.place
        return handle

    def _of_artifact(self, call: Call) -> Symbol | None:
        draft = self._drafts.get(call.receiver) if isinstance(call.receiver, Handle) else None
        if draft is None:
            return None
        match call.name.rpartition(".")[2]:
            case "add_file" | "add_dir" | "add_reference":
                draft.files.append(call.argument(0, "local_path", "uri") or UNKNOWN)
            case "new_file":
                draft.files.append(call.argument(0, "name") or UNKNOWN)
            case "add":
                draft.files.append(call.argument(1, "name") or UNKNOWN)
            case "wait":
                draft.waits = True
                self._notes.not_awaited = [other for other in self._notes.not_awaited if other is not draft]
                return call.receiver
            case "file" | "download" | "get_path" | "get" | "checkout" as method if draft.kind == "used":
                draft.method = draft.method or method
                return self._notes.handle(LOCAL_COPY)
            case "save":
                return self._logged(Call("", (call.receiver,), {}, call.place), "save")
        return None

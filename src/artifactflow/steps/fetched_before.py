"""What the store has of an address already, so that its server can say that nothing changed."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from artifactflow.artifact import Digest, Version
from artifactflow.errors import NotFoundError
from artifactflow.fetch.addresses import address_identity
from artifactflow.fetch.http import Validators
from artifactflow.store import Store

STORE_VARIABLE = "ARTIFACTFLOW_STORE"


@dataclass(frozen=True, slots=True)
class FetchedBefore:
    """A version that the same request made, in its store, with what the server said of it then."""

    version: Version
    store: Store
    validators: Validators

    def write_to(self, dataset: Path) -> None:
        """Write the version's files out as the step would: into the new folder `dataset`."""
        self.store.materialise(self.store.tree(self.version.digest), dataset)


def request_identity(address: str, *, extract: bool, skip_links: bool) -> str:
    """What of a request decides which content it gives, as a short digest: nothing secret can be read from it."""
    asked = json.dumps([address_identity(address), extract, skip_links])
    return hashlib.sha256(asked.encode()).hexdigest()[:16]


def fetched_before(
    name: str, request: str, digest: Digest | None, environment: Mapping[str, str]
) -> FetchedBefore | None:
    """The newest version called `name`, where it was made by the same request and the server can be asked about it.

    None where there is no store, where its bytes are not all there or the file's SHA-256 is not `digest`, and where a
    cut would have gone unseen: a server that says "the same" would make a half file whole for ever.
    """
    root = environment.get(STORE_VARIABLE)
    if not root or not Path(root).exists():
        return None
    store = Store.open(Path(root), create=False)
    try:
        version = store.version(name)
    except NotFoundError:
        return None
    facts = version.metadata
    wanted = digest is None or digest.hexadecimal == facts.get("sha256")
    if facts.get("request") != request or not facts.get("length_verified") or not wanted:
        return None
    validators = Validators(facts.get("etag"), facts.get("last_modified"))
    if not validators.headers() or not store.intact(version.digest):
        return None
    return FetchedBefore(version, store, validators)

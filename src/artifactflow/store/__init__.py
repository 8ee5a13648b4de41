"""The store: who keeps artifacts, their versions and the runs that made them.

`blobs` holds bytes under their digest, `journal` what happened, in order and checksummed: these two are the truth.
`catalog` is an index over the journal. `Store` is the door; nothing else of this package is needed outside.
"""

from artifactflow.store.handout import HandedOut
from artifactflow.store.layout import STORE_FOLDER, STORE_VARIABLE, find_store
from artifactflow.store.queries import AliasState, ArtifactSummary
from artifactflow.store.store import Store
from artifactflow.store.transaction import Registered, Transaction
from artifactflow.store.trees import Staged

__all__ = [
    "STORE_FOLDER",
    "STORE_VARIABLE",
    "AliasState",
    "ArtifactSummary",
    "HandedOut",
    "Registered",
    "Staged",
    "Store",
    "Transaction",
    "find_store",
]

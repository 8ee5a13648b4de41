"""What a store is made of, for the upkeep beside it: verifying, collecting garbage, removing."""

from __future__ import annotations

from dataclasses import dataclass

from artifactflow.store.blobs import Blobs
from artifactflow.store.catalog import Catalog
from artifactflow.store.journal import Journal
from artifactflow.store.layout import Layout
from artifactflow.store.locks import Turnstile


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of one open store."""

    layout: Layout
    store_id: str
    blobs: Blobs
    journal: Journal
    catalog: Catalog
    turnstile: Turnstile

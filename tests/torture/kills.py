"""Killing those who work on a store, over and over."""

import random
import time
from collections.abc import Callable
from pathlib import Path

from processes import TRACEBACK, Child
from workload import Ledger, work


def kill_workers(
    folder: Path, rounds: int, *, seed: int = 1, fresh_every: int = 40, worker: Callable[..., object] = work
) -> int:
    """Kill a worker, or two at a time, at that many random moments, and check the store each time.

    Returns how many acknowledged facts were held against it.
    """
    chance = random.Random(seed)
    facts = killed = 0
    while killed < rounds:
        root = folder / f"store-{killed}"
        root.mkdir(parents=True)
        root /= ".artifactflow"
        ledger = Ledger()
        for _ in range(fresh_every):
            if killed >= rounds:
                break
            workers = [Child(worker, root, chance.randrange(10**9) * 2)]
            if chance.random() < 0.3 and worker is work:
                # The garbage of two is collected by neither: what one has put, the other must spare for a while.
                workers[0].kill()
                workers = [Child(work, root, chance.randrange(10**9) * 2 + number, 3600.0) for number in (0, 1)]
            time.sleep(0.01 + chance.random() * 0.12)
            for one in workers:
                ledger.hear(one.kill())
                assert one.code != TRACEBACK
                killed += 1
            ledger.check(root)
        facts += ledger.facts
    return facts

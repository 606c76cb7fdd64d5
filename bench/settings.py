"""How long, how often and how much: what a full, a quick and a smoke run differ in.

Not here: what is measured (rows/) and by whom (peers.py)."""

import dataclasses
import os
import pathlib

BENCH = pathlib.Path(__file__).resolve().parent
ROOT = BENCH.parent
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "maitred-bench"

PROGRAM_CORE = 0
"""The core of the program under test, and of nothing else."""
OTHER_CORE = 1
"""The core of the origin, the load generators and this script."""

CONNECTIONS = 64
MEBIBYTE = 1024 * 1024


@dataclasses.dataclass
class Settings:
    """One mode of running."""

    mode: str
    rounds: int
    seconds: int
    """Of measuring, a turn."""
    warmup: int
    """Seconds of load before each measurement; 0: none."""
    idle: int
    """Connections left open in the row `idle`."""
    routes: int
    """The large table of the rows `routes` and `reload`."""
    reload_seconds: int
    slow: int
    """Slow clients."""


MODES = {
    "full": Settings("full", rounds=5, seconds=5, warmup=1, idle=10_000, routes=10_000, reload_seconds=20, slow=10_000),
    "quick": Settings("quick", rounds=3, seconds=2, warmup=1, idle=4_000, routes=10_000, reload_seconds=6, slow=3_000),
    "smoke": Settings("smoke", rounds=1, seconds=1, warmup=0, idle=200, routes=1_000, reload_seconds=3, slow=150),
}

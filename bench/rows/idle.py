"""Memory of a keep-alive connection on which nothing happens."""

import time

from generators import Rejected
from peers import descriptors
from turns import take_turns
from verdict import claim

SOURCES = 250
"""From so many client addresses, because a gateway may limit the connections of one."""

TITLE = "Memory of an idle connection"
ABOUT = (
    "Connections are opened, each sends one request and stays open. Growth of the program's written private memory "
    "(Private_Dirty in smaps_rollup, all its processes) ÷ connections; memory of the kernel is not in it. What a program allots to "
    "connections before they come, as nginx does, is not in it either. The relay holds a connection to the origin for each client."
)
COLUMNS = [("bytes", "bytes a connection", 0), ("pss_bytes", "by Pss", 0), ("start_mib", "MiB before", 1), ("connections", "connections", 0)]


def run(bench):
    with bench.origin() as origin:

        def turn(program):
            with bench.serving(program, origin) as process:
                return fill(bench, program, process)

        runs = take_turns(bench, "idle", bench.programs, turn)
    claims = []
    if "maitred" in runs:
        values = [each["bytes"] for each in runs["maitred"]]
        claims.append(claim("bytes of an idle HTTP/1.1 connection in the clear", values, 1024, "B"))
    return runs, {program.name: program.label for program in bench.programs}, claims


def fill(bench, program, process):
    both_sides = 2 if program.name == "relay" else 1
    count = min(bench.settings.idle, (descriptors() - 400) // both_sides)
    if bench.settings.warmup:
        bench.loadgen.load(process.port, bench.settings.warmup, connections=64, rate=2000, path="/", expect_length=128)
    time.sleep(0.5)
    before = process.memory()
    with bench.loadgen.start("idle", process.port, connections=count, sources=SOURCES, path="/") as clients:
        clients.line()
        time.sleep(min(2, bench.settings.seconds))
        after = process.memory()
        closed = clients.finish()["closed"]
    if closed:
        raise Rejected(f"{closed} of {count} connections were closed")
    return {
        "bytes": (after["private"] - before["private"]) / count,
        "pss_bytes": (after["pss"] - before["pss"]) / count,
        "start_mib": before["private"] / 2**20,
        "connections": count,
    }

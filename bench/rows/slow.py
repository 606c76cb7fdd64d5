"""Thousands of slow clients, and what another client notices of them."""

import time

from settings import MEBIBYTE
from turns import take_turns
from verdict import claim

SOURCES = 250
"""From so many client addresses, because a gateway may limit the connections of one."""
UNSENT = 64 * 1024
"""Of each answer in the origin's kernel: with more, thousands of them are a test of the machine's memory."""
SETTLE = {"full": 12, "quick": 3, "smoke": 1}
"""Seconds before the measurement: in a full run until the first heads have timed out."""

TITLE = "Slow clients"
ABOUT = (
    "One client asks on one connection, each time as soon as it is answered: alone, then while slow clients send a head, send a body or "
    "read 1 MiB at one byte a second (a third each; who is cut off comes back at once), then alone again. Throughput with them ÷ the mean "
    "without. The relay holds two descriptors for every slow client, more than a process may have here, and is left out."
)
COLUMNS = [
    ("kept", "throughput kept", 3),
    ("rps_alone", "requests/s alone", 0),
    ("rps_beside", "beside", 0),
    ("p99_alone_us", "p99 µs alone", 0),
    ("p99_beside_us", "beside", 0),
    ("idle_cpu", "% CPU for the slow alone", 1),
    ("cut_off", "cut off a second", 0),
    ("clients", "slow clients", 0),
]


def run(bench):
    programs = [program for program in bench.programs if program.name != "relay"]
    if not programs:
        return {}, {}, []
    with bench.origin(UNSENT) as origin:
        runs = take_turns(bench, "slow", programs, lambda program: turn(bench, program, origin))
    claims = []
    if "maitred" in runs:
        values = [each["kept"] for each in runs["maitred"]]
        claims.append(claim("throughput of another client, beside slow ones ÷ alone", values, 0.90, "×", at_least=True))
    return runs, {program.name: program.label for program in programs}, claims


def turn(bench, program, origin):
    settings = bench.settings
    with bench.serving(program, origin) as process:
        before = victim(bench, process)
        slow = {"connections": settings.slow, "sources": SOURCES, "path": f"/bytes/{MEBIBYTE}"}
        with bench.loadgen.start("slow", process.port, **slow) as crowd:
            crowd.line()
            begin, used = time.monotonic(), process.cpu()
            time.sleep(SETTLE[settings.mode])
            share = (process.cpu() - used).total / (time.monotonic() - begin)
            beside = victim(bench, process)
            counted = crowd.finish()
            seconds = time.monotonic() - begin
        time.sleep(SETTLE[settings.mode] / 6)
        after = victim(bench, process)
    alone = (before["rps"] + after["rps"]) / 2
    return {
        "kept": beside["rps"] / alone,
        "rps_alone": alone,
        "rps_beside": beside["rps"],
        "p99_alone_us": (before["latency_us"]["p99"] + after["latency_us"]["p99"]) / 2,
        "p99_beside_us": beside["latency_us"]["p99"],
        "idle_cpu": share * 100,
        "cut_off": counted["reopened"] / seconds,
        "clients": settings.slow,
    }


def victim(bench, process):
    """One client, and long enough that heads which time out after ten seconds are part of it."""
    seconds = bench.settings.seconds * (2 if bench.settings.mode == "full" else 1)
    return bench.loadgen.load(process.port, seconds, connections=1, path="/", expect_length=128)

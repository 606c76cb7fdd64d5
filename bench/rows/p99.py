"""Latency at half load, the same load for all."""

import dataclasses
import statistics

from settings import CONNECTIONS
from turns import measured, take_turns
from verdict import better_claim

TITLE = "Latency at half load"
ABOUT = (
    f"loadgen at a constant rate on {CONNECTIONS} connections: half of what the slowest program serves at most, the same for all. A request's time counts "
    "from when it was due, whether or not an earlier one was late (no coordinated omission). “Sent late” is the "
    "generator's own delay at its 99th percentile: if it is not far below the latencies, these say nothing. “No proxy” asks the origin itself."
)
COLUMNS = [
    ("p99_us", "p99 µs", 0),
    ("p50_us", "p50", 0),
    ("p999_us", "p99.9", 0),
    ("max_us", "slowest", 0),
    ("cpu_us", "CPU µs a request", 2),
    ("late_us", "sent late, p99 µs", 1),
    ("rate", "requests/s", 0),
]


@dataclasses.dataclass
class NoProxy:
    """The origin itself: the floor of every latency here."""

    name: str = "direct"
    label: str = "no proxy"


def run(bench):
    with bench.origin() as origin:
        rate = half_of_the_slowest(bench, origin)

        def turn(program):
            if program.name == "direct":
                return at_rate(bench, origin, origin, rate)
            with bench.serving(program, origin) as process:
                return at_rate(bench, process, origin, rate)

        contestants = [NoProxy(), *bench.programs]
        runs = take_turns(bench, "p99", contestants, turn)
    text = "p99 ÷ the better of nginx and HAProxy"
    claims = [better_claim(runs, "p99_us", "maitred", ("nginx", "haproxy"), text, 1.00)]
    return runs, {contestant.name: contestant.label for contestant in contestants}, claims


def half_of_the_slowest(bench, origin):
    """The rate of this row: half of the throughput of the program that has least of it, in hundreds."""
    settings = bench.settings

    def saturate(program):
        with bench.serving(program, origin) as process:
            runs = [
                bench.loadgen.load(process.port, settings.seconds, connections=CONNECTIONS, path="/", expect_length=128)["rps"]
                for _ in range(3 if settings.mode == "full" else 1)
            ]
            return statistics.median(runs)

    slowest = min(saturate(program) for program in bench.programs)
    return max(100, int(slowest / 2 // 100 * 100))


def at_rate(bench, process, origin, rate):
    settings = bench.settings
    options = {"connections": CONNECTIONS, "rate": rate, "path": "/", "expect_length": 128}
    if settings.warmup:
        bench.loadgen.load(process.port, settings.warmup, **options)
    counted, used, others = measured(process, origin, lambda: bench.loadgen.load(process.port, settings.seconds, **options))
    latency = counted["latency_us"]
    return {
        "p99_us": latency["p99"],
        "p50_us": latency["p50"],
        "p999_us": latency["p999"],
        "max_us": latency["max"],
        "cpu_us": used.total * 1e6 / latency["count"],
        "late_us": counted["lateness_us"]["p99"],
        "rate": rate,
        "others": others,
    }

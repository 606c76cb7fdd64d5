"""Routing: the same requests with a table of ten routes and with a large one."""

import dataclasses

import tables
from settings import CONNECTIONS
from turns import measured, take_turns
from verdict import ratio_claim

SMALL = 10

TITLE = "Routing"
ABOUT = (
    "Requests spread over all routes of the table: a third prefixes, a third with a parameter, a third exact paths. "
    "nginx has locations of the same kinds, a prefix in place of a parameter."
)
COLUMNS = [("cpu_us", "CPU µs a request", 2), ("user_us", "of it user", 2), ("rps", "requests/s", 0)]


@dataclasses.dataclass
class Contestant:
    """A program with a table of a size."""

    program: object
    count: int

    @property
    def name(self):
        return f"{self.program.name}-{self.count}"


def run(bench):
    large = bench.settings.routes
    programs = [program for program in bench.programs if program.tables]
    contestants = [Contestant(program, count) for program in programs for count in (SMALL, large)]
    files = {count: paths_file(bench, count) for count in (SMALL, large)}
    with bench.origin() as origin:

        def turn(contestant):
            with bench.serving(contestant.program, origin, routes=contestant.count) as process:
                options = {"connections": CONNECTIONS, "paths": files[contestant.count], "expect_length": 128}
                if bench.settings.warmup:
                    bench.loadgen.load(process.port, bench.settings.warmup, **options)
                counted, used, others = measured(
                    process, origin, lambda: bench.loadgen.load(process.port, bench.settings.seconds, **options)
                )
                each = 1e6 / counted["latency_us"]["count"]
                return {
                    "cpu_us": used.total * each,
                    "user_us": used.user * each,
                    "rps": counted["rps"],
                    "others": others,
                }

        runs = take_turns(bench, "routes", contestants, turn)
    labels = {each.name: f"{each.program.label}, {each.count:,} routes" for each in contestants}
    text = f"CPU a request, {large:,} routes ÷ {SMALL}"
    return runs, labels, [ratio_claim(runs, "cpu_us", f"maitred-{large}", f"maitred-{SMALL}", text, 1.05)]


def paths_file(bench, count):
    file = bench.folder / f"paths-{count}"
    file.write_text("\n".join(tables.paths(count)))
    return file

"""Plain proxying: CPU per request, HTTP/1.1 keep-alive, answers of 128 bytes."""

from generators import wrk
from peers import MaitredWithDefaults
from settings import CONNECTIONS
from turns import measured, take_turns
from verdict import better_claim, ratio_claim

TITLE = "Plain proxying, HTTP/1.1"
ABOUT = (
    f"wrk, {CONNECTIONS} keep-alive connections, answers of 128 bytes, six usual request headers, one header added on each way. "
    "CPU is user and system time of all processes of the program ÷ requests. Throughput is capped by the other core."
)
COLUMNS = [
    ("cpu_us", "CPU µs a request", 2),
    ("user_us", "of it user", 2),
    ("system_us", "system", 2),
    ("rps", "requests/s", 0),
]


def run(bench):
    programs = [*bench.programs]
    programs += [MaitredWithDefaults(program.binary) for program in bench.programs if program.name == "maitred"]
    with bench.origin() as origin:

        def turn(program):
            with bench.serving(program, origin) as process:
                if bench.settings.warmup:
                    wrk(process.port, "/", bench.settings.warmup)
                counted, used, others = measured(process, origin, lambda: wrk(process.port, "/", bench.settings.seconds))
                each = 1e6 / counted["requests"]
                return {
                    "cpu_us": used.total * each,
                    "user_us": used.user * each,
                    "system_us": used.system * each,
                    "rps": counted["rps"],
                    "requests": counted["requests"],
                    "others": others,
                }

        runs = take_turns(bench, "plain", programs, turn)
    claims = [
        ratio_claim(runs, "cpu_us", "maitred", "relay", "CPU a request ÷ the TCP relay", 1.10),
        better_claim(runs, "cpu_us", "maitred", ("nginx", "haproxy"), "CPU a request ÷ the better of nginx and HAProxy", 0.90),
    ]
    return runs, {program.name: program.label for program in programs}, claims

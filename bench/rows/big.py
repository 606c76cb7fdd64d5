"""Large bodies: CPU per MiB, answers and requests of 1 MiB."""

from generators import wrk
from settings import MEBIBYTE
from turns import measured, take_turns
from verdict import better_claim

CLIENTS = 16

TITLE = "1 MiB bodies"
ABOUT = (
    f"{CLIENTS} keep-alive connections. Down: answers of 1 MiB (wrk); up: requests of 1 MiB (loadgen). CPU of the program ÷ MiB. "
    "nginx buffers answers as it does by default, but never on disk, and does not buffer requests."
)
COLUMNS = [
    ("down_ms", "CPU ms a MiB, down", 3),
    ("up_ms", "up", 3),
    ("down_mib_s", "MiB/s down", 0),
    ("up_mib_s", "up", 0),
]


def run(bench):
    seconds, path = bench.settings.seconds, f"/bytes/{MEBIBYTE}"
    with bench.origin() as origin:

        def turn(program):
            with bench.serving(program, origin) as process:
                if bench.settings.warmup:
                    wrk(process.port, path, bench.settings.warmup, CLIENTS)
                down, down_cpu, others = measured(process, origin, lambda: wrk(process.port, path, seconds, CLIENTS))
                up, up_cpu, _ = measured(process, origin, lambda: upload(bench, process.port, seconds))
                return {
                    "down_ms": down_cpu.total * 1e3 / (down["bytes"] / MEBIBYTE),
                    "up_ms": up_cpu.total * 1e3 / up["latency_us"]["count"],
                    "down_mib_s": down["bytes"] / MEBIBYTE / down["micros"] * 1e6,
                    "up_mib_s": up["rps"],
                    "others": others,
                }

        runs = take_turns(bench, "big", bench.programs, turn)
    better = "the better of nginx and HAProxy"
    claims = [
        better_claim(runs, "down_ms", "maitred", ("nginx", "haproxy"), f"CPU a MiB down ÷ {better}", 1.00),
        better_claim(runs, "up_ms", "maitred", ("nginx", "haproxy"), f"CPU a MiB up ÷ {better}", 1.00),
    ]
    return runs, {program.name: program.label for program in bench.programs}, claims


def upload(bench, port, seconds):
    return bench.loadgen.load(port, seconds, connections=CLIENTS, path="/", body=MEBIBYTE, expect_length=128)

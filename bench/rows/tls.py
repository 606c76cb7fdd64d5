"""TLS 1.3 from clients: full and resumed handshakes, and requests on connections that stay."""

from generators import tls_clients, wrk
from settings import CONNECTIONS
from turns import measured, take_turns
from verdict import better_claim

TITLE = "TLS 1.3 from clients"
ABOUT = (
    "A certificate of P-256 that signs itself. Handshakes: one connection after the other, each with one request of HTTP/1.1 and closed after it; "
    "resumed: with the ticket of the one before. CPU of the program ÷ connections, the request in it. Requests: wrk on "
    f"{CONNECTIONS} connections that stay, answers of 128 bytes. The cipher is what client and program agree on by default. "
    "The relay does no TLS and is left out."
)
COLUMNS = [
    ("full_us", "CPU µs a full handshake", 1),
    ("resumed_us", "a resumed one", 1),
    ("request_us", "a request", 2),
    ("full_rate", "connections/s, full", 0),
    ("resumed_rate", "resumed", 0),
    ("rps", "requests/s", 0),
]


def run(bench):
    programs = [program for program in bench.programs if program.name != "relay"]
    secure = bench.certificate()
    with bench.origin() as origin:

        def turn(program):
            with bench.serving(program, origin, secure=secure) as process:
                if bench.settings.warmup:
                    connections(process.port, bench.settings.warmup, resume=0)
                full, full_cpu, others = measured(process, origin, lambda: connections(process.port, bench.settings.seconds, 0))
                again, again_cpu, _ = measured(process, origin, lambda: connections(process.port, bench.settings.seconds, 1))
                if bench.settings.warmup:
                    wrk(process.port, "/", bench.settings.warmup, scheme="https")
                kept, kept_cpu, _ = measured(
                    process, origin, lambda: wrk(process.port, "/", bench.settings.seconds, scheme="https")
                )
                return {
                    "full_us": full_cpu.total * 1e6 / full["connections"],
                    "resumed_us": again_cpu.total * 1e6 / again["connections"],
                    "request_us": kept_cpu.total * 1e6 / kept["requests"],
                    "full_rate": full["connections"] / full["seconds"],
                    "resumed_rate": again["connections"] / again["seconds"],
                    "rps": kept["rps"],
                    "cipher": full["cipher"],
                    "others": others,
                }

        runs = take_turns(bench, "tls", programs, turn)
    better = "÷ the better of nginx and HAProxy"
    claims = [
        better_claim(runs, "full_us", "maitred", ("nginx", "haproxy"), f"CPU a full handshake {better}", 0.90),
        better_claim(runs, "request_us", "maitred", ("nginx", "haproxy"), f"CPU a request over TLS {better}", 0.90),
    ]
    return runs, {program.name: program.label for program in programs}, claims


def connections(port, seconds, resume):
    with tls_clients("connections", port, seconds=seconds, resume=resume) as clients:
        return clients.line()

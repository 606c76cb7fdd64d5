"""Memory of a connection over TLS on which nothing happens, with HTTP/1.1 and with HTTP/2."""

import time

from generators import Rejected, tls_clients, wrk
from turns import take_turns
from verdict import claim

SOURCES = 250
"""From so many client addresses, because a gateway may limit the connections of one."""

TITLE = "Memory of an idle connection over TLS"
ABOUT = (
    "As in the row without TLS, over TLS 1.3, each with one request and its answer: HTTP/1.1, and HTTP/2 in a turn of its own. "
    "The relay does no TLS and is left out."
)
COLUMNS = [
    ("http1_bytes", "bytes a connection, HTTP/1.1", 0),
    ("http2_bytes", "HTTP/2", 0),
    ("start_mib", "MiB before", 1),
    ("connections", "connections", 0),
]


def run(bench):
    programs = [program for program in bench.programs if program.name != "relay"]
    secure = bench.certificate()
    # Handshakes take long to make.
    count = bench.settings.idle // 5
    with bench.origin() as origin:

        def turn(program):
            grown = {}
            for protocol in ("http/1.1", "h2"):
                with bench.serving(program, origin, secure=secure) as process:
                    grown[protocol], start = fill(bench, process, protocol, count)
            return {
                "http1_bytes": grown["http/1.1"] / count,
                "http2_bytes": grown["h2"] / count,
                "start_mib": start / 2**20,
                "connections": count,
            }

        runs = take_turns(bench, "idle_tls", programs, turn)
    claims = []
    for key, protocol in (("http1_bytes", "HTTP/1.1"), ("http2_bytes", "HTTP/2")):
        if values := [each[key] for each in runs.get("maitred", [])]:
            claims.append(claim(f"bytes of an idle {protocol} connection over TLS", values, 10 * 1024, "B"))
    return runs, {program.name: program.label for program in programs}, claims


def fill(bench, process, protocol, count):
    """How much the program's private memory grows by so many connections, and what it was before."""
    if bench.settings.warmup:
        wrk(process.port, "/", bench.settings.warmup, scheme="https")
    time.sleep(0.5)
    before = process.memory()["private"]
    with tls_clients("idle", process.port, connections=count, sources=SOURCES, protocol=protocol) as clients:
        clients.line()
        time.sleep(min(2, bench.settings.seconds))
        after = process.memory()["private"]
        closed = clients.finish()["closed"]
    if closed:
        raise Rejected(f"{closed} of {count} connections were closed")
    return after - before, before

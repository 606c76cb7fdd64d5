"""Reloading a large document under load: how long until it acts, and what the clients notice."""

import dataclasses
import os
import socket
import statistics
import time

import tables
from generators import Rejected
from process import Broken
from settings import CONNECTIONS
from turns import take_turns
from verdict import claim

RATE = 2_000
LONG_ANSWERS = 8
LONG_MILLIS = 2_500
LIMIT = 10
"""Seconds after which a reload that has not come is a failure."""

TITLE = "Reload under load"
ABOUT = (
    f"{RATE:,} requests a second over all routes, and {LONG_ANSWERS} connections whose answers take {LONG_MILLIS / 1000} s and so span reloads. "
    "Once a second the file is replaced (written beside, then renamed) by one that changes every route's pipeline and the answer of a "
    "marker route; the time is from the rename until the marker shows it. “Calm” is the same without reloads. Failed requests are "
    "counted here, not rejected, and so are connections that were closed between two requests."
)
COLUMNS = [
    ("reload_ms", "slowest reload, ms", 0),
    ("median_ms", "median reload, ms", 0),
    ("reloads", "reloads", 0),
    ("slowest_ms", "slowest request, ms", 1),
    ("p99_ms", "p99, ms", 2),
    ("failed", "failed", 0),
    ("closed", "connections closed", 0),
]


@dataclasses.dataclass
class Contestant:
    """The gateway, left alone or reloaded."""

    program: object
    name: str
    label: str


def run(bench):
    programs = bench.chosen("maitred")
    if not programs:
        return {}, {}, []
    count = bench.settings.routes
    label = f"maitred, {count:,} routes"
    contestants = [
        Contestant(programs[0], "calm", f"{label}, calm"),
        Contestant(programs[0], "reloading", f"{label}, a reload every second"),
    ]
    paths = bench.folder / "paths-reload"
    paths.write_text("\n".join(tables.paths(count)))
    with bench.origin() as origin:
        runs = take_turns(bench, "reload", contestants, lambda contestant: turn(bench, contestant, origin, paths))
    return runs, {contestant.name: contestant.label for contestant in contestants}, claims_of(runs, count)


def claims_of(runs, count):
    calm, reloading = runs["calm"], runs["reloading"]
    slowest = [each["reload_ms"] for each in reloading]
    failed = [each["failed"] for each in reloading]
    later = [busy["slowest_ms"] - quiet["slowest_ms"] for quiet, busy in zip(calm, reloading, strict=True)]
    return [
        claim(f"reload of {count:,} routes, the slowest of each run", slowest, 1000, "ms"),
        claim("failed requests in a run", failed, 0, ""),
        claim("slowest request, more than in a calm run", later, 50, "ms"),
    ]


def turn(bench, contestant, origin, paths):
    settings = bench.settings
    seconds = settings.reload_seconds + settings.warmup + 1
    with bench.serving(contestant.program, origin, routes=settings.routes, marker="v0") as process:
        options = {"seconds": seconds, "expect_length": 128}
        many = {"connections": CONNECTIONS, "rate": RATE, "paths": paths, **options}
        with bench.loadgen.start("load", process.port, **many) as load:
            slow = {"connections": LONG_ANSWERS, "path": f"/slow/{LONG_MILLIS}", **options}
            with bench.loadgen.start("load", process.port, **slow) as long:
                time.sleep(settings.warmup)
                reloading = contestant.name == "reloading"
                times = reloads(contestant, process, settings.reload_seconds) if reloading else [0.0]
                process.check_alive()
                if reloading and not load.running():
                    raise Broken("the load ended before the last reload")
                counts = [load.counts(), long.counts()]
    failed = sum(each["failed"] for each in counts)
    if failed and settings.mode == "smoke":
        raise Rejected(f"{failed} requests failed")
    latency = counts[0]["latency_us"]
    return {
        "reload_ms": max(times),
        "median_ms": statistics.median(times),
        "reloads": len(times) if reloading else 0,
        "slowest_ms": latency["max"] / 1e3,
        "p99_ms": latency["p99"] / 1e3,
        "failed": failed,
        "closed": sum(each["reconnects"] for each in counts),
    }


def reloads(contestant, process, seconds):
    """Replaces the file once a second; the milliseconds that each took to act."""
    times = []
    file = process.folder / "maitred.yaml"
    fresh = process.folder / "maitred.yaml.new"
    with Marker(process.port) as marker:
        start = time.monotonic()
        for number in range(seconds):
            text = f"v{number + 1}"
            fresh.write_text(contestant.program.document(dataclasses.replace(process.site, marker=text)))
            time.sleep(max(0.0, start + number - time.monotonic()))
            os.replace(fresh, file)
            times.append(marker.wait_for(text) * 1e3)
            if time.monotonic() > start + seconds:
                break
    return times


class Marker:
    """A client that asks for the marker until it shows what was written."""

    def __init__(self, port):
        self.port = port
        self.stream = None

    def __enter__(self):
        self.stream = socket.create_connection(("127.0.0.1", self.port), 5)
        return self

    def __exit__(self, *_):
        self.stream.close()

    def wait_for(self, text):
        """Seconds until it answers the text, to about five milliseconds."""
        begin = time.monotonic()
        while time.monotonic() - begin < LIMIT:
            if self.ask() == text:
                return time.monotonic() - begin
            time.sleep(0.005)
        raise Rejected(f"the marker did not show {text} within {LIMIT} s")

    def ask(self):
        self.stream.sendall(f"GET /marker HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n\r\n".encode())
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += self.more()
        head, _, body = answer.partition(b"\r\n\r\n")
        fields = dict(line.lower().split(b":", 1) for line in head.split(b"\r\n")[1:])
        while len(body) < int(fields[b"content-length"]):
            body += self.more()
        if fields.get(b"connection", b"").strip() == b"close":
            self.__exit__()
            self.__enter__()
        return body.decode("latin-1").strip()

    def more(self):
        chunk = self.stream.recv(65536)
        if not chunk:
            raise Rejected("the marker's connection was closed during an answer")
        return chunk

"""Answers from the cache, in memory."""

import os
import pathlib
import tempfile

from caches import CachingHaproxy, CachingMaitred, CachingNginx, Varnish
from generators import Rejected, wrk
from process import get
from turns import measured, take_turns
from verdict import better_claim, ratio_claim

SMALL, LARGE = 1024, 100 * 1024

TITLE = "Answers from the cache"
ABOUT = (
    f"One answer of {SMALL} bytes, and one of {LARGE // 1024} KiB, that the origin gave once (which is checked), beside maitred that fetches each. nginx keeps files, on tmpfs where "
    "there is one, and sends them with sendfile; Varnish has its threads in one pool, and does not look at cookies."
)
COLUMNS = [
    ("small_us", "CPU µs a request, 1 KiB", 2),
    ("large_us", "100 KiB", 2),
    ("small_rps", "requests/s, 1 KiB", 0),
    ("large_rps", "100 KiB", 0),
]


def run(bench):
    memory = pathlib.Path("/dev/shm")
    with tempfile.TemporaryDirectory(prefix="maitred-bench-", dir=memory if os.access(memory, os.W_OK) else bench.folder) as store, bench.origin() as origin:
        programs = contestants(bench, store)

        def turn(program):
            path = "/bytes" if program.name == "maitred" else "/kept"
            with bench.serving(program, origin) as process:
                figures = {}
                for size, bytes_of in (("small", SMALL), ("large", LARGE)):
                    figures.update(load(bench, process, origin, f"{path}/{bytes_of}", size))
                return figures

        runs = take_turns(bench, "cache", programs, turn)
    claims = [
        ratio_claim(runs, "small_us", "maitred-cache", "maitred", "CPU an answer of 1 KiB ÷ maitred that fetches it", 0.60),
        better_claim(runs, "small_us", "maitred-cache", ("nginx-cache", "varnish"), "CPU an answer of 1 KiB ÷ the better of nginx and Varnish", 1.00),
    ]
    return runs, {program.name: program.label for program in programs}, claims


def contestants(bench, store):
    """maitred that fetches, and all that keep."""
    programs = bench.chosen("maitred")
    keeping = [CachingNginx(store) for _ in bench.chosen("nginx")]
    keeping += [CachingHaproxy() for _ in bench.chosen("haproxy")]
    keeping += [CachingMaitred(maitred.binary) for maitred in programs]
    for program in keeping:
        program.name += "-cache"
    return [*programs, *keeping, *bench.joined(Varnish(cookies=False))]


def load(bench, process, origin, path, size):
    """The figures for answers of one size; every one of them was made before, where the program keeps answers."""
    seconds = bench.settings.seconds
    if bench.settings.warmup:
        wrk(process.port, path, bench.settings.warmup)
    first = tag(process.port, path)
    counted, used, others = measured(process, origin, lambda: wrk(process.port, path, seconds))
    if first != tag(process.port, path):
        raise Rejected(f"{process.name} asked the origin again")
    return {f"{size}_us": used.total * 1e6 / counted["requests"], f"{size}_rps": counted["rps"], "others": others}


def tag(port, path):
    """The `ETag` of the answer, which is another one each time that the origin makes it."""
    _, fields, _ = get(port, path)
    return next((field for field in fields if field.lower().startswith("etag:")), None)

"""A limit counted in Redis: one round trip for each request."""

import contextlib
import re
import shutil

from limiters import KEYS, RATE, LimitingMaitred, key_fields
from peers import output_of
from process import Cpu, Process
from settings import OTHER_CORE
from turns import fields_turn, take_turns

TITLE = "A limit in Redis"
ABOUT = (
    f"The limit of {RATE:,} requests a second for each of {KEYS:,} clients, counted in the process, and in a Redis on the other core: one round trip for each request. "
    "CPU is maitred's alone; Redis, the origin and the clients share the other core, which caps the throughput. nginx and HAProxy cannot count there, and Envoy "
    "only through a service of its own, so that nothing stands beside it."
)
COLUMNS = [("cpu_us", "CPU µs a request", 2), ("user_us", "of it user", 2), ("rps", "requests/s", 0)]


def run(bench):
    maitreds = bench.chosen("maitred")
    if not maitreds or bench.lacks(RedisServer):
        return {}, {}, []
    fields = bench.folder / "fields-limits-redis"
    fields.write_text("\n".join(key_fields()))
    with bench.origin() as origin, RedisServer(bench) as redis:
        programs = []
        for maitred in maitreds:
            programs += [
                maitred,
                LimitingMaitred(maitred.binary, "maitred-memory", "maitred, counted in the process", by_header=True),
                LimitingMaitred(maitred.binary, "maitred-redis", "maitred, counted in Redis", by_header=True, redis=redis.url),
            ]
        beside = Together(origin, redis.process)
        runs = take_turns(bench, "limits_redis", programs, lambda program: fields_turn(bench, program, origin, fields, beside))
    return runs, {program.name: program.label for program in programs}, []


class RedisServer(contextlib.ExitStack):
    """A Redis that keeps nothing on disk, on the other core; use it as a context."""

    name = "redis"

    @staticmethod
    def missing():
        return None if shutil.which("redis-server") else "redis-server is not installed (apt-get install redis-server)"

    @staticmethod
    def version():
        return re.sub(r"Redis server v=(\S+) .*", r"Redis \1", output_of("redis-server", "--version"))

    def __init__(self, bench):
        super().__init__()
        port = bench.ports.take()
        self.url = f"redis://127.0.0.1:{port}"
        command = ["redis-server", "--port", port, "--bind", "127.0.0.1", "--dir", bench.folder, "--save", "", "--appendonly", "no"]
        self.process = self.enter_context(Process("redis", command, OTHER_CORE, bench.folder))


class Together:
    """Processes whose time is not others' (see `machine.Watch`)."""

    def __init__(self, *processes):
        self.processes = processes

    def cpu(self):
        used = [process.cpu() for process in self.processes]
        return Cpu(sum(each.user for each in used), sum(each.system for each in used))

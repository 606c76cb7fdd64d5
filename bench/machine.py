"""The machine: what it is, and how much of it others used while something was measured."""

import datetime
import os
import pathlib
import platform
import re
import resource
import subprocess
import time

from process import TICKS
from settings import OTHER_CORE, PROGRAM_CORE

NOISE = 0.05
"""The share of a core that others may take before a run is called disturbed."""


def description():
    """One dictionary for the head of the results."""
    cpu = re.search(r"model name\s*:\s*(.*)", pathlib.Path("/proc/cpuinfo").read_text())
    huge = pathlib.Path("/sys/kernel/mm/transparent_hugepage/enabled")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "cpu": cpu[1] if cpu else platform.machine(),
        "cores": os.cpu_count(),
        "memory_gib": round(memory, 1),
        "kernel": platform.release(),
        "system": system_name(),
        "huge_pages": re.search(r"\[(\w+)\]", huge.read_text())[1] if huge.exists() else "none",
        "descriptors": resource.getrlimit(resource.RLIMIT_NOFILE)[0],
        "rustc": subprocess.run(["rustc", "-V"], capture_output=True, text=True, check=False).stdout.strip(),
    }


def system_name():
    release = pathlib.Path("/etc/os-release")
    found = re.search(r'PRETTY_NAME="(.*)"', release.read_text()) if release.exists() else None
    return found[1] if found else platform.system()


def today():
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")


def raise_descriptor_limit():
    """As many descriptors as this user may have: for this script and all that it starts."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def busy(core):
    """Seconds that a core was not idle since the machine started."""
    for line in pathlib.Path("/proc/stat").read_text().splitlines():
        name, *fields = line.split()
        if name == f"cpu{core}":
            user, nice, system, _idle, _wait, irq, softirq, steal = map(int, fields[:8])
            return (user + nice + system + irq + softirq + steal) / TICKS
    raise OSError(f"no core {core}")


def own_time():
    """Processor seconds of this script and of the generators that have ended."""
    usages = (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


class Watch:
    """How far others disturbed a run, from its making until `others` is asked: on the first core the larger of the time
    that others used there and the time that the program waited for it, on the second the time that others used.

    Generators that still run count as others: ask only once they have ended."""

    def __init__(self, program, origin):
        self.program, self.origin = program, origin
        self.before = self.now()

    def now(self):
        program = self.program.cpu().total
        return {
            "time": time.monotonic(),
            "waited": self.program.waited(),
            PROGRAM_CORE: busy(PROGRAM_CORE) - program,
            OTHER_CORE: busy(OTHER_CORE) - self.origin.cpu().total - own_time(),
        }

    def others(self):
        after = self.now()
        seconds = max(after["time"] - self.before["time"], 1e-3)
        shares = {key: max(0.0, after[key] - self.before[key]) / seconds for key in ("waited", PROGRAM_CORE, OTHER_CORE)}
        return [round(max(shares["waited"], shares[PROGRAM_CORE]), 3), round(shares[OTHER_CORE], 3)]

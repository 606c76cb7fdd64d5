"""Programs as processes: start one pinned to a core, read what it has used, end it.

Only processes started here are ever signalled, each by its own id."""

import dataclasses
import os
import pathlib
import signal
import socket
import subprocess
import time

TICKS = os.sysconf("SC_CLK_TCK")


class Broken(Exception):
    """A program did not do what it must for anything to be measured."""


@dataclasses.dataclass
class Cpu:
    """Seconds of processor time."""

    user: float
    system: float

    @property
    def total(self):
        return self.user + self.system

    def __sub__(self, other):
        return Cpu(self.user - other.user, self.system - other.system)


def pinned(core, command):
    """The command on one core only, ended by the kernel should this script die."""
    return ["setpriv", "--pdeathsig", "TERM", "taskset", "-c", str(core), *map(str, command)]


class Process:
    """A running program; use it as a context."""

    def __init__(self, name, command, core, folder):
        self.name = name
        self.log = pathlib.Path(folder) / f"{name}.log"
        with self.log.open("ab") as log:
            self.child = subprocess.Popen(pinned(core, command), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.pid = self.child.pid

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def check_alive(self):
        """Raises, with the end of its log, if the program has ended."""
        if self.child.poll() is not None:
            tail = self.log.read_text(errors="replace")[-1500:]
            raise Broken(f"{self.name} ended with {self.child.returncode}:\n{tail}")

    def stop(self):
        """Ends it: first asked to, then made to."""
        workers = self.tree()[1:]
        if self.child.poll() is None:
            self.child.terminate()
            try:
                self.child.wait(5)
            except subprocess.TimeoutExpired:
                for pid in workers:
                    try:
                        os.kill(pid, signal.SIGKILL)
                    except ProcessLookupError:
                        pass
                self.child.kill()
                self.child.wait()

    def tree(self):
        """The process and all that descend from it."""
        pids = [self.pid]
        for pid in pids:
            for children in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
                try:
                    pids.extend(map(int, children.read_text().split()))
                except FileNotFoundError:
                    pass
        return pids

    def cpu(self):
        """What the whole tree has used so far, children that have ended included."""
        self.check_alive()
        user = system = 0
        for pid in self.tree():
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            utime, stime, cutime, cstime = map(int, fields[11:15])
            user += utime + cutime
            system += stime + cstime
        return Cpu(user / TICKS, system / TICKS)

    def memory(self):
        """Bytes that are the tree's own: `private` written pages, and `pss` (with its share of what is shared)."""
        self.check_alive()
        private = pss = 0
        for pid in self.tree():
            for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Private_Dirty:"):
                    private += int(line.split()[1]) * 1024
                elif line.startswith("Pss:"):
                    pss += int(line.split()[1]) * 1024
        return {"private": private, "pss": pss}

    def waited(self):
        """Seconds that its threads were ready to run but had no core: somebody else was on it."""
        total = 0
        for pid in self.tree():
            for thread in pathlib.Path(f"/proc/{pid}/task").iterdir():
                try:
                    total += int((thread / "schedstat").read_text().split()[1])
                except (FileNotFoundError, ProcessLookupError):
                    pass
        return total / 1e9


class Ports:
    """Ports that nobody listens on, below those that the kernel hands out to clients."""

    def __init__(self, first=20_000, last=32_000):
        self.candidates = iter(range(first, last))

    def take(self):
        for port in self.candidates:
            with socket.socket() as probe:
                try:
                    probe.bind(("127.0.0.1", port))
                except OSError:
                    continue
                return port
        raise Broken("no free port between 20000 and 32000")


def get(port, path, timeout=2.0, headers=()):
    """One plain GET: status, the answer's header lines, the body. Raises OSError if there is no answer."""
    lines = [f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", *headers, "Connection: close", "", ""]
    with socket.create_connection(("127.0.0.1", port), timeout) as stream:
        stream.sendall("\r\n".join(lines).encode())
        answer = b""
        while chunk := stream.recv(65536):
            answer += chunk
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *fields = head.decode("latin-1").split("\r\n")
    if not first.startswith("HTTP/1."):
        raise OSError(f"no HTTP answer: {answer[:80]!r}")
    return int(first.split()[1]), fields, body.decode("latin-1")


def wait_until_it_answers(process, port, path, seconds=30):
    """The first good answer of a program that is starting."""
    deadline = time.monotonic() + seconds
    last = "nothing"
    while time.monotonic() < deadline:
        process.check_alive()
        try:
            status, fields, body = get(port, path)
            if status == 200:
                return fields, body
            last = f"status {status}"
        except OSError as error:
            last = str(error)
        time.sleep(0.02)
    raise Broken(f"{process.name} did not answer {path} within {seconds} s: {last}")

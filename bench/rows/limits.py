"""Limits that never refuse: what counting costs."""

from limiters import KEYS, RATE, LimitingHaproxy, LimitingMaitred, LimitingNginx, key_fields
from turns import fields_turn, take_turns
from verdict import better_claim

TITLE = "Local limits"
ABOUT = (
    f"A limit of {RATE:,} requests a second for each client, which nobody reaches: clients told apart by address (there is one), or by a header with "
    f"{KEYS:,} values. Nobody tells clients how they stand, except where said. The same programs without a limit stand beside them."
)
COLUMNS = [("cpu_us", "CPU µs a request", 2), ("user_us", "of it user", 2), ("rps", "requests/s", 0)]


def run(bench):
    programs = bench.chosen("nginx", "haproxy", "maitred")
    for by_header in (False, True):
        programs += [LimitingNginx(by_header) for _ in bench.chosen("nginx")]
        programs += [LimitingHaproxy(by_header) for _ in bench.chosen("haproxy")]
        programs += [
            LimitingMaitred(maitred.binary, f"maitred-{'keys' if by_header else 'address'}", f"maitred, {'by header' if by_header else 'by address'}", by_header)
            for maitred in bench.chosen("maitred")
        ]
    programs += [
        LimitingMaitred(maitred.binary, "maitred-told", "maitred, by address, X-RateLimit-* told", by_header=False, told=True)
        for maitred in bench.chosen("maitred")
    ]
    fields = bench.folder / "fields-limits"
    fields.write_text("\n".join(key_fields()))
    with bench.origin() as origin:
        runs = take_turns(bench, "limits", programs, lambda program: fields_turn(bench, program, origin, fields))
    better = "CPU a request ÷ the better of nginx and HAProxy"
    claims = [
        better_claim(runs, "cpu_us", f"maitred-{by}", (f"nginx-{by}", f"haproxy-{by}"), f"{better}, {text}", 1.00)
        for by, text in (("address", "by address"), ("keys", f"by one of {KEYS:,} keys"))
    ]
    return runs, {program.name: program.label for program in programs}, claims

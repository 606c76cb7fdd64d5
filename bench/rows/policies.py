"""Everything that usual services ask of a gateway, beside a proxy that does none of it."""

import credentials
from limiters import RATE
from peers import MaitredClosed
from turns import fields_turn, take_turns
from verdict import ratio_claim

TITLE = "With the usual policies"
ABOUT = (
    "maitred with request ids, CORS, tokens (HS256, known), a limit in memory for each of those who show them, metrics and a JSON access log to a file, beside HAProxy that does none of it. "
    "Each request has an `Origin` and the token."
)
COLUMNS = [("cpu_us", "CPU µs a request", 2), ("user_us", "of it user", 2), ("rps", "requests/s", 0)]

ORIGIN = "https://shop.example"


def run(bench):
    programs = list(bench.chosen("haproxy"))
    (bench.folder / "secret").write_text(credentials.SECRET)
    programs += [Everything(program.binary, bench.folder) for program in bench.chosen("maitred")]
    token = credentials.hs256(1)[0]
    fields = bench.folder / "fields-policies"
    fields.write_text(f"Authorization: Bearer {token}\tOrigin: {ORIGIN}")
    with bench.origin() as origin:
        runs = take_turns(bench, "policies", programs, lambda program: fields_turn(bench, program, origin, fields))
    text = "CPU a request ÷ plain HAProxy"
    claims = [ratio_claim(runs, "cpu_us", "maitred-policies", "haproxy", text, 1.00)]
    return runs, {program.name: program.label for program in programs}, claims


class Everything(MaitredClosed):
    """All of it on the route for everything."""

    defaults = ""

    def __init__(self, binary, folder):
        issuer = (
            f'issuers: {{ bench: {{ issuer: "{credentials.ISSUER}", audience: {credentials.AUDIENCE}, '
            f'secret: "${{file:{folder}/secret}}" }} }}'
        )
        policies = f'jwt: true, cors: {{ origins: "{ORIGIN}", credentials: true }}, rate_limit: {RATE}/s'
        super().__init__(binary, "maitred-policies", "maitred, all of it", policies, [issuer])
        self.access_log = f"{{ to: {folder}/access.log, format: json }}"

"""Who may pass: API keys and tokens, as often as requests come."""

import json

import credentials
from peers import HaproxyJwt, MaitredClosed
from turns import fields_turn, take_turns
from verdict import ratio_claim

TITLE = "Who may pass"
ABOUT = (
    f"Requests with an API key of one of {credentials.CONSUMERS:,} consumers, or with a token (HS256, ES256; issuer, audience, times, roles): "
    f"the same token each time, or {credentials.TOKENS:,} in turn, far more than a gateway keeps. HAProxy checks signature and expiry of each token that it sees."
)
COLUMNS = [("cpu_us", "CPU µs a request", 2), ("user_us", "of it user", 2), ("rps", "requests/s", 0)]


def run(bench):
    contestants = Contestants(bench)
    with bench.origin() as origin:
        runs = take_turns(bench, "access", contestants.programs, lambda each: fields_turn(bench, each, origin, contestants.fields.get(each.name)))
    text = "CPU a request ÷ HAProxy, which checks the same"
    claims = [
        ratio_claim(runs, "cpu_us", f"maitred-{name}-new", f"haproxy-{name}", f"{text}: {name.upper()}, each token new", 1.00)
        for name in ("hs256", "es256")
    ]
    return runs, {program.name: program.label for program in contestants.programs}, claims


class Contestants:
    """Who takes part, and what their clients show."""

    def __init__(self, bench):
        self.bench = bench
        self.programs = list(bench.chosen("haproxy", "maitred"))
        self.fields = {}
        symmetric = credentials.hs256(credentials.TOKENS)
        jwk, asymmetric = credentials.es256(bench.loadgen, credentials.TOKENS)
        (bench.folder / "es256.json").write_text(json.dumps({"keys": [jwk]}))
        (bench.folder / "es256.pem").write_text(credentials.pem(jwk))
        if bench.chosen("haproxy"):
            self.add(HaproxyJwt("HS256", credentials.SECRET), bearers(symmetric))
            self.add(HaproxyJwt("ES256", bench.folder / "es256.pem"), bearers(asymmetric))
        for maitred in bench.chosen("maitred"):
            self.add_maitred(maitred.binary, symmetric, asymmetric)

    def add(self, program, lines):
        file = self.bench.folder / f"fields-{program.name}"
        file.write_text("\n".join(lines))
        self.programs.append(program)
        self.fields[program.name] = file

    def add_maitred(self, binary, symmetric, asymmetric):
        consumers = ["consumers:", *(f'  c{each}: {{ api_keys: "{credentials.key_hash(each)}" }}' for each in range(credentials.CONSUMERS))]
        label = f"maitred, API keys of {credentials.CONSUMERS:,}"
        self.add(MaitredClosed(binary, "maitred-keys", label, "api_key: true", consumers), credentials.key_fields())
        keys = {
            "hs256": (f'secret: "${{file:{self.secret()}}}", algorithms: HS256', symmetric),
            "es256": (f"jwks: {self.bench.folder}/es256.json", asymmetric),
        }
        for name, (key, tokens) in keys.items():
            issuer = f'issuers: {{ bench: {{ issuer: "{credentials.ISSUER}", audience: {credentials.AUDIENCE}, {key} }} }}'
            for which, shown in (("known", tokens[:1]), ("new", tokens)):
                label = f"maitred, {name.upper()}, {'the token known' if which == 'known' else 'each token new'}"
                self.add(MaitredClosed(binary, f"maitred-{name}-{which}", label, "jwt: true", [issuer]), bearers(shown))

    def secret(self):
        file = self.bench.folder / "secret"
        file.write_text(credentials.SECRET)
        return file


def bearers(tokens):
    return [f"Authorization: Bearer {token}" for token in tokens]

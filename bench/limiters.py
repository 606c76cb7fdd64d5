"""The programs with a limit in the path that never refuses: what is measured is the counting."""

from peers import HaproxyHttp, Maitred, Nginx

RATE = 1_000_000
"""Requests a second: more than any of them serves."""
KEYS = 100_000
HEADER = "X-Client"
"""What tells clients apart where not their address does."""


def key_fields():
    """A line for each request, spread over all keys in an order that no cache likes."""
    return [f"{HEADER}: client-{index * 7919 % KEYS:06}" for index in range(KEYS)]


class LimitingNginx(Nginx):
    """By the client's address, or by `HEADER`."""

    def __init__(self, by_header):
        self.key = f"$http_{HEADER.lower().replace('-', '_')}" if by_header else "$binary_remote_addr"
        self.name = f"nginx-{'keys' if by_header else 'address'}"
        self.label = f"nginx limit_req, {'by header' if by_header else 'by address'}"

    def further(self, folder):
        # Without a burst, two requests within a millisecond are one too many.
        return f"  limit_req_zone {self.key} zone=clients:64m rate={RATE}r/s;\n  limit_req zone=clients burst={RATE} nodelay;\n  limit_req_status 429;"


class LimitingHaproxy(HaproxyHttp):
    """By the client's address, or by `HEADER`."""

    def __init__(self, by_header):
        self.kind, self.key = ("string len 32", f"req.hdr({HEADER})") if by_header else ("ip", "src")
        self.name = f"haproxy-{'keys' if by_header else 'address'}"
        self.label = f"HAProxy stick table, {'by header' if by_header else 'by address'}"

    def sections(self):
        return f"backend clients\n  stick-table type {self.kind} size {2 * KEYS} expire 60s store http_req_rate(1s)"

    def header_rules(self):
        track = f"  http-request track-sc0 {self.key} table clients"
        return f"{track}\n  http-request deny deny_status 429 if {{ sc_http_req_rate(0) gt {RATE} }}\n{super().header_rules()}"


class LimitingMaitred(Maitred):
    """By the client's address, or by `HEADER`; `redis` is the URL of a store, `told` says that clients are told how they stand."""

    def __init__(self, binary, name, label, by_header, redis=None, told=False):
        super().__init__(binary)
        self.name, self.label = name, label
        by = f"header.{HEADER}" if by_header else "client.ip"
        headers = "" if told else ", headers: false"
        # A store that is away must be seen, not counted around.
        away = ", on_store_failure: deny" if redis else ""
        self.defaults = f"{Maitred.defaults}rate_limit: {{ limit: {RATE}/s, by: {by}{headers}{away} }}, "
        if redis:
            # The cores are full: who waits long for the store waits for its turn there.
            self.sections = [f'stores: {{ default: {{ redis: {{ url: "{redis}", timeout: 900ms }} }} }}']

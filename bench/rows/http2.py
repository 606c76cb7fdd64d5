"""HTTP/2 from clients, HTTP/1.1 to the origin: by prior knowledge in the clear, and over TLS."""

from generators import h2load
from turns import measured, take_turns
from verdict import ratio_claim

CLIENTS, STREAMS = 8, 32

TITLE = "HTTP/2 in, HTTP/1.1 out"
ABOUT = (
    f"h2load, {CLIENTS} connections with {STREAMS} streams each, answers of 128 bytes, one header added on each way: in the clear by prior "
    "knowledge, then over TLS 1.3. CPU of the program ÷ requests. The relay speaks no HTTP and is left out."
)
COLUMNS = [
    ("cpu_us", "CPU µs a request", 2),
    ("user_us", "of it user", 2),
    ("tls_us", "over TLS", 2),
    ("rps", "requests/s", 0),
    ("tls_rps", "over TLS", 0),
]


def run(bench):
    programs = [program for program in bench.programs if program.name != "relay"]
    secure = bench.certificate()
    with bench.origin() as origin:

        def turn(program):
            with bench.serving(program, origin, http2=True) as process:
                clear, clear_cpu, others = load(bench, process, origin, False)
            with bench.serving(program, origin, http2=True, secure=secure) as process:
                tls, tls_cpu, _ = load(bench, process, origin, True)
            return {
                "cpu_us": clear_cpu.total * 1e6 / clear["requests"],
                "user_us": clear_cpu.user * 1e6 / clear["requests"],
                "tls_us": tls_cpu.total * 1e6 / tls["requests"],
                "rps": clear["rps"],
                "tls_rps": tls["rps"],
                "others": others,
            }

        runs = take_turns(bench, "http2", programs, turn)
    text = "CPU a request of HTTP/2 ÷ HAProxy"
    claims = [
        ratio_claim(runs, "cpu_us", "maitred", "haproxy", f"{text}, in the clear", 1.00),
        ratio_claim(runs, "tls_us", "maitred", "haproxy", f"{text}, over TLS", 1.00),
    ]
    return runs, {program.name: program.label for program in programs}, claims


def load(bench, process, origin, secure):
    if bench.settings.warmup:
        h2load(process.port, "/", bench.settings.warmup, secure, CLIENTS, STREAMS)
    return measured(process, origin, lambda: h2load(process.port, "/", bench.settings.seconds, secure, CLIENTS, STREAMS))

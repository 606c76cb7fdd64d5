"""The load: `wrk`, `h2load` for HTTP/2, and our own `loadgen` and `tls_clients.py` for what these cannot do. All run on the
other core.

A run in which one request failed raises `Rejected`: no figure comes out of it."""

import json
import re
import shutil
import subprocess
import sys
import time

from process import Broken, Process, pinned, wait_until_it_answers
from settings import BENCH, CACHE, CONNECTIONS, OTHER_CORE

HEADERS = (
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Accept: text/html,application/json;q=0.9,*/*;q=0.8",
    "Accept-Language: en-GB,en;q=0.5",
    "Accept-Encoding: gzip, deflate, br",
    "Cookie: session=0123456789abcdef0123456789abcdef; theme=dark",
)
"""With `Host` the six usual request headers; loadgen sends the same."""


class Rejected(Exception):
    """A run does not count."""


def missing_tools():
    """What must be installed for anything to be measured."""
    packages = {"wrk": "wrk", "h2load": "nghttp2-client", "openssl": "openssl", "taskset": "util-linux", "setpriv": "util-linux", "cargo": "rustup or cargo"}
    return [f"{tool} is not installed ({package})" for tool, package in packages.items() if not shutil.which(tool)]


def make_certificate(folder):
    """A certificate of P-256 that signs itself: `cert.pem`, `key.pem`, and `both.pem` as HAProxy wants it."""
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30"]
    command += ["-subj", "/CN=localhost", "-keyout", folder / "key.pem", "-out", folder / "cert.pem"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0:
        raise Broken(f"openssl: {done.stdout[-800:]}")
    (folder / "both.pem").write_text((folder / "cert.pem").read_text() + (folder / "key.pem").read_text())


def h2load(port, path, seconds, secure, connections=8, streams=32):
    """Requests over HTTP/2 as fast as they are answered: `requests` and `rps`."""
    command = ["h2load", "-t1", f"-c{connections}", f"-m{streams}", f"--duration={seconds}"]
    for header in HEADERS:
        command += ["-H", header]
    url = f"{'https' if secure else 'http'}://127.0.0.1:{port}{path}"
    done = subprocess.run(
        pinned(OTHER_CORE, [*command, url]),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=seconds + 60,
    )
    pattern = r"requests: .* (\d+) done, (\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout"
    counted = re.search(pattern, done.stdout)
    if done.returncode != 0 or not counted:
        raise Broken(f"h2load ended with {done.returncode}: {done.stdout[-800:]}")
    requests, succeeded, *failed = map(int, counted.groups())
    if not requests or succeeded != requests or any(failed):
        raise Rejected(f"h2load: {counted[0]}")
    return {"requests": requests, "rps": requests / seconds}


def wrk(port, path, seconds, connections=CONNECTIONS, scheme="http"):
    """Requests as fast as they are answered. What wrk counted, `seconds` and `rps` included."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "-s", BENCH / "wrk.lua"]
    for header in HEADERS:
        command += ["-H", header]
    done = subprocess.run(
        pinned(OTHER_CORE, [*command, f"{scheme}://127.0.0.1:{port}{path}"]),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=seconds + 60,
    )
    line = next((line for line in done.stdout.splitlines() if line.startswith("JSON ")), None)
    if done.returncode != 0 or line is None:
        raise Broken(f"wrk ended with {done.returncode}: {done.stdout[-800:]}")
    counted = json.loads(line.removeprefix("JSON "))
    failed = {kind: counted[kind] for kind in ("connect", "read", "write", "status", "timeout") if counted[kind]}
    if failed or not counted["requests"]:
        raise Rejected(f"wrk: {counted['requests']} requests, failed: {failed}")
    counted["rps"] = counted["requests"] / counted["micros"] * 1e6
    return counted


class Loadgen:
    """Our own generators and the origin; built from bench/loadgen."""

    def __init__(self):
        target = CACHE / "loadgen"
        self.binary = target / "release" / "loadgen"
        manifest = BENCH / "loadgen" / "Cargo.toml"
        command = ["cargo", "build", "--quiet", "--release", "--locked", "--manifest-path", manifest, "--target-dir", target]
        if subprocess.run(command, check=False).returncode != 0:
            raise Broken("bench/loadgen does not build")

    def origin(self, port, folder, unsent=None):
        """The service behind every proxy, running; `unsent` limits what of an answer waits in its kernel."""
        command = [self.binary, "origin", "--listen", f"127.0.0.1:{port}", *(["--unsent", unsent] if unsent else [])]
        process = Process("origin", command, OTHER_CORE, folder)
        try:
            wait_until_it_answers(process, port, "/echo")
        except BaseException:
            process.stop()
            raise
        return process

    def load(self, port, seconds, **options):
        """Runs to its end; the counts of `Load.result`."""
        with Background([self.binary], "load", port, seconds=seconds, **options) as run:
            return run.result(seconds + 60)

    def start(self, subcommand, port, **options):
        """One that runs beside something else."""
        return Background([self.binary], subcommand, port, **options)


def tls_clients(subcommand, port, **options):
    """Clients of TLS, running: see `tls_clients.py`."""
    return Background([sys.executable, BENCH / "tls_clients.py"], subcommand, port, **options)


class Background:
    """A generator that is running; use it as a context."""

    def __init__(self, program, subcommand, port, **options):
        self.name = f"{program[-1].stem} {subcommand}"
        command = [*program, subcommand, "--target", f"127.0.0.1:{port}"]
        for name, value in options.items():
            command += [f"--{name.replace('_', '-')}", value]
        self.child = subprocess.Popen(
            pinned(OTHER_CORE, command),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.child.poll() is None:
            self.child.kill()
        self.child.communicate()

    def running(self):
        return self.child.poll() is None

    def line(self):
        """The next line that it prints."""
        text = self.child.stdout.readline()
        if not text:
            raise Rejected(f"{self.name}: {self.child.communicate()[1].strip()}")
        return json.loads(text)

    def finish(self):
        """Ends its input, which ends it, and takes its last line."""
        self.child.stdin.close()
        self.child.stdin = None
        return self.line()

    def result(self, timeout=300):
        """Waits for the end of a load: requests a second as `rps`, the latencies, and no failed request."""
        counted = self.counts(timeout)
        if counted["failed"]:
            raise Rejected(f"{self.name}: failed {counted['failures']} beside {counted['latency_us']['count']}")
        return counted

    def counts(self, timeout=300):
        """The same where failed requests are what is measured: they stand in `failed`."""
        deadline = time.monotonic() + timeout
        while self.running():
            if time.monotonic() > deadline:
                raise Broken(f"{self.name} did not end within {timeout} s")
            time.sleep(0.02)
        counted = self.line()
        if not counted["latency_us"]["count"]:
            raise Rejected(f"{self.name}: not one request was answered, failed: {counted['failures']}")
        counted["rps"] = counted["latency_us"]["count"] / counted["seconds"]
        return counted

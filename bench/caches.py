"""The programs that keep answers, each with the configuration that turns its cache on.

None has a lifetime of its own making: what is kept, and how long, the origin says. All keep it in memory, where they
can: nginx keeps files."""

import re
import shutil
import tempfile

from peers import HaproxyHttp, Maitred, Nginx, Program, output_of

MEMORY = 64
"""Megabytes for each cache."""


class CachingNginx(Nginx):
    name, label = "nginx", "nginx, proxy_cache"

    def __init__(self, store=None):
        self.store = store
        """The folder of what it keeps; None: its own."""

    def further(self, folder):
        place = tempfile.mkdtemp(dir=self.store or folder, prefix="nginx-cache-")
        return (
            f"  proxy_cache_path {place} levels=1:2 keys_zone=answers:8m max_size={MEMORY}m inactive=600m use_temp_path=off;\n"
            "  proxy_cache answers;\n"
            "  proxy_cache_revalidate on;\n"
            "  sendfile on;\n"
            "  tcp_nopush on;"
        )


class CachingHaproxy(HaproxyHttp):
    name, label = "haproxy", "HAProxy, cache"

    def sections(self):
        return (
            "cache answers\n"
            f"  total-max-size {MEMORY}\n"
            "  max-object-size 1000000\n"
            "  max-age 3600\n"
            "  process-vary on\n"
            "  max-secondary-entries 12"
        )

    def http_defaults(self):
        # A client of the suite that is never answered in full would wait five minutes otherwise.
        return f"{super().http_defaults()}\n  timeout client 20s\n  timeout server 20s\n  timeout http-keep-alive 20s"

    def header_rules(self):
        rules = "  filter cache answers\n  http-request cache-use answers\n  http-response cache-store answers"
        return f"{rules}\n{super().header_rules()}"


class Varnish(Program):
    """Threads as it has them by default, in one pool."""

    name, label = "varnish", "Varnish, malloc"

    def __init__(self, cookies=True):
        self.cookies = cookies
        """Whether requests with cookies are its built-in code's to decide: it never answers those from the cache."""

    def missing(self):
        return None if shutil.which("varnishd") else "varnishd is not installed (apt-get install varnish)"

    def version(self):
        return re.sub(r".*\(varnish-(\S+) .*", r"Varnish \1", output_of("varnishd", "-V").splitlines()[0])

    def command(self, site, folder):
        program = folder / "bench.vcl"
        program.write_text(f"""
vcl 4.1;
backend origin {{ .host = "127.0.0.1"; .port = "{site.origin}"; }}
sub vcl_recv {{
  set req.http.X-Bench = "1";
  {"" if self.cookies else "unset req.http.Cookie;"}
}}
sub vcl_deliver {{ set resp.http.X-Bench = "1"; }}
""")
        command = ["varnishd", "-F", "-j", "none", "-n", folder / "varnish", "-a", f"127.0.0.1:{site.port}", "-f", program]
        command += ["-s", f"malloc,{MEMORY}M", "-p", "thread_pools=1", "-p", "timeout_idle=300"]
        return command + ["-p", "default_ttl=0", "-p", "default_grace=0", "-p", "default_keep=3600"]


class TrafficServer(Program):
    """It wants a tree of folders of its own."""

    name, label = "trafficserver", "Traffic Server"
    settings = {
        "exec_thread.autoconfig": "INT 0",
        "exec_thread.limit": "INT 1",
        "accept_threads": "INT 0",
        "http.insert_response_via_str": "INT 0",
        "http.cache.required_headers": "INT 2",
        "http.push_method_enabled": "INT 0",
        "cache.ram_cache.size": f"INT {MEMORY}M",
        "url_remap.remap_required": "INT 1",
        "url_remap.pristine_host_hdr": "INT 1",
        "reverse_proxy.enabled": "INT 1",
        "log.logging_enabled": "INT 0",
        "admin.user_id": "STRING #-1",
    }
    """Of `records.config`. Answers are kept that say how long, or have a date of change: its default, and the suite's."""

    def missing(self):
        return None if shutil.which("traffic_server") else "traffic_server is not installed (apt-get install trafficserver)"

    def version(self):
        return re.search(r"Traffic Server \d[\d.]*", output_of("traffic_server", "-V"))[0]

    def command(self, site, folder):
        places = {"prefix": folder, "exec_prefix": folder, "bindir": "/usr/bin", "sbindir": "/usr/sbin"}
        for name in ("sysconfdir", "datadir", "libdir", "libexecdir", "includedir", "localstatedir", "runtimedir", "logdir", "cachedir"):
            places[name] = folder / name
            places[name].mkdir()
        settings = {**self.settings, "http.server_ports": f"STRING {site.port}:ip-in=127.0.0.1"}
        records = "".join(f"CONFIG proxy.config.{name} {value}\n" for name, value in settings.items())
        files = {
            "records.config": records,
            "remap.config": f"map / http://127.0.0.1:{site.origin}/\n",
            "storage.config": f"{places['cachedir']} {MEMORY}M\n",
            "ip_allow.yaml": "ip_allow:\n  - { apply: in, ip_addrs: 127.0.0.1, action: allow, methods: ALL }\n",
        }
        for name, text in files.items():
            (places["sysconfdir"] / name).write_text(text)
        root = folder / "runroot.yaml"
        root.write_text("".join(f"{name}: {place}\n" for name, place in places.items()))
        return ["traffic_server", f"--run-root={root}"]


class CachingMaitred(Maitred):
    name, label = "maitred", "maitred, cache"
    defaults = f"request_id: false, cache: {{ ttl: false, memory: {MEMORY}MiB }}, "

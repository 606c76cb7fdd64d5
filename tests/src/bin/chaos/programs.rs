//! The gateways before the replicas, each told the same as far as its language goes: try again what may be tried again, four times
//! in all, let no try wait for longer than a second, and look after the replicas' health. Only maitred can be told to let no
//! request wait for longer than [`DEADLINE`] whatever happens: nginx begins no other try after that, `HAProxy` counts tries alone.

use std::fmt::Write as _;
use std::time::Duration;

use maitred_tests::{Gateway, Server};

/// How long a request may take.
pub const DEADLINE: Duration = Duration::from_secs(5);

/// A gateway that runs.
pub struct Program {
    pub name: &'static str,
    runs: Runs,
}

enum Runs {
    Maitred(Box<Gateway>),
    Other(Server),
}

impl Program {
    /// maitred, and those of the others that are installed.
    pub fn all(ports: &[u16]) -> Vec<Self> {
        let maitred =
            Self { name: "maitred", runs: Runs::Maitred(Box::new(Gateway::start(&maitred(ports)))) };
        let others = [("nginx", Server::nginx(&nginx(ports))), ("haproxy", Server::haproxy(&haproxy(ports)))];
        let others = others.into_iter().filter_map(|(name, server)| {
            if server.is_none() {
                println!("{name} is not installed");
            }
            Some(Self { name, runs: Runs::Other(server?) })
        });
        [maitred].into_iter().chain(others).collect()
    }

    pub fn port(&self) -> u16 {
        match &self.runs {
            Runs::Maitred(gateway) => gateway.port("web"),
            Runs::Other(server) => server.port(),
        }
    }

    /// maitred itself.
    pub fn gateway(&self) -> Option<&Gateway> {
        match &self.runs {
            Runs::Maitred(gateway) => Some(gateway),
            Runs::Other(_) => None,
        }
    }
}

fn maitred(ports: &[u16]) -> String {
    let endpoints: Vec<String> = ports.iter().map(|port| format!("http://127.0.0.1:{port}")).collect();
    format!(
        "upstreams:
  api:
    endpoints: [{}]
    balance: least_requests
    timeouts: {{ connect: 1s, response: 1s, idle: 1s, total: 5s }}
    retries:
      attempts: 4
      retry_on: [connect_failure, reset, timeout, 5xx]
      backoff: {{ base: 10ms, max: 200ms }}
      budget: 20%
    health_check: {{ path: /healthz, interval: 1s, timeout: 500ms, unhealthy_after: 2, healthy_after: 2 }}
    outlier_detection:
      consecutive_errors: 3
      eject_for: 2s
      failure_on: [connect_failure, reset, timeout, 5xx]
routes: {{ api: {{ upstream: api }} }}
telemetry: {{ access_log: false }}
",
        endpoints.join(", ")
    )
}

fn nginx(ports: &[u16]) -> String {
    let mut servers = String::new();
    for port in ports {
        let _ = writeln!(servers, "server 127.0.0.1:{port} max_fails=3 fail_timeout=2s;");
    }
    format!(
        "upstream api {{ least_conn; {servers} keepalive 64; }}
server {{
  listen 127.0.0.1:PORT;
  keepalive_requests 10000000;
  location / {{
    proxy_pass http://api;
    proxy_http_version 1.1;
    proxy_set_header Connection \"\";
    proxy_buffering off;
    proxy_connect_timeout 1s;
    proxy_send_timeout 1s;
    proxy_read_timeout 1s;
    proxy_next_upstream error timeout http_500 http_502 http_503 http_504;
    proxy_next_upstream_tries 4;
    proxy_next_upstream_timeout 5s;
  }}
}}"
    )
}

fn haproxy(ports: &[u16]) -> String {
    let mut servers = String::new();
    for port in ports {
        let _ = writeln!(servers, "  server s{port} 127.0.0.1:{port}");
    }
    format!(
        "listen api
  mode http
  bind 127.0.0.1:PORT
  balance leastconn
  timeout connect 1s
  timeout server 1s
  timeout check 500ms
  option redispatch 1
  retries 3
  retry-on conn-failure empty-response response-timeout junk-response 500 502 503 504
  http-request disable-l7-retry if METH_POST
  option httpchk GET /healthz
  default-server check inter 1s fall 2 rise 2 observe layer7 error-limit 3 on-error mark-down
{servers}"
    )
}

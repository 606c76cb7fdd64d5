//! What a gateway uses at a moment in which nothing is asked of it.

use std::fmt;

use maitred_tests::{Gateway, eventually};

/// Memory, descriptors, connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    pub resident_kib: u64,
    pub descriptors: u64,
    pub threads: u64,
    pub connections: i64,
    pub upstream_connections: i64,
}

impl Usage {
    /// Reads it. Descriptors and connections are waited for until two looks agree: clients may just be closing theirs.
    pub fn of(gateway: &Gateway) -> Self {
        let mut last = None;
        eventually("nothing changes any more", || {
            let usage = Self::now(gateway);
            let counts = Some((usage.descriptors, usage.connections, usage.upstream_connections));
            (std::mem::replace(&mut last, counts) == counts).then_some(usage)
        })
    }

    fn now(gateway: &Gateway) -> Self {
        let metrics = gateway.metrics();
        let status = std::fs::read_to_string(format!("/proc/{}/status", gateway.pid())).unwrap();
        let number = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.split_whitespace().next().unwrap().parse().unwrap()
        };
        let descriptors = std::fs::read_dir(format!("/proc/{}/fd", gateway.pid())).unwrap().count();
        Self {
            resident_kib: number("VmRSS:"),
            descriptors: descriptors.try_into().unwrap(),
            threads: number("Threads:"),
            connections: metrics.sum("maitred_connections", &[]),
            upstream_connections: metrics.sum("maitred_upstream_connections", &[]),
        }
    }

    /// Whether nothing has become more since `before`: memory by at most a twentieth. Idle connections to services are kept for their
    /// next request, as many as chance will have it, and are left out; so is the one connection that asks.
    pub fn is_no_more_than(self, before: Self) -> bool {
        let idle = |usage: Self| u64::try_from(usage.upstream_connections).unwrap();
        let memory = self.resident_kib * 20 <= before.resident_kib * 21;
        let descriptors = self.descriptors - idle(self) <= before.descriptors - idle(before) + 1;
        memory && descriptors && self.threads <= before.threads && self.connections <= before.connections
    }
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:>7} KiB {:>5} descriptors {:>3} threads {:>5} connections {:>5} to services",
            self.resident_kib, self.descriptors, self.threads, self.connections, self.upstream_connections
        )
    }
}

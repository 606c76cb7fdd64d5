//! What a worker counts: for a route, for a route with an upstream, for an upstream, for a listener.
//!
//! Every field is written by the worker that owns the shard, and by nobody else.

use crate::counter::{Counter, Gauge};
use crate::histogram::Histogram;
use crate::series::Shard;

/// Lines that a histogram takes: its bounds, `+Inf`, sum and count.
const HISTOGRAM_LINES: u64 = Histogram::BOUNDS as u64 + 3;

/// One route, whatever its upstream. What every request touches stands together at the beginning.
#[derive(Debug, Default)]
#[repr(C)]
pub struct RouteShard {
    /// Bytes that clients sent.
    pub bytes_in: Counter,
    /// Bytes that clients were sent.
    pub bytes_out: Counter,
    /// From the first byte of the request to the last of the response.
    pub duration: Histogram,
}

impl Shard for RouteShard {
    const LINES: u64 = HISTOGRAM_LINES + 2;
}

/// One route with one upstream, or with none: what the gateway answered by itself.
#[derive(Debug, Default)]
#[repr(C)]
pub struct RouteUpstreamShard {
    requests: [Counter; StatusClass::ALL.len()],
    /// From the start of an attempt to the end of what the upstream answered.
    pub upstream_duration: Histogram,
}

impl RouteUpstreamShard {
    /// Requests that ended with this status code; 0 when the client was gone before an answer was sent.
    #[inline]
    pub fn requests(&self, status: u16) -> &Counter {
        self.of_class(StatusClass::of(status))
    }

    pub(crate) fn of_class(&self, class: StatusClass) -> &Counter {
        &self.requests[class as usize]
    }
}

impl Shard for RouteUpstreamShard {
    const LINES: u64 = HISTOGRAM_LINES + StatusClass::ALL.len() as u64;
}

/// The label `status`: a class, since single codes would multiply the series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StatusClass {
    None,
    Informational,
    Success,
    Redirect,
    ClientError,
    ServerError,
}

impl StatusClass {
    pub(crate) const ALL: [Self; 6] = [
        Self::None,
        Self::Informational,
        Self::Success,
        Self::Redirect,
        Self::ClientError,
        Self::ServerError,
    ];

    #[inline]
    pub(crate) fn of(status: u16) -> Self {
        match status / 100 {
            1 => Self::Informational,
            2 => Self::Success,
            3 => Self::Redirect,
            4 => Self::ClientError,
            5 => Self::ServerError,
            _ => Self::None,
        }
    }

    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Informational => "1xx",
            Self::Success => "2xx",
            Self::Redirect => "3xx",
            Self::ClientError => "4xx",
            Self::ServerError => "5xx",
        }
    }
}

/// One upstream, whatever the route.
#[derive(Debug, Default)]
pub struct UpstreamShard {
    /// Connections open now, busy or idle.
    pub connections: Gauge,
    /// Connections ever opened.
    pub opened: Counter,
    /// Attempts that found an idle connection and used it.
    pub reused: Counter,
    /// Attempts after the first of a request.
    pub retries: Counter,
    /// Attempts that were not made because too many were already.
    pub retries_refused: Counter,
    /// Attempts beside another one that took long.
    pub hedges: Counter,
    failures: [Counter; UpstreamFailure::ALL.len()],
}

impl UpstreamShard {
    /// Attempts that failed in this way.
    #[inline]
    pub fn failures(&self, kind: UpstreamFailure) -> &Counter {
        &self.failures[kind as usize]
    }
}

impl Shard for UpstreamShard {
    const LINES: u64 = 6 + UpstreamFailure::ALL.len() as u64;
}

/// Why an attempt at an upstream failed: the label `kind`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpstreamFailure {
    /// Its name has no address.
    Resolve,
    /// Refused, unreachable, or broken before a byte was sent.
    Connect,
    /// Not connected in time.
    ConnectTimeout,
    /// The TLS handshake failed.
    Tls,
    /// Closed or reset before its answer was whole.
    Reset,
    /// No answer, or the rest of it, in time.
    Timeout,
    /// What it sent is no HTTP.
    Protocol,
    /// No endpoint is healthy.
    NoEndpoint,
    /// Its circuit is open.
    CircuitOpen,
    /// As many connections as allowed are busy.
    ConnectionLimit,
}

impl UpstreamFailure {
    /// Every kind, in the order of its numbers.
    pub const ALL: [Self; 10] = [
        Self::Resolve,
        Self::Connect,
        Self::ConnectTimeout,
        Self::Tls,
        Self::Reset,
        Self::Timeout,
        Self::Protocol,
        Self::NoEndpoint,
        Self::CircuitOpen,
        Self::ConnectionLimit,
    ];

    /// The word in metrics and logs.
    pub fn label(self) -> &'static str {
        match self {
            Self::Resolve => "resolve",
            Self::Connect => "connect_failure",
            Self::ConnectTimeout => "connect_timeout",
            Self::Tls => "tls",
            Self::Reset => "reset",
            Self::Timeout => "timeout",
            Self::Protocol => "protocol",
            Self::NoEndpoint => "no_endpoint",
            Self::CircuitOpen => "circuit_open",
            Self::ConnectionLimit => "connection_limit",
        }
    }
}

/// One listener.
#[derive(Debug, Default)]
pub struct ListenerShard {
    /// Connections open now.
    pub connections: Gauge,
    /// Connections taken.
    pub accepted: Counter,
    /// Requests that were refused because the gateway had too much to do.
    pub shed: Counter,
    refused: [Counter; ConnectionRefusal::ALL.len()],
}

impl ListenerShard {
    /// Connections that were closed before a request was read, for this reason.
    #[inline]
    pub fn refused(&self, reason: ConnectionRefusal) -> &Counter {
        &self.refused[reason as usize]
    }
}

impl Shard for ListenerShard {
    const LINES: u64 = 3 + ConnectionRefusal::ALL.len() as u64;
}

/// Why a listener closed a connection before it read a request: the label `reason`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectionRefusal {
    /// The listener has as many connections as it may.
    ListenerLimit,
    /// The client has as many connections as it may.
    ClientLimit,
    /// The process has no file descriptor left.
    Descriptors,
    /// The PROXY protocol header is missing or malformed.
    ProxyProtocol,
    /// The TLS handshake failed or took too long.
    Tls,
    /// The gateway has too much to do.
    Overload,
}

impl ConnectionRefusal {
    /// Every reason, in the order of its numbers.
    pub const ALL: [Self; 6] = [
        Self::ListenerLimit,
        Self::ClientLimit,
        Self::Descriptors,
        Self::ProxyProtocol,
        Self::Tls,
        Self::Overload,
    ];

    /// The word in metrics and logs.
    pub fn label(self) -> &'static str {
        match self {
            Self::ListenerLimit => "listener_limit",
            Self::ClientLimit => "client_limit",
            Self::Descriptors => "descriptors",
            Self::ProxyProtocol => "proxy_protocol",
            Self::Tls => "tls",
            Self::Overload => "overload",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_stands_where_its_number_says() {
        assert!(StatusClass::ALL.iter().enumerate().all(|(at, class)| *class as usize == at));
        assert!(UpstreamFailure::ALL.iter().enumerate().all(|(at, kind)| *kind as usize == at));
        assert!(ConnectionRefusal::ALL.iter().enumerate().all(|(at, reason)| *reason as usize == at));
    }

    #[test]
    fn codes_fall_into_their_class_and_what_is_no_code_into_none() {
        let classes =
            [0, 99, 101, 200, 204, 308, 499, 599, 600, u16::MAX].map(|code| StatusClass::of(code).label());
        assert_eq!(classes, ["none", "none", "1xx", "2xx", "2xx", "3xx", "4xx", "5xx", "none", "none"]);
    }
}

//! How the endpoints of an upstream are spoken to: what their schemes say, and what fits with it.
//! The endpoints of one upstream stand for each other, so that they are alike in what a request notices: TLS and gRPC.

use super::{Endpoint, Upstream};
use crate::config_words;
use crate::problem::Problem;
use crate::read::{Fields, Reader};
use crate::scalar::Scheme;

config_words! {
    /// A protocol of a service.
    pub enum UpstreamProtocol {
        /// HTTP/1.1.
        H1 = "h1",
        /// HTTP/2.
        H2 = "h2",
    }
}

config_words! {
    /// A version of the PROXY protocol.
    pub enum ProxyProtocolVersion {
        /// A line of text.
        V1 = "v1",
        /// Bytes.
        V2 = "v2",
    }
}

impl Upstream {
    /// Whether HTTP/2 can be spoken to every endpoint.
    pub fn speaks_http2(&self) -> bool {
        match &self.protocols {
            Some(protocols) => protocols.contains(&UpstreamProtocol::H2),
            None => self.endpoints.iter().all(|endpoint| endpoint.url.scheme.is_http2()),
        }
    }

    pub(super) fn check_speech(&self, fields: &Fields<'_>, reader: &mut Reader<'_>) {
        let first = self.endpoints.first();
        let differs = |kind: fn(Scheme) -> bool| {
            self.endpoints.iter().find(|other| kind(other.url.scheme) != kind(first.url.scheme))
        };
        if let Some(other) = differs(Scheme::is_tls) {
            let says =
                |endpoint: &Endpoint| if endpoint.url.scheme.is_tls() { "over TLS" } else { "in the clear" };
            reader.problem(
                Problem::error("the endpoints of an upstream are all spoken to over TLS, or none")
                    .label(other.url.span, says(other))
                    .label(first.url.span, says(first))
                    .help("make two upstreams of it"),
            );
        } else if let Some(other) = differs(Scheme::is_grpc) {
            let says = |endpoint: &Endpoint| if endpoint.url.scheme.is_grpc() { "gRPC" } else { "not gRPC" };
            reader.problem(
                Problem::error("the endpoints of an upstream all speak gRPC, or none")
                    .label(other.url.span, says(other))
                    .label(first.url.span, says(first))
                    .help("make two upstreams of it"),
            );
        } else {
            self.check_tls_is_spoken(fields, reader);
        }
        if let Some(protocols) = &self.protocols {
            self.check_protocols(protocols, fields, reader);
        }
    }

    fn check_tls_is_spoken(&self, fields: &Fields<'_>, reader: &mut Reader<'_>) {
        let first = self.endpoints.first();
        let is_tls = first.url.scheme.is_tls();
        if fields.has("tls") && !is_tls {
            reader.problem(
                Problem::error("`tls` is for `https` and `grpcs`")
                    .label(fields.key_span("tls"), "")
                    .label(first.url.span, "in the clear")
                    .help(match first.url.scheme {
                        Scheme::Grpc => "write `grpcs://…`, or leave `tls` out",
                        _ => "write `https://…`, or leave `tls` out",
                    }),
            );
        }
        if is_tls && fields.entry("tls").is_some_and(|entry| entry.value.as_bool() == Some(false)) {
            reader.problem(
                Problem::error("`tls: false` does not turn it off")
                    .label(fields.key_span("tls"), "")
                    .label(first.url.span, "this says that TLS is spoken")
                    .help("the scheme says it: `http://…` is in the clear"),
            );
        }
    }

    fn check_protocols(&self, protocols: &[UpstreamProtocol], fields: &Fields<'_>, reader: &mut Reader<'_>) {
        let other =
            |endpoint: &&Endpoint| !matches!(endpoint.url.scheme, Scheme::Https | Scheme::Unix | Scheme::Srv);
        if let Some(endpoint) = self.endpoints.iter().find(other) {
            let scheme = endpoint.url.scheme.as_str();
            reader.problem(
                Problem::error(format!("`{scheme}` says already which protocol is spoken"))
                    .label(fields.key_span("protocols"), "")
                    .label(endpoint.url.span, "here")
                    .help("leave `protocols` out: `http` is HTTP/1.1; `h2c`, `grpc` and `grpcs` are HTTP/2"),
            );
            return;
        }
        let both = protocols.contains(&UpstreamProtocol::H1) && protocols.contains(&UpstreamProtocol::H2);
        let in_the_clear = |endpoint: &&Endpoint| matches!(endpoint.url.scheme, Scheme::Unix | Scheme::Srv);
        if let Some(endpoint) = self.endpoints.iter().find(in_the_clear)
            && both
        {
            reader.problem(
                Problem::error("only one protocol can be spoken in the clear")
                    .label(fields.key_span("protocols"), "two")
                    .label(endpoint.url.span, "without TLS, nothing tells which of them is spoken")
                    .help("write `h1` or `h2`"),
            );
        }
    }
}

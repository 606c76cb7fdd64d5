//! What is known of a request when it has ended.
//! Plain borrowed fields, filled by the engine in the last step of a request; nothing here formats or keeps them.

use std::net::IpAddr;

/// One request and its answer. Texts are borrowed and, where empty, unknown; what clients chose is bytes.
#[derive(Debug, Clone, Copy, Default)]
pub struct AccessRecord<'a> {
    /// When its first byte came, in microseconds since 1970.
    pub unix_micros: u64,
    /// The id that is also on the request and the response.
    pub request_id: &'a [u8],
    /// The address the request came from, behind trusted proxies; `None` on a Unix socket.
    pub client_ip: Option<IpAddr>,
    /// The method; empty if the request could not be read so far.
    pub method: &'a [u8],
    /// The host asked for.
    pub host: &'a [u8],
    /// The path as the client sent it, without the query.
    pub path: &'a [u8],
    /// The query, without the question mark.
    pub query: &'a [u8],
    /// The version of the protocol the client spoke: `HTTP/1.1`.
    pub protocol: &'a str,
    /// The status code sent; 0 if the client was gone before.
    pub status: u16,
    /// Bytes read from the client.
    pub bytes_in: u64,
    /// Bytes written to the client.
    pub bytes_out: u64,
    /// From the first byte of the request to the last of the response, in microseconds.
    pub duration_micros: u64,
    /// Of that, all attempts at upstreams; `None` if there was none.
    pub upstream_micros: Option<u64>,
    /// The name of the route.
    pub route: &'a str,
    /// The path that the route matches, with its parameters: `/users/{id}`.
    pub path_template: &'a str,
    /// The name of the upstream that was tried last.
    pub upstream: &'a str,
    /// The address of the endpoint that was tried last; it belongs in logs and never in answers.
    pub endpoint: &'a str,
    /// The variant of a split that the request was dealt to.
    pub variant: &'a str,
    /// How often an upstream was tried.
    pub attempts: u32,
    /// Who the caller is, where the gateway knows it by name.
    pub consumer: &'a str,
    /// Who the caller is, as its token says.
    pub subject: &'a str,
    /// The header `User-Agent`.
    pub user_agent: &'a [u8],
    /// The header `Referer`.
    pub referer: &'a [u8],
    /// One word for what went wrong (`upstream_timeout`, `client_closed`); empty if nothing did.
    pub outcome: &'a str,
    /// The name of the policy that refused the request.
    pub policy: &'a str,
}

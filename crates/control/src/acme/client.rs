//! Requests to an authority: HTTP/1.1 over the gateway's own TLS, each on a connection of its own. They are few; bounded in time
//! and in what is read.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};
use maitred_net::{ClientTls, ConnectTo, Stream, connect};
use maitred_proxy::Clock;

/// How long a request may take, from the look-up of the name to the last byte.
const LIMIT: Duration = Duration::from_secs(30);
/// What an answer may have at most; a chain of certificates has some kilobytes.
const LARGEST: usize = 1 << 20;
/// How the gateway calls itself (RFC 8555 section 6.1).
const USER_AGENT: &str = concat!("maitred/", env!("CARGO_PKG_VERSION"));

/// Until when an authority wants not to be asked, by its last refusal: seconds of Unix time.
#[derive(Debug, Clone, Default)]
pub(super) struct Wish(Arc<AtomicU64>);

impl Wish {
    /// How long it wants to be left alone. Told once.
    pub(super) fn take(&self, now: SystemTime) -> Option<Duration> {
        let until = SystemTime::UNIX_EPOCH + Duration::from_secs(self.0.swap(0, Ordering::Relaxed));
        until.duration_since(now).ok()
    }

    fn note(&self, status: StatusCode, headers: &HeaderMap, now: SystemTime) {
        if !matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
            return;
        }
        let value = headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
        let until = value.and_then(|value| retry_after(value, now));
        let since = until.and_then(|until| until.duration_since(SystemTime::UNIX_EPOCH).ok());
        // Four centuries are enough for everybody, and can be added to any time.
        let seconds = since.map_or(0, |since| since.as_secs().min(1 << 34));
        self.0.store(seconds, Ordering::Relaxed);
    }
}

/// Asks one authority.
#[derive(Debug, Clone)]
pub(super) struct AuthorityClient {
    pub(super) tls: ClientTls,
    pub(super) clock: Clock,
    pub(super) wish: Wish,
}

impl AuthorityClient {
    async fn ask(self, request: Request<BodyWrapper<Bytes>>) -> io::Result<BytesResponse> {
        let (mut parts, body) = request.into_parts();
        let (host, authority) = match (parts.uri.scheme_str(), parts.uri.host(), parts.uri.authority()) {
            (Some("https"), Some(host), Some(authority)) => (host.to_owned(), authority.to_string()),
            // Nothing of an account is sent in the clear, whatever an authority's directory says.
            _ => return Err(io::Error::other(format!("{} is not https", parts.uri))),
        };
        let stream = open(&host, parts.uri.port_u16().unwrap_or(443)).await?;
        let (stream, _) = self.tls.connect(stream, &host).await?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
        // It ends with the sender, or with the body that is read.
        tokio::spawn(connection);
        let host = HeaderValue::from_str(&authority).map_err(io::Error::other)?;
        parts.headers.insert(header::HOST, host);
        parts.headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        parts.uri = path.parse().map_err(io::Error::other)?;
        let request = Request::from_parts(parts, body);
        let response = sender.send_request(request).await.map_err(io::Error::other)?;
        let (parts, body) = response.into_parts();
        self.wish.note(parts.status, &parts.headers, self.clock.wall());
        let body = Limited::new(body, LARGEST).collect().await.map_err(io::Error::other)?;
        Ok(BytesResponse { parts, body: Box::new(body.to_bytes()) })
    }
}

impl HttpClient for AuthorityClient {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        let client = self.clone();
        Box::pin(async move {
            let uri = request.uri().clone();
            let told = |error: io::Error| {
                let words = format!("{uri} cannot be asked: {error}");
                Error::Other(io::Error::new(error.kind(), words).into())
            };
            match tokio::time::timeout(LIMIT, client.ask(request)).await {
                Ok(answer) => answer.map_err(told),
                Err(_) => Err(told(io::Error::new(io::ErrorKind::TimedOut, "it takes too long"))),
            }
        })
    }
}

/// Connects to the first address of a host that can be reached.
async fn open(host: &str, port: u16) -> io::Result<Stream> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let mut last = io::Error::other("its name has no address");
    for address in tokio::net::lookup_host((bare, port)).await? {
        match connect(ConnectTo::Tcp(address)).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// The time that a `Retry-After` names: seconds from now, or a date (RFC 9110 section 10.2.3).
fn retry_after(value: &str, now: SystemTime) -> Option<SystemTime> {
    match value.trim().parse() {
        Ok(seconds) => now.checked_add(Duration::from_secs(seconds)),
        Err(_) => httpdate::parse_http_date(value.trim()).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_authority_wishes_is_told_once() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000);
        let wish = Wish::default();
        let mut headers = HeaderMap::new();
        wish.note(StatusCode::TOO_MANY_REQUESTS, &headers, now);
        assert_eq!(wish.take(now), None);
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static("60"));
        // Where nothing was refused, it is about something else.
        wish.note(StatusCode::OK, &headers, now);
        assert_eq!(wish.take(now), None);
        wish.note(StatusCode::SERVICE_UNAVAILABLE, &headers, now);
        assert_eq!((wish.take(now), wish.take(now)), (Some(Duration::from_mins(1)), None));
        wish.note(StatusCode::TOO_MANY_REQUESTS, &headers, now);
        assert_eq!(wish.take(now + Duration::from_mins(2)), None, "it is over");
    }

    #[test]
    fn both_forms_of_retry_after_are_understood() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000);
        assert_eq!(retry_after(" 60", now), Some(now + Duration::from_mins(1)));
        let date = httpdate::fmt_http_date(now + Duration::from_hours(1));
        assert_eq!(retry_after(&date, now), Some(now + Duration::from_hours(1)));
        assert_eq!(retry_after("soon", now), None);
        assert_eq!(retry_after(&u64::MAX.to_string(), now), None);
    }
}

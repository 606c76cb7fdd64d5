//! Requests to an authority: HTTP/1.1 over the gateway's own TLS, each on a connection of its own. They are few; bounded in time
//! and in what is read.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient, Problem};
use maitred_net::{ClientTls, ConnectTo, Stream, connect};
use maitred_proxy::Clock;
use maitred_upstream::Resolve;
use serde_json::Value;

use super::schedule::LONGEST_WISH;

/// How long a request may take, from the look-up of the name to the last byte.
const LIMIT: Duration = Duration::from_secs(30);
/// How long one address may take to be connected to: one that is silent must not hide the next.
const ONE_ADDRESS: Duration = Duration::from_secs(5);
/// What an answer may have at most; a chain of certificates has some kilobytes.
const LARGEST: usize = 1 << 20;
/// How the gateway calls itself (RFC 8555 section 6.1).
const USER_AGENT: &str = concat!("maitred/", env!("CARGO_PKG_VERSION"));

/// For how long an authority wants not to be asked, by its last refusal: seconds.
#[derive(Debug, Clone, Default)]
pub(super) struct Wish(Arc<AtomicU64>);

impl Wish {
    /// How long it wants to be left alone. Told once.
    pub(super) fn take(&self) -> Option<Duration> {
        Some(Duration::from_secs(self.0.swap(0, Ordering::Relaxed))).filter(|wish| !wish.is_zero())
    }

    fn note(&self, status: StatusCode, wish: Option<Duration>) {
        if matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
            self.0.store(wish.unwrap_or_default().as_secs(), Ordering::Relaxed);
        }
    }
}

/// Why a request brought no answer in ACME.
#[derive(Debug)]
pub(super) struct AskError {
    told: String,
    /// Whether the network or a fault of the authority is the reason, which pass.
    pub(super) is_passing: bool,
}

impl AskError {
    fn lasting(told: String) -> Self {
        Self { told, is_passing: false }
    }
}

impl fmt::Display for AskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.told)
    }
}

impl std::error::Error for AskError {}

impl From<io::Error> for AskError {
    fn from(error: io::Error) -> Self {
        Self { told: format!("it cannot be asked: {error}"), is_passing: true }
    }
}

/// Asks one authority.
#[derive(Clone)]
pub(super) struct AuthorityClient {
    pub(super) tls: ClientTls,
    /// The URL of its directory.
    pub(super) directory: String,
    pub(super) resolver: Arc<dyn Resolve>,
    pub(super) clock: Clock,
    pub(super) wish: Wish,
}

impl AuthorityClient {
    async fn ask(self, request: Request<BodyWrapper<Bytes>>) -> Result<BytesResponse, AskError> {
        let (mut parts, body) = request.into_parts();
        let uri = std::mem::take(&mut parts.uri);
        let (Some("https"), Some(host), Some(authority)) = (uri.scheme_str(), uri.host(), uri.authority())
        else {
            // Nothing of an account is sent in the clear, whatever an authority says.
            return Err(AskError::lasting("it is no https URL".to_owned()));
        };
        let stream = open(&*self.resolver, host, uri.port_u16().unwrap_or(443)).await?;
        let (stream, _) = self.tls.connect(stream, host).await?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
        // It ends with the sender, or with the body that is read.
        tokio::spawn(connection);
        let host = HeaderValue::from_str(authority.as_str()).map_err(io::Error::other)?;
        parts.headers.insert(header::HOST, host);
        parts.headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        parts.uri = path.parse().map_err(io::Error::other)?;
        let method = parts.method.clone();
        let response =
            sender.send_request(Request::from_parts(parts, body)).await.map_err(io::Error::other)?;
        let (mut parts, body) = response.into_parts();
        let wish = bound_retry_after(&mut parts.headers, self.clock.wall());
        self.wish.note(parts.status, wish);
        let body = Limited::new(body, LARGEST).collect().await.map_err(io::Error::other)?.to_bytes();
        check_status(&method, parts.status, &body)?;
        if method == Method::GET && uri.to_string() == self.directory {
            check_directory(&body)?;
        }
        Ok(BytesResponse { parts, body: Box::new(body) })
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
            let asked = tokio::time::timeout(LIMIT, client.ask(request)).await;
            let late = |_| Err(io::Error::other(format!("it takes longer than {LIMIT:?}")).into());
            asked.unwrap_or_else(late).map_err(|error: AskError| {
                Error::Other(AskError { told: format!("{uri}: {error}"), ..error }.into())
            })
        })
    }
}

/// Connects to the first address of a host that can be reached.
async fn open(resolver: &dyn Resolve, host: &str, port: u16) -> io::Result<Stream> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let addresses = match bare.parse::<IpAddr>() {
        Ok(address) => vec![address],
        Err(_) => resolver.resolve(bare).await.map_err(io::Error::other)?.list,
    };
    let mut told = Vec::new();
    for address in addresses {
        let address = SocketAddr::new(address, port);
        match tokio::time::timeout(ONE_ADDRESS, connect(ConnectTo::Tcp(address))).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => told.push(format!("{address}: {error}")),
            Err(_) => told.push(format!("{address} does not answer within {ONE_ADDRESS:?}")),
        }
    }
    if told.is_empty() {
        return Err(io::Error::other("its name has no address"));
    }
    Err(io::Error::other(told.join("; ")))
}

/// An answer that is no success has to say why in the words of ACME, as those to signed requests do; otherwise its status is all that is
/// known.
fn check_status(method: &Method, status: StatusCode, body: &[u8]) -> Result<(), AskError> {
    let is_refused = status.is_client_error() || status.is_server_error();
    let is_fine = if method == Method::POST {
        !is_refused || serde_json::from_slice::<Problem>(body).is_ok()
    } else {
        status.is_success()
    };
    if is_fine {
        return Ok(());
    }
    let is_passing = status.is_server_error()
        || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT);
    Err(AskError { told: format!("the answer is {status}"), is_passing })
}

/// The library takes for granted that what a directory names can be asked (RFC 8555 section 7.1.1).
fn check_directory(body: &[u8]) -> Result<(), AskError> {
    let directory: Value = serde_json::from_slice(body)
        .map_err(|error| AskError::lasting(format!("it is no directory of an authority: {error}")))?;
    let renewal = directory.get("renewalInfo").map(|_| "renewalInfo");
    for name in ["newNonce", "newAccount", "newOrder"].into_iter().chain(renewal) {
        let uri = directory.get(name).and_then(Value::as_str).and_then(|url| url.parse::<Uri>().ok());
        if !uri.is_some_and(|uri| uri.scheme_str() == Some("https") && uri.host().is_some()) {
            let told = format!("it is no directory of an authority: `{name}` is no https URL");
            return Err(AskError::lasting(told));
        }
    }
    Ok(())
}

/// Has `Retry-After` name seconds, and no more than are heeded: nobody behind this has to reckon with more. Answers how long that is.
fn bound_retry_after(headers: &mut HeaderMap, now: SystemTime) -> Option<Duration> {
    let value = headers.remove(header::RETRY_AFTER)?;
    let pause = retry_after(value.to_str().ok()?, now)?.min(LONGEST_WISH);
    headers.insert(header::RETRY_AFTER, HeaderValue::from(pause.as_secs()));
    Some(pause)
}

/// The pause that a `Retry-After` names: seconds, or a date (RFC 9110 section 10.2.3).
fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    match value.trim().parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => Some(httpdate::parse_http_date(value.trim()).ok()?.duration_since(now).unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use maitred_upstream::{Addresses, Resolving};

    use super::*;

    #[test]
    fn what_an_authority_wishes_is_told_once() {
        let wish = Wish::default();
        let minute = Some(Duration::from_mins(1));
        wish.note(StatusCode::TOO_MANY_REQUESTS, None);
        assert_eq!(wish.take(), None);
        // Where nothing was refused, it is about something else.
        wish.note(StatusCode::OK, minute);
        assert_eq!(wish.take(), None);
        wish.note(StatusCode::SERVICE_UNAVAILABLE, minute);
        assert_eq!((wish.take(), wish.take()), (minute, None));
    }

    #[test]
    fn both_forms_of_retry_after_are_understood_and_bounded() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000);
        let bounded = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::RETRY_AFTER, value.parse().unwrap());
            let pause = bound_retry_after(&mut headers, now);
            let left = headers.get(header::RETRY_AFTER).map(|value| value.to_str().unwrap().to_owned());
            assert_eq!(left, pause.map(|pause| pause.as_secs().to_string()), "{value}");
            pause
        };
        let date = |at| httpdate::fmt_http_date(at);
        assert_eq!(bounded(" 60"), Some(Duration::from_mins(1)));
        assert_eq!(bounded(&date(now + Duration::from_hours(1))), Some(Duration::from_hours(1)));
        assert_eq!(bounded(&date(SystemTime::UNIX_EPOCH)), Some(Duration::ZERO));
        // A time that cannot be reckoned with would end the task of the account.
        assert_eq!(bounded(&u64::MAX.to_string()), Some(LONGEST_WISH));
        assert_eq!(bounded("Fri, 31 Dec 9999 23:59:59 GMT"), Some(LONGEST_WISH));
        assert_eq!((bounded("soon"), bounded("99999999999999999999")), (None, None));
    }

    /// A name for these addresses.
    struct Name(Vec<IpAddr>);

    impl Resolve for Name {
        fn resolve<'a>(&'a self, _: &'a str) -> Resolving<'a> {
            Box::pin(std::future::ready(Ok(Addresses { list: self.0.clone(), ttl: Duration::ZERO })))
        }
    }

    #[test]
    fn every_address_is_tried_and_named() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.2:0").await.unwrap();
            let port = listener.local_addr().unwrap().port();
            let [dead, alive] = [1, 2].map(|last| IpAddr::from([127, 0, 0, last]));
            assert!(open(&Name(vec![dead, alive]), "ca.example", port).await.is_ok());
            drop(listener);
            let told = open(&Name(vec![dead, alive]), "ca.example", port).await.unwrap_err().to_string();
            assert!(told.contains("127.0.0.1:") && told.contains("127.0.0.2:"), "{told}");
            let told = open(&Name(Vec::new()), "ca.example", port).await.unwrap_err().to_string();
            assert_eq!(told, "its name has no address");
        });
    }

    #[test]
    fn a_directory_names_what_can_be_asked() {
        let good =
            r#"{ "newNonce": "https://ca/n", "newAccount": "https://ca/a", "newOrder": "https://ca/o" }"#;
        assert!(check_directory(good.as_bytes()).is_ok());
        assert!(
            check_directory(good.replace('}', r#", "renewalInfo": "https://ca/r" }"#).as_bytes()).is_ok()
        );
        for (written, bad, named) in [
            ("https://ca/n", "", "newNonce"),
            ("https://ca/a", "http://ca/a", "newAccount"),
            ("https://ca/o", "/o", "newOrder"),
            ("newOrder", "newAuthz", "newOrder"),
            ("https://ca/o\"", "https://ca/o\", \"renewalInfo\": 1", "renewalInfo"),
        ] {
            let told = check_directory(good.replace(written, bad).as_bytes()).unwrap_err();
            assert!(told.to_string().contains(named) && !told.is_passing, "{bad}: {told}");
        }
        assert!(check_directory(b"<html>").unwrap_err().to_string().contains("no directory"));
    }

    #[test]
    fn what_is_said_without_the_words_of_acme_is_told_by_its_status() {
        let (get, post) = (Method::GET, Method::POST);
        let told = |method: &Method, status: u16, body: &str| {
            let checked = check_status(method, StatusCode::from_u16(status).unwrap(), body.as_bytes());
            checked.err().map(|error| (error.to_string(), error.is_passing))
        };
        let text = |text: &str, is_passing| Some((text.to_owned(), is_passing));
        assert_eq!(told(&get, 200, "{}"), None);
        assert_eq!(told(&get, 503, ""), text("the answer is 503 Service Unavailable", true));
        assert_eq!(told(&get, 404, "{}"), text("the answer is 404 Not Found", false));
        assert_eq!(told(&get, 301, ""), text("the answer is 301 Moved Permanently", false));
        assert_eq!(told(&post, 400, r#"{ "type": "urn:ietf:params:acme:error:badNonce" }"#), None);
        assert_eq!(told(&post, 502, "<html>"), text("the answer is 502 Bad Gateway", true));
        assert_eq!(told(&post, 429, ""), text("the answer is 429 Too Many Requests", true));
    }
}

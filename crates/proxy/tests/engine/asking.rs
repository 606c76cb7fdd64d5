//! Policies that ask services: while a request waits, and in the background; and what they share.

use std::cell::Cell;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, SystemTime};

use maitred_config::scalar::{HttpUrl, http_url};
use maitred_config::{UpstreamRef, config_map};
use maitred_http::{Method, PathRules, RequestHead};
use maitred_policy::{
    Asking, Build, CallLimits, Catalog, Facts, Fetch, FetchError, FetchedShared, Fetching, Origin, Outbound,
    Phase, Policy, PolicyKind, Reply, RequestCx, Service, Step, Verdict, follow,
};
use maitred_proxy::GatewayOptions;
use maitred_upstream::{Addresses, Resolve, ResolveError};

use crate::document::{compiled, options, serve};

config_map! {
    /// Asks, and tells the client what was answered.
    pub struct AskConfig {
        /// The service that is asked for what the client asks for.
        upstream: Option<UpstreamRef>,
        /// Where is asked what `/url` answers.
        url: Option<HttpUrl>,
        /// The page that names the page which `/thing` answers.
        thing: Option<HttpUrl>,
    }
}

struct Ask {
    upstream: Option<Outbound>,
    url: Option<HttpUrl>,
    thing: Option<Arc<FetchedShared<Pages>>>,
}

/// What the page says that another one names.
struct Pages(HttpUrl);

thread_local! {
    /// How many this thread has made.
    static MADE: Cell<u32> = const { Cell::new(0) };
}

impl Pages {
    fn new(url: &HttpUrl) -> Self {
        MADE.set(MADE.get() + 1);
        Self(url.clone())
    }
}

impl Fetch for Pages {
    type Told = Vec<u8>;
    type Thing = Vec<u8>;

    fn ask<'a>(&'a self, service: &'a dyn Service) -> Asking<'a, Vec<u8>> {
        Box::pin(async move {
            let (_, first) = service.visit(&self.0, None, RequestHead::default(), b"", 100).await?;
            let named = follow(&self.0, &String::from_utf8_lossy(&first.bytes))?;
            Ok(service.visit(&named, None, RequestHead::default(), b"", 100).await?.1.bytes)
        })
    }

    fn make(&self, told: Vec<u8>, _: Option<&Arc<Vec<u8>>>) -> Result<Arc<Vec<u8>>, FetchError> {
        Ok(Arc::new(told))
    }
}

impl PolicyKind for Ask {
    const NAME: &'static str = "ask";
    type Config = AskConfig;
    type Compiled = Self;

    fn phase(_: &AskConfig) -> Phase {
        Phase::Identify
    }

    fn compile(config: AskConfig, build: &mut Build<'_>, _: Option<&Self>) -> Option<Self> {
        let upstream = match &config.upstream {
            Some(meant) => Some(build.upstream(meant)?),
            None => None,
        };
        let thing = config.thing.and_then(|url| {
            build.resource(url.as_str(), |_, previous: Option<&Arc<FetchedShared<Pages>>>| {
                Some(previous.map_or_else(|| Arc::new(FetchedShared::new(Pages::new(&url))), Arc::clone))
            })
        });
        Some(Self { upstream, url: config.url, thing })
    }
}

impl Policy for Ask {
    type State = ();
    type Local = ();

    fn fetched(&self) -> Vec<Fetching> {
        let wanted = self.thing.iter();
        let from = |thing: &Arc<FetchedShared<Pages>>| Origin::Urls(thing.how().0.clone());
        wanted.map(|thing| Fetching { from: from(thing), thing: Arc::clone(thing) as _ }).collect()
    }

    fn on_request<'a>(&'a self, cx: RequestCx<'a, Self>) -> Step<'a, Verdict> {
        if let Some(thing) = &self.thing {
            let body = thing.now().as_ref().map(|thing| thing.to_vec()).unwrap_or_default();
            return Step::respond(Reply { body: body.into(), ..Reply::new(200) });
        }
        let patience = if cx.request.target.path() == "/mute" { 50 } else { 10_000 };
        let deadline = cx.runtime.now() + Duration::from_millis(patience);
        let may_repeat = cx.request.fields.iter().any(|(name, _)| name == b"X-Repeat");
        let limits = CallLimits { most: 100, deadline, may_repeat };
        let mut request = RequestHead { method: cx.request.method, ..RequestHead::default() };
        request.target.parse(cx.request.target.as_str().as_bytes(), PathRules::Raw).expect("a path");
        let body = if cx.request.method == Method::Post { b"asked".to_vec() } else { Vec::new() };
        let calling = match (&self.upstream, &self.url) {
            (Some(upstream), _) => cx.runtime.call(upstream, request, body, limits),
            (None, Some(url)) => cx.runtime.call_url(url, request, body, limits),
            (None, None) => return Step::CONTINUE,
        };
        Step::Later(Box::pin(async move {
            let (status, body) = match calling.await {
                Ok((head, body)) => (head.status, body.bytes),
                Err(error) => (500, error.to_string().into_bytes()),
            };
            Verdict::Respond(Box::new(Reply { body: body.into(), ..Reply::new(status) }))
        }))
    }

    fn explain(&self, _: &RequestHead, _: &Facts) -> String {
        String::new()
    }
}

/// A service that tells on which connection it was asked, and for what.
struct Peer {
    address: SocketAddr,
    /// Connection, path and body of each request.
    asked: mpsc::Receiver<String>,
    /// Connections that were given up while they waited.
    gone: mpsc::Receiver<()>,
}

impl Peer {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
        let address = listener.local_addr().expect("it is bound");
        let ((tell, asked), (leave, gone)) = (mpsc::channel(), mpsc::channel());
        std::thread::spawn(move || {
            for (stream, number) in listener.incoming().flatten().zip(1..) {
                let (tell, leave) = (tell.clone(), leave.clone());
                std::thread::spawn(move || answer(stream, number, address.port(), &tell, &leave));
            }
        });
        Self { address, asked, gone }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.try_iter().collect()
    }
}

fn answer(
    mut stream: TcpStream,
    connection: usize,
    port: u16,
    tell: &mpsc::Sender<String>,
    leave: &mpsc::Sender<()>,
) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut is_last = false;
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            (reader.read_line(&mut head).ok()? > 0).then_some(())?;
        }
        if is_last {
            return None;
        }
        let length = if head.contains("Content-Length: 5") { 5 } else { 0 };
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let path = head.split(' ').nth(1)?.to_owned();
        tell.send(format!("{connection} {path} {}", String::from_utf8(body).ok()?)).ok()?;
        let answer = match path.as_str() {
            "/mute" | "/hang" => {
                let _ = reader.read(&mut [0]);
                leave.send(()).ok()?;
                return None;
            }
            "/large" => "x".repeat(101),
            "/first" => format!("http://idp.test:{port}/second"),
            _ => format!("told {connection}"),
        };
        is_last = path == "/last";
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", answer.len());
        stream.write_all((head + &answer).as_bytes()).ok()?;
    }
}

struct OneName;

impl Resolve for OneName {
    fn resolve<'a>(
        &'a self,
        name: &'a str,
    ) -> Pin<Box<dyn Future<Output = Result<Addresses, ResolveError>> + Send + 'a>> {
        Box::pin(async move {
            if name != "idp.test" {
                return Err(ResolveError("unknown".to_owned()));
            }
            Ok(Addresses { list: vec![[127, 0, 0, 1].into()], ttl: Duration::from_mins(1) })
        })
    }
}

fn send(address: SocketAddr, line: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).expect("the gateway listens");
    let request =
        format!("{line}\r\nHost: a\r\nConnection: close\r\n\r\n").replacen("\r\n", " HTTP/1.1\r\n", 1);
    stream.write_all(request.as_bytes()).expect("the gateway reads");
    stream
}

/// The status and the body.
fn ask(address: SocketAddr, line: &str) -> String {
    let mut answer = String::new();
    send(address, line).read_to_string(&mut answer).expect("the gateway answers in text");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    format!("{} {body}", &head[9..12])
}

fn with(document: &str, test: impl FnOnce(SocketAddr) + Send + 'static) {
    let options = GatewayOptions { resolver: Arc::new(OneName), ..options() };
    let document = format!("telemetry: {{ access_log: false }}\n{document}");
    serve(&document, &Catalog::default().with::<Ask>(), options, test);
}

#[test]
fn calls_take_the_connections_of_an_upstream_and_tell_how_they_end() {
    let peer = Peer::start();
    let closed = TcpListener::bind("127.0.0.1:0").and_then(|bound| bound.local_addr()).unwrap();
    let document = format!(
        "
upstreams: {{ named: http://{address} }}
policies: {{ ask: {{ upstream: named }} }}
routes:
  all: {{ match: /*, respond: no }}
  url: {{ match: /url, respond: no, policies: {{ ask: {{ upstream: http://{address} }} }} }}
  other: {{ match: /other, respond: no, policies: {{ ask: {{ upstream: http://localhost:{port} }} }} }}
  closed: {{ match: /closed, respond: no, policies: {{ ask: {{ upstream: http://{closed} }} }} }}
",
        address = peer.address,
        port = peer.address.port()
    );
    with(&document, move |address| {
        assert_eq!(ask(address, "GET /a"), "200 told 1");
        assert_eq!(ask(address, "POST /b"), "200 told 1");
        assert_eq!(ask(address, "GET /large"), "500 its answer is too large");
        assert_eq!(ask(address, "GET /last"), "200 told 2");
        // It is closed when the next one comes: that goes out once more.
        assert_eq!(ask(address, "GET /c"), "200 told 3");
        assert_eq!(ask(address, "GET /mute"), "500 it took too long");
        assert_eq!(ask(address, "GET /last"), "200 told 4");
        assert_eq!(ask(address, "POST /d"), "500 the connection broke", "it might have had an effect");
        assert_eq!(ask(address, "GET /url"), "200 told 5", "the upstream that is there");
        assert_eq!(ask(address, "GET /again"), "200 told 5");
        assert_eq!(ask(address, "GET /other"), "200 told 6", "an upstream of its own");
        assert!(ask(address, "GET /closed").starts_with("500 it cannot be connected to"));
        assert_eq!(peer.asked()[..2], ["1 /a ", "1 /b asked"]);
    });
}

#[test]
fn a_call_is_given_up_with_its_client() {
    let peer = Peer::start();
    let document = format!(
        "policies: {{ ask: {{ upstream: http://{} }} }}\nroutes: {{ all: {{ respond: no }} }}\n",
        peer.address
    );
    with(&document, move |address| {
        let client = send(address, "GET /hang");
        peer.asked.recv_timeout(Duration::from_secs(8)).expect("it is asked");
        drop(client);
        peer.gone.recv_timeout(Duration::from_secs(8)).expect("nobody waits any more");
    });
}

#[test]
fn what_is_known_by_its_url_alone_is_asked_and_fetched_once_for_all() {
    let peer = Peer::start();
    let port = peer.address.port();
    let document = format!(
        "
upstreams: {{ known: http://{address} }}
policies: {{ ask: {{ thing: http://idp.test:{port}/first }} }}
routes:
  thing: {{ match: /thing, respond: no }}
  other: {{ match: /other, respond: no, policies: {{ ask: {{ thing: http://idp.test:{port}/first }} }} }}
  use: {{ match: /use, upstream: known, policies: false }}
  away: {{ match: /away, respond: no, policies: {{ ask: false, ask/url: {{ url: http://idp.test:{port}/away }} }} }}
  near: {{ match: /near, respond: no, policies: {{ ask: false, ask/url: {{ url: http://{address}/near }} }} }}
  lost: {{ match: /lost, respond: no, policies: {{ ask: false, ask/url: {{ url: http://nobody.test/ }} }} }}
",
        address = peer.address
    );
    with(&document, move |address| {
        assert_eq!(peer.asked(), ["1 /first ", "2 /second "]);
        assert_eq!(ask(address, "GET /thing"), "200 told 2");
        assert_eq!(ask(address, "GET /other"), "200 told 2");
        assert_eq!(ask(address, "GET /use"), "200 told 3");
        assert_eq!(ask(address, "GET /near"), "200 told 3", "the upstream's connection");
        assert_eq!(ask(address, "GET /away"), "200 told 4");
        assert_eq!(ask(address, "GET /away"), "200 told 5", "a connection for each");
        assert_eq!(ask(address, "GET /lost"), "500 no address of it is known");
        assert_eq!(peer.asked().len(), 4, "and nothing was fetched again");
    });
}

#[test]
fn names_are_checked_and_what_is_shared_goes_on_over_reloads() {
    let now = SystemTime::UNIX_EPOCH;
    let catalog = Catalog::default().with::<Ask>();
    let routes = "routes: { all: { respond: no } }\n";
    let unknown =
        format!("upstreams: {{ auth: http://a }}\npolicies: {{ ask: {{ upstream: auht }} }}\n{routes}");
    let problems = compiled(&unknown, &catalog, now, None).unwrap_err();
    assert!(
        problems.contains("there is no upstream `auht`") && problems.contains("did you mean `auth`?"),
        "{problems}"
    );

    let url = http_url::parse("http://idp.test/first").unwrap();
    let document = format!("policies: {{ ask: {{ thing: {url} }}, ask/too: {{ thing: {url} }} }}\n{routes}");
    let first = compiled(&document, &catalog, now, None).unwrap();
    let told: Vec<_> = first.fetching().collect();
    assert_eq!(told[0], ("ask", "policies", "`http://idp.test/first`".to_owned()));
    assert_eq!(told.len(), 2);
    assert_eq!(MADE.get(), 1, "both have the same");
    let second = compiled(&document, &catalog, now, Some(&first)).unwrap();
    assert_eq!(MADE.get(), 1, "it goes on");
    compiled(&document, &catalog, now, Some(&second)).unwrap();
    assert_eq!(MADE.get(), 1);
    let other = document.replace("idp.test", "other.test");
    compiled(&other, &catalog, now, Some(&second)).unwrap();
    assert_eq!(MADE.get(), 2);
}

#[test]
fn a_place_that_hangs_holds_up_nobody_but_its_own() {
    let (hung, peer) = (Peer::start(), Peer::start());
    let url = |port: u16, path: &str| {
        format!(
            "{{ respond: no, match: {path}, policies: {{ ask: {{ url: http://idp.test:{port}{path} }} }} }}"
        )
    };
    let document = format!(
        "routes:\n  hang: {}\n  mute: {}\n  near: {}\n",
        url(hung.address.port(), "/hang"),
        url(hung.address.port(), "/mute"),
        url(peer.address.port(), "/near"),
    );
    with(&document, move |address| {
        // As many as are asked at once.
        let clients: Vec<_> = (0..16).map(|_| send(address, "GET /hang")).collect();
        for _ in &clients {
            hung.asked.recv_timeout(Duration::from_secs(8)).expect("it is asked");
        }
        assert_eq!(ask(address, "GET /near"), "200 told 1");
        assert_eq!(ask(address, "GET /mute"), "500 it took too long", "it waits no longer than it may");
        assert!(hung.gone.try_recv().is_err() && hung.asked().is_empty());
    });
}

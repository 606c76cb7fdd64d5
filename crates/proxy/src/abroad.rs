//! Services that are known only by a URL that something has told while the gateway runs: resolved, connected to and asked once, on
//! the control runtime. Workers, which resolve no names, send their requests here; that is for what happens seldom.

use std::cell::Cell;
use std::collections::HashMap;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use maitred_config::scalar::{EndpointHost as Host, EndpointTarget, EndpointUrl, HttpUrl};
use maitred_http::{PathRules, RequestHead, ResponseHead};
use maitred_net::{Alpn, ClientTls, ClientTlsSettings, SystemRoots, TlsVersion, Trust};
use maitred_policy::{CallError, CallLimits, WholeBody};
use maitred_upstream::{
    Cluster, ClusterSettings, EndpointHost, EndpointSettings, Protocol, Resolve, Transport, Visit,
    VisitError, find_once,
};
use maitred_wire::Limits;
use tokio::sync::{OnceCell, Semaphore, mpsc, oneshot};

use crate::clock::Clock;

/// Requests of workers that may be on their way here; further ones are refused.
const MOST_SENT: usize = 256;
/// Requests for one place that may be here; further ones are refused.
const MOST_FOR_ONE: usize = 64;
/// Of these, as many are asked at once.
const MOST_AT_ONCE: usize = 16;

/// Whole answers.
type Answer = Result<(ResponseHead, WholeBody), CallError>;

/// What such services are asked with.
pub(crate) struct Abroad {
    resolver: Arc<dyn Resolve>,
    clock: Clock,
    /// How services are met that the system's authorities vouch for.
    tls: OnceCell<ClientTls>,
}

/// A request of a worker.
pub(crate) struct Errand {
    pub(crate) url: HttpUrl,
    pub(crate) request: RequestHead,
    pub(crate) body: Vec<u8>,
    pub(crate) limits: CallLimits,
    pub(crate) answer: oneshot::Sender<Answer>,
}

/// Where workers send theirs.
pub(crate) type Errands = mpsc::Sender<Errand>;

impl Abroad {
    pub(crate) fn new(resolver: Arc<dyn Resolve>, clock: Clock) -> Self {
        Self { resolver, clock, tls: OnceCell::new() }
    }

    /// The time.
    pub(crate) fn now(&self) -> Instant {
        self.clock.now()
    }

    /// Takes requests of workers until the last of them is gone. Those for one place do not hold up those for another.
    pub(crate) fn run_errands(self: &Rc<Self>) -> Errands {
        let (errands, mut received) = mpsc::channel::<Errand>(MOST_SENT);
        let abroad = Rc::clone(self);
        tokio::task::spawn_local(async move {
            let mut places: HashMap<EndpointUrl, Rc<Semaphore>> = HashMap::new();
            while let Some(errand) = received.recv().await {
                // Each request has one besides the map.
                places.retain(|_, place| Rc::strong_count(place) > 1);
                let place = places.entry(errand.url.origin().clone());
                let place = place.or_insert_with(|| Rc::new(Semaphore::new(MOST_AT_ONCE)));
                if Rc::strong_count(place) > MOST_FOR_ONE {
                    let _ = errand.answer.send(Err(CallError::Unavailable("too_many_calls")));
                    continue;
                }
                let (abroad, place) = (Rc::clone(&abroad), Rc::clone(place));
                tokio::task::spawn_local(async move { abroad.run(errand, &place).await });
            }
        });
        errands
    }

    async fn run(&self, errand: Errand, place: &Semaphore) {
        let Errand { url, request, body, limits, mut answer } = errand;
        let asked = tokio::time::timeout_at(limits.deadline.into(), async {
            let _turn = place.acquire().await;
            self.ask(&url, None, request, &body, limits.most).await
        });
        tokio::select! {
            // Nobody waits for it any more.
            () = answer.closed() => {}
            // Neither then, where sending fails.
            answered = asked => {
                let _ = answer.send(answered.unwrap_or(Err(CallError::Timeout)));
            }
        }
    }

    /// Asks once. Only connecting has a limit of time here.
    pub(crate) async fn ask(
        &self,
        url: &HttpUrl,
        bundle: Option<&[u8]>,
        request: RequestHead,
        body: &[u8],
        most: usize,
    ) -> Answer {
        let (tls, protocol) = if url.is_tls() {
            (Some(self.tls(bundle).await?), Protocol::Tls)
        } else {
            (None, Protocol::Http1)
        };
        let Some((host, port)) = place_of(url) else { return Err(CallError::Unavailable("no_endpoint")) };
        let host = EndpointHost::Tcp { host: host.into(), port };
        let endpoint = EndpointSettings { host, weight: 1, protocol, is_backup: false };
        let settings = ClusterSettings::new(url.origin().to_string().into(), vec![endpoint]);
        let cluster = Cluster::new(settings, Transport { tls, limits: Limits::default() }, None);
        find_once(cluster.shared(), &*self.resolver).await;
        visit(&Visit::new(&cluster, &Cell::new(0)), url, request, body, most).await
    }

    /// How a service is met that is known by its name alone.
    async fn tls(&self, bundle: Option<&[u8]>) -> Result<ClientTls, CallError> {
        if let Some(bundle) = bundle {
            return self.trusting(Trust::Bundle(bundle.to_vec()));
        }
        let of_system = async || {
            let loaded = tokio::task::spawn_blocking(SystemRoots::load).await;
            let loaded = loaded.map_err(|ended| refused(ended.to_string()))?;
            self.trusting(Trust::System(loaded.map_err(|problem| refused(problem.to_string()))?))
        };
        self.tls.get_or_try_init(of_system).await.cloned()
    }

    fn trusting(&self, trust: Trust) -> Result<ClientTls, CallError> {
        let settings = ClientTlsSettings {
            trust,
            certificate: None,
            server_name: None,
            protocols: vec![Alpn::H2, Alpn::Http11],
            oldest_version: TlsVersion::V12,
        };
        ClientTls::new(&settings, self.clock.wall()).map_err(|problems| {
            let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
            refused(told.join("; "))
        })
    }
}

fn refused(why: String) -> CallError {
    CallError::Connect(why.into())
}

impl std::fmt::Debug for Abroad {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Abroad")
    }
}

/// Whether an upstream is the place where a URL leads, and no other. Asked of all upstreams, so it makes no strings.
pub(crate) fn is_at(cluster: &Cluster, url: &HttpUrl) -> bool {
    let [endpoint] = &cluster.settings().endpoints[..] else { return false };
    let EndpointHost::Tcp { host, port } = &endpoint.host else { return false };
    let EndpointTarget::Host { host: meant, port: meant_port } = &url.origin().target else { return false };
    let is_there = || match meant {
        Host::Name(name) => **host == **name,
        Host::Ip(address) => host.parse() == Ok(*address),
    };
    port == meant_port && (endpoint.protocol == Protocol::Tls) == url.is_tls() && is_there()
}

/// Host, IPv6 without brackets, and port.
fn place_of(url: &HttpUrl) -> Option<(String, u16)> {
    match &url.origin().target {
        EndpointTarget::Host { host: Host::Name(name), port } => Some((name.clone(), *port)),
        EndpointTarget::Host { host: Host::Ip(address), port } => Some((IpAddr::to_string(address), *port)),
        EndpointTarget::Unix(_) | EndpointTarget::Srv(_) => None,
    }
}

/// Puts path and query of a URL into a request.
pub(crate) fn set_target(request: &mut RequestHead, url: &HttpUrl) -> Result<(), CallError> {
    let target = url.target();
    let parsed = request.target.parse(target.as_bytes(), PathRules::Raw);
    parsed.map(|_| ()).map_err(|_| CallError::Unavailable("bad_url"))
}

/// Asks an upstream for what a URL leads to.
pub(crate) async fn visit(
    visit: &Visit<'_>,
    url: &HttpUrl,
    mut request: RequestHead,
    body: &[u8],
    most: usize,
) -> Answer {
    set_target(&mut request, url)?;
    match visit.ask(request, body, most).await {
        Ok(visited) => Ok((visited.head, WholeBody { bytes: visited.body, trailers: visited.trailers })),
        Err(VisitError::NoEndpoint) => Err(CallError::Unavailable("no address of it is known")),
        Err(VisitError::ConnectTimeout) => Err(CallError::Timeout),
        Err(VisitError::Connect(error)) => Err(CallError::Connect(error.to_string().into())),
        Err(VisitError::Broken(_)) => Err(CallError::Broken),
        Err(VisitError::TooLarge) => Err(CallError::TooLarge),
    }
}

#[cfg(test)]
mod tests;

//! What is known of a request beside its head: who sent it, how it came, which route it takes.
//! The engine fills it in as the exchange goes on; policies read it.

use std::cmp::Reverse;
use std::net::IpAddr;
use std::ops::Deref;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use maitred_http::{Method, RequestHead, Scheme, Target};
use maitred_store::{Away, Said, StoreShared};
use smallvec::SmallVec;

use crate::callers::{Claims, Consumer, ShownToken};
use crate::request_id::RequestId;

/// What is known of one request. It lives as long as the exchange.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The client: the peer, or whom a trusted proxy names.
    pub client: IpAddr,
    /// Who opened the connection.
    pub peer: IpAddr,
    /// Whether the peer is a trusted proxy, so that what it says of the client counts.
    pub peer_is_trusted: bool,
    /// The scheme that the client used.
    pub scheme: Scheme,
    /// The name of the listener.
    pub listener: Rc<str>,
    /// The certificate that the client has shown and that was found good, if it has (mutual TLS).
    pub certificate: Option<Rc<CertificateFacts>>,
    /// Who asks, once that is known; none for anybody.
    pub consumer: Option<Arc<Consumer>>,
    /// What others say of who asks; none for anybody.
    pub claims: Option<Rc<Claims>>,
    /// The token by which who asks was found, for what passes it on or asks for another in its place; none where that was by something else.
    pub token: Option<ShownToken>,
    /// A digest of what services that decide about the request went by and have put into it, as far as that is known: requests that
    /// differ in it may be those of others. None where none has said anything.
    pub decided_by: Option<Box<[u8; 32]>>,
    /// Whether a service that decides was shown more of the request than `decided_by` tells: it may know who asks, by something that nobody
    /// else can tell apart. Who asks then counts as somebody.
    pub is_decided_unseen: bool,
    /// Whether the client looks for errors in `grpc-status`: it calls gRPC, or gRPC-Web. Policies may change the request into
    /// such a call, and do not change this.
    pub speaks_grpc: bool,
    /// The id of the request. It always exists.
    pub request_id: RequestId,
    /// When the head of the request was complete.
    pub received: SystemTime,
    /// The route that was chosen.
    pub route: TableRef<RouteFacts>,
    /// What the client asked for, where something on the way has changed it.
    pub asked: Option<Box<Asked>>,
    /// What the route's path parameters matched.
    pub params: PathParams,
    /// The upstream that the request went to, once it did.
    pub upstream: Option<Rc<str>>,
    /// When the service was sent the last of the request that came before its answer, or before it was given up for lack of one:
    /// from there on the wait is for the service. None where no service was asked, and where something else stands in for its answer.
    pub sent_at: Option<Instant>,
    /// How far the request has come with services.
    pub reached: Reached,
    /// Whether a policy has undertaken that the request is done once: it is sent again only where its method allows that, whatever key it
    /// carries.
    pub is_once: bool,
    /// Bytes that the request body may have; above it the answer is 413. Policies only lower it.
    pub body_limit: Option<u64>,
    /// Whether the request has a body, as far as its head tells: one of unknown length counts.
    pub has_body: bool,
    /// What stores and limits have said; nothing where none was asked that has something to remember.
    pub stores: Option<Box<StoreFacts>>,
    /// Whether no client waits for the answer: a policy has had the request [asked anew](crate::Runtime::refresh).
    pub is_refresh: bool,
}

/// How far a request has come with services, over all tries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reached {
    /// Nothing of it was sent, or a service has said that it did nothing with it.
    #[default]
    Nothing,
    /// A service was sent it, and may have done it: it did not answer.
    Sent,
    /// A service has answered with this status.
    Answered(u16),
    /// A service has answered with this status, and the answer to a fault of the gateway takes its place.
    Withheld(u16),
}

impl Facts {
    /// Remembers what the client asked for, before the method or the target is changed the first time: logs tell that.
    pub fn remember(&mut self, request: &RequestHead) {
        self.remembered(request);
    }

    fn remembered(&mut self, request: &RequestHead) -> &mut Asked {
        let asked = || Box::new(Asked { method: request.method, target: request.target.clone(), told: None });
        self.asked.get_or_insert_with(asked)
    }

    /// Takes something out of what is told of the target, in logs and to others. What the client asked for stays as it is.
    pub fn hide(&mut self, request: &RequestHead, take_out: impl FnOnce(&mut Target)) {
        let asked = self.remembered(request);
        take_out(asked.told.get_or_insert_with(|| asked.target.clone()));
    }

    /// The groups of who asks: those of the consumer, and those that others tell of.
    pub fn groups(&self) -> impl Iterator<Item = &str> {
        let own = self.consumer.iter().flat_map(|consumer| &consumer.groups);
        let told = self.claims.iter().flat_map(|claims| &claims.groups);
        own.chain(told).map(|group| &**group)
    }

    /// Who asks, as others tell; empty where nobody does.
    pub fn subject(&self) -> &str {
        self.claims.as_ref().and_then(|claims| claims.subject.as_deref()).unwrap_or_default()
    }

    /// The plan of who asks: that of the consumer, else that which others tell of, else the default.
    pub fn plan(&self) -> Option<&str> {
        let own = self.consumer.as_deref().map(|consumer| &consumer.plan);
        let told = self.claims.as_deref().and_then(|claims| claims.plan.as_deref());
        let default = own.and_then(|plan| plan.as_default());
        own.and_then(|plan| plan.as_own()).or(told).or(default)
    }

    /// Whether it is known who asks.
    pub fn is_identified(&self) -> bool {
        self.consumer.is_some() || self.claims.is_some()
    }

    /// Asks a store, unless it was asked for this request already and did not answer in time: a request waits once for a store that hangs,
    /// however many policies ask it.
    pub async fn ask<T>(&mut self, store: &StoreShared, asking: impl Future<Output = Said<T>>) -> Said<T> {
        let which = Arc::as_ptr(store).addr();
        if self.stores.as_ref().is_some_and(|stores| stores.late.contains(&which)) {
            return Err(Away::Late);
        }
        let said = asking.await;
        if matches!(said, Err(Away::Late)) {
            self.stores.get_or_insert_default().late.push(which);
        }
        said
    }

    /// The limits that are told in the answer, to note one.
    pub fn told_limits(&mut self) -> &mut ToldLimits {
        &mut self.stores.get_or_insert_default().told_limits
    }

    /// Lowers the limit of the request body to `limit` bytes.
    pub fn limit_body(&mut self, limit: u64) {
        self.body_limit = Some(self.body_limit.map_or(limit, |old| old.min(limit)));
    }
}

/// What stores have said of one request.
#[derive(Clone, Debug, Default)]
pub struct StoreFacts {
    /// Of the limits that have counted the request, those that are told in the answer.
    pub told_limits: ToldLimits,
    /// The stores that did not answer in time, by their addresses.
    late: SmallVec<[usize; 2]>,
}

/// The limits that are told in an answer: in each set of fields the one that was closest to refusing, so that none stands there twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ToldLimits {
    /// In `X-RateLimit-…`: of those over short times.
    pub rate: Option<Closeness>,
    /// In `X-Quota-…`: of those over long times.
    pub quota: Option<Closeness>,
    /// In the fields of the IETF: of both.
    pub ietf: Option<Closeness>,
}

/// How close a limit was to refusing a request: the less, the closer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Closeness {
    /// Whether it let the request through.
    pub is_allowed: bool,
    /// How much it would still allow.
    pub remaining: u64,
    /// In how long it is whole again.
    pub reset: Reverse<Duration>,
    /// What tells it from others, for as long as the request lasts.
    pub whose: usize,
}

/// What a client asked for.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The method.
    pub method: Method,
    /// Path and query, as the client sent them.
    pub target: Target,
    /// The same without what nobody else should read, if something was taken out.
    told: Option<Target>,
}

impl Asked {
    /// Path and query without what nobody else should read: for logs and for others.
    pub fn told(&self) -> &Target {
        self.told.as_ref().unwrap_or(&self.target)
    }
}

/// What a client's certificate says of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CertificateFacts {
    /// Its subject, as in `CN=joe,O=Example` (RFC 4514).
    pub subject: String,
    /// Its alternative names: hosts, mailboxes, URIs (SPIFFE ids among them).
    pub names: Vec<String>,
    /// Its SHA-256 in hexadecimal.
    pub fingerprint: String,
}

/// What policies may know of a route.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RouteFacts {
    /// Its name.
    pub name: Arc<str>,
    /// The methods it takes; none where it takes all.
    pub methods: Option<Arc<[Method]>>,
}

/// One entry of a table that belongs to a snapshot. To hold it touches nothing of the entry itself: tables are large, and
/// what a request need not look at must not be fetched for it.
#[derive(Debug)]
pub struct TableRef<T> {
    table: Rc<[T]>,
    at: usize,
}

impl<T> TableRef<T> {
    /// Entry number `at` of a table; there is one.
    pub fn new(table: &Rc<[T]>, at: usize) -> Self {
        assert!(at < table.len(), "no entry {at} in a table of {}", table.len());
        Self { table: Rc::clone(table), at }
    }

    /// The only entry of a table of its own.
    pub fn alone(entry: T) -> Self {
        Self { table: Rc::new([entry]), at: 0 }
    }

    /// Its number in the table.
    pub fn number(&self) -> usize {
        self.at
    }
}

impl<T> Clone for TableRef<T> {
    fn clone(&self) -> Self {
        Self { table: Rc::clone(&self.table), at: self.at }
    }
}

impl<T> Deref for TableRef<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.table[self.at]
    }
}

/// The names of the parameters of a path, in order.
pub type PathNames = Box<[Box<str>]>;

/// What the parameters of a route's path matched, still percent-encoded.
#[derive(Clone, Debug, Default)]
pub struct PathParams {
    names: Option<TableRef<PathNames>>,
    values: Vec<Option<Box<str>>>,
}

impl PathParams {
    /// The parameters of these names with their values, in the same order; none for what took no part.
    pub fn new(names: TableRef<PathNames>, values: Vec<Option<Box<str>>>) -> Self {
        Self { names: Some(names), values }
    }

    /// The value of one parameter.
    pub fn value(&self, name: &str) -> Option<&str> {
        let at = self.names.as_ref()?.iter().position(|candidate| **candidate == *name)?;
        self.values.get(at)?.as_deref()
    }

    /// Names and values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        let names = self.names.iter().flat_map(|names| names.iter());
        names.zip(&self.values).map(|(name, value)| (&**name, value.as_deref()))
    }
}

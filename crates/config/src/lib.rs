//! The configuration language of maitred: from files to a typed [`Document`], with every problem told at its place.
//!
//! Floor 0: knows no other crate, opens no socket, has no clock. Files and environment come in through [`Files`] and
//! [`Environment`]. Below is how to load a document, and how to declare what is read.
#![doc = include_str!("../README.md")]

mod document;
mod expand;
mod files;
mod load;
mod node;
mod problem;
#[doc(hidden)]
pub mod read;
pub mod scalar;
mod schema;
mod span;
mod substitute;
mod texts;

pub use document::{
    AccessLog, AccessLogFormat, Acme, AcmeChallenge, AcmeHost, Admin, Backoff, Balance, Certificate,
    CheckHost, CheckPath, CircuitBreaker, ClaimPaths, ClientAuth, Condition, Consumer, ConsumerCertificate,
    CookieName, DEFAULT_STORE, DegradeCache, DegradeRespond, DegradeStep, Document, EffectivePolicy,
    Endpoint, ErrorBodies, ExpectedStatus, GrpcHealth, HealthCheck, HostSent, IpList, Issuer, IssuerTls,
    JsonTemplate, Keepalive, KeysFrom, Layer, LimitAlgorithm, Limits, Listener, ListenerProxyProtocol,
    ListenerRedirect, ListenerTls, Loaded, Log, LogLevel, LogTarget, Match, MemoryBound, MemoryStore,
    Metrics, Mirror, NoPolicies, OutlierDetection, Overload, PathHandling, PathPrefix, Place, Plan,
    PolicyEntry, PolicyMap, PolicyShapes, Protocol, ProxyProtocolVersion, Ramp, RateLimit, Redirect,
    RedirectStatus, RedirectTarget, RedisSentinel, RedisStore, Respond, Retries, Route, RouteRetries,
    RouteTimeouts, Split, Sticky, StickyCookie, Store, StripPrefix, Telemetry, TextMatch, TlsVersion,
    TokenAlgorithm, TokenSubject, TryEnd, Upstream, UpstreamProtocol, UpstreamRef, UpstreamTimeouts,
    UpstreamTls, Variant, Version, Weight, load,
};
pub use expand::{expand, long_form};
pub use files::{
    Disk, Environment, Files, FolderEntry, Glob, Memory, NoEnvironment, ProcessEnvironment, Watched,
};
pub use load::{Tree, load_tree};
pub use node::{Entry, Map, Node, Scalar, ScalarKind, Substitution, Value};
pub use problem::{Label, Problem, Problems, Severity, Style};
pub use read::{
    ByteSize, ConfigMap, Field, Fields, FilePath, FolderPath, HeaderName, HeaderValue, HttpsUrl, Listing,
    MapShape, Method, Named, NamedEntry, OneOrMany, Password, Read, Reader, Secret, ServerName, Shape,
    ShortForm, Spanned, StatePath, StatusCode, TextShape, Toggle, WordsShape, read_text,
};
pub use schema::{document_schema, shape_schema};
pub use span::{FileId, Span};
pub use texts::{Position, TextFile, Texts};

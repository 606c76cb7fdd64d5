//! Routes: which requests go where, and what is done to them on the way.
//! That a route does exactly one thing is checked here; that its upstream exists, in `check.rs`.

use std::time::Duration;

use super::{ErrorBodies, Match, PolicyMap, Redirect, Respond, RouteRetries, refuse_zero};
use crate::config_map;
use crate::node::Node;
use crate::problem::Problem;
use crate::read::{Fields, HeaderName, OneOrMany, Read, Reader, Shape, Spanned, TextShape, Toggle};
use crate::scalar::{EndpointUrl, PathKind, ScalarProblem, Tail, Template, header_name};

mod degrade;
mod mirror;
mod split;

pub use degrade::{DegradeCache, DegradeRespond, DegradeStep};
pub use mirror::Mirror;
pub use split::{Ramp, Split, StickyCookie, Variant, Weight};

config_map! {
    /// Which requests go where. A route does one thing: `upstream`, `split`, `respond` or `redirect`.
    #[check = Route::check]
    pub struct Route {
        /// Which requests it takes. Without it, all.
        r#match as "match": Match = "/*",
        /// Overrides the order in which routes are tried: higher first.
        priority: i32 = 0,
        /// Forwards to this service: the name of an upstream, or the URL of one.
        upstream: Option<UpstreamRef>,
        /// Forwards to one of several services.
        split: Option<Split>,
        /// Answers at once.
        respond: Option<Respond>,
        /// Sends the client elsewhere.
        redirect: Option<Redirect>,
        /// Removes the start of the path: `true` for what stands before the `*` of the match, or the start itself.
        strip_prefix: Option<StripPrefix>,
        /// Puts this before the path, after `strip_prefix`.
        add_prefix: Option<PathPrefix>,
        /// Replaces the path. The query is kept unless one is named here.
        rewrite: Option<Template>,
        /// Waits of this route, in place of the upstream's.
        timeouts: RouteTimeouts = true,
        /// When its requests are tried again, in place of what the upstream says; `false`: never.
        retries: Option<Toggle<RouteRetries>>,
        /// Protocols that clients may change to on a connection to the service (`Upgrade`); `false`: none. Without it:
        /// `websocket`.
        upgrades: Option<Toggle<OneOrMany<UpgradeToken>>>,
        /// Its policies, laid over the global ones by name; `false`: none at all.
        policies: PolicyMap,
        /// The bodies of errors on this route, in place of the global ones; `false`: the usual ones.
        errors: Option<Toggle<ErrorBodies>>,
        /// Whether its requests are in the access log.
        access_log: bool = true,
        /// Another service that gets copies of its requests.
        mirror: Option<Mirror>,
        /// What is answered in place of a service that fails, in order.
        degrade: Vec<Spanned<DegradeStep>>,
    }
}

config_map! {
    /// Waits of a route. What is not named is as the upstream has it.
    #[check = RouteTimeouts::check]
    pub struct RouteTimeouts {
        /// Until a connection is there.
        connect: Option<Duration>,
        /// From the end of the request to the head of the answer, for each try.
        response: Option<Duration>,
        /// Between two pieces of the answer.
        idle: Option<Duration>,
        /// How long a stream may be silent on both sides, in place of `idle`: a WebSocket or another tunnel, events (SSE), gRPC.
        stream_idle: Option<Duration>,
        /// From the request to the end of its answer, over all tries.
        total: Option<Duration>,
        /// The header that tells a service how many milliseconds it has left, where that is limited.
        header: Option<HeaderName>,
    }
}

/// The service that a route forwards to.
#[derive(Debug, Clone, PartialEq)]
pub enum UpstreamRef {
    /// The upstream with this name.
    Name(Spanned<String>),
    /// A service with one endpoint and all defaults.
    Url(Spanned<EndpointUrl>),
}

static UPSTREAM: TextShape =
    TextShape { name: "name or URL of an upstream", example: "users", pattern: None };

impl Read for UpstreamRef {
    fn shape() -> Shape {
        Shape::Text(&UPSTREAM)
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        let Some(text) = node.as_text() else { return reader.wanted(&UPSTREAM.wanted(), node) };
        // No name of an upstream has a colon or a slash: `check` sees to that.
        if text.contains([':', '/']) {
            return Spanned::read(node, reader).map(Self::Url);
        }
        Spanned::read(node, reader).map(Self::Name)
    }
}

/// The name of a protocol that a connection may change to, perhaps with its version: `websocket`, `spdy/3.1`. In lower case,
/// since names of protocols do not distinguish it (RFC 9110 section 7.8).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct UpgradeToken(pub String);

static UPGRADE_TOKEN: TextShape =
    TextShape { name: "protocol to change to", example: "websocket", pattern: None };

impl Read for UpgradeToken {
    fn shape() -> Shape {
        Shape::Text(&UPGRADE_TOKEN)
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        reader.scalar(node, &UPGRADE_TOKEN, |text| {
            let token = text.to_ascii_lowercase();
            let (name, version) = token.split_once('/').map_or((token.as_str(), None), |(a, b)| (a, Some(b)));
            let is_token = |part: &str| header_name::parse(part).is_ok();
            if !is_token(name) || !version.is_none_or(is_token) {
                let problem = ScalarProblem::whole("this is no name of a protocol", text);
                return Err(problem.help("write a name, or a name and a version: `spdy/3.1`"));
            }
            if ["h2c", "h2", "h3", "http", "tls"].contains(&name) {
                // Behind such a tunnel, requests would pass every policy unseen.
                let problem =
                    ScalarProblem::whole(format!("`{text}` would carry requests past every policy"), text);
                return Err(problem.help("HTTP/2 is a matter of listeners and upstreams, not of upgrades"));
            }
            Ok(Self(token))
        })
    }
}

/// What `strip_prefix` removes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StripPrefix {
    /// `true`: what stood before the `*` of the match.
    Matched,
    /// This start of the path, if the path has it.
    Path(PathPrefix),
}

impl Read for StripPrefix {
    fn shape() -> Shape {
        Shape::OneOf(vec![Shape::Bool, PathPrefix::shape()])
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        if node.as_bool() == Some(true) {
            return Some(Self::Matched);
        }
        PathPrefix::read(node, reader).map(Self::Path)
    }
}

/// The start of a path: `/api`. It begins with a slash and does not end with one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathPrefix(pub String);

static PATH_PREFIX: TextShape = TextShape { name: "start of a path", example: "/api", pattern: Some("^/") };

impl Read for PathPrefix {
    fn shape() -> Shape {
        Shape::Text(&PATH_PREFIX)
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        reader.scalar(node, &PATH_PREFIX, |text| {
            let prefix = text.strip_suffix("/*").unwrap_or(text).trim_end_matches('/');
            let well_formed = prefix.starts_with('/')
                && prefix.bytes().all(|byte| byte.is_ascii_graphic() && !b"?#{}*\\\"<>^`|".contains(&byte));
            if well_formed {
                return Ok(Self(prefix.to_owned()));
            }
            let problem = ScalarProblem::whole("this is not the start of a path", text);
            Err(problem.help("write it like `/api`; other characters are percent-encoded"))
        })
    }
}

impl Route {
    /// The protocols that clients may change to, in lower case.
    pub fn upgrades(&self) -> Vec<&str> {
        match &self.upgrades {
            None => vec!["websocket"],
            Some(Toggle::Off) => Vec::new(),
            Some(Toggle::On(listed)) => listed.iter().map(|token| token.0.as_str()).collect(),
        }
    }

    /// Every service that it names: those that it forwards to, the mirror, and those that stand in.
    pub fn upstreams(&self) -> impl Iterator<Item = &UpstreamRef> {
        let others = self.mirror.iter().map(|mirror| &mirror.upstream);
        self.forwards_to().chain(others).chain(self.degrade.iter().filter_map(|step| step.upstream.as_ref()))
    }

    /// The services that it forwards to: one, or those of its variants.
    pub fn forwards_to(&self) -> impl Iterator<Item = &UpstreamRef> {
        let variants = self.split.iter().flat_map(|split| &split.variants);
        self.upstream.iter().chain(variants.map(|variant| &variant.value.upstream))
    }

    fn check(&self, fields: &Fields<'_>, reader: &mut Reader<'_>) {
        check_action(fields, reader);
        self.check_rewriting(fields, reader);
        degrade::check_steps(&self.degrade, &self.forwards_to().collect::<Vec<_>>(), reader);
    }

    fn check_rewriting(&self, fields: &Fields<'_>, reader: &mut Reader<'_>) {
        let changes =
            ["strip_prefix", "add_prefix", "rewrite", "timeouts", "retries", "upgrades", "mirror", "degrade"];
        let forwards = fields.has("upstream") || fields.has("split");
        if !forwards && (fields.has("respond") || fields.has("redirect")) {
            let says =
                |key: &&str| fields.has(key) && (*key != "timeouts" || self.timeouts != RouteTimeouts::NONE);
            for key in changes.into_iter().filter(says) {
                let problem = Problem::warning(format!("`{key}` has no effect without `upstream`"));
                reader.problem(problem.at(fields.key_span(key)));
            }
        }
        if let Some(key) = ["strip_prefix", "add_prefix"].into_iter().find(|key| fields.has(key))
            && fields.has("rewrite")
        {
            reader.problem(
                Problem::error(format!("`rewrite` replaces the path, so `{key}` would do nothing"))
                    .label(fields.key_span(key), "this")
                    .label(fields.key_span("rewrite"), "replaces the whole path"),
            );
        }
        if self.strip_prefix == Some(StripPrefix::Matched) {
            for path in self.r#match.path.iter().filter(|path| !has_prefix(&path.kind)) {
                reader.problem(
                    Problem::error(
                        "`strip_prefix: true` removes what stands before a `*`, and this path has none",
                    )
                    .label(path.span.or(fields.key_span("match")), "no `*`")
                    .label(fields.key_span("strip_prefix"), "")
                    .help("name what to remove: `strip_prefix: /api`"),
                );
            }
        }
    }
}

/// A route has exactly one action.
fn check_action(fields: &Fields<'_>, reader: &mut Reader<'_>) {
    let actions: Vec<&str> =
        ["upstream", "split", "respond", "redirect"].into_iter().filter(|key| fields.has(key)).collect();
    match actions.as_slice() {
        [_] => {}
        [] if fields.has_unknown() => {}
        [] => reader.problem(
            Problem::error("this route does nothing")
                .at(fields.place())
                .help("give it one of `upstream`, `split`, `respond`, `redirect`"),
        ),
        [first, others @ ..] => {
            let mut problem =
                Problem::error("a route does one thing").label(fields.key_span(others[0]), "and this");
            problem = problem.label(fields.key_span(first), "this");
            reader.problem(problem.help("make two routes of it, or leave one out"));
        }
    }
}

/// Whether a pattern says where its prefix ends.
fn has_prefix(kind: &PathKind) -> bool {
    matches!(kind, PathKind::Segments { tail: Tail::Prefix | Tail::Rest(_), .. })
}

impl RouteTimeouts {
    /// No waits of its own.
    const NONE: Self =
        Self { connect: None, response: None, idle: None, stream_idle: None, total: None, header: None };

    fn check(&self, fields: &Fields<'_>, reader: &mut Reader<'_>) {
        let times = [
            ("connect", self.connect),
            ("response", self.response),
            ("idle", self.idle),
            ("stream_idle", self.stream_idle),
            ("total", self.total),
        ];
        refuse_zero(&times, fields, reader);
    }
}

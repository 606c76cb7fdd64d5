//! What a route does with a request that its policies let through: forward it, answer it, or redirect it.
//! It is the last step on the way down; forwarding itself is in `exchange::forward`.

mod degrade;
mod split;
mod traffic;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use maitred_http::{Fields, Known, RequestHead, ResponseHead};
use maitred_policy::values::{BodyTemplate, Rendered, TargetTemplate, Template, View};
use maitred_policy::{Facts, Fault, Reply};

use maitred_upstream::{ResultSet, Timeouts, TryResult};

pub(crate) use self::degrade::{Degrade, DegradeStep, can_be_kept, takes};
pub(crate) use self::split::{Ramp, Share, Split, Sticky, Variant, fixed_shares};
pub(crate) use self::traffic::{Mirror, Target, Traffic};
use crate::retries::Retries;
use crate::rewrite::Rewrite;

/// What a route does.
#[derive(Debug)]
pub(crate) enum Action {
    /// Sends the request to an upstream.
    Forward(ForwardSettings, Option<Rewrite>),
    /// The same with more around it: variants, a mirror, answers in place of a service that fails.
    Traffic(Box<Traffic>),
    /// Answers with what the document says.
    Respond(Respond),
    /// Sends the client elsewhere.
    Redirect(Redirect),
    /// No route matched: 404, or 405 with the methods that would have.
    Unmatched,
}

impl Action {
    /// A variant that requests of the route are dealt to: its name, and where it leads.
    pub(crate) fn variant(&self, number: usize) -> Option<(&str, &Target)> {
        match self {
            Self::Traffic(traffic) => traffic.variant(number),
            _ => None,
        }
    }

    /// How long a service may be silent in the middle of an answer: as long as any of them may.
    pub(crate) fn idle(&self) -> Duration {
        match self {
            Self::Forward(settings, _) => settings.timeouts.idle,
            Self::Traffic(traffic) => traffic.idle(),
            Self::Respond(_) | Self::Redirect(_) | Self::Unmatched => Timeouts::default().idle,
        }
    }

    /// How long a whole exchange may take before it is known which service gets the request: as long as any of them may; none without
    /// limit.
    pub(crate) fn total(&self) -> Option<Duration> {
        match self {
            Self::Forward(settings, _) => settings.timeouts.total,
            Self::Traffic(traffic) => traffic.total(),
            Self::Respond(_) | Self::Redirect(_) | Self::Unmatched => None,
        }
    }
}

/// What a route with an upstream adds to it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct ForwardSettings {
    /// The number of the upstream.
    pub(crate) upstream: usize,
    pub(crate) timeouts: Timeouts,
    /// The field that tells the service how long it has.
    pub(crate) deadline_header: Option<Box<str>>,
    pub(crate) retries: Box<Retries>,
    /// Protocols that clients may change to, in lower case.
    pub(crate) upgrades: Box<[Box<str>]>,
}

/// A service for whose failures something else may stand in.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) forward: ForwardSettings,
    /// The name of its upstream.
    pub(crate) upstream: Arc<str>,
    /// Which ends of a try are failures of it.
    pub(crate) failures: ResultSet,
}

impl Service {
    /// Whether an answer with this status is a failure; 4xx never are.
    pub(crate) fn fails_with(&self, status: u16) -> bool {
        status >= 500 && self.failures.has(TryResult::Status(status))
    }
}

/// A fixed answer.
#[derive(Debug)]
pub(crate) struct Respond {
    pub(crate) status: u16,
    pub(crate) fields: Vec<(maitred_http::FieldName, Arc<Template>)>,
    pub(crate) body: RespondBody,
}

/// The body of a fixed answer.
#[derive(Debug)]
pub(crate) enum RespondBody {
    /// The same for every request.
    Fixed(Bytes),
    /// Text with values.
    Text(Template),
    /// JSON with values.
    Json(BodyTemplate),
}

impl Respond {
    pub(crate) fn reply(&self, request: &RequestHead, facts: &Facts) -> Reply {
        let view = View::of_request(request, facts);
        let mut head =
            ResponseHead { status: self.status, fields: Fields::default(), ..ResponseHead::default() };
        for (name, template) in &self.fields {
            let mut value = Vec::new();
            if template.render(&view, &mut value) == Rendered::Whole {
                head.fields.append(name, &value);
            }
        }
        let body = match &self.body {
            RespondBody::Fixed(bytes) => bytes.clone(),
            RespondBody::Text(template) => {
                let mut text = Vec::new();
                // A missing value is empty inside a body.
                let _ = template.render_text(&view, &mut text);
                text.into()
            }
            RespondBody::Json(template) => {
                let mut json = Vec::new();
                template.render(&view, &mut json);
                json.into()
            }
        };
        Reply { head, body: body.into() }
    }
}

/// Where a client is sent.
#[derive(Debug)]
pub(crate) struct Redirect {
    pub(crate) status: u16,
    pub(crate) to: TargetTemplate,
    /// Whether the query of the request is put behind the target, because that names none.
    pub(crate) keeps_query: bool,
}

impl Redirect {
    pub(crate) fn reply(&self, request: &RequestHead, facts: &Facts) -> Result<Reply, Fault> {
        let mut location = Vec::new();
        self.to
            .render(&View::of_request(request, facts), &mut location)
            .map_err(|_| Fault::client(400, "ambiguous_path", "Bad request"))?;
        if let Some(query) = request.target.query().filter(|_| self.keeps_query) {
            location.push(b'?');
            location.extend_from_slice(query.as_bytes());
        }
        let mut reply = Reply::new(self.status);
        reply.head.fields.append_known(Known::Location, &location);
        Ok(reply)
    }
}

/// Sends a request that came in the clear to the same address over TLS.
pub(crate) fn to_https(request: &RequestHead, port: u16) -> Reply {
    let host = request.authority.host();
    let port = if port == 443 { String::new() } else { format!(":{port}") };
    let location = format!("https://{host}{port}{}", request.target.as_str());
    // 308 keeps method and body (RFC 9110 section 15.4.9).
    let mut reply = Reply::new(308);
    reply.head.fields.append_known(Known::Location, location.as_bytes());
    reply
}

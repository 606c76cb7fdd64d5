//! Routes: what they match into the route table, what they do into actions.
//! Each part of a route is compiled even where another has a problem, so that all are told at once.

mod traffic;

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use maitred_config::{
    Condition as Written, ErrorBodies, JsonTemplate, Match, Respond as WrittenRespond, Route as WrittenRoute,
    StripPrefix, TextMatch, UpstreamRef,
};
use maitred_config::{NamedEntry, Problem, Problems, Span, scalar};
use maitred_http::{FieldName, Method};
use maitred_policy::Condition as Cel;
use maitred_policy::values::{Available, BodyTemplate, TargetTemplate, Template};
use maitred_router::{Ambiguity, Condition, HostSpec, PathSpec, Pattern, RouteSpec, Router, Source, Test};
use maitred_upstream::Timeouts;

use super::pipelines::Pipelines;
use super::upstreams::{UpstreamNumbers, timeouts};
use super::{Compiler, RouteLog};
use crate::action::ForwardSettings;
use crate::action::{Action, Redirect, Respond, RespondBody};
use crate::error_format::ErrorFormat;
use crate::kept::KeptShared;
use crate::listener::ListenerSettings;
use crate::rewrite::{Rewrite, Strip};
use crate::snapshot::{Route, RouteCounts, When};

/// What routes are compiled in the midst of.
pub(super) struct Around<'a> {
    pub(super) listeners: &'a [Arc<ListenerSettings>],
    pub(super) upstream_numbers: &'a UpstreamNumbers,
    pub(super) access_log: RouteLog,
    pub(super) kept: Option<&'a Arc<KeptShared>>,
}

/// The name of the built-in route for what matches no other.
const UNMATCHED: &str = "unmatched";

/// Compiles the routes and, behind them, the one for what matches none.
pub(super) fn compile(
    compiler: &Compiler<'_>,
    around: &Around<'_>,
    pipelines: &mut Pipelines<'_>,
    problems: &mut Problems,
) -> Option<(Router, Vec<Route>)> {
    let document = compiler.document;
    let errors = Arc::new(error_format(document.errors.on(), problems));
    let mut specs = Vec::new();
    let mut forwards = Forwards::new();
    let mut routes = Vec::new();
    for entry in &document.routes {
        let one = One { compiler, around, entry, forwards: &mut forwards, problems };
        let (spec, route) = one.compile(&errors, pipelines);
        specs.push(spec);
        routes.push(route);
    }
    routes.push(Some(unmatched(compiler, around, errors, pipelines.of(None, None, problems))));
    let router = match Router::compile(specs) {
        Ok(router) => router,
        Err(ambiguities) => {
            let entries: Vec<_> = document.routes.iter().collect();
            for ambiguity in ambiguities {
                problems.push(ambiguous(&ambiguity, &entries));
            }
            return None;
        }
    };
    routes.into_iter().collect::<Option<Vec<_>>>().map(|routes| (router, routes))
}

fn ambiguous(ambiguity: &Ambiguity, entries: &[&NamedEntry<WrittenRoute>]) -> Problem {
    let (first, second) = (entries[ambiguity.first], entries[ambiguity.second]);
    Problem::error(format!(
        "`{}` and `{}` can both take the same request: {}",
        first.name, second.name, ambiguity.reason
    ))
    .label(second.span, "this route")
    .label(first.span, "and this one")
    .help("give one of them a `priority`, or a condition that the other has not")
}

fn unmatched(
    compiler: &Compiler<'_>,
    around: &Around<'_>,
    errors: Arc<ErrorFormat>,
    pipeline: Arc<crate::pipeline::Pipeline>,
) -> Route {
    Route {
        name: UNMATCHED.into(),
        path: "".into(),
        methods: None,
        pipeline,
        action: Arc::new(Action::Unmatched),
        errors,
        access_log: around.access_log,
        conditions: Box::default(),
        counts: counts(compiler, UNMATCHED, None),
    }
}

fn counts(compiler: &Compiler<'_>, route: &str, upstream: Option<&str>) -> RouteCounts {
    RouteCounts {
        route: compiler.metrics.route(route),
        requests: compiler.metrics.route_upstream(route, upstream),
        own: compiler.metrics.route_upstream(route, None),
    }
}

fn error_format(written: Option<&ErrorBodies>, problems: &mut Problems) -> ErrorFormat {
    let Some(written) = written else { return ErrorFormat::Problem };
    match BodyTemplate::of_document(&written.json, Available::Error) {
        Ok(template) => ErrorFormat::Json(template),
        Err(message) => {
            problems.push(
                Problem::error(message)
                    .help("in `errors` there are `error.status`, `error.title`, `error.detail`"),
            );
            ErrorFormat::Problem
        }
    }
}

/// One route on its way.
struct One<'a> {
    compiler: &'a Compiler<'a>,
    around: &'a Around<'a>,
    entry: &'a NamedEntry<WrittenRoute>,
    forwards: &'a mut Forwards,
    problems: &'a mut Problems,
}

/// Forwarding without a rewrite: most routes have one of a few.
type Forwards = HashMap<ForwardSettings, Arc<Action>>;

impl One<'_> {
    fn compile(
        mut self,
        errors: &Arc<ErrorFormat>,
        pipelines: &mut Pipelines<'_>,
    ) -> (RouteSpec, Option<Route>) {
        let written = &self.entry.value;
        let matching = &written.r#match;
        let paths = self.paths(matching);
        let methods = self.methods(matching);
        let spec = RouteSpec {
            hosts: self.hosts(matching),
            paths,
            methods: methods.clone(),
            conditions: self.conditions(matching),
            priority: written.priority,
        };
        let upstream = self.upstream_name();
        let pipeline = pipelines.of(Some(self.entry), upstream.as_ref(), self.problems);
        let action = self.action();
        let errors = match &written.errors {
            None => Arc::clone(errors),
            Some(own) => Arc::new(error_format(own.on(), self.problems)),
        };
        let path = matching.path.iter().map(|path| path.value.text.as_str()).collect::<Vec<_>>().join(" ");
        let route = action.map(|action| Route {
            name: Arc::from(&*self.entry.name),
            path: path.into(),
            methods: methods.map(Arc::from),
            pipeline,
            action,
            errors,
            access_log: self.around.access_log.filter(|_| written.access_log),
            conditions: condition_names(matching),
            counts: counts(self.compiler, &self.entry.name, upstream.as_deref()),
        });
        (spec, route)
    }

    fn problem(&mut self, message: impl Into<String>, at: Span) {
        self.problems.push(Problem::error(message).at(at));
    }

    fn hosts(&mut self, matching: &Match) -> Vec<HostSpec> {
        let mut hosts = Vec::new();
        for host in &matching.host {
            match HostSpec::parse(&host.value.to_string()) {
                Ok(spec) => hosts.push(spec),
                Err(error) => self.problem(error.to_string(), host.span),
            }
        }
        hosts
    }

    fn paths(&mut self, matching: &Match) -> Vec<PathSpec> {
        let mut paths = Vec::new();
        for path in &matching.path {
            match PathSpec::parse(&path.value.text) {
                Ok(spec) => paths.push(spec),
                Err(error) => self.problem(error.to_string(), path.span),
            }
        }
        paths
    }

    fn methods(&mut self, matching: &Match) -> Option<Vec<Method>> {
        let mut methods = Vec::new();
        for method in &matching.methods {
            match Method::parse(method.0.as_bytes()) {
                Ok(method) => methods.push(method),
                Err(_) => self.problem(format!("`{}` is too long for a method", method.0), self.entry.span),
            }
        }
        (!methods.is_empty()).then_some(methods)
    }

    fn conditions(&mut self, matching: &Match) -> Vec<Condition> {
        let mut conditions = Vec::new();
        for header in &matching.headers {
            match FieldName::parse(&header.name) {
                Ok(name) => self.tests(Source::Header(name), &header.value, header.span, &mut conditions),
                Err(_) => self.problem("this is no name of a header", header.span),
            }
        }
        for field in &matching.query {
            self.tests(Source::Query(field.name.to_string()), &field.value, field.span, &mut conditions);
        }
        for cookie in &matching.cookies {
            self.tests(Source::Cookie(cookie.name.to_string()), &cookie.value, cookie.span, &mut conditions);
        }
        if !matching.client.is_empty() {
            conditions.push(Condition::Client(matching.client.clone()));
        }
        if !matching.listener.is_empty() {
            let numbers = self.around.listeners.iter();
            let named = |name: &str| matching.listener.iter().any(|wanted| wanted.value == name);
            let numbers = numbers.filter(|listener| named(&listener.name)).map(|listener| listener.number);
            conditions.push(Condition::Listener(numbers.collect()));
        }
        if let Some(when) = &matching.when {
            match Cel::compile(&when.value, Available::Routing) {
                Ok(condition) => conditions.push(Condition::When(Box::new(When(condition)))),
                Err(problem) => {
                    let at = Problem::error(problem.message).at(when.span);
                    self.problems.push(at.help_if(problem.help));
                }
            }
        }
        conditions
    }

    fn tests(&mut self, source: Source, written: &Written, at: Span, conditions: &mut Vec<Condition>) {
        let test = match written {
            Written::Present => Test::Present,
            Written::Absent => Test::Absent,
            Written::AnyOf(texts) => match self.any_of(texts, at) {
                Some(test) => test,
                None => return,
            },
        };
        conditions.push(Condition::Value { source, test });
    }

    /// Texts alone are compared; as soon as one is a pattern, all become one.
    fn any_of(&mut self, texts: &[TextMatch], at: Span) -> Option<Test> {
        let exact: Option<Vec<String>> = texts
            .iter()
            .map(|text| match text {
                TextMatch::Exact(text) => Some(text.clone()),
                TextMatch::Regex(_) => None,
            })
            .collect();
        if let Some(exact) = exact {
            return Some(Test::OneOf(exact));
        }
        let alternatives: Vec<String> = texts
            .iter()
            .map(|text| match text {
                TextMatch::Exact(text) => format!("^(?:{})$", regex_escape(text)),
                TextMatch::Regex(pattern) => format!("(?:{pattern})"),
            })
            .collect();
        match Pattern::parse(&alternatives.join("|")) {
            Ok(pattern) => Some(Test::Matches(pattern)),
            Err(error) => {
                self.problem(error.to_string(), at);
                None
            }
        }
    }

    fn action(&mut self) -> Option<Arc<Action>> {
        let written = &self.entry.value;
        if written.split.is_some()
            || written.upstream.is_some() && (written.mirror.is_some() || !written.degrade.is_empty())
        {
            return self.traffic().map(Box::new).map(Action::Traffic).map(Arc::new);
        }
        if let Some(upstream) = &written.upstream {
            return self.forward(upstream);
        }
        if let Some(respond) = &written.respond {
            return self.respond(respond).map(Action::Respond).map(Arc::new);
        }
        let redirect = written.redirect.as_ref()?;
        let to = self.target(&redirect.to)?;
        let (status, keeps_query) = (redirect.status.code(), !to.has_query());
        Some(Arc::new(Action::Redirect(Redirect { status, to, keeps_query })))
    }

    fn upstream_name(&self) -> Option<Arc<str>> {
        self.entry.value.upstream.as_ref().map(name_of)
    }

    fn forward(&mut self, upstream: &UpstreamRef) -> Option<Arc<Action>> {
        let settings = self.settings(upstream)?;
        if self.rewrites() {
            return Some(Arc::new(Action::Forward(settings, Some(self.rewrite()?))));
        }
        let shared = self.forwards.entry(settings);
        let shared = shared.or_insert_with_key(|settings| Arc::new(Action::Forward(settings.clone(), None)));
        Some(Arc::clone(shared))
    }

    /// How requests of the route go to this upstream.
    fn settings(&self, upstream: &UpstreamRef) -> Option<ForwardSettings> {
        let written = &self.entry.value;
        // That the name exists was checked when the document was read.
        let number = *self.around.upstream_numbers.get(&name_of(upstream))?;
        let document = self.compiler.document;
        let named = match upstream {
            UpstreamRef::Url(_) => None,
            UpstreamRef::Name(name) => Some(&document.upstreams.entry(&name.value)?.value),
        };
        let base = named.map(|named| timeouts(&named.timeouts)).unwrap_or_default();
        let own = &written.timeouts;
        let timeouts = Timeouts {
            connect: own.connect.unwrap_or(base.connect),
            response: own.response.unwrap_or(base.response),
            idle: own.idle.unwrap_or(base.idle),
            stream_idle: own.stream_idle.unwrap_or(base.stream_idle),
            total: own.total.or(base.total),
        };
        let deadline_header = own.header.as_ref().or(named.and_then(|named| named.timeouts.header.as_ref()));
        let deadline_header = deadline_header.map(|name| name.0.as_str().into());
        let most = document.limits.buffered_body.0;
        let retries = super::retries::compile(
            named.and_then(|named| named.retries.as_ref()),
            written.retries.as_ref(),
            most,
        );
        let upgrades = written.upgrades().into_iter().map(Into::into).collect();
        let retries = Box::new(retries);
        Some(ForwardSettings { upstream: number, timeouts, deadline_header, retries, upgrades })
    }

    fn rewrites(&self) -> bool {
        let written = &self.entry.value;
        written.rewrite.is_some() || written.strip_prefix.is_some() || written.add_prefix.is_some()
    }

    fn rewrite(&mut self) -> Option<Rewrite> {
        let written = &self.entry.value;
        if let Some(rewrite) = &written.rewrite {
            return self.target(rewrite).map(Rewrite::Replace);
        }
        let strip = match &written.strip_prefix {
            None => Strip::Nothing,
            Some(StripPrefix::Matched) => Strip::Matched,
            Some(StripPrefix::Path(prefix)) => Strip::Prefix(prefix.0.clone()),
        };
        let add = written.add_prefix.as_ref().map(|prefix| prefix.0.clone()).unwrap_or_default();
        Some(Rewrite::Prefix { strip, add })
    }

    fn target(&mut self, written: &scalar::Template) -> Option<TargetTemplate> {
        match TargetTemplate::compile(written, Available::Request) {
            Ok(target) => Some(target),
            Err(message) => {
                self.problem(message, self.entry.span);
                None
            }
        }
    }

    fn template(&mut self, written: &scalar::Template) -> Option<Template> {
        match Template::compile(written, Available::Request) {
            Ok(template) => Some(template),
            Err(message) => {
                self.problem(message, self.entry.span);
                None
            }
        }
    }

    fn respond(&mut self, written: &WrittenRespond) -> Option<Respond> {
        let WrittenRespond { text, json, status, headers } = written;
        self.answer((text.as_ref(), json.as_ref(), status.0, headers))
    }

    /// A fixed answer: text, JSON, status and fields.
    fn answer(&mut self, (text, json, status, headers): Answer<'_>) -> Option<Respond> {
        let (body, media_type) = if let Some(json) = json {
            match BodyTemplate::of_document(json, Available::Request) {
                Ok(template) => (RespondBody::Json(template), Some("application/json")),
                Err(message) => {
                    self.problem(message, self.entry.span);
                    return None;
                }
            }
        } else if let Some(text) = text {
            let template = self.template(text)?;
            let body = match template.literal() {
                Some(text) => RespondBody::Fixed(Bytes::copy_from_slice(text.as_bytes())),
                None => RespondBody::Text(template),
            };
            (body, Some("text/plain; charset=utf-8"))
        } else {
            (RespondBody::Fixed(Bytes::new()), None)
        };
        let mut fields = Vec::new();
        let names_type = headers.iter().any(|header| header.name.eq_ignore_ascii_case("content-type"));
        if let Some(media_type) = media_type.filter(|_| !names_type) {
            let literal = scalar::Template { parts: vec![scalar::Part::Text(media_type.to_owned())] };
            fields.push((
                FieldName::from(maitred_http::Known::ContentType),
                Arc::new(self.template(&literal)?),
            ));
        }
        for header in headers {
            let Ok(name) = FieldName::parse(&header.name) else { continue };
            fields.push((name, Arc::new(self.template(&header.value)?)));
        }
        Some(Respond { status, fields, body })
    }
}

/// What a fixed answer is made of: text, JSON, status and fields.
type Answer<'a> = (
    Option<&'a scalar::Template>,
    Option<&'a JsonTemplate>,
    u16,
    &'a maitred_config::Named<scalar::Template>,
);

/// The name that an upstream goes by.
pub(super) fn name_of(upstream: &UpstreamRef) -> Arc<str> {
    match upstream {
        UpstreamRef::Name(name) => name.value.as_str().into(),
        UpstreamRef::Url(url) => url.value.to_string().into(),
    }
}

/// What the conditions of a route are on, in the order of `One::conditions`.
fn condition_names(matching: &Match) -> Box<[Box<str>]> {
    let headers = matching.headers.iter().map(|header| format!("the header `{}`", header.name));
    let query = matching.query.iter().map(|field| format!("the query field `{}`", field.name));
    let cookies = matching.cookies.iter().map(|cookie| format!("the cookie `{}`", cookie.name));
    let client = (!matching.client.is_empty()).then(|| "the client's address".to_owned());
    let listener = (!matching.listener.is_empty()).then(|| "the listener".to_owned());
    let when = matching.when.as_ref().map(|when| format!("`{}`", when.value));
    headers
        .chain(query)
        .chain(cookies)
        .chain(client)
        .chain(listener)
        .chain(when)
        .map(String::into_boxed_str)
        .collect()
}

/// A text as a pattern that matches just it.
fn regex_escape(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        if r"\.+*?()|[]{}^$#&-~".contains(c) {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

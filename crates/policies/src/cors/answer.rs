//! The fields that tell a browser what it may do, ready to be put on answers.
//! Everything that does not depend on the request is made when the configuration is compiled.

use maitred_http::{Fields, Known, Method, RequestHead, is_token};

use super::config::CorsConfig;
use crate::origins::OriginPattern;

/// What answers carry.
#[derive(Debug)]
pub(super) struct Answers {
    /// Which sites may call; none where all may.
    origins: Option<Box<[OriginPattern]>>,
    credentials: bool,
    /// `GET, POST`; none where it depends on the route.
    methods: Option<Box<[u8]>>,
    /// `Authorization, Content-Type`; none where it is what the browser asks for.
    headers: Option<Box<[u8]>>,
    expose: Option<Box<[u8]>>,
    /// Seconds.
    max_age: Option<Box<[u8]>>,
}

impl Answers {
    pub(super) fn new(config: &CorsConfig) -> Self {
        let any = config.origins.contains(&OriginPattern::Any);
        let names = |names: &[maitred_config::HeaderName]| list(names.iter().map(|name| name.0.as_str()));
        Self {
            origins: (!any).then(|| config.origins.clone().into()),
            credentials: config.credentials,
            methods: list(config.methods.iter().map(|method| method.0.as_str())),
            headers: names(&config.headers),
            expose: names(&config.expose),
            max_age: config.max_age.map(|age| age.as_secs().to_string().into_bytes().into()),
        }
    }

    /// Whether answers name the site that may call, and not `*`.
    pub(super) fn names_sites(&self) -> bool {
        self.origins.is_some()
    }

    /// Whether pages of this origin may call.
    pub(super) fn lets_call(&self, origin: &[u8]) -> bool {
        self.origins.as_ref().is_none_or(|origins| origins.iter().any(|pattern| pattern.matches(origin)))
    }

    /// Puts the fields of a preflight's answer there.
    pub(super) fn answer_preflight(
        &self,
        request: &RequestHead,
        route_methods: Option<&[Method]>,
        fields: &mut Fields,
    ) {
        fields.append_known(
            Known::Vary,
            b"Origin, Access-Control-Request-Method, Access-Control-Request-Headers",
        );
        let Some(origin) = request.fields.known(Known::Origin).filter(|origin| self.lets_call(origin)) else {
            return;
        };
        self.name_origin(origin, fields);
        match (&self.methods, route_methods) {
            (Some(methods), _) => fields.append_known(Known::AccessControlAllowMethods, methods),
            (None, Some(methods)) => {
                if let Some(methods) = list(methods.iter().map(Method::as_str)) {
                    fields.append_known(Known::AccessControlAllowMethods, &methods);
                }
            }
            (None, None) => {
                let asked = request.fields.known(Known::AccessControlRequestMethod);
                if let Some(asked) = asked.filter(|method| is_token(method)) {
                    fields.append_known(Known::AccessControlAllowMethods, asked);
                }
            }
        }
        match &self.headers {
            Some(headers) => fields.append_known(Known::AccessControlAllowHeaders, headers),
            None => {
                for asked in request.fields.all_known(Known::AccessControlRequestHeaders) {
                    fields.append_known(Known::AccessControlAllowHeaders, asked);
                }
            }
        }
        if let Some(seconds) = &self.max_age {
            fields.append_known(Known::AccessControlMaxAge, seconds);
        }
    }

    /// Puts the fields of any other answer there, in place of those of the service. `origin` is the one
    /// to name.
    pub(super) fn render(&self, origin: Option<&[u8]>, fields: &mut Fields) {
        const PREFIX: &[u8] = b"access-control-";
        fields.remove_where(|name| {
            name.get(..PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(PREFIX))
        });
        if self.names_sites() && !fields.has_item(Known::Vary, "Origin") && !fields.has_item(Known::Vary, "*")
        {
            // Also where there is no origin: caches must not give that answer to a site that may call.
            fields.append_known(Known::Vary, b"Origin");
        }
        // Where all may call, every answer says so: a cache may give it to any of them.
        let Some(origin) = origin.or_else(|| (!self.names_sites()).then_some(b"*")) else { return };
        self.name_origin(origin, fields);
        if let Some(expose) = &self.expose {
            fields.append_known(Known::AccessControlExposeHeaders, expose);
        }
    }

    fn name_origin(&self, origin: &[u8], fields: &mut Fields) {
        let named = if self.names_sites() { origin } else { b"*" };
        fields.append_known(Known::AccessControlAllowOrigin, named);
        if self.credentials {
            fields.append_known(Known::AccessControlAllowCredentials, b"true");
        }
    }
}

fn list<'a>(names: impl Iterator<Item = &'a str>) -> Option<Box<[u8]>> {
    let names: Vec<&str> = names.collect();
    (!names.is_empty()).then(|| names.join(", ").into_bytes().into())
}

//! Sets the header fields that make browsers careful, and removes those that tell what runs here.
//!
//! `true` sets `X-Content-Type-Options: nosniff`, `X-Frame-Options: SAMEORIGIN`, `Referrer-Policy:
//! strict-origin-when-cross-origin` and, for clients that came over TLS, `Strict-Transport-Security: max-age=31536000`, and
//! removes `Server` and `X-Powered-By`. That goes for every answer, also for those of the gateway.
//!
//! Each key takes another value in place of its default. What is set replaces what the service sent; a key that is `false`
//! leaves the field as the service sent it. `Content-Security-Policy`, `Permissions-Policy` and the `Cross-Origin-…` fields
//! depend on the application, so they have no default.

use maitred_config::scalar::header_value;
use maitred_config::{Fields, HeaderName, Node, Problem, Read, Reader, Shape, TextShape, config_map};
use maitred_http::{FieldName, RequestHead, Scheme};
use maitred_policy::{Build, Facts, Needs, Phase, Policy, PolicyKind, ResponseCx, Step, Verdict};

config_map! {
    /// Which security headers answers have.
    #[check = SecurityHeadersConfig::check]
    pub struct SecurityHeadersConfig {
        /// `X-Content-Type-Options`; its default is `nosniff`: browsers keep to the declared type.
        content_type_options: FieldSetting = true,
        /// `X-Frame-Options`; its default is `SAMEORIGIN`: other sites cannot put the page into a frame.
        frame_options: FieldSetting = true,
        /// `Referrer-Policy`; its default is `strict-origin-when-cross-origin`: other sites learn no path.
        referrer_policy: FieldSetting = true,
        /// `Strict-Transport-Security`, over TLS only; its default is `max-age=31536000`: for a year, the host is asked over
        /// TLS only. Subdomains are included only if it says so.
        strict_transport_security: FieldSetting = true,
        /// `Content-Security-Policy`; it has no default.
        content_security_policy: FieldSetting = false,
        /// `Permissions-Policy`; it has no default.
        permissions_policy: FieldSetting = false,
        /// `Cross-Origin-Opener-Policy`; it has no default.
        cross_origin_opener_policy: FieldSetting = false,
        /// `Cross-Origin-Embedder-Policy`; it has no default.
        cross_origin_embedder_policy: FieldSetting = false,
        /// `Cross-Origin-Resource-Policy`; it has no default.
        cross_origin_resource_policy: FieldSetting = false,
        /// Fields that are removed.
        remove: Vec<HeaderName> = "[Server, X-Powered-By]",
    }
}

impl SecurityHeadersConfig {
    fn check(&self, fields: &Fields<'_>, reader: &mut Reader<'_>) {
        for (key, setting) in [
            ("content_security_policy", &self.content_security_policy),
            ("permissions_policy", &self.permissions_policy),
            ("cross_origin_opener_policy", &self.cross_origin_opener_policy),
            ("cross_origin_embedder_policy", &self.cross_origin_embedder_policy),
            ("cross_origin_resource_policy", &self.cross_origin_resource_policy),
        ] {
            if *setting == FieldSetting::Default {
                let problem = Problem::error(format!("`{key}` has no default")).at(fields.value_span(key));
                reader.problem(problem.help("write the value that fits your application"));
            }
        }
    }
}

/// The value of one field: `true` is the default, `false` leaves the field alone.
#[derive(Clone, Debug, PartialEq)]
pub enum FieldSetting {
    /// `false`
    Off,
    /// `true`
    Default,
    /// Another value.
    Value(String),
}

impl Read for FieldSetting {
    const TAKES_FALSE: bool = true;

    fn shape() -> Shape {
        Shape::OneOf(vec![Shape::Bool, Shape::Text(&VALUE)])
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        match node.as_bool() {
            Some(true) => Some(Self::Default),
            Some(false) => Some(Self::Off),
            None => reader.scalar(node, &VALUE, header_value::parse).map(Self::Value),
        }
    }
}

static VALUE: TextShape = TextShape { name: "header value", example: "nosniff", pattern: None };

/// See the top of this file.
#[derive(Debug)]
pub(crate) struct SecurityHeaders {
    set: Box<[(FieldName, Box<[u8]>)]>,
    /// Only for clients that came over TLS (RFC 6797 section 7.2).
    over_tls: Option<Box<[u8]>>,
    hsts: FieldName,
    remove: Box<[FieldName]>,
}

impl PolicyKind for SecurityHeaders {
    const NAME: &'static str = "security_headers";
    type Config = SecurityHeadersConfig;
    type Compiled = Self;

    fn phase(_: &SecurityHeadersConfig) -> Phase {
        Phase::Render
    }

    fn compile(config: SecurityHeadersConfig, _: &mut Build<'_>, _: Option<&Self>) -> Option<Self> {
        let set = [
            ("X-Content-Type-Options", config.content_type_options, "nosniff"),
            ("X-Frame-Options", config.frame_options, "SAMEORIGIN"),
            ("Referrer-Policy", config.referrer_policy, "strict-origin-when-cross-origin"),
            ("Content-Security-Policy", config.content_security_policy, ""),
            ("Permissions-Policy", config.permissions_policy, ""),
            ("Cross-Origin-Opener-Policy", config.cross_origin_opener_policy, ""),
            ("Cross-Origin-Embedder-Policy", config.cross_origin_embedder_policy, ""),
            ("Cross-Origin-Resource-Policy", config.cross_origin_resource_policy, ""),
        ];
        let set = set
            .into_iter()
            .filter_map(|(name, setting, default)| Some((field(name), setting.value(default)?)));
        Some(Self {
            set: set.collect(),
            over_tls: config.strict_transport_security.value("max-age=31536000"),
            hsts: field("Strict-Transport-Security"),
            remove: config.remove.iter().map(|name| field(&name.0)).collect(),
        })
    }
}

impl FieldSetting {
    /// The value that the field gets, if any; the empty one is none.
    fn value(self, default: &str) -> Option<Box<[u8]>> {
        let value = match self {
            Self::Off => return None,
            Self::Default => default,
            Self::Value(ref value) => value,
        };
        (!value.is_empty()).then(|| value.as_bytes().into())
    }
}

fn field(name: &str) -> FieldName {
    FieldName::parse(name).expect("a name of a field, written here or checked by the reader")
}

impl Policy for SecurityHeaders {
    type State = ();
    type Local = ();

    fn needs(&self) -> Needs {
        Needs { every_answer: true, ..Needs::default() }
    }

    fn on_response<'a>(&'a self, cx: ResponseCx<'a, Self>) -> Step<'a, Verdict> {
        let fields = &mut cx.response.fields;
        for name in &self.remove {
            fields.remove(name);
        }
        for (name, value) in &self.set {
            fields.set(name, value);
        }
        if let (Some(value), Scheme::Https) = (&self.over_tls, cx.facts.scheme) {
            fields.set(&self.hsts, value);
        }
        Step::CONTINUE
    }

    fn explain(&self, _: &RequestHead, facts: &Facts) -> String {
        let hsts = self.over_tls.is_some() && facts.scheme == Scheme::Https;
        let set = self.set.iter().map(|(name, _)| name.as_str()).chain(hsts.then_some(self.hsts.as_str()));
        let remove = self.remove.iter().map(FieldName::as_str);
        format!("sets {}; removes {}", list(set), list(remove))
    }
}

fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.collect();
    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use maitred_policy::Fault;
    use maitred_policy::harness::{Harness, problems_of};

    use super::*;

    #[test]
    fn the_safe_set_is_on_every_answer() {
        let harness = Harness::of::<SecurityHeaders>("true");
        let service =
            [("Server", "nginx/1.2"), ("x-powered-by", "PHP"), ("X-Frame-Options", "ALLOWALL"), ("X-A", "1")];
        for outcome in [
            harness.request("GET /", &[]).answer(200, &service),
            harness.request("GET /", &[]).fail(Fault::timeout("late")),
        ] {
            for (name, value) in [
                ("X-Content-Type-Options", Some("nosniff")),
                ("X-Frame-Options", Some("SAMEORIGIN")),
                ("Referrer-Policy", Some("strict-origin-when-cross-origin")),
                ("Strict-Transport-Security", Some("max-age=31536000")),
                ("Content-Security-Policy", None),
                ("Server", None),
                ("X-Powered-By", None),
            ] {
                assert_eq!(outcome.field(name).as_deref(), value, "{name}");
            }
        }
    }

    #[test]
    fn each_can_be_changed_or_left_alone() {
        let outcome = Harness::of::<SecurityHeaders>(
            "{ frame_options: DENY, referrer_policy: false, permissions_policy: 'camera=()', remove: X-A }",
        )
        .request("GET /", &[])
        .answer(200, &[("Referrer-Policy", "unsafe-url"), ("Server", "x"), ("X-A", "1")]);
        for (name, value) in [
            ("X-Frame-Options", Some("DENY")),
            ("Referrer-Policy", Some("unsafe-url")),
            ("Permissions-Policy", Some("camera=()")),
            ("Server", Some("x")),
            ("X-A", None),
        ] {
            assert_eq!(outcome.field(name).as_deref(), value, "{name}");
        }
    }

    #[test]
    fn in_the_clear_browsers_are_not_told_to_use_tls() {
        let harness = Harness::of::<SecurityHeaders>("true").with_facts(|facts| facts.scheme = Scheme::Http);
        let exchange = harness.request("GET /", &[]);
        assert_eq!(
            exchange.explain(),
            ["sets X-Content-Type-Options, X-Frame-Options, Referrer-Policy; removes Server, X-Powered-By"]
        );
        assert_eq!(exchange.answer(200, &[]).field("Strict-Transport-Security"), None);
    }

    #[test]
    fn mistakes_are_told() {
        let told = problems_of::<SecurityHeaders>("{ content_security_policy: true }");
        assert!(
            told.contains("`content_security_policy` has no default") && told.contains(":1:46"),
            "{told}"
        );
        let told = problems_of::<SecurityHeaders>("{ frame_option: DENY }");
        assert!(told.contains("did you mean `frame_options`?"), "{told}");
        assert!(!problems_of::<SecurityHeaders>("{ frame_options: \"a\\nb\" }").is_empty());
    }
}

//! Lets only those pass who may, once it is known who asks.
//!
//! `roles` names roles, of which the caller's token has to tell one; `scopes` names scopes, of which it has to tell all; `groups` names groups, of which the
//! caller has to be in one. `require` is a condition (CEL) that has to hold. Of several keys all have to be met. Who may not pass is answered
//! 403, and told which role, scope or group is missing.
//!
//! `opa` names a rule of Open Policy Agent, which is asked over its data API when the rest holds. It lets a request pass that makes it `true`, or an object
//! whose `allow` is `true`; where it is undefined or false the answer is 403, and where OPA cannot be asked or says something else 502 or 504. Its `input` has `method`, `scheme`,
//! `host`, `path` (a list of segments), `query` and `headers` (a list of values for each name, headers in lower case), `client.ip`, `route`, `groups`, and as far
//! as they are known `consumer`, `plan`, `issuer`, `claims`, `roles`, `scopes` and `certificate`. With `cache` an answer counts for a while for requests of which
//! the same is told; each worker remembers up to 4096 of them. `headers` and `query` are without the token by which the caller was found, wherever that was shown, and without
//! `Authorization`, `Proxy-Authorization`, `Cookie` and `X-API-Key`; a key that is shown elsewhere and forwarded (`forward: true`) is told.
//!
//! A condition that touches a missing value, such as a header that the request does not have, does not hold.

use std::borrow::Cow;

use maitred_config::{Fields, Problem, Reader, Spanned, config_map};
use maitred_http::RequestHead;
use maitred_policy::values::{Available, View};
use maitred_policy::{
    Build, Condition, Facts, Fault, Needs, Phase, Policy, PolicyKind, RequestCx, Step, Verdict,
};

mod opa;

use self::opa::{Opa, OpaConfig};
use crate::asking::Remembered;

config_map! {
    /// Who may pass.
    #[check = AuthorizeConfig::check]
    pub struct AuthorizeConfig {
        /// Roles: the token has to tell one of them.
        roles: Vec<String>,
        /// Scopes: the token has to tell all of them.
        scopes: Vec<Spanned<String>>,
        /// Groups: the caller has to be in one of them, be it as a consumer or by its token.
        groups: Vec<String>,
        /// What has to hold (CEL), such as `consumer.name == "acme" || request.method == "GET"`.
        require: Option<Spanned<String>>,
        /// A rule of Open Policy Agent that has to be true.
        opa: Option<OpaConfig>,
    }
}

impl AuthorizeConfig {
    fn check(&self, fields: &Fields<'_>, reader: &mut Reader<'_>) {
        for scope in self.scopes.iter().filter(|scope| !is_scope(scope)) {
            let problem = Problem::error("this is no scope").at(scope.span);
            reader.problem(
                problem.help(
                    "each is an item of a list, without blanks and quotes: `[orders:read, orders:write]`",
                ),
            );
        }
        let is_empty = self.roles.is_empty() && self.scopes.is_empty() && self.groups.is_empty();
        if is_empty && self.require.is_none() && self.opa.is_none() && !fields.has_unknown() {
            let problem = Problem::error("this asks nothing of anybody").at(fields.place());
            reader.problem(problem.help(
                "say what: `roles: admin`, `groups: partners`, `require: 'consumer.name == \"acme\"'`",
            ));
        }
    }
}

/// Whether this is one scope (RFC 6749 section 3.3), which can stand in a challenge.
fn is_scope(scope: &str) -> bool {
    !scope.is_empty() && scope.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\')
}

/// See the top of this file.
#[derive(Debug)]
pub(crate) struct Authorize {
    roles: Box<[Box<str>]>,
    scopes: Box<[Box<str>]>,
    groups: Box<[Box<str>]>,
    require: Option<Condition>,
    opa: Option<Opa>,
}

/// What somebody lacks.
enum Lacking {
    Role,
    Scope,
    Group,
    Condition,
}

impl PolicyKind for Authorize {
    const NAME: &'static str = "authorize";
    type Config = AuthorizeConfig;
    type Compiled = Self;

    fn phase(_: &AuthorizeConfig) -> Phase {
        Phase::Admit
    }

    fn compile(config: AuthorizeConfig, build: &mut Build<'_>, _: Option<&Self>) -> Option<Self> {
        let texts = |names: &[String]| names.iter().map(|name| name.as_str().into()).collect();
        let (roles, groups) = (texts(&config.roles), texts(&config.groups));
        let scopes = config.scopes.iter().map(|scope| scope.as_str().into()).collect();
        let require = match config.require {
            Some(written) => Some(build.condition(&written, Available::Request)?),
            None => None,
        };
        let opa = match config.opa {
            Some(written) => Some(Opa::compile(written, build)?),
            None => None,
        };
        Some(Self { roles, scopes, groups, require, opa })
    }
}

impl Authorize {
    fn check(&self, request: &RequestHead, facts: &Facts) -> Result<(), Lacking> {
        let claims = facts.claims.as_deref();
        let has_role =
            |role: &str| claims.is_some_and(|claims| claims.roles.iter().any(|has| **has == *role));
        if !self.roles.is_empty() && !self.roles.iter().any(|role| has_role(role)) {
            return Err(Lacking::Role);
        }
        let has_scope =
            |scope: &str| claims.is_some_and(|claims| claims.scopes.iter().any(|has| **has == *scope));
        if !self.scopes.iter().all(|scope| has_scope(scope)) {
            return Err(Lacking::Scope);
        }
        let is_in = |group: &str| facts.groups().any(|has| has == group);
        if !self.groups.is_empty() && !self.groups.iter().any(|group| is_in(group)) {
            return Err(Lacking::Group);
        }
        let view = View::of_request(request, facts);
        match &self.require {
            Some(condition) if condition.holds_require(&view) != Ok(true) => Err(Lacking::Condition),
            _ => Ok(()),
        }
    }

    /// What somebody who lacks it is told.
    fn detail(&self, lacking: &Lacking) -> String {
        let one_of = |kind: &str, kinds: &str, names: &[Box<str>]| match names {
            [name] => format!("{kind} {name} required"),
            names => format!("One of the {kinds} {} required", names.join(", ")),
        };
        match (lacking, &self.scopes[..]) {
            (Lacking::Role, _) => one_of("Role", "roles", &self.roles),
            (Lacking::Scope, [scope]) => format!("Scope {scope} required"),
            (Lacking::Scope, scopes) => format!("Scopes {} required", scopes.join(", ")),
            (Lacking::Group, _) => one_of("Group", "groups", &self.groups),
            (Lacking::Condition, _) => "Not permitted".to_owned(),
        }
    }

    fn refused(&self, lacking: &Lacking) -> Fault {
        let fault = not_permitted(self.detail(lacking));
        if !matches!(lacking, Lacking::Scope) {
            return fault;
        }
        // RFC 6750 section 3.1: what to ask the issuer for.
        let challenge = format!("Bearer error=\"insufficient_scope\", scope=\"{}\"", self.scopes.join(" "));
        fault.field(b"WWW-Authenticate", challenge.as_bytes())
    }
}

fn not_permitted(detail: impl Into<Cow<'static, str>>) -> Fault {
    Fault::client(403, "not_permitted", detail)
}

impl Policy for Authorize {
    type State = ();
    type Local = Remembered<bool>;

    fn needs(&self) -> Needs {
        Needs {
            identity: !(self.roles.is_empty() && self.scopes.is_empty() && self.groups.is_empty()),
            ..Needs::default()
        }
    }

    fn on_request<'a>(&'a self, cx: RequestCx<'a, Self>) -> Step<'a, Verdict> {
        match self.check(cx.request, cx.facts) {
            Ok(()) => self.opa.as_ref().map_or(Step::CONTINUE, |opa| opa.decide(cx)),
            Err(lacking) => Step::fail(self.refused(&lacking)),
        }
    }

    fn explain(&self, request: &RequestHead, facts: &Facts) -> String {
        match self.check(request, facts) {
            Ok(()) => match &self.opa {
                Some(opa) => format!("lets it pass where OPA does: {}", opa.explain()),
                None => "lets it pass".to_owned(),
            },
            Err(Lacking::Condition) => "refuses it: `require` does not hold".to_owned(),
            Err(lacking) => format!("refuses it: {}", self.detail(&lacking)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;
    use std::sync::Arc;

    use maitred_policy::harness::{Answered, Harness, problems_of};
    use maitred_policy::identity::{Claims, Consumer};

    use super::*;

    /// The status and what is told, for a consumer of these groups.
    fn ask(yaml: &str, name: Option<&str>, groups: &[&str], fields: &[(&str, &str)]) -> (u16, String) {
        let harness = Harness::of::<Authorize>(yaml).with_facts(|facts| {
            facts.consumer = name.map(|name| Arc::new(Consumer::new(name, groups.iter().copied())));
        });
        let outcome = harness.request("GET /", fields).answer(200, &[]);
        let told = match &outcome.answered {
            Answered::Fault(fault) => fault.detail().to_owned(),
            _ => String::new(),
        };
        (outcome.response.status, told)
    }

    #[test]
    fn one_of_the_groups_is_enough() {
        let told = |detail: &str| (403, detail.to_owned());
        for groups in [&["staff"][..], &["a", "partners"]] {
            assert_eq!(ask("{ groups: [staff, partners] }", Some("acme"), groups, &[]).0, 200);
        }
        let both = "One of the groups staff, partners required";
        assert_eq!(ask("{ groups: [staff, partners] }", Some("acme"), &["Staff"], &[]), told(both));
        assert_eq!(ask("{ groups: staff }", Some("staff"), &[], &[]), told("Group staff required"));
        assert_eq!(ask("{ groups: staff }", None, &[], &[]), told("Group staff required"));
    }

    #[test]
    fn what_is_required_has_to_hold_and_everything_that_is_named() {
        let yaml = r#"{ groups: staff, require: 'header["X-Reason"] != "" && consumer.name != "eve"' }"#;
        let reason = [("X-Reason", "why not")];
        assert_eq!(ask(yaml, Some("joe"), &["staff"], &reason).0, 200);
        assert_eq!(ask(yaml, Some("eve"), &["staff"], &reason), (403, "Not permitted".to_owned()));
        assert_eq!(ask(yaml, Some("joe"), &["staff"], &[]), (403, "Not permitted".to_owned()));
        assert_eq!(ask(yaml, Some("joe"), &[], &reason), (403, "Group staff required".to_owned()));
        let members = r#"{ require: '"staff" in consumer.groups' }"#;
        assert_eq!(ask(members, Some("joe"), &["staff"], &[]).0, 200);
        assert_eq!(ask(members, None, &[], &[]).0, 403);
    }

    #[test]
    fn tokens_tell_roles_and_scopes() {
        let ask = |yaml: &str, claims: Option<Claims>| {
            let harness =
                Harness::of::<Authorize>(yaml).with_facts(|facts| facts.claims = claims.map(Rc::new));
            let outcome = harness.request("GET /", &[]).answer(200, &[]);
            let told = match &outcome.answered {
                Answered::Fault(fault) => fault.detail().to_owned(),
                _ => "passes".to_owned(),
            };
            (outcome.field("WWW-Authenticate"), told)
        };
        let claims = |roles: &[&str], scopes: &[&str], groups: &[&str]| {
            let texts = |all: &[&str]| all.iter().map(|text| (*text).into()).collect();
            Some(Claims {
                roles: texts(roles),
                scopes: texts(scopes),
                groups: texts(groups),
                ..Claims::default()
            })
        };
        let told = |detail: &str| (None, detail.to_owned());
        assert_eq!(ask("{ roles: [admin, ops] }", claims(&["x", "ops"], &[], &[])), told("passes"));
        assert_eq!(
            ask("{ roles: admin }", claims(&["Admin"], &["admin"], &["admin"])),
            told("Role admin required")
        );
        assert_eq!(ask("{ roles: admin }", None), told("Role admin required"));
        let either = "One of the roles admin, ops required";
        assert_eq!(ask("{ roles: [admin, ops] }", claims(&[], &[], &[])), told(either));
        assert_eq!(ask("{ groups: staff }", claims(&[], &[], &["staff"])), told("passes"));
        let both = "{ scopes: [orders:read, orders:write] }";
        assert_eq!(ask(both, claims(&[], &["orders:write", "orders:read"], &[])), told("passes"));
        let challenge = |scope: &str| Some(format!("Bearer error=\"insufficient_scope\", scope=\"{scope}\""));
        let lacks =
            (challenge("orders:read orders:write"), "Scopes orders:read, orders:write required".to_owned());
        assert_eq!(ask(both, claims(&["orders:write"], &["orders:read"], &[])), lacks);
        let one = (challenge("orders:read"), "Scope orders:read required".to_owned());
        assert_eq!(ask("{ scopes: orders:read }", None), one);
        let all = "{ roles: admin, scopes: a, groups: g }";
        assert_eq!(ask(all, claims(&["admin"], &["a"], &["g"])), told("passes"));
        assert_eq!(ask(all, claims(&["admin"], &["a"], &[])), told("Group g required"));
    }

    #[test]
    fn a_rule_that_asks_nothing_is_refused() {
        assert!(problems_of::<Authorize>("{ scopes: 'a b' }").contains("this is no scope"));
        assert!(problems_of::<Authorize>("{}").contains("this asks nothing of anybody"));
        assert!(problems_of::<Authorize>("{ require: '1 +' }").contains("authorize"));
    }
}

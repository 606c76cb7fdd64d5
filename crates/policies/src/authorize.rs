//! Lets only those pass who may, once it is known who asks.
//!
//! `groups` names groups, of which the consumer has to be in one. `require` is a condition (CEL) that has to hold. Of several
//! keys all have to be met. Who may not pass is answered 403, and told which group is missing.
//!
//! `opa` names a rule of Open Policy Agent, which is asked over its data API when the rest holds. It lets a request pass that makes it `true`, or an object
//! whose `allow` is `true`; where it is undefined or false the answer is 403, and where OPA cannot be asked or says something else 502 or 504. Its `input` has `method`, `scheme`,
//! `host`, `path` (a list of segments), `query` and `headers` (a list of values for each name, headers in lower case and without credentials), `client.ip`, `route`, `groups`, and as far
//! as they are known `consumer`, `issuer`, `claims`, `roles`, `scopes` and `certificate`. With `cache` an answer counts for a while for requests of which
//! the same is told; each worker remembers up to 4096 of them.
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
        /// Groups: the consumer has to be in one of them.
        groups: Vec<String>,
        /// What has to hold (CEL), such as `consumer.name == "acme" || request.method == "GET"`.
        require: Option<Spanned<String>>,
        /// A rule of Open Policy Agent that has to be true.
        opa: Option<OpaConfig>,
    }
}

impl AuthorizeConfig {
    fn check(&self, fields: &Fields<'_>, reader: &mut Reader<'_>) {
        if self.groups.is_empty() && self.require.is_none() && self.opa.is_none() && !fields.has_unknown() {
            let problem = Problem::error("this asks nothing of anybody").at(fields.place());
            reader.problem(
                problem.help("say what: `groups: partners`, `require: 'consumer.name == \"acme\"'`"),
            );
        }
    }
}

/// See the top of this file.
#[derive(Debug)]
pub(crate) struct Authorize {
    groups: Box<[Box<str>]>,
    require: Option<Condition>,
    opa: Option<Opa>,
}

/// What somebody lacks.
enum Lacking {
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
        let groups = config.groups.iter().map(|group| group.as_str().into()).collect();
        let require = match config.require {
            Some(written) => Some(build.condition(&written, Available::Request)?),
            None => None,
        };
        let opa = match config.opa {
            Some(written) => Some(Opa::compile(written, build)?),
            None => None,
        };
        Some(Self { groups, require, opa })
    }
}

impl Authorize {
    fn check(&self, request: &RequestHead, facts: &Facts) -> Result<(), Lacking> {
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
        match (lacking, &self.groups[..]) {
            (Lacking::Group, [group]) => format!("Group {group} required"),
            (Lacking::Group, groups) => format!("One of the groups {} required", groups.join(", ")),
            (Lacking::Condition, _) => "Not permitted".to_owned(),
        }
    }
}

fn not_permitted(detail: impl Into<Cow<'static, str>>) -> Fault {
    Fault::client(403, "not_permitted", detail)
}

impl Policy for Authorize {
    type State = ();
    type Local = Remembered<bool>;

    fn needs(&self) -> Needs {
        Needs { identity: !self.groups.is_empty(), ..Needs::default() }
    }

    fn on_request<'a>(&'a self, cx: RequestCx<'a, Self>) -> Step<'a, Verdict> {
        match self.check(cx.request, cx.facts) {
            Ok(()) => self.opa.as_ref().map_or(Step::CONTINUE, |opa| opa.decide(cx)),
            Err(lacking) => Step::fail(not_permitted(self.detail(&lacking))),
        }
    }

    fn explain(&self, request: &RequestHead, facts: &Facts) -> String {
        match self.check(request, facts) {
            Ok(()) => match &self.opa {
                Some(opa) => format!("lets it pass where OPA does: {}", opa.explain()),
                None => "lets it pass".to_owned(),
            },
            Err(lacking @ Lacking::Group) => format!("refuses it: {}", self.detail(&lacking).to_lowercase()),
            Err(Lacking::Condition) => "refuses it: `require` does not hold".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use maitred_policy::harness::{Answered, Harness, problems_of};
    use maitred_policy::identity::Consumer;

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
    fn a_rule_that_asks_nothing_is_refused() {
        assert!(problems_of::<Authorize>("{}").contains("this asks nothing of anybody"));
        assert!(problems_of::<Authorize>("{ require: '1 +' }").contains("authorize"));
    }
}

//! What a token says of somebody: where each issuer writes it, and what becomes of it.
//! The token was found good before; nothing is checked here.

use maitred_config::ClaimPaths;
use maitred_policy::identity::Claims;
use maitred_policy::values::claim;
use serde_json::{Map, Value};

/// Where the tokens of an issuer say what; none where the usual places are looked at.
#[derive(Debug)]
pub(crate) struct Paths {
    roles: Option<Box<[String]>>,
    groups: Box<[String]>,
    plan: Option<Box<[String]>>,
    scopes: Option<Box<[String]>>,
    subject: Box<[String]>,
}

impl Paths {
    pub(crate) fn new(written: &ClaimPaths) -> Self {
        let path = |path: &Option<maitred_config::scalar::FieldPath>| {
            path.as_ref().map(|path| path.0.as_slice().into())
        };
        let usual = |name: &str| Box::from([name.to_owned()]);
        Self {
            roles: path(&written.roles),
            groups: path(&written.groups).unwrap_or_else(|| usual("groups")),
            plan: path(&written.plan),
            scopes: path(&written.scopes),
            subject: path(&written.subject).unwrap_or_else(|| usual("sub")),
        }
    }

    /// Where tokens usually say what.
    pub(crate) fn usual() -> Self {
        let usual = |name: &str| Box::from([name.to_owned()]);
        Self { roles: None, groups: usual("groups"), plan: None, scopes: None, subject: usual("sub") }
    }

    /// The name of the plan that a token has.
    pub(crate) fn plan<'c>(&self, all: &'c Map<String, Value>) -> Option<&'c str> {
        claim::find(all, self.plan.as_ref()?)?.as_str()
    }

    /// What a token of this issuer says. The plan is left open.
    pub(crate) fn read(&self, issuer: &str, all: Map<String, Value>) -> Claims {
        let subject = claim::find(&all, &self.subject).and_then(|subject| match subject {
            Value::String(text) if !text.is_empty() => Some(text.as_str().into()),
            Value::Number(number) => Some(number.to_string().into()),
            _ => None,
        });
        let scopes = match &self.scopes {
            Some(path) => words(claim::find(&all, path)),
            None => [words(all.get("scope")), words(all.get("scp"))].concat(),
        };
        let roles = match &self.roles {
            Some(path) => texts(claim::find(&all, path)),
            None => [usual_roles(&all), words(all.get("scope")), words(all.get("scp"))].concat(),
        };
        let groups = texts(claim::find(&all, &self.groups)).into();
        let (roles, scopes, issuer) = (roles.into(), scopes.into(), issuer.into());
        Claims { issuer, subject, plan: None, groups, roles, scopes, all }
    }
}

/// Roles where issuers usually write them, Keycloak among them: those of the realm, and those of each client.
fn usual_roles(all: &Map<String, Value>) -> Vec<Box<str>> {
    let of = |holder: Option<&Value>| texts(holder.and_then(|holder| holder.get("roles")));
    let clients = all.get("resource_access").and_then(Value::as_object);
    let of_clients = clients.into_iter().flat_map(Map::values).flat_map(|client| of(Some(client)));
    let own = texts(all.get("roles")).into_iter().chain(of(all.get("realm_access")));
    own.chain(of_clients).collect()
}

/// A list of texts, or one.
fn texts(value: Option<&Value>) -> Vec<Box<str>> {
    match value {
        Some(Value::String(text)) => vec![text.as_str().into()],
        Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).map(Into::into).collect(),
        _ => Vec::new(),
    }
}

/// A list of texts, or one with blanks between them (RFC 8693 section 4.2).
fn words(value: Option<&Value>) -> Vec<Box<str>> {
    match value {
        Some(Value::String(text)) => text.split_ascii_whitespace().map(Into::into).collect(),
        list => texts(list),
    }
}

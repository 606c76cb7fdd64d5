//! Who may ask: the consumers that the gateway knows, and what others say of somebody.
//! What a client must show is the business of each policy that identifies.

mod credentials;

use std::collections::HashMap;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use maitred_config::{self as config, Named};

pub use credentials::Credentials;

/// Somebody whom the gateway knows by name.
#[derive(Debug, PartialEq, Eq)]
pub struct Consumer {
    /// The name.
    pub name: Box<str>,
    /// The groups that it belongs to.
    pub groups: Box<[Box<str>]>,
    /// Its plan.
    pub plan: ConsumerPlan,
}

/// The plan of a consumer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ConsumerPlan {
    /// There is none.
    #[default]
    None,
    /// Its own.
    Own(Box<str>),
    /// That of those who have no other.
    Default(Box<str>),
}

impl ConsumerPlan {
    /// Its own.
    pub fn as_own(&self) -> Option<&str> {
        if let Self::Own(plan) = self { Some(plan) } else { None }
    }

    /// That of those who have no other.
    pub fn as_default(&self) -> Option<&str> {
        if let Self::Default(plan) = self { Some(plan) } else { None }
    }
}

impl Consumer {
    /// One of this name and these groups, without a plan.
    pub fn new<'a>(name: &str, groups: impl Iterator<Item = &'a str>) -> Self {
        Self { name: name.into(), groups: groups.map(Into::into).collect(), plan: ConsumerPlan::None }
    }
}

/// What somebody whom the gateway trusts says of who asks: an issuer by a token, or a service that was asked. It was found good.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Claims {
    /// The name of the issuer, as the configuration has it.
    pub issuer: Box<str>,
    /// Who it is: `sub`.
    pub subject: Option<Box<str>>,
    /// The plan that it names, where there is one of that name; else the default.
    pub plan: Option<Box<str>>,
    /// Groups, beside those that a consumer has.
    pub groups: Box<[Box<str>]>,
    /// What it may act as.
    pub roles: Box<[Box<str>]>,
    /// What its client may ask for: `scope` (RFC 8693 section 4.2).
    pub scopes: Box<[Box<str>]>,
    /// Everything that is said, as it came.
    pub all: serde_json::Map<String, serde_json::Value>,
}

/// A token by which somebody was found, as it came. It is a secret: not for logs, messages or answers.
#[derive(Clone, PartialEq, Eq)]
pub struct ShownToken(Rc<str>);

impl ShownToken {
    /// The token that was shown.
    pub fn new(token: &str) -> Self {
        Self(token.into())
    }

    /// The token itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ShownToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// All consumers of a configuration, by what they show, and the plans that there are.
#[derive(Debug, Default)]
pub struct Consumers {
    /// By the SHA-256 of a key. Looking one up tells nothing of how near a guess came: nobody can aim at a hash.
    by_key: HashMap<[u8; 32], Arc<Consumer>>,
    by_subject: HashMap<Box<str>, Vec<OfSubject>>,
    plans: Named<config::Plan>,
    default_plan: Option<Box<str>>,
    /// What they show beside keys, in the order in which they are written.
    credentials: Vec<Credentials>,
}

/// Whose tokens have a subject, with the issuer that they have to be of.
type OfSubject = (Option<Box<str>>, Arc<Consumer>);

impl Consumers {
    /// Those that are written, and no plans.
    pub fn new(written: &Named<config::Consumer>) -> Self {
        Self::with_plans(written, &Named::default())
    }

    /// Those that are written, with plans of these.
    pub fn with_plans(written: &Named<config::Consumer>, plans: &Named<config::Plan>) -> Self {
        let default_plan = plans.iter().find(|plan| plan.value.default).map(|plan| plan.name.clone());
        let mut consumers = Self { plans: plans.clone(), default_plan, ..Self::default() };
        for entry in written {
            let groups = entry.value.groups.iter().map(|group| group.value.as_str());
            let plan = match (&entry.value.plan, &consumers.default_plan) {
                (Some(own), _) => ConsumerPlan::Own(own.as_str().into()),
                (None, Some(default)) => ConsumerPlan::Default(default.clone()),
                (None, None) => ConsumerPlan::None,
            };
            let consumer = Arc::new(Consumer { plan, ..Consumer::new(&entry.name, groups) });
            let keys = entry.value.api_keys.iter().map(|key| (key.value.0, Arc::clone(&consumer)));
            consumers.by_key.extend(keys);
            for written in &entry.value.subject {
                let issuer = written.issuer.as_ref().map(|issuer| issuer.as_str().into());
                let of_subject = consumers.by_subject.entry(written.subject.as_str().into()).or_default();
                of_subject.push((issuer, Arc::clone(&consumer)));
            }
            consumers.credentials.push(Credentials::new(consumer, &entry.value));
        }
        consumers
    }

    /// Whose tokens have this subject, of the issuer that the configuration has under this name.
    pub fn of_subject(&self, issuer: &str, subject: &str) -> Option<&Arc<Consumer>> {
        let meant = |own: &Option<Box<str>>| own.as_deref().is_none_or(|own| own == issuer);
        self.by_subject.get(subject)?.iter().find(|(own, _)| meant(own)).map(|(_, consumer)| consumer)
    }

    /// The plan of this name, if there is one; else the default, if there is one.
    pub fn plan(&self, named: Option<&str>) -> Option<&str> {
        let known = named.and_then(|named| self.plans.entry(named)).map(|plan| &plan.name);
        known.or(self.default_plan.as_ref()).map(|plan| &**plan)
    }

    /// All plans, as they are written.
    pub fn plans(&self) -> &Named<config::Plan> {
        &self.plans
    }

    /// The plan of those who have no other.
    pub fn default_plan(&self) -> Option<&str> {
        self.default_plan.as_deref()
    }

    /// All of them, with what they show beside keys, in the order in which they are written.
    pub fn credentials(&self) -> &[Credentials] {
        &self.credentials
    }

    /// Whose key has this hash (SHA-256).
    pub fn of_key(&self, hash: &[u8; 32]) -> Option<&Arc<Consumer>> {
        self.by_key.get(hash)
    }

    /// Whether somebody has a key.
    pub fn have_keys(&self) -> bool {
        !self.by_key.is_empty()
    }
}

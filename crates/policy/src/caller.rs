//! What is known of who asks, as it stands in the facts of a request: a consumer, and what others say.
//! How consumers are found, and how services are told, is in `identity.rs`.

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

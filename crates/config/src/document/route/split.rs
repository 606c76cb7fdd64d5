//! `split`: several services that share the requests of a route, for tests between versions and for canaries.
//! Which variant a request gets is the engine's business; that the upstreams exist is checked in `check.rs`.

use std::time::{Duration, SystemTime};

use super::UpstreamRef;
use crate::config_map;
use crate::document::{CookieName, refuse_short_cookie, refuse_zero};
use crate::node::Node;
use crate::problem::Problem;
use crate::read::{Fields, Named, Read, Reader, Shape, Spanned};
use crate::scalar::{Percent, ValueName};

/// Every request looks at all of them.
const MOST_VARIANTS: usize = 1000;

config_map! {
    /// Several services that share the requests of a route.
    #[check = Split::check]
    pub struct Split {
        /// What tells callers apart, so that each stays with one variant: `header.X-User-ID`. Without it and without `sticky`, chance
        /// decides for each request.
        by: Option<Spanned<ValueName>>,
        /// The variants, by their names. Their order counts: see `docs/traffic.md`.
        variants: Named<Variant>,
        /// What callers are dealt to variants by, together with what tells them apart: two splits with one name deal alike. The name
        /// of the route unless written.
        experiment: Option<String>,
        /// A cookie that tells callers apart who have no value for `by`.
        sticky: Option<StickyCookie>,
        /// A value that names the variant, for testers: `header.X-Variant`. Names that no variant has count for nothing. Anybody can
        /// send it.
        r#override as "override": Option<Spanned<ValueName>>,
    }
}

config_map! {
    /// One of the services that share requests.
    pub struct Variant {
        /// The name or URL of an upstream.
        #[main]
        upstream: UpstreamRef,
        /// Its share beside the other numbers; or a ramp, which is a share of the whole.
        weight: Weight = 1,
    }
}

/// How much of the requests a variant gets.
#[derive(Debug, Clone, PartialEq)]
pub enum Weight {
    /// So much, relative to the other numbers, of what ramps leave.
    Share(u32),
    /// A share of all that changes with time.
    Ramp(Ramp),
}

config_map! {
    /// A share of all requests that changes with time.
    #[check = Ramp::check]
    pub struct Ramp {
        /// The share at the beginning, and before.
        from: Percent = "0%",
        /// The share at the end, and from then on.
        to: Percent = "100%",
        /// How long it takes from one to the other.
        over: Duration,
        /// When it begins, as in `2026-12-01T09:00:00Z`. Without it: when the configuration is first in force with this ramp. It goes on
        /// over reloads, and begins anew when the gateway does.
        starting: Option<SystemTime>,
    }
}

config_map! {
    /// A cookie with a random key.
    #[check = StickyCookie::check]
    pub struct StickyCookie {
        /// Its name.
        #[main]
        cookie: CookieName,
        /// How long clients keep it.
        max_age: Duration = "30d",
    }
}

impl Read for Weight {
    fn shape() -> Shape {
        Shape::OneOf(vec![u32::shape(), Ramp::shape()])
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        if node.as_map().is_some() {
            return Ramp::read(node, reader).map(Self::Ramp);
        }
        if node.as_text().is_some_and(|text| text.ends_with('%')) {
            let problem = Problem::error("a weight is a number beside the other numbers, not a share of all");
            reader.problem(problem.at(reader.place(node)).help("write it without `%`"));
            return None;
        }
        u32::read(node, reader).map(Self::Share)
    }
}

impl Split {
    fn check(&self, fields: &Fields<'_>, reader: &mut Reader<'_>) {
        let variants = fields.key_span("variants");
        if self.variants.names().next().is_none() {
            let problem = Problem::error("this split has no variants").at(variants);
            return reader.problem(problem.help(
                "write `variants: { A: { weight: 90, upstream: a }, B: { weight: 10, upstream: b } }`",
            ));
        }
        if self.variants.names().count() > MOST_VARIANTS {
            let problem = Problem::error(format!("a split has at most {MOST_VARIANTS} variants"));
            reader.problem(problem.at(variants));
        }
        let weights = || self.variants.iter().map(|variant| &variant.value.weight);
        let is_read = self.variants.names().count() == self.variants.len();
        if is_read && weights().all(|weight| *weight == Weight::Share(0)) {
            let problem = Problem::error("every variant has the weight 0").at(variants);
            reader.problem(problem.help("nothing would be sent: give one a weight"));
        } else if is_read && !weights().any(|weight| matches!(weight, Weight::Share(1..))) {
            let problem = Problem::error("no variant takes what the ramps leave").at(variants);
            reader.problem(problem.help("give one a number as its weight"));
        } else if self.r#override.is_none() {
            for variant in self.variants.iter().filter(|variant| variant.value.weight == Weight::Share(0)) {
                let problem = Problem::warning("no request comes to a variant with the weight 0");
                reader.problem(problem.at(variant.span).help("leave it out, or let `override` name it"));
            }
        }
        let most = weights().filter_map(|weight| match weight {
            Weight::Ramp(ramp) => Some(ramp.from.max(ramp.to).millionths),
            Weight::Share(_) => None,
        });
        if most.map(u64::from).sum::<u64>() > 1_000_000 {
            let problem = Problem::error("the ramps of this split come to more than 100%").at(variants);
            reader.problem(problem.help("let one variant ramp, and the others share what it leaves"));
        }
        if fields.has("experiment") && self.by.is_none() && self.sticky.is_none() {
            let problem = Problem::warning("`experiment` has no effect where chance decides");
            reader.problem(problem.at(fields.key_span("experiment")).help("add `by` or `sticky`"));
        }
    }
}

impl Ramp {
    fn check(&self, fields: &Fields<'_>, reader: &mut Reader<'_>) {
        refuse_zero(&[("over", Some(self.over))], fields, reader);
        if self.from == self.to {
            let problem = Problem::error("this ramp ends where it begins").at(fields.value_span("to"));
            reader.problem(problem.help("write another share, or a number as the weight"));
        }
    }
}

impl StickyCookie {
    fn check(&self, fields: &Fields<'_>, reader: &mut Reader<'_>) {
        refuse_short_cookie(self.max_age, fields, reader);
    }
}

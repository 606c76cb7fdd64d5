//! Forwarding with more around it: one of several variants, copies to a mirror, answers in place of a service that fails.
//! What is decided when the document is compiled; it is acted on in `exchange::traffic`.

use std::sync::Arc;
use std::time::Duration;

use maitred_config::scalar::Percent;
use maitred_http::RequestHead;
use maitred_policy::Facts;
use maitred_policy::values::View;
use maitred_telemetry::{MirrorSeries, RouteUpstreamSeries, VariantSeries};

use super::Service;
use super::degrade::Degrade;
use super::split::{Split, Why};
use crate::rewrite::Rewrite;

/// What a route does that has more than one service.
#[derive(Debug)]
pub(crate) struct Traffic {
    /// How requests are dealt to `targets`; without it there is one.
    pub(crate) split: Option<Split>,
    pub(crate) targets: Box<[Target]>,
    pub(crate) rewrite: Option<Rewrite>,
    pub(crate) mirror: Option<Mirror>,
    pub(crate) degrade: Option<Degrade>,
}

/// A service that requests go to.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) service: Service,
    pub(crate) requests: Arc<RouteUpstreamSeries>,
    /// Where requests of its variant are counted.
    pub(crate) counts: Option<Arc<VariantSeries>>,
}

/// A service that gets copies.
#[derive(Debug)]
pub(crate) struct Mirror {
    /// The number of the upstream.
    pub(crate) upstream: usize,
    /// Its name.
    pub(crate) name: Arc<str>,
    /// The share of requests that are copied.
    pub(crate) sample: Percent,
    /// Bytes that the body of a copy may have.
    pub(crate) most: usize,
    pub(crate) counts: Arc<MirrorSeries>,
}

impl Traffic {
    /// The name of a variant, and where its requests are counted.
    pub(crate) fn variant(&self, number: usize) -> Option<(&str, &Target)> {
        let variant = self.split.as_ref()?.variants.get(number)?;
        Some((&variant.name, self.targets.get(number)?))
    }

    /// The longest that one of the services may be silent.
    pub(super) fn idle(&self) -> Duration {
        let idle = self.targets.iter().map(|target| target.service.forward.timeouts.idle);
        idle.max().unwrap_or_default()
    }

    /// The longest limit of a whole exchange that one of the services has; none where one has no limit.
    pub(super) fn total(&self) -> Option<Duration> {
        let mut totals = self.targets.iter().map(|target| target.service.forward.timeouts.total);
        totals.try_fold(Duration::ZERO, |longest, total| Some(longest.max(total?)))
    }

    /// What it would do with a request.
    pub(crate) fn explain(&self, request: &RequestHead, facts: &Facts) -> String {
        let mut told = vec![match (&self.split, self.targets.first()) {
            (Some(split), _) => self.explain_split(split, &View::of_request(request, facts)),
            (None, Some(target)) => format!("forwards to the upstream `{}`", target.service.upstream),
            (None, None) => String::new(),
        }];
        if let Some(mirror) = &self.mirror {
            told.push(format!("copies {} to the upstream `{}`", mirror.sample, mirror.name));
        }
        if let Some(degrade) = &self.degrade {
            told.push(format!("if that fails: {}", degrade.explain(request.method)));
        }
        told.join("; ")
    }

    fn explain_split(&self, split: &Split, view: &View<'_>) -> String {
        let shares = split.shares(view.facts.received);
        let total = shares.iter().sum();
        let told = |number: usize| {
            let (variant, target) = (&split.variants[number].name, &self.targets[number].service.upstream);
            format!("variant `{variant}` ({}): the upstream `{target}`", percent(shares[number], total))
        };
        // No key is made up here: chance decides alike which one a new caller gets.
        let dealt = split.deal(view, || [0; 16]);
        let why = match dealt.why {
            Why::Named => "the request names the",
            Why::Key => "the caller's key leads to the",
            Why::Cookie if dealt.cookie.is_none() => "the caller's cookie leads to the",
            Why::Heaviest => "without a key the heaviest answers:",
            Why::Cookie | Why::Chance => {
                let all: Vec<String> = (0..shares.len()).map(told).collect();
                return format!("splits `{}` by chance: {}", split.experiment, all.join(", "));
            }
        };
        format!("splits `{}`: {why} {}", split.experiment, told(dealt.variant))
    }
}

/// A share of a whole, as the language writes it, to a hundredth of a percent.
fn percent(share: u128, whole: u128) -> String {
    let hundredths = (share * 10_000 + whole / 2) / whole.max(1);
    let (percent, rest) = (hundredths / 100, hundredths % 100);
    if rest == 0 { format!("{percent}%") } else { format!("{percent}.{rest:02}%").replace("0%", "%") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_written_as_the_language_does() {
        for (share, whole, written) in [
            (1, 1, "100%"),
            (1, 3, "33.33%"),
            (1, 8, "12.5%"),
            (0, 5, "0%"),
            (1, 1_000_000, "0%"),
            (1, 10, "10%"),
        ] {
            assert_eq!(percent(share, whole), written);
        }
    }
}

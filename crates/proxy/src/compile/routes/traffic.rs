//! Routes with more than one service: `split`, `mirror` and `degrade`.
//! That their upstreams exist was checked when the document was read.

use std::sync::Arc;
use std::time::Duration;

use maitred_config::scalar::ValueName;
use maitred_config::{
    DegradeStep as WrittenStep, Mirror as WrittenMirror, Ramp as WrittenRamp, Spanned, Split as WrittenSplit,
    TryEnd, UpstreamRef, Weight,
};
use maitred_http::Method;
use maitred_policy::values::{Available, Value};
use maitred_store::Scope;
use maitred_upstream::ResultSet;

use super::super::results::results;
use super::{One, name_of};
use crate::action::{
    Action, Degrade, DegradeStep, Mirror, Ramp, Service, Share, Split, Sticky, Target, Traffic, Variant,
    fixed_shares,
};
use crate::kept::shared::KeptStore;

impl One<'_> {
    /// What a route does that has more than one service.
    pub(super) fn traffic(&mut self) -> Option<Traffic> {
        let written = &self.entry.value;
        let split = match &written.split {
            None => None,
            Some(split) => Some(self.split(split)?),
        };
        let targets = match &written.split {
            None => vec![self.target_of(written.upstream.as_ref()?, None)?],
            Some(split) => {
                let variants = split.variants.iter();
                variants
                    .map(|variant| self.target_of(&variant.value.upstream, Some(&variant.name)))
                    .collect::<Option<_>>()?
            }
        };
        Some(Traffic {
            split,
            targets: targets.into(),
            rewrite: if self.rewrites() { Some(self.rewrite()?) } else { None },
            mirror: match &written.mirror {
                None => None,
                Some(mirror) => Some(self.mirror(mirror)?),
            },
            degrade: if written.degrade.is_empty() { None } else { Some(self.degrade(&written.degrade)?) },
        })
    }

    fn service(&self, upstream: &UpstreamRef) -> Option<Service> {
        let forward = self.settings(upstream)?;
        Some(Service { forward, upstream: name_of(upstream), failures: self.failures(upstream) })
    }

    /// What counts as a failure of a service: what does for its circuit breaker, or would.
    fn failures(&self, upstream: &UpstreamRef) -> ResultSet {
        let named = match upstream {
            UpstreamRef::Name(name) => self.compiler.document.upstreams.get(&name.value),
            UpstreamRef::Url(_) => None,
        };
        match named.and_then(|named| named.circuit_breaker.as_ref()) {
            Some(breaker) => results(&breaker.failure_on),
            None => {
                results(&[TryEnd::ConnectFailure, TryEnd::Reset, TryEnd::Timeout, TryEnd::Status(500..=599)])
            }
        }
    }

    fn target_of(&self, upstream: &UpstreamRef, variant: Option<&str>) -> Option<Target> {
        let (metrics, route) = (self.compiler.metrics, &*self.entry.name);
        let service = self.service(upstream)?;
        let requests = metrics.route_upstream(route, Some(&service.upstream));
        Some(Target { service, requests, counts: variant.map(|variant| metrics.variant(route, variant)) })
    }

    fn split(&mut self, written: &WrittenSplit) -> Option<Split> {
        let by = written.by.as_ref().map(|by| self.value(by)).transpose();
        let named_by = written.r#override.as_ref().map(|by| self.value(by)).transpose();
        let sticky = match &written.sticky {
            None => None,
            Some(sticky) => {
                let name = &sticky.cookie.0;
                let cookie = Value::compile(&ValueName::Cookie(name.clone()), Available::Request).ok()?;
                Some(Sticky { cookie, name: name.as_str().into(), max_age: sticky.max_age })
            }
        };
        let variants = written.variants.iter().map(|variant| Variant {
            name: Arc::from(&*variant.name),
            share: match &variant.value.weight {
                Weight::Share(weight) => Share::Weight(*weight),
                Weight::Ramp(ramp) => Share::Ramp(self.ramp(ramp, &variant.name)),
            },
        });
        let variants: Box<[_]> = variants.collect();
        Some(Split {
            experiment: written.experiment.as_deref().unwrap_or(&self.entry.name).into(),
            fixed: fixed_shares(&variants),
            variants,
            by: by.ok()?,
            named_by: named_by.ok()?,
            sticky,
        })
    }

    /// A value of the request. That it cannot be had is told.
    fn value(&mut self, written: &Spanned<ValueName>) -> Result<Value, ()> {
        Value::compile(&written.value, Available::Request)
            .map_err(|message| self.problem(message, written.span))
    }

    /// A ramp that does not say when it begins does so now; or when it did, if it is under way.
    fn ramp(&self, written: &WrittenRamp, variant: &str) -> Ramp {
        let ramp = Ramp {
            from: written.from.millionths,
            to: written.to.millionths,
            over: written.over,
            starting: written.starting,
            begins: written.starting.unwrap_or(self.compiler.now),
        };
        let begins =
            self.ramp_before(variant).filter(|before| before.is_same(&ramp)).map(|before| before.begins);
        Ramp { begins: begins.unwrap_or(ramp.begins), ..ramp }
    }

    /// The ramp that the variant of this name has now.
    fn ramp_before(&self, variant: &str) -> Option<Ramp> {
        let mut routes = self.compiler.previous?.routes.iter();
        let route = routes.find(|route| *route.name == *self.entry.name)?;
        let Action::Traffic(traffic) = &*route.action else { return None };
        let mut variants = traffic.split.as_ref()?.variants.iter();
        match variants.find(|before| *before.name == *variant)?.share {
            Share::Ramp(ramp) => Some(ramp),
            Share::Weight(_) => None,
        }
    }

    fn mirror(&self, written: &WrittenMirror) -> Option<Mirror> {
        let name = name_of(&written.upstream);
        let buffered = self.compiler.document.limits.buffered_body.0;
        Some(Mirror {
            upstream: *self.around.upstream_numbers.get(&name)?,
            counts: self.compiler.metrics.mirror(&name),
            name,
            sample: written.sample,
            most: usize::try_from(written.buffer.0.min(buffered)).unwrap_or(usize::MAX),
        })
    }

    fn degrade(&mut self, written: &[Spanned<WrittenStep>]) -> Option<Degrade> {
        let steps: Vec<_> = written.iter().map(|step| self.step(step)).collect();
        let steps = steps.into_iter().collect::<Option<_>>()?;
        // The longest is how long they are kept where replicas share them.
        let ttl = written.iter().filter_map(|step| step.cache.as_ref()).map(|cache| cache.ttl).max();
        let kept = self.around.kept.filter(|_| ttl.is_some()).cloned();
        let shared = ttl.and_then(|ttl| self.kept_store(ttl));
        let counts = self.compiler.metrics.degraded(&self.entry.name);
        Some(Degrade { steps, kept, shared, counts })
    }

    /// Where replicas keep good answers, if they share the default store.
    fn kept_store(&self, ttl: Duration) -> Option<Arc<KeptStore>> {
        let store = self.compiler.means.stores.find(None).ok().filter(|store| store.is_shared())?;
        Some(Arc::new(KeptStore { store: Arc::clone(store), scope: Scope::new("degrade"), ttl }))
    }

    fn step(&mut self, written: &WrittenStep) -> Option<DegradeStep> {
        if let Some(cache) = &written.cache {
            return Some(DegradeStep::Cache(cache.ttl));
        }
        if let Some(upstream) = &written.upstream {
            return self.service(upstream).map(DegradeStep::Upstream);
        }
        let respond = written.respond.as_ref()?;
        let answer = (respond.text.as_ref(), respond.json.as_ref(), respond.status.0, &respond.headers);
        let answer = self.answer(answer)?;
        let mut methods = Vec::new();
        for method in &respond.methods {
            match Method::parse(method.0.as_bytes()) {
                Ok(method) => methods.push(method),
                Err(_) => self.problem(format!("`{}` is too long for a method", method.0), self.entry.span),
            }
        }
        Some(DegradeStep::Respond(answer, methods.into()))
    }
}

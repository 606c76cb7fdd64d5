//! Identifies consumers by their API keys.
//!
//! A request shows its key in the header `X-API-Key`, or where `from` says. Whose key it is becomes `consumer.name` and
//! `consumer.groups`, and the service is told in `X-Consumer` and `X-Consumer-Groups`; what a client itself says there is removed.
//! A request without a key is answered 401, unless `optional` lets it pass as that of nobody; one with a wrong key always is.
//!
//! The configuration has hashes of keys only: `maitred key new` makes a key and its hash, `maitred key hash` the hash of a key. The
//! service does not get the key, unless `forward` says so.

use std::sync::Arc;

use maitred_config::scalar::ValueName;
use maitred_config::{Problem, Spanned, config_map};
use maitred_http::RequestHead;
use maitred_policy::identity::{self, Consumer, Consumers};
use maitred_policy::values::View;
use maitred_policy::{Build, Facts, Fault, Phase, Policy, PolicyKind, RequestCx, Step, Verdict};

use crate::asking::sha256;
use crate::shown::{self, Shown};

config_map! {
    /// Where keys are shown, and who may go without.
    pub struct ApiKeyConfig {
        /// Where a key is looked for: `header.NAME`, `query.NAME` or `cookie.NAME`. Of several the first that a request has counts. Queries stand in
        /// the logs of many programs: prefer headers.
        #[main]
        from: Vec<Spanned<ValueName>> = "[header.X-API-Key]",
        /// Whether the service gets the key, too.
        forward: bool = false,
        /// Whether a request without a key passes, as that of nobody. One with a wrong key never does.
        optional: bool = false,
    }
}

/// See the top of this file.
#[derive(Debug)]
pub(crate) struct ApiKey {
    from: Box<[Shown]>,
    forward: bool,
    optional: bool,
    consumers: Arc<Consumers>,
}

/// What a request shows.
enum Found<'a> {
    Nothing,
    /// A key that nobody has, in this place.
    Wrong(&'a Shown),
    Known(&'a Shown, &'a Arc<Consumer>),
}

impl PolicyKind for ApiKey {
    const NAME: &'static str = "api_key";
    type Config = ApiKeyConfig;
    type Compiled = Self;

    fn phase(_: &ApiKeyConfig) -> Phase {
        Phase::Identify
    }

    fn compile(config: ApiKeyConfig, build: &mut Build<'_>, _: Option<&Self>) -> Option<Self> {
        let from = Shown::compile_all(&config.from, "key", "header.X-API-Key", build);
        let consumers = Arc::clone(build.consumers());
        if !consumers.have_keys() {
            let problem =
                Problem::warning("no consumer has an API key, so that nobody can pass").at(build.span());
            build.report(problem.help(
                "write `consumers: { NAME: { api_keys: \"sha256:…\" } }`; `maitred key new` makes one",
            ));
        }
        let (forward, optional) = (config.forward, config.optional);
        Some(Self { from: from?, forward, optional, consumers })
    }
}

impl ApiKey {
    /// Where this request shows a key, which is appended.
    fn shown(&self, request: &RequestHead, facts: &Facts, key: &mut Vec<u8>) -> Option<&Shown> {
        let view = View::of_request(request, facts);
        self.from.iter().find(|shown| shown.value.write(&view, key))
    }

    /// What this request shows.
    fn find(&self, request: &RequestHead, facts: &Facts) -> Found<'_> {
        let mut key = Vec::new();
        let Some(shown) = self.shown(request, facts, &mut key) else { return Found::Nothing };
        self.consumers
            .of_key(&sha256(&key))
            .map_or(Found::Wrong(shown), |consumer| Found::Known(shown, consumer))
    }
}

/// Nobody is told which key would have been right.
fn refused(cause: &'static str, detail: &'static str) -> Fault {
    Fault::client(401, cause, detail).field(b"WWW-Authenticate", b"ApiKey")
}

impl Policy for ApiKey {
    type State = ();
    type Local = ();

    fn on_request<'a>(&'a self, cx: RequestCx<'a, Self>) -> Step<'a, Verdict> {
        match self.find(cx.request, cx.facts) {
            Found::Nothing if self.optional => identity::tell(cx.request, cx.facts),
            Found::Nothing => {
                return Step::fail(refused(identity::MISSING_CREDENTIALS, "Missing credentials"));
            }
            Found::Wrong(_) => {
                self.withhold(cx.request, cx.facts);
                return Step::fail(refused("invalid_credentials", "Invalid API key"));
            }
            Found::Known(_, consumer) => {
                let consumer = Arc::clone(consumer);
                self.withhold(cx.request, cx.facts);
                cx.facts.consumer = Some(consumer);
                identity::tell(cx.request, cx.facts);
            }
        }
        Step::CONTINUE
    }

    fn shows(&self, request: &RequestHead, facts: &Facts) -> bool {
        self.shown(request, facts, &mut Vec::new()).is_some()
    }

    fn withhold(&self, request: &mut RequestHead, facts: &mut Facts) {
        shown::withhold(&self.from, self.forward, request, facts);
    }

    fn identify(&self, request: &RequestHead, facts: &mut Facts) {
        if let Found::Known(_, consumer) = self.find(request, facts) {
            facts.consumer = Some(Arc::clone(consumer));
        }
    }

    fn explain(&self, request: &RequestHead, facts: &Facts) -> String {
        match self.find(request, facts) {
            Found::Nothing if self.optional => {
                "finds no key, and lets it through as that of nobody".to_owned()
            }
            Found::Nothing => {
                let places: Vec<&str> = self.from.iter().map(|shown| &*shown.text).collect();
                format!("refuses it: no key in {}", places.join(", "))
            }
            Found::Wrong(shown) => format!("refuses it: no consumer has the key in {}", shown.text),
            Found::Known(shown, consumer) => format!("finds the key of {} in {}", consumer.name, shown.text),
        }
    }
}

#[cfg(test)]
mod tests;

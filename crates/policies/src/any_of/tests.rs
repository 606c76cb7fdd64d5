//! Who takes a request, what the others do not see of it, and that those inside are whole policies.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use maitred_config::config_map;
use maitred_http::FieldName;
use maitred_policy::harness::{Harness, facts, problems_holding, request};
use maitred_policy::{Catalog, Reply};
use maitred_telemetry::Measure;

use super::*;
use crate::api_key::ApiKey;
use crate::ext_authz::ExtAuthz;
use crate::request_size::RequestSize;

config_map! {
    /// A policy for tests: it takes whoever says the word, after a while, and tells on the way up and at the end.
    pub struct WordConfig {
        /// The word.
        #[main]
        word: String,
        /// What it does where nobody says a word: `refuse`, `pass` or `answer`.
        without: String = "refuse",
    }
}

struct Word {
    config: WordConfig,
    counted: Arc<Counted>,
}

struct Counted;

impl Measured for Counted {
    fn measures(&self) -> Vec<Measure> {
        vec![Measure { family: "words", help: "Words.", is_counter: true, label: None, value: 1 }]
    }
}

fn word() -> FieldName {
    FieldName::parse("X-Word").unwrap()
}

thread_local! {
    static ENDED: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

impl PolicyKind for Word {
    const NAME: &'static str = "word";
    type Config = WordConfig;
    type Compiled = Self;

    fn phase(_: &WordConfig) -> Phase {
        Phase::Identify
    }

    fn compile(config: WordConfig, _: &mut Build<'_>, previous: Option<&Self>) -> Option<Self> {
        let counted = previous.map_or_else(|| Arc::new(Counted), |old| Arc::clone(&old.counted));
        Some(Self { config, counted })
    }
}

impl Policy for Word {
    type State = u32;
    type Local = Cell<u32>;

    fn on_request<'a>(&'a self, cx: RequestCx<'a, Self>) -> Step<'a, Verdict> {
        let said = cx.request.fields.first(&word()).map(<[u8]>::to_vec);
        cx.local.set(cx.local.get() + 1);
        *cx.state = cx.local.get();
        let missing = || {
            Fault::client(401, "missing_credentials", "Missing credentials")
                .field(b"WWW-Authenticate", b"Word")
        };
        Step::Later(Box::pin(async move {
            cx.runtime.sleep_until(cx.runtime.now() + Duration::from_secs(1)).await;
            match (said.as_deref(), self.config.without.as_str()) {
                (Some(said), _) if said == self.config.word.as_bytes() => Verdict::Continue,
                (Some(_), _) => Verdict::Fail(Fault::client(401, "invalid_credentials", "Invalid word")),
                (None, "pass") => Verdict::Continue,
                (None, "answer") => Verdict::Respond(Box::new(Reply::new(302))),
                (None, _) => Verdict::Fail(missing()),
            }
        }))
    }

    fn on_response<'a>(&'a self, cx: ResponseCx<'a, Self>) -> Step<'a, Verdict> {
        cx.response.fields.append_bytes(b"X-Turn", cx.state.to_string().as_bytes());
        Step::CONTINUE
    }

    fn on_end(&self, state: &mut u32, _: &Cell<u32>, outcome: &Outcome) {
        ENDED.with_borrow_mut(|ended| ended.push(format!("{} {state} {}", self.config.word, outcome.status)));
    }

    fn measured(&self) -> Option<Arc<dyn Measured>> {
        Some(self.counted.clone())
    }

    fn shows(&self, request: &RequestHead, _: &Facts) -> bool {
        request.fields.contains(&word())
    }

    fn explain(&self, _: &RequestHead, _: &Facts) -> String {
        "listens".to_owned()
    }
}

fn kinds() -> Catalog {
    Catalog::default()
        .with::<ApiKey>()
        .with::<RequestSize>()
        .with::<Word>()
        .with::<ExtAuthz>()
        .with::<AnyOf>()
}

/// Of the keys `acme` and `bob`.
const CONSUMERS: &str = "{ acme: { api_keys: 'sha256:822b33ad87c148a0a20a5ba7cd5ebcaa68d36a18e7aad165554903f52ca82757' }, \
    bob: { api_keys: 'sha256:81b637d8fcd2c6da6359e6963113a1170de795e4b725b84d1e0b4cfd9ec58ce9' } }";
const TWO: &str = "{ api_key: true, api_key/partners: header.X-Partner }";

fn harness(yaml: &str) -> Harness {
    Harness::holding::<AnyOf>(kinds(), CONSUMERS, yaml)
}

/// The status, who was found, and what refused.
fn ask(yaml: &str, fields: &[(&str, &str)]) -> (u16, Option<String>, Option<String>) {
    let outcome = harness(yaml).request("GET /", fields).answer(200, &[]);
    let name = outcome.facts.consumer.as_ref().map(|consumer| consumer.name.to_string());
    (outcome.response.status, name, outcome.fault().and_then(Fault::policy).map(ToOwned::to_owned))
}

#[test]
fn the_first_that_is_shown_takes_the_request_and_no_other() {
    let found = |name: &str| (200, Some(name.to_owned()), None);
    let refused = |policy: &str| (401, None, Some(policy.to_owned()));
    assert_eq!(ask(TWO, &[("X-API-Key", "acme")]), found("acme"));
    assert_eq!(ask(TWO, &[("X-Partner", "bob")]), found("bob"));
    assert_eq!(ask(TWO, &[("X-Partner", "bob"), ("X-API-Key", "acme")]), found("acme"));
    assert_eq!(ask(TWO, &[("X-API-Key", "wrong"), ("X-Partner", "bob")]), refused("api_key"));
    assert_eq!(ask(TWO, &[("X-Partner", "wrong")]), refused("api_key/partners"));
    let other = "{ api_key/partners: header.X-Partner, api_key: true }";
    assert_eq!(ask(other, &[("X-API-Key", "wrong"), ("X-Partner", "bob")]), found("bob"));
}

#[test]
fn a_body_is_read_only_for_the_one_that_takes_the_request() {
    let harness =
        harness("{ api_key: true, ext_authz: { upstream: grpc://a, body: 4B } }").answering(|_| None);
    let status = |fields: &[(&str, &str)], body: &str| {
        harness.request("POST /", fields).body(body).answer(200, &[]).response.status
    };
    assert_eq!(status(&[("X-API-Key", "acme")], "12345"), 200);
    assert_eq!((status(&[], "12345"), harness.calls().len()), (413, 0));
    assert_eq!((status(&[], "1234"), harness.calls().len()), (502, 1));
    let policy = harness.policy::<AnyOf>();
    let most = |fields: &[(&str, &str)]| Policy::wants_body(policy, &request("POST /", fields), &facts());
    assert_eq!((most(&[("X-API-Key", "acme")]), most(&[])), (None, Some(4)));
}

#[test]
fn a_credential_that_was_not_looked_at_goes_no_further() {
    let yaml = "{ api_key: true, word: hush, api_key/old: [query.k, header.X-Partner] }";
    let shown = [("X-API-Key", "acme"), ("X-Consumer", "root"), ("X-Partner", "bob"), ("X-Word", "hush")];
    for (key, status) in [("acme", 200), ("wrong", 401)] {
        let fields = [&[("X-API-Key", key)], &shown[1..]].concat();
        let outcome = harness(yaml).request("GET /a?k=bob&b=1", &fields).answer(200, &[]);
        assert_eq!(outcome.response.status, status);
        let logged = outcome.facts.asked.as_ref().map(|asked| asked.told().as_str());
        assert_eq!(logged, Some("/a?b=1"));
        if status == 200 {
            assert_eq!(outcome.sent_field("X-Consumer").as_deref(), Some("acme"));
            assert_eq!((outcome.sent_field("X-API-Key"), outcome.sent_field("X-Partner")), (None, None));
            assert_eq!(
                (outcome.sent_target(), outcome.sent_field("X-Word").as_deref()),
                ("/a?b=1", Some("hush"))
            );
        }
    }
}

#[test]
fn who_shows_nothing_is_told_of_every_way() {
    let yaml = "{ api_key: true, api_key/partners: header.X-Partner, word: hush }";
    let outcome = harness(yaml).request("GET /", &[]).answer(200, &[]);
    assert_eq!((outcome.response.status, outcome.cause()), (401, Some("missing_credentials")));
    assert_eq!(outcome.fault().map(Fault::detail), Some("Missing credentials"));
    assert_eq!(outcome.field("WWW-Authenticate").as_deref(), Some("ApiKey | Word"));
    assert!(outcome.sent.is_none());
}

#[test]
fn one_that_is_optional_lets_nobody_pass_but_nothing_wrong() {
    for yaml in [
        "{ api_key: { optional: true }, api_key/partners: header.X-Partner }",
        "{ api_key: true, api_key/partners: { from: header.X-Partner, optional: true } }",
    ] {
        assert_eq!(ask(yaml, &[]), (200, None, None), "{yaml}");
        assert_eq!(ask(yaml, &[("X-API-Key", "wrong")]).0, 401, "{yaml}");
        assert_eq!(ask(yaml, &[("X-Partner", "wrong")]).0, 401, "{yaml}");
        let forged = harness(yaml).request("GET /", &[("X-Consumer", "root")]).answer(200, &[]);
        assert_eq!(forged.sent_field("X-Consumer"), None);
    }
    assert_eq!(ask("{ api_key: true, word: { word: hush, without: answer } }", &[]).0, 302);
}

#[test]
fn policies_inside_remember_wait_and_end() {
    let both = harness("{ api_key: true, word: hush, word/other: { word: psst, without: pass } }");
    let taken = both.request("GET /", &[("X-Word", "hush")]).answer(200, &[]);
    assert_eq!((taken.response.status, taken.field("X-Turn").as_deref()), (200, Some("1")));
    assert_eq!(taken.took, Duration::from_secs(1));
    assert_eq!(ENDED.take(), ["hush 1 200"]);
    // Each in its turn, until one lets it pass; and their response hooks, last first.
    let nobody = both.request("GET /", &[]).answer(204, &[]);
    assert_eq!((nobody.response.status, nobody.field("X-Turn").as_deref()), (204, Some("1 | 2")));
    assert_eq!(ENDED.take(), ["hush 2 204", "psst 1 204"]);
    let keyed = both.request("GET /", &[("X-API-Key", "bob")]).answer(200, &[]);
    assert_eq!((keyed.field("X-Turn"), ENDED.take().len()), (None, 0));
}

#[test]
fn a_reload_hands_each_its_own_predecessor() {
    let before = harness("{ word: a, word/other: b }");
    assert_eq!(before.measures().len(), 2);
    let after = before.reloaded::<AnyOf>("{ word/other: b, word/third: c, word: a }");
    let counted = |harness: &Harness, name: &str| {
        let policy = harness.policy::<AnyOf>().held(name).unwrap().policy.as_any();
        Arc::as_ptr(&policy.downcast_ref::<Word>().unwrap().counted)
    };
    for name in ["word", "word/other"] {
        assert!(std::ptr::eq(counted(&before, name), counted(&after, name)), "{name}");
    }
    let measured = |harness: &Harness| Arc::as_ptr(harness.policy::<AnyOf>().measured.as_ref().unwrap());
    let same = before.reloaded::<AnyOf>("{ word: c, word/other: b }");
    assert!(std::ptr::eq(measured(&before), measured(&same)), "what is measured would be told twice");
    assert!(!std::ptr::eq(measured(&before), measured(&after)));
}

#[test]
fn the_policy_is_told_that_would_take_the_request() {
    let explain = |fields: &[(&str, &str)]| harness(TWO).request("GET /", fields).explain().concat();
    assert_eq!(
        explain(&[("X-Partner", "bob")]),
        "`api_key/partners` finds the key of bob in header.X-Partner"
    );
    assert_eq!(
        explain(&[]),
        "`api_key` refuses it: no key in header.X-API-Key; `api_key/partners` refuses it: no key in header.X-Partner"
    );
}

#[test]
fn what_does_not_identify_has_no_place_in_it() {
    for (yaml, told) in [
        ("{ api_key: true, request_size: 1MiB }", "`request_size` identifies nobody\n --> policy.yaml:1:26"),
        ("{ api_key: true, api_kye: true }", "there is no policy `api_kye`\n --> policy.yaml:1:26"),
        ("{ api_key: { form: header.A } }", "unknown key `form`"),
        ("{ api_key: false }", "this names no policy"),
        ("{}", "this names no policy"),
        ("{ use: signed_in, api_key: true }", "`any_of` uses no sets"),
        ("api_key", "a map of policies that identify is wanted here"),
    ] {
        let drawn = problems_holding::<AnyOf>(kinds(), yaml);
        assert!(drawn.contains(told), "{yaml}: {drawn}");
    }
    assert_eq!(ask("{ any_of: { api_key: true } }", &[("X-API-Key", "bob")]).1.as_deref(), Some("bob"));
}

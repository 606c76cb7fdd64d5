//! Which tokens are taken, what becomes of what they say, and what is told of bad ones.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use maitred_config::Memory;
use maitred_policy::harness::{Answered, Harness, Outcome, problems_in_document, problems_of};
use serde_json::{Value, json};

use super::*;

mod kinds;
mod published;

/// What the facts of the harness have as the time of a request.
const NOW: u64 = 1_795_265_045;

const SECRET: &str = "the secret of us, which is long enough";
const OTHER: &str = "the secret of others, which is as long";

const DOCUMENT: &str = "
maitred: 1
issuers:
  us: { issuer: us, jwks: us.json, audience: [shop, api], claims: { plan: tier } }
  others:
    issuer: https://others.example
    jwks: others.json
    claims: { roles: '[\"https://others.example/roles\"]', groups: teams.names, scopes: may, subject: user.id }
plans: { free: { default: true }, gold: true, own: true }
consumers:
  acme: { groups: partners, subject: { issuer: us, subject: acme-inc }, plan: own }
  bob: { subject: { issuer: us, subject: bob } }
routes: { app: { match: /*, respond: fine } }
";

fn jwks(secret: &str) -> String {
    json!({"keys": [{"kty": "oct", "kid": "1", "alg": "HS256", "k": URL_SAFE_NO_PAD.encode(secret)}]})
        .to_string()
}

fn files() -> Memory {
    Memory::new()
        .with("us.json", jwks(SECRET))
        .with("others.json", jwks(OTHER))
        .with("revoked", "# old\nbad-1\n\n bad-2 \n")
}

fn signed(header: &Value, claims: &Value, secret: &str) -> String {
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let signed =
        format!("{}.{}", encode(header.to_string().as_bytes()), encode(claims.to_string().as_bytes()));
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    format!("{signed}.{}", encode(hmac::sign(&key, signed.as_bytes()).as_ref()))
}

/// A good token of us, with these claims as well, or instead.
fn token(more: Value) -> String {
    let mut claims = json!({"iss": "us", "aud": "shop", "sub": "u-17", "exp": NOW + 60});
    let (Value::Object(claims), Value::Object(more)) = (&mut claims, more) else { panic!("objects") };
    claims.extend(more);
    claims.retain(|_, value| !value.is_null());
    signed(&json!({"alg": "HS256"}), &Value::Object(claims.clone()), SECRET)
}

fn harness(yaml: &str) -> Harness {
    Harness::in_document::<Jwt>(DOCUMENT, yaml, &files())
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

fn ask(yaml: &str, token: &str) -> Outcome {
    harness(yaml).request("GET /", &[("Authorization", &bearer(token))]).answer(200, &[])
}

/// Cause, text and reason of the fault.
fn refused(outcome: &Outcome) -> (&'static str, String, String) {
    let Answered::Fault(fault) = &outcome.answered else { panic!("it was let through") };
    let reason = fault.to_string().split_once(": ").map(|(_, reason)| reason.to_owned());
    assert_eq!((fault.status(), outcome.sent.is_none()), (401, true));
    (fault.cause(), fault.detail().to_owned(), reason.unwrap_or_default())
}

#[test]
fn a_good_token_tells_who_asks() {
    let claims = json!({
        "roles": ["a"], "realm_access": {"roles": ["b"]}, "resource_access": {"x": {"roles": ["c"]}, "y": {"roles": "d"}},
        "scope": "orders:read orders:write", "groups": ["/staff", "a,b", 1], "tier": "gold",
    });
    let token = token(claims);
    let forged = [("X-User-ID", "root"), ("x-consumer", "root"), ("X-Consumer-Groups", "root")];
    let bearer = bearer(&token);
    let fields = [&[("Authorization", &*bearer)][..], &forged].concat();
    let outcome = harness("true").request("GET /", &fields).answer(200, &[]);
    assert_eq!(outcome.response.status, 200);
    let claims = outcome.facts.claims.as_ref().unwrap();
    assert_eq!((&*claims.issuer, claims.subject.as_deref()), ("us", Some("u-17")));
    let texts = |all: &[Box<str>]| all.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(texts(&claims.roles), ["a", "b", "c", "d", "orders:read", "orders:write"]);
    assert_eq!(texts(&claims.scopes), ["orders:read", "orders:write"]);
    assert_eq!(texts(&claims.groups), ["/staff", "a,b"]);
    assert_eq!((outcome.facts.plan(), outcome.facts.consumer.is_none()), (Some("gold"), true));
    assert_eq!(outcome.sent_field("X-User-ID").as_deref(), Some("u-17"));
    // A group that would be read as two is not told.
    assert_eq!(outcome.sent_field("X-Consumer-Groups").as_deref(), Some("/staff"));
    assert_eq!(outcome.sent_field("X-Consumer"), None);
    assert_eq!(outcome.sent_field("Authorization"), Some(bearer));
}

#[test]
fn an_issuer_may_write_things_elsewhere() {
    let claims = json!({
        "iss": "https://others.example", "exp": NOW + 60, "user": {"id": 17}, "https://others.example/roles": "boss", "roles": ["x"],
        "teams": {"names": ["t"]}, "may": ["read", "write"], "scope": "x",
    });
    let outcome = ask("others", &signed(&json!({"alg": "HS256", "kid": "1"}), &claims, OTHER));
    let claims = outcome.facts.claims.as_ref().unwrap();
    let texts = |all: &[Box<str>]| all.join(" ");
    assert_eq!(
        (texts(&claims.roles), texts(&claims.groups), texts(&claims.scopes)),
        ("boss".into(), "t".into(), "read write".into())
    );
    assert_eq!((claims.subject.as_deref(), outcome.facts.plan()), (Some("17"), Some("free")));
}

#[test]
fn consumers_are_found_by_subject() {
    for (subject, tier, name, plan) in [
        ("acme-inc", "gold", Some("acme"), "own"),
        ("bob", "gold", Some("bob"), "gold"),
        ("bob", "unknown", Some("bob"), "free"),
        ("acme", "", None, "free"),
    ] {
        let outcome = ask("true", &token(json!({"sub": subject, "tier": tier})));
        let found = outcome.facts.consumer.as_ref().map(|consumer| &*consumer.name);
        assert_eq!((found, outcome.facts.plan()), (name, Some(plan)), "{subject} {tier}");
        assert_eq!(outcome.sent_field("X-Consumer").as_deref(), name);
    }
    // The same subject of another issuer is somebody else.
    let other = json!({"iss": "https://others.example", "exp": NOW + 60, "user": {"id": "acme-inc"}});
    let outcome = ask("true", &signed(&json!({"alg": "HS256"}), &other, OTHER));
    assert_eq!((outcome.response.status, outcome.facts.consumer.is_none()), (200, true));
}

#[test]
fn a_subject_that_is_none_in_a_header_is_not_told() {
    for subject in ["a\r\nX-Admin: 1", " a", "a\u{0}"] {
        let outcome = ask("true", &token(json!({"sub": subject})));
        assert_eq!((outcome.response.status, outcome.sent_field("X-User-ID")), (200, None));
        assert_eq!(outcome.sent_field("X-Admin"), None);
    }
}

#[test]
fn bad_tokens_are_refused_and_the_log_says_why() {
    let invalid = |reason: &str| ("invalid_token", "Invalid token".to_owned(), reason.to_owned());
    for (token, told) in [
        (
            token(json!({"exp": NOW - 30})),
            ("token_expired", "Token expired".to_owned(), "it has expired".to_owned()),
        ),
        (token(json!({"nbf": NOW + 31})), invalid("it is not good yet (`nbf`)")),
        (token(json!({"iat": NOW + 31})), invalid("it was issued in the future (`iat`)")),
        (token(json!({"aud": "others"})), invalid("its `aud` is somebody else")),
        (token(json!({"iss": "https://others.example"})), invalid("its signature is wrong")),
        (token(json!({"iss": "nobody"})), invalid("its `iss` is no issuer that may be")),
        (token(json!({"iss": null})), invalid("its `iss` is no issuer that may be")),
        (token(json!({"exp": null})), invalid("it has no `exp`")),
        (token(json!({"jti": "bad-2"})), invalid("it was revoked")),
        (
            signed(&json!({"alg": "none"}), &json!({"iss": "us"}), SECRET),
            invalid("its `alg` is none that is taken"),
        ),
        (
            signed(&json!({"alg": "HS256", "kid": "2"}), &json!({"iss": "us"}), SECRET),
            invalid("its issuer has no key of its `kid`"),
        ),
        (
            signed(&json!({"alg": "HS384"}), &json!({"iss": "us"}), SECRET),
            invalid("the key is not for its `alg`"),
        ),
        (
            signed(&json!({"alg": "HS256", "typ": "logout+jwt"}), &json!({"iss": "us"}), SECRET),
            invalid("its `typ` is that of another kind of token"),
        ),
        // An expired token of somebody else is not called expired.
        (
            signed(&json!({"alg": "HS256"}), &json!({"iss": "us", "exp": 1}), OTHER),
            invalid("its signature is wrong"),
        ),
        (String::new(), invalid("it does not have three parts")),
    ] {
        for yaml in ["{ revoked: revoked }", "{ revoked: revoked, optional: true }"] {
            let outcome = ask(yaml, &token);
            assert_eq!(refused(&outcome), told, "{token}");
            let challenge = outcome.field("WWW-Authenticate").unwrap();
            assert!(challenge.starts_with("Bearer error=\"invalid_token\""), "{challenge}");
            let explained = harness(yaml).request("GET /", &[("Authorization", &bearer(&token))]).explain();
            assert_eq!(
                explained,
                [format!("refuses it: the token in header.Authorization is no good: {}", told.2)]
            );
        }
    }
    assert_eq!(ask("{ revoked: revoked }", &token(json!({"jti": "good"}))).response.status, 200);
    let strict = "{ require: [exp, jti], typ: at+jwt, leeway: 0s }";
    assert_eq!(
        refused(&ask(strict, &token(json!({"jti": 1})))).2,
        "its `typ` is that of another kind of token"
    );
    assert_eq!(refused(&ask("{ require: [] , leeway: 0s }", &token(json!({"exp": NOW})))).0, "token_expired");
    assert_eq!(ask("{ require: [] }", &token(json!({"exp": null}))).response.status, 200);
}

#[test]
fn nobody_passes_without_a_token_unless_it_is_optional() {
    for fields in
        [&[][..], &[("Authorization", "Basic YTpi")], &[("Authorization", "Bearers x")], &[("X-Token", "x")]]
    {
        let outcome = harness("true").request("GET /", fields).answer(200, &[]);
        assert_eq!(refused(&outcome).1, "Missing credentials");
        assert_eq!(outcome.field("WWW-Authenticate").as_deref(), Some("Bearer realm=\"gateway\""));
        let forged = [fields, &[("X-User-ID", "root")]].concat();
        let outcome = harness("{ optional: true }").request("GET /", &forged).answer(200, &[]);
        assert_eq!((outcome.response.status, outcome.sent_field("X-User-ID")), (200, None));
        assert!(outcome.facts.claims.is_none());
    }
}

#[test]
fn tokens_are_found_where_from_says() {
    let good = token(json!({}));
    let yaml =
        "{ from: [header.Authorization, header.X-Token, cookie.session, query.token], forward: false }";
    let (line, in_cookie) = (format!("GET /a?x=1&token={good}"), format!("a=1; session={good}"));
    for (line, fields, target) in [
        ("GET /a", &[("Authorization", &*bearer(&good))][..], "/a"),
        ("GET /a", &[("authorization", &format!("bEARER  {good} "))], "/a"),
        ("GET /a", &[("X-Token", &good)], "/a"),
        ("GET /a", &[("X-Token", &bearer(&good)), ("Authorization", "Basic YTpi")], "/a"),
        ("GET /a?b", &[("Cookie", &in_cookie)], "/a?b"),
        (&line, &[], "/a?x=1"),
    ] {
        let outcome = harness(yaml).request(line, fields).answer(200, &[]);
        assert_eq!((outcome.response.status, outcome.sent_target()), (200, target), "{line} {fields:?}");
        let sent = format!("{:?}", outcome.sent);
        assert!(!sent.contains(&good), "{sent}");
        let asked = outcome.facts.asked.as_ref().map(|asked| asked.told().as_str());
        assert!(asked.is_none_or(|asked| !asked.contains("token")), "{asked:?}");
    }
    let kept = harness("{ from: query.token }").request(&line, &[]).answer(200, &[]);
    assert_eq!(kept.sent_target(), line.trim_start_matches("GET "));
    assert_eq!(kept.facts.asked.unwrap().told().as_str(), "/a?x=1");
}

#[test]
fn two_tokens_in_one_place_are_refused() {
    let (good, yaml) =
        (token(json!({})), "{ from: [header.Authorization, cookie.session, query.token], optional: true }");
    let (bearer, cookie) = (bearer(&good), format!("session={good}; session=x"));
    for (line, fields) in [
        ("GET /", &[("Authorization", &*bearer), ("Authorization", &*bearer)][..]),
        ("GET /", &[("Authorization", &*bearer), ("authorization", "Basic YTpi")]),
        ("GET /", &[("Authorization", "Basic YTpi"), ("Authorization", &*bearer)]),
        ("GET /", &[("Cookie", &*cookie)]),
        (&format!("GET /?token={good}&t%6fken=x"), &[]),
    ] {
        let outcome = harness(yaml).request(line, fields).answer(200, &[]);
        assert_eq!(refused(&outcome).2, "there are several in one place", "{line} {fields:?}");
    }
    let folded = format!("{bearer}, {bearer}");
    let outcome = harness(yaml).request("GET /", &[("Authorization", &folded)]).answer(200, &[]);
    assert_eq!(refused(&outcome).0, "invalid_token");
}

#[test]
fn a_known_token_still_expires() {
    let harness = harness("true");
    let token = bearer(&token(json!({"nbf": NOW})));
    let ask = |harness: &Harness| {
        let outcome = harness.request("GET /", &[("Authorization", &token)]).answer(200, &[]);
        (outcome.response.status, outcome.facts.claims.map(|claims| Rc::as_ptr(&claims)))
    };
    let (first, again) = (ask(&harness), ask(&harness));
    assert_eq!(first.0, 200);
    assert_eq!(first, again, "the same claims: it was not read twice");
    let at = |harness: Harness, seconds: u64| {
        harness.with_facts(|facts| facts.received = UNIX_EPOCH + Duration::from_secs(seconds))
    };
    let harness = at(harness, NOW + 89);
    assert_eq!(ask(&harness), first);
    let harness = at(harness, NOW + 90);
    assert_eq!(ask(&harness), (401, None));
    let harness = at(harness, NOW - 31);
    assert_eq!(ask(&harness), (401, None));
    let harness = at(harness, NOW);
    assert_eq!(ask(&harness).0, 200);
}

#[test]
fn many_tokens_are_never_taken_for_each_other() {
    let harness = harness("true");
    let filler = "x".repeat(3000);
    for number in 0..2000 {
        let token = bearer(&token(json!({"sub": number.to_string(), "filler": filler})));
        let outcome = harness.request("GET /", &[("Authorization", &token)]).answer(200, &[]);
        assert_eq!(outcome.facts.claims.unwrap().subject.as_deref(), Some(&*number.to_string()));
    }
}

#[test]
fn mistakes_are_told() {
    let told =
        |document: &str, yaml: &str, files: &Memory| problems_in_document::<Jwt>(document, yaml, files);
    assert!(problems_of::<Jwt>("true").contains("there are no issuers whose tokens could be good"));
    let plain = |yaml: &str| told(DOCUMENT, yaml, &files());
    assert_eq!(plain("true"), "");
    assert!(plain("usr").contains("did you mean `us`?"));
    assert!(plain("{ from: client.ip }").contains("no token is shown there"));
    assert!(plain("{ from: [] }").contains("`from` names no place"));
    assert!(plain("{ leeway: 1h }").contains("tokens hardly expire"));
    assert!(plain("{ revoked: nowhere }").contains("`nowhere` cannot be read"));
    let with = |issuer: &str, files: Memory| {
        told(
            &format!(
                "maitred: 1\nissuers: {{ us: {{ issuer: us, {issuer} }} }}\nroutes: {{ a: {{ respond: a }} }}\n"
            ),
            "true",
            &files,
        )
    };
    assert!(with("jwks: keys", Memory::new()).contains("`keys` cannot be read"));
    assert!(with("jwks: keys", Memory::new().with("keys", "{}")).contains("it has no `keys`"));
    let short = Memory::new().with("keys", jwks("short"));
    let drawn = with("jwks: keys", short);
    assert!(drawn.contains("key 1: a secret for HS256 has at least 32 bytes"), "{drawn}");
    assert!(drawn.contains("the issuer `us` has no key that tokens could be checked with"), "{drawn}");
    assert!(with("public_key: key", Memory::new().with("key", "x")).contains("it has no public key as PEM"));
    let other = Memory::new().with("keys", jwks(SECRET));
    assert!(
        with("jwks: keys, algorithms: HS512", other).contains("no key that tokens could be checked with")
    );
}

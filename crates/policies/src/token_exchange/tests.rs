//! What is asked for in exchange for which token, what the service gets, and who gets nothing.

use maitred_config::Memory;
use maitred_policy::CallError;
use maitred_policy::harness::{Called, Harness, Outcome, problems_with_files};

use super::*;
use crate::provider::testing::{CallAnswer, answer, form};

const YAML: &str = "{ token_endpoint: 'https://login.test/token', client_id: us, client_secret: '${file:hush}', audience: stock-api }";

fn harness(yaml: &str, answers: impl FnMut(&Called) -> CallAnswer + 'static) -> Harness {
    Harness::with_files::<TokenExchange>(yaml, Memory::new().with("hush", "hush")).answering(answers)
}

/// The same for a caller who was found by this token.
fn of(harness: Harness, token: &str) -> Harness {
    harness.with_facts(|facts| facts.token = Some(ShownToken::new(token)))
}

/// Gives the tokens 1, 2, … for so many seconds.
fn numbered(lifetime: u64) -> impl FnMut(&Called) -> CallAnswer {
    let mut number = 0;
    move |_| {
        number += 1;
        answer(
            200,
            &format!(r#"{{"access_token":"{number}","token_type":"Bearer","expires_in":{lifetime}}}"#),
        )
    }
}

fn ask(harness: &Harness) -> Outcome {
    harness.request("GET /", &[("Authorization", "Bearer what the client shows")]).answer(200, &[])
}

fn shown(harness: &Harness) -> String {
    ask(harness).sent_field("Authorization").unwrap()
}

#[test]
fn the_service_gets_the_token_that_is_for_it() {
    let harness = of(harness(YAML, numbered(300)), "caller's");
    assert_eq!(shown(&harness), "Bearer 1");
    let [asked] = &harness.calls()[..] else { panic!("one question") };
    assert_eq!((asked.to.as_str(), asked.request.target.as_str()), ("https://login.test:443", "/token"));
    assert_eq!(asked.field("Authorization").as_deref(), Some("Basic dXM6aHVzaA=="));
    assert_eq!(
        form(asked),
        "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange\
         &subject_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Aaccess_token&audience=stock-api&subject_token=caller%27s"
    );
}

#[test]
fn all_that_is_written_is_asked_for() {
    let yaml = "{ token_endpoint: 'https://login.test/token', client_id: us, client_secret: '${file:hush}', client_auth: client_secret_post, \
                audience: [a, b], resource: 'https://r.test/x', scopes: [read, write], requested_token_type: jwt, header: X-Token }";
    let harness = of(harness(yaml, numbered(300)), "t");
    let outcome = ask(&harness);
    assert_eq!(outcome.sent_field("X-Token").as_deref(), Some("Bearer 1"));
    assert_eq!(outcome.sent_field("Authorization").as_deref(), Some("Bearer what the client shows"));
    let form = form(&harness.calls()[0]);
    let rest = form.split_once("access_token&").unwrap().1;
    assert_eq!(
        rest,
        "audience=a&audience=b&resource=https%3A%2F%2Fr.test%2Fx&scope=read+write\
         &requested_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Ajwt&subject_token=t&client_id=us&client_secret=hush"
    );
}

#[test]
fn what_was_given_serves_until_shortly_before_it_expires() {
    let mut harness = of(harness(YAML, numbered(50)), "one");
    let shown_after = |harness: &Harness, by: u64| {
        harness.advance(Duration::from_secs(by));
        shown(harness)
    };
    assert_eq!([0, 44, 1].map(|by| shown_after(&harness, by)), ["Bearer 1", "Bearer 1", "Bearer 2"]);
    harness = of(harness, "another");
    assert_eq!(shown_after(&harness, 0), "Bearer 3");
    harness = of(harness, "one");
    assert_eq!(shown_after(&harness, 0), "Bearer 2");
}

#[test]
fn requests_with_one_token_ask_once() {
    let harness = of(harness(YAML, |_| None), "t");
    let (mut first, mut second) =
        (harness.request("GET /", &[]).begin(), harness.request("GET /", &[]).begin());
    assert!(!first.is_at_service() && !second.is_at_service());
    assert_eq!(harness.calls().len(), 1);
    drop(first);
    assert!(!second.is_at_service());
    assert_eq!((harness.calls().len(), harness.open_calls()), (2, 1));
}

#[test]
fn who_gets_nothing_is_refused_and_a_failure_is_not_his() {
    for (error, status, cause) in [
        ("invalid_grant", 403, "exchange_refused"),
        ("invalid_target", 403, "exchange_refused"),
        ("invalid_request", 403, "exchange_refused"),
        ("access_denied", 403, "exchange_refused"),
        ("invalid_client", 503, "issuer_unreachable"),
        ("unauthorized_client", 503, "issuer_unreachable"),
        ("unsupported_grant_type", 503, "issuer_unreachable"),
    ] {
        let body = format!(r#"{{"error":"{error}"}}"#);
        let harness = of(harness(YAML, move |_| answer(400, &body)), "t");
        let outcome = ask(&harness);
        assert_eq!((outcome.response.status, outcome.cause()), (status, Some(cause)), "{error}");
        assert!(outcome.sent.is_none() && outcome.fault().unwrap().to_string().contains(error));
        ask(&harness);
        assert_eq!(harness.calls().len(), if status == 403 { 1 } else { 2 }, "{error}");
        harness.advance(REFUSED);
        ask(&harness);
        assert_eq!(harness.calls().len(), if status == 403 { 2 } else { 3 }, "{error}");
    }
    let failures: [CallAnswer; 4] = [
        None,
        answer(500, "{\"error\":\"invalid_grant\"}"),
        answer(200, "{\"access_token\":\"a b\"}"),
        Some(Err(CallError::Timeout)),
    ];
    for failure in failures {
        let harness = of(harness(YAML, move |_| failure.clone()), "t");
        let outcome = ask(&harness);
        assert_eq!((outcome.response.status, outcome.cause()), (503, Some("issuer_unreachable")));
        assert_eq!(outcome.field("Retry-After").as_deref(), Some("1"));
    }
}

#[test]
fn without_a_token_a_request_is_refused_or_passes_as_it_is() {
    let nobody = harness(YAML, |_| unreachable!("nobody is asked"));
    let outcome = ask(&nobody);
    assert_eq!((outcome.response.status, outcome.fault().unwrap().detail()), (401, "Missing credentials"));
    assert_eq!(nobody.request("GET /", &[]).explain(), ["refuses it: no policy before has found a token"]);
    let optional = YAML.replace("audience", "optional: true, audience");
    let nobody = harness(&optional, |_| unreachable!("nobody is asked"));
    assert_eq!(shown(&nobody), "Bearer what the client shows");
    let explained = of(nobody, "t").request("GET /", &[]).explain();
    assert_eq!(explained, ["has the caller's token exchanged by https://login.test/token"]);
}

#[test]
fn no_client_shows_the_service_a_token_in_place_of_the_gateway() {
    let yaml = YAML.replace("audience", "optional: true, header: X-Service-Token, audience");
    let forged = [
        ("X-Service-Token", "Bearer forged"),
        ("x_service_token", "Bearer forged"),
        ("Authorization", "Bearer own"),
    ];
    let nobody = harness(&yaml, |_| unreachable!("nobody is asked"));
    let outcome = nobody.request("GET /", &forged).answer(200, &[]);
    let sent = format!("{:?}", outcome.sent);
    assert!(outcome.response.status == 200 && !sent.contains("forged"), "{sent}");
    assert_eq!(outcome.sent_field("Authorization").as_deref(), Some("Bearer own"));
    let somebody = of(harness(&yaml, numbered(300)), "t");
    let outcome = somebody.request("GET /", &forged).answer(200, &[]);
    assert_eq!(outcome.sent_field("X-Service-Token").as_deref(), Some("Bearer 1"));
    assert_eq!(outcome.sent_field("x_service_token"), None);
}

#[test]
fn mistakes_are_told() {
    let with = |secret: &str, more: &str| {
        let yaml = format!("{{ client_id: us, client_secret: '${{file:{secret}}}'{more} }}");
        let files = Memory::new().with("hush", "hush").with("empty", "");
        problems_with_files::<TokenExchange>(&yaml, &files)
    };
    assert!(with("hush", "").contains("nothing says who is asked"));
    assert!(with("empty", ", token_endpoint: 'https://a/t'").contains("the client has no secret"));
    let framing = with("hush", ", token_endpoint: 'https://a/t', header: Host");
    assert!(framing.contains("no token can stand in `Host`"));
    let clear = |at: &str| with("hush", &format!(", token_endpoint: '{at}'")).contains("in the clear");
    assert_eq!(["https://a/t", "http://127.0.0.1/t", "http://a/t"].map(clear), [false, false, true]);
    let kind = with("hush", ", token_endpoint: 'https://a/t', requested_token_type: saml2");
    assert!(kind.contains("saml2"));
}

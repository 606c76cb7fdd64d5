//! Signatures of others, our own in every way in which they can be wrong, and what a signature has to cover.

use std::time::SystemTime;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maitred_config::Memory;
use maitred_http::Scheme;
use maitred_policy::harness::{Harness, Outcome, facts, problems_in_document, problems_of, request};

use super::*;
use crate::api_key::ApiKey;

/// RFC 9421 appendix B.1.5.
const SHARED: &str =
    "base64:uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ==";

/// `secret`, as another gateway's examples have it, and zeros, which add nothing to what it signs (RFC 2104 section 2): short ones are refused.
const SECRET: &str = "base64:c2VjcmV0AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

/// At this time, in seconds since 1970.
fn harness(yaml: &str, now: u64) -> Harness {
    let files = Memory::new().with("shared", SHARED).with("secret", SECRET).with("empty", "");
    let consumers = "{ rfc: { groups: staff, hmac_keys: { test-shared-secret: '${file:shared}' } }, \
                     alice: { hmac_keys: { alice123: '${file:secret}', none: '${file:empty}' } } }";
    Harness::knowing_with_files::<HmacSignature>(consumers, yaml, files).with_facts(|facts| {
        facts.received = SystemTime::UNIX_EPOCH + Duration::from_secs(now);
        facts.scheme = Scheme::Http;
    })
}

/// Our own signature by the key of alice over the lines of a base, at 1000.
fn sign(base: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"secret");
    STANDARD.encode(hmac::sign(&key, base.as_bytes()))
}

/// The fields of a signature of RFC 9421 over these components, with values, at 1000.
fn message(components: &[(&str, &str)], params: &str) -> [(&'static str, String); 2] {
    let names: Vec<&str> = components.iter().map(|(name, _)| *name).collect();
    let input = format!("({}){params}", names.join(" "));
    let lines: Vec<String> = components.iter().map(|(name, value)| format!("{name}: {value}\n")).collect();
    let signature = sign(&format!("{}\"@signature-params\": {input}", lines.concat()));
    [("Signature-Input", format!("one={input}")), ("Signature", format!("one=:{signature}:"))]
}

const PARAMS: &str = ";created=1000;keyid=\"alice123\"";
const METHOD: (&str, &str) = ("\"@method\"", "GET");
const TARGET: (&str, &str) = ("\"@target-uri\"", "http://example.com/foo?a=b");

fn ask(yaml: &str, line: &str, fields: &[(&str, String)], body: &str) -> Outcome {
    let host = [("Host", "example.com")].into_iter();
    let fields: Vec<_> = host.chain(fields.iter().map(|(name, value)| (*name, value.as_str()))).collect();
    harness(yaml, 1000).request(line, &fields).body(body).answer(200, &[])
}

fn get(fields: &[(&str, String)]) -> Outcome {
    ask("true", "GET /foo?a=b", fields, "")
}

/// The consumer, or the text of the refusal and why.
fn told(outcome: &Outcome) -> String {
    match &outcome.answered {
        maitred_policy::harness::Answered::Fault(fault) => format!("{}: {fault}", fault.detail()),
        _ => outcome.facts.consumer.as_ref().map_or_else(String::new, |consumer| consumer.name.to_string()),
    }
}

#[test]
fn the_example_of_the_rfc_is_good() {
    // Appendix B.2.5, which covers less than is asked for here: that it gets so far shows that the signature is right.
    let mut fields = vec![
        ("Host", "example.com"),
        ("Date", "Tue, 20 Apr 2021 02:07:55 GMT"),
        ("Content-Type", "application/json"),
        (
            "Signature-Input",
            "sig-b25=(\"date\" \"@authority\" \"content-type\");created=1618884473;keyid=\"test-shared-secret\"",
        ),
        ("Signature", "sig-b25=:pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=:"),
    ];
    let ask = |fields: &[(&str, &str)]| {
        let harness = harness("true", 1_618_884_475);
        told(&harness.request("POST /foo?param=Value&Pet=dog", fields).answer(200, &[]))
    };
    assert_eq!(ask(&fields), "Invalid signature: invalid_credentials: the method is not signed");
    fields[2].1 = "application/xml";
    assert!(ask(&fields).contains("the signature is another one"));
}

#[test]
fn examples_of_another_gateway_are_good() {
    let good = "Digest: SHA-256=SBH7QEtqnYUpEcIhDbmStNd1MxtHg2+feBfWc1105MA=";
    let cases = [
        (
            1_498_151_721,
            "Thu, 22 Jun 2017 17:15:21 GMT",
            "date request-line",
            "ujWCGHeec9Xd6UD2zlyxiNMCiXnDOWeVFMu5VeRUxtw=",
            "",
        ),
        (
            1_498_165_956,
            "Thu, 22 Jun 2017 21:12:36 GMT",
            "date request-line digest",
            "gaweQbATuaGmLrUr3HE0DzU1keWGCt3H96M28sSHTG8=",
            "A small body",
        ),
    ];
    for (time, date, headers, signature, body) in cases {
        let authorization = format!(
            "hmac username=\"alice123\", algorithm=\"hmac-sha256\", headers=\"{headers}\", signature=\"{signature}\""
        );
        let digest = good.split_once(": ").unwrap();
        let fields = [("Host", "hmac.com"), ("Date", date), ("Authorization", &authorization), digest];
        let ask = |now: u64, line: &str, body: &str| {
            harness("cavage", now).request(line, &fields).body(body).answer(200, &[])
        };
        let passed = ask(time + 300, "GET /requests", body);
        assert_eq!((told(&passed), passed.sent_field("Authorization")), ("alice".to_owned(), None));
        assert!(told(&ask(time + 301, "GET /requests", body)).starts_with("Signature expired"));
        assert!(told(&ask(time - 301, "GET /requests", body)).contains("in the future"));
        assert!(told(&ask(time, "PUT /requests", body)).contains("is another one"));
        assert!(told(&ask(time, "GET /requests?x", body)).contains("is another one"));
        let other = told(&ask(time, "GET /requests", "another body"));
        assert!(other.contains("body"), "{other}");
    }
}

#[test]
fn who_signed_is_told_to_the_service_and_the_signature_is_not() {
    let fields = message(&[METHOD, TARGET], PARAMS);
    let outcome = get(&fields);
    assert_eq!(
        (told(&outcome), outcome.sent_field("X-Consumer").as_deref()),
        ("alice".to_owned(), Some("alice"))
    );
    assert_eq!((outcome.sent_field("Signature"), outcome.sent_field("Signature-Input")), (None, None));
    let forwarded = ask("{ forward: true }", "GET /foo?a=b", &fields, "");
    assert!(forwarded.sent_field("Signature").is_some() && forwarded.sent_field("Signature-Input").is_some());
}

#[test]
fn each_part_of_a_request_can_be_signed() {
    let parts = [
        METHOD,
        TARGET,
        ("\"@authority\"", "example.com"),
        ("\"@scheme\"", "http"),
        ("\"@request-target\"", "/foo?a=b&n%61me=x+y%2F"),
        ("\"@path\"", "/foo"),
        ("\"@query\"", "?a=b&n%61me=x+y%2F"),
        ("\"@query-param\";name=\"a\"", "b"),
        ("\"@query-param\";name=\"name\"", "x%20y%2F"),
        ("\"x-two\"", "1, 2"),
        ("\"x-empty\"", ""),
    ];
    let parts = parts.map(|part| {
        if part.0 == TARGET.0 { (TARGET.0, "http://example.com/foo?a=b&n%61me=x+y%2F") } else { part }
    });
    let more = [("X-Two", " 1 ".to_owned()), ("X-EMPTY", String::new()), ("x-two", "2".to_owned())];
    let fields = [&message(&parts, PARAMS)[..], &more].concat();
    let outcome = ask("true", "GET /foo?a=b&n%61me=x+y%2F", &fields, "");
    assert_eq!(told(&outcome), "alice");
}

#[test]
fn a_key_in_the_query_is_signed_though_it_is_taken_out() {
    let key = "sha256:2c70e12b7a0646f92279f427c7b38e7334d8e5389cff167a1dc30e73f826b683";
    let consumers =
        format!("{{ alice: {{ api_keys: '{key}', hmac_keys: {{ alice123: '${{file:secret}}' }} }} }}");
    let files = Memory::new().with("secret", SECRET);
    let before = Harness::knowing_with_files::<ApiKey>(&consumers, "query.key", files.clone());
    let behind = Harness::knowing_with_files::<HmacSignature>(&consumers, "true", files);
    let signed = message(&[METHOD, ("\"@target-uri\"", "http://example.com/foo?key=key&a=b")], PARAMS);
    let fields: Vec<_> = signed.iter().map(|(name, value)| (*name, &**value)).collect();
    let fields = [&[("Host", "example.com")], &fields[..]].concat();
    for harness in [before.and::<HmacSignature>("true"), behind.and::<ApiKey>("query.key")] {
        let harness = harness.with_facts(|facts| {
            facts.received = SystemTime::UNIX_EPOCH + Duration::from_secs(1000);
            facts.scheme = Scheme::Http;
        });
        let outcome = harness.request("GET /foo?key=key&a=b", &fields).answer(200, &[]);
        assert_eq!((told(&outcome), outcome.sent_target()), ("alice".to_owned(), "/foo?a=b"));
        assert_eq!(outcome.facts.asked.unwrap().told().as_str(), "/foo?a=b");
    }
}

#[test]
fn what_is_not_covered_is_not_good_enough() {
    let path = ("\"@path\"", "/foo");
    let (query, host) = (("\"@query\"", "?a=b"), ("\"@authority\"", "example.com"));
    assert_eq!(told(&get(&message(&[METHOD, path, query, host], PARAMS))), "alice");
    for (components, why) in [
        (&[TARGET][..], "the method is not signed"),
        (&[METHOD][..], "the target is not signed"),
        (&[METHOD, path, host][..], "the target is not signed"),
        (&[METHOD, path, query][..], "the target is not signed"),
        (&[METHOD, path, host, ("\"@query-param\";name=\"a\"", "b")][..], "the target is not signed"),
    ] {
        let told = told(&get(&message(components, PARAMS)));
        assert!(told.contains(why), "{told}");
    }
    let whole = message(&[METHOD, TARGET], PARAMS);
    let required = ask("{ require: [X-A] }", "GET /foo?a=b", &whole, "");
    assert!(told(&required).contains("`require` names"));
    let signed =
        [&message(&[METHOD, TARGET, ("\"x-a\"", "1")], PARAMS)[..], &[("X-A", "1".to_owned())]].concat();
    assert_eq!(told(&ask("{ require: [X-A] }", "GET /foo?a=b", &signed, "")), "alice");
}

#[test]
fn a_body_is_the_one_whose_digest_is_signed() {
    let good = format!("sha-256=:{}:", STANDARD.encode(digest(&SHA256, b"the body")));
    let with = |digest: &str| {
        let fields = message(&[METHOD, TARGET, ("\"content-digest\"", digest)], PARAMS);
        [&fields[..], &[("Content-Digest", digest.to_owned())]].concat()
    };
    let post = |fields: &[(&str, String)], body: &str| told(&ask("true", "GET /foo?a=b", fields, body));
    assert_eq!(post(&with(&good), "the body"), "alice");
    assert_eq!(post(&with(&format!("{good}, md5=:AAAA:")), "the body"), "alice");
    assert!(post(&with(&good), "The body").contains("another one than the one whose digest"));
    assert!(post(&with(&good), "").contains("another one than the one whose digest"));
    assert!(post(&with("md5=:AAAA:"), "the body").contains("neither by SHA-256"));
    assert!(post(&with("sha-256=x"), "the body").contains("not written as it should be"));
    let wrong = format!("{good}, sha-512=:AAAA:");
    assert!(post(&with(&wrong), "the body").contains("another one than the one whose digest"));
    // Without one under the signature no body passes, unless that is allowed.
    let bare = [&message(&[METHOD, TARGET], PARAMS)[..], &[("Content-Digest", good)]].concat();
    assert!(post(&bare, "the body").contains("whose digest is not signed"));
    assert_eq!(post(&bare, ""), "alice");
    assert_eq!(told(&ask("{ unsigned_body: true }", "GET /foo?a=b", &bare, "the body")), "alice");
}

#[test]
fn no_body_is_read_for_who_has_not_signed() {
    let good = message(&[METHOD, TARGET], PARAMS);
    let wants = |yaml: &str, line: &str| {
        let harness = harness(yaml, 1000);
        let (fields, mut facts) = (good.each_ref().map(|(name, value)| (*name, &**value)), facts());
        facts.received = SystemTime::UNIX_EPOCH + Duration::from_secs(1000);
        facts.scheme = Scheme::Http;
        let request = request(line, &[&[("Host", "example.com")], &fields[..]].concat());
        harness.policy::<HmacSignature>().wants_body(&request, &facts).is_some()
    };
    assert!(wants("true", "GET /foo?a=b") && !wants("{ unsigned_body: true }", "GET /foo?a=b"));
    assert!(
        !wants("true", "POST /foo?a=b") && !wants("true", "GET /foo?a=c") && !wants("cavage", "GET /foo?a=b")
    );
}

#[test]
fn a_signature_has_its_time() {
    let at = |params: &str| told(&get(&message(&[METHOD, TARGET], &format!("{params};keyid=\"alice123\""))));
    for params in
        [";created=700", ";created=1300", ";created=1000;expires=1000", ";created=1000;nonce=\"x\";tag=\"y\""]
    {
        assert_eq!(at(params), "alice", "{params}");
    }
    for (params, why) in [
        (";created=699", "Signature expired"),
        (";created=1301", "in the future"),
        (";created=1000;expires=999", "Signature expired"),
        ("", "does not say when"),
        (";created=\"1000\"", "not a number"),
        (";created=1000.0", "not a number"),
        (";created=-999999999999999", "Signature expired"),
        (";created=1000;nonce=7", "not a string"),
    ] {
        assert!(at(params).contains(why), "{params}: {}", at(params));
    }
}

#[test]
fn what_is_wrong_never_passes() {
    let good = message(&[METHOD, TARGET], PARAMS);
    let with = |input: &str, signature: &str| {
        [("Signature-Input", input.to_owned()), ("Signature", signature.to_owned())]
    };
    let changed = |from: &str, to: &str| with(&good[0].1.replace(from, to), &good[1].1);
    let cases = [
        changed("alice123", "test-shared-secret"),
        changed("alice123", "mallory"),
        changed("alice123", "none"),
        changed("=1000", "=1001"),
        changed(" \"@target-uri\"", ""),
        changed("\"@method\"", "\"@method\";req"),
        changed("\"@method\"", "\"@method\" \"@method\""),
        changed("\"@method\"", "\"@METHOD\""),
        changed("\"@method\"", "\"@status\""),
        changed("\"@method\"", "\"x-absent\""),
        changed("\"@method\"", "@method"),
        changed("one=", "two="),
        changed("one=(", "one= ("),
        changed(";keyid=\"alice123\"", ""),
        changed("\"alice123\"", "alice123"),
        changed(")", ");alg=\"hmac-sha512\""),
        changed(")", ");alg=\"rsa-pss-sha512\""),
        with(&good[0].1, ""),
        with(&good[0].1, "one=x"),
        with(&good[0].1, "one=:AAAA:"),
        with(&good[0].1, &good[1].1.replace("=:", "=::")),
        with("one=1", &good[1].1),
        with("one", &good[1].1),
        with("", &good[1].1),
        with("(", &good[1].1),
    ];
    for fields in &cases {
        for yaml in ["true", "{ optional: true }"] {
            let outcome = ask(yaml, "GET /foo?a=b", fields, "");
            assert_eq!(
                (outcome.response.status, outcome.cause()),
                (401, Some("invalid_credentials")),
                "{fields:?}"
            );
            assert!(told(&outcome).starts_with("Invalid signature"), "{fields:?}");
        }
    }
    assert!(told(&ask("true", "POST /foo?a=b", &good, "")).contains("is another one"));
    assert!(told(&ask("true", "GET /foo?a=c", &good, "")).contains("is another one"));
}

#[test]
fn what_is_signed_has_to_mean_one_thing() {
    let ask = |components: &[(&str, &str)]| {
        let target = ("\"@target-uri\"", "http://example.com/foo?a=b&a=c&d=e");
        let fields = message(&[&[METHOD, target], components].concat(), PARAMS);
        let fields = [&fields[..], &[("X-A", "1".to_owned())]].concat();
        told(&ask("true", "GET /foo?a=b&a=c&d=e", &fields, ""))
    };
    assert_eq!(ask(&[("\"@query-param\";name=\"d\"", "e"), ("\"x-a\"", "1")]), "alice");
    for (components, why) in [
        (&[METHOD][..], "signed twice"),
        (&[("\"@query-param\";name=\"a\"", "b")][..], "does not have"),
        (&[("\"@query-param\";name=\"x\"", "")][..], "does not have"),
        (&[("\"@query-param\"", "")][..], "does not have"),
        (&[("\"@query-param\";name=\"d\";sf", "e")][..], "parameter of what is signed is not known"),
        (&[("\"x-a\";sf", "1")][..], "parameter of what is signed is not known"),
        (&[("\"X-A\"", "1")][..], "does not have"),
        (&[("\"@status\"", "200")][..], "does not have"),
        (&[("\"@signature-params\"", "")][..], "does not have"),
        (&[("x-a", "1")][..], "not named by strings"),
    ] {
        let told = ask(components);
        assert!(told.contains(why), "{components:?}: {told}");
    }
}

#[test]
fn what_anybody_may_have_made_is_bounded() {
    // A field more each: what is signed has to differ.
    let fields = |count: usize| (0..count).map(|at| (format!("x-{at}"), at.to_string()));
    let ask = |count: usize| {
        let names: Vec<_> = fields(count).map(|(name, value)| (format!("\"{name}\""), value)).collect();
        let parts = names.iter().map(|(name, value)| (&**name, &**value));
        let signed = message(&[METHOD, TARGET].into_iter().chain(parts).collect::<Vec<_>>(), PARAMS);
        let given: Vec<_> = fields(count).collect();
        let given = given.iter().map(|(name, value)| (&**name, &**value));
        let signed = signed.iter().map(|(name, value)| (*name, &**value));
        let all: Vec<_> = [("Host", "example.com")].into_iter().chain(signed).chain(given).collect();
        told(&harness("true", 1000).request("GET /foo?a=b", &all).answer(200, &[]))
    };
    assert_eq!(ask(62), "alice");
    assert!(ask(63).contains("more parts than anybody needs"), "{}", ask(63));
    let draft = |params: &str| {
        let line =
            format!("Signature keyId=\"alice123\",algorithm=\"hmac-sha256\",signature=\"AAAA\",{params}");
        told(&self::ask("cavage", "GET /foo?a=b", &[("Authorization", line)], ""))
    };
    let listed = |count: usize| fields(count).map(|(name, _)| name).collect::<Vec<_>>().join(" ");
    let headers = |count| draft(&format!("headers=\"{}\"", listed(count)));
    assert!(headers(64).contains("does not have") && headers(65).contains("more parts than anybody needs"));
    let more = |count| draft(&format!("{}=,headers=\"\"", listed(count).replace(' ', "=,")));
    assert!(!more(12).contains("not written") && more(13).contains("not written"), "{}", more(12));
    // The same digest again and again would be made as often.
    let twice = |times: usize| {
        let one = format!("SHA-256={}", STANDARD.encode(digest(&SHA256, b"the body")));
        let request = request("POST /", &[("Digest", &[&*one].repeat(times).join(","))]);
        digest::check(&request, "digest", b"the body")
    };
    assert_eq!((twice(2), twice(3).is_ok()), (Ok(()), false));
}

#[test]
fn secrets_that_can_be_guessed_are_no_keys() {
    let told = |secret: &str| {
        let document = "maitred: 1\nconsumers: { acme: { hmac_keys: { acme-1: '${file:secret}' } } }\n";
        let files = Memory::new().with("secret", secret);
        problems_in_document::<HmacSignature>(document, "true", &files)
    };
    for secret in ["guess", "fifteen letters", "base64:c2VjcmV0"] {
        let told = told(secret);
        assert!(told.contains("error: the key `acme-1` has less than 16 bytes"), "{told}");
        assert!(told.contains("openssl rand -hex 32") && !told.contains(secret), "{told}");
    }
    let warned = told("sixteen letters!");
    assert!(warned.contains("warning: the key `acme-1` has less than 32 bytes"), "{warned}");
    assert_eq!(told(SECRET), "");
}

#[test]
fn of_several_signatures_the_first_by_a_known_key_counts() {
    let good = message(&[METHOD, TARGET], PARAMS);
    let fields = [
        ("Signature-Input", "other=(\"@method\");created=1;keyid=\"theirs\"".to_owned()),
        good[0].clone(),
        ("Signature", "other=:AAAA:".to_owned()),
        good[1].clone(),
    ];
    assert_eq!(told(&get(&fields)), "alice");
}

#[test]
fn the_older_form_is_as_strict() {
    let base = "(request-target): get /foo?a=b\nhost: example.com\n(created): 1000";
    let line = |scheme: &str, params: &str| {
        vec![("Authorization", format!("{scheme} {params},signature=\"{}\"", sign(base)))]
    };
    let params = "keyId=\"alice123\",algorithm=\"hmac-sha256\",created=1000,headers=\"(request-target) host (created)\"";
    let ask = |fields: &[(&str, String)]| told(&ask("[cavage, rfc9421]", "GET /foo?a=b", fields, ""));
    for scheme in ["Signature", "signature", "HMAC"] {
        assert_eq!(ask(&line(scheme, params)), "alice");
    }
    for (from, to, why) in [
        ("alice123", "mallory", "no consumer has a key"),
        ("hmac-sha256", "hmac-sha512", "is another one"),
        ("hmac-sha256", "hmac-sha1", "algorithm is not taken"),
        ("hmac-sha256", "hs2019", "no algorithm that is known"),
        ("created=1000", "created=1001", "is another one"),
        ("created=1000", "created=x", "not written as it should be"),
        ("created=1000,", "", "does not have"),
        (" (created)", "", "is another one"),
        ("(created)", "(created) host", "signed twice"),
        ("host", "x-absent", "does not have"),
        (",headers=\"(request-target) host (created)\"", "", "does not list what is signed"),
        ("keyId=\"alice123\"", "keyId=\"alice123\",keyId=\"x\"", "not written as it should be"),
        ("keyId=\"alice123\"", "keyId=\"alice123\",username=\"x\"", "names no key, or two"),
        ("keyId=\"alice123\",", "", "names no key, or two"),
    ] {
        let told = ask(&line("Signature", &params.replace(from, to)));
        assert!(told.contains(why), "{from} {to}: {told}");
    }
    let twice = [line("Signature", params), line("Signature", params)].concat();
    assert!(ask(&twice).contains("more than one"));
    for (created, why) in [(699, "Signature expired"), (1301, "in the future")] {
        let message = format!("(request-target): get /foo?a=b\n(created): {created}");
        let params = format!(
            "keyId=\"alice123\",algorithm=\"hmac-sha256\",created={created},headers=\"(request-target) (created)\""
        );
        let fields = [("Authorization", format!("Signature {params},signature=\"{}\"", sign(&message)))];
        assert!(ask(&fields).contains(why), "{created}");
    }
    // A date that is not signed does not count.
    let undated = "(request-target): get /foo?a=b";
    let fields = [
        ("Date", "Thu, 01 Jan 1970 00:16:40 GMT".to_owned()),
        (
            "Authorization",
            format!(
                "Signature keyId=\"alice123\",algorithm=\"hmac-sha256\",headers=\"(request-target)\",signature=\"{}\"",
                sign(undated)
            ),
        ),
    ];
    assert!(ask(&fields).contains("does not say when"));
}

#[test]
fn who_signs_nothing_passes_where_that_is_optional() {
    // The other form is none where it is not taken.
    let other = [("Authorization", "Signature keyId=\"alice123\"".to_owned())];
    for fields in [&[][..], &other] {
        let refused = get(fields);
        assert_eq!((refused.response.status, refused.cause()), (401, Some("missing_credentials")));
        assert_eq!(refused.field("WWW-Authenticate").as_deref(), Some("Signature"));
        assert_eq!(ask("{ optional: true }", "GET /foo?a=b", fields, "").response.status, 200);
    }
}

#[test]
fn it_is_explained_without_the_key() {
    let fields = message(&[METHOD, TARGET], PARAMS);
    let fields: Vec<_> =
        fields.iter().map(|(name, value)| (*name, value.as_str())).chain([("Host", "example.com")]).collect();
    for (line, told) in [
        ("GET /foo?a=b", "finds the signature of alice by the key `alice123`"),
        (
            "PUT /foo?a=b",
            "refuses it: the signature is another one: the key, or something that is signed, differs",
        ),
    ] {
        assert_eq!(harness("true", 1000).request(line, &fields).explain(), [told]);
    }
    assert!(problems_of::<HmacSignature>("true").contains("no consumer has a key to sign with"));
    assert!(
        problems_of::<HmacSignature>("{ algorithms: hmac-sha512 }").contains("signatures of RFC 9421 are by")
    );
}

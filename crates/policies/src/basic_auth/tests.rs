//! Who is let in by which password, what becomes of it, and what is hashed when.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maitred_config::Memory;
use maitred_policy::harness::{Harness, Outcome, problems_of, problems_with_files};

use super::*;

/// Of `öpen:sesame`.
const BOB: &str = "$2y$04$bzvnN18kI6EhV/NLf3P8jOTAxdytyFA45MVDuWXpQnUq1zqEj4cpS";
/// Of `hush`.
const ALICE: &str = "alice:$apr1$euqbPcv1$pEw//2MV3oDoUi8O4f6LH.";

fn harness(yaml: &str) -> Harness {
    Harness::knowing::<BasicAuth>(
        &format!("{{ bob: {{ groups: [staff], password: '{BOB}' }}, eve: true }}"),
        yaml,
    )
}

fn basic(login: impl AsRef<[u8]>) -> String {
    format!("Basic {}", STANDARD.encode(login))
}

fn ask(harness: &Harness, login: &str) -> Outcome {
    harness.request("GET /", &[("Authorization", &basic(login))]).answer(200, &[])
}

fn name(outcome: &Outcome) -> Option<&str> {
    outcome.facts.consumer.as_ref().map(|consumer| &*consumer.name)
}

#[test]
fn who_knows_the_password_is_told_to_the_service_and_the_password_is_not() {
    let outcome = ask(&harness("true"), "bob:öpen:sesame");
    assert_eq!((outcome.response.status, name(&outcome)), (200, Some("bob")));
    assert_eq!(outcome.sent_field("X-Consumer").as_deref(), Some("bob"));
    assert_eq!(outcome.sent_field("X-Consumer-Groups").as_deref(), Some("staff"));
    assert_eq!(outcome.sent_field("Authorization"), None);
    let forwarded = ask(&harness("{ forward: true }"), "bob:öpen:sesame");
    assert_eq!(forwarded.sent_field("Authorization"), Some(basic("bob:öpen:sesame")));
    // The scheme has no case, and more than one space may follow.
    let loud = basic("bob:öpen:sesame").replace("Basic ", "BASIC   ");
    assert_eq!(
        name(&harness("true").request("GET /", &[("Authorization", &loud)]).answer(200, &[])),
        Some("bob")
    );
}

#[test]
fn nobody_passes_with_anything_else() {
    let login = basic("bob:öpen:sesame");
    let wrong: &[&[&str]] = &[
        &[&basic("bob:open:sesame")],
        &[&basic("bob:")],
        &[&basic("bob")],
        &[&basic(":öpen:sesame")],
        &[&basic("eve:öpen:sesame")],
        &[&basic("Bob:öpen:sesame")],
        &[&basic("mallory:öpen:sesame")],
        &[&basic(b"bob:\xf6pen:sesame")],
        &[&basic("bob:öpen:sesame\n")],
        &[&basic(format!("bob:{}", "x".repeat(253)))],
        &["Basic"],
        &["Basic "],
        &["Basic !!!!"],
        &[login.trim_end_matches('=')],
        &[&format!("{login} x")],
        &[&login, &login],
        &["Bearer x", &login],
    ];
    for lines in wrong {
        let fields: Vec<_> = lines.iter().map(|line| ("Authorization", *line)).collect();
        for yaml in ["{ realm: the shop }", "{ realm: the shop, optional: true }"] {
            let outcome = harness(yaml).request("GET /", &fields).answer(200, &[]);
            assert_eq!(
                (outcome.response.status, outcome.cause()),
                (401, Some("invalid_credentials")),
                "{lines:?}"
            );
            let challenge = "Basic realm=\"the shop\", charset=\"UTF-8\"";
            assert_eq!(
                (name(&outcome), outcome.field("WWW-Authenticate").as_deref()),
                (None, Some(challenge))
            );
        }
    }
}

#[test]
fn who_shows_nothing_passes_where_that_is_optional() {
    for fields in [&[][..], &[("Authorization", "Bearer x")], &[("Authorization", "Basically x")]] {
        let refused = harness("true").request("GET /", fields).answer(200, &[]);
        assert_eq!((refused.response.status, refused.cause()), (401, Some("missing_credentials")));
        let forged = [fields, &[("X-Consumer", "bob")]].concat();
        let passed = harness("{ optional: true }").request("GET /", &forged).answer(200, &[]);
        assert_eq!((passed.response.status, passed.sent_field("X-Consumer")), (200, None));
    }
}

#[test]
fn a_password_is_checked_once_in_a_while() {
    let harness = harness("true");
    let ask = |login: &str| (ask(&harness, login).response.status, harness.jobs_done());
    assert_eq!((ask("bob:öpen:sesame"), ask("bob:öpen:sesame")), ((200, 1), (200, 1)));
    // What is wrong is checked each time.
    assert_eq!((ask("bob:x"), ask("bob:x"), ask("bob:öpen:sesame")), ((401, 2), (401, 3), (200, 3)));
    harness.advance(std::time::Duration::from_mins(1));
    assert_eq!((ask("bob:öpen:sesame"), ask("bob:öpen:sesame")), ((200, 4), (200, 4)));
}

#[test]
fn what_is_longer_than_anybodys_password_is_not_hashed() {
    let harness = harness("true");
    for (length, hashed) in [(252, 1), (253, 1)] {
        ask(&harness, &format!("bob:{}", "x".repeat(length)));
        assert_eq!(harness.jobs_done(), hashed, "{length}");
    }
}

#[test]
fn unknown_users_cost_what_known_ones_cost() {
    let harness = harness("true");
    for (at, user) in (1..).zip(["bob", "eve", "mallory", "mallory"]) {
        ask(&harness, &format!("{user}:x"));
        assert_eq!(harness.jobs_done(), at, "{user}");
    }
}

#[test]
fn who_shows_the_same_waits_for_the_same_look() {
    let harness = harness("true").hold_jobs(1);
    let login = basic("bob:öpen:sesame");
    let begin = |login: &str| harness.request("GET /", &[("Authorization", login)]).begin();
    let (first, mut second) = (begin(&login), begin(&login));
    // Another one finds the queue full, and is told so.
    let mut other = begin(&basic("bob:x"));
    assert_eq!(
        other.ended().map(|outcome| (outcome.response.status, outcome.cause())),
        Some((503, Some("busy")))
    );
    assert!(second.ended().is_none() && !second.is_at_service());
    // The client that began it goes away: nothing is hashed for it, and who waits begins anew.
    drop(first);
    assert!(harness.work() && !second.is_at_service());
    let third = begin(&login);
    assert!(harness.work() && !harness.work());
    assert!(second.is_at_service());
    assert_eq!((second.finish(200).response.status, third.finish(200).response.status), (200, 200));
}

#[test]
fn users_of_a_file_are_consumers() {
    let files = || Memory::new().with("users", format!("# ours\n\n{ALICE}\r\nbob:{BOB}\n"));
    let consumers =
        format!("{{ alice: {{ groups: staff, password: '{BOB}' }}, eve: {{ password: '{BOB}' }} }}");
    let harness = Harness::knowing_with_files::<BasicAuth>(&consumers, "users", files());
    let [alice, bob] = [ask(&harness, "alice:hush"), ask(&harness, "bob:öpen:sesame")];
    assert_eq!(
        (alice.sent_field("X-Consumer-Groups").as_deref(), name(&alice)),
        (Some("staff"), Some("alice"))
    );
    assert_eq!((bob.sent_field("X-Consumer-Groups"), name(&bob)), (None, Some("bob")));
    // The passwords of the document do not count beside the file.
    for login in ["alice:öpen:sesame", "eve:öpen:sesame"] {
        assert_eq!(ask(&harness, login).response.status, 401, "{login}");
    }
    let warned = problems_with_files::<BasicAuth>("users", &files());
    assert!(warned.contains("warning: the password of `alice` is soon guessed"), "{warned}");
}

#[test]
fn a_password_in_plain_is_hashed_and_a_hash_is_not() {
    let files = Memory::new().with("secret", "öpen:sesame").with("empty", "");
    let consumers = "{ bob: { password: '${file:secret}' }, eve: { password: '${file:empty}' } }";
    let harness = Harness::knowing_with_files::<BasicAuth>(consumers, "true", files);
    assert_eq!(name(&ask(&harness, "bob:öpen:sesame")), Some("bob"));
    for login in ["bob:open:sesame", "eve:öpen:sesame"] {
        assert_eq!(ask(&harness, login).response.status, 401, "{login}");
    }
    let written: maitred_config::Named<maitred_config::Consumer> =
        maitred_config::read_text(&format!("{{ bob: {{ password: '{BOB}' }} }}")).unwrap();
    let known = identity::Consumers::new(&written);
    let hash = known.credentials()[0].password_hash(|_| panic!("it is hashed")).unwrap().0;
    assert!(hash == BOB && !format!("{known:?}").contains(BOB));
}

#[test]
fn files_and_hashes_that_are_no_good_are_refused_with_their_line() {
    for (text, why) in [
        ("bob".to_owned(), "line 1: there is no colon"),
        (format!("bob:{BOB}\nbob:{BOB}"), "line 2: this user stands further up too"),
        ("# x\nbob:rqXexS6ZhobKA".to_owned(), "line 2: this looks like a hash by crypt (DES)"),
        ("bob:hush".to_owned(), "line 1: this is not the hash of a password"),
        (format!("a,b:{BOB}"), "line 1: this cannot be the name of a user"),
    ] {
        let told = problems_with_files::<BasicAuth>("users", &Memory::new().with("users", text));
        assert!(told.contains(why) && told.contains("error") && !told.contains("hush"), "{told}");
    }
    assert!(problems_of::<BasicAuth>("users").contains("cannot be read"));
    assert!(problems_of::<BasicAuth>("true").contains("warning: nobody has a password"));
    assert!(problems_of::<BasicAuth>("{ realm: 'a\"b' }").contains("cannot be the name of a realm"));
}

#[test]
fn where_another_policy_takes_the_request_the_password_goes_all_the_same() {
    let key = "sha256:2c70e12b7a0646f92279f427c7b38e7334d8e5389cff167a1dc30e73f826b683";
    let consumers = format!("{{ bob: {{ password: '{BOB}', api_keys: '{key}' }} }}");
    let kinds = maitred_policy::Catalog::default().with::<BasicAuth>().with::<crate::api_key::ApiKey>();
    let yaml = "{ api_key: true, basic_auth: true }";
    let harness = Harness::holding::<crate::any_of::AnyOf>(kinds, &consumers, yaml);
    let (login, other) = (basic("eve:x"), "Bearer x");
    for (shown, left) in [(&*login, None), (other, Some(other))] {
        let fields = [("X-API-Key", "key"), ("Authorization", shown)];
        let outcome = harness.request("GET /", &fields).answer(200, &[]);
        assert_eq!((name(&outcome), outcome.sent_field("Authorization").as_deref()), (Some("bob"), left));
    }
    assert_eq!(name(&ask(&harness, "bob:öpen:sesame")), Some("bob"));
}

#[test]
fn it_is_explained_without_the_password() {
    let harness = harness("true");
    for (login, told) in [
        ("bob:öpen:sesame", "finds the password of bob in Authorization"),
        ("bob:guess", "refuses it: this is not the password of `bob`"),
        ("eve:guess", "refuses it: there is no user `eve`"),
        ("eve:", "refuses it: what Authorization has behind `Basic` is no user with a password"),
    ] {
        let exchange = harness.request("GET /", &[("Authorization", &basic(login))]);
        assert_eq!(exchange.explain(), [told]);
    }
}

//! When a kept answer is used: RFC 9111 sections 4.2.4, 4.3.4, 5.2.1 and 5.2.2, RFC 5861.

use maitred_http::Known;

use super::*;
use crate::testing::{fields, request, response};

fn at(seconds: u64) -> Moment {
    Moment { steady: (1000 + seconds) * 1_000_000, wall: (1_767_225_600 + seconds) * 1_000_000 }
}

fn came(seconds: u64) -> Came {
    Came { asked: at(seconds), at: at(seconds) }
}

fn entry(lines: &[(&str, &str)], rules: &Rules) -> Entry {
    let head = response(200, lines);
    let control = ResponseControl::read(&head.fields, true);
    let freshness = Freshness::of(&head, &control, at(0), at(0), rules);
    let selection = Selection::of(&head, &request("GET /", &[]).fields).unwrap();
    Entry::new(&head, control, freshness, (selection, b"x"), came(0), rules)
}

fn of(control: &str, rules: &Rules) -> Entry {
    entry(&[("Cache-Control", control)], rules)
}

#[test]
fn what_is_fresh_answers_and_what_is_stale_is_asked_for() {
    let stale_rules = Rules { stale_while_revalidate: 10, stale_if_error: 10, ..Rules::default() };
    let none = Rules::default();
    let table = [
        ("max-age=5", &none, "x", 4, Use::Fresh),
        ("max-age=5", &none, "x", 5, Use::Ask),
        ("max-age=5, no-cache", &stale_rules, "x", 0, Use::Ask),
        ("max-age=5", &none, "no-cache", 0, Use::Ask),
        ("max-age=5", &none, "max-age=0", 0, Use::Fresh),
        ("max-age=5", &none, "max-age=0", 1, Use::Ask),
        ("max-age=5", &none, "max-age=3", 3, Use::Fresh),
        ("max-age=5", &none, "min-fresh=2", 3, Use::Fresh),
        ("max-age=5", &none, "min-fresh=3", 3, Use::Ask),
        ("max-age=5", &none, "max-stale", 500, Use::Stale),
        ("max-age=5", &none, "max-stale=5", 10, Use::Stale),
        ("max-age=5", &none, "max-stale=5", 11, Use::Ask),
        ("max-age=5, must-revalidate", &none, "max-stale", 6, Use::Ask),
        ("max-age=5, proxy-revalidate", &none, "max-stale", 6, Use::Ask),
        ("s-maxage=5", &none, "max-stale", 6, Use::Ask),
        ("max-age=5, stale-while-revalidate=3", &none, "x", 7, Use::WhileRevalidating),
        ("max-age=5, stale-while-revalidate=3", &none, "x", 8, Use::Ask),
        ("s-maxage=5, stale-while-revalidate=3", &none, "x", 7, Use::WhileRevalidating),
        ("max-age=5, must-revalidate, stale-while-revalidate=3", &none, "x", 7, Use::Ask),
        ("max-age=5", &stale_rules, "x", 14, Use::WhileRevalidating),
        ("max-age=5", &stale_rules, "x", 15, Use::Ask),
        ("max-age=5", &stale_rules, "max-age=9", 10, Use::Ask),
        ("max-age=5, stale-while-revalidate=0", &stale_rules, "x", 6, Use::Ask),
        ("s-maxage=5", &stale_rules, "x", 6, Use::Ask),
        ("max-age=0", &stale_rules, "x", 1, Use::Ask),
        ("max-age=0, stale-while-revalidate=3", &stale_rules, "x", 1, Use::WhileRevalidating),
    ];
    for (control, rules, asked, seconds, expected) in table {
        let asked = RequestControl::read(&fields(&[("Cache-Control", asked)]));
        assert_eq!(of(control, rules).judge(&asked, at(seconds)), expected, "{control} {asked:?} {seconds}");
    }
}

/// RFC 5861 section 4.
#[test]
fn a_stale_answer_stands_in_where_that_is_allowed() {
    let (none, rules) = (Rules::default(), Rules { stale_if_error: 10, ..Rules::default() });
    let table = [
        ("max-age=5", &none, 4, true),
        ("max-age=5", &none, 5, false),
        ("max-age=5, stale-if-error=3", &none, 7, true),
        ("max-age=5, stale-if-error=3", &none, 8, false),
        ("max-age=5", &rules, 14, true),
        ("max-age=5, must-revalidate", &rules, 6, false),
        ("max-age=5, proxy-revalidate", &rules, 6, false),
        ("s-maxage=5", &rules, 6, false),
        ("max-age=5, no-cache", &rules, 1, false),
        ("max-age=0", &rules, 1, false),
        ("max-age=0, stale-if-error=3", &rules, 1, true),
    ];
    for (control, rules, seconds, expected) in table {
        assert_eq!(of(control, rules).may_stand_in(at(seconds)), expected, "{control} {seconds}");
    }
}

#[test]
fn an_answer_is_for_those_of_its_key_and_its_fields() {
    let head = response(200, &[("Cache-Control", "max-age=5"), ("Vary", "A")]);
    let control = ResponseControl::read(&head.fields, true);
    let asked = request("GET /", &[("A", "1")]);
    let selection = Selection::of(&head, &asked.fields).unwrap();
    let freshness = Freshness::of(&head, &control, at(0), at(0), &Rules::default());
    let entry = Entry::new(&head, control, freshness, (selection, b"x"), came(0), &Rules::default());
    let anybody = Asker::default();
    assert!(entry.is_for(b"x", &asked.fields, anybody));
    assert!(!entry.is_for(b"y", &asked.fields, anybody));
    assert!(!entry.is_for(b"x", &fields(&[("A", "2")]), anybody));
    assert!(!entry.is_for(b"x", &asked.fields, Asker { has_authorization: true, ..anybody }));
    assert!(!entry.is_for(b"x", &asked.fields, Asker { is_identified: true, ..anybody }));
}

/// What a service tells somebody of whom nothing is known, seven seconds after it was asked first.
fn update(told: &ResponseHead) -> Update<'_> {
    static NOTHING: std::sync::LazyLock<Fields> = std::sync::LazyLock::new(Fields::default);
    Update { told, came: came(7), asked: &NOTHING, sent: &NOTHING, asker: Asker::default() }
}

/// RFC 9111 sections 3.2 and 4.3.4.
#[test]
fn a_304_makes_it_fresh_again() {
    let rules = Rules::default();
    let kept = entry(
        &[("Cache-Control", "max-age=5"), ("ETag", "\"a\""), ("A", "1"), ("Surrogate-Key", "k")],
        &rules,
    );
    let told = response(304, &[("ETag", "\"a\""), ("Cache-Control", "max-age=9"), ("A", "2"), ("Age", "2")]);
    let fresh = kept.validated(&update(&told), &rules).unwrap().entry;
    assert_eq!((fresh.freshness.lifetime, fresh.freshness.age(at(7))), (9, 2));
    assert_eq!(fresh.head.fields.known(Known::CacheControl), Some(&b"max-age=9"[..]));
    assert!(fresh.has_tag(b"k") && !fresh.head.fields.has(Known::Age));
    assert!(kept.validated(&update(&response(304, &[("ETag", "\"b\"")])), &rules).is_none());
    let told = response(200, &[("ETag", "\"a\""), ("Cache-Control", "max-age=9")]);
    assert_eq!(kept.freshened_by_head(&update(&told), &rules).unwrap().entry.freshness.lifetime, 9);
}

/// What may not be kept when it comes first may not be kept when a 304 or HEAD says so later.
#[test]
fn whether_others_may_have_it_is_asked_again() {
    let rules = Rules::default();
    let kept = entry(
        &[("Cache-Control", "max-age=5"), ("CDN-Cache-Control", "max-age=5"), ("ETag", "\"a\"")],
        &rules,
    );
    let table: &[(&str, &str, Result<(), NotKept>)] = &[
        ("Set-Cookie", "a=b", Ok(())),
        ("Vary", "A", Ok(())),
        ("Vary", "*", Err(NotKept::Varies)),
        ("Cache-Control", "private", Err(NotKept::Private)),
        ("Cache-Control", "no-store", Err(NotKept::NoStore)),
        ("CDN-Cache-Control", "no-store", Err(NotKept::NoStore)),
    ];
    for (name, value, expected) in table {
        let honours = Rules { honours_targeted: name.starts_with("CDN"), ..rules };
        let told = response(200, &[(name, value)]);
        for updated in
            [kept.validated(&update(&told), &honours), kept.freshened_by_head(&update(&told), &honours)]
        {
            assert_eq!(updated.unwrap().may_keep, *expected, "{name}: {value}");
        }
    }
    let told = response(304, &[("Vary", "A")]);
    let sent = fields(&[("A", "1")]);
    let updated = kept.validated(&Update { sent: &sent, ..update(&told) }, &rules).unwrap();
    assert_eq!(updated.may_keep, Err(NotKept::Varies));
    let asker = Asker { is_identified: true, ..Asker::default() };
    let updated = kept.validated(&Update { asker, ..update(&told) }, &rules).unwrap();
    assert_eq!(updated.may_keep, Err(NotKept::Personal));
}

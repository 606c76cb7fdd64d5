//! What is found again, what gives way, and that nothing is found by whom it is not for.

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::control::ResponseControl;
use crate::date::Moment;
use crate::entry::Came;
use crate::freshness::{Freshness, Rules};
use crate::testing::{fields, response};
use crate::vary::Selection;

const ANYBODY: Asker = Asker { has_authorization: false, is_identified: false, has_cookies: false };

fn entry(secondary: &[u8], vary: &str, request: &[(&str, &str)], body: &[u8]) -> Arc<Entry> {
    let head = response(200, &[("Cache-Control", "max-age=9"), ("Vary", vary), ("Cache-Tag", "t")]);
    let control = ResponseControl::read(&head.fields, true);
    let (now, rules) = (Moment::default(), Rules::default());
    let freshness = Freshness::of(&head, &control, now, now, &rules);
    let selection = Selection::of(&head, &fields(request)).unwrap();
    let came = Came { asked: now, at: now };
    let mut entry = Entry::new(&head, control, freshness, (selection, secondary), came, &rules);
    entry.body = Bytes::copy_from_slice(body);
    Arc::new(entry)
}

fn body(answers: &AnswersShared, key: &str, request: &[(&str, &str)]) -> Option<Bytes> {
    answers.find(key.as_bytes(), b"", &fields(request), ANYBODY).map(|entry| entry.body.clone())
}

fn roomy() -> AnswersShared {
    AnswersShared::new(16 << 20, 1 << 20)
}

#[test]
fn what_differs_by_vary_is_kept_side_by_side() {
    let answers = roomy();
    let (one, two) = ([("A", "1")], [("A", "2")]);
    answers.keep(b"k", entry(b"", "A", &one, b"one"));
    answers.keep(b"k", entry(b"", "A", &two, b"two"));
    assert_eq!(body(&answers, "k", &one).unwrap(), "one");
    assert_eq!(body(&answers, "k", &two).unwrap(), "two");
    assert_eq!(body(&answers, "k", &[]), None);
    answers.keep(b"k", entry(b"", "A", &one, b"newer"));
    assert_eq!(body(&answers, "k", &one).unwrap(), "newer");
    assert_eq!(answers.remove(b"k"), 2);
    assert!(!answers.has(b"k"));
}

#[test]
fn a_newer_form_takes_the_place_of_the_old_one_only_where_that_still_is() {
    let answers = roomy();
    let old = entry(b"", "", &[], b"old");
    answers.keep(b"k", Arc::clone(&old));
    answers.renew(b"k", &old, &entry(b"", "", &[], b"new"));
    assert_eq!(body(&answers, "k", &[]).unwrap(), "new");
    answers.renew(b"k", &old, &entry(b"", "", &[], b"late"));
    assert_eq!(body(&answers, "k", &[]).unwrap(), "new");
    answers.forget(b"k", &old);
    assert!(answers.has(b"k"));
    answers.remove(b"k");
    answers.renew(b"k", &old, &entry(b"", "", &[], b"late"));
    assert!(!answers.has(b"k"));
}

#[test]
fn answers_go_by_what_is_said_of_them() {
    let answers = roomy();
    for number in 0..500 {
        answers.keep(format!("http://a/{number}").as_bytes(), entry(b"", "", &[], b"x"));
    }
    assert_eq!(answers.remove_where(|key, _| key.starts_with(b"http://a/1")), 111);
    assert_eq!(answers.keys(), 389);
    assert_eq!(answers.remove_where(|_, entry| entry.has_tag(b"t")), 389);
    assert_eq!((answers.keys(), answers.bytes()), (0, 0));
}

#[test]
fn a_key_has_so_many_answers_and_no_more() {
    let answers = roomy();
    for number in 0..100 {
        let value = number.to_string();
        answers.keep(b"k", entry(b"", "A", &[("A", &value)], b"x"));
    }
    assert_eq!(answers.remove(b"k"), MOST_VARIANTS);
}

#[test]
fn what_is_told_apart_otherwise_does_not_crowd_out() {
    let answers = roomy();
    let find = |secondary: &[u8]| answers.find(b"k", secondary, &fields(&[]), ANYBODY);
    for number in 0..100_u8 {
        answers.keep(b"k", entry(&[number], "", &[], &[number]));
        answers.keep(b"k2", entry(&[number], "", &[], b"x"));
    }
    assert!((0..100_u8).all(|number| find(&[number]).is_some_and(|found| found.body[..] == [number])));
    answers.forget(b"k", &find(&[7]).unwrap());
    assert!(find(&[7]).is_none() && answers.has(b"k"));
    assert_eq!((answers.remove(b"k"), answers.has(b"k"), answers.keys()), (99, false, 1));
    assert_eq!((answers.remove_where(|url, _| url == b"k2"), answers.has(b"k2")), (100, false));
}

#[test]
fn a_variant_that_is_asked_for_stays() {
    let answers = roomy();
    let often = [("A", "often")];
    answers.keep(b"k", entry(b"", "A", &often, b"often"));
    for number in 0..200 {
        assert!(body(&answers, "k", &often).is_some(), "{number}");
        answers.keep(b"k", entry(b"", "A", &[("A", &number.to_string())], b"x"));
    }
}

/// What was evicted leaves nothing behind, and what came again is still found by its URL.
#[test]
fn places_are_those_of_what_is_kept() {
    let answers = AnswersShared::new(1 << 20, 16 << 10);
    for number in 0..5_000 {
        answers.keep(format!("{}", number % 2_000).as_bytes(), entry(b"s", "", &[], &[0; 1000]));
    }
    let left = (0..2_000).filter(|number| answers.has(number.to_string().as_bytes())).count();
    assert_eq!(left, answers.keys());
    let removed: usize = (0..2_000).map(|number| answers.remove(number.to_string().as_bytes())).sum();
    assert_eq!((removed, answers.keys(), answers.bytes()), (left, 0, 0));
}

/// A crawler that asks for everything once drives out nothing that is asked for often.
#[test]
fn a_scan_does_not_evict_what_is_asked_for_often() {
    let answers = AnswersShared::new(1 << 20, 16 << 10);
    let kilobyte = vec![b'x'; 1 << 10];
    let hot: Vec<String> = (0..200).map(|number| format!("hot/{number}")).collect();
    for key in &hot {
        answers.keep(key.as_bytes(), entry(b"", "", &[], &kilobyte));
    }
    for _ in 0..3 {
        assert!(hot.iter().all(|key| body(&answers, key, &[]).is_some()));
    }
    for number in 0..20_000 {
        answers.keep(format!("scan/{number}").as_bytes(), entry(b"", "", &[], &kilobyte));
        if number % 100 == 0 {
            // The hot ones are asked for now and then.
            for key in &hot {
                body(&answers, key, &[]);
            }
        }
        assert!(answers.bytes() <= 1 << 20, "{}", answers.bytes());
    }
    let left = hot.iter().filter(|key| body(&answers, key, &[]).is_some()).count();
    assert!(left >= 195, "{left} of 200 are left");
    assert!(answers.evicted() > 18_000);
}

#[test]
fn a_smaller_room_evicts() {
    let answers = AnswersShared::new(1 << 20, 1 << 16);
    for number in 0..500 {
        answers.keep(format!("{number}").as_bytes(), entry(b"", "", &[], &[0; 1000]));
    }
    assert!(!answers.resize(1 << 18, 1 << 17), "it has parts of 64 KiB");
    assert!(answers.resize(1 << 18, 1 << 14));
    assert!(answers.bytes() <= 1 << 18 && answers.keys() > 50);
}

proptest! {
    /// Whatever is kept: what is found was kept under the same key, with the same secondary key, for a request with the same field.
    #[test]
    fn nobody_gets_what_is_for_another(
        kept in prop::collection::vec(("[ab]{1,3}", "[ab]{0,2}", "[ab]{0,2}"), 1..40),
        asked in ("[ab]{1,3}", "[ab]{0,2}", "[ab]{0,2}"),
    ) {
        let answers = roomy();
        for (key, secondary, value) in &kept {
            let body = format!("{key}|{secondary}|{value}");
            answers.keep(key.as_bytes(), entry(secondary.as_bytes(), "F", &[("F", value)], body.as_bytes()));
        }
        let (key, secondary, value) = &asked;
        let found = answers.find(key.as_bytes(), secondary.as_bytes(), &fields(&[("F", value)]), ANYBODY);
        let expected = format!("{key}|{secondary}|{value}");
        prop_assert_eq!(found.is_some(), kept.contains(&asked));
        if let Some(found) = found {
            prop_assert_eq!(&found.body[..], expected.as_bytes());
        }
    }
}

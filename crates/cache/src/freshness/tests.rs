//! RFC 9111 section 4.2, by tables.

use proptest::prelude::*;

use super::*;
use crate::testing::{Lines, response};

/// 2026-01-01, 00:00 UTC.
const NOW: u64 = 1_767_225_600;
const RULES: Rules = Rules {
    ttl: None,
    negative_ttl: None,
    stale_while_revalidate: 0,
    stale_if_error: 0,
    honours_targeted: true,
    keeps_tags: false,
};

fn at(seconds: u64) -> Moment {
    Moment { steady: (1000 + seconds) * 1_000_000, wall: (NOW + seconds) * 1_000_000 }
}

fn date(offset: i64) -> String {
    let seconds = NOW.checked_add_signed(offset).unwrap();
    crate::date::to_http_date(Moment { steady: 0, wall: seconds * 1_000_000 })
}

fn freshness(status: u16, lines: &[(&str, &str)], rules: &Rules) -> Option<Freshness> {
    let head = response(status, lines);
    let control = ResponseControl::read(&head.fields, true);
    Freshness::of(&head, &control, at(0), at(0), rules)
}

/// Section 4.2.1: `s-maxage` before `max-age` before `Expires`.
#[test]
fn the_lifetime_is_what_the_service_says() {
    let table: &[(Lines<'_>, u64)] = &[
        (&[("Cache-Control", "max-age=60, s-maxage=90"), ("Expires", &date(5))], 90),
        (&[("Cache-Control", "max-age=60"), ("Expires", &date(5))], 60),
        (&[("Cache-Control", "max-age=60"), ("Expires", "0")], 60),
        (&[("Expires", &date(50)), ("Date", &date(0))], 50),
        (&[("Expires", &date(50)), ("Date", &date(-50))], 100),
        (&[("Expires", &date(300)), ("Date", &date(400))], 0),
        (&[("Expires", &date(50)), ("Date", "foo")], 50),
        (&[("Expires", &date(50))], 50),
        (&[("Expires", "0")], 0),
        (&[("Expires", "tomorrow"), ("Last-Modified", &date(-1000))], 0),
        (&[("CDN-Cache-Control", "max-age=7"), ("Cache-Control", "max-age=9"), ("Expires", &date(8))], 7),
    ];
    for (lines, lifetime) in table {
        let found = freshness(599, lines, &RULES).unwrap();
        assert_eq!((found.lifetime, found.is_explicit), (*lifetime, true), "{lines:?}");
    }
}

/// Section 4.2.2, and what the configuration says.
#[test]
fn a_lifetime_is_made_up_where_that_is_allowed() {
    let modified = date(-1000);
    let long_ago = date(-100_000_000);
    let lm = [("Last-Modified", modified.as_str())];
    for (status, made_up) in [(200, true), (404, true), (203, true), (201, false), (403, false), (503, false)]
    {
        assert_eq!(
            freshness(status, &lm, &RULES).map(|found| found.lifetime),
            made_up.then_some(100),
            "{status}"
        );
    }
    let public = [("Last-Modified", modified.as_str()), ("Cache-Control", "public")];
    assert_eq!(freshness(599, &public, &RULES).unwrap().lifetime, 100);
    let long_ago = [("Last-Modified", long_ago.as_str())];
    assert_eq!(freshness(200, &long_ago, &RULES).unwrap().lifetime, 86_400);
    assert_eq!(freshness(200, &[], &RULES), None);
    let rules = Rules { ttl: Some(300), negative_ttl: Some(9), ..RULES };
    for (status, lifetime) in [(200, Some(300)), (404, Some(9)), (302, None), (500, None), (201, None)] {
        assert_eq!(freshness(status, &[], &rules).map(|found| found.lifetime), lifetime, "{status}");
    }
    assert!(!freshness(200, &[], &rules).unwrap().is_explicit);
    assert_eq!(freshness(200, &[("Cache-Control", "max-age=5")], &rules).unwrap().lifetime, 5);
}

/// Section 4.2.3: the greater of what `Date` and what `Age` say, and then the time that it was here.
#[test]
fn the_age_is_what_it_was_and_how_long_it_is_here() {
    let table: &[(Lines<'_>, u64)] = &[
        (&[], 0),
        (&[("Age", "30")], 30),
        (&[("Age", "30"), ("Date", &date(-50))], 50),
        (&[("Age", "30"), ("Date", &date(50))], 30),
        (&[("Date", "foo")], 0),
        (&[("Age", "abc")], 0),
        (&[("Age", "-7200")], 0),
        (&[("Age", "7200.0")], 0),
        (&[("Age", "7200, 0")], 7200),
        (&[("Age", "0, 7200")], 0),
        (&[("Age", "0"), ("Age", "7200")], 0),
        (&[("Age", "2147483649")], 1 << 31),
    ];
    for (lines, age) in table {
        let mut lines = lines.to_vec();
        lines.push(("Cache-Control", "max-age=1"));
        let found = freshness(200, &lines, &RULES).unwrap();
        assert_eq!(found.age(at(0)), *age, "{lines:?}");
        assert_eq!(found.age(at(7)), age + 7, "{lines:?}");
    }
    let head = response(200, &[("Age", "3"), ("Cache-Control", "max-age=9")]);
    let control = ResponseControl::read(&head.fields, true);
    let slow = Freshness::of(&head, &control, at(0), at(5), &RULES).unwrap();
    assert_eq!(slow.age(at(5)), 8);
    assert!(slow.is_fresh(at(5)) && !slow.is_fresh(at(6)));
    assert_eq!((slow.ttl(at(5)), slow.ttl(at(16))), (1, -10));
}

proptest! {
    /// Whatever fields say and the clock on the wall does, nothing grows younger.
    #[test]
    fn the_age_never_goes_back(age in "[0-9]{0,24}|[a-z,]*", date in "\\PC{0,30}", waits in prop::collection::vec(0u64..1 << 40, 1..9)) {
        let lines = [("Age", age.as_str()), ("Date", date.as_str()), ("Cache-Control", "max-age=5")];
        let found = freshness(200, &lines, &RULES).unwrap();
        let (mut steady, mut last) = (at(0).steady, found.age(at(0)));
        for wait in waits {
            steady += wait;
            let now = found.age(Moment { steady, wall: 0 });
            prop_assert!(now >= last);
            last = now;
        }
    }
}

//! RFC 9111 sections 3 and 3.5, by tables.

use super::*;
use crate::freshness::Rules;
use crate::testing::{Lines, request, response};

const MODIFIED: (&str, &str) = ("Last-Modified", "Wed, 01 Jan 2020 00:00:00 GMT");

fn judge(method: &str, status: u16, lines: &[(&str, &str)], asker: Asker) -> Result<(), NotKept> {
    let head = response(status, lines);
    let control = ResponseControl::read(&head.fields, true);
    let now = Moment { steady: 0, wall: 1_767_225_600_000_000 };
    let freshness = Freshness::of(&head, &control, now, now, &Rules::default());
    may_keep(&request(&format!("{method} /"), &[]), &head, &control, freshness.as_ref(), asker)
}

/// Section 3.
#[test]
fn what_may_be_kept() {
    let cc = |value: &'static str| ("Cache-Control", value);
    let table: &[(u16, Lines<'_>, Result<(), NotKept>)] = &[
        (200, &[cc("max-age=1")], Ok(())),
        (200, &[cc("s-maxage=1")], Ok(())),
        (200, &[("Expires", "Tue, 01 Jan 2030 00:00:00 GMT")], Ok(())),
        (599, &[cc("max-age=1")], Ok(())),
        (302, &[cc("max-age=1")], Ok(())),
        (200, &[MODIFIED], Ok(())),
        (302, &[MODIFIED], Err(NotKept::Useless)),
        (200, &[], Err(NotKept::Useless)),
        (200, &[cc("public")], Err(NotKept::Useless)),
        (200, &[cc("max-age=0")], Err(NotKept::Useless)),
        (200, &[cc("max-age=0"), ("ETag", "\"a\"")], Ok(())),
        (200, &[cc("max-age=9, no-cache")], Err(NotKept::Useless)),
        (200, &[cc("max-age=0, stale-if-error=9")], Ok(())),
        (200, &[cc("max-age=0, stale-while-revalidate=9, must-revalidate")], Err(NotKept::Useless)),
        (200, &[cc("no-cache"), ("ETag", "\"a\"")], Ok(())),
        (200, &[cc("max-age=9, no-store")], Err(NotKept::NoStore)),
        (200, &[cc("max-age=9, no-store, must-understand")], Ok(())),
        (599, &[cc("max-age=9, no-store, must-understand")], Err(NotKept::NoStore)),
        (599, &[cc("max-age=9, must-understand")], Err(NotKept::NoStore)),
        (200, &[cc("max-age=9, private")], Err(NotKept::Private)),
        (200, &[cc("max-age=9, private=\"a\"")], Ok(())),
        (206, &[cc("max-age=9")], Err(NotKept::Status)),
        (304, &[cc("max-age=9")], Err(NotKept::Status)),
        (103, &[cc("max-age=9")], Err(NotKept::Status)),
        (200, &[cc("max-age=9"), ("Set-Cookie", "a=b")], Err(NotKept::Personal)),
        (200, &[cc("public, max-age=9"), ("Set-Cookie", "a=b")], Ok(())),
        (200, &[cc("s-maxage=9"), ("Set-Cookie", "a=b")], Ok(())),
        (200, &[cc("max-age=9, private=\"Set-Cookie\""), ("Set-Cookie", "a=b")], Ok(())),
        (200, &[MODIFIED, ("Set-Cookie", "a=b")], Err(NotKept::Personal)),
        (200, &[cc("no-store"), ("CDN-Cache-Control", "max-age=9")], Ok(())),
    ];
    for (status, lines, kept) in table {
        assert_eq!(judge("GET", *status, lines, Asker::default()), *kept, "{status} {lines:?}");
    }
    assert_eq!(judge("HEAD", 200, &[cc("max-age=9")], Asker::default()), Err(NotKept::Method));
    assert_eq!(judge("POST", 200, &[cc("max-age=9")], Asker::default()), Err(NotKept::Method));
}

/// Section 3.5, and what is like it.
#[test]
fn whose_answers_others_may_have() {
    let authorized = Asker { has_authorization: true, ..Asker::default() };
    let identified = Asker { is_identified: true, ..Asker::default() };
    let cookies = Asker { has_cookies: true, ..Asker::default() };
    let table = [
        ("max-age=9", false, false, true),
        ("max-age=9, must-revalidate", true, false, true),
        ("max-age=9, public", true, true, true),
        ("s-maxage=9", true, true, true),
    ];
    for (control, with_authorization, of_a_consumer, with_cookies) in table {
        let kept = |asker| judge("GET", 200, &[("Cache-Control", control)], asker).is_ok();
        assert_eq!(kept(authorized), with_authorization, "{control}");
        assert_eq!(kept(identified), of_a_consumer, "{control}");
        assert_eq!(kept(cookies), with_cookies, "{control}");
    }
    assert_eq!(judge("GET", 200, &[MODIFIED], cookies), Err(NotKept::Personal));
    // That it is stale at once promises nothing.
    let stale = [("Cache-Control", "max-age=0"), ("ETag", "\"a\"")];
    assert_eq!(judge("GET", 200, &stale, cookies), Err(NotKept::Personal));
    assert_eq!(judge("GET", 200, &[MODIFIED], Asker::default()), Ok(()));
}

/// Sections 3.1 and 5.2.2.4.
#[test]
fn fields_of_the_connection_and_withheld_ones_are_not_kept() {
    let head = response(
        200,
        &[
            ("A", "1"),
            ("Connection", "b, C"),
            ("B", "2"),
            ("c", "3"),
            ("Keep-Alive", "x"),
            ("TE", "x"),
            ("Proxy-Authentication-Info", "x"),
            ("Age", "9"),
            ("Cache-Control", "no-cache=\"d\""),
            ("D", "4"),
            ("Set-Cookie", "a=b"),
            ("Surrogate-Key", "k1 k2"),
            ("Cache-Tag", "t1, k1"),
        ],
    );
    let control = ResponseControl::read(&head.fields, true);
    let stored = stored_head(&head, &control, Moment { steady: 0, wall: 0 });
    let names: Vec<_> =
        stored.fields.iter().map(|(name, _)| String::from_utf8_lossy(name).into_owned()).collect();
    assert_eq!(names, ["A", "Cache-Control", "Set-Cookie", "Date"]);
    assert_eq!(stored.fields.known(Known::Date), Some(&b"Thu, 01 Jan 1970 00:00:00 GMT"[..]));
    let found = tags(&head);
    let found: Vec<_> = found.iter().map(|tag| &**tag).collect();
    assert_eq!(found, [&b"k1"[..], b"k2", b"t1"]);
}

//! What a 304 or the answer to HEAD changes of what is kept (RFC 9111 sections 3.2, 4.3.4 and 4.3.5).
//! Whether there is anything to ask by is in `conditional.rs`.

use maitred_http::{Known, ResponseHead, list_items};

use crate::conditional::{is_same_strongly, is_same_weakly};
use crate::control::ResponseControl;
use crate::storing::is_stored;

/// Whether a 304 is about this answer (section 4.3.4): the tags, where both have one, are the same.
pub(crate) fn is_about(stored: &ResponseHead, update: &ResponseHead) -> bool {
    match (stored.fields.known(Known::ETag), update.fields.known(Known::ETag)) {
        (Some(kept), Some(told)) if told.starts_with(b"W/") => is_same_weakly(kept, told),
        (Some(kept), Some(told)) => is_same_strongly(kept, told),
        (Some(_), None) => true,
        _ => {
            let told = update.fields.known(Known::LastModified);
            told.is_none_or(|told| stored.fields.known(Known::LastModified) == Some(told))
        }
    }
}

/// Whether the answer to HEAD is about this one (section 4.3.5): as long, and of the same tag and date.
pub(crate) fn is_of_same_edition(stored: &ResponseHead, length: usize, head: &ResponseHead) -> bool {
    let same = |name| head.fields.known(name).is_none_or(|told| stored.fields.known(name) == Some(told));
    let told = head.fields.known_str(Known::ContentLength);
    stored.status == head.status
        && same(Known::ETag)
        && same(Known::LastModified)
        && told.is_none_or(|told| told.parse() == Ok(length))
}

/// The kept head with the fields of the newer one in the place of its own (section 3.2), but for those that say what the kept body is, and
/// for cookies: those are for the one who asked. What the answer was chosen by stays, and what is told of that comes to it: services
/// leave some of it out in a 304.
pub(crate) fn updated(
    stored: &ResponseHead,
    update: &ResponseHead,
    control: &ResponseControl,
) -> ResponseHead {
    let is_withheld = |name: &[u8]| control.withheld.iter().any(|one| one.eq_ignore_ascii_case(name));
    let takes_over = |known: Option<Known>, name: &[u8]| {
        !matches!(known, Some(Known::SetCookie | Known::Vary)) && is_stored(update, control, name)
    };
    let is_told = |name: &[u8]| update.fields.iter().any(|(told, _)| told.eq_ignore_ascii_case(name));
    let mut head = ResponseHead { status: stored.status, ..ResponseHead::default() };
    for (known, name, value) in stored.fields.iter_known() {
        if !(is_withheld(name) || takes_over(known, name) && is_told(name)) {
            head.fields.append_found(name, known, value);
        }
    }
    for (known, name, value) in update.fields.iter_known() {
        if takes_over(known, name) {
            head.fields.append_found(name, known, value);
        }
    }
    for named in update.fields.all_known(Known::Vary).flat_map(list_items) {
        let is_same = |name: &[u8]| name.eq_ignore_ascii_case(named);
        let is_named = head.fields.all_known(Known::Vary).flat_map(list_items).any(is_same);
        if !is_named {
            head.fields.append_known(Known::Vary, named);
        }
    }
    head
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Lines, response};

    /// Section 4.3.4.
    #[test]
    fn a_304_is_about_what_has_its_tag() {
        let table: &[(Lines<'_>, Lines<'_>, bool)] = &[
            (&[("ETag", "\"a\"")], &[("ETag", "\"a\"")], true),
            (&[("ETag", "\"a\"")], &[("ETag", "\"b\"")], false),
            (&[("ETag", "W/\"a\"")], &[("ETag", "W/\"a\"")], true),
            (&[("ETag", "W/\"a\"")], &[("ETag", "\"a\"")], false),
            (&[("ETag", "\"a\"")], &[], true),
            (&[("Last-Modified", "x")], &[("Last-Modified", "x")], true),
            (&[("Last-Modified", "x")], &[("Last-Modified", "y")], false),
            (&[("Last-Modified", "x")], &[], true),
        ];
        for (stored, told, is) in table {
            assert_eq!(is_about(&response(200, stored), &response(304, told)), *is, "{stored:?} {told:?}");
        }
    }

    /// Section 4.3.5.
    #[test]
    fn a_head_is_of_the_same_edition_where_nothing_says_otherwise() {
        let stored = response(200, &[("ETag", "\"a\"")]);
        let table: &[(u16, Lines<'_>, bool)] = &[
            (200, &[], true),
            (200, &[("ETag", "\"a\""), ("Content-Length", "5")], true),
            (200, &[("Content-Length", "6")], false),
            (200, &[("ETag", "\"b\"")], false),
            (200, &[("Last-Modified", "x")], false),
            (410, &[], false),
        ];
        for (status, told, is) in table {
            assert_eq!(is_of_same_edition(&stored, 5, &response(*status, told)), *is, "{status} {told:?}");
        }
    }

    /// Section 3.2.
    #[test]
    fn newer_fields_take_the_place_of_kept_ones() {
        let stored = response(200, &[("A", "1"), ("B", "2"), ("B", "3"), ("Date", "x")]);
        let told =
            [("b", "4"), ("Content-Length", "0"), ("C", "5"), ("Connection", "d"), ("D", "6"), ("Age", "7")];
        let head = updated(&stored, &response(304, &told), &ResponseControl::default());
        let lines: Vec<_> = head.fields.iter().collect();
        let expected: [(&[u8], &[u8]); 4] = [(b"A", b"1"), (b"Date", b"x"), (b"b", b"4"), (b"C", b"5")];
        assert_eq!((head.status, &lines[..]), (200, &expected[..]));
    }

    /// What is for one is not put into what all get.
    #[test]
    fn cookies_and_what_is_withheld_are_not_taken_over() {
        let stored = response(200, &[("Set-Cookie", "for=all"), ("A", "1"), ("Vary", "A, B")]);
        let told = [
            ("Set-Cookie", "for=one"),
            ("Cache-Control", "private=\"A\""),
            ("A", "2"),
            ("Vary", "b"),
            ("Vary", "C"),
        ];
        let update = response(304, &told);
        let head = updated(&stored, &update, &ResponseControl::read(&update.fields, true));
        let lines: Vec<_> = head.fields.iter().collect();
        let expected: [(&[u8], &[u8]); 4] = [
            (b"Set-Cookie", b"for=all"),
            (b"Vary", b"A, B"),
            (b"Cache-Control", b"private=\"A\""),
            (b"Vary", b"C"),
        ];
        assert_eq!(lines, expected);
    }
}

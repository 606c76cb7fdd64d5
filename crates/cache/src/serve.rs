//! The answer to a request, made of what is kept (RFC 9111 section 4): all of it, a part, or that the client has it already.
//! Step 6 in the life of a request; nothing here asks whether it may.

use bytes::Bytes;
use maitred_http::{Known, RequestHead, ResponseHead};

use crate::conditional::is_unchanged;
use crate::date::Moment;
use crate::entry::Entry;
use crate::range::{Part, part};

/// An answer made of what is kept.
#[derive(Clone, Debug)]
pub struct Served {
    /// Its head.
    pub head: ResponseHead,
    /// Its body. Where the client is to get none (HEAD, 304), it tells the length all the same.
    pub body: Bytes,
}

/// Answers a request for GET or HEAD from what is kept. `add` puts further fields into the head.
pub fn serve(
    entry: &Entry,
    request: &RequestHead,
    now: Moment,
    add: impl FnOnce(&mut ResponseHead),
) -> Served {
    let ResponseHead { status, version, ref fields } = entry.head;
    // What is told of it, and what the engine and others add.
    let mut head = ResponseHead { status, version, fields: fields.clone_with_room(8, 256) };
    let mut body = entry.body.clone();
    if is_unchanged(&request.fields, &head) {
        make_not_modified(&mut head);
    } else {
        match part(request, &head, body.len()) {
            Part::Whole => {}
            Part::Bytes(range) => {
                let (first, last, length) = (range.start, range.end - 1, body.len());
                let text = format!("bytes {first}-{last}/{length}");
                head.status = 206;
                head.fields.remove_bytes(CONTENT_RANGE);
                head.fields.append_bytes(CONTENT_RANGE, text.as_bytes());
                body = body.slice(range);
            }
            Part::Unsatisfiable => {
                let text = format!("bytes */{}", body.len());
                head.status = 416;
                head.fields.remove_known(Known::ContentType);
                head.fields.remove_known(Known::ContentEncoding);
                head.fields.append_bytes(CONTENT_RANGE, text.as_bytes());
                body = Bytes::new();
            }
        }
    }
    append_number(&mut head, Known::Age, entry.freshness.age(now));
    add(&mut head);
    Served { head, body }
}

const CONTENT_RANGE: &[u8] = b"Content-Range";

/// What only describes a body that does not come is left out (RFC 9110 section 15.4.5).
fn make_not_modified(head: &mut ResponseHead) {
    head.status = 304;
    head.fields.remove_known(Known::ContentType);
    head.fields.remove_known(Known::ContentEncoding);
    head.fields.remove_where(|name| name.eq_ignore_ascii_case(b"Content-Language"));
}

/// Appends a field whose value is a number.
fn append_number(head: &mut ResponseHead, name: Known, number: u64) {
    use std::io::Write as _;
    // Writing into memory does not fail.
    head.fields.append_known_with(name, |out| _ = write!(out, "{number}"));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::ResponseControl;
    use crate::entry::Came;
    use crate::freshness::{Freshness, Rules};
    use crate::testing::{request, response};
    use crate::vary::Selection;

    fn served(lines: &[(&str, &str)]) -> (u16, Vec<u8>, Vec<(String, String)>) {
        let at = |seconds: u64| Moment { steady: seconds * 1_000_000, wall: 1_767_225_600_000_000 };
        let head = response(
            200,
            &[
                ("Cache-Control", "max-age=9"),
                ("ETag", "\"a\""),
                ("Content-Type", "text/plain"),
                ("Age", "3"),
            ],
        );
        let control = ResponseControl::read(&head.fields, true);
        let (asked, came, rules) = (request("GET /", lines), at(0), Rules::default());
        let freshness = Freshness::of(&head, &control, came, came, &rules);
        let selection = Selection::of(&head, &asked.fields).unwrap();
        let came = Came { asked: came, at: came };
        let mut entry = Entry::new(&head, control, freshness, (selection, b""), came, &rules);
        entry.body = Bytes::from_static(b"0123456789");
        let served = serve(&entry, &asked, at(4), |head| head.fields.append_bytes(b"X", b"1"));
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let lines = served.head.fields.iter().filter(|(name, _)| *name != b"Date");
        let lines = lines.map(|(name, value)| (text(name), text(value))).collect();
        (served.head.status, served.body.to_vec(), lines)
    }

    fn names(lines: &[(String, String)]) -> Vec<&str> {
        lines.iter().map(|(name, _)| &**name).collect()
    }

    #[test]
    fn answers_have_their_age_and_what_was_kept() {
        let (status, body, lines) = served(&[]);
        assert_eq!((status, &body[..]), (200, &b"0123456789"[..]));
        assert_eq!(names(&lines), ["Cache-Control", "ETag", "Content-Type", "Age", "X"]);
        assert_eq!(lines[3].1, "7");
    }

    #[test]
    fn who_has_it_gets_a_head_alone() {
        let (status, _, lines) = served(&[("If-None-Match", "\"a\""), ("Range", "bytes=0-1")]);
        assert_eq!(status, 304);
        assert_eq!(names(&lines), ["Cache-Control", "ETag", "Age", "X"]);
    }

    #[test]
    fn parts_are_cut_out() {
        let (status, body, lines) = served(&[("Range", "bytes=2-4")]);
        assert_eq!((status, &body[..]), (206, &b"234"[..]));
        assert!(lines.contains(&("Content-Range".to_owned(), "bytes 2-4/10".to_owned())));
        let (status, body, lines) = served(&[("Range", "bytes=10-")]);
        assert_eq!((status, &body[..]), (416, &b""[..]));
        assert!(lines.contains(&("Content-Range".to_owned(), "bytes */10".to_owned())));
    }
}

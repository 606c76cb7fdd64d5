//! Which of several answers is one for a request: those to requests that were alike in what `Vary` names (RFC 9111 section 4.1).
//! What the configuration tells apart besides is in the secondary key, which the policy makes.

use maitred_http::{FieldName, Fields, Known, ResponseHead, list_items};

/// Fields of more answers than these are not told apart: such an answer is for nobody else.
const MOST_NAMES: usize = 32;

/// What an answer was chosen by: fields of the request that it was given to, and what they were.
#[derive(Clone, Debug, Default)]
pub struct Selection(Box<[Selected]>);

#[derive(Clone, Debug)]
struct Selected {
    name: FieldName,
    /// None where the request did not have it.
    value: Option<Box<[u8]>>,
}

impl Selection {
    /// What this answer to a request was chosen by; none where no other request can have it (`Vary: *`), or too much is named.
    pub fn of(response: &ResponseHead, request: &Fields) -> Option<Self> {
        Self::by(response.fields.all_known(Known::Vary).flat_map(list_items), request)
    }

    /// The same of an answer that names these fields.
    pub fn by<'a>(named: impl Iterator<Item = &'a [u8]>, request: &Fields) -> Option<Self> {
        let mut selected: Vec<Selected> = Vec::new();
        for item in named {
            // `*`, and what is no name of a field, cannot be compared.
            let name = std::str::from_utf8(item).ok().filter(|text| *text != "*")?;
            let name = FieldName::parse(name).ok()?;
            if selected.iter().any(|known| known.name.matches(name.as_str().as_bytes())) {
                continue;
            }
            if selected.len() == MOST_NAMES {
                return None;
            }
            let value = normalised(&name, request);
            selected.push(Selected { name, value });
        }
        selected.sort_by_cached_key(|one| one.name.as_str().to_ascii_lowercase());
        Some(Self(selected.into()))
    }

    /// Whether a request with these fields would be given the same.
    pub fn matches(&self, request: &Fields) -> bool {
        self.0.iter().all(|one| {
            let mut lines = request.all(&one.name);
            match (&one.value, lines.next()) {
                (None, found) => found.is_none(),
                (Some(_), None) => false,
                // Mostly it comes as it is kept, in one line: nothing is to be made of it.
                (Some(value), Some(line)) => {
                    lines.next().is_none() && *line == **value
                        || normalised(&one.name, request).is_some_and(|found| found == *value)
                }
            }
        })
    }

    /// The names of the fields, in lower case and in order.
    pub fn names(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(|one| one.name.as_str().to_ascii_lowercase())
    }

    /// Writes it so that no other is written the same.
    pub fn write(&self, out: &mut Vec<u8>) {
        let part = |out: &mut Vec<u8>, part: &[u8]| {
            out.extend_from_slice(&(part.len() as u64).to_be_bytes());
            out.extend_from_slice(part);
        };
        for (name, one) in self.names().zip(&self.0) {
            part(out, name.as_bytes());
            out.push(u8::from(one.value.is_some()));
            part(out, one.value.as_deref().unwrap_or_default());
        }
    }

    /// Whether an answer chosen by this takes the place of one that was chosen by `other`.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.0.len() == other.0.len()
            && self.0.iter().zip(&other.0).all(|(one, other)| {
                one.name.as_str().eq_ignore_ascii_case(other.name.as_str()) && one.value == other.value
            })
    }

    /// Bytes that it takes.
    pub(crate) fn weight(&self) -> usize {
        let one = |one: &Selected| {
            size_of::<Selected>()
                + one.name.as_str().len()
                + one.value.as_ref().map_or(0, |value| value.len())
        };
        self.0.iter().map(one).sum()
    }
}

/// The value of a field in a form in which what means the same is alike: lines are combined, and blanks around commas left out.
/// Languages have no case (RFC 4647 section 2).
fn normalised(name: &FieldName, fields: &Fields) -> Option<Box<[u8]>> {
    let mut lines = fields.all(name).peekable();
    lines.peek()?;
    // These are no lists: what stands in them is compared as it is.
    let is_text = matches!(
        name.known(),
        Some(Known::Cookie | Known::Authorization | Known::UserAgent | Known::Referer)
    );
    let mut value = Vec::new();
    for (number, item) in lines.flat_map(|line| items(line, is_text)).enumerate() {
        if number > 0 {
            value.push(b',');
        }
        value.extend_from_slice(item);
    }
    if name.known() == Some(Known::AcceptLanguage) {
        value.retain(|byte| *byte != b' ');
        value.make_ascii_lowercase();
    }
    Some(value.into())
}

fn items(line: &[u8], is_text: bool) -> impl Iterator<Item = &[u8]> {
    let whole = is_text.then_some(line);
    let split = (!is_text).then(|| list_items(line));
    whole.into_iter().chain(split.into_iter().flatten())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::{Lines, fields, response};

    fn selection(vary: &[&str], request: &[(&str, &str)]) -> Option<Selection> {
        let lines: Vec<_> = vary.iter().map(|line| ("Vary", *line)).collect();
        Selection::of(&response(200, &lines), &fields(request))
    }

    /// Section 4.1.
    #[test]
    fn requests_that_are_alike_in_what_is_named_have_the_same() {
        let a1: &[(&str, &str)] = &[("Foo", "1")];
        let table: &[(&str, Lines<'_>, Lines<'_>, bool)] = &[
            ("Foo", a1, &[("foo", "1"), ("Other", "x")], true),
            ("foo", a1, &[("Foo", "2")], false),
            ("Foo", a1, &[], false),
            ("Foo", &[], a1, false),
            ("Foo", &[], &[], true),
            ("Foo, Bar", &[("Foo", "1"), ("Bar", "2")], &[("Bar", "2"), ("Foo", "1")], true),
            ("Foo, Bar", &[("Foo", "1"), ("Bar", "2")], a1, false),
            ("Foo", &[("Foo", "1, 2")], &[("Foo", "1"), ("Foo", "2")], true),
            ("Foo", &[("Foo", "1,2")], &[("Foo", " 1, 2 ")], true),
            ("Foo", &[("Foo", "1,2")], &[("Foo", "2,1")], false),
            ("Foo", &[("Foo", "")], &[], false),
            (
                "Accept-Language",
                &[("Accept-Language", "en, de;q=0.5")],
                &[("Accept-Language", "EN,De; q=0.5")],
                true,
            ),
            ("Cookie", &[("Cookie", "a=1, b")], &[("Cookie", "a=1,b")], false),
        ];
        for (vary, stored, asked, same) in table {
            let selection = selection(&[vary], stored).unwrap();
            assert_eq!(selection.matches(&fields(asked)), *same, "{vary} {stored:?} {asked:?}");
        }
    }

    #[test]
    fn a_star_anywhere_is_for_nobody_else() {
        for vary in [&["*"][..], &["*, *"], &[", *"], &["", "*"], &["*, Foo"], &["Foo, *"], &["a b"]] {
            assert!(selection(vary, &[]).is_none(), "{vary:?}");
        }
        assert!(selection(&["", ","], &[]).unwrap().matches(&fields(&[("A", "1")])));
    }

    #[test]
    fn the_order_of_names_does_not_tell_answers_apart() {
        let request = [("Foo", "1"), ("Bar", "2")];
        let (one, other) = (selection(&["Foo, BAR, foo"], &request), selection(&["bar", "foo"], &request));
        let (one, other) = (one.unwrap(), other.unwrap());
        assert!(one.is_same(&other) && one.names().eq(["bar", "foo"]));
        let named = one.names().collect::<Vec<_>>();
        let again = Selection::by(named.iter().map(String::as_bytes), &fields(&request));
        let written = |selection: &Selection| {
            let mut out = Vec::new();
            selection.write(&mut out);
            out
        };
        assert_eq!(written(&one), written(&again.unwrap()));
        assert_ne!(written(&one), written(&selection(&["Foo, Bar"], &[("Foo", "12"), ("Bar", "")]).unwrap()));
        assert_ne!(
            written(&selection(&["Foo"], &[("Foo", "")]).unwrap()),
            written(&selection(&["Foo"], &[]).unwrap())
        );
    }

    proptest! {
        /// No answer is for a request that has something else in a field that it varies by.
        #[test]
        fn what_differs_never_matches(one in "[a-z0-9]{1,9}", other in "[a-z0-9]{1,9}") {
            let found = selection(&["X"], &[("X", &one)]).unwrap().matches(&fields(&[("X", &other)]));
            prop_assert_eq!(found, one == other);
        }
    }
}

//! Lists, lines and single values, at every split.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

type Cut = Result<Vec<(Option<usize>, String)>, ElementError>;

fn cut(body: &[u8], is_lines: bool, sizes: &[usize]) -> Cut {
    let mut elements = Elements::new(is_lines, 16);
    let mut found = Vec::new();
    let mut visit = |index, value: &[u8]| {
        found.push((index, String::from_utf8(value.trim_ascii().to_vec()).unwrap()));
        Ok::<_, ElementError>(())
    };
    let mut rest = body;
    for size in sizes.iter().cycle() {
        let (piece, behind) = rest.split_at((*size).min(rest.len()));
        elements.feed(piece, &mut visit)?;
        rest = behind;
        if rest.is_empty() {
            break;
        }
    }
    elements.finish(&mut visit)?;
    Ok(found)
}

fn texts(body: &str, is_lines: bool) -> Result<Vec<String>, ElementError> {
    let whole = cut(body.as_bytes(), is_lines, &[usize::MAX]);
    for size in 1..body.len() {
        assert_eq!(cut(body.as_bytes(), is_lines, &[size]), whole, "{body} in pieces of {size}");
    }
    let whole = whole?;
    for (at, (index, _)) in whole.iter().enumerate() {
        assert!(index.is_none_or(|index| index == at));
    }
    Ok(whole.into_iter().map(|(_, text)| text).collect())
}

#[test]
fn cuts_lists() {
    for (body, found) in [
        ("", &[][..]),
        (" \n ", &[]),
        ("[]", &[]),
        (" [ ] \n", &[]),
        ("[1]", &["1"]),
        (r#"[{"a":[1,2]}, [3,{}] ,"],[{\"\\",null]"#, &[r#"{"a":[1,2]}"#, "[3,{}]", r#""],[{\"\\""#, "null"]),
        ("[}]", &["}"]),
    ] {
        assert_eq!(texts(body, false), Ok(found.iter().map(|&text| text.to_owned()).collect()), "{body}");
    }
    for (body, error) in [
        ("[", ElementError::Truncated),
        ("[1", ElementError::Truncated),
        ("[\"]", ElementError::Truncated),
        ("[1] 2", ElementError::Surplus),
        ("[1]]", ElementError::Surplus),
        ("[,]", ElementError::Missing { index: 0 }),
        ("[1, ,2]", ElementError::Missing { index: 1 }),
        ("[1,]", ElementError::Missing { index: 1 }),
        ("[1,\"0123456789abcdef\"]", ElementError::TooLarge(16)),
    ] {
        assert_eq!(texts(body, false), Err(error), "{body}");
    }
}

#[test]
fn cuts_lines() {
    for (body, found) in
        [("", &[][..]), ("\n\r\n", &[]), ("{}", &["{}"]), ("1\n\n[2]\r\n{\"a\":\n", &["1", "[2]", "{\"a\":"])]
    {
        assert_eq!(texts(body, true), Ok(found.iter().map(|&text| text.to_owned()).collect()), "{body}");
    }
    assert_eq!(texts("1\n0123456789abcdefg\n", true), Err(ElementError::TooLarge(16)));
}

#[test]
fn another_value_is_the_only_one() {
    assert_eq!(cut(b" {\n} ", false, &[2]), Ok(vec![(None, "{\n}".to_owned())]));
    assert_eq!(texts("01234567890123456", false), Err(ElementError::TooLarge(16)));
}

proptest! {
    #[test]
    fn the_same_at_every_split(body in "[\\[\\]{}\",:\\\\ 1\n]{0,20}", sizes in vec(1_usize..6, 1..4), lines in any::<bool>()) {
        prop_assert_eq!(cut(body.as_bytes(), lines, &sizes), cut(body.as_bytes(), lines, &[usize::MAX]));
    }
}

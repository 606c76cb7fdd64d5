//! What an unquoted scalar means: the core schema of YAML 1.2 (section 10.3.2), and no other words.
//!
//! `yes`, `no`, `on` and `off` are therefore text; a reader that wants `true` or `false` refuses them with a hint.

use super::ScalarKind;

/// The kind of an unquoted scalar.
pub(crate) fn core_schema(text: &str) -> ScalarKind {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return ScalarKind::Null,
        "true" | "True" | "TRUE" => return ScalarKind::Bool(true),
        "false" | "False" | "FALSE" => return ScalarKind::Bool(false),
        _ => {}
    }
    // Most scalars are words: decide by the first byte before anything is parsed.
    if !text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.')) {
        return ScalarKind::String;
    }
    integer(text)
        .map(ScalarKind::Int)
        .or_else(|| float(text).map(ScalarKind::Float))
        .unwrap_or(ScalarKind::String)
}

fn integer(text: &str) -> Option<i64> {
    if let Some(digits) = text.strip_prefix("0x").filter(|digits| !digits.starts_with(['+', '-'])) {
        return i64::from_str_radix(digits, 16).ok();
    }
    if let Some(digits) = text.strip_prefix("0o").filter(|digits| !digits.starts_with(['+', '-'])) {
        return i64::from_str_radix(digits, 8).ok();
    }
    text.parse().ok()
}

/// `[-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?`, infinities and NaN.
fn float(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    match unsigned {
        ".inf" | ".Inf" | ".INF" => {
            return Some(if text.starts_with('-') { f64::NEG_INFINITY } else { f64::INFINITY });
        }
        ".nan" | ".NaN" | ".NAN" if unsigned.len() == text.len() => return Some(f64::NAN),
        _ => {}
    }
    let digit_or_mark = |c: char| c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E' | '+' | '-');
    if unsigned.starts_with(['e', 'E']) || unsigned == "." || !unsigned.chars().all(digit_or_mark) {
        return None;
    }
    text.parse().ok()
}

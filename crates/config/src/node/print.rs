//! From the tree back to YAML: what `check --expand` prints. Reading it again gives an equal tree.
//! Block style throughout; quotes only where they are needed, and then double ones.

use super::{Map, Node, Scalar, ScalarKind, Value, resolve};

/// Prints a tree as YAML in block style, with a line feed at the end. What came through `${…}` is printed as it was written.
pub(crate) fn print(node: &Node) -> String {
    let mut out = String::new();
    match &node.value {
        Value::Map(map) if !map.entries.is_empty() => print_map(map, 0, &mut out),
        Value::List(items) if !items.is_empty() => print_list(items, 0, &mut out),
        _ => {
            print_inline(node, &mut out);
            out.push('\n');
        }
    }
    out
}

fn print_map(map: &Map, indent: usize, out: &mut String) {
    for (index, entry) in map.entries.iter().enumerate() {
        // The first entry of an item of a list stands on the line of its dash.
        if index > 0 || out.is_empty() || out.ends_with('\n') {
            out.extend(std::iter::repeat_n(' ', indent));
        }
        print_text(&entry.key, true, out);
        out.push(':');
        print_value(&entry.value, indent, out);
    }
}

fn print_list(items: &[Node], indent: usize, out: &mut String) {
    for item in items {
        out.extend(std::iter::repeat_n(' ', indent));
        out.push('-');
        match &item.value {
            Value::Map(map) if !map.entries.is_empty() => {
                out.push(' ');
                print_map(map, indent + 2, out);
            }
            _ => print_value(item, indent, out),
        }
    }
}

/// What follows `key:` or `-`.
fn print_value(node: &Node, indent: usize, out: &mut String) {
    match &node.value {
        Value::Map(map) if !map.entries.is_empty() => {
            out.push('\n');
            print_map(map, indent + 2, out);
        }
        Value::List(items) if !items.is_empty() => {
            out.push('\n');
            print_list(items, indent + 2, out);
        }
        _ => {
            out.push(' ');
            print_inline(node, out);
            out.push('\n');
        }
    }
}

fn print_inline(node: &Node, out: &mut String) {
    match &node.value {
        Value::Map(_) => out.push_str("{}"),
        Value::List(_) => out.push_str("[]"),
        Value::Scalar(scalar) => print_scalar(scalar, out),
    }
}

fn print_scalar(scalar: &Scalar, out: &mut String) {
    match (&scalar.substitution, scalar.kind) {
        (Some(substitution), _) if scalar.plain => print_text(&substitution.written, true, out),
        (Some(substitution), _) => print_quoted(&substitution.written, out),
        (None, ScalarKind::Null) => out.push_str("null"),
        (None, ScalarKind::String) => print_text(&scalar.text.replace("${", "$${"), false, out),
        (None, _) => out.push_str(&scalar.text),
    }
}

/// A text, in quotes unless it reads the same without. `any_kind`: it need not read as text, as of keys.
fn print_text(text: &str, any_kind: bool, out: &mut String) {
    let keeps_kind = any_kind || resolve::core_schema(text) == ScalarKind::String;
    if keeps_kind && plain_is_safe(text) { out.push_str(text) } else { print_quoted(text, out) }
}

/// Whether YAML reads the text without quotes as itself, in a key too. Everything is printed in block style, in which
/// braces, brackets and commas may stand inside a text.
fn plain_is_safe(text: &str) -> bool {
    let begins_well =
        text.starts_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '_' | '$' | '.' | '('));
    begins_well
        && !text.ends_with([' ', ':'])
        && !text.contains(": ")
        && !text.contains(" #")
        && !text.starts_with("...")
        && text.chars().all(|c| c.is_alphanumeric() || " -_./:;=+*()<>@%$!?'^|~&\\{}[],\"`".contains(c))
        // Words that other YAML readers take for booleans are quoted for people's sake.
        && !["y", "n", "yes", "no", "on", "off"].contains(&text.to_ascii_lowercase().as_str())
}

fn print_quoted(text: &str, out: &mut String) {
    use std::fmt::Write as _;
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{feff}' | '\u{85}' | '\u{2028}' | '\u{2029}' => _ = write!(out, "\\u{:04X}", c as u32),
            c if c.is_control() => _ = write!(out, "\\x{:02X}", c as u32),
            c => out.push(c),
        }
    }
    out.push('"');
}

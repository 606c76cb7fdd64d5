//! Loads of whole documents: values, mistakes, layers of policies.

use super::{Document, Loaded, load};
use crate::files::Memory;
use crate::problem::Style;

mod effective;
mod mistakes;
mod traffic;
mod values;

/// Loads a text, in an environment with a few variables.
fn loaded(text: &str) -> Loaded {
    let environment = |name: &str| match name {
        "TOKEN" => Some("hush".to_owned()),
        "EMPTY" => Some(String::new()),
        "USERS" => Some("http://users:8080".to_owned()),
        _ => None,
    };
    load("maitred.yaml", &Memory::new().with("maitred.yaml", text), &environment)
}

/// The document of a text without problems, not even warnings.
fn document(text: &str) -> Document {
    let loaded = loaded(text);
    assert!(loaded.problems.is_empty(), "{}", loaded.problems.render(loaded.texts(), Style::Plain));
    loaded.document.expect("a document")
}

/// The problems of a text, as drawn.
fn problems(text: &str) -> String {
    let loaded = loaded(text);
    let drawn = loaded.problems.render(loaded.texts(), Style::Plain);
    assert!(!drawn.contains("hush"), "{drawn}");
    drawn
}

//! The keys of a map as a flat list: what the reference pages print.
//! Follows the shapes, as the schema does; a type that contains itself is listed once.

use super::{Field, MapShape, Shape};

/// One key, for a reference page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// The key, below its parents: `timeouts.connect`.
    pub path: String,
    /// What may stand there: "duration", "list of methods".
    pub kind: String,
    /// The default, in the words of the language.
    pub default: Option<&'static str>,
    /// Whether it has to be written.
    pub required: bool,
    /// Whether a scalar in place of the map is its value.
    pub main: bool,
    /// Its doc comment.
    pub doc: String,
}

impl MapShape {
    /// All keys, each followed by those of the map below it.
    pub fn listing(&self) -> Vec<Listing> {
        let mut listing = Vec::new();
        list(self, "", &mut vec![self.name], &mut listing);
        listing
    }
}

fn list(shape: &MapShape, prefix: &str, above: &mut Vec<&'static str>, listing: &mut Vec<Listing>) {
    for field in shape.fields {
        let path = format!("{prefix}{}", field.key);
        let below = (field.shape)();
        listing.push(entry(field, path.clone(), &below));
        let (map, path) = below.map_below(path);
        if let Some(map) = map.filter(|map| !above.contains(&map.name)) {
            above.push(map.name);
            list(map, &format!("{path}."), above, listing);
            above.pop();
        }
    }
}

fn entry(field: &Field, path: String, shape: &Shape) -> Listing {
    Listing {
        path,
        kind: shape.describe(),
        default: field.default,
        required: field.required(),
        main: field.main,
        doc: unindented(field.doc),
    }
}

/// A doc comment without the space that follows its slashes.
pub(crate) fn unindented(doc: &str) -> String {
    let lines: Vec<&str> = doc.lines().map(|line| line.strip_prefix(' ').unwrap_or(line)).collect();
    lines.join("\n").trim().to_owned()
}

impl Shape {
    /// The map of known keys below this, if there is one, and the path of its keys.
    fn map_below(&self, path: String) -> (Option<&'static MapShape>, String) {
        match self {
            Self::Map(map) => (Some(map), path),
            Self::Switch(inside) => inside.map_below(path),
            Self::Named(inside) => inside.map_below(path + ".NAME"),
            Self::List { item, .. } => item.map_below(path),
            Self::OneOf(shapes) => {
                let map = shapes.iter().find_map(|shape| shape.map_below(path.clone()).0);
                (map, path)
            }
            _ => (None, path),
        }
    }

    /// What may stand here, in a few words.
    pub fn describe(&self) -> String {
        match self {
            Self::Any => "anything".into(),
            Self::Bool => "`true` or `false`".into(),
            Self::Int { .. } => "whole number".into(),
            Self::Text(text) => text.name.into(),
            Self::Words(words) => {
                words.words.iter().map(|(word, _)| format!("`{word}`")).collect::<Vec<_>>().join(", ")
            }
            Self::Secret => "secret".into(),
            Self::List { item, .. } => format!("one or a list of: {}", item.describe()),
            Self::Named(inside) => format!("map of names to: {}", inside.describe()),
            Self::Map(_) => "map".into(),
            Self::Switch(inside) => format!("{}, or `false`", inside.describe()),
            Self::OneOf(shapes) => shapes.iter().map(Self::describe).collect::<Vec<_>>().join(", or "),
            Self::Policies => "map of policies".into(),
        }
    }
}

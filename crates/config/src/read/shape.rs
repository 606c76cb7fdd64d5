//! What may stand in a place of the configuration, as a value: the source of schema, reference and long form.
//! Knows nothing of values in Rust, and of no particular key.

use std::borrow::Cow;

use crate::node::{Entry, Map, Node, ScalarKind, Value};
use crate::problem::Problem;

/// What may stand in a place.
#[derive(Debug, Clone)]
pub enum Shape {
    /// Anything.
    Any,
    /// `true` or `false`.
    Bool,
    /// A whole number between two, both taken.
    Int {
        /// The smallest.
        min: i64,
        /// The largest.
        max: i64,
    },
    /// A scalar with a grammar, or plain text.
    Text(&'static TextShape),
    /// One of some words.
    Words(&'static WordsShape),
    /// A credential: never shown.
    Secret,
    /// A list, or one of its items bare.
    List {
        /// The items.
        item: Box<Self>,
        /// Whether there has to be one.
        not_empty: bool,
    },
    /// A map from names that the user chooses.
    Named(Box<Self>),
    /// A map of known keys.
    Map(&'static MapShape),
    /// The same, or `false`.
    Switch(Box<Self>),
    /// The first of these that fits.
    OneOf(Vec<Self>),
    /// A map of policies.
    Policies,
}

/// A kind of scalar.
#[derive(Debug)]
pub struct TextShape {
    /// What it is called, without an article: `duration`.
    pub name: &'static str,
    /// A text that is one.
    pub example: &'static str,
    /// A regular expression (ECMA 262) that every text of this kind fits, for editors.
    pub pattern: Option<&'static str>,
}

/// The words of an enum.
#[derive(Debug)]
pub struct WordsShape {
    /// The enum's name in Rust: the name of its schema.
    pub name: &'static str,
    /// What the choice is about.
    pub doc: &'static str,
    /// Each word and what it means.
    pub words: &'static [(&'static str, &'static str)],
    /// Words of the language that this version does not know yet.
    pub later: &'static [&'static str],
}

/// Turns a scalar in place of a map into the map.
pub type ShortForm = fn(&Node) -> Result<Node, Problem>;

/// A map of known keys.
#[derive(Debug)]
pub struct MapShape {
    /// The struct's name in Rust: the name of its schema.
    pub name: &'static str,
    /// What it is.
    pub doc: &'static str,
    /// Its keys, in the order of the declaration.
    pub fields: &'static [Field],
    /// How a scalar or list in its place becomes a map, if that is more than "the value of the main field".
    pub short: Option<ShortForm>,
}

/// A key of a map.
#[derive(Debug)]
pub struct Field {
    /// The key.
    pub key: &'static str,
    /// What it means, as its doc comment says.
    pub doc: &'static str,
    /// What may stand under it.
    pub shape: fn() -> Shape,
    /// What stands there if the user says nothing, in the words of the language.
    pub default: Option<&'static str>,
    /// Whether it may be left out although it has no default.
    pub optional: fn() -> bool,
    /// Whether a scalar in place of the whole map is the value of this key.
    pub main: bool,
}

impl Shape {
    /// Whether a credential may stand here.
    fn is_secret(&self) -> bool {
        match self {
            Self::Secret => true,
            Self::List { item: shape, .. } | Self::Named(shape) | Self::Switch(shape) => shape.is_secret(),
            Self::OneOf(shapes) => shapes.iter().any(Self::is_secret),
            _ => false,
        }
    }
}

impl Field {
    /// Whether the user has to write it.
    pub fn required(&self) -> bool {
        self.default.is_none() && !(self.optional)()
    }
}

impl MapShape {
    /// The key with this name.
    pub fn field(&self, key: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.key == key)
    }

    /// Whether one of its keys holds a credential.
    pub fn has_secret(&self) -> bool {
        self.fields.iter().any(|field| (field.shape)().is_secret())
    }

    /// The key whose value a scalar in place of the map is.
    pub fn main(&self) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.main)
    }

    /// The map that a node in this place stands for: `true` is an empty one, a scalar gives the main field. `Err` if the node
    /// stands for none.
    pub fn long_form<'n>(&self, node: &'n Node) -> Result<Cow<'n, Node>, Problem> {
        long_form(self, node)
    }
}

/// See [`MapShape::long_form`].
fn long_form<'n>(shape: &MapShape, node: &'n Node) -> Result<Cow<'n, Node>, Problem> {
    let refused = |message: String| Err(Problem::error(message));
    let scalar = match &node.value {
        Value::Map(_) => return Ok(Cow::Borrowed(node)),
        Value::List(_) => None,
        Value::Scalar(scalar) => Some(scalar),
    };
    if node.as_bool() == Some(true) {
        return Ok(Cow::Owned(Node::empty_map().at(node.span)));
    }
    if node.as_bool() == Some(false) {
        return refused("`false` is not possible here: this cannot be turned off".into());
    }
    if scalar.is_some_and(|scalar| scalar.kind == ScalarKind::Null) {
        return Err(Problem::error("nothing stands here, a value is wanted")
            .help("write a value, or leave the key out"));
    }
    if let (Some(short), Some(_)) = (shape.short, scalar) {
        return short(node).map(Cow::Owned);
    }
    let Some(main) = shape.main() else {
        let wanted = if shape.short.is_some() { "a map or a text" } else { "a map" };
        let problem = Problem::error(format!("{wanted} is wanted here, not {}", node.kind_name()));
        return Err(problem.help(format!("known keys: {}", known_keys(shape))));
    };
    let entry = Entry { key: main.key.into(), key_span: node.span, value: node.clone() };
    Ok(Cow::Owned(Node { value: Value::Map(Map { entries: vec![entry] }), span: node.span }))
}

/// All keys of a map, for help.
pub(super) fn known_keys(shape: &MapShape) -> String {
    shape.fields.iter().map(|field| format!("`{}`", field.key)).collect::<Vec<_>>().join(", ")
}

impl TextShape {
    /// "a duration".
    pub fn wanted(&self) -> String {
        let article = if self.name.starts_with(['a', 'e', 'i', 'o']) { "an" } else { "a" };
        format!("{article} {}", self.name)
    }
}

/// Plain text without a grammar.
pub static TEXT: TextShape = TextShape { name: "text", example: "text", pattern: None };

impl Shape {
    /// A list of this.
    pub fn list(self) -> Self {
        Self::List { item: Box::new(self), not_empty: false }
    }

    /// The same, or `false`.
    pub fn or_false(self) -> Self {
        Self::Switch(Box::new(self))
    }

    /// Whether a node of this kind can stand here at all: how one of several shapes is chosen.
    pub fn fits(&self, node: &Node) -> bool {
        match (self, &node.value) {
            (Self::Any, _) => true,
            (Self::Switch(inside), _) => node.as_bool() == Some(false) || inside.fits(node),
            (Self::OneOf(shapes), _) => shapes.iter().any(|shape| shape.fits(node)),
            (Self::Bool, _) => node.as_bool().is_some(),
            (Self::Int { .. }, Value::Scalar(scalar)) => matches!(scalar.meaning(), ScalarKind::Int(_)),
            (Self::Text(_) | Self::Words(_), Value::Scalar(scalar)) => {
                !matches!(scalar.kind, ScalarKind::Null | ScalarKind::Bool(_))
            }
            // What is written in the document itself is none: a hash may be, where both are taken.
            (Self::Secret, Value::Scalar(scalar)) => scalar.substitution.is_some() || scalar.text.is_empty(),
            (Self::List { item, .. }, _) => node.as_list().is_some() || item.fits(node),
            (Self::Named(_) | Self::Policies, value) => matches!(value, Value::Map(_)),
            (Self::Map(shape), _) => {
                node.as_map().is_some()
                    || node.as_bool() == Some(true)
                    || (shape.short.is_some() && node.as_scalar().is_some())
                    || shape.main().is_some_and(|main| (main.shape)().fits(node))
            }
            _ => false,
        }
    }
}

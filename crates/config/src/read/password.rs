//! Passwords of consumers: hashes, or what comes in by `${…}`.
//! What kinds of hashes there are, and what they may cost, is known to the policy that verifies them.

use super::secret::is_plain_secret;
use super::{Read, Reader, Secret, Shape, TextShape};
use crate::node::Node;
use crate::problem::Problem;

/// A password, as far as it is known.
#[derive(Clone, Debug, PartialEq)]
pub enum Password {
    /// Its hash, as in `$argon2id$…`.
    Hash(Box<str>),
    /// The password itself, which came from outside of the document.
    Plain(Secret),
}

/// What the hashes begin with that a document may have.
const HASHES: [&str; 4] = ["$argon2", "$2a$", "$2b$", "$2y$"];

impl Read for Password {
    fn shape() -> Shape {
        static HASH: TextShape = TextShape {
            name: "hash of a password",
            example: "$argon2id$v=19$m=19456,t=2,p=1$c29tZSBzYWx0IGhlcmU$…",
            pattern: Some("^\\$(argon2(id|i|d)|2[aby])\\$"),
        };
        Shape::OneOf(vec![Shape::Secret, Shape::Text(&HASH)])
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        match node.as_text() {
            Some(text) if HASHES.iter().any(|beginning| text.starts_with(beginning)) => {
                Some(Self::Hash(text.into()))
            }
            Some(text) if is_plain_secret(node) => {
                reader.hide(node);
                let problem = Problem::error("a password is written in plain in the document");
                let help = if text.starts_with(['$', '{']) {
                    "hashes of other kinds have their place in a file of htpasswd; `maitred key password` makes one by argon2"
                } else {
                    "write its hash, which `maitred key password` makes, or bring it in: `${NAME}` from the environment, `${file:PATH}` from a file"
                };
                reader.problem(problem.at(reader.place(node)).help(help));
                None
            }
            _ => Secret::read(node, reader).map(Self::Plain),
        }
    }

    fn is_nothing(&self) -> bool {
        matches!(self, Self::Plain(secret) if secret.is_empty())
    }
}

//! the Document: loading, includes, environment, spans, problems, the typed reader, JSON Schema

pub mod document;
pub mod expand;
pub mod load;
pub mod node;
pub mod problem;
pub mod read;
pub mod scalar;
pub mod schema;
pub mod span;
mod substitute;
pub mod texts;

pub use document::{Document, EffectivePolicy, Loaded, PolicyEntry, PolicyMap, PolicyShapes, load};
pub use expand::expand;
pub use load::{Disk, Environment, Files, Memory, NoEnvironment, ProcessEnvironment, Watched};
pub use node::{Entry, Map, Node, Scalar, ScalarKind, Value};
pub use problem::{Problem, Problems, Severity, Style};
pub use read::{
    ByteSize, ConfigMap, Field, Fields, FilePath, HeaderName, HeaderValue, Listing, MapShape, Method, Named,
    NamedEntry, OneOrMany, Read, Reader, Secret, Shape, Spanned, StatusCode, TextShape, Toggle, WordsShape,
    read_text,
};
pub use schema::document_schema;
pub use span::{FileId, Span};
pub use texts::Texts;

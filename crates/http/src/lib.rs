//! The words of HTTP, the same for every protocol version: methods, targets, header fields, heads, body lengths.
//!
//! Nothing here opens a socket, spawns a task or reads a clock. A head keeps its bytes in one buffer and its
//! fields as offsets into it, so that a head can be cleared and used again without allocating.

mod authority;
mod body;
mod field;
mod fields;
mod head;
mod method;
mod name;
mod pairs;
mod status;
mod target;

pub use authority::{Authority, AuthorityError};
pub use body::BodyLength;
pub use field::{FieldName, FieldNameError, Known, KnownSet, check_field_value};
pub use fields::{Fields, FieldsIter};
pub use head::{RequestHead, ResponseHead, Scheme, Version};
pub use method::{Method, MethodError, MethodToken};
pub use name::{is_token, is_token_byte};
pub use pairs::{cookies, list_items, query_pairs};
pub use status::reason;
pub use target::{PathRules, Target, TargetError, percent_decode, push_percent_encoded};

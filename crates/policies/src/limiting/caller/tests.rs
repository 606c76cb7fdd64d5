//! Keys as stores get them.

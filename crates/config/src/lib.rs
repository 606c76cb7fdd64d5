//! the Document: loading, includes, environment, spans, problems, the typed reader, JSON Schema

pub mod scalar;

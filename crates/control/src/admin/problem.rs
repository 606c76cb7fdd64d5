//! Errors of the admin listener, as `application/problem+json` (RFC 9457).
//! Those of the gateway itself are made by the engine.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};

/// An answer that says what is wrong.
pub(super) fn problem(status: StatusCode, detail: &str) -> Response {
    let title = status.canonical_reason().unwrap_or_default();
    let body = serde_json::json!({
        "type": "about:blank", "title": title, "status": status.as_u16(), "detail": detail,
    });
    (status, [(header::CONTENT_TYPE, "application/problem+json")], body.to_string()).into_response()
}

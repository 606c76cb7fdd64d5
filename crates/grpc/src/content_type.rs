//! Whether a message is one of gRPC, as its `Content-Type` says.
//! Which of the two forms of gRPC-Web it is, `web` tells.

use crate::GRPC_CONTENT_TYPE;

/// Whether this is the content type of gRPC or gRPC-Web, whatever the format of its messages. What only begins so is another one.
///
/// ```
/// use maitred_grpc::is_grpc;
///
/// assert!(is_grpc(b"application/grpc"));
/// assert!(is_grpc(b"Application/gRPC-Web+proto; charset=utf-8"));
/// assert!(!is_grpc(b"application/grpcfoo"));
/// ```
#[inline]
pub fn is_grpc(content_type: &[u8]) -> bool {
    let Some((start, rest)) = content_type.split_at_checked(GRPC_CONTENT_TYPE.len()) else { return false };
    start.eq_ignore_ascii_case(GRPC_CONTENT_TYPE.as_bytes())
        && matches!(rest.first(), None | Some(b'+' | b'-' | b';' | b' ' | b'\t'))
}

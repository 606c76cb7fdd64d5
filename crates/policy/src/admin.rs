//! What a policy shows operators on the admin listener, and what they may change there. It is asked on the control runtime, beside
//! requests; who may ask is checked before.

use std::pin::Pin;

use maitred_http::Method;
use maitred_store::Moment;
use serde_json::Value;

/// A part of a policy that operators see as a resource: `/COLLECTION`, and what is below.
pub trait AdminResource: Send + Sync + 'static {
    /// The name that all policies of its kind have in common: `quotas`.
    fn collection(&self) -> &'static str;

    /// The methods that it takes, for the `Allow` of its answers with 405 (RFC 9110 section 15.5.6).
    fn allowed(&self) -> &'static str {
        "GET, HEAD"
    }

    /// Answers. It may wait for stores, which it asks from [`Seat::Control`](maitred_store::Seat), on the thread that it began on.
    fn serve<'a>(&'a self, request: AdminRequest<'a>) -> AdminServing<'a>;
}

/// An answer to an operator that may be waited for.
pub type AdminServing<'a> = Pin<Box<dyn Future<Output = AdminReply> + 'a>>;

/// What an operator asks.
#[derive(Clone, Copy, Debug)]
pub struct AdminRequest<'a> {
    /// The method; GET in the place of HEAD.
    pub method: Method,
    /// What stands behind the name of the collection and a slash, decoded; empty for the collection itself.
    pub rest: &'a str,
    /// Names and values of the query, decoded, but for `place` and `policy`, which say who is asked.
    pub query: &'a [(String, String)],
    /// The body: 64 KiB at most.
    pub body: &'a [u8],
    /// Now.
    pub moment: Moment,
}

/// What a policy answers.
#[derive(Clone, Debug, PartialEq)]
pub struct AdminReply {
    /// The status: 404 for what this policy does not have, and others may.
    pub status: u16,
    /// An object, which is told with the policy's place and name.
    pub json: Value,
}

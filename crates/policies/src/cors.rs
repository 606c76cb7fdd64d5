//! Lets pages of other sites call these routes: cross-origin resource sharing, as the Fetch standard has it.
//!
//! `true` lets every site call, without cookies, with the methods of the route. `origins` lists the sites that may:
//! `https://shop.example`, or `https://*.shop.example` for all its subdomains (not for itself). With `credentials: true` browsers
//! send cookies along; then the sites have to be listed.
//!
//! Preflights are answered here with 204, before anybody is asked who they are. A site that may not call gets an answer
//! without `Access-Control-…` fields, which browsers take for a refusal. The fields stand on every answer, also on errors of
//! the gateway, and those that a service sends are replaced. `Vary` says that the answer depends on the origin.

use maitred_http::{Known, Method, RequestHead};
use maitred_policy::{Build, Phase, PolicyKind};

mod answer;
mod config;
mod policy;
#[cfg(test)]
mod tests;

use answer::Answers;
use config::CorsConfig;

/// See the top of this file.
#[derive(Debug)]
pub(crate) struct Cors {
    answers: Answers,
}

impl PolicyKind for Cors {
    const NAME: &'static str = "cors";
    type Config = CorsConfig;
    type Compiled = Self;

    fn phase(_: &CorsConfig) -> Phase {
        Phase::Preflight
    }

    fn compile(config: CorsConfig, _: &mut Build<'_>, _: Option<&Self>) -> Option<Self> {
        Some(Self { answers: Answers::new(&config) })
    }
}

/// Whether this is a preflight (Fetch standard, "CORS protocol": an OPTIONS request that asks about a method).
fn is_preflight(request: &RequestHead) -> bool {
    request.method == Method::Options
        && request.fields.has(Known::Origin)
        && request.fields.has(Known::AccessControlRequestMethod)
}

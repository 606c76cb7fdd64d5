//! All built-in policies, a line each.
//! The catalogue tests (`catalog/tests.rs`) run over every one of them.

use maitred_config::Memory;
use maitred_policy::Catalog;

#[cfg(test)]
mod tests;

/// What stands in the sources of a policy besides its code: what its reference page is made of.
pub(crate) struct Page {
    /// Its file, whose `//!` is the user page.
    pub(crate) source: &'static str,
    /// A whole document that uses it.
    pub(crate) example: &'static str,
}

impl Page {
    /// The example as a file, and those that examples name.
    pub(crate) fn files(&self) -> Memory {
        Memory::new()
            .with("example.yaml", self.example)
            .with("secrets/acme", "the key of an example, of some length")
            .with("protos/stock.proto", include_str!("grpc_json/stock.proto"))
            .with("keys/shop.pem", include_str!("jwt/shop.pem"))
            .with("keys/partners.json", include_str!("jwt/partners.json"))
            .with("keys/revoked.txt", "")
            .with("secrets/shop_api", "example")
            .with("secrets/bank", "example")
            .with("secrets/gateway", "example")
            .with("secrets/partner", "example")
            .with("secrets/shop_web", "example")
            .with("secrets/sessions", "an example of something that nobody guesses")
    }
}

macro_rules! policies {
    ($($module:ident :: $kind:ident,)*) => {
        /// All built-in policies.
        pub fn catalog() -> Catalog {
            Catalog::default()$(.with::<crate::$module::$kind>())*
        }

        /// The pages, in the order of the catalogue.
        pub(crate) const PAGES: &[Page] = &[$(Page {
            source: include_str!(concat!(stringify!($module), ".rs")),
            example: include_str!(concat!(stringify!($module), "/example.yaml")),
        }),*];
    };
}

policies! {
    any_of::AnyOf,
    api_key::ApiKey,
    authorize::Authorize,
    basic_auth::BasicAuth,
    bot_filter::BotFilter,
    cache::Cache,
    client_certificate::ClientCertificate,
    client_credentials::ClientCredentials,
    concurrency_limit::ConcurrencyLimit,
    cors::Cors,
    csrf::Csrf,
    ext_authz::ExtAuthz,
    fault::FaultPolicy,
    forward_auth::ForwardAuth,
    grpc_json::GrpcJson,
    grpc_web::GrpcWeb,
    hmac_signature::HmacSignature,
    idempotency::Idempotency,
    introspection::Introspection,
    ip::Ip,
    json_limits::JsonLimits,
    jwt::Jwt,
    oidc_login::OidcLogin,
    quota::QuotaPolicy,
    rate_limit::RateLimitPolicy,
    request_id::RequestIdPolicy,
    request_size::RequestSize,
    security_headers::SecurityHeaders,
    token_exchange::TokenExchange,
    transform_request::TransformRequest,
    transform_response::TransformResponse,
}

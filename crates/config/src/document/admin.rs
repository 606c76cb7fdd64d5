//! The admin listener: API, health pages, metrics.
//! Only its address and token: what it serves is the business of crate control.

use crate::config_map;
use crate::problem::Problem;
use crate::read::{Fields, Reader, Secret, Spanned};
use crate::scalar::{ListenAddress, listen_address};

config_map! {
    /// The admin API. `/healthz` and `/readyz` need no token.
    #[check = Admin::check]
    pub struct Admin {
        /// The address. Other machines reach it only with a token.
        #[main]
        address: Spanned<ListenAddress> = "127.0.0.1:9180",
        /// What clients have to show as `Authorization: Bearer TOKEN`; an empty one is none.
        token: Option<Secret>,
    }
}

impl Admin {
    fn check(&self, fields: &Fields<'_>, reader: &mut Reader<'_>) {
        let address = fields.entry("address").and_then(|entry| entry.value.as_text());
        if address.and_then(listen_address::scheme) == Some("https") {
            let problem = Problem::error("the admin API does not speak TLS").at(fields.value_span("address"));
            reader.problem(problem.help(
                "write `http`; for other machines, put a listener with `tls` and a route to it in front",
            ));
        }
        let local = match &self.address.value {
            ListenAddress::Tcp(address) => address.ip().to_canonical().is_loopback(),
            ListenAddress::Unix(_) => true,
        };
        // A token that was refused is a problem already.
        let token_refused = fields.entry("token").is_some_and(|entry| entry.value.as_text() != Some(""));
        if !local && self.token.is_none() && !token_refused {
            reader.problem(
                Problem::error("the admin API would be open to other machines")
                    .at(fields.value_span("address"))
                    .help("listen at 127.0.0.1, or give it a token: `token: \"${ADMIN_TOKEN}\"`"),
            );
        }
    }
}

//! How TLS is spoken to a service: whom it trusts, and what the gateway shows.
//! Only paths: the files are read when the document is compiled.

use crate::config_map;
use crate::problem::Problem;
use crate::read::{Fields, FilePath, Reader, ServerName};

config_map! {
    /// How TLS is spoken to a service.
    #[check = UpstreamTls::check]
    pub struct UpstreamTls {
        /// The file with the authorities that vouch for the service, in PEM. Without it, those that the system trusts.
        ca: Option<FilePath>,
        /// The file with the gateway's own certificate, in PEM, for services that ask for one.
        cert: Option<FilePath>,
        /// The file with its private key.
        key: Option<FilePath>,
        /// The name that the service is asked for (SNI) and that its certificate has to have. Without it, the endpoint's host.
        server_name: Option<ServerName>,
        /// Whether the service's certificate is checked.
        verify: bool = true,
    }
}

/// As where `tls` is not written.
impl Default for UpstreamTls {
    fn default() -> Self {
        Self { ca: None, cert: None, key: None, server_name: None, verify: true }
    }
}

impl UpstreamTls {
    fn check(&self, fields: &Fields<'_>, reader: &mut Reader<'_>) {
        for (one, other) in [("cert", "key"), ("key", "cert")] {
            if fields.has(one) && !fields.has(other) && !fields.has_unknown() {
                let problem = Problem::error(format!("`{one}` needs a `{other}`")).at(fields.key_span(one));
                reader.problem(problem.help(format!("write `{other}: FILE` beside it")));
            }
        }
        if self.verify {
            return;
        }
        let at = fields.value_span("verify");
        reader.problem(Problem::warning("the certificate of this service is not checked").at(at).help(
            "whoever stands between can read and change what is sent; better name its authority: `ca: FILE`",
        ));
        if fields.has("ca") {
            reader.problem(
                Problem::warning("`ca` has no effect: no certificate is checked")
                    .label(fields.key_span("ca"), "")
                    .label(at, "because of this"),
            );
        }
    }
}

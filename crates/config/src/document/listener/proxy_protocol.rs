//! The PROXY protocol on a listener: whose connections begin with a header that says whom they are for.
//! Who may send one is decided here; the header itself is read by crate wire.

use ipnet::IpNet;

use super::Listener;
use crate::config_map;
use crate::node::Node;
use crate::problem::Problem;
use crate::read::{Fields, OneOrMany, Reader};

config_map! {
    /// Whose connections begin with a PROXY header. They have to; those of others do not, and are refused if they do.
    pub struct ListenerProxyProtocol {
        /// The networks of the proxies. Without it, `trusted_proxies`.
        #[main]
        from: Option<OneOrMany<IpNet>>,
    }
}

impl Listener {
    /// The networks whose connections begin with a PROXY header; none if `proxy_protocol` is not there.
    pub fn proxy_protocol_from(&self) -> &[IpNet] {
        match &self.proxy_protocol {
            None => &[],
            Some(ListenerProxyProtocol { from: Some(from) }) => from,
            Some(ListenerProxyProtocol { from: None }) => &self.trusted_proxies,
        }
    }

    pub(super) fn check_proxy_protocol(&self, fields: &Fields<'_>, reader: &mut Reader<'_>) {
        let Some(settings) = &self.proxy_protocol else { return };
        if self.proxy_protocol_from().is_empty() && !is_unreadable(fields) {
            reader.problem(
                Problem::error("nobody is trusted to send a PROXY header")
                    .at(fields.key_span("proxy_protocol"))
                    .help(
                        "it says who the client is, so that only your proxies may: name them, \
                         `trusted_proxies: 10.0.0.0/8`, or for this alone `proxy_protocol: 10.0.0.0/8`",
                    ),
            );
        }
        if let Some(all) = self.proxy_protocol_from().iter().find(|net| net.prefix_len() == 0) {
            let key = if settings.from.is_some() { "proxy_protocol" } else { "trusted_proxies" };
            reader.problem(
                Problem::warning(format!(
                    "with `{all}` every client may send a PROXY header, and so be whom it likes"
                ))
                .at(fields.value_span(key))
                .help("name the networks of your proxies"),
            );
        }
    }
}

/// Whether there are no networks because they could not be read, which is a problem already.
fn is_unreadable(fields: &Fields<'_>) -> bool {
    let own = |node: &Node| match node.as_map() {
        Some(map) => map.get("from").is_some(),
        None => node.as_bool() != Some(true),
    };
    let trusted =
        |node: &Node| node.as_bool() != Some(false) && !node.as_list().is_some_and(<[Node]>::is_empty);
    fields.entry("proxy_protocol").is_some_and(|entry| own(&entry.value))
        || fields.entry("trusted_proxies").is_some_and(|entry| trusted(&entry.value))
}

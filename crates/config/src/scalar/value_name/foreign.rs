//! The variables of nginx, for help.
//! Nothing of it is read as a value: in our texts a `$` is a `$`.

/// The name of our value for nginx's `$name` (without the `$`).
pub fn variable(name: &str) -> Option<String> {
    let fixed = match name {
        "remote_addr" | "binary_remote_addr" | "realip_remote_addr" => "client.ip",
        "ssl_client_s_dn" => "client.certificate",
        "host" | "http_host" => "request.host",
        "request_uri" | "uri" | "document_uri" => "request.path",
        "args" | "query_string" => "request.query",
        "scheme" => "request.scheme",
        "request_method" => "request.method",
        "request_id" => "request.id",
        "status" => "response.status",
        "time_iso8601" | "time_local" | "msec" => "now",
        "remote_user" => "consumer.name",
        _ => {
            return if let Some(header) = name.strip_prefix("http_").filter(|header| !header.is_empty()) {
                Some(format!("header.{}", header.replace('_', "-")))
            } else if let Some(field) = name.strip_prefix("arg_").filter(|field| !field.is_empty()) {
                Some(format!("query.{field}"))
            } else {
                let cookie = name.strip_prefix("cookie_").filter(|cookie| !cookie.is_empty())?;
                Some(format!("cookie.{cookie}"))
            };
        }
    };
    Some(fixed.to_owned())
}

//! Which value somebody meant by a name that is none of ours.
//! For help only. What comes out is always a value that there is, written as the language does.

use super::{FIXED, NAMED, ValueName};
use crate::scalar::nearest::nearest;

/// The value that was probably meant: one by another gateway's name, or the nearest.
pub(super) fn meant(names: &[&str]) -> Option<ValueName> {
    let lower: Vec<String> = names.iter().map(|name| name.to_lowercase()).collect();
    if let Some(ours) = other_name(&lower.join(".")) {
        return ValueName::of(&ours.split('.').collect::<Vec<_>>());
    }
    if let Some(value) = under_other_head(names, &lower) {
        return Some(value);
    }
    if matches!(lower[0].as_str(), "request" | "req" | "ctx" | "context" | "http")
        && names.len() > 1
        && let Some(value) = ValueName::of(&names[1..]).or_else(|| meant(&names[1..]))
    {
        return Some(value);
    }
    let whole = names.join(".");
    if let Some(near) = nearest(&whole, FIXED.map(|(name, _)| name)) {
        return ValueName::of(&near.split('.').collect::<Vec<_>>());
    }
    let head = nearest(names[0], NAMED.map(|(head, _)| head).into_iter().chain(["body"]))?;
    ValueName::of(&[&[head], &names[1..]].concat()).filter(|_| names.len() > 1 || head == "body")
}

/// What others call a value as a whole.
fn other_name(name: &str) -> Option<&'static str> {
    Some(match name {
        "ip"
        | "client"
        | "client_ip"
        | "remote_addr"
        | "remote_ip"
        | "client.address"
        | "client.addr"
        | "request.ip"
        | "request.client_ip"
        | "request.remote_addr"
        | "source.ip" => "client.ip",
        "client.cert"
        | "client.subject"
        | "client.dn"
        | "client.certificate.subject"
        | "client_cert"
        | "certificate"
        | "tls.client.subject"
        | "ssl_client_s_dn" => "client.certificate",
        "host" | "hostname" | "request.hostname" => "request.host",
        "method" | "request.verb" => "request.method",
        "scheme" | "proto" | "protocol" | "request.proto" | "request.protocol" => "request.scheme",
        "uri" | "url" | "request.uri" | "request.url" | "request.request_uri" => "request.path",
        "query_string" | "querystring" | "request.query_string" | "request.args" | "args" => "request.query",
        "id" | "request_id" | "request" | "req.id" => "request.id",
        "status" | "status_code" | "response" | "response.code" | "response.status_code" => "response.status",
        "time" | "timestamp" | "date" => "now",
        "consumer" | "consumer.username" | "consumer.id" | "consumer_name" | "username" => "consumer.name",
        "groups" | "consumer.group" => "consumer.groups",
        "plan" | "tier" | "consumer.tier" => "consumer.plan",
        "user" | "user.id" | "user_id" | "sub" | "subject" => "claim.sub",
        "service" | "backend" => "upstream",
        "error" | "error.message" => "error.detail",
        "error.code" => "error.status",
        "response.body" => "body",
        _ => return None,
    })
}

/// A value that takes a name, under what others call its head: `headers.X`, `request.headers["X"]`, `jwt.sub`.
fn under_other_head(names: &[&str], lower: &[String]) -> Option<ValueName> {
    let heads = if matches!(lower[0].as_str(), "request" | "req" | "response") { 2 } else { 1 };
    if names.len() <= heads {
        return None;
    }
    let ours = match lower[heads - 1].as_str() {
        "header" | "headers" => "header",
        "query" | "params" | "args" | "query_params" | "querystring" | "queries" => "query",
        "cookie" | "cookies" => "cookie",
        "path" | "path_params" | "captures" | "uri_captures" | "vars" => "path",
        "claim" | "claims" | "jwt" | "token" => "claim",
        "part" | "parts" => "parts",
        "body" | "json" => "body",
        _ => return None,
    };
    ValueName::of(&[&[ours], &names[heads..]].concat())
}

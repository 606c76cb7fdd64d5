//! The access record as one line of JSON.
//! What is unknown is left out; durations are in milliseconds with three places.

use std::io::Write as _;
use std::net::IpAddr;

use super::record::AccessRecord;
use super::redact::QueryLogging;
use crate::escape::push_json;
use crate::timestamp::TimeText;

pub(super) fn encode(record: &AccessRecord<'_>, query: QueryLogging, time: &mut TimeText, out: &mut Vec<u8>) {
    out.extend_from_slice(br#"{"time":""#);
    time.push_rfc3339(record.unix_micros, out);
    out.push(b'"');
    text(br#","request_id":""#, record.request_id, out);
    if let Some(client) = record.client_ip {
        out.extend_from_slice(br#","client_ip":""#);
        push_ip(client, out);
        out.push(b'"');
    }
    text(br#","method":""#, record.method, out);
    text(br#","host":""#, record.host, out);
    text(br#","path":""#, record.path, out);
    if !record.query.is_empty() && query != QueryLogging::Omit {
        out.extend_from_slice(br#","query":""#);
        query.query(record.query, |piece| push_json(piece, out));
        out.push(b'"');
    }
    text(br#","protocol":""#, record.protocol.as_bytes(), out);
    number(br#","status":"#, u64::from(record.status), out);
    number(br#","bytes_in":"#, record.bytes_in, out);
    number(br#","bytes_out":"#, record.bytes_out, out);
    millis(br#","duration_ms":"#, record.duration_micros, out);
    if let Some(micros) = record.upstream_micros {
        millis(br#","upstream_ms":"#, micros, out);
    }
    text(br#","route":""#, record.route.as_bytes(), out);
    text(br#","path_template":""#, record.path_template.as_bytes(), out);
    text(br#","upstream":""#, record.upstream.as_bytes(), out);
    text(br#","endpoint":""#, record.endpoint.as_bytes(), out);
    text(br#","variant":""#, record.variant.as_bytes(), out);
    if record.attempts > 0 {
        number(br#","attempts":"#, u64::from(record.attempts), out);
    }
    text(br#","consumer":""#, record.consumer.as_bytes(), out);
    text(br#","subject":""#, record.subject.as_bytes(), out);
    text(br#","user_agent":""#, record.user_agent, out);
    if !record.referer.is_empty() {
        out.extend_from_slice(br#","referer":""#);
        query.url(record.referer, |piece| push_json(piece, out));
        out.push(b'"');
    }
    text(br#","outcome":""#, record.outcome.as_bytes(), out);
    text(br#","policy":""#, record.policy.as_bytes(), out);
    out.extend_from_slice(b"}\n");
}

/// An address without the machinery of `fmt` where it is the usual kind.
pub(super) fn push_ip(address: IpAddr, out: &mut Vec<u8>) {
    match address {
        IpAddr::V4(v4) => {
            for (at, octet) in v4.octets().into_iter().enumerate() {
                if at > 0 {
                    out.push(b'.');
                }
                out.extend_from_slice(itoa::Buffer::new().format(octet).as_bytes());
            }
        }
        IpAddr::V6(v6) => write!(out, "{v6}").expect("a vector takes all that is written"),
    }
}

/// `key` is written up to the quote that opens the value.
#[inline]
fn text(key: &[u8], value: &[u8], out: &mut Vec<u8>) {
    if !value.is_empty() {
        out.extend_from_slice(key);
        push_json(value, out);
        out.push(b'"');
    }
}

#[inline]
fn number(key: &[u8], value: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(key);
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

fn millis(key: &[u8], micros: u64, out: &mut Vec<u8>) {
    number(key, micros / 1_000, out);
    let digit = |unit| b'0' + (micros / unit % 10) as u8;
    out.extend_from_slice(&[b'.', digit(100), digit(10), digit(1)]);
}

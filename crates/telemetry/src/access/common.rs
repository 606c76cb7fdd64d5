//! The access record in the common log format of the NCSA, and in the combined one that Apache made of it.
//! <https://httpd.apache.org/docs/2.4/logs.html#accesslog>

use super::json::push_ip;
use super::record::AccessRecord;
use super::redact::QueryLogging;
use crate::escape::{push_hex_escaped, push_word};
use crate::timestamp::TimeText;

/// `client - user [time] "METHOD target protocol" status bytes`
pub(super) fn encode(record: &AccessRecord<'_>, query: QueryLogging, time: &mut TimeText, out: &mut Vec<u8>) {
    encode_open(record, query, time, out);
    out.push(b'\n');
}

/// The same, with `"referer" "user agent"`.
pub(super) fn encode_combined(
    record: &AccessRecord<'_>,
    query: QueryLogging,
    time: &mut TimeText,
    out: &mut Vec<u8>,
) {
    encode_open(record, query, time, out);
    out.extend_from_slice(b" \"");
    or_dash(record.referer, out, |referer, out| query.url(referer, |piece| push_hex_escaped(piece, out)));
    out.extend_from_slice(b"\" \"");
    or_dash(record.user_agent, out, push_hex_escaped);
    out.extend_from_slice(b"\"\n");
}

fn encode_open(record: &AccessRecord<'_>, query: QueryLogging, time: &mut TimeText, out: &mut Vec<u8>) {
    match record.client_ip {
        Some(client) => push_ip(client, out),
        None => out.push(b'-'),
    }
    out.extend_from_slice(b" - ");
    or_dash(record.consumer.as_bytes(), out, push_word);
    out.extend_from_slice(b" [");
    time.push_common(record.unix_micros, out);
    out.extend_from_slice(b"] \"");
    or_dash(record.method, out, |method, out| {
        push_hex_escaped(method, out);
        out.push(b' ');
        push_hex_escaped(record.path, out);
        if !record.query.is_empty() && query != QueryLogging::Omit {
            out.push(b'?');
            query.query(record.query, |piece| push_hex_escaped(piece, out));
        }
        out.push(b' ');
        push_hex_escaped(record.protocol.as_bytes(), out);
    });
    out.extend_from_slice(b"\" ");
    number_or_dash(u64::from(record.status), out);
    out.push(b' ');
    number_or_dash(record.bytes_out, out);
}

fn or_dash(value: &[u8], out: &mut Vec<u8>, push: impl FnOnce(&[u8], &mut Vec<u8>)) {
    if value.is_empty() {
        out.push(b'-');
    } else {
        push(value, out);
    }
}

fn number_or_dash(number: u64, out: &mut Vec<u8>) {
    if number == 0 {
        out.push(b'-');
    } else {
        out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
    }
}

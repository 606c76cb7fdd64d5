//! What a cluster says of itself: which server has which slots (`CLUSTER SLOTS`), and the slot of a key (CRC16 of its hash tag), both of
//! the specification of Redis Cluster.

use redis::{RedisError, Value};

use super::settings::RedisPlace;

/// How many slots there are.
pub(super) const SLOTS: usize = 16384;

/// More masters than any cluster has.
const MOST_NODES: usize = 1000;

/// The slot of a key: of what stands in its first braces, or of all of it where there is nothing in them.
pub(super) fn slot(key: &[u8]) -> usize {
    let tag = key.iter().position(|&byte| byte == b'{').and_then(|open| {
        let rest = &key[open + 1..];
        let close = rest.iter().position(|&byte| byte == b'}')?;
        (close > 0).then(|| &rest[..close])
    });
    usize::from(crc16(tag.unwrap_or(key))) % SLOTS
}

/// CRC-16/XMODEM.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc: u16, &byte| {
        (0..8).fold(crc ^ (u16::from(byte) << 8), |crc, _| {
            if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 }
        })
    })
}

/// Masters, and for each slot the number of its master among them.
pub(super) type Slots = (Vec<RedisPlace>, Box<[u16]>);

/// No server has the slot.
pub(super) const NOBODY: u16 = u16::MAX;

/// Reads what `CLUSTER SLOTS` says. A server that does not know its own name is where it was asked.
pub(super) fn slots(said: &Value, asked: &RedisPlace) -> Result<Slots, RedisError> {
    read(said, asked).ok_or_else(|| strange("the answer to CLUSTER SLOTS is not as it should be"))
}

/// That a server says what cannot be.
pub(super) fn strange(what: &'static str) -> RedisError {
    (redis::ErrorKind::UnexpectedReturnType, what).into()
}

fn read(said: &Value, asked: &RedisPlace) -> Option<Slots> {
    let (mut places, mut slots) = (Vec::<RedisPlace>::new(), vec![NOBODY; SLOTS].into_boxed_slice());
    let Value::Array(ranges) = said else { return None };
    for range in ranges {
        let Value::Array(range) = range else { return None };
        let [Value::Int(first), Value::Int(last), Value::Array(master), ..] = &**range else { return None };
        let [name, Value::Int(port), ..] = &**master else { return None };
        let place = match name {
            // That it does not know its address is told by nothing, or by a question mark.
            Value::Nil => beside(asked, "", *port)?,
            Value::BulkString(name) if name == b"?" => beside(asked, "", *port)?,
            Value::BulkString(name) => beside(asked, std::str::from_utf8(name).ok()?, *port)?,
            _ => return None,
        };
        let known = places.iter().position(|known| *known == place);
        let number = known.unwrap_or_else(|| {
            places.push(place);
            places.len() - 1
        });
        let of_range = usize::try_from(*first).ok()?..=usize::try_from(*last).ok()?;
        slots.get_mut(of_range)?.fill(u16::try_from(number).ok().filter(|_| number < MOST_NODES)?);
    }
    (!places.is_empty()).then_some((places, slots))
}

/// The place that a server names as `HOST:PORT`, where the host may be missing.
pub(super) fn place(address: &str, asked: &RedisPlace) -> Option<RedisPlace> {
    let (host, port) = address.rsplit_once(':')?;
    beside(asked, host.trim_start_matches('[').trim_end_matches(']'), port.parse().ok()?)
}

/// A port of this host; without a host, of the one that was asked.
fn beside(asked: &RedisPlace, host: &str, port: i64) -> Option<RedisPlace> {
    let port = u16::try_from(port).ok()?;
    match asked {
        RedisPlace::Tcp(same, _) if host.is_empty() => Some(RedisPlace::Tcp(same.clone(), port)),
        _ if host.is_empty() => None,
        _ => Some(RedisPlace::Tcp(host.into(), port)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_those_of_the_specification() {
        assert_eq!(crc16(b"123456789"), 0x31C3);
        assert_eq!(slot(b"{user1000}.following"), slot(b"{user1000}.followers"));
        assert_eq!(slot(b"foo{bar}{zap}"), slot(b"bar"));
        assert_eq!(slot(b"foo{{bar}}zap"), slot(b"{bar"));
        assert_eq!(slot(b"foo"), 12182);
        assert_ne!(slot(b"foo{}{bar}"), slot(b"bar"));
    }

    #[test]
    fn what_a_cluster_says_is_read_and_what_cannot_be_is_refused() {
        let asked = RedisPlace::Tcp("10.0.0.1".into(), 7000);
        let range = |first, last, name: Value, port| {
            Value::Array(vec![
                Value::Int(first),
                Value::Int(last),
                Value::Array(vec![name, Value::Int(port), Value::BulkString(b"id".to_vec())]),
            ])
        };
        let named = |name: &str| Value::BulkString(name.as_bytes().to_vec());
        let said = Value::Array(vec![
            range(0, 99, named("10.0.0.1"), 7000),
            range(100, 16383, Value::Nil, 7001),
            range(50, 60, named("10.0.0.1"), 7000),
        ]);
        let (places, slots) = read(&said, &asked).unwrap();
        assert_eq!(places, [asked.clone(), RedisPlace::Tcp("10.0.0.1".into(), 7001)]);
        assert_eq!((slots[0], slots[99], slots[100], slots[16383]), (0, 0, 1, 1));
        for bad in [
            Value::Nil,
            Value::Array(vec![]),
            Value::Array(vec![Value::Nil]),
            Value::Array(vec![range(0, 16384, named("h"), 1)]),
            Value::Array(vec![range(-1, 5, named("h"), 1)]),
            Value::Array(vec![range(9, 5, named("h"), 70000)]),
            Value::Array(vec![range(0, 5, Value::Int(3), 1)]),
        ] {
            assert!(read(&bad, &asked).is_none(), "{bad:?}");
        }
        // `get_mut` of such a range is none.
        assert!(read(&Value::Array(vec![range(9, 5, named("h"), 1)]), &asked).is_none());
    }

    #[test]
    fn addresses_of_redirections() {
        let asked = RedisPlace::Tcp("10.0.0.1".into(), 7000);
        let tcp = |host: &str, port| Some(RedisPlace::Tcp(host.into(), port));
        assert_eq!(place("10.0.0.2:7001", &asked), tcp("10.0.0.2", 7001));
        assert_eq!(place(":7001", &asked), tcp("10.0.0.1", 7001));
        assert_eq!(place("::1:7001", &asked), tcp("::1", 7001));
        assert_eq!(place("10.0.0.2", &asked), None);
        assert_eq!(place("host:99999", &asked), None);
        assert_eq!(place(":1", &RedisPlace::Unix("/run/redis".into())), None);
    }
}

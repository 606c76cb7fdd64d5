//! One hash table from (scope, text) to a number, for all hosts or all edges of the tries at once: short texts lie in
//! their slots, others one behind the other, so that a look-up touches one or two lines of memory however large the table.
//!
//! Only the configuration adds to it. A request that is made to collide meets a full slot and the next ones, never
//! a longer chain than the table has anyway, so the hash needs no secret.

/// A table from (scope, text) to a number.
#[derive(Clone, Debug, Default)]
pub(crate) struct Index {
    /// A power of two, at most half full; or nothing.
    slots: Vec<Slot>,
    /// The texts that are too long for their slots.
    texts: Vec<u8>,
    used: usize,
    longest: usize,
}

/// Half a cache line.
#[derive(Clone, Copy, Debug)]
#[repr(align(32))]
struct Slot {
    hash: u32,
    scope: u32,
    value: u32,
    len: u32,
    text: SlotText,
}

#[derive(Clone, Copy, Debug)]
enum SlotText {
    /// Up to so many bytes.
    Here([u8; SHORT]),
    /// From there on among the long texts.
    At(u32),
}

const SHORT: usize = 15;

/// The value of a slot that is free.
const FREE: u32 = u32::MAX;
const FREE_SLOT: Slot = Slot { hash: 0, scope: 0, value: FREE, len: 0, text: SlotText::At(0) };
const _: () = assert!(size_of::<Slot>() == 32, "two slots are to share a cache line");

impl Index {
    /// The number of `text` in `scope`.
    #[inline]
    pub(crate) fn find(&self, scope: u32, text: &[u8]) -> Option<u32> {
        if text.len() > self.longest {
            return None;
        }
        let hash = hash(scope, text);
        let mask = self.slots.len().wrapping_sub(1);
        let mut at = hash as usize & mask;
        loop {
            let slot = self.slots.get(at)?;
            if slot.value == FREE {
                return None;
            }
            if slot.hash == hash && slot.scope == scope && self.text(slot) == text {
                return Some(slot.value);
            }
            at = (at + 1) & mask;
        }
    }

    /// Adds a text that is not there yet; `value` is less than `u32::MAX`.
    pub(crate) fn add(&mut self, scope: u32, text: &[u8], value: u32) {
        if (self.used + 1) * 2 > self.slots.len() {
            self.grow();
        }
        let mut here = [0; SHORT];
        let place = if let Some(start) = here.get_mut(..text.len()) {
            start.copy_from_slice(text);
            SlotText::Here(here)
        } else {
            self.texts.extend_from_slice(text);
            SlotText::At(number(self.texts.len() - text.len()))
        };
        let slot = Slot { hash: hash(scope, text), scope, value, len: number(text.len()), text: place };
        self.longest = self.longest.max(text.len());
        self.used += 1;
        self.place(slot);
    }

    /// The length of the longest text; of none, 0.
    pub(crate) fn longest(&self) -> usize {
        self.longest
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.used == 0
    }

    #[inline]
    fn text<'a>(&'a self, slot: &'a Slot) -> &'a [u8] {
        let from = match &slot.text {
            SlotText::Here(text) => &text[..],
            SlotText::At(at) => &self.texts[*at as usize..],
        };
        &from[..slot.len as usize]
    }

    fn grow(&mut self) {
        let larger = vec![FREE_SLOT; (2 * self.slots.len()).max(8)];
        for slot in std::mem::replace(&mut self.slots, larger) {
            if slot.value != FREE {
                self.place(slot);
            }
        }
    }

    fn place(&mut self, slot: Slot) {
        let mask = self.slots.len() - 1;
        let mut at = slot.hash as usize & mask;
        while self.slots[at].value != FREE {
            at = (at + 1) & mask;
        }
        self.slots[at] = slot;
    }
}

/// A count as it is kept in the table.
pub(crate) fn number(count: usize) -> u32 {
    u32::try_from(count).expect("a table that fits in memory has fewer than 2^32 of anything")
}

#[inline]
fn hash(scope: u32, text: &[u8]) -> u32 {
    let mut state = mix(u64::from(scope) ^ 0x9e37_79b9_7f4a_7c15);
    let (words, rest) = text.as_chunks::<8>();
    for word in words {
        state = mix(state ^ u64::from_le_bytes(*word));
    }
    let last = rest.iter().fold(rest.len() as u64, |word, &byte| word << 8 | u64::from(byte));
    (mix(state ^ last) >> 32) as u32
}

/// Multiplies and folds the two halves, so that every bit of the input reaches every bit of the result.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "the halves are taken one by one")]
fn mix(word: u64) -> u64 {
    let wide = u128::from(word) * 0xd6e8_feb8_6659_fd93;
    wide as u64 ^ (wide >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_was_added_and_nothing_else() {
        let mut index = Index::default();
        assert_eq!(index.find(0, b""), None);
        let texts: Vec<String> = (0..2000).map(|n| format!("{}{n}", "x".repeat(n % 19))).collect();
        for (n, text) in texts.iter().enumerate() {
            index.add(number(n % 3), text.as_bytes(), number(n));
        }
        index.add(7, b"", 1);
        for (n, text) in texts.iter().enumerate() {
            assert_eq!(index.find(number(n % 3), text.as_bytes()), Some(number(n)), "{text}");
            assert_eq!(index.find(number((n + 1) % 3), text.as_bytes()), None, "{text}");
        }
        assert_eq!(index.find(7, b""), Some(1));
        assert_eq!(index.find(6, b""), None);
        assert_eq!(index.find(0, &[b'x'; 999]), None);
    }

    #[test]
    fn spreads_texts_that_differ_little() {
        let mut index = Index::default();
        for n in 0..10_000 {
            index.add(1, format!("r{n:05}").as_bytes(), n);
        }
        let mask = index.slots.len() - 1;
        let away = |(at, slot): (usize, &Slot)| at.wrapping_sub(slot.hash as usize) & mask;
        let used = index.slots.iter().enumerate().filter(|(_, slot)| slot.value != FREE);
        let longest_way = used.map(away).max().unwrap();
        assert!(longest_way < 60, "{longest_way} steps for one look-up");
    }
}

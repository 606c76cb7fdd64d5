//! Counts the frames that a peer sends, by their heads alone (RFC 9113 section 4.1), as the bytes pass.
//! What is in them is read elsewhere; here it matters only whether they bring anything.

use crate::preface::PREFACE;

const HEAD: usize = 9;
const KIND: usize = 3;
const FLAGS: usize = 4;

/// The kind of frames that carry bodies: DATA.
const CONTENT: u8 = 0x0;
const END_STREAM: u8 = 0x1;

/// How far the frames of a connection have passed.
#[derive(Debug)]
pub(super) struct FrameCount {
    /// Bytes until the next frame begins.
    skip: usize,
    head: [u8; HEAD],
    /// Bytes of `head` that are there.
    have: usize,
}

impl FrameCount {
    /// What a client sends: frames behind the preface.
    pub(super) fn of_client() -> Self {
        Self { skip: PREFACE.len(), head: [0; HEAD], have: 0 }
    }

    /// What a service sends.
    pub(super) fn of_service() -> Self {
        Self { skip: 0, head: [0; HEAD], have: 0 }
    }

    /// Looks at the next bytes, and tells how many frames begin in them that bring no body: all kinds but DATA, and DATA
    /// without a byte that does not end its stream either.
    pub(super) fn pass(&mut self, mut bytes: &[u8]) -> usize {
        let mut empty = 0;
        loop {
            let skipped = self.skip.min(bytes.len());
            self.skip -= skipped;
            bytes = &bytes[skipped..];
            if bytes.is_empty() {
                return empty;
            }
            let wanted = (HEAD - self.have).min(bytes.len());
            self.head[self.have..self.have + wanted].copy_from_slice(&bytes[..wanted]);
            self.have += wanted;
            bytes = &bytes[wanted..];
            if self.have == HEAD {
                self.have = 0;
                self.skip = u32::from_be_bytes([0, self.head[0], self.head[1], self.head[2]]) as usize;
                empty += usize::from(self.brings_nothing());
            }
        }
    }

    fn brings_nothing(&self) -> bool {
        self.head[KIND] != CONTENT || (self.skip == 0 && self.head[FLAGS] & END_STREAM == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, len: u8) -> Vec<u8> {
        let mut bytes = vec![0, 0, len, kind, flags, 0, 0, 0, 1];
        bytes.resize(HEAD + usize::from(len), 0xff);
        bytes
    }

    #[test]
    fn counts_what_brings_nothing_at_every_split() {
        let frames = [
            (frame(0, 0, 5), 0),
            (frame(0, 0, 0), 1),
            (frame(0, 1, 0), 0),
            (frame(1, 4, 20), 1),
            (frame(4, 0, 0), 1),
            (frame(0x20, 0xff, 200), 1),
        ];
        let bytes: Vec<u8> =
            PREFACE.iter().copied().chain(frames.iter().flat_map(|(f, _)| f.clone())).collect();
        let expected: usize = frames.iter().map(|(_, n)| n).sum();
        for split in 0..=bytes.len() {
            let mut count = FrameCount::of_client();
            let found = count.pass(&bytes[..split]) + count.pass(&bytes[split..]);
            assert_eq!(found, expected, "{split}");
        }
        let mut count = FrameCount::of_client();
        assert_eq!(bytes.iter().map(|byte| count.pass(&[*byte])).sum::<usize>(), expected);
    }
}

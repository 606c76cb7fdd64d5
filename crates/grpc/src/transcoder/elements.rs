//! A body that holds several JSON values, cut into them as it comes in: a list, or lines. Only brackets and quotes are
//! looked at; whether a value is JSON is seen when it is read.

/// Cuts a body into values, of which one at a time is kept.
#[derive(Debug)]
pub(super) struct Elements {
    state: State,
    /// The value that is not whole yet.
    value: Vec<u8>,
    max: usize,
    index: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing but white space so far.
    Begin,
    /// In a list, with these many brackets open inside it.
    List { depth: usize, text: Text },
    /// Behind the list.
    End,
    /// A value on each line.
    Lines,
    /// One value, up to the end of the body.
    Single,
}

/// Whether brackets count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Text {
    Outside,
    Inside,
    /// Behind a backslash.
    Escape,
}

/// Why a body cannot be cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ElementError {
    Truncated,
    Surplus,
    /// Between two commas, or a comma and the end, is no value.
    Missing {
        index: usize,
    },
    /// A value is longer than this.
    TooLarge(usize),
}

/// Takes a value, and its index where it is one of several.
pub(super) type Visit<'v, E> = &'v mut dyn FnMut(Option<usize>, &[u8]) -> Result<(), E>;

impl Elements {
    /// Lines where that is known; else what the first byte says: a list, or one value.
    pub fn new(is_lines: bool, max: usize) -> Self {
        let state = if is_lines { State::Lines } else { State::Begin };
        Self { state, value: Vec::new(), max, index: 0 }
    }

    /// Takes a piece of the body.
    pub fn feed<E: From<ElementError>>(&mut self, piece: &[u8], visit: Visit<'_, E>) -> Result<(), E> {
        let mut rest = piece;
        while let Some((&byte, tail)) = rest.split_first() {
            match self.state {
                State::Begin | State::End if is_blank(byte) => rest = tail,
                State::Begin if byte == b'[' => {
                    self.state = State::List { depth: 0, text: Text::Outside };
                    rest = tail;
                }
                State::Begin => self.state = State::Single,
                State::Single => {
                    self.keep(rest)?;
                    return Ok(());
                }
                State::Lines => {
                    let end = memchr::memchr(b'\n', rest);
                    self.keep(&rest[..end.unwrap_or(rest.len())])?;
                    let Some(end) = end else { return Ok(()) };
                    rest = &rest[end + 1..];
                    self.line(visit)?;
                }
                State::List { depth, text } => {
                    self.list_byte(byte, depth, text, visit)?;
                    rest = tail;
                }
                State::End => return Err(ElementError::Surplus.into()),
            }
        }
        Ok(())
    }

    /// The body has ended.
    pub fn finish<E: From<ElementError>>(&mut self, visit: Visit<'_, E>) -> Result<(), E> {
        match self.state {
            State::Begin | State::End => Ok(()),
            State::List { .. } => Err(ElementError::Truncated.into()),
            State::Lines => self.line(visit),
            State::Single => visit(None, &self.value),
        }
    }

    fn list_byte<E: From<ElementError>>(
        &mut self,
        byte: u8,
        depth: usize,
        text: Text,
        visit: Visit<'_, E>,
    ) -> Result<(), E> {
        let (depth, text) = match (text, byte) {
            (Text::Inside, b'\\') => (depth, Text::Escape),
            (Text::Inside, b'"') => (depth, Text::Outside),
            (Text::Escape, _) | (Text::Outside, b'"') => (depth, Text::Inside),
            (Text::Outside, b'{' | b'[') => (depth + 1, text),
            (Text::Outside, b',' | b']') if depth == 0 => return self.element(byte, visit),
            (Text::Outside, b'}' | b']') => (depth.saturating_sub(1), text),
            _ => (depth, text),
        };
        self.state = State::List { depth, text };
        Ok(self.keep(&[byte])?)
    }

    /// An element has ended, and with `]` the list.
    fn element<E: From<ElementError>>(&mut self, end: u8, visit: Visit<'_, E>) -> Result<(), E> {
        let is_last = end == b']';
        self.state = if is_last { State::End } else { State::List { depth: 0, text: Text::Outside } };
        if !self.is_blank() {
            return self.give(visit);
        }
        if is_last && self.index == 0 {
            Ok(())
        } else {
            Err(ElementError::Missing { index: self.index }.into())
        }
    }

    fn line<E>(&mut self, visit: Visit<'_, E>) -> Result<(), E> {
        if self.is_blank() {
            self.value.clear();
            return Ok(());
        }
        self.give(visit)
    }

    fn is_blank(&self) -> bool {
        self.value.iter().all(|&byte| is_blank(byte))
    }

    fn give<E>(&mut self, visit: Visit<'_, E>) -> Result<(), E> {
        let given = visit(Some(self.index), &self.value);
        self.value.clear();
        self.index += 1;
        given
    }

    fn keep(&mut self, bytes: &[u8]) -> Result<(), ElementError> {
        if self.value.len() + bytes.len() > self.max {
            return Err(ElementError::TooLarge(self.max));
        }
        self.value.extend_from_slice(bytes);
        Ok(())
    }
}

const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

#[cfg(test)]
mod tests;

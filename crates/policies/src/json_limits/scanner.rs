//! Reads JSON (RFC 8259) as it passes, in pieces of any size, and keeps nothing of it: only where it is, and how much of everything there was.
//! Strict: what is no JSON is found at its first wrong byte. What the values mean is not its business; of a surrogate without its
//! other half (`\ud800`) RFC 8259 section 8.2 says only that it is unpredictable, and it passes.

use std::collections::HashSet;

use super::names::Name;
use super::utf8::Utf8;

/// How much of everything there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JsonBounds {
    /// Objects and arrays inside each other.
    pub depth: usize,
    /// Names in one object.
    pub keys: u64,
    /// Elements of one array.
    pub elements: u64,
    /// Bytes of a name, as it is written, without its quotes.
    pub name: u64,
    /// Bytes of a text, likewise.
    pub string: u64,
    /// Characters of a number.
    pub number: u64,
    /// Whether a name may stand only once in an object.
    pub unique_keys: bool,
}

/// What is wrong with a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JsonFault {
    /// It is no JSON.
    NotJson,
    /// Too many objects and arrays are inside each other.
    TooDeep,
    /// An object has too many names.
    TooManyKeys,
    /// An array has too many elements.
    TooManyElements,
    /// A name is too long.
    NameTooLong,
    /// A text is too long.
    StringTooLong,
    /// A number is too long.
    NumberTooLong,
    /// A name stands twice in an object.
    KeyTwice,
}

/// Where in a text it is, and how much there was.
#[derive(Debug)]
pub struct JsonScanner {
    bounds: JsonBounds,
    state: State,
    /// The objects and arrays that are open.
    open: Vec<Level>,
    /// The text that is being read is a name.
    is_name: bool,
    /// Bytes of the text or number that is being read.
    length: u64,
    utf8: Utf8,
    /// What the name says that is being read, where names may stand only once.
    name: Name,
    has_begun: bool,
}

#[derive(Debug)]
struct Level {
    is_object: bool,
    /// Names or elements in it.
    count: u64,
    /// The names in it, where they may stand only once.
    names: HashSet<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Value,
    /// Behind `[`.
    ElementOrEnd,
    /// Behind `{`.
    NameOrEnd,
    /// Behind the comma in an object.
    Name,
    Colon,
    /// Behind a value.
    After,
    Text,
    Escape,
    /// Hexadecimal digits that are still to come, and what those before say.
    Unicode(u8, u16),
    Number(Number),
    /// What is still to come of `true`, `false` or `null`.
    Literal(&'static [u8]),
}

/// Where in a number it is (RFC 8259 section 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Number {
    Minus,
    Zero,
    Integer,
    Point,
    Fraction,
    Exponent,
    Sign,
    Power,
}

impl JsonScanner {
    /// At the beginning of a text.
    pub fn new(bounds: JsonBounds) -> Self {
        Self {
            bounds,
            state: State::Value,
            open: Vec::new(),
            is_name: false,
            length: 0,
            utf8: Utf8::default(),
            name: Name::default(),
            has_begun: false,
        }
    }

    /// Takes the next piece.
    pub fn push(&mut self, piece: &[u8]) -> Result<(), JsonFault> {
        self.has_begun |= !piece.is_empty();
        let mut rest = piece;
        while let Some((&byte, behind)) = rest.split_first() {
            if self.state == State::Text {
                rest = self.text(rest)?;
            } else if self.step(byte)? {
                rest = behind;
            }
        }
        Ok(())
    }

    /// The text has ended. One without a byte is fine: there is none.
    pub fn finish(&self) -> Result<(), JsonFault> {
        let is_whole = match self.state {
            State::After => true,
            State::Number(number) => number.may_end(),
            State::Value => !self.has_begun,
            _ => false,
        };
        if is_whole && self.open.is_empty() { Ok(()) } else { Err(JsonFault::NotJson) }
    }

    /// Takes a byte that is not inside a text. Answers whether it took it: what ends a number is looked at again.
    fn step(&mut self, byte: u8) -> Result<bool, JsonFault> {
        match self.state {
            State::Number(number) => return self.digit(number, byte),
            State::Literal(left) => {
                let left = left.strip_prefix(&[byte]).ok_or(JsonFault::NotJson)?;
                self.state = if left.is_empty() { State::After } else { State::Literal(left) };
            }
            State::Escape => self.escape(byte)?,
            State::Unicode(left, before) => self.unicode(left, before, byte)?,
            _ if matches!(byte, b' ' | b'\t' | b'\n' | b'\r') => {}
            State::ElementOrEnd | State::After if byte == b']' => self.close(false)?,
            State::NameOrEnd | State::After if byte == b'}' => self.close(true)?,
            State::Value | State::ElementOrEnd => self.begin_value(byte)?,
            State::NameOrEnd | State::Name if byte == b'"' => self.begin_name()?,
            State::Colon if byte == b':' => self.state = State::Value,
            State::After if byte == b',' => match self.open.last() {
                Some(level) if level.is_object => self.state = State::Name,
                // An element has to follow.
                Some(_) => self.state = State::Value,
                None => return Err(JsonFault::NotJson),
            },
            _ => return Err(JsonFault::NotJson),
        }
        Ok(true)
    }

    fn begin_value(&mut self, byte: u8) -> Result<(), JsonFault> {
        if let Some(level) = self.open.last_mut().filter(|level| !level.is_object) {
            level.count += 1;
            if level.count > self.bounds.elements {
                return Err(JsonFault::TooManyElements);
            }
        }
        (self.length, self.is_name) = (0, false);
        self.state = match byte {
            b'{' => self.open(true)?,
            b'[' => self.open(false)?,
            b'"' => State::Text,
            b't' => State::Literal(b"rue"),
            b'f' => State::Literal(b"alse"),
            b'n' => State::Literal(b"ull"),
            b'-' => self.number(Number::Minus)?,
            b'0' => self.number(Number::Zero)?,
            b'1'..=b'9' => self.number(Number::Integer)?,
            _ => return Err(JsonFault::NotJson),
        };
        Ok(())
    }

    fn open(&mut self, is_object: bool) -> Result<State, JsonFault> {
        if self.open.len() >= self.bounds.depth {
            return Err(JsonFault::TooDeep);
        }
        self.open.push(Level { is_object, count: 0, names: HashSet::new() });
        Ok(if is_object { State::NameOrEnd } else { State::ElementOrEnd })
    }

    fn close(&mut self, is_object: bool) -> Result<(), JsonFault> {
        if self.open.pop().is_none_or(|level| level.is_object != is_object) {
            return Err(JsonFault::NotJson);
        }
        self.state = State::After;
        Ok(())
    }

    fn begin_name(&mut self) -> Result<(), JsonFault> {
        let level = self.open.last_mut().ok_or(JsonFault::NotJson)?;
        level.count += 1;
        if level.count > self.bounds.keys {
            return Err(JsonFault::TooManyKeys);
        }
        (self.state, self.length, self.is_name) = (State::Text, 0, true);
        Ok(())
    }

    /// Takes what belongs to a text, up to an escape or its end. Answers with what is behind.
    fn text<'p>(&mut self, rest: &'p [u8]) -> Result<&'p [u8], JsonFault> {
        let end = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20)).unwrap_or(rest.len());
        let (inside, behind) = rest.split_at(end);
        // What is too much is not looked at: pieces must make no difference.
        let within = usize::try_from(self.room()).map_or(inside, |room| &inside[..inside.len().min(room)]);
        self.utf8.push(within).map_err(|_| JsonFault::NotJson)?;
        if self.is_noted() {
            self.name.push(within);
        }
        self.lengthen(inside.len() as u64)?;
        let Some((&byte, behind)) = behind.split_first() else { return Ok(behind) };
        // What is cut off by a quote or a backslash was no character.
        if byte < 0x20 || self.utf8.is_inside() {
            return Err(JsonFault::NotJson);
        }
        if byte == b'\\' {
            self.state = State::Escape;
            self.lengthen(1)?;
        } else if self.is_name {
            self.end_name()?;
        } else {
            self.state = State::After;
        }
        Ok(behind)
    }

    fn end_name(&mut self) -> Result<(), JsonFault> {
        if self.bounds.unique_keys {
            let name = self.name.take();
            let is_new = self.open.last_mut().is_some_and(|level| level.names.insert(name));
            if !is_new {
                return Err(JsonFault::KeyTwice);
            }
        }
        self.state = State::Colon;
        Ok(())
    }

    /// Bytes that the text may still have.
    fn room(&self) -> u64 {
        let most = if self.is_name { self.bounds.name } else { self.bounds.string };
        most - self.length
    }

    fn lengthen(&mut self, by: u64) -> Result<(), JsonFault> {
        if by > self.room() {
            return Err(if self.is_name { JsonFault::NameTooLong } else { JsonFault::StringTooLong });
        }
        self.length += by;
        Ok(())
    }

    /// Whether it matters what the text says that is being read.
    fn is_noted(&self) -> bool {
        self.is_name && self.bounds.unique_keys
    }

    fn escape(&mut self, byte: u8) -> Result<(), JsonFault> {
        self.lengthen(1)?;
        let meant = match byte {
            b'"' | b'\\' | b'/' => byte,
            b'b' => 0x08,
            b'f' => 0x0c,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => {
                self.state = State::Unicode(4, 0);
                return Ok(());
            }
            _ => return Err(JsonFault::NotJson),
        };
        if self.is_noted() {
            self.name.push(&[meant]);
        }
        self.state = State::Text;
        Ok(())
    }

    fn unicode(&mut self, left: u8, before: u16, byte: u8) -> Result<(), JsonFault> {
        self.lengthen(1)?;
        let digit = char::from(byte).to_digit(16).ok_or(JsonFault::NotJson)?;
        let unit = before << 4 | u16::try_from(digit).expect("a digit is below 16");
        if left > 1 {
            self.state = State::Unicode(left - 1, unit);
            return Ok(());
        }
        self.state = State::Text;
        if self.is_noted() {
            self.name.push_unit(unit);
        }
        Ok(())
    }

    fn number(&mut self, begun: Number) -> Result<State, JsonFault> {
        self.length = 1;
        if self.length > self.bounds.number {
            Err(JsonFault::NumberTooLong)
        } else {
            Ok(State::Number(begun))
        }
    }

    fn digit(&mut self, number: Number, byte: u8) -> Result<bool, JsonFault> {
        let Some(next) = number.next(byte) else {
            self.state = State::After;
            return if number.may_end() { Ok(false) } else { Err(JsonFault::NotJson) };
        };
        self.length += 1;
        if self.length > self.bounds.number {
            return Err(JsonFault::NumberTooLong);
        }
        self.state = State::Number(next);
        Ok(true)
    }
}

impl Number {
    /// Where it is behind this byte; none if that is no part of it.
    fn next(self, byte: u8) -> Option<Self> {
        Some(match (self, byte) {
            (Self::Minus, b'0') => Self::Zero,
            (Self::Minus, b'1'..=b'9') | (Self::Integer, b'0'..=b'9') => Self::Integer,
            (Self::Zero | Self::Integer, b'.') => Self::Point,
            (Self::Point | Self::Fraction, b'0'..=b'9') => Self::Fraction,
            (Self::Zero | Self::Integer | Self::Fraction, b'e' | b'E') => Self::Exponent,
            (Self::Exponent, b'+' | b'-') => Self::Sign,
            (Self::Exponent | Self::Sign | Self::Power, b'0'..=b'9') => Self::Power,
            _ => return None,
        })
    }

    fn may_end(self) -> bool {
        matches!(self, Self::Zero | Self::Integer | Self::Fraction | Self::Power)
    }
}

//! Reads JSON (RFC 8259) from front to back, value by value, and keeps nothing. What the values mean is the caller's.
//! Texts without escapes and numbers are slices of the input.

use std::borrow::Cow;

use super::error::JsonError;

/// What a value begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    Object,
    List,
    Text,
    Number,
    Bool,
    Null,
}

impl Token {
    /// For people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Object => "an object",
            Self::List => "a list",
            Self::Text => "a text",
            Self::Number => "a number",
            Self::Bool => "a truth value",
            Self::Null => "null",
        }
    }
}

/// A place in a JSON text. Cheap to clone: a clone reads the same again.
#[derive(Clone, Debug)]
pub(crate) struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    max_depth: usize,
}

type Result<T> = std::result::Result<T, JsonError>;

impl<'a> Reader<'a> {
    /// Begins to read; what is not UTF-8 is not JSON.
    pub fn new(bytes: &'a [u8], max_depth: usize) -> Result<Self> {
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(Self { text, at: 0, depth: 0, max_depth }),
            Err(error) => Err(malformed(error.valid_up_to(), "a text is not UTF-8")),
        }
    }

    /// What comes next, after white space.
    pub fn peek(&mut self) -> Result<Token> {
        self.skip_blanks();
        match self.byte() {
            Some(b'{') => Ok(Token::Object),
            Some(b'[') => Ok(Token::List),
            Some(b'"') => Ok(Token::Text),
            Some(b'-' | b'0'..=b'9') => Ok(Token::Number),
            Some(b't' | b'f') => Ok(Token::Bool),
            Some(b'n') => Ok(Token::Null),
            Some(_) => Err(self.malformed("wanted a value")),
            None => Err(self.malformed("the text ends where a value is wanted")),
        }
    }

    /// Whether nothing but white space is left.
    pub fn is_at_end(&mut self) -> bool {
        self.skip_blanks();
        self.at == self.text.len()
    }

    /// Nothing may be left.
    pub fn end(&mut self) -> Result<()> {
        if self.is_at_end() { Ok(()) } else { Err(self.malformed("there is more behind the value")) }
    }

    /// Reads an object, giving `visit` each name; it must read the value.
    pub fn object(&mut self, mut visit: impl FnMut(&mut Self, Cow<'a, str>) -> Result<()>) -> Result<()> {
        self.open(b'{', Token::Object)?;
        let mut wants_more = false;
        while self.has_next(b'}', wants_more)? {
            if self.peek_byte() != Some(b'"') {
                return Err(self.malformed("wanted a name in quotes"));
            }
            let name = self.text()?;
            if self.peek_byte() != Some(b':') {
                return Err(self.malformed("wanted `:` behind a name"));
            }
            self.at += 1;
            visit(self, name)?;
            wants_more = true;
        }
        Ok(())
    }

    /// Reads a list, giving `visit` the index of each element; it must read the element.
    pub fn list(&mut self, mut visit: impl FnMut(&mut Self, usize) -> Result<()>) -> Result<()> {
        self.open(b'[', Token::List)?;
        let mut index = 0;
        while self.has_next(b']', index > 0)? {
            visit(self, index)?;
            index += 1;
        }
        Ok(())
    }

    /// Reads a text.
    pub fn text(&mut self) -> Result<Cow<'a, str>> {
        self.expect(Token::Text)?;
        let start = self.at + 1;
        let mut out = String::new();
        let mut from = start;
        loop {
            let rest = &self.text.as_bytes()[from..];
            let Some(len) = rest.iter().position(|&byte| matches!(byte, b'"' | b'\\' | ..=0x1f)) else {
                self.at = self.text.len();
                return Err(self.malformed("a text does not end"));
            };
            self.at = from + len;
            match rest[len] {
                b'"' => {
                    let piece = &self.text[from..self.at];
                    self.at += 1;
                    if from == start {
                        return Ok(piece.into());
                    }
                    out.push_str(piece);
                    return Ok(out.into());
                }
                b'\\' => {
                    out.push_str(&self.text[from..self.at]);
                    out.push(self.escape()?);
                    from = self.at;
                }
                _ => return Err(self.malformed("a control character in a text must be escaped")),
            }
        }
    }

    /// Reads a number, as it is written.
    pub fn number(&mut self) -> Result<&'a str> {
        self.expect(Token::Number)?;
        let rest = &self.text[self.at..];
        let is_part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
        let len = rest.bytes().position(|byte| !is_part(&byte)).unwrap_or(rest.len());
        let number = &rest[..len];
        if !is_number(number) {
            return Err(self.malformed("a number is malformed"));
        }
        self.at += len;
        Ok(number)
    }

    /// Reads `true` or `false`.
    pub fn bool(&mut self) -> Result<bool> {
        self.expect(Token::Bool)?;
        let value = self.byte() == Some(b't');
        self.word(if value { "true" } else { "false" })?;
        Ok(value)
    }

    /// Reads `null`.
    pub fn null(&mut self) -> Result<()> {
        self.expect(Token::Null)?;
        self.word("null")
    }

    /// Passes over a value of any kind.
    pub fn skip(&mut self) -> Result<()> {
        match self.peek()? {
            Token::Object => self.object(|reader, _| reader.skip()),
            Token::List => self.list(|reader, _| reader.skip()),
            Token::Text => self.text().map(drop),
            Token::Number => self.number().map(drop),
            Token::Bool => self.bool().map(drop),
            Token::Null => self.null(),
        }
    }

    fn open(&mut self, bracket: u8, token: Token) -> Result<()> {
        self.expect(token)?;
        debug_assert_eq!(self.byte(), Some(bracket), "the token was looked at");
        self.depth += 1;
        if self.depth > self.max_depth {
            return Err(self.malformed("values are nested too deep"));
        }
        self.at += 1;
        Ok(())
    }

    /// Goes on to the next member of an object or list, or behind its end.
    fn has_next(&mut self, bracket: u8, wants_comma: bool) -> Result<bool> {
        match self.peek_byte() {
            Some(byte) if byte == bracket => {
                self.at += 1;
                self.depth -= 1;
                Ok(false)
            }
            Some(b',') if wants_comma => {
                self.at += 1;
                Ok(true)
            }
            Some(_) if !wants_comma => Ok(true),
            Some(_) => Err(self.malformed("wanted `,` or the end of the object or list")),
            None => Err(self.malformed("an object or list does not end")),
        }
    }

    fn expect(&mut self, wanted: Token) -> Result<()> {
        let found = self.peek()?;
        if found == wanted { Ok(()) } else { Err(mismatch(wanted.as_str(), found)) }
    }

    fn word(&mut self, word: &str) -> Result<()> {
        if !self.text[self.at..].starts_with(word) {
            return Err(self.malformed("wanted a value"));
        }
        self.at += word.len();
        Ok(())
    }

    /// Reads an escape (RFC 8259 section 7). Half a surrogate pair is no character.
    fn escape(&mut self) -> Result<char> {
        let letter = self.text.as_bytes().get(self.at + 1).copied();
        let short = match letter {
            Some(letter @ (b'"' | b'\\' | b'/')) => Some(char::from(letter)),
            Some(b'b') => Some('\u{8}'),
            Some(b'f') => Some('\u{c}'),
            Some(b'n') => Some('\n'),
            Some(b'r') => Some('\r'),
            Some(b't') => Some('\t'),
            _ => None,
        };
        if let Some(short) = short {
            self.at += 2;
            return Ok(short);
        }
        let first = self.unit(self.at).ok_or_else(|| self.malformed("an escape is malformed"))?;
        let (code, len) = match first {
            0xd800..=0xdbff => match self.unit(self.at + 6) {
                Some(second @ 0xdc00..=0xdfff) => {
                    (0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00), 12)
                }
                _ => (first, 6),
            },
            _ => (first, 6),
        };
        let letter =
            char::from_u32(code).ok_or_else(|| self.malformed("an escape is half a surrogate pair"))?;
        self.at += len;
        Ok(letter)
    }

    /// The code unit that `\uXXXX` at this place stands for.
    fn unit(&self, at: usize) -> Option<u32> {
        let digits = self.text.get(at..at + 6)?.strip_prefix("\\u")?;
        if digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            u32::from_str_radix(digits, 16).ok()
        } else {
            None
        }
    }

    fn skip_blanks(&mut self) {
        while matches!(self.byte(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn peek_byte(&mut self) -> Option<u8> {
        self.skip_blanks();
        self.byte()
    }

    fn malformed(&self, problem: &str) -> JsonError {
        malformed(self.at, problem)
    }
}

/// The error of a value of another kind than wanted.
pub(super) fn mismatch(wanted: &str, found: Token) -> JsonError {
    JsonError::new(format!("wanted {wanted}, found {}", found.as_str()))
}

fn malformed(at: usize, problem: &str) -> JsonError {
    JsonError::new(format!("malformed JSON at byte {at}: {problem}"))
}

/// Whether `text` is a number (RFC 8259 section 6).
pub(super) fn is_number(text: &str) -> bool {
    let digits = |text: &'_ [u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let bytes = text.as_bytes();
    let mut rest = bytes.strip_prefix(b"-").unwrap_or(bytes);
    let integer = digits(rest);
    if integer == 0 || (integer > 1 && rest[0] == b'0') {
        return false;
    }
    rest = &rest[integer..];
    if let Some(fraction) = rest.strip_prefix(b".") {
        let len = digits(fraction);
        if len == 0 {
            return false;
        }
        rest = &fraction[len..];
    }
    if let [b'e' | b'E', exponent @ ..] = rest {
        let unsigned = exponent.strip_prefix(b"+").or(exponent.strip_prefix(b"-")).unwrap_or(exponent);
        return !unsigned.is_empty() && digits(unsigned) == unsigned.len();
    }
    rest.is_empty()
}

#[cfg(test)]
mod tests;

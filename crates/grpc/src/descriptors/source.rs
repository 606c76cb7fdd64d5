//! The text of a `.proto` file, read with a guard: the parser recurses for each bracket, and would not stop by itself.
//! Imports are not followed here.

use protox::file::File;

use super::error::LoadError;

/// How deep brackets may be nested in a `.proto` file; its parser recurses.
const MAX_BRACKETS: usize = 200;

/// Reads the text of a `.proto` file.
pub(super) fn parse(name: &str, text: &str) -> Result<File, LoadError> {
    let mut depth = 0_usize;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'{' | b'[' | b'(' | b'<' => depth += 1,
            b'}' | b']' | b')' | b'>' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_BRACKETS {
            let line = memchr::memchr_iter(b'\n', &text.as_bytes()[..at]).count() + 1;
            return Err(LoadError::new(&format!("{name}:{line}"), "brackets are nested too deep"));
        }
    }
    Ok(File::from_source(name, text)?)
}

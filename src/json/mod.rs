//! JSON, kept as text.
//!
//! Owns every operation on a JSON text that does not decode it into values: validate it ([`Scanner`], [`check`]),
//! reformat it ([`pretty`]), find a part of it ([`Pointer`], [`children`]) and compare two texts ([`equal()`]). It must
//! not know files, HTTP or printing.
//!
//! Invariants: the bytes of numbers, keys and escapes, key order and duplicate keys stay as they were. No function
//! recurses, so no depth of nesting can exhaust the stack. All functions but the validator require a valid JSON text;
//! given anything else they return a meaningless result, but do not panic. `serde_json` limits the depth, does not
//! accept a text in pieces and does not preserve it byte for byte, so it only decodes and encodes single strings here.
//!
//! RFC 8259 (JSON), RFC 6901 (JSON Pointer).

mod equal;
mod nest;
mod pointer;
mod scan;
mod skip;
#[cfg(test)]
mod tests;
mod tokens;

use std::collections::HashSet;
use std::io::{self, Write};
use std::ops::Range;

pub(crate) use equal::equal;
pub(crate) use pointer::Pointer;
pub(crate) use scan::{Scanner, SyntaxError};
pub(crate) use tokens::TokenKind;
use tokens::Tokens;

/// Checks that `bytes` are exactly one JSON text; the first syntax error if not.
pub(crate) fn check(bytes: &[u8]) -> Result<(), SyntaxError> {
    let mut scanner = Scanner::new();
    scanner.push(bytes)?;
    scanner.finish()
}

/// Checks that no object in the JSON text has a key twice, at any depth; the error is at the second key.
pub(crate) fn check_keys(json: &str) -> Result<(), SyntaxError> {
    let mut open: Vec<HashSet<Text>> = Vec::new();
    for token in Tokens::of(json.as_bytes()) {
        match token.kind {
            TokenKind::Begin => open.push(HashSet::new()),
            TokenKind::End => drop(open.pop()),
            TokenKind::Scalar => {}
            TokenKind::Key => {
                let fresh = open
                    .last_mut()
                    .is_none_or(|keys| keys.insert(Text::of(&json[token.start..token.end])));
                if !fresh {
                    let before = &json[..token.start];
                    let line_start = before.rfind('\n').map_or(0, |end| end + 1);
                    return Err(SyntaxError {
                        line: before.matches('\n').count() as u64 + 1,
                        column: (token.start - line_start) as u64 + 1,
                        what: "duplicate key".to_owned(),
                    });
                }
            }
        }
    }
    Ok(())
}

/// Writes the JSON text with one member or element per line, two spaces per level, and no line break at the end.
///
/// Only the white space between the tokens changes; `{}` and `[]` stay short. The indent stops growing at the 64th
/// level, so that a short text full of brackets cannot grow to gigabytes. `write_token` writes each token.
///
/// # Errors
/// Those of `out`.
pub(crate) fn pretty<W: Write>(
    json: &[u8],
    out: &mut W,
    write_token: impl Fn(&mut W, TokenKind, &[u8]) -> io::Result<()>,
) -> io::Result<()> {
    const INDENT: [u8; 2 * 64] = [b' '; 2 * 64];
    let mut depth = 0_usize;
    let mut before = None;
    for token in Tokens::of(json) {
        if token.kind == TokenKind::End {
            depth = depth.saturating_sub(1);
        }
        match (before, token.kind) {
            (None, _) | (Some(TokenKind::Begin), TokenKind::End) => {}
            (Some(TokenKind::Key), _) => out.write_all(b": ")?,
            (Some(last), kind) => {
                let comma = last != TokenKind::Begin && kind != TokenKind::End;
                out.write_all(if comma { b",\n" } else { b"\n" })?;
                out.write_all(&INDENT[..INDENT.len().min(2 * depth)])?;
            }
        }
        write_token(out, token.kind, &json[token.start..token.end])?;
        if token.kind == TokenKind::Begin {
            depth += 1;
        }
        before = Some(token.kind);
    }
    Ok(())
}

/// Writes the JSON text, or several of them, byte for byte, where `write_token` writes each token.
///
/// # Errors
/// Those of `out`.
pub(crate) fn unchanged<W: Write>(
    json: &[u8],
    out: &mut W,
    write_token: impl Fn(&mut W, TokenKind, &[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let mut written = 0;
    for token in Tokens::of(json) {
        out.write_all(&json[written..token.start])?;
        write_token(out, token.kind, &json[token.start..token.end])?;
        written = token.end;
    }
    out.write_all(&json[written..])
}

/// Decodes a JSON string; `None` for any other value, and for a string with an unpaired surrogate.
pub(crate) fn text_of(raw: &str) -> Option<String> {
    serde_json::from_str(raw).ok()
}

/// Encodes `text` as a JSON string.
pub(crate) fn string(text: &str) -> String {
    // Into memory, so it cannot fail.
    serde_json::to_string(text).unwrap_or_default()
}

/// Writes `text` as a JSON string; invalid UTF-8 becomes a replacement character.
///
/// # Errors
/// Those of `out`.
pub(crate) fn write_string(text: &[u8], out: &mut impl Write) -> io::Result<()> {
    const PIECE: usize = 4 << 10;
    out.write_all(b"\"")?;
    for chunk in text.utf8_chunks() {
        let mut rest = chunk.valid();
        while !rest.is_empty() {
            let (piece, behind) = rest.split_at(rest.floor_char_boundary(PIECE));
            let quoted = string(piece);
            out.write_all(&quoted.as_bytes()[1..quoted.len() - 1])?;
            rest = behind;
        }
        if !chunk.invalid().is_empty() {
            out.write_all("\u{fffd}".as_bytes())?;
        }
    }
    out.write_all(b"\"")
}

/// The JSON text without surrounding white space.
pub(crate) fn trim(json: &str) -> &str {
    json.trim_matches([' ', '\t', '\n', '\r'])
}

/// The members of an object or the elements of an array, in order: the text of each key and of each value, unchanged.
/// Empty for any other value. Iterating over all of them costs one pass over the text.
pub(crate) fn children(json: &str) -> impl Iterator<Item = (Option<&str>, &str)> {
    child_ranges(json).map(|(key, value)| (key.map(|key| &json[key]), &json[value]))
}

/// The same, as ranges of bytes.
pub(crate) fn child_ranges(
    json: &str,
) -> impl Iterator<Item = (Option<Range<usize>>, Range<usize>)> {
    let mut tokens = Tokens::of(json.as_bytes());
    tokens.next();
    std::iter::from_fn(move || {
        let mut token = tokens.next()?;
        let mut key = None;
        if token.kind == TokenKind::Key {
            key = Some(token.start..token.end);
            token = tokens.next()?;
        }
        let start = token.start;
        let mut depth = 0_usize;
        loop {
            match token.kind {
                TokenKind::Begin => depth += 1,
                TokenKind::End => depth = depth.checked_sub(1)?,
                TokenKind::Key | TokenKind::Scalar => {}
            }
            if depth == 0 {
                return Some((key, start..token.end));
            }
            token = tokens.next()?;
        }
    })
}

/// A decoded string, or its raw text if it cannot be decoded (an unpaired surrogate).
#[derive(PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Text {
    Decoded(String),
    Raw(String),
}

impl Text {
    fn of(raw: &str) -> Text {
        text_of(raw).map_or_else(|| Text::Raw(raw.to_owned()), Text::Decoded)
    }
}

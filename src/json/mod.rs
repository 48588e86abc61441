//! JSON, kept as text.
//!
//! Owns everything that is done with a JSON text without turning it into values: telling whether it is one
//! ([`Scanner`], [`check`]), laying it out anew ([`pretty`]), finding a part of it ([`Pointer`], [`children`]), and
//! telling whether two texts mean the same ([`equal()`]). It must not know files, HTTP or printing.
//!
//! What always holds: numbers, key order, duplicate keys and escapes stay the bytes they were, and no function here
//! recurses, so that no depth of nesting can exhaust the stack. All but the validator ask for a text that is known to
//! be JSON; given another, they return something meaningless, but do not panic. `serde_json` bounds the depth, takes no
//! text in pieces and does not keep it as it stands; so only decoding and encoding one string is left to it.
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

pub(crate) use equal::equal;
pub(crate) use pointer::Pointer;
pub(crate) use scan::{Scanner, SyntaxError};
use tokens::{TokenKind, Tokens};

/// Whether `bytes` are one JSON text: the first flaw if they are not.
pub(crate) fn check(bytes: &[u8]) -> Result<(), SyntaxError> {
    let mut scanner = Scanner::new();
    scanner.push(bytes)?;
    scanner.finish()
}

/// Whether no object in the JSON text has a key twice, at any depth: the second one if there is one.
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

/// Writes the JSON text with one member or element a line, two spaces for each level, and no line break at the end.
///
/// Only the white space between the tokens changes; `{}` and `[]` stay short. From the 64th level on the indent stays as
/// it is, lest a short text full of brackets grow to gigabytes.
///
/// # Errors
/// Those of `out`.
pub(crate) fn pretty(json: &[u8], out: &mut impl Write) -> io::Result<()> {
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
        out.write_all(&json[token.start..token.end])?;
        if token.kind == TokenKind::Begin {
            depth += 1;
        }
        before = Some(token.kind);
    }
    Ok(())
}

/// What a JSON string says; `None` for any other value, and for a string that holds half of a surrogate pair.
pub(crate) fn text_of(raw: &str) -> Option<String> {
    serde_json::from_str(raw).ok()
}

/// The JSON string that says `text`.
pub(crate) fn string(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Writes the JSON string that says `text`, with a mark in the place of what is not UTF-8.
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

/// The JSON text without the white space around it.
pub(crate) fn trim(json: &str) -> &str {
    json.trim_matches([' ', '\t', '\n', '\r'])
}

/// The members of an object, or the elements of an array, in their order: each key's text and each value's text, as
/// they stand. Nothing for any other value. A search through all of it costs one pass over the text.
pub(crate) fn children(json: &str) -> impl Iterator<Item = (Option<&str>, &str)> {
    let mut tokens = Tokens::of(json.as_bytes());
    tokens.next();
    std::iter::from_fn(move || {
        let mut token = tokens.next()?;
        let mut key = None;
        if token.kind == TokenKind::Key {
            key = Some(&json[token.start..token.end]);
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
                return Some((key, &json[start..token.end]));
            }
            token = tokens.next()?;
        }
    })
}

/// What a string says; or its text as it stands where it says nothing that Unicode knows (half a surrogate pair).
#[derive(PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Text {
    Said(String),
    Raw(String),
}

impl Text {
    fn of(raw: &str) -> Text {
        text_of(raw).map_or_else(|| Text::Raw(raw.to_owned()), Text::Said)
    }
}

//! The tokens of a text that is known to be JSON.

use super::skip;

/// The kind of a token.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum TokenKind {
    /// `{` or `[`.
    Begin,
    /// `}` or `]`.
    End,
    /// A string before a colon.
    Key,
    /// Another string, a number, or a literal name.
    Scalar,
}

/// A token, as a range of bytes.
pub(super) struct Token {
    pub(crate) kind: TokenKind,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// Iterates over the tokens of a JSON text, without commas, colons and white space. Each token begins and ends next to
/// an ASCII byte or at an end of the text, so a `&str` may be split there.
pub(super) struct Tokens<'a> {
    json: &'a [u8],
    at: usize,
}

impl Tokens<'_> {
    pub(super) fn of(json: &[u8]) -> Tokens<'_> {
        Tokens { json, at: 0 }
    }

    /// The next byte that is not one of `skipped`.
    fn peek(&mut self, skipped: &[u8]) -> Option<u8> {
        while skipped.contains(self.json.get(self.at)?) {
            self.at += 1;
        }
        Some(self.json[self.at])
    }

    /// Skips the string that begins here.
    fn pass_string(&mut self) {
        self.at += 1;
        loop {
            self.at += skip::plain(&self.json[self.at..]);
            match self.json[self.at..] {
                [b'"', ..] => break self.at += 1,
                [b'\\', b'"' | b'\\', ..] => self.at += 2,
                [_, ..] => self.at += 1,
                [] => break,
            }
        }
    }
}

impl Iterator for Tokens<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        let byte = self.peek(b" \t\r\n,:")?;
        let start = self.at;
        match byte {
            b'"' => self.pass_string(),
            b'{' | b'[' | b'}' | b']' => self.at += 1,
            _ => {
                let rest = &self.json[start..];
                let length = rest
                    .iter()
                    .position(|byte| b" \t\r\n,:\"{[}]".contains(byte));
                self.at += length.unwrap_or(rest.len());
            }
        }
        let end = self.at;
        let kind = match byte {
            b'{' | b'[' => TokenKind::Begin,
            b'}' | b']' => TokenKind::End,
            b'"' if self.peek(b" \t\r\n") == Some(b':') => TokenKind::Key,
            _ => TokenKind::Scalar,
        };
        Some(Token { kind, start, end })
    }
}

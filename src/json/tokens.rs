//! The pieces of a text that is known to be JSON, one after the other.

use super::skip;

/// What a piece of a JSON text is.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum TokenKind {
    /// `{` or `[`.
    Begin,
    /// `}` or `]`.
    End,
    Key,
    /// A string that is no key, a number, or a name.
    Scalar,
}

/// A piece of a JSON text, from byte to byte.
pub(super) struct Token {
    pub(crate) kind: TokenKind,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// The pieces of a JSON text in their order, but for commas, colons and white space. Every piece begins and ends beside
/// an ASCII byte or at an end of the text, so that a `&str` may be cut there.
pub(super) struct Tokens<'a> {
    json: &'a [u8],
    at: usize,
}

impl Tokens<'_> {
    pub(super) fn of(json: &[u8]) -> Tokens<'_> {
        Tokens { json, at: 0 }
    }

    /// The next byte that is none of `skipped`.
    fn peek(&mut self, skipped: &[u8]) -> Option<u8> {
        while skipped.contains(self.json.get(self.at)?) {
            self.at += 1;
        }
        Some(self.json[self.at])
    }

    /// Goes behind the string that begins here.
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

//! The validator: is this one JSON text, and if not, where is the error?
//!
//! A [`Scanner`] accepts the text in pieces of any size and keeps none of them: its memory is one bit per open bracket.
//! It is a state machine, so that it can stop between any two bytes, and does not recurse. The grammar is RFC 8259 to
//! the letter (with UTF-8 as in RFC 3629): only the form of numbers is checked, duplicate keys and unpaired surrogate
//! *escapes* are allowed, a byte order mark is not. Where the pieces are split changes neither the verdict nor the
//! reported position.
//!
//! The state machine handles one byte at a time, and knows all the rules except where a string ends. Speed comes from
//! a fast path: [`Scanner::values`] skips whole common tokens, and [`skip::string`] skips the rest of a string that was
//! split between pieces. Errors, rare tokens and split tokens fall back to the state machine. Line breaks are counted
//! only between tokens, because a valid text has them nowhere else.

mod fast;

use std::fmt;

use super::nest::Nest;
use super::skip;

/// Why a text is not JSON, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SyntaxError {
    /// The line, from 1; lines end with a line feed.
    pub(crate) line: u64,
    /// The column, from 1, counted in bytes.
    pub(crate) column: u64,
    /// What is wrong there. It quotes at most one byte of the text.
    pub(crate) what: String,
}

impl fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "line {}, column {}: {}",
            self.line, self.column, self.what
        )
    }
}

/// The position in the grammar before the next byte.
#[derive(Clone, Copy, PartialEq)]
enum ScanState {
    /// A value must begin.
    Value,
    /// A value must begin, or the empty array must end.
    FirstElement,
    /// A key must begin, or the empty object must end.
    FirstKey,
    /// A key must begin.
    NextKey,
    Colon,
    /// A value has ended.
    After,
    /// Inside a string.
    Text,
    /// After a backslash.
    Escape,
    /// Inside `\uXXXX`, with this many digits missing.
    Hex(u8),
    /// Inside a UTF-8 character: how many bytes are missing, and the bounds of the next one.
    Tail(u8, u8, u8),
    /// After the sign of a number.
    Minus,
    /// After a leading 0 of a number.
    Zero,
    Whole,
    Point,
    Fraction,
    Exponent,
    ExponentSign,
    Power,
    /// Inside one of the [`WORDS`] (by index), of which this many bytes have been read.
    Word(u8, u8),
}

/// The literal names.
const WORDS: [&str; 3] = ["true", "false", "null"];

/// An incremental validator of one JSON text.
///
/// Call [`push`](Scanner::push) for each piece, then [`finish`](Scanner::finish). After an error it cannot be used again.
pub(crate) struct Scanner {
    state: ScanState,
    /// Whether the current string is a key.
    key: bool,
    nest: Nest,
    /// The offset at which the current piece ends.
    end: u64,
    /// The number of line breaks so far.
    lines: u64,
    /// The offset at which the current line begins.
    line_start: u64,
}

impl Scanner {
    /// A scanner at the start of a text.
    pub(crate) fn new() -> Scanner {
        Scanner {
            state: ScanState::Value,
            key: false,
            nest: Nest::new(),
            end: 0,
            lines: 0,
            line_start: 0,
        }
    }

    /// Validates the next piece of the text; the first error in it, if there is one.
    pub(crate) fn push(&mut self, chunk: &[u8]) -> Result<(), SyntaxError> {
        let mut state = self.state;
        let mut rest = chunk;
        self.end += chunk.len() as u64;
        loop {
            match state {
                ScanState::Value => Err((state, rest)) = self.values(rest),
                ScanState::Text => match skip::string(rest) {
                    Ok(behind) => {
                        rest = behind;
                        state = if self.key {
                            ScanState::Colon
                        } else {
                            ScanState::After
                        };
                    }
                    Err(stop) => rest = stop,
                },
                _ => {}
            }
            let Some((&byte, behind)) = rest.split_first() else {
                break;
            };
            state = match state {
                ScanState::Text => match byte {
                    b'\\' => ScanState::Escape,
                    b' '..=0x7F => ScanState::Text,
                    0xC2..=0xDF => ScanState::Tail(1, 0x80, 0xBF),
                    0xE0 => ScanState::Tail(2, 0xA0, 0xBF),
                    0xED => ScanState::Tail(2, 0x80, 0x9F),
                    0xE1..=0xEF => ScanState::Tail(2, 0x80, 0xBF),
                    0xF0 => ScanState::Tail(3, 0x90, 0xBF),
                    0xF4 => ScanState::Tail(3, 0x80, 0x8F),
                    0xF1..=0xF3 => ScanState::Tail(3, 0x80, 0xBF),
                    0x80.. => return Err(self.syntax_error(rest, "not UTF-8")),
                    _ => return Err(self.syntax_error(rest, "a control character in a string")),
                },
                ScanState::Tail(left, low, high) if (low..=high).contains(&byte) => match left {
                    1 => ScanState::Text,
                    _ => ScanState::Tail(left - 1, 0x80, 0xBF),
                },
                ScanState::Tail(..) => return Err(self.syntax_error(rest, "not UTF-8")),
                ScanState::Escape => match byte {
                    b'u' => ScanState::Hex(4),
                    b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => ScanState::Text,
                    _ => return Err(self.unexpected("an escape", byte, rest)),
                },
                ScanState::Hex(left) => match byte {
                    b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F' if left == 1 => ScanState::Text,
                    b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F' => ScanState::Hex(left - 1),
                    _ => return Err(self.unexpected("a hexadecimal digit", byte, rest)),
                },
                ScanState::Value | ScanState::FirstElement => match byte {
                    b'"' => {
                        self.key = false;
                        ScanState::Text
                    }
                    b'{' => {
                        self.nest.open(true);
                        ScanState::FirstKey
                    }
                    b'[' => {
                        self.nest.open(false);
                        ScanState::FirstElement
                    }
                    b'1'..=b'9' => ScanState::Whole,
                    b'0' => ScanState::Zero,
                    b'-' => ScanState::Minus,
                    b't' => ScanState::Word(0, 1),
                    b'f' => ScanState::Word(1, 1),
                    b'n' => ScanState::Word(2, 1),
                    b']' if state == ScanState::FirstElement => {
                        self.nest.close();
                        ScanState::After
                    }
                    b' ' | b'\t' | b'\r' | b'\n' => {
                        rest = self.space(rest);
                        continue;
                    }
                    _ if state == ScanState::Value => {
                        return Err(self.unexpected("a value", byte, rest));
                    }
                    _ => return Err(self.unexpected("a value or ']'", byte, rest)),
                },
                ScanState::FirstKey | ScanState::NextKey => match byte {
                    b'"' => {
                        self.key = true;
                        ScanState::Text
                    }
                    b'}' if state == ScanState::FirstKey => {
                        self.nest.close();
                        ScanState::After
                    }
                    b' ' | b'\t' | b'\r' | b'\n' => {
                        rest = self.space(rest);
                        continue;
                    }
                    _ if state == ScanState::NextKey => {
                        return Err(self.unexpected("a key", byte, rest));
                    }
                    _ => return Err(self.unexpected("a key or '}'", byte, rest)),
                },
                ScanState::Colon => match byte {
                    b':' => ScanState::Value,
                    b' ' | b'\t' | b'\r' | b'\n' => {
                        rest = self.space(rest);
                        continue;
                    }
                    _ => return Err(self.unexpected("':'", byte, rest)),
                },
                ScanState::After => match byte {
                    b',' if self.nest.in_object() => ScanState::NextKey,
                    b',' if self.nest.in_array() => ScanState::Value,
                    b'}' if self.nest.in_object() => {
                        self.nest.close();
                        ScanState::After
                    }
                    b']' if self.nest.in_array() => {
                        self.nest.close();
                        ScanState::After
                    }
                    b' ' | b'\t' | b'\r' | b'\n' => {
                        rest = self.space(rest);
                        continue;
                    }
                    _ if self.nest.in_object() => {
                        return Err(self.unexpected("',' or '}'", byte, rest));
                    }
                    _ if self.nest.in_array() => {
                        return Err(self.unexpected("',' or ']'", byte, rest));
                    }
                    b'"' | b'{' | b'[' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n' => {
                        return Err(self.syntax_error(rest, "two documents"));
                    }
                    _ => return Err(self.unexpected("the end", byte, rest)),
                },
                ScanState::Whole | ScanState::Fraction | ScanState::Power
                    if byte.is_ascii_digit() =>
                {
                    state
                }
                ScanState::Zero if byte.is_ascii_digit() => {
                    return Err(self.syntax_error(rest, "a number with a leading zero"));
                }
                ScanState::Whole | ScanState::Zero if byte == b'.' => ScanState::Point,
                ScanState::Whole | ScanState::Zero | ScanState::Fraction
                    if matches!(byte, b'e' | b'E') =>
                {
                    ScanState::Exponent
                }
                ScanState::Whole | ScanState::Zero | ScanState::Fraction | ScanState::Power => {
                    state = ScanState::After; // the number ended before this byte
                    continue;
                }
                ScanState::Minus if byte == b'0' => ScanState::Zero,
                ScanState::Minus if byte.is_ascii_digit() => ScanState::Whole,
                ScanState::Point if byte.is_ascii_digit() => ScanState::Fraction,
                ScanState::Exponent if matches!(byte, b'+' | b'-') => ScanState::ExponentSign,
                ScanState::Exponent | ScanState::ExponentSign if byte.is_ascii_digit() => {
                    ScanState::Power
                }
                ScanState::Minus
                | ScanState::Point
                | ScanState::Exponent
                | ScanState::ExponentSign => {
                    return Err(self.unexpected("a digit", byte, rest));
                }
                ScanState::Word(which, have) => {
                    let word = WORDS[usize::from(which)];
                    if byte != word.as_bytes()[usize::from(have)] {
                        return Err(self.unexpected(&format!("'{word}'"), byte, rest));
                    }
                    if usize::from(have) + 1 == word.len() {
                        ScanState::After
                    } else {
                        ScanState::Word(which, have + 1)
                    }
                }
            };
            rest = behind;
        }
        self.state = state;
        Ok(())
    }

    /// Ends the text; an error if it may not end here.
    pub(crate) fn finish(self) -> Result<(), SyntaxError> {
        match self.state {
            ScanState::After
            | ScanState::Zero
            | ScanState::Whole
            | ScanState::Fraction
            | ScanState::Power
                if self.nest.is_empty() =>
            {
                Ok(())
            }
            ScanState::Value if self.end == 0 => Err(self.syntax_error(&[], "nothing at all")),
            ScanState::Value if self.nest.is_empty() => {
                Err(self.syntax_error(&[], "nothing but white space"))
            }
            _ => Err(self.syntax_error(&[], "the document ends too early")),
        }
    }

    /// Skips the white space at the start of `rest`.
    fn space<'a>(&mut self, mut rest: &'a [u8]) -> &'a [u8] {
        while let Some((byte, behind)) = rest.split_first() {
            rest = match byte {
                b' ' | b'\t' | b'\r' => behind,
                b'\n' => {
                    self.lines += 1;
                    self.line_start = self.end - behind.len() as u64;
                    skip::behind_spaces(behind) // an indent
                }
                _ => break,
            };
        }
        rest
    }

    /// An error at the start of `rest`.
    #[cold]
    fn syntax_error(&self, rest: &[u8], what: &str) -> SyntaxError {
        SyntaxError {
            line: self.lines + 1,
            column: self.end - rest.len() as u64 - self.line_start + 1,
            what: what.to_owned(),
        }
    }

    /// An error at the first byte of `rest`, which is `byte`.
    #[cold]
    fn unexpected(&self, wanted: &str, byte: u8, rest: &[u8]) -> SyntaxError {
        let found = match byte {
            b'\'' => "\"'\"".to_owned(),
            b' '..=b'~' => format!("'{}'", char::from(byte)),
            0xEF if self.end == rest.len() as u64 => "a byte order mark".to_owned(),
            _ => format!("the byte 0x{byte:02x}"),
        };
        self.syntax_error(rest, &format!("expected {wanted}, found {found}"))
    }
}

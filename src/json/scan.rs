//! The validator: is this one JSON text, and if not, where not?
//!
//! A [`Scanner`] takes the text in pieces of any size and keeps no piece: its memory is one bit for each level of
//! nesting that is open. It is a state machine, so that it can stop between any two bytes; nothing in it recurses.
//! The grammar is RFC 8259 to the letter (and UTF-8 by RFC 3629): numbers are judged by their form only, duplicate keys
//! and unpaired surrogate *escapes* are allowed, a byte order mark is not. Where the pieces are cut changes neither
//! the verdict nor the position that is told.
//!
//! The machine knows all the rules, and takes a byte a turn. Speed comes from [`Scanner::tokens`], which passes over
//! whole tokens of the usual sort and leaves everything else to the machine: what is wrong, what is rare, and what the
//! end of a piece cuts. Line breaks are counted only between tokens, for a valid text has them nowhere else.

use std::convert::Infallible;
use std::fmt;

use super::skip::{each, number, string};

/// Why a text is not JSON, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// The line, from 1; lines end with a line feed.
    pub line: u64,
    /// The column, from 1, counted in bytes.
    pub column: u64,
    /// What is wrong there. It quotes one byte of the text at most.
    pub what: String,
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "line {}, column {}: {}",
            self.line, self.column, self.what
        )
    }
}

/// Where in the grammar the next byte stands.
#[derive(Clone, Copy, PartialEq)]
enum State {
    /// A value must begin.
    Value,
    /// A value, or the end of an array that has none yet.
    FirstElement,
    /// A key, or the end of an object that has none yet.
    FirstKey,
    /// A key must begin.
    NextKey,
    Colon,
    /// A value has ended.
    After,
    /// Inside a string.
    Text,
    /// Behind a backslash.
    Escape,
    /// So many digits of `\uXXXX` are to come.
    Hex(u8),
    /// Inside a character: so many bytes are to come, the next of them within these bounds.
    Tail(u8, u8, u8),
    /// Behind the sign of a number.
    Minus,
    /// Behind a 0 that begins a number.
    Zero,
    Whole,
    Point,
    Fraction,
    Exponent,
    ExponentSign,
    Power,
    /// Inside this one of the [`WORDS`], of which so many bytes have come.
    Word(u8, u8),
}

/// Where the quick look ahead stops, and what the state is there.
type Stop = (State, usize);

/// The values that are names.
const WORDS: [&str; 3] = ["true", "false", "null"];

/// An incremental validator of one JSON text.
///
/// Feed it with [`push`](Scanner::push), then ask [`finish`](Scanner::finish). After a flaw it is of no further use.
pub struct Scanner {
    state: State,
    /// Whether the string at hand is a key.
    key: bool,
    nest: Nest,
    /// How many bytes came before the piece at hand.
    offset: u64,
    /// Line breaks passed.
    lines: u64,
    /// The offset at which the line at hand begins.
    line_start: u64,
}

impl Scanner {
    /// A scanner at the start of a text.
    pub fn new() -> Scanner {
        Scanner {
            state: State::Value,
            key: false,
            nest: Nest::new(),
            offset: 0,
            lines: 0,
            line_start: 0,
        }
    }

    /// Takes the next piece of the text: the first flaw in it, if there is one.
    pub fn push(&mut self, chunk: &[u8]) -> Result<(), Flaw> {
        let mut state = self.state;
        let mut at = 0;
        loop {
            match state {
                State::Value => (state, at) = self.tokens(chunk, at),
                State::Text => match string(chunk, at) {
                    Ok(end) => {
                        at = end;
                        state = if self.key { State::Colon } else { State::After };
                    }
                    Err(stop) => at = stop,
                },
                _ => {}
            }
            let Some(&byte) = chunk.get(at) else { break };
            at += 1;
            state = match state {
                State::Text => match byte {
                    b'"' if self.key => State::Colon,
                    b'"' => State::After,
                    b'\\' => State::Escape,
                    b' '..=0x7F => State::Text,
                    0xC2..=0xDF => State::Tail(1, 0x80, 0xBF),
                    0xE0 => State::Tail(2, 0xA0, 0xBF),
                    0xED => State::Tail(2, 0x80, 0x9F),
                    0xE1..=0xEF => State::Tail(2, 0x80, 0xBF),
                    0xF0 => State::Tail(3, 0x90, 0xBF),
                    0xF4 => State::Tail(3, 0x80, 0x8F),
                    0xF1..=0xF3 => State::Tail(3, 0x80, 0xBF),
                    0x80.. => return Err(self.flaw(at, "not UTF-8")),
                    _ => return Err(self.flaw(at, "a control character in a string")),
                },
                State::Tail(left, low, high) if (low..=high).contains(&byte) => match left {
                    1 => State::Text,
                    _ => State::Tail(left - 1, 0x80, 0xBF),
                },
                State::Tail(..) => return Err(self.flaw(at, "not UTF-8")),
                State::Escape => match byte {
                    b'u' => State::Hex(4),
                    b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => State::Text,
                    _ => return Err(self.unexpected("an escape", byte, at)),
                },
                State::Hex(left) => match byte {
                    b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F' if left == 1 => State::Text,
                    b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F' => State::Hex(left - 1),
                    _ => return Err(self.unexpected("a hexadecimal digit", byte, at)),
                },
                State::Value | State::FirstElement => match byte {
                    b'"' => {
                        self.key = false;
                        State::Text
                    }
                    b'{' => {
                        self.nest.open(true);
                        State::FirstKey
                    }
                    b'[' => {
                        self.nest.open(false);
                        State::FirstElement
                    }
                    b'1'..=b'9' => State::Whole,
                    b'0' => State::Zero,
                    b'-' => State::Minus,
                    b't' => State::Word(0, 1),
                    b'f' => State::Word(1, 1),
                    b'n' => State::Word(2, 1),
                    b']' if state == State::FirstElement => {
                        self.nest.close();
                        State::After
                    }
                    b' ' | b'\t' | b'\r' | b'\n' => {
                        at = self.space(chunk, at - 1);
                        state
                    }
                    _ if state == State::Value => {
                        return Err(self.unexpected("a value", byte, at));
                    }
                    _ => return Err(self.unexpected("a value or ']'", byte, at)),
                },
                State::FirstKey | State::NextKey => match byte {
                    b'"' => {
                        self.key = true;
                        State::Text
                    }
                    b'}' if state == State::FirstKey => {
                        self.nest.close();
                        State::After
                    }
                    b' ' | b'\t' | b'\r' | b'\n' => {
                        at = self.space(chunk, at - 1);
                        state
                    }
                    _ if state == State::NextKey => return Err(self.unexpected("a key", byte, at)),
                    _ => return Err(self.unexpected("a key or '}'", byte, at)),
                },
                State::Colon => match byte {
                    b':' => State::Value,
                    b' ' | b'\t' | b'\r' | b'\n' => {
                        at = self.space(chunk, at - 1);
                        state
                    }
                    _ => return Err(self.unexpected("':'", byte, at)),
                },
                State::After => match (byte, self.nest.innermost()) {
                    (b',', Some(true)) => State::NextKey,
                    (b',', Some(false)) => State::Value,
                    (b'}', Some(true)) | (b']', Some(false)) => {
                        self.nest.close();
                        State::After
                    }
                    (b' ' | b'\t' | b'\r' | b'\n', _) => {
                        at = self.space(chunk, at - 1);
                        state
                    }
                    (_, Some(true)) => return Err(self.unexpected("',' or '}'", byte, at)),
                    (_, Some(false)) => return Err(self.unexpected("',' or ']'", byte, at)),
                    (b'"' | b'{' | b'[' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n', None) => {
                        return Err(self.flaw(at, "two documents"));
                    }
                    (_, None) => return Err(self.unexpected("the end", byte, at)),
                },
                State::Whole | State::Fraction | State::Power if byte.is_ascii_digit() => state,
                State::Zero if byte.is_ascii_digit() => {
                    return Err(self.flaw(at, "a number with a leading zero"));
                }
                State::Whole | State::Zero if byte == b'.' => State::Point,
                State::Whole | State::Zero | State::Fraction if matches!(byte, b'e' | b'E') => {
                    State::Exponent
                }
                State::Whole | State::Zero | State::Fraction | State::Power => {
                    at -= 1; // the number ended before this byte
                    State::After
                }
                State::Minus if byte == b'0' => State::Zero,
                State::Minus if byte.is_ascii_digit() => State::Whole,
                State::Point if byte.is_ascii_digit() => State::Fraction,
                State::Exponent if matches!(byte, b'+' | b'-') => State::ExponentSign,
                State::Exponent | State::ExponentSign if byte.is_ascii_digit() => State::Power,
                State::Minus | State::Point | State::Exponent | State::ExponentSign => {
                    return Err(self.unexpected("a digit", byte, at));
                }
                State::Word(which, have) => {
                    let word = WORDS[usize::from(which)];
                    if byte != word.as_bytes()[usize::from(have)] {
                        return Err(self.unexpected(&format!("'{word}'"), byte, at));
                    }
                    if usize::from(have) + 1 == word.len() {
                        State::After
                    } else {
                        State::Word(which, have + 1)
                    }
                }
            };
        }
        self.state = state;
        self.offset += chunk.len() as u64;
        Ok(())
    }

    /// Passes over whole tokens from `at` on, where a value must begin: where it stops, and what the state is there.
    fn tokens(&mut self, chunk: &[u8], at: usize) -> (State, usize) {
        match self.values(chunk, at) {
            Ok(never) => match never {},
            Err(stopped) => stopped,
        }
    }

    /// Goes on until something stops it.
    ///
    /// The speed hangs on how soon the place of the next token is known. Hence the branches, which a processor can
    /// foretell, where an addition would do that it must wait for.
    fn values(&mut self, chunk: &[u8], mut at: usize) -> Result<Infallible, Stop> {
        // Whether the value is a string, of which the quote is passed.
        let mut quoted = false;
        loop {
            let end = match (quoted, chunk.get(at)) {
                (true, _) => {
                    quoted = false;
                    Some(self.text(chunk, at, false)?)
                }
                (false, Some(b'"')) => {
                    at += 1;
                    quoted = true;
                    continue;
                }
                (false, Some(b' ')) => {
                    at += 1;
                    continue;
                }
                (false, Some(b'\t' | b'\r' | b'\n')) => {
                    at = self.space(chunk, at);
                    continue;
                }
                (false, Some(b'0'..=b'9')) => number(chunk, at),
                (false, Some(b'-')) => number(chunk, at + 1),
                (false, Some(b't')) if chunk[at..].starts_with(b"true") => Some(at + 4),
                (false, Some(b'f')) if chunk[at..].starts_with(b"false") => Some(at + 5),
                (false, Some(b'n')) if chunk[at..].starts_with(b"null") => Some(at + 4),
                (false, Some(b'{')) if chunk.get(at + 1) == Some(&b'}') => Some(at + 2),
                (false, Some(b'{')) => {
                    self.nest.open(true);
                    (quoted, at) = self.member(chunk, at + 1, State::FirstKey)?;
                    continue;
                }
                (false, Some(b'[')) if chunk.get(at + 1) == Some(&b']') => Some(at + 2),
                (false, Some(b'[')) => {
                    self.nest.open(false);
                    at = self.space(chunk, at + 1);
                    match chunk.get(at) {
                        Some(b'"' | b'{' | b'[' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n') => {
                            continue;
                        }
                        _ => return Err((State::FirstElement, at)),
                    }
                }
                _ => None,
            };
            at = end.ok_or((State::Value, at))?;
            // What follows a value, up to the next one.
            loop {
                match (chunk.get(at), self.nest.innermost()) {
                    (Some(b','), Some(true)) => {
                        (quoted, at) = self.member(chunk, at + 1, State::NextKey)?;
                        break;
                    }
                    (Some(b','), Some(false)) => {
                        at += 1;
                        break;
                    }
                    (Some(b'}'), Some(true)) | (Some(b']'), Some(false)) => {
                        self.nest.close();
                        at += 1;
                    }
                    (Some(b' ' | b'\t' | b'\r' | b'\n'), _) => at = self.space(chunk, at),
                    _ => return Err((State::After, at)),
                }
            }
        }
    }

    /// Passes over a key and its colon, from `at` on, where `state` holds: whether behind it a string begins, and where
    /// the value does, behind the quote if it is one.
    #[inline(always)]
    fn member(&mut self, chunk: &[u8], mut at: usize, state: State) -> Result<(bool, usize), Stop> {
        if chunk.get(at) != Some(&b'"') {
            at = self.space(chunk, at);
            if chunk.get(at) != Some(&b'"') {
                return Err((state, at));
            }
        }
        at = self.text(chunk, at + 1, true)?;
        match chunk[at..] {
            [b':', b'"', ..] => Ok((true, at + 2)),
            [b':', ..] => Ok((false, at + 1)),
            _ => Err((State::Colon, at)),
        }
    }

    /// Passes over a string from behind its first quote on: where it ends.
    #[inline(always)]
    fn text(&mut self, chunk: &[u8], at: usize, key: bool) -> Result<usize, Stop> {
        string(chunk, at).map_err(|stop| {
            self.key = key;
            (State::Text, stop)
        })
    }

    /// Says that the text is over: a flaw when it may not end here.
    pub fn finish(self) -> Result<(), Flaw> {
        match self.state {
            State::After | State::Zero | State::Whole | State::Fraction | State::Power
                if self.nest.innermost().is_none() =>
            {
                Ok(())
            }
            State::Value if self.offset == 0 => Err(self.flaw(1, "nothing at all")),
            State::Value if self.nest.innermost().is_none() => {
                Err(self.flaw(1, "nothing but white space"))
            }
            _ => Err(self.flaw(1, "the document ends too early")),
        }
    }

    /// Passes over the white space at `at`, which is in `chunk`; returns where it ends.
    fn space(&mut self, chunk: &[u8], mut at: usize) -> usize {
        while let Some(&byte) = chunk.get(at) {
            match byte {
                b' ' | b'\t' | b'\r' => at += 1,
                b'\n' => {
                    at += 1;
                    self.lines += 1;
                    self.line_start = self.offset + at as u64;
                    // Behind a line break stands an indent.
                    while let Some(word) = chunk[at..].first_chunk() {
                        let other = u64::from_le_bytes(*word) ^ each(b' ');
                        at += other.trailing_zeros() as usize / 8;
                        if other != 0 {
                            break;
                        }
                    }
                }
                _ => break,
            }
        }
        at
    }

    /// A flaw in the byte before `at`.
    #[cold]
    fn flaw(&self, at: usize, what: &str) -> Flaw {
        Flaw {
            line: self.lines + 1,
            column: self.offset + at as u64 - self.line_start,
            what: what.to_owned(),
        }
    }

    /// A flaw in the byte before `at`, which is `byte`.
    #[cold]
    fn unexpected(&self, wanted: &str, byte: u8, at: usize) -> Flaw {
        let found = match byte {
            b'\'' => "\"'\"".to_owned(),
            b' '..=b'~' => format!("'{}'", char::from(byte)),
            0xEF if self.offset + at as u64 == 1 => "a byte order mark".to_owned(),
            _ => format!("the byte 0x{byte:02x}"),
        };
        self.flaw(at, &format!("expected {wanted}, found {found}"))
    }
}

/// Which brackets are open: one bit a level, set for an object.
struct Nest {
    /// The outer levels, 63 to a word.
    outer: Vec<u64>,
    /// The innermost levels, the last one in the lowest bit, and a one above the first.
    inner: u64,
}

impl Nest {
    /// No bracket is open.
    const fn new() -> Nest {
        Nest {
            outer: Vec::new(),
            inner: 1,
        }
    }

    fn open(&mut self, object: bool) {
        if self.inner >> 63 == 1 {
            self.outer.push(self.inner);
            self.inner = 1;
        }
        self.inner = self.inner << 1 | u64::from(object);
    }

    #[inline(always)]
    fn close(&mut self) {
        self.inner >>= 1;
        if self.inner == 1 {
            self.inner = self.outer.pop().unwrap_or(1);
        }
    }

    /// Whether the innermost open bracket is an object's; `None` when no bracket is open.
    #[inline(always)]
    fn innermost(&self) -> Option<bool> {
        (self.inner > 1).then_some(self.inner & 1 == 1)
    }
}

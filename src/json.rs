//! JSON, kept as text.
//!
//! Owns everything that is done with a JSON text without turning it into values: telling whether it is one
//! ([`Scanner`], [`check`]), laying it out anew ([`pretty`]), finding a part of it ([`Pointer`], [`children`]), and
//! telling whether two texts mean the same ([`equal`]). It must not know files, HTTP or printing.
//!
//! What always holds: numbers, key order, duplicate keys and escapes stay the bytes they were, and no function here
//! recurses, so that no depth of nesting can exhaust the stack. All but the validator ask for a text that is known to
//! be JSON; given another, they return something meaningless, but do not panic. `serde_json` bounds the depth, takes no
//! text in pieces and does not keep it as it stands; so only decoding and encoding one string is left to it.
//!
//! RFC 8259 (JSON), RFC 6901 (JSON Pointer).

mod nest;
mod scan;
mod skip;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::io::{self, Write};

pub use scan::{Flaw, Scanner};

/// Whether `bytes` are one JSON text: the first flaw if they are not.
pub fn check(bytes: &[u8]) -> Result<(), Flaw> {
    let mut scanner = Scanner::new();
    scanner.push(bytes)?;
    scanner.finish()
}

/// Whether no object in the JSON text has a key twice, at any depth: the second one if there is one.
pub fn check_keys(json: &str) -> Result<(), Flaw> {
    let mut open: Vec<HashSet<Text>> = Vec::new();
    for token in Tokens::of(json.as_bytes()) {
        match token.kind {
            Kind::Begin => open.push(HashSet::new()),
            Kind::End => drop(open.pop()),
            Kind::Scalar => {}
            Kind::Key => {
                let fresh = open
                    .last_mut()
                    .is_none_or(|keys| keys.insert(Text::of(&json[token.start..token.end])));
                if !fresh {
                    let before = &json[..token.start];
                    let line_start = before.rfind('\n').map_or(0, |end| end + 1);
                    return Err(Flaw {
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
pub fn pretty(json: &[u8], out: &mut impl Write) -> io::Result<()> {
    const INDENT: [u8; 2 * 64] = [b' '; 2 * 64];
    let mut depth = 0_usize;
    let mut before = None;
    for token in Tokens::of(json) {
        if token.kind == Kind::End {
            depth = depth.saturating_sub(1);
        }
        match (before, token.kind) {
            (None, _) | (Some(Kind::Begin), Kind::End) => {}
            (Some(Kind::Key), _) => out.write_all(b": ")?,
            (Some(last), kind) => {
                let comma = last != Kind::Begin && kind != Kind::End;
                out.write_all(if comma { b",\n" } else { b"\n" })?;
                out.write_all(&INDENT[..INDENT.len().min(2 * depth)])?;
            }
        }
        out.write_all(&json[token.start..token.end])?;
        if token.kind == Kind::Begin {
            depth += 1;
        }
        before = Some(token.kind);
    }
    Ok(())
}

/// What a JSON string says; `None` for any other value, and for a string that holds half of a surrogate pair.
pub fn text_of(raw: &str) -> Option<String> {
    serde_json::from_str(raw).ok()
}

/// The JSON string that says `text`.
pub fn string(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The JSON text without the white space around it.
pub fn trim(json: &str) -> &str {
    json.trim_matches([' ', '\t', '\n', '\r'])
}

/// The members of an object, or the elements of an array, in their order: each key's text and each value's text, as
/// they stand. Nothing for any other value. A search through all of it costs one pass over the text.
pub fn children(json: &str) -> impl Iterator<Item = (Option<&str>, &str)> {
    let mut tokens = Tokens::of(json.as_bytes());
    tokens.next();
    std::iter::from_fn(move || {
        let mut token = tokens.next()?;
        let mut key = None;
        if token.kind == Kind::Key {
            key = Some(&json[token.start..token.end]);
            token = tokens.next()?;
        }
        let start = token.start;
        let mut depth = 0_usize;
        loop {
            match token.kind {
                Kind::Begin => depth += 1,
                Kind::End => depth = depth.checked_sub(1)?,
                Kind::Key | Kind::Scalar => {}
            }
            if depth == 0 {
                return Some((key, &json[start..token.end]));
            }
            token = tokens.next()?;
        }
    })
}

/// A JSON Pointer: the way from the whole document to one value in it (RFC 6901).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pointer {
    written: String,
    steps: Vec<String>,
}

impl Pointer {
    /// Reads a pointer such as `/items/0/id`; the empty one is the whole document.
    ///
    /// # Errors
    /// In words, when it does not begin with `/`, or when a `~` is not followed by `0` or `1`.
    pub fn parse(text: &str) -> Result<Pointer, String> {
        if !text.is_empty() && !text.starts_with('/') {
            return Err("a JSON Pointer begins with '/'".to_owned());
        }
        let mut tildes = text.split('~').skip(1);
        if !tildes.all(|rest| rest.starts_with(['0', '1'])) {
            return Err("in a JSON Pointer a key's '~' is written '~0', its '/' '~1'".to_owned());
        }
        let steps = text.split('/').skip(1);
        Ok(Pointer {
            written: text.to_owned(),
            steps: steps
                .map(|step| step.replace("~1", "/").replace("~0", "~"))
                .collect(),
        })
    }

    /// The text of the value that this points at in the JSON text, without the white space around it.
    ///
    /// Of a key that is there twice the last one counts. An index is written in plain digits without leading zeros.
    pub fn pick<'a>(&self, json: &'a str) -> Option<&'a str> {
        self.steps.iter().try_fold(trim(json), |value, step| {
            match value.as_bytes().first()? {
                b'{' => children(value)
                    .filter(|(key, _)| key.is_some_and(|key| says(key, step)))
                    .last()
                    .map(|(_, value)| value),
                b'[' if step == "0" || !step.starts_with(['0', '+']) => children(value)
                    .nth(step.parse().ok()?)
                    .map(|(_, value)| value),
                _ => None,
            }
        })
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

/// Whether the JSON string says `text`.
fn says(raw: &str, text: &str) -> bool {
    if raw.contains('\\') {
        text_of(raw).as_deref() == Some(text)
    } else {
        raw.get(1..raw.len().saturating_sub(1)) == Some(text)
    }
}

/// Whether the JSON text means the same value as the one `expected`.
///
/// White space, the order of keys and the way in which a string is escaped do not count; of a key that is there twice
/// the last one counts. Numbers are compared by their exact value, never a rounded one: `1`, `1.0` and `10e-1` are
/// equal, `0.1` and `0.10000000000000001` are not. Beyond exponents of 64 bits they are compared as written.
///
/// It takes one pass over each text, ends where the answer is known, and holds no more than what is expected, whatever
/// the text is: that may come from anybody.
pub fn equal(json: &str, expected: &str) -> bool {
    parts(expected).is_some_and(|parts| means(json, &parts).unwrap_or(false))
}

/// A part of a value. It names its own parts by their places in a list, so comparing needs no recursion.
#[derive(PartialEq)]
enum Part {
    String(Text),
    /// Normalized, so that equal ones are the same text; also `true`, `false` and `null`.
    Number(String),
    Array(Vec<usize>),
    Object(BTreeMap<Text, usize>),
}

impl Part {
    fn scalar(raw: &str) -> Part {
        match raw.starts_with('"') {
            true => Part::String(Text::of(raw)),
            false => Part::Number(normal(raw)),
        }
    }
}

/// The parts of a JSON text, the whole last.
fn parts(json: &str) -> Option<Vec<Part>> {
    let mut parts = Vec::new();
    let mut open: Vec<(Part, Option<Text>)> = Vec::new();
    for token in Tokens::of(json.as_bytes()) {
        let raw = &json[token.start..token.end];
        parts.push(match token.kind {
            Kind::Key => {
                open.last_mut()?.1 = Some(Text::of(raw));
                continue;
            }
            Kind::Begin => {
                open.push(match raw {
                    "{" => (Part::Object(BTreeMap::new()), None),
                    _ => (Part::Array(Vec::new()), None),
                });
                continue;
            }
            Kind::End => open.pop()?.0,
            Kind::Scalar => Part::scalar(raw),
        });
        let place = parts.len() - 1;
        match open.last_mut() {
            None => return Some(parts),
            Some((Part::Object(members), key)) => drop(members.insert(key.take()?, place)),
            Some((Part::Array(elements), _)) => elements.push(place),
            Some(_) => return None,
        }
    }
    None
}

/// An array or object that is being compared with what is expected in its place.
enum Open<'a> {
    /// With the elements still to come.
    Array(std::slice::Iter<'a, usize>),
    Object {
        members: &'a BTreeMap<Text, usize>,
        /// The key at hand.
        key: Option<&'a Text>,
        /// Whether the member of this key is as expected, the last one if there are several.
        same: BTreeMap<&'a Text, bool>,
    },
}

/// Whether the JSON text means the last of `parts`; `None` if it ends too early.
fn means(json: &str, parts: &[Part]) -> Option<bool> {
    let mut open: Vec<Open> = Vec::new();
    // How many brackets are open. Those that `open` does not hold belong to a value that is known to differ.
    let mut depth = 0_usize;
    for token in Tokens::of(json.as_bytes()) {
        let passed_over = depth > open.len();
        match token.kind {
            Kind::Begin => depth += 1,
            Kind::End => depth = depth.checked_sub(1)?,
            Kind::Key | Kind::Scalar => {}
        }
        if passed_over {
            continue;
        }
        let raw = &json[token.start..token.end];
        let same = match token.kind {
            Kind::Key => {
                let Some(Open::Object { members, key, .. }) = open.last_mut() else {
                    return None;
                };
                *key = members.get_key_value(&Text::of(raw)).map(|(key, _)| key);
                if key.is_some() {
                    continue;
                }
                open.pop();
                false
            }
            Kind::End => match open.pop()? {
                Open::Array(mut rest) => rest.next().is_none(),
                Open::Object { members, same, .. } => {
                    same.len() == members.len() && same.values().all(|same| *same)
                }
            },
            Kind::Begin | Kind::Scalar => {
                let place = match open.last_mut() {
                    None => parts.len().checked_sub(1),
                    Some(Open::Array(rest)) => rest.next().copied(),
                    Some(Open::Object { members, key, .. }) => {
                        key.and_then(|key| members.get(key)).copied()
                    }
                };
                match (raw, place.map(|place| &parts[place])) {
                    ("{", Some(Part::Object(members))) => {
                        let (key, same) = (None, BTreeMap::new());
                        open.push(Open::Object { members, key, same });
                        continue;
                    }
                    ("[", Some(Part::Array(elements))) => {
                        open.push(Open::Array(elements.iter()));
                        continue;
                    }
                    (_, Some(part)) => token.kind == Kind::Scalar && Part::scalar(raw) == *part,
                    (_, None) => false,
                }
            }
        };
        // An array differs with its first element that does; an object may have the same key again.
        if !same {
            while let Some(Open::Array(_)) = open.last() {
                open.pop();
            }
        }
        match open.last_mut() {
            None => return Some(same),
            Some(Open::Array(_)) => {}
            Some(Open::Object { key, same: all, .. }) => drop(all.insert(key.take()?, same)),
        }
    }
    None
}

/// A number in the one form that equal numbers share: its digits without zeros around them, and a power of ten.
fn normal(raw: &str) -> String {
    let (mantissa, power) = raw.split_once(['e', 'E']).unwrap_or((raw, "0"));
    let (sign, mantissa) = match mantissa.strip_prefix('-') {
        Some(mantissa) => ("-", mantissa),
        None => ("", mantissa),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let short = digits.trim_end_matches('0');
    let shift = digits.len() as i64 - short.len() as i64 - fraction.len() as i64;
    match power
        .parse::<i64>()
        .ok()
        .and_then(|power| power.checked_add(shift))
    {
        _ if short.is_empty() => "0".to_owned(),
        Some(power) => format!("{sign}{}e{power}", short.trim_start_matches('0')),
        None => raw.to_owned(),
    }
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

/// What a piece of a JSON text is.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// `{` or `[`.
    Begin,
    /// `}` or `]`.
    End,
    Key,
    /// A string that is no key, a number, or a name.
    Scalar,
}

/// A piece of a JSON text, from byte to byte.
struct Token {
    kind: Kind,
    start: usize,
    end: usize,
}

/// The pieces of a JSON text in their order, but for commas, colons and white space. Every piece begins and ends beside
/// an ASCII byte or at an end of the text, so that a `&str` may be cut there.
struct Tokens<'a> {
    json: &'a [u8],
    at: usize,
}

impl Tokens<'_> {
    fn of(json: &[u8]) -> Tokens<'_> {
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
            b'{' | b'[' => Kind::Begin,
            b'}' | b']' => Kind::End,
            b'"' if self.peek(b" \t\r\n") == Some(b':') => Kind::Key,
            _ => Kind::Scalar,
        };
        Some(Token { kind, start, end })
    }
}

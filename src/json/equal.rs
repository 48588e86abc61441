//! Whether two JSON texts mean the same, with no recursion and no rounding.

use std::collections::BTreeMap;

use super::Text;
use super::tokens::{TokenKind, Tokens};

/// Whether the JSON text means the same value as the one `expected`.
///
/// White space, the order of keys and the way in which a string is escaped do not count; of a key that is there twice
/// the last one counts. Numbers are compared by their exact value, never a rounded one: `1`, `1.0` and `10e-1` are
/// equal, `0.1` and `0.10000000000000001` are not. Beyond exponents of 64 bits they are compared as written.
///
/// It takes one pass over each text, ends where the answer is known, and holds no more than what is expected, whatever
/// the text is: that may come from anybody.
pub(crate) fn equal(json: &str, expected: &str) -> bool {
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
            TokenKind::Key => {
                open.last_mut()?.1 = Some(Text::of(raw));
                continue;
            }
            TokenKind::Begin => {
                open.push(match raw {
                    "{" => (Part::Object(BTreeMap::new()), None),
                    _ => (Part::Array(Vec::new()), None),
                });
                continue;
            }
            TokenKind::End => open.pop()?.0,
            TokenKind::Scalar => Part::scalar(raw),
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
            TokenKind::Begin => depth += 1,
            TokenKind::End => depth = depth.checked_sub(1)?,
            TokenKind::Key | TokenKind::Scalar => {}
        }
        if passed_over {
            continue;
        }
        let raw = &json[token.start..token.end];
        let same = match token.kind {
            TokenKind::Key => {
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
            TokenKind::End => match open.pop()? {
                Open::Array(mut rest) => rest.next().is_none(),
                Open::Object { members, same, .. } => {
                    same.len() == members.len() && same.values().all(|same| *same)
                }
            },
            TokenKind::Begin | TokenKind::Scalar => {
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
                    (_, Some(part)) => {
                        token.kind == TokenKind::Scalar && Part::scalar(raw) == *part
                    }
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

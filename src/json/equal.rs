//! Compares two JSON texts by value, without recursion and without rounding.

use std::collections::BTreeMap;

use super::Text;
use super::tokens::{TokenKind, Tokens};

/// Whether `json` has the same value as `expected`.
///
/// White space, the order of keys and the way a string is escaped do not count. If a key occurs twice, the last one
/// counts. Numbers are compared by exact value: `1`, `1.0` and `10e-1` are equal, `0.1` and `0.10000000000000001` are
/// not. Numbers with exponents beyond 64 bits are compared as written.
///
/// It passes over each text once and stops as soon as the result is known. Memory is bounded by the size of
/// `expected`, because `json` comes from the network.
pub(crate) fn equal(json: &str, expected: &str) -> bool {
    parts(expected).is_some_and(|parts| has_value(json, &parts).unwrap_or(false))
}

/// A part of a value. It refers to its own parts by their indexes in a list, so comparing needs no recursion.
#[derive(PartialEq)]
enum Part {
    String(Text),
    /// In normal form, so that equal numbers have the same text; also `true`, `false` and `null`.
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

/// The parts of a JSON text; the whole value is the last one.
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

/// An array or object that is being compared with the expected one.
enum Open<'a> {
    /// The expected elements that have not been compared yet.
    Array(std::slice::Iter<'a, usize>),
    Object {
        members: &'a BTreeMap<Text, usize>,
        /// The current key.
        key: Option<&'a Text>,
        /// For each key, whether its member is as expected; the last one counts if there are several.
        same: BTreeMap<&'a Text, bool>,
    },
}

/// Whether the JSON text has the value of the last of `parts`; `None` if it ends too early.
fn has_value(json: &str, parts: &[Part]) -> Option<bool> {
    let mut open: Vec<Open> = Vec::new();
    // How many brackets are open. Those that are not in `open` belong to a value that is already known to differ.
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
        // One different element makes an array differ; in an object the same key may come again.
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

/// A number in normal form: its digits without leading and trailing zeros, and a power of ten.
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

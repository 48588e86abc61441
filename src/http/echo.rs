//! What an answer repeats of its request's secrets.
//!
//! Found as they are, with backslashes from JSON, in the escapes of URLs and JSON, and in Base64. Only what is meant to
//! be seen is changed: the body stays as it came, and is marked.

use ureq::http::header::LOCATION;

use super::{Answer, End};
use crate::secret::Secret;

/// What stands in the place of a secret.
const MASK: &str = "********";

/// This much of a secret, at the end of a body that broke off, is taken for its beginning.
const BEGINNING: usize = 8;

/// Takes `secrets` out of the headers, and the query out of the address among them, in which APIs are known to hide
/// secrets of their own; and notes whether one stands in the body.
pub fn conceal(answer: &mut Answer, secrets: &[(String, Secret)]) {
    for (name, value) in &mut answer.headers {
        if *name == LOCATION.as_str()
            && let Some(end) = value.find(['?', '#'])
        {
            value.truncate(end + 1);
            value.push('…');
        }
        if !repeats(value.as_bytes(), secrets, false) {
            continue;
        }
        for trace in secrets.iter().flat_map(|(_, secret)| secret.traces()) {
            *value = value.replace(trace, MASK);
        }
        if repeats(value.as_bytes(), secrets, false) {
            *value = MASK.to_owned();
        }
    }
    answer.repeats_secret = repeats(&answer.body, secrets, answer.end != End::Whole);
}

/// Whether one of `secrets` stands in `text`, which may have been cut off in the middle of it.
fn repeats(text: &[u8], secrets: &[(String, Secret)], is_cut: bool) -> bool {
    let is_in = |text: &[u8]| {
        let mut secrets = secrets.iter().map(|(_, secret)| secret);
        secrets.any(|secret| {
            let mut traces = secret.traces().chain(secret.encoded());
            traces.any(|trace| stands_in(text, trace, is_cut))
        })
    };
    is_in(text) || unescaped(text).is_some_and(|text| is_in(&text))
}

/// Whether `trace` stands in `text`, however many backslashes JSON put into it.
fn stands_in(text: &[u8], trace: &str, is_cut: bool) -> bool {
    let solid = |byte: &&u8| **byte != b'\\';
    let first = trace.as_bytes().iter().find(solid);
    let mut starts = (0..text.len()).filter(|at| text.get(*at) == first);
    starts.any(|at| {
        let mut found = text[at..].iter().filter(solid);
        let wanted = trace.as_bytes().iter().filter(solid);
        for (length, byte) in wanted.enumerate() {
            match found.next() {
                Some(next) if next == byte => {}
                Some(_) => return false,
                None => return is_cut && length >= BEGINNING,
            }
        }
        true
    })
}

/// `text` with its `%2B` and `\u002b` resolved; `None` where there are none. Half an escape at the end is dropped.
fn unescaped(text: &[u8]) -> Option<Vec<u8>> {
    let in_json = || text.contains(&b'\\') && text.windows(2).any(|pair| pair == b"\\u");
    if !text.contains(&b'%') && !in_json() {
        return None;
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, others)) = rest.split_first() {
        let (digits, width) = match rest {
            [b'%', digits @ ..] => (digits, 2),
            [b'\\', b'u', digits @ ..] => (digits, 4),
            _ => (others, 0),
        };
        let (digits, behind) = digits.split_at(width.min(digits.len()));
        match hexadecimal(digits).filter(|_| width > 0) {
            Some(_) if digits.len() < width => break,
            Some(code) => {
                match (width, char::from_u32(code)) {
                    (2, _) => out.push(code.to_le_bytes()[0]),
                    (_, Some(letter)) => {
                        out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
                    }
                    (_, None) => {}
                }
                rest = behind;
            }
            None => {
                out.push(*first);
                rest = others;
            }
        }
    }
    Some(out)
}

fn hexadecimal(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |number, digit| {
        Some(number << 4 | char::from(*digit).to_digit(16)?)
    })
}

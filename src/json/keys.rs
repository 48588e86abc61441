//! Whether a key stands twice in an object.
//!
//! What always holds: beside a text of n bytes at most 2 n are held, whatever it is: a bit for each open bracket, and a
//! place for each key of the open objects, of which each takes four bytes of the text, as in `"":1`.

use std::borrow::Cow;

use super::nest::Nest;
use super::tokens::{Kind, Tokens, string_at};
use super::{Flaw, Text};

/// Marks the place of an object's first key.
const FIRST: usize = 1 << (usize::BITS - 1);

/// Whether no object in the JSON text has a key twice, at any depth: the second one if there is one.
pub(crate) fn check_keys(json: &str) -> Result<(), Flaw> {
    let mut nest = Nest::new();
    let mut places = Vec::new();
    let mut second = None;
    let mut behind_bracket = false;
    for token in Tokens::of(json.as_bytes()) {
        match token.kind {
            Kind::Begin => nest.open(json.as_bytes()[token.start] == b'{'),
            Kind::Key if behind_bracket => places.push(token.start | FIRST),
            Kind::Key => places.push(token.start),
            Kind::End => {
                if nest.in_object() && !behind_bracket {
                    let found = close_object(json, &mut places);
                    second = [second, found].into_iter().flatten().min();
                }
                nest.close();
            }
            Kind::Scalar => {}
        }
        behind_bracket = token.kind == Kind::Begin;
    }
    let Some(second) = second else {
        return Ok(());
    };
    let before = &json[..second];
    let line_start = before.rfind('\n').map_or(0, |end| end + 1);
    Err(Flaw {
        line: before.matches('\n').count() as u64 + 1,
        column: (second - line_start) as u64 + 1,
        what: "duplicate key".to_owned(),
    })
}

/// Takes the keys of the innermost object out of `places`. Where the first one stands that was there before.
fn close_object(json: &str, places: &mut Vec<usize>) -> Option<usize> {
    let first = places.iter().rposition(|place| place & FIRST != 0)?;
    places[first] &= !FIRST;
    let keys = &mut places[first..];
    keys.sort_unstable_by(|a, b| text_at(json, *a).cmp(&text_at(json, *b)).then(a.cmp(b)));
    let pairs = keys.windows(2);
    let second = pairs
        .filter(|pair| text_at(json, pair[0]) == text_at(json, pair[1]))
        .map(|pair| pair[1])
        .min();
    places.truncate(first);
    second
}

/// What the key at `place` says, and whether that is only how it is written.
fn text_at(json: &str, place: usize) -> (bool, Cow<'_, str>) {
    let raw = string_at(json, place);
    match raw.contains('\\').then(|| Text::of(raw)) {
        None => (false, Cow::Borrowed(raw.trim_matches('"'))),
        Some(Text::Said(text)) => (false, Cow::Owned(text)),
        Some(Text::Raw(text)) => (true, Cow::Owned(text)),
    }
}

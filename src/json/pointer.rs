//! JSON Pointer: selects one value in a JSON text (RFC 6901).

use std::fmt;

use super::{children, text_of, trim};

/// A JSON Pointer: the path from the whole document to one value in it (RFC 6901).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pointer {
    written: String,
    steps: Vec<String>,
}

impl Pointer {
    /// Parses a pointer such as `/items/0/id`; the empty one is the whole document.
    ///
    /// # Errors
    /// A message, if it does not begin with `/`, or if a `~` is not followed by `0` or `1`.
    pub(crate) fn parse(text: &str) -> Result<Pointer, String> {
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

    /// The text of the value that this selects in the JSON text, without surrounding white space.
    ///
    /// If a key occurs twice, the last one counts. An index is written in decimal digits without leading zeros.
    pub(crate) fn pick<'a>(&self, json: &'a str) -> Option<&'a str> {
        self.steps.iter().try_fold(trim(json), |value, step| {
            match value.as_bytes().first()? {
                b'{' => children(value)
                    .filter(|(key, _)| key.is_some_and(|key| decodes_to(key, step)))
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

/// Whether the JSON string decodes to `text`.
fn decodes_to(raw: &str, text: &str) -> bool {
    if raw.contains('\\') {
        text_of(raw).as_deref() == Some(text)
    } else {
        raw.get(1..raw.len().saturating_sub(1)) == Some(text)
    }
}

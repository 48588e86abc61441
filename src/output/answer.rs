//! The answer as it is shown: its JSON, which of its headers, how much of it after an error, and how it ended.

use std::io::Write;

use super::{print, print_line};
use crate::delivery::verdict::Fate;
use crate::http::{Answer, End};
use crate::json;
use crate::system::error::Result;
use crate::system::secret;

/// How much of an API's answer is quoted after an error.
const QUOTED_LINES: usize = 10;
const QUOTED_BYTES: usize = 1000;

/// Prints JSON with one member or element a line.
pub(super) fn pretty(json: &str) -> Result<()> {
    print(json.len(), |out| {
        json::pretty(json.as_bytes(), out)?;
        out.write_all(b"\n")
    })
}

/// Prints text that ends with a line's end.
pub(super) fn page_with_newline(text: &[u8]) -> Result<()> {
    print(text.len(), |out| {
        out.write_all(text)?;
        match text.last() {
            None | Some(b'\n') => Ok(()),
            Some(_) => out.write_all(b"\n"),
        }
    })
}

/// The value of a header, unless it may be a secret: by its name, or by what credentials look like. APIs hide secrets in
/// the query of a URL too.
pub(super) fn shown(name: &str, value: &str) -> String {
    if secret::is_named(name) || value.split([' ', ',', ';', '=', '"']).any(secret::is_jwt) {
        return "(not shown)".to_owned();
    }
    without_queries(value)
}

/// `text` without the query and the fragment of the URLs in it.
fn without_queries(text: &str) -> String {
    let mut shown = String::new();
    let mut rest = text;
    while let Some(scheme) = rest.find("://") {
        let url = &rest[scheme..];
        let end = url.find([' ', '"', '<', '>', ',']).unwrap_or(url.len());
        let url = &url[..end];
        shown.push_str(&rest[..scheme]);
        match url.find(['?', '#']) {
            Some(query) if url.len() > query + 1 => {
                shown.push_str(&url[..=query]);
                shown.push('…');
            }
            _ => shown.push_str(url),
        }
        rest = &rest[scheme + end..];
    }
    shown + rest
}

/// The first lines of what the API said.
pub(super) fn quote(answer: &Answer) {
    if answer.repeats_secret {
        return print_line("  (the answer repeats a secret, so it is not shown here)");
    }
    let start = &answer.body[..answer.body.len().min(QUOTED_BYTES)];
    let text = String::from_utf8_lossy(start);
    let text = text.trim();
    let mut lines = text.lines();
    for quoted in lines.by_ref().take(QUOTED_LINES) {
        print_line(&format!("  {quoted}"));
    }
    if lines.next().is_some() || start.len() < answer.body.len() {
        print_line("  …");
    }
}

/// That an answer is not whole, where that is not the failure itself.
pub(super) fn end_of(answer: &Answer, fate: Fate) -> Option<String> {
    let bytes = answer.body.len();
    match &answer.end {
        End::Whole => None,
        End::OverLimit => Some(format!(
            "the answer was cut after {bytes} bytes (--max-response)"
        )),
        End::Broken(_) if fate == Fate::Accepted => None,
        End::Broken(why) => Some(format!("the answer broke off after {bytes} bytes: {why}")),
    }
}

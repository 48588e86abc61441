//! Prints the answer: its JSON, some of its headers, a quotation after an error, and how it ended.

use std::io::Write;

use super::{print, print_line};
use crate::delivery::verdict::Fate;
use crate::http::{Answer, End};
use crate::system::error::Result;
use crate::system::secret;

/// How many lines of an API's answer are quoted after an error.
const QUOTED_LINES: usize = 10;
const QUOTED_BYTES: usize = 1000;

/// Prints JSON with one member or element per line.
pub(super) fn pretty(json: &str) -> Result<()> {
    print(json.len(), |out| {
        out.pretty(json.as_bytes())?;
        out.write_all(b"\n")
    })
}

/// Prints an answer's body as it came; if `ends_line`, with a final line feed.
pub(super) fn body(body: &[u8], is_json: bool, ends_line: bool) -> Result<()> {
    print(body.len(), |out| {
        match is_json {
            true => out.json(body)?,
            false => out.write_all(body)?,
        }
        match body.last() {
            Some(last) if ends_line && *last != b'\n' => out.write_all(b"\n"),
            _ => Ok(()),
        }
    })
}

/// The value of a header, masked if it may be a secret: judged by the name, or by what credentials look like. APIs also
/// put secrets into the query of a URL.
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

/// Quotes the first lines of the answer.
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

/// A message that an answer is incomplete, if that is not itself the failure.
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

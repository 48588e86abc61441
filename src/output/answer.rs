//! The answer as it is shown: its JSON, which of its headers, how much of it after an error, and how it ended.

use std::io::Write;

use super::{line, print};
use crate::delivery::verdict::Fate;
use crate::http::{Answer, End};
use crate::json;
use crate::system::error::Result;

/// Headers whose values are shown by `-v`: all others may carry a secret.
const SHOWN: &[&str] = &[
    "accept",
    "age",
    "allow",
    "cache-control",
    "connection",
    "content-encoding",
    "content-language",
    "content-length",
    "content-type",
    "date",
    "etag",
    "expires",
    "host",
    "idempotency-key",
    "last-modified",
    "location",
    "retry-after",
    "server",
    "transfer-encoding",
    "user-agent",
    "vary",
    "via",
    "x-request-id",
    "x-correlation-id",
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
];

/// How much of an API's answer is quoted after an error.
const QUOTED_LINES: usize = 10;
const QUOTED_BYTES: usize = 1000;

/// Prints JSON with one member or element a line.
pub(super) fn pretty(json: &str) -> Result<()> {
    print(|out| {
        json::pretty(json.as_bytes(), out)?;
        out.write_all(b"\n")
    })
}

pub(super) fn with_newline(mut text: Vec<u8>) -> Vec<u8> {
    if !text.is_empty() && text.last() != Some(&b'\n') {
        text.push(b'\n');
    }
    text
}

pub(super) fn shown<'a>(name: &str, value: &'a str) -> &'a str {
    match SHOWN.contains(&name) {
        true => value,
        false => "(not shown)",
    }
}

/// The first lines of what the API said.
pub(super) fn quote(answer: &Answer) {
    if answer.repeats_secret {
        return line("  (the answer repeats a secret, so it is not shown here)");
    }
    let start = &answer.body[..answer.body.len().min(QUOTED_BYTES)];
    let text = String::from_utf8_lossy(start);
    let text = text.trim();
    let mut lines = text.lines();
    for quoted in lines.by_ref().take(QUOTED_LINES) {
        line(&format!("  {quoted}"));
    }
    if lines.next().is_some() || start.len() < answer.body.len() {
        line("  …");
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
        End::Broken(why) if fate == Fate::Accepted => Some(format!(
            "the API accepted it, but its answer broke off after {bytes} bytes: {why}"
        )),
        End::Broken(why) => Some(format!("the answer broke off after {bytes} bytes: {why}")),
    }
}

//! The JSON line of `--report`.

use std::io::{self, Write};
use std::ops::RangeInclusive;
use std::time::Duration;

use super::print;
use super::terminal::Out;
use crate::delivery::Outcome;
use crate::delivery::exit::Exit;
use crate::delivery::verdict::Fate;
use crate::http::{Answer, End};
use crate::json;
use crate::request::Target;
use crate::request::job::{Job, Key};
use crate::system::claim::Claim;
use crate::system::error::{Error, Result};

/// The content of a line of `--report`.
pub(super) struct Record<'a> {
    /// The target of the document, as far as the command line could be parsed.
    pub(super) target: Option<&'a Target>,
    pub(super) key: Option<&'a Key>,
    /// The range of lines, in line mode.
    pub(super) lines: Option<&'a RangeInclusive<u64>>,
    pub(super) fate: Fate,
    pub(super) exit: Exit,
    /// What failed; empty if nothing did.
    pub(super) why: String,
    /// The outcome of the delivery, if there was one.
    pub(super) outcome: Option<&'a Outcome>,
}

impl Record<'_> {
    pub(super) fn of<'a>(job: &'a Job, outcome: &'a Outcome) -> Record<'a> {
        Record {
            target: Some(&job.target),
            key: job.key.as_ref(),
            lines: None,
            fate: outcome.fate(),
            exit: outcome.exit(),
            why: outcome.why(),
            outcome: Some(outcome),
        }
    }

    /// The record of a document that was not sent because of this error.
    pub(super) fn not_sent<'a>(target: Option<&'a Target>, error: &Error) -> Record<'a> {
        Record {
            target,
            key: None,
            lines: None,
            fate: match error.claim() {
                Claim::Spooled | Claim::MaybeSpooled => Fate::Spooled,
                _ => Fate::Unsent,
            },
            exit: error.kind().into(),
            why: error.to_string(),
            outcome: None,
        }
    }

    /// Prints one line of JSON. It is written in pieces, because the answer in it may be large.
    ///
    /// # Errors
    /// As for [`super::page`].
    pub(super) fn print(&self) -> Result<()> {
        let answer = self.outcome.and_then(|outcome| outcome.answer.as_ref());
        let size = answer.map_or(0, |answer| answer.body.len());
        print(size, |out| self.write(answer, out))
    }

    fn write(&self, answer: Option<&Answer>, out: &mut Out) -> io::Result<()> {
        let (attempts, took) = self
            .outcome
            .map_or_else(Default::default, |outcome| (outcome.attempts, outcome.took));
        let rounded = took + Duration::from_micros(500);
        let seconds = format!("{}.{:03}", rounded.as_secs(), rounded.subsec_millis());
        let status = answer.map(|answer| answer.status.to_string());
        let key = self.key.map(|key| json::string(&key.0));
        let method = self.target.map(|target| target.method.as_str());
        let url = self.target.map(|target| target.url.to_string());
        let error = (!self.why.is_empty()).then(|| json::string(&self.why));
        let complete = answer.map(|answer| (answer.end == End::Whole).to_string());
        let mut members = vec![
            ("outcome", Some(json::string(&self.fate.to_string()))),
            ("exit", Some(self.exit.code().to_string())),
            ("status", status),
            ("tries", Some(attempts.to_string())),
            ("seconds", Some(seconds)),
            ("key", key),
            ("method", method.map(json::string)),
            ("url", url.as_deref().map(json::string)),
        ];
        if let Some(lines) = self.lines {
            members.push(("line", Some(lines.start().to_string())));
            if lines.start() != lines.end() {
                members.push(("last_line", Some(lines.end().to_string())));
            }
        }
        members.push(("error", error));
        members.push(("complete", complete));
        let mut separator = '{';
        for (name, value) in &members {
            let value = value.as_deref().unwrap_or("null");
            write!(out, "{separator}\"{name}\":{value}")?;
            separator = ',';
        }
        // The JSON of an answer, or the text of one that is not JSON.
        out.write_all(b",\"response\":")?;
        let response = answer.and_then(Answer::json);
        match response {
            Some(response) => write_in_one_line(response, out)?,
            None => out.write_all(b"null")?,
        }
        out.write_all(b",\"text\":")?;
        match answer.filter(|_| response.is_none()) {
            Some(answer) => json::write_string(&answer.body, out)?,
            None => out.write_all(b"null")?,
        }
        out.write_all(b"}\n")
    }
}

/// Writes JSON on one line: a line break between two tokens is white space, and inside a string it cannot occur.
pub(super) fn write_in_one_line(json: &str, out: &mut Out) -> io::Result<()> {
    for (number, part) in json::trim(json).split(['\n', '\r']).enumerate() {
        out.write_all(if number > 0 { b" " } else { b"" })?;
        out.write_all(part.as_bytes())?;
    }
    Ok(())
}

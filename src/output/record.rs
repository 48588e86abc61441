//! The JSON line of `--report`.

use std::ops::RangeInclusive;

use crate::delivery::Outcome;
use crate::delivery::exit::Exit;
use crate::delivery::verdict::{Fate, json_of};
use crate::json;
use crate::request::Target;
use crate::request::job::{Job, Key};
use crate::system::error::Error;

/// What a line of `--report` tells.
pub(super) struct Record<'a> {
    /// Where the document was to go, as far as the command line said it.
    pub(super) target: Option<&'a Target>,
    pub(super) key: Option<&'a Key>,
    /// In line mode, which lines.
    pub(super) lines: Option<&'a RangeInclusive<u64>>,
    pub(super) fate: Fate,
    pub(super) exit: Exit,
    /// What went wrong; empty when nothing did.
    pub(super) why: String,
    /// The delivery, where there was one.
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

    /// A document that was not sent, because of this error.
    pub(super) fn not_sent<'a>(target: Option<&'a Target>, error: &Error) -> Record<'a> {
        Record {
            target,
            key: None,
            lines: None,
            fate: Fate::Unsent,
            exit: error.kind().into(),
            why: error.to_string(),
            outcome: None,
        }
    }

    /// One line of JSON.
    pub(super) fn line(&self) -> String {
        let null = || "null".to_owned();
        let answer = self.outcome.and_then(|outcome| outcome.answer.as_ref());
        let (tries, took) = self
            .outcome
            .map_or_else(Default::default, |outcome| (outcome.tries, outcome.took));
        let status = answer.map(|answer| answer.status.to_string());
        let error = (!self.why.is_empty()).then(|| json::string(&self.why));
        let of_target = |text: &dyn Fn(&Target) -> String| {
            self.target
                .map_or_else(null, |target| json::string(&text(target)))
        };
        // The JSON of an answer, or the text of one that is not JSON.
        let response = answer.and_then(json_of).map(in_one_line);
        let text = answer.filter(|_| response.is_none());
        let text = text.map(|answer| json::string(&String::from_utf8_lossy(&answer.body)));
        let mut members = vec![
            ("outcome", json::string(&self.fate.to_string())),
            ("exit", self.exit.code().to_string()),
            ("status", status.unwrap_or_else(null)),
            ("tries", tries.to_string()),
            ("seconds", format!("{:.3}", took.as_secs_f64())),
            (
                "key",
                self.key.map_or_else(null, |key| json::string(&key.0)),
            ),
            (
                "method",
                of_target(&|target| target.method.as_str().to_owned()),
            ),
            ("url", of_target(&|target| target.url.to_string())),
        ];
        if let Some(lines) = self.lines {
            members.push(("line", lines.start().to_string()));
            if lines.start() != lines.end() {
                members.push(("last_line", lines.end().to_string()));
            }
        }
        members.push(("error", error.unwrap_or_else(null)));
        members.push(("response", response.unwrap_or_else(null)));
        members.push(("text", text.unwrap_or_else(null)));
        let members: Vec<_> = members
            .into_iter()
            .map(|(name, value)| format!("\"{name}\":{value}"))
            .collect();
        format!("{{{}}}\n", members.join(","))
    }
}

/// JSON in one line: between two tokens a line's end is white space like any other; within a string it cannot stand.
pub(super) fn in_one_line(json: &str) -> String {
    json::trim(json).replace(['\n', '\r'], " ")
}

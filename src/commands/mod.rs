//! The verbs: one file for each.

pub(crate) mod check;
pub(crate) mod flush;
pub(crate) mod lines;
pub(crate) mod queue;
pub(crate) mod send;

use std::io;

use crate::document::Document;
use crate::document::ndjson::NdjsonReader;
use crate::output::Report;
use crate::request::{Input, Lines, RunLimits};
use crate::system::error::Result;
use crate::system::lock::Lock;
use crate::system::time::{Clock, SystemClock};

/// The lock, to be held for the rest of the run, and then the random wait.
fn begin(run: &RunLimits, clock: &SystemClock, report: Report) -> Result<Option<Lock>> {
    let lock = run.lock.as_deref().map(Lock::take).transpose()?;
    if !run.splay.is_zero() {
        let wait = run.splay.mul_f64(clock.chance());
        report.splay(wait);
        clock.sleep(wait);
    }
    Ok(lock)
}

/// Reads the one document that `input` names, and checks it, before anything is connected.
///
/// # Errors
/// As for the kinds of [`Document`].
fn read_document(input: &Input) -> Result<Document> {
    match input {
        Input::Nothing => Ok(Document::empty()),
        Input::Items(items) => Document::from_items(items),
        Input::Text(text) => Document::from_bytes(text.clone().into_bytes(), "--data"),
        Input::File(path) => Document::from_file(path),
        Input::Stdin => Document::from_reader(io::stdin().lock(), "standard input"),
    }
}

/// Opens what `--lines` names.
///
/// # Errors
/// As for [`NdjsonReader::open`].
fn read_lines(lines: &Lines) -> Result<NdjsonReader> {
    NdjsonReader::open(
        lines.file.as_deref(),
        lines.skip,
        lines.max_line,
        lines.group,
    )
}

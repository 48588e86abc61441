//! The verbs: one file for each.

mod alert;
pub(crate) mod check;
pub(crate) mod flush;
pub(crate) mod lines;
mod older;
mod pending;
pub(crate) mod queue;
pub(crate) mod send;
mod spooled;

use std::io;
use std::path::Path;
use std::time::Duration;

use crate::auth;
use crate::document::Document;
use crate::document::ndjson::NdjsonReader;
use crate::output::{self, Report};
use crate::request::{Input, Lines, RunLimits, Target};
use crate::system::error::Result;
use crate::system::lock::Lock;
use crate::system::time::{Clock, Deadline, SystemClock};
use crate::system::watch;

/// Takes the lock of `--lock`, which is held for the rest of the run; then waits for `--splay`.
fn begin(run: &RunLimits, clock: &SystemClock, report: Report) -> Result<Option<Lock>> {
    let lock = run.lock.as_deref().map(Lock::take).transpose()?;
    if !run.splay.is_zero() {
        let wait = run.splay.mul_f64(clock.chance());
        report.splay(wait);
        watch::wait(clock, wait, "starting", "--splay");
    }
    Ok(lock)
}

/// Warns about what puts the secrets of `target` at risk: certificates that are not checked, and files that every user of
/// this machine can read or change. Only `check` warns about files that a group can access, because that may be intended.
fn warn(target: &Target, limit: Duration, report: Report) {
    if target.connection.insecure {
        report.insecure();
    }
    // Errors are reported later, when the files are read.
    let files = auth::secret_files(target, Deadline::after(limit)).unwrap_or_default();
    for path in files {
        if let Some(mode) = auth::exposed_mode(&path).filter(|mode| mode & 0o007 != 0) {
            let (text, remedy) = exposed_file(&path, mode);
            // With --quiet too: most runs have it, and a secret is worth more than silence.
            output::info(&format!("{text}; {remedy}"));
        }
    }
}

/// The warning about a file with this mode, and the remedy.
fn exposed_file(path: &Path, mode: u32) -> (String, String) {
    let path = path.display();
    (
        format!("other users can access '{path}' (mode {mode:o})"),
        format!("chmod 600 '{path}'"),
    )
}

/// Reads and checks the document that `input` names, before any connection is opened.
///
/// # Errors
/// Those of [`Document`].
fn read_document(input: &Input) -> Result<Document> {
    match input {
        Input::Nothing => Ok(Document::empty()),
        Input::Items(items) => Document::from_items(items),
        Input::Text(text) => Document::from_argument(text),
        Input::File(path) => Document::from_file(path),
        Input::Stdin => Document::from_reader(io::stdin().lock(), "standard input"),
    }
}

/// Opens the file of `--lines`.
///
/// # Errors
/// As for [`NdjsonReader::open`].
fn read_lines(lines: &Lines) -> Result<NdjsonReader> {
    NdjsonReader::open(
        lines.file.as_deref(),
        lines.skip.unwrap_or(0),
        lines.max_line,
        lines.group,
    )
}

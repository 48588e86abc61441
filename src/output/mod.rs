//! All printing.
//!
//! The answer goes to standard output, everything about it to standard error. Data from the API never reaches a terminal
//! as an escape sequence. On standard error, headers that may hold a secret are masked, and an answer that repeats a
//! secret is not quoted. A reader that closed its pipe is not an error; a full disk is.

mod answer;
mod color;
mod lines;
mod progress;
mod record;
mod report;
mod request;
mod terminal;

use std::io::{self, ErrorKind, Write};

use crate::delivery::exit::RunEnd;
use crate::system::error::{Error, Kind, Result};
use crate::system::time;
pub(crate) use color::Color;
use color::{PLAIN, Style};
pub(crate) use lines::{LineReport, Tally};
pub(crate) use progress::LineProgress;
use record::Record;
pub(crate) use report::{Mark, Report};
pub(crate) use request::dry_run;
use terminal::Out;
pub(crate) use terminal::{columns, fit, printable};

/// Prints one line to standard error, escaped if necessary.
fn print_line(text: &str) {
    write_line(&printable(text));
}

/// The same, with a part of it in a style.
fn print_styled(before: &str, style: Style, part: &str, behind: &str) {
    let [before, part, behind] = [before, part, behind].map(printable);
    match color::is_on_stderr() {
        true => write_line(&format!("{before}{}{part}{PLAIN}{behind}", style.code())),
        false => write_line(&format!("{before}{part}{behind}")),
    }
}

/// Erases the progress line first. If it cannot be written, there is no way to report that.
fn write_line(line: &str) {
    progress::erase();
    let _ = io::stderr()
        .lock()
        .write_all(format!("{line}\n").as_bytes());
}

/// Prints an error and its remedy.
pub(crate) fn error(error: &Error) {
    warn(&error.to_string(), error.remedy());
}

/// Prints what failed, and the remedy.
pub(crate) fn warn(text: &str, remedy: Option<&str>) {
    failure(text);
    if let Some(remedy) = remedy {
        hint(remedy);
    }
}

/// Prints what failed.
fn failure(text: &str) {
    print_styled("", Style::Failure, "authpost:", &format!(" {text}"));
}

/// Prints a remedy.
fn hint(text: &str) {
    print_styled("", Style::Hint, "hint:", &format!(" {text}"));
}

/// Prints the record of a document whose command line could not be parsed.
///
/// # Errors
/// As for [`page`].
pub(crate) fn not_sent(error: &Error) -> Result<()> {
    Record::not_sent(None, error).print()
}

/// Prints the last line of a run that fails.
pub(crate) fn end(end: &RunEnd) {
    if let Some(line) = end.last_line(time::unix()) {
        failure(&line);
    }
}

/// Prints information about a run that continues.
pub(crate) fn info(text: &str) {
    print_styled("", Style::Name, "authpost:", &format!(" {text}"));
}

/// Reports a bug in one line, without a backtrace.
pub(crate) fn bug(what: &str) {
    failure(&format!(
        "this is a bug in authpost {}: {what}",
        env!("CARGO_PKG_VERSION")
    ));
    hint("please report it with the command line");
}

/// Writes to standard output.
///
/// # Errors
/// [`Kind::Output`], unless the reader has closed its pipe.
pub(crate) fn page(text: &[u8]) -> Result<()> {
    print(text.len(), |out| out.write_all(text))
}

/// Prints an authpost command to standard output, and notes on it to standard error.
///
/// # Errors
/// As for [`page`].
pub(crate) fn carried(line: &str, notes: &[String]) -> Result<()> {
    page(format!("{line}\n").as_bytes())?;
    notes.iter().for_each(|note| info(note));
    Ok(())
}

/// Writes about `size` bytes to standard output, in pieces.
fn print(size: usize, write: impl FnOnce(&mut Out) -> io::Result<()>) -> Result<()> {
    let mut out = Out::new(size);
    match write(&mut out).and_then(|()| out.flush()) {
        Err(why) if why.kind() != ErrorKind::BrokenPipe => {
            Err(Error::io(Kind::Output, "writing to standard output", &why)
                .hint("make room where it goes"))
        }
        _ => Ok(()),
    }
}

//! All printing.
//!
//! The answer goes to standard output, everything about it to standard error. Data from the API never reaches a terminal
//! as an escape sequence. On standard error, headers that may hold a secret are masked, and an answer that repeats a
//! secret is not quoted. A reader that closed its pipe is not an error; a full disk is.

mod answer;
mod lines;
mod record;
mod report;
mod request;
mod terminal;

use std::io::{self, ErrorKind, Write};

use crate::system::error::{Error, Kind, Result};
pub(crate) use lines::{LineReport, Tally};
use record::Record;
pub(crate) use report::{Mark, Report};
pub(crate) use request::dry_run;
use terminal::Out;
pub(crate) use terminal::{fit, printable};

/// Prints one line to standard error, escaped if necessary. If that fails, there is no way to report it.
fn print_line(text: &str) {
    let _ = io::stderr()
        .lock()
        .write_all(format!("{}\n", printable(text)).as_bytes());
}

/// Prints an error and its remedy.
pub(crate) fn error(error: &Error) {
    print_line(&format!("authpost: {error}"));
    if let Some(remedy) = error.remedy() {
        print_line(&format!("hint: {remedy}"));
    }
}

/// Prints the record of a document whose command line could not be parsed.
///
/// # Errors
/// As for [`page`].
pub(crate) fn not_sent(error: &Error) -> Result<()> {
    Record::not_sent(None, error).print()
}

/// Prints information about a run that continues.
pub(crate) fn info(text: &str) {
    print_line(&format!("authpost: {text}"));
}

/// Reports a bug in one line, without a backtrace.
pub(crate) fn bug(what: &str) {
    print_line(&format!(
        "authpost: this is a bug in authpost {}: {what}",
        env!("CARGO_PKG_VERSION")
    ));
    print_line(
        "hint: please report it with the command line; whether the document was sent is not known",
    );
}

/// Writes to standard output.
///
/// # Errors
/// [`Kind::Output`], unless the reader has closed its pipe.
pub(crate) fn page(text: &[u8]) -> Result<()> {
    print(text.len(), |out| out.write_all(text))
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

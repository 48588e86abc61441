//! Reports deliveries: how much is printed, and on which of the two outputs.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use super::answer::{self, end_of, pretty, quote, shown};
use super::color::{self, Style};
use super::progress;
use super::record::{Record, write_in_one_line};
use super::request::{masked, open_headers};
use super::terminal::is_terminal;
use super::{error, hint, info, print, print_line, print_styled, printable, warn};
use crate::auth::oauth2::TokenExchange;
use crate::delivery::exit::Exit;
use crate::delivery::verdict::Fate;
use crate::delivery::{Event, Outcome};
use crate::http::Answer;
use crate::json::{self, Pointer};
use crate::request::job::Job;
use crate::request::{Output, Show, Target};
use crate::spool::Message;
use crate::system::claim::Claim;
use crate::system::error::{Error, Result};
use crate::system::time;

/// The result of a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// Correct.
    Ok,
    /// It works, but not as it should.
    Warning,
    /// A run would fail.
    Failure,
}

/// Reports deliveries, with the settings of an `Output`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Report<'a> {
    pub(super) output: &'a Output,
}

impl Report<'_> {
    /// A report with the settings of `output`.
    pub(crate) fn new(output: &Output) -> Report<'_> {
        Report { output }
    }

    /// Shows the progress of long work on a terminal from now on, unless `--quiet` is given.
    pub(crate) fn watch(self) {
        if !self.output.quiet {
            progress::watch();
        }
    }

    /// Reports an event during the delivery of a document.
    pub(crate) fn event(self, job: &Job, event: Event) {
        match event {
            Event::Request => self.request(job),
            Event::Attempt(text) if self.output.verbose => {
                info(text);
            }
            Event::Attempt(_) => {}
            Event::TokenExchange(exchange) => self.token_exchange(exchange),
        }
    }

    /// Prints a token request and its answer.
    pub(crate) fn token_exchange(self, exchange: &TokenExchange) {
        if !self.output.verbose {
            return;
        }
        print_line(&format!("> POST {}", exchange.url));
        if exchange.has_header {
            print_line("> authorization: Basic ********");
        }
        print_line(&format!("> {}", exchange.form));
        if let Some(answer) = exchange.answer {
            self.answer_head(answer);
            print_line(&format!("< {}", exchange.said));
        }
    }

    /// Prints the request that is about to be sent.
    fn request(self, job: &Job) {
        if self.output.verbose {
            print_line(&format!(
                "> {} {}",
                job.target.method.as_str(),
                job.target.url
            ));
            let mut headers = open_headers(job, false);
            headers.extend(masked(&job.target));
            for (name, value) in headers {
                // What we have masked ourselves may be shown.
                let key = job.target.idempotency_header.as_ref();
                let is_key = key.is_some_and(|key| key.eq_ignore_ascii_case(&name));
                let value = match is_key || value.ends_with("********") {
                    true => value,
                    false => shown(&name, &value),
                };
                print_line(&format!("> {name}: {value}"));
            }
        }
    }

    /// Reports the random wait at the start.
    pub(crate) fn splay(self, wait: Duration) {
        if self.output.verbose {
            info(&format!("waiting {} first (--splay)", time::in_words(wait)));
        }
    }

    /// Prints one finding of a check on one line, with its remedy.
    ///
    /// # Errors
    /// As for [`super::page`].
    pub(crate) fn finding(self, mark: Mark, text: &str, remedy: Option<&str>) -> Result<()> {
        let (style, word) = match mark {
            Mark::Ok if self.output.quiet => return Ok(()),
            Mark::Ok => (Style::Ok, "ok  "),
            Mark::Warning => (Style::Warning, "warn"),
            Mark::Failure => (Style::Failure, "FAIL"),
        };
        let remedy = remedy.map_or(String::new(), |remedy| format!("; {remedy}"));
        let text = printable(&format!("{text}{remedy}"));
        print(text.len(), |out| {
            out.styled(style, word.as_bytes())?;
            writeln!(out, "  {text}")
        })
    }

    /// Whether nothing is to be printed on success.
    pub(crate) fn is_quiet(self) -> bool {
        self.output.quiet
    }

    /// Prints information about a run that continues, unless `--quiet` is given.
    pub(crate) fn unless_quiet(self, text: &str) {
        if !self.output.quiet {
            info(text);
        }
    }

    /// Reports a message that the API accepted, if its answer is incomplete.
    pub(crate) fn incomplete(self, message: &Message, outcome: &Outcome) {
        if outcome.exit() != Exit::Ok {
            warn_of(message, &outcome.why(), outcome.hint());
        }
    }

    /// Reports that a message was set aside for review.
    pub(crate) fn dead_lettered(self, message: &Message, why: &str, remedy: Option<&str>) {
        warn_of(message, &format!("{why}; dead-lettered"), remedy);
    }

    /// Reports the result of a delivery after which the spool failed.
    pub(crate) fn not_moved(self, message: &Message, outcome: &Outcome, error: &Error) {
        let why = outcome.why();
        if !why.is_empty() {
            warn_of(message, &why, outcome.hint());
        }
        super::error(error);
    }

    /// Reports that something that is not a message was set aside.
    pub(crate) fn set_aside(self, path: &Path, why: &str) {
        warn(&format!("dead-lettering '{}': {why}", path.display()), None);
    }

    /// Shows the progress of a flush: how many messages of all it is done with, and how many of these were delivered or
    /// failed.
    pub(crate) fn progress(
        self,
        (done, all): (usize, usize),
        counts: (usize, usize),
        elapsed: Duration,
    ) {
        if !self.output.quiet && progress::is_due(elapsed) {
            let (delivered, failed) = counts;
            progress::draw(&format!(
                "{done} of {all} messages: {delivered} delivered, {failed} failed"
            ));
        }
    }

    /// Reports one delivery of a flush.
    ///
    /// # Errors
    /// As for [`super::page`].
    pub(crate) fn flushed(self, job: &Job, outcome: &Outcome) -> Result<()> {
        if let Some(text) = &outcome.note {
            self.unless_quiet(text);
        }
        if self.output.verbose
            && let Some(answer) = &outcome.answer
        {
            self.answer_head(answer);
        }
        match self.output.show {
            Show::Report => self.show(job, outcome).map(drop),
            _ => Ok(()),
        }
    }

    /// Reports that the document was not accepted, and is stored in the spool.
    ///
    /// # Errors
    /// As for [`super::page`].
    pub(crate) fn spooled(self, job: &Job, outcome: &Outcome, text: &str) -> Result<Exit> {
        self.unless_quiet(text);
        // Most outages end by themselves, but one from a certificate that is not trusted does not.
        if let Some(remedy) = outcome.hint().filter(|_| !self.output.quiet)
            && outcome.verdict.fate == Fate::Unsent
        {
            hint(remedy);
        }
        self.flushed(job, outcome)?;
        Ok(outcome.exit())
    }

    /// Reports that the document for `target` was not sent because of this error.
    ///
    /// # Errors
    /// As for [`super::page`].
    pub(crate) fn not_sent(self, target: &Target, error: &Error) -> Result<()> {
        match self.output.show {
            Show::Report => Record::not_sent(Some(target), error).print(),
            Show::Body | Show::Pick(_) => Ok(()),
        }
    }

    /// Reports that the document of `job` was not sent because of this error, and is pending in the spool.
    ///
    /// # Errors
    /// As for [`super::page`].
    pub(crate) fn spooled_unsent(self, job: &Job, error: &Error) -> Result<()> {
        match self.output.show {
            Show::Report => {
                let record = Record {
                    key: job.key.as_ref(),
                    fate: Fate::Spooled,
                    ..Record::not_sent(Some(&job.target), error)
                };
                record.print()
            }
            Show::Body | Show::Pick(_) => Ok(()),
        }
    }

    /// Warns that certificates are not checked.
    pub(crate) fn insecure(self) {
        if !self.output.quiet {
            info(
                "no certificate is checked (--insecure): anyone on the network path can read the token",
            );
        }
    }

    /// Reports the outcome of a delivery. Returns the exit code of the run.
    ///
    /// # Errors
    /// As for [`super::page`].
    pub(crate) fn outcome(self, job: &Job, outcome: &Outcome) -> Result<Exit> {
        if let Some(text) = &outcome.note {
            self.unless_quiet(text);
        }
        let success = outcome.exit() == Exit::Ok;
        let silent = self.output.quiet && success;
        if let Some(answer) = &outcome.answer
            && !silent
            && (matches!(self.output.show, Show::Body) || self.output.verbose)
        {
            self.answer_head(answer);
        }
        if !success {
            warn(&outcome.why(), outcome.hint());
        }
        let told = match self.show(job, outcome) {
            Ok(told) => told,
            Err(why) if success => {
                return Err(why.after(Claim::Accepted).hint(
                    "the API has accepted the document: make room for the output, and do not send it again",
                ));
            }
            // The outcome for the document matters more than the failure to print it.
            Err(why) => {
                error(&why);
                false
            }
        };
        if let Some(answer) = &outcome.answer {
            if !success && !told {
                quote(answer);
            }
            if !silent && let Some(why) = end_of(answer, outcome.fate()) {
                info(&why);
            }
        }
        Ok(outcome.exit())
    }

    /// Writes the requested output to standard output. Returns whether standard error need not quote the answer again.
    fn show(self, job: &Job, outcome: &Outcome) -> Result<bool> {
        let success = outcome.exit() == Exit::Ok;
        match &self.output.show {
            Show::Report => {
                Record::of(job, outcome).print()?;
                Ok(true)
            }
            Show::Pick(pointer) if success && !self.output.quiet => {
                self.pick(pointer, outcome)?;
                Ok(true)
            }
            Show::Body if !self.output.quiet => {
                if let Some(answer) = &outcome.answer {
                    self.body(answer)?;
                }
                // After a success nothing is quoted.
                Ok(success || same_place())
            }
            Show::Pick(_) | Show::Body => Ok(false),
        }
    }

    pub(super) fn answer_head(self, answer: &Answer) {
        let mark = if self.output.verbose { "< " } else { "" };
        let status = format!("{} {} {}", answer.version, answer.status, answer.reason);
        let style = Style::of_status(answer.status);
        print_styled(mark, style, status.trim_end(), "");
        if self.output.verbose {
            for (name, value) in &answer.headers {
                print_line(&format!("< {name}: {}", shown(name, value)));
            }
        }
    }

    /// Prints the answer.
    fn body(self, answer: &Answer) -> Result<()> {
        let laid_out = self.output.pretty || is_terminal();
        let json = match laid_out || color::is_on_stdout() {
            true => answer.json(),
            false => None,
        };
        match json {
            Some(json) if laid_out => pretty(json),
            json => {
                let ends_line = !answer.body.ends_with(b"\n") && (is_terminal() || same_place());
                answer::body(&answer.body, json.is_some(), ends_line)
            }
        }
    }

    /// Prints the value at `pointer` on one line: a string without quotes, unless it contains a line break, anything
    /// else as JSON. If there is no such value, the line is empty.
    pub(super) fn pick(self, pointer: &Pointer, outcome: &Outcome) -> Result<()> {
        let body = outcome.answer.as_ref().and_then(Answer::json);
        let found = body.and_then(|body| pointer.pick(body)).unwrap_or_default();
        let text = json::text_of(found);
        if text.is_none() && self.output.pretty && !found.is_empty() {
            return pretty(found);
        }
        print(found.len() + 1, |out| {
            match text.filter(|text| !text.contains(['\n', '\r'])) {
                Some(text) => out.write_all(text.as_bytes())?,
                None => write_in_one_line(found, out)?,
            }
            out.write_all(b"\n")
        })
    }
}

/// Reports what failed in the delivery of a message, and the remedy.
fn warn_of(message: &Message, why: &str, remedy: Option<&str>) {
    let (id, url) = (&message.id, &message.target.url);
    warn(&format!("{id} to {url}: {why}"), remedy);
}

/// Whether both outputs go to the same place, a terminal or cron's mail, so nothing needs to be printed twice.
fn same_place() -> bool {
    let place = |fd: std::os::fd::BorrowedFd| {
        let metadata = File::from(fd.try_clone_to_owned().ok()?).metadata().ok()?;
        Some((metadata.dev(), metadata.ino()))
    };
    place(io::stdout().as_fd()).is_some_and(|out| Some(out) == place(io::stderr().as_fd()))
}

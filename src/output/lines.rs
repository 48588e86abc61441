//! Reports a run over many lines: failures by line number, progress, and the totals.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::answer::{end_of, quote};
use super::progress::{self, LineProgress};
use super::record::Record;
use super::report::Report;
use super::{failure, hint, info, page, print_line};
use crate::delivery::exit::Exit;
use crate::delivery::verdict::Fate;
use crate::delivery::{Event, Outcome};
use crate::document::ndjson::lines_in_words;
use crate::request::job::Job;
use crate::request::{Output, Show, Target};
use crate::system::error::{Error, Result};
use crate::system::time;

/// How many lines had which result.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    accepted: u64,
    refused: u64,
    unsent: u64,
    unavailable: u64,
    unknown: u64,
    spooled: u64,
    /// The rest of the input was not read.
    is_open: bool,
}

impl Tally {
    /// Counts this many lines with one result.
    pub(crate) fn add(&mut self, fate: Fate, lines: u64) {
        *match fate {
            Fate::Accepted => &mut self.accepted,
            Fate::Refused => &mut self.refused,
            Fate::Unsent => &mut self.unsent,
            Fate::Unavailable => &mut self.unavailable,
            Fate::Unknown => &mut self.unknown,
            Fate::Spooled => &mut self.spooled,
        } += lines;
    }

    /// Counts the lines after the point where the run stopped, none of which was sent; `None` if they were not counted.
    pub(crate) fn add_rest(&mut self, lines: Option<u64>) {
        self.unsent += lines.unwrap_or_default();
        self.is_open = lines.is_none();
    }

    /// How many lines the API accepted.
    pub(crate) fn accepted(&self) -> u64 {
        self.accepted
    }

    /// The counts. Those of rarer results are left out if they are 0; that of the `unsent` ones, unless it is asked for.
    fn counts(&self, unsent: bool) -> String {
        let mut text = format!("{} accepted, {} refused", self.accepted, self.refused);
        if unsent || self.unsent > 0 {
            text.push_str(&format!(", {} not sent", self.unsent));
        }
        for (count, fate) in [
            (self.unavailable, Fate::Unavailable),
            (self.unknown, Fate::Unknown),
            (self.spooled, Fate::Spooled),
        ] {
            if count > 0 {
                text.push_str(&format!(", {count} {fate}"));
            }
        }
        text
    }

    /// The counts of a run that goes on, in few words.
    pub(super) fn so_far(&self) -> String {
        self.counts(false)
    }

    /// The number of lines.
    pub(super) fn total(&self) -> u64 {
        self.accepted + self.refused + self.unsent + self.unavailable + self.unknown + self.spooled
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.counts(true))?;
        match self.is_open {
            true => f.write_str(", the rest not read"),
            false => Ok(()),
        }
    }
}

/// Reports the delivery of lines, with the settings of an `Output`.
#[derive(Debug)]
pub(crate) struct LineReport<'a> {
    report: Report<'a>,
    target: &'a Target,
    /// The last remedy that was printed: many lines may fail for the same reason.
    hint: Option<String>,
}

impl LineReport<'_> {
    /// A report with the settings of `output`, for lines that go to `target`.
    pub(crate) fn new<'a>(output: &'a Output, target: &'a Target) -> LineReport<'a> {
        LineReport {
            report: Report::new(output),
            target,
            hint: None,
        }
    }

    /// Reports an event during the delivery of a document with these lines.
    pub(crate) fn event(&mut self, job: &Job, span: &RangeInclusive<u64>, event: Event) {
        if self.report.output.verbose {
            match event {
                Event::Attempt(text) => info(&about(span, text)),
                event => self.report.event(job, event),
            }
        }
    }

    /// Reports a line that cannot be sent.
    ///
    /// # Errors
    /// As for [`super::page`].
    pub(crate) fn bad_line(&mut self, number: u64, why: &str) -> Result<()> {
        let span = number..=number;
        failure(&about(&span, why));
        match self.report.output.show {
            Show::Report => Record {
                target: Some(self.target),
                key: None,
                lines: Some(&span),
                fate: Fate::Unsent,
                exit: Exit::DataErr,
                why: why.to_owned(),
                outcome: None,
            }
            .print(),
            Show::Pick(_) => self.nothing_picked(),
            Show::Body => Ok(()),
        }
    }

    /// Reports that the document with these lines was not sent, and that nothing after it will be.
    ///
    /// # Errors
    /// As for [`super::page`].
    pub(crate) fn not_sent(&mut self, span: &RangeInclusive<u64>, error: &Error) -> Result<()> {
        match self.report.output.show {
            Show::Report => Record {
                lines: Some(span),
                ..Record::not_sent(Some(self.target), error)
            }
            .print(),
            Show::Body | Show::Pick(_) => Ok(()),
        }
    }

    /// Reports the result of a delivery.
    ///
    /// # Errors
    /// As for [`super::page`].
    pub(crate) fn delivery(
        &mut self,
        job: &Job,
        span: &RangeInclusive<u64>,
        outcome: &Outcome,
    ) -> Result<()> {
        if let Some(text) = &outcome.note {
            self.report.unless_quiet(text);
        }
        let success = outcome.exit() == Exit::Ok;
        if let Some(answer) = &outcome.answer {
            if self.report.output.verbose {
                self.report.answer_head(answer);
            }
            if success
                && !self.report.output.quiet
                && let Some(why) = end_of(answer, outcome.fate())
            {
                info(&about(span, &why));
            }
        }
        if !success {
            failure(&about(span, &outcome.why()));
            if let Some(remedy) = outcome.hint()
                && self.hint.as_deref() != Some(remedy)
            {
                self.hint = Some(remedy.to_owned());
                hint(remedy);
            }
            if let Some(answer) = &outcome.answer
                && !matches!(self.report.output.show, Show::Report)
            {
                quote(answer);
            }
        }
        match &self.report.output.show {
            Show::Report => Record {
                lines: Some(span),
                ..Record::of(job, outcome)
            }
            .print(),
            Show::Pick(pointer) if success && !self.report.output.quiet => {
                self.report.pick(pointer, outcome)
            }
            Show::Pick(_) => self.nothing_picked(),
            Show::Body => Ok(()),
        }
    }

    /// Prints an empty line for a document without a value, so that the output has one line per document, in order.
    fn nothing_picked(&mut self) -> Result<()> {
        match self.report.output.quiet {
            true => Ok(()),
            false => page(b"\n"),
        }
    }

    /// Reports why these lines and all that follow are not sent any more, and how they are `stored`.
    pub(crate) fn given_up(&mut self, span: &RangeInclusive<u64>, outcome: &Outcome, stored: &str) {
        if self.report.output.quiet && outcome.exit() == Exit::Ok {
            return;
        }
        // If it counts as a failure, its answer has already been reported.
        let why = match outcome.exit() {
            Exit::Ok => format!("{}; ", outcome.why()),
            _ => String::new(),
        };
        info(&about(span, &format!("{why}{stored}")));
    }

    /// Reports that all lines are stored in a spool, why, and by what they are `delivered`.
    pub(crate) fn all_queued(
        &mut self,
        why: &str,
        remedy: Option<String>,
        delivered: &str,
        exit: Exit,
    ) {
        if self.report.output.quiet && exit == Exit::Ok {
            return;
        }
        let stored = "all lines are stored in the spool";
        info(&format!("{stored}, {why}; {delivered}"));
        if let Some(remedy) = remedy {
            hint(&remedy);
        }
    }

    /// Shows the progress of a run that has sent for so long, unless it was shown a moment ago.
    pub(crate) fn progress<'a>(
        &self,
        elapsed: Duration,
        progress: impl FnOnce() -> Option<LineProgress<'a>>,
    ) {
        if !self.report.output.quiet
            && progress::is_due(elapsed)
            && let Some(progress) = progress()
        {
            progress::draw(&progress.text(elapsed));
        }
    }

    /// Reports the totals of the run. If it stopped early, `stopped` has the last settled line, and the last of the lines
    /// that the API may have accepted.
    pub(crate) fn end(
        &mut self,
        tally: &Tally,
        elapsed: Duration,
        exit: Exit,
        stopped: Option<(u64, Option<u64>)>,
    ) {
        if exit != Exit::Ok || !self.report.output.quiet {
            let seconds = time::decimal(elapsed.as_millis() as u64, 1000);
            print_line(&format!("{tally} in {seconds} s"));
        }
        match stopped {
            None => {}
            Some((settled, None)) => {
                hint(&format!(
                    "the run stopped early: continue with --skip {settled}"
                ));
            }
            Some((settled, Some(last))) => hint(&format!(
                "the run stopped early: continue with --skip {last} if the API has accepted what was under way, else with --skip {settled}"
            )),
        }
    }
}

/// `text`, with the lines that it is about.
fn about(span: &RangeInclusive<u64>, text: &str) -> String {
    format!("{}: {text}", lines_in_words(span))
}

//! What a run with `--spool` reports about the older messages that it sends first.

use crate::delivery::backlog::MessageEvent;
use crate::output::{self, Report};
use crate::system::error::Result;

/// Reports them, and counts the delivered ones.
pub(crate) struct Older<'a> {
    report: Report<'a>,
    delivered: usize,
}

impl Older<'_> {
    /// Nothing has been sent yet.
    pub(crate) fn new(report: Report<'_>) -> Older<'_> {
        Older {
            report,
            delivered: 0,
        }
    }

    /// Reports what needs a person. Why a message is still pending is reported together with the run's own document.
    ///
    /// # Errors
    /// None.
    pub(crate) fn event(&mut self, event: MessageEvent) -> Result<()> {
        match event {
            MessageEvent::Delivered(message, outcome) => {
                self.delivered += 1;
                self.report.incomplete(message, outcome);
            }
            MessageEvent::Delivering(job, event) => self.report.event(job, event),
            MessageEvent::DeadLettered {
                message, why, hint, ..
            } => self.report.dead_lettered(message, why, hint),
            MessageEvent::NotMoved {
                message,
                outcome,
                error,
            } => self.report.not_moved(message, outcome, error),
            MessageEvent::SetAside { path, why, .. } => self.report.set_aside(&path, why),
            MessageEvent::Left(error) => output::error(error),
            MessageEvent::Connecting(_)
            | MessageEvent::Requeued { .. }
            | MessageEvent::Attempted(..) => {}
        }
        Ok(())
    }

    /// Reports how many were delivered.
    pub(crate) fn summary(&self) {
        let documents = match self.delivered {
            0 => return,
            1 => "1 older document".to_owned(),
            count => format!("{count} older documents"),
        };
        self.report
            .unless_quiet(&format!("delivered {documents} first"));
    }
}

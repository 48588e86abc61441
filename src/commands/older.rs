//! What a run that sends tells of the older messages that go out before its own.

use crate::delivery::backlog::MessageEvent;
use crate::output::{self, Report};
use crate::system::error::Result;

/// Tells of them, and counts those that were delivered.
pub(crate) struct Older<'a> {
    report: Report<'a>,
    delivered: usize,
}

impl Older<'_> {
    /// Of none yet.
    pub(crate) fn new(report: Report<'_>) -> Older<'_> {
        Older {
            report,
            delivered: 0,
        }
    }

    /// What needs a person is told at once; why a message still is pending is told with what is behind it.
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

    /// Says how many were delivered.
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

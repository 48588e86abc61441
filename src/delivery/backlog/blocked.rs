//! How the delivery of a backlog ended, and why the messages that are left have to wait.

use crate::delivery::Outcome;
use crate::delivery::exit::Exit;
use crate::system::error::Error;

/// How the delivery of a backlog ended.
#[derive(Debug)]
pub(crate) enum End {
    /// All messages were processed.
    Done,
    /// A message blocks those after it.
    Blocked(Blocked),
    /// The time limit was reached first.
    TimedOut,
}

/// Why the messages after one have to wait.
#[derive(Debug)]
pub(crate) struct Blocked {
    /// The exit code for it.
    pub(crate) exit: Exit,
    /// The reason, as text.
    pub(crate) why: String,
    /// The remedy, if there is one.
    pub(crate) hint: Option<String>,
}

impl Blocked {
    pub(super) fn by(error: &Error) -> Blocked {
        Blocked {
            exit: error.kind().into(),
            why: error.to_string(),
            hint: error.remedy().map(str::to_owned),
        }
    }

    /// For a reason that needs no action.
    pub(crate) fn because(why: &str) -> Blocked {
        Blocked {
            exit: Exit::Ok,
            why: why.to_owned(),
            hint: None,
        }
    }

    /// The same, for a document that is queued behind this many `older` ones.
    pub(crate) fn behind(self, older: usize) -> Blocked {
        let why = match older {
            0 => self.why,
            1 => format!("queued behind 1 older document: {}", self.why),
            count => format!("queued behind {count} older documents: {}", self.why),
        };
        Blocked { why, ..self }
    }

    pub(super) fn after(outcome: &Outcome) -> Blocked {
        Blocked {
            exit: outcome.exit(),
            why: outcome.why(),
            hint: outcome.hint().map(str::to_owned),
        }
    }
}

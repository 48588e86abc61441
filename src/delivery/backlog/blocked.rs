//! How the delivery of a backlog ended, and why the messages that are left have to wait.

use crate::delivery::Outcome;
use crate::delivery::exit::Exit;
use crate::system::error::Error;

/// How the delivery of a backlog ended.
#[derive(Debug)]
pub(crate) enum End {
    /// All had their turn.
    Done,
    /// A message blocks those behind it.
    Blocked(Blocked),
    /// The time limit was reached before all had their turn.
    TimedOut,
}

/// Why the messages behind one have to wait.
#[derive(Debug)]
pub(crate) struct Blocked {
    /// As an exit code says it.
    pub(crate) exit: Exit,
    /// As a person reads it.
    pub(crate) why: String,
    /// The remedy, where there is one.
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

    /// By what nobody has to mend.
    pub(crate) fn because(why: &str) -> Blocked {
        Blocked {
            exit: Exit::Ok,
            why: why.to_owned(),
            hint: None,
        }
    }

    /// As those behind so many `older` documents read it.
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

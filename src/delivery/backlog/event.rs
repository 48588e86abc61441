//! What the delivery of a backlog reports about each message. Nothing is printed in this layer.

use std::path::PathBuf;

use crate::delivery::exit::Exit;
use crate::delivery::{Event, Outcome};
use crate::request::Target;
use crate::request::job::Job;
use crate::spool::Message;
use crate::system::error::{Error, Result};

/// What happened to a message.
pub(crate) enum MessageEvent<'a> {
    /// A connection for this target is about to be made.
    Connecting(&'a Target),
    /// Its delivery goes on.
    Delivering(&'a Job, Event<'a>),
    /// The API has it. Its answer may have broken off.
    Delivered(&'a Message, &'a Outcome),
    /// It stays pending, and its target is due again in so many seconds.
    Requeued {
        /// Which.
        message: &'a Message,
        /// What the delivery came to.
        outcome: &'a Outcome,
        /// The seconds.
        wait: u64,
    },
    /// It was set aside for a person.
    DeadLettered {
        /// Which.
        message: &'a Message,
        /// Why.
        why: &'a str,
        /// The remedy, where there is one.
        hint: Option<&'a str>,
        /// How a run ends for its sake.
        exit: Exit,
    },
    /// It was sent, and then the spool failed.
    NotMoved {
        /// Which.
        message: &'a Message,
        /// What the delivery came to.
        outcome: &'a Outcome,
        /// What the spool says.
        error: &'a Error,
    },
    /// It was sent, with this outcome, which was reported before.
    Attempted(&'a Job, &'a Outcome),
    /// It is no message, or a damaged one, and was set aside.
    SetAside {
        /// Where it was.
        path: PathBuf,
        /// What is wrong with it.
        why: &'a str,
        /// How a run ends for its sake.
        exit: Exit,
    },
    /// It stays where it is, because of this.
    Left(&'a Error),
}

/// Who is told. An error ends the run.
pub(crate) type Observer<'a> = &'a mut dyn FnMut(MessageEvent) -> Result<()>;

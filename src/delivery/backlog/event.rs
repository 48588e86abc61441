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
    /// A connection to this target is about to be opened.
    Connecting(&'a Target),
    /// An event during the delivery of its job.
    Delivering(&'a Job, Event<'a>),
    /// The API accepted it. The answer may have broken off.
    Delivered(&'a Message, &'a Outcome),
    /// It stays pending.
    Requeued {
        /// The message.
        message: &'a Message,
        /// The outcome of the delivery.
        outcome: &'a Outcome,
        /// In how many seconds its target is due again.
        wait: u64,
    },
    /// It was dead-lettered.
    DeadLettered {
        /// The message.
        message: &'a Message,
        /// The reason.
        why: &'a str,
        /// The remedy, if there is one.
        hint: Option<&'a str>,
        /// The exit code for it.
        exit: Exit,
    },
    /// It was sent, and then the spool failed.
    NotMoved {
        /// The message.
        message: &'a Message,
        /// The outcome of the delivery.
        outcome: &'a Outcome,
        /// The error of the spool.
        error: &'a Error,
    },
    /// It was sent, with this outcome, for which another event came before.
    Attempted(&'a Job, &'a Outcome),
    /// A file that is not a message, or a damaged message, was dead-lettered.
    SetAside {
        /// Where it was.
        path: PathBuf,
        /// What is wrong with it.
        why: &'a str,
        /// The exit code for it.
        exit: Exit,
    },
    /// It stays where it is, because of this error.
    Left(&'a Error),
}

/// The callback for events. An error ends the run.
pub(crate) type Observer<'a> = &'a mut dyn FnMut(MessageEvent) -> Result<()>;

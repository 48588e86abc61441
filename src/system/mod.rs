//! The lowest layer: errors, time, secrets, locks and files.

pub(crate) mod atomic_file;
pub(crate) mod claim;
pub(crate) mod error;
pub(crate) mod guard;
pub(crate) mod lock;
pub(crate) mod secret;
pub(crate) mod time;
pub(crate) mod watch;

//! What every layer stands on: errors, time, secrets, locks and files.

pub mod atomic_file;
pub mod error;
pub mod guard;
pub mod lock;
pub mod secret;
pub mod time;

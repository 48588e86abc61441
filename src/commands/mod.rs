//! The verbs: one file for each.

pub mod check;
pub mod flush;
pub mod lines;
pub mod queue;
pub mod send;

use crate::output::Report;
use crate::request::Run;
use crate::system::error::Result;
use crate::system::lock::Lock;
use crate::system::time::{Clock, SystemClock};

/// The lock, to be held for the rest of the run, and then the random wait.
fn begin(run: &Run, clock: &SystemClock, report: Report) -> Result<Option<Lock>> {
    let lock = run.lock.as_deref().map(Lock::take).transpose()?;
    if !run.splay.is_zero() {
        let wait = run.splay.mul_f64(clock.chance());
        report.splay(wait);
        clock.sleep(wait);
    }
    Ok(lock)
}

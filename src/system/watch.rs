//! Reports the progress of long work to the layer that shows it.
//!
//! Every layer may report its work, because this is the lowest one. Without a watcher, a report costs next to nothing.

use std::sync::OnceLock;
use std::time::Duration;

use super::time::Clock;

/// Work that can take long.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Work<'a> {
    /// This many bytes of a request have been sent in this time.
    Upload {
        /// How many.
        sent: u64,
        /// How many there are.
        total: u64,
        /// The time.
        elapsed: Duration,
    },
    /// All bytes of a request have been sent in this time; the answer is still to come.
    Uploaded {
        /// How many there are.
        total: u64,
        /// The time.
        elapsed: Duration,
    },
    /// A wait.
    Wait {
        /// What comes next.
        next: &'a str,
        /// The time that is left.
        left: Duration,
        /// The reason for the wait.
        why: &'a str,
    },
    /// The work that was reported last, and shown, is over.
    Over,
}

/// Shows the work. Returns whether it is visible.
type Watcher = fn(Work) -> bool;

static WATCHER: OnceLock<Watcher> = OnceLock::new();

/// Sends all reports to `watcher` from now on. Only the first call has an effect.
pub(crate) fn set_watcher(watcher: Watcher) {
    let _ = WATCHER.set(watcher);
}

/// Reports the progress of some work. Returns whether it is visible.
pub(crate) fn report(work: Work) -> bool {
    WATCHER.get().is_some_and(|watcher| watcher(work))
}

/// Waits for `time` before what comes `next`. If it is visible, the time left is reported every second.
pub(crate) fn wait(clock: &dyn Clock, time: Duration, next: &str, why: &str) {
    const SECOND: Duration = Duration::from_secs(1);
    let start = clock.elapsed();
    let mut left = time;
    let mut is_seen = false;
    // A shorter wait shows nothing.
    while time >= SECOND && !left.is_zero() && report(Work::Wait { next, left, why }) {
        is_seen = true;
        let fraction = Duration::from_nanos(left.subsec_nanos().into());
        let step = match fraction.is_zero() {
            true => SECOND,
            false => fraction,
        };
        clock.sleep(step);
        left = time.saturating_sub(clock.elapsed() - start);
    }
    clock.sleep(left);
    if is_seen {
        report(Work::Over);
    }
}

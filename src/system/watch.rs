//! Tells whoever watches how far long work is.
//!
//! Any layer may tell; none knows who watches, or whether anybody does. Without a watcher it costs next to nothing.

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
        /// How long it still takes.
        left: Duration,
        /// The reason for the wait.
        why: &'a str,
    },
    /// What was told before, and seen, is over.
    Over,
}

/// Returns whether anybody can see it.
type Watcher = fn(Work) -> bool;

static WATCHER: OnceLock<Watcher> = OnceLock::new();

/// Tells `watcher` of all work from now on. Only the first call has an effect.
pub(crate) fn set_watcher(watcher: Watcher) {
    let _ = WATCHER.set(watcher);
}

/// Tells how far some work is. Returns whether anybody can see it.
pub(crate) fn tell(work: Work) -> bool {
    WATCHER.get().is_some_and(|watcher| watcher(work))
}

/// Waits for `time` before what comes `next`. Where somebody watches, it counts the seconds down.
pub(crate) fn wait(clock: &dyn Clock, time: Duration, next: &str, why: &str) {
    const SECOND: Duration = Duration::from_secs(1);
    let start = clock.elapsed();
    let mut left = time;
    let mut is_seen = false;
    // A shorter wait shows nothing.
    while time >= SECOND && !left.is_zero() && tell(Work::Wait { next, left, why }) {
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
        tell(Work::Over);
    }
}

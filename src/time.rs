//! Time: the budget that every step draws from, and the only place that reads the clock or sleeps.
//!
//! A [`Budget`] is an end on the monotonic clock. It is copied down to whoever has to wait, and only ever shrinks:
//! nothing below can wait longer than what is left of it, however often it asks.

use std::time::{Duration, Instant};

/// How long something may still take, as a fixed end on the monotonic clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    end: Option<Instant>,
}

impl Budget {
    /// No end at all.
    pub const UNLIMITED: Budget = Budget { end: None };

    /// Ends `limit` from now.
    pub fn of(limit: Duration) -> Budget {
        Budget {
            end: Instant::now().checked_add(limit),
        }
    }

    /// The part of this budget that ends at most `limit` from now.
    pub fn at_most(self, limit: Duration) -> Budget {
        match (self.end, Instant::now().checked_add(limit)) {
            (Some(end), Some(cap)) => Budget {
                end: Some(end.min(cap)),
            },
            (end, cap) => Budget { end: end.or(cap) },
        }
    }

    /// What is left: zero once it is over, [`Duration::MAX`] when there is no end.
    pub fn left(self) -> Duration {
        self.end.map_or(Duration::MAX, |end| {
            end.saturating_duration_since(Instant::now())
        })
    }

    /// Whether nothing is left.
    pub fn is_over(self) -> bool {
        self.left().is_zero()
    }
}

/// Waits for `time`.
pub fn sleep(time: Duration) {
    std::thread::sleep(time);
}

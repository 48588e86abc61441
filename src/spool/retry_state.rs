//! What is remembered of a message between runs: how often it was tried, when again, and what went wrong.
//!
//! Only a retries: it is never synced, and losing it loses nothing; the message is then due at once. No moment in it is
//! trusted further than a clock that jumps would let one: waits are lengths, counted from a moment in the past, and
//! every gap between two tries ages a message by a day at most.

use std::time::Duration;

use serde_json::{Value, json};

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// The tries and the age at which waiting on is given up; both.
const TRIES: u64 = 10;
const AGE: u64 = 7 * DAY;

/// What is remembered. Moments in seconds since 1970, lengths in seconds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RetryState {
    /// How often its delivery was tried.
    pub(crate) tries: u64,
    /// When the last time.
    pub(crate) last: u64,
    /// How long to wait from then.
    pub(crate) wait: u64,
    /// How long it has waited altogether.
    pub(crate) waited: u64,
    /// What went wrong.
    pub(crate) error: String,
}

impl RetryState {
    /// From the text of its file; garbage is no retries.
    pub(super) fn parse(text: &[u8]) -> Option<RetryState> {
        let members: Value = serde_json::from_slice(text).ok()?;
        Some(RetryState {
            tries: members["tries"].as_u64()?,
            last: members["last"].as_u64()?,
            wait: members["wait"].as_u64()?,
            waited: members["waited"].as_u64()?,
            error: members["error"].as_str()?.to_owned(),
        })
    }

    /// The text of its file.
    pub(super) fn text(&self) -> String {
        json!({
            "tries": self.tries,
            "last": self.last,
            "wait": self.wait,
            "waited": self.waited,
            "error": self.error,
        })
        .to_string()
    }

    /// How long until the next try; nothing when it is due, or when the clock was set back since.
    pub(crate) fn left(&self, now: u64) -> u64 {
        match now.checked_sub(self.last) {
            Some(gone) => self.wait.saturating_sub(gone),
            None => 0,
        }
    }

    /// Another try of a message of this age has failed, and the API `asked` to wait.
    pub(crate) fn failed(&mut self, created: u64, now: u64, asked: Option<Duration>, error: &str) {
        let before = if self.tries == 0 { created } else { self.last };
        self.waited = self
            .waited
            .saturating_add(now.saturating_sub(before).min(DAY));
        let doubled = MINUTE << self.tries.min(6);
        let asked = asked.map_or(0, |asked| asked.as_secs().min(DAY));
        self.tries += 1;
        self.last = now;
        self.wait = doubled.min(HOUR).max(asked);
        self.error = error.to_owned();
    }

    /// How many tries there will have been with one more, if a message of this age was then tried often enough, for long
    /// enough.
    pub(crate) fn last_try(&self, created: u64, now: u64) -> Option<u64> {
        let mut after = self.clone();
        after.failed(created, now, None, "");
        after.is_given_up().then_some(after.tries)
    }

    /// Whether it was tried often enough, for long enough.
    fn is_given_up(&self) -> bool {
        self.tries >= TRIES && self.waited >= AGE
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const NOW: u64 = 1_800_000_000;

    fn tried(times: u64, gap: u64) -> RetryState {
        let mut retries = RetryState::default();
        for time in 1..=times {
            retries.failed(NOW, NOW + time * gap, None, "503");
        }
        retries
    }

    #[test]
    fn waits_double_from_a_minute_to_an_hour() {
        let waits: Vec<_> = (1..=8).map(|times| tried(times, 1).wait / MINUTE).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
    }

    #[test]
    fn what_the_api_asks_for_is_obeyed_up_to_a_day() {
        let wait = |seconds| {
            let mut retries = RetryState::default();
            retries.failed(NOW, NOW, Some(Duration::from_secs(seconds)), "429");
            retries.wait
        };
        assert_eq!(wait(5), 60);
        assert_eq!(wait(7200), 7200);
        assert_eq!(wait(u64::MAX), DAY);
    }

    #[test]
    fn a_message_is_due_when_its_time_has_come_or_the_clock_is_not_to_be_believed() {
        let retries = tried(1, 0);
        assert_eq!(retries.left(NOW), 60);
        assert_eq!(retries.left(NOW + 59), 1);
        assert_eq!(retries.left(NOW + 60), 0);
        assert_eq!(retries.left(NOW - 1), 0, "set back");
        assert_eq!(retries.left(0), 0, "1970");
        assert_eq!(retries.left(NOW + 3650 * DAY), 0, "ten years ahead");
    }

    #[test]
    fn giving_up_takes_ten_tries_and_seven_days_and_no_jump_of_the_clock() {
        assert!(!tried(9, DAY).is_given_up(), "too few tries");
        assert!(!tried(100, HOUR).is_given_up(), "too young");
        assert!(tried(10, DAY).is_given_up());
        assert!(tried(168, HOUR).is_given_up());
        let mut retries = tried(20, MINUTE);
        retries.failed(NOW, NOW + 3650 * DAY, None, "ten years ahead");
        retries.failed(NOW, 0, None, "1970");
        retries.failed(NOW, NOW, None, "and now");
        assert!(!retries.is_given_up(), "{retries:?}");
        let mut born_in_1970 = RetryState::default();
        (0..20).for_each(|_| born_in_1970.failed(0, NOW, None, "503"));
        assert!(!born_in_1970.is_given_up(), "{born_in_1970:?}");
    }

    #[test]
    fn a_hint_survives_its_file_and_garbage_is_none() {
        let retries = tried(3, 60);
        assert_eq!(
            RetryState::parse(retries.text().as_bytes()),
            Some(retries.clone())
        );
        for garbage in [
            "",
            "{}",
            "[]",
            "null",
            "\0\0",
            &retries.text()[1..],
            r#"{"tries":-1}"#,
        ] {
            assert_eq!(RetryState::parse(garbage.as_bytes()), None, "{garbage:?}");
        }
    }
}

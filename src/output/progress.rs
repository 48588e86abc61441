//! The progress line: how far long work is, on one line of standard error.
//!
//! Invariants: it is drawn only on a terminal that interprets escape sequences, so no byte of it gets into a file or a
//! pipe; it is erased before anything else is printed in its place; work of less than a second draws nothing. The
//! terminal is examined only once there is something to draw.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use super::terminal::{interprets_escapes, is_stderr_terminal, shorten, stderr_columns};
use super::{Tally, printable};
use crate::system::time::{self, Clock, SystemClock};
use crate::system::watch::{self, Work};

/// Work that takes less than this shows no progress.
const FIRST: Duration = Duration::from_secs(1);

/// The milliseconds between two redraws, on average. Five may follow each other at once, so that the line is drawn
/// again soon after another line replaced it. So no second has more than 10.
const REDRAW: u64 = 200;
const AHEAD: u64 = 4 * REDRAW;

/// Whether the line is on the terminal.
static IS_DRAWN: AtomicBool = AtomicBool::new(false);

/// Draws the work that the layers report.
pub(super) fn watch() {
    watch::set_watcher(|work| match work {
        Work::Over => {
            erase();
            false
        }
        Work::Wait { next, left, why } => {
            is_live() && {
                draw(&format!("{next} in {}: {why}", seconds(left)));
                true
            }
        }
        Work::Upload {
            sent,
            total,
            elapsed,
        } => {
            is_due(elapsed) && {
                let size = format!(", {} of {}", in_unit_of(sent, total), bytes(total));
                draw(&format!("sent {}{size}", pace(sent, total, elapsed)));
                true
            }
        }
        Work::Uploaded { total, elapsed } => {
            elapsed >= FIRST && is_live() && {
                let (size, time) = (bytes(total), time::in_words(elapsed));
                draw(&format!("sent {size} in {time}; waiting for the answer"));
                true
            }
        }
    });
}

/// The progress of a run over lines.
pub(crate) struct LineProgress<'a> {
    /// The last line that is settled.
    pub(crate) line: u64,
    /// The lines of this run.
    pub(crate) tally: &'a Tally,
    /// How many bytes this run has read.
    pub(crate) read: u64,
    /// How many there are to read, if that is known.
    pub(crate) total: Option<u64>,
}

impl LineProgress<'_> {
    /// The most important part comes first, because a narrow terminal cuts off the rest.
    pub(super) fn text(&self, elapsed: Duration) -> String {
        let (lines, millis) = (1000 * self.tally.total(), elapsed.as_millis() as u64);
        let rate = match lines < 10 * millis {
            true => format!("{} lines/s", time::decimal(lines, millis)),
            false => format!("{} lines/s", (lines + millis / 2) / millis),
        };
        let counts = self.tally.so_far();
        let progress = match self.total {
            Some(total) => {
                let (share, left) = share_and_left(self.read, total, elapsed);
                let (read, total) = (in_unit_of(self.read, total), bytes(total));
                format!("{share}, {left}, {rate}, {read} of {total}")
            }
            None => format!("{rate}, {}", bytes(self.read)),
        };
        format!("line {}: {counts}; {progress}", self.line)
    }
}

/// Whether work that has taken this long is to be drawn now.
pub(super) fn is_due(elapsed: Duration) -> bool {
    static CLOCK: OnceLock<SystemClock> = OnceLock::new();
    static NEXT: AtomicU64 = AtomicU64::new(0);
    if elapsed < FIRST || !is_live() {
        return false;
    }
    let now = CLOCK.get_or_init(SystemClock::start).elapsed().as_millis() as u64;
    let next = NEXT.load(Ordering::Relaxed);
    let is_due = now + AHEAD >= next;
    if is_due {
        NEXT.store(next.max(now) + REDRAW, Ordering::Relaxed);
    }
    is_due
}

/// Whether there is a terminal to draw on.
fn is_live() -> bool {
    static ANSWER: OnceLock<bool> = OnceLock::new();
    *ANSWER.get_or_init(|| interprets_escapes() && is_stderr_terminal())
}

/// Replaces the line by this one. Wrapping is turned off meanwhile, because the terminal's width may have changed
/// since it was read.
pub(super) fn draw(text: &str) {
    let line = shorten(&printable(text), stderr_columns());
    write(&format!("\r\x1b[?7l{line}\x1b[K\x1b[?7h"));
    IS_DRAWN.store(true, Ordering::Relaxed);
}

/// Removes the line, if standard output may show up in its place: on a terminal, or by way of a pipe. If standard
/// output is a file, the line stays, because it would flicker with each record.
pub(super) fn make_room() {
    static IS_FILE: OnceLock<bool> = OnceLock::new();
    let is_file = || {
        let stdout = io::stdout().as_fd().try_clone_to_owned().map(File::from);
        let metadata = stdout.and_then(|stdout| stdout.metadata());
        metadata.is_ok_and(|metadata| metadata.is_file())
    };
    if IS_DRAWN.load(Ordering::Relaxed) && !IS_FILE.get_or_init(is_file) {
        erase();
    }
}

/// Removes the line, if there is one.
pub(super) fn erase() {
    if IS_DRAWN.swap(false, Ordering::Relaxed) {
        write("\r\x1b[K");
    }
}

fn write(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// `13 %, 27 s left, 3.1 MB/s`.
fn pace(done: u64, total: u64, elapsed: Duration) -> String {
    let (share, left) = share_and_left(done, total, elapsed);
    let rate = bytes(1000 * done / elapsed.as_millis() as u64);
    format!("{share}, {left}, {rate}/s")
}

/// `13 %` and `27 s left`.
fn share_and_left(done: u64, total: u64, elapsed: Duration) -> (String, String) {
    let done = done.min(total);
    let share = (100 * done).checked_div(total).unwrap_or(100);
    let left = match done {
        0 if total > 0 => "?".to_owned(),
        _ => {
            let left = elapsed.as_nanos() * u128::from(total - done) / u128::from(done.max(1));
            seconds(u64::try_from(left).map_or(Duration::MAX, Duration::from_nanos))
        }
    };
    (format!("{share} %"), format!("{left} left"))
}

/// A duration in whole seconds, rounded up, or in a longer unit.
fn seconds(time: Duration) -> String {
    let whole = time.as_secs();
    time::seconds_in_words(whole.saturating_add(u64::from(time.subsec_nanos() > 0)))
}

/// The unit for so many bytes, and its size.
fn unit(bytes: u64) -> (&'static str, u64) {
    match bytes {
        0..1_000_000 => ("kB", 1_000),
        1_000_000..1_000_000_000 => ("MB", 1_000_000),
        _ => ("GB", 1_000_000_000),
    }
}

/// `12.4 MB`.
fn bytes(bytes: u64) -> String {
    format!("{} {}", in_unit_of(bytes, bytes), unit(bytes).0)
}

/// `12.4`, in the unit for `whole` bytes.
fn in_unit_of(bytes: u64, whole: u64) -> String {
    time::decimal(bytes, unit(whole).1)
}

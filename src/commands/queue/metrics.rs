//! A spool in the text format of Prometheus, for the textfile collector of its node exporter.

use std::collections::BTreeMap;
use std::path::Path;

use crate::output;
use crate::spool::{Message, Place, Spool};
use crate::system::error::Result;

/// The target of what is no message, or a damaged one.
const NO_TARGET: &str = "unknown";

/// What is known of a target. Targets that are displayed alike are one, because the labels of a metric must differ.
#[derive(Default)]
struct TargetMetrics {
    pending: u64,
    dead: u64,
    /// The age of the oldest pending message, in seconds.
    oldest: u64,
    /// When a message was last delivered, in seconds since 1970.
    delivered: Option<u64>,
}

/// A metric: its name, its help, and its value for a target.
type Metric = (
    &'static str,
    &'static str,
    fn(&TargetMetrics) -> Option<u64>,
);

/// All of them. They are gauges.
const METRICS: [Metric; 4] = [
    (
        "authpost_spool_pending_messages",
        "Messages that wait to be delivered.",
        |target| Some(target.pending),
    ),
    (
        "authpost_spool_dead_lettered_messages",
        "Messages that were set aside for review.",
        |target| Some(target.dead),
    ),
    (
        "authpost_spool_oldest_pending_age_seconds",
        "Age of the oldest pending message, 0 if none is pending.",
        |target| Some(target.oldest),
    ),
    (
        "authpost_spool_last_delivery_timestamp_seconds",
        "When a message was last delivered, in seconds since 1970.",
        |target| target.delivered,
    ),
];

/// Prints the metrics of a spool.
///
/// # Errors
/// When the spool cannot be read, or standard output not written.
pub(super) fn print(spool: &Spool, now: u64) -> Result<()> {
    let mut targets: BTreeMap<String, TargetMetrics> = BTreeMap::new();
    for (to, delivered) in spool.deliveries() {
        let target = targets.entry(to).or_default();
        target.delivered = target.delivered.max(Some(delivered));
    }
    for (place, name, _) in super::entries(spool)? {
        let Some((_, message)) = spool.read_unlocked(place, &name, Message::glance) else {
            continue;
        };
        let (to, age) = match &message {
            Ok(message) => (
                message.target.to_string(),
                now.saturating_sub(message.created),
            ),
            Err(_) => (NO_TARGET.to_owned(), 0),
        };
        let target = targets.entry(to).or_default();
        match place {
            Place::Dead => target.dead += 1,
            Place::Queue | Place::Active => {
                target.pending += 1;
                target.oldest = target.oldest.max(age);
            }
        }
    }
    output::page(text(spool.dir(), &targets).as_bytes())
}

/// Prints the metrics of a spool that is still empty: what they are, without a target.
///
/// # Errors
/// When standard output cannot be written.
pub(super) fn print_none(dir: &Path) -> Result<()> {
    output::page(text(dir, &BTreeMap::new()).as_bytes())
}

fn text(dir: &Path, targets: &BTreeMap<String, TargetMetrics>) -> String {
    let dir = label(&dir.to_string_lossy());
    let mut text = String::new();
    for (name, help, value) in METRICS {
        text.push_str(&format!("# HELP {name} {help}\n# TYPE {name} gauge\n"));
        for (target, metrics) in targets {
            if let Some(value) = value(metrics) {
                let target = label(target);
                text.push_str(&format!(
                    "{name}{{dir=\"{dir}\",target=\"{target}\"}} {value}\n"
                ));
            }
        }
    }
    text
}

/// The value of a label, escaped.
fn label(value: &str) -> String {
    value
        .replace('\\', r"\\")
        .replace('"', "\\\"")
        .replace('\n', r"\n")
}

//! How much a spool takes in: so many messages, and so many bytes of them.

use std::fs;

use super::disk::entries;
use super::{Place, Spool};
use crate::system::error::{Error, Kind, Result};

/// The most messages, and the most bytes of them, that a spool takes in. What is in it stays.
const MOST_MESSAGES: u64 = 10_000;
const MOST_BYTES: u64 = 256 << 20;

impl Spool {
    pub(super) fn check_room(&self, more: u64) -> Result<()> {
        let has_room =
            |counted: &(u64, u64)| counted.0 < MOST_MESSAGES && counted.1 + more <= MOST_BYTES;
        // What others take out meanwhile is seen when we know of no room.
        if self.counted.get().is_some_and(|counted| has_room(&counted)) {
            return Ok(());
        }
        let counted = self.count()?;
        self.counted.set(Some(counted));
        if has_room(&counted) {
            return Ok(());
        }
        let (messages, bytes) = counted;
        let dir = self.dir.display();
        Err(Error::new(
            Kind::Output,
            format!(
                "writing to the spool '{dir}': it is full: {messages} messages, {} MiB",
                bytes >> 20
            ),
        )
        .hint(format!(
            "'authpost list {dir}' shows what is pending and what is dead-lettered; flush or drop it"
        )))
    }

    /// How many messages there are, and how many bytes.
    fn count(&self) -> Result<(u64, u64)> {
        let (mut messages, mut bytes) = (0, 0);
        for place in Place::ALL {
            let dir = self.dir.join(place.name());
            for name in entries(&dir).map_err(|why| self.failed("reading", &dir, &why))? {
                messages += 1;
                bytes += fs::symlink_metadata(dir.join(name)).map_or(0, |metadata| metadata.len());
            }
        }
        Ok((messages, bytes))
    }
}

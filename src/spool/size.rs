//! How many bytes of messages a spool takes in.
//!
//! To accept a message must not cost more when many are pending, so their bytes are kept count of in the file `bytes`.
//! It is neither locked nor synced: senders at the same time may exceed the limit, and a run that is stopped may leave it
//! wrong. A flush counts anew, and so does whoever finds no room.

use std::fs;
use std::io::Read;
use std::os::unix::fs::FileExt;

use super::disk::entries;
use super::{Place, Spool};
use crate::system::error::{Error, Kind, Result};
use crate::system::guard;

impl Spool {
    /// Checks that `more` bytes stay within the limit.
    pub(super) fn check_limit(&self, more: u64) -> Result<()> {
        let is_within_limit = |bytes: u64| bytes.saturating_add(more) <= self.limit;
        if self.limit == u64::MAX || self.noted_bytes().is_some_and(is_within_limit) {
            return Ok(());
        }
        let bytes = self.count_bytes()?;
        if is_within_limit(bytes) {
            return Ok(());
        }
        let (dir, limit) = (self.dir.display(), self.limit);
        Err(Error::new(
            Kind::Output,
            format!("writing to the spool '{dir}': it is full: {bytes} bytes, with --spool-limit {limit}"),
        )
        .hint(format!(
            "'authpost list {dir}' shows what is pending and dead-lettered: flush or drop it, or raise --spool-limit"
        )))
    }

    /// Counts the bytes of all messages, and notes that.
    ///
    /// # Errors
    /// [`Kind::Output`].
    pub(crate) fn count_bytes(&self) -> Result<u64> {
        let mut bytes = 0;
        for place in Place::ALL {
            let dir = self.dir.join(place.name());
            for name in entries(&dir).map_err(|why| self.failed("reading", &dir, &why))? {
                bytes += fs::symlink_metadata(dir.join(name)).map_or(0, |metadata| metadata.len());
            }
        }
        self.note_bytes(bytes);
        Ok(bytes)
    }

    /// So many bytes came in, or went if it is less than zero.
    pub(super) fn add_bytes(&self, bytes: i64) {
        if let Some(noted) = self.noted_bytes() {
            self.note_bytes(noted.saturating_add_signed(bytes));
        }
    }

    /// What this run knows, or else what is noted.
    fn noted_bytes(&self) -> Option<u64> {
        if let Some((_, bytes)) = &*self.bytes.borrow() {
            return Some(*bytes);
        }
        let mut text = String::new();
        let (file, _) = guard::open_own(&self.dir.join("bytes"), self.owner)
            .ok()?
            .ok()?;
        file.take(32).read_to_string(&mut text).ok()?;
        let bytes = text.trim_end().parse().ok()?;
        self.note_bytes(bytes);
        Some(bytes)
    }

    /// Notes it, if that can be done: what is not noted is counted when it matters.
    fn note_bytes(&self, bytes: u64) {
        let mut noted = self.bytes.borrow_mut();
        let file = match noted.take() {
            Some((file, _)) => Ok(file),
            None => guard::open_lock(&self.dir.join("bytes")),
        };
        // Of fixed length, so that there is no moment at which it is empty.
        *noted = file.ok().and_then(|file| {
            let text = format!("{bytes:020}\n");
            file.write_all_at(text.as_bytes(), 0).ok()?;
            Some((file, bytes))
        });
    }
}

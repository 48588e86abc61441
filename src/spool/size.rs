//! The size of a spool, and its limit.
//!
//! Accepting a message must not take longer if many are pending, so their total size is stored in the file `bytes`. It is
//! neither locked nor synced: concurrent runs may exceed the limit, and a killed run may leave a wrong number. A flush
//! counts again, and so does a run that would exceed the limit.

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

    /// Counts the bytes of all messages, and stores the result.
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

    /// Adds the size of a new message, or subtracts that of a removed one.
    pub(super) fn add_bytes(&self, bytes: i64) {
        if let Some(noted) = self.noted_bytes() {
            self.note_bytes(noted.saturating_add_signed(bytes));
        }
    }

    /// The stored size, as far as this run knows.
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

    /// Stores the size; errors are ignored, because it is counted again if it is missing.
    fn note_bytes(&self, bytes: u64) {
        let mut noted = self.bytes.borrow_mut();
        let file = match noted.take() {
            Some((file, _)) => Ok(file),
            None => guard::open_lock(&self.dir.join("bytes")),
        };
        // Always the same length, so that the file is never empty.
        *noted = file.ok().and_then(|file| {
            let text = format!("{bytes:020}\n");
            file.write_all_at(text.as_bytes(), 0).ok()?;
            Some((file, bytes))
        });
    }
}

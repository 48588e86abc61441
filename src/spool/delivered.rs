//! When a message of each target was last delivered, for monitoring.
//!
//! Each target has a file, with the target as it is displayed; its modification time is the time of the delivery. It
//! is neither locked nor synced, because no message depends on it. If there are too many, the oldest are removed.

use std::fs;
use std::io::Read;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::PathBuf;

use super::disk::entries;
use super::layout::make_dir;
use super::{Spool, Tag};
use crate::request::Target;
use crate::system::guard;

/// The maximum of targets. A job may PUT each document to a URL of its own.
const MAX_TARGETS: usize = 1000;

/// The longest text of a file that is read.
const MAX_TEXT: u64 = 64 << 10;

impl Spool {
    fn delivered_dir(&self) -> PathBuf {
        self.dir.join("delivered")
    }

    fn delivered_files(&self) -> Vec<PathBuf> {
        let dir = self.delivered_dir();
        let names = entries(&dir).unwrap_or_default().into_iter();
        let names = names.filter(|name| Tag::parse(name).is_some());
        names.map(|name| dir.join(name)).collect()
    }

    /// Records that a message was delivered to `target` now. Errors are ignored.
    pub(crate) fn note_delivery(&self, target: &Target) {
        let dir = self.delivered_dir();
        let path = dir.join(Tag::of(target));
        if fs::symlink_metadata(&path).is_err() {
            // A spool of an earlier version lacks the directory.
            let _ = make_dir(&dir);
            // Once per run, because a run may deliver to any number of targets.
            if !self.has_forgotten.replace(true) {
                self.forget_deliveries();
            }
        }
        let text = target.to_string();
        // Written in place, so that it is never empty. Only what --url-file shows can become shorter.
        let _ = guard::open_lock(&path).and_then(|file| {
            file.write_all_at(text.as_bytes(), 0)?;
            file.set_len(text.len() as u64)
        });
    }

    /// Where messages were delivered to, as [`Target`] is displayed, and when they last were, in seconds since 1970.
    pub(crate) fn deliveries(&self) -> Vec<(String, u64)> {
        let mut found = Vec::new();
        for path in self.delivered_files() {
            let mut text = String::new();
            if let Ok(Ok((file, metadata))) = guard::open_own(&path, self.owner)
                && !guard::is_exposed(&metadata)
                && file.take(MAX_TEXT).read_to_string(&mut text).is_ok()
                && !text.is_empty()
            {
                found.push((text, metadata.mtime().try_into().unwrap_or(0)));
            }
        }
        found
    }

    /// Removes the oldest files, so that there is room for another one.
    fn forget_deliveries(&self) {
        let mut found = self.delivered_files();
        if found.len() < MAX_TARGETS {
            return;
        }
        found.sort_by_cached_key(|path| {
            fs::symlink_metadata(path).map_or(0, |metadata| metadata.mtime())
        });
        let excess = found.len() + 1 - MAX_TARGETS;
        for path in &found[..excess] {
            let _ = fs::remove_file(path);
        }
    }
}

//! The lock of a target, and when the target is due.
//!
//! A run that sends to a target through the spool holds its lock, so a message of that target in `active` is being sent
//! by the holder or by no run. The locked file also says when the target is due again. The holder writes it in place, and
//! never syncs it: nothing depends on it.

use std::ffi::OsString;
use std::fs::{self, File, TryLockError};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::PathBuf;
use std::time::Duration;

use super::{Backoff, Id, Place, Spool, Tag};
use crate::system::error::Result;
use crate::system::guard;

/// The right to send to a target, until this is dropped.
#[derive(Debug)]
pub(crate) struct TargetLock<'a> {
    spool: &'a Spool,
    tag: Tag,
    file: File,
    backoff: Backoff,
}

impl Spool {
    fn target_path(&self, tag: &Tag) -> PathBuf {
        self.dir.join("targets").join(tag)
    }

    /// Locks the target; `None` while another run has the lock.
    ///
    /// # Errors
    /// [`Kind::Output`](crate::system::error::Kind::Output).
    pub(crate) fn lock_target(&self, tag: &Tag) -> Result<Option<TargetLock<'_>>> {
        let path = self.target_path(tag);
        let locked = || -> io::Result<Option<File>> {
            loop {
                let file = guard::open_lock(&path)?;
                match file.try_lock() {
                    Ok(()) => {}
                    Err(TryLockError::WouldBlock) => return Ok(None),
                    Err(TryLockError::Error(why)) => return Err(why),
                }
                // The previous holder may have removed it.
                if file.metadata()?.nlink() > 0 {
                    return Ok(Some(file));
                }
            }
        };
        let file = locked().map_err(|why| self.failed("locking", &path, &why))?;
        Ok(file.map(|file| TargetLock {
            spool: self,
            tag: tag.clone(),
            backoff: read(&file),
            file,
        }))
    }

    /// When the target is due; reads it without the lock.
    pub(crate) fn backoff(&self, tag: &Tag) -> Backoff {
        match guard::open_own(&self.target_path(tag), self.owner) {
            Ok(Ok((file, _))) => read(&file),
            _ => Backoff::default(),
        }
    }

    /// The messages of the target in `place`, oldest first. Those accepted from now on sort after all of them.
    fn of_target(&self, place: Place, tag: &Tag) -> Result<Vec<OsString>> {
        let mut names = self.names(place)?;
        names.retain(|name| Id::parse(name).is_some_and(|id| id.tag() == *tag));
        let last = names.last().and_then(|name| Id::parse(name));
        let last = last.map_or(0, |id| id.micros());
        let newest = self.noted_newest(tag).map_or(last, |noted| noted.max(last));
        self.newest.replace(Some((tag.clone(), newest)));
        Ok(names)
    }

    fn noted_newest(&self, tag: &Tag) -> Option<u64> {
        let noted = self.newest.borrow();
        let noted = noted.as_ref().filter(|(known, _)| known == tag);
        noted.map(|(_, newest)| *newest)
    }

    /// The microsecond in the name of the target's newest pending message, 0 if there is none.
    pub(super) fn newest(&self, tag: &Tag) -> Result<u64> {
        if self.noted_newest(tag).is_none() {
            self.of_target(Place::Active, tag)?;
            self.of_target(Place::Queue, tag)?;
        }
        Ok(self.noted_newest(tag).unwrap_or(0))
    }
}

/// Reads when the target is due, but not from a file that other users can write.
fn read(mut file: &File) -> Backoff {
    let mut text = Vec::new();
    if !file.metadata().is_ok_and(|it| !guard::is_exposed(&it)) {
        return Backoff::default();
    }
    match file.read_to_end(&mut text) {
        Ok(_) => Backoff::parse(&text).unwrap_or_default(),
        Err(_) => Backoff::default(),
    }
}

impl TargetLock<'_> {
    /// The messages that a run left in `active` when it was stopped, oldest first.
    ///
    /// # Errors
    /// As for [`Spool::names`].
    pub(crate) fn orphans(&self) -> Result<Vec<OsString>> {
        self.spool.of_target(Place::Active, &self.tag)
    }

    /// The pending messages, oldest first, when there are no orphans any more.
    ///
    /// # Errors
    /// As for [`Spool::names`].
    pub(crate) fn pending(&self) -> Result<Vec<OsString>> {
        self.spool.of_target(Place::Queue, &self.tag)
    }

    /// When it is due.
    pub(crate) fn backoff(&self) -> &Backoff {
        &self.backoff
    }

    /// Records that sending failed, and that the API `asked` to wait.
    pub(crate) fn failed(&mut self, now: u64, asked: Option<Duration>) {
        self.backoff.failed(now, asked);
        self.save();
    }

    /// Makes it due at once.
    pub(crate) fn reset(&mut self) {
        let due = Backoff {
            alerted: self.backoff.alerted,
            ..Backoff::default()
        };
        if self.backoff != due {
            self.backoff = due;
            self.save();
        }
    }

    /// Records an alert about messages that are pending for long.
    pub(crate) fn alerted(&mut self, now: u64) {
        self.backoff.alerted = now;
        self.save();
    }

    fn save(&self) {
        let text = self.backoff.text();
        let _ = self
            .file
            .set_len(0)
            .and_then(|()| self.file.write_all_at(text.as_bytes(), 0));
    }

    /// Removes the file, when nothing is pending. A run that waits for the lock creates another one.
    pub(crate) fn remove(self) {
        let _ = fs::remove_file(self.spool.target_path(&self.tag));
    }
}

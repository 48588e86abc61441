//! A message that this process has locked, and the moves that need that lock.

use std::ffi::OsStr;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, ErrorKind};

use super::disk::{sync, sync_dir};
use super::{Id, Message, MessageError, Place, Spool};
use crate::document::Document;
use crate::system::error::Result;

/// Why the outcome is unknown for a message in `active` that no process holds.
pub(crate) const STOPPED: &str =
    "the run that sent it was stopped before the answer, so the API may have accepted it";

/// The same for a message that was found in two places.
const DOUBLED: &str = "it was in two places of the spool, as a power cut or a restored backup leaves it, \
                       so the API may have accepted it";

/// A message that this process has locked, until this is dropped.
pub(crate) struct Held<'a> {
    pub(super) spool: &'a Spool,
    /// Its name.
    pub(crate) id: Id,
    pub(super) file: File,
    pub(super) place: Place,
    /// Whether its last move was synced.
    pub(super) is_synced: bool,
    /// Whether it was found in two places.
    pub(super) is_double: bool,
}

impl Held<'_> {
    /// Why it, which is `message`, must not be sent by itself, if so: the API may have accepted it.
    pub(crate) fn unknown_because(&self, message: &Message) -> Option<&'static str> {
        match (self.place, self.is_double) {
            _ if message.idempotent => None,
            (Place::Active, true) => Some(DOUBLED),
            (Place::Active, false) => Some(STOPPED),
            _ => None,
        }
    }

    /// Reads all of it, and checks every byte.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn read(&self) -> std::result::Result<(Message, Document), MessageError> {
        Message::read(&self.file, &self.id)
    }

    /// Marks that a request with it is about to be sent. When this returns, the disk has accepted a write, so it will
    /// probably accept the next one, too, which records the outcome.
    ///
    /// # Errors
    /// [`Kind::Output`](crate::system::error::Kind); it must not be sent then.
    pub(crate) fn mark_active(&mut self) -> Result<()> {
        self.put(Place::Active)
    }

    /// Marks that the last request with it was not processed. This is not synced: after a power cut it may still be in
    /// `active`, which is safe.
    pub(crate) fn unmark_active(&mut self) {
        let (from, to) = (
            self.spool.path(self.place, &self.id),
            self.spool.path(Place::Queue, &self.id),
        );
        if self.place == Place::Active && fs::rename(from, to).is_ok() {
            (self.place, self.is_synced) = (Place::Queue, false);
        }
    }

    /// Moves it to `queue`, where the next flush finds it.
    ///
    /// # Errors
    /// [`Kind::Output`](crate::system::error::Kind); it is still in the spool.
    pub(crate) fn requeue(mut self) -> Result<()> {
        self.put(Place::Queue)
    }

    /// Moves it to `dead`, under another name if that name exists there.
    ///
    /// # Errors
    /// [`Kind::Output`](crate::system::error::Kind); it is still in the spool.
    pub(crate) fn dead_letter(mut self) -> Result<()> {
        if self.place != Place::Dead
            && fs::symlink_metadata(self.spool.path(Place::Dead, &self.id)).is_ok()
        {
            let name = OsStr::new(self.id.as_str());
            let why = self.spool.retry_state(name).error;
            return self.spool.set_aside(self.place, name, &why);
        }
        self.put(Place::Dead)
    }

    /// Moves it to `dead`, and notes this reason as its last error.
    ///
    /// # Errors
    /// As for [`Held::dead_letter`].
    pub(crate) fn dead_letter_because(self, why: &str) -> Result<()> {
        let mut retries = self.spool.retry_state(OsStr::new(self.id.as_str()));
        retries.error = why.to_owned();
        self.spool.save_state(&self.id, &retries);
        self.dead_letter()
    }

    /// Removes it.
    ///
    /// # Errors
    /// [`Kind::Output`](crate::system::error::Kind); it may still be in the spool.
    pub(crate) fn remove(self) -> Result<()> {
        let path = self.spool.path(self.place, &self.id);
        let _ = fs::remove_file(self.spool.dir.join("state").join(&self.id));
        let length = self.file.metadata().map_or(0, |it| it.len().cast_signed());
        self.spool.add_bytes(-length);
        fs::remove_file(&path)
            .and_then(|()| sync_dir(&self.spool.dir.join(self.place.name())))
            .map_err(|why| self.spool.failed("removing", &path, &why))
    }

    pub(super) fn put(&mut self, to: Place) -> Result<()> {
        let path = self.spool.path(self.place, &self.id);
        let failed = |why: io::Error| {
            let doing = format!("moving to {}", to.name());
            self.spool.failed(&doing, &path, &why)
        };
        if self.place != to {
            let target = self.spool.path(to, &self.id);
            if fs::symlink_metadata(&target).is_ok() {
                return Err(failed(ErrorKind::AlreadyExists.into()));
            }
            fs::rename(&path, target).map_err(failed)?;
            (self.place, self.is_synced) = (to, false);
        }
        if !self.is_synced {
            sync(&self.file).map_err(failed)?;
            self.is_synced = true;
        }
        Ok(())
    }
}

impl fmt::Debug for Held<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Held({} in {})", self.id, self.place.name())
    }
}

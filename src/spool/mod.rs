//! Messages on disk. A message is a file that is never changed, only moved; its directory is its state:
//!
//! ```text
//! DIR/tmp     being written; a file without a lock was left by a killed run, and is removed
//! DIR/queue   pending: accepted, and synced to the disk
//! DIR/active  a request with it may be in progress; without a lock: the API may have accepted it
//! DIR/dead    dead-lettered: refused, outcome unknown, or damaged; a person decides
//! DIR/state   for the message of the same name: failures, times, the last error
//! DIR/targets for each target with messages: locked by the run that sends to it; says when it is due
//! DIR/delivered for each target: when a message was last delivered
//! DIR/bytes   the approximate size of all messages
//! DIR/lock    locked by the running flush; created last: if it exists, the directories above are on the disk
//! ```
//! The name of a message begins with the time at which it was accepted and ends with its target's tag, so the names in
//! `queue` show what is pending for which target, and in which order. A run that sends a message holds the lock of its
//! target. A run that works on a message holds a lock on its file (`flock`, which ends with the process), and has checked
//! that the name still refers to that file.
//!
//! A move is a rename, and is complete once the moved file is synced: ext4, XFS and btrfs then have only the new name on
//! the disk. If only the new directory is synced, btrfs can have both names after a power cut. A failed sync is not
//! repeated; the step has failed.
//!
//! Only this layer locks, renames and syncs messages. It knows nothing of HTTP, and judges no outcome.

mod accept;
pub(crate) mod checksum;
mod delivered;
mod disk;
mod duplicates;
mod error;
mod held;
mod id;
mod layout;
mod message;
mod retry_state;
mod size;
mod target;

use std::cell::{Cell, RefCell};
use std::ffi::{OsStr, OsString};
use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::system::error::{Error, Kind, Result};
use crate::system::guard;
use disk::{entries, remedy, sync_dir};
pub(crate) use error::MessageError;
pub(crate) use held::{Held, STOPPED};
pub(crate) use id::{Id, Tag};
pub(crate) use message::Message;
pub(crate) use retry_state::{Backoff, MIN_AGE, RetryState};
pub(crate) use target::TargetLock;

/// The error for a file whose name is not that of a message.
pub(crate) const NO_NAME: MessageError =
    MessageError::NoMessage("its name is not that of a message");

/// The directory that a message is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Pending.
    Queue,
    /// A request with it may be in progress.
    Active,
    /// Dead-lettered.
    Dead,
}

impl Place {
    /// All of them.
    pub(crate) const ALL: [Place; 3] = [Place::Queue, Place::Active, Place::Dead];

    /// The directory's name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Place::Queue => "queue",
            Place::Active => "active",
            Place::Dead => "dead",
        }
    }
}

/// A directory of messages.
#[derive(Debug)]
pub(crate) struct Spool {
    dir: PathBuf,
    /// The user whose spool it is: ours.
    owner: u32,
    /// The maximum size of all messages, in bytes. It limits only what is accepted.
    limit: u64,
    /// The file that holds the size of all messages, and the size, once this run has read it.
    bytes: RefCell<Option<(File, u64)>>,
    /// A target, and the microsecond in the name of its newest message, as far as this run knows.
    newest: RefCell<Option<(Tag, u64)>>,
    /// Whether this run has already removed old files from `delivered`.
    has_forgotten: Cell<bool>,
}

/// The result of locking a message.
#[derive(Debug)]
pub(crate) enum Hold<'a> {
    /// It is ours until the value is dropped.
    Held(Held<'a>),
    /// Another run works on it.
    Busy,
    /// It no longer exists.
    Gone,
    /// It is not a message, or not one that can be trusted.
    Invalid(MessageError),
}

impl Spool {
    /// The directory.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// The path of the message `name` in `place`.
    pub(crate) fn path(&self, place: Place, name: impl AsRef<Path>) -> PathBuf {
        self.dir.join(place.name()).join(name)
    }

    fn failed(&self, doing: &str, path: &Path, why: &io::Error) -> Error {
        Error::io(
            Kind::Output,
            format_args!("{doing} '{}' in the spool", path.display()),
            why,
        )
        .hint(remedy(why))
    }

    /// The names in `place`, oldest first.
    ///
    /// # Errors
    /// [`Kind::Input`] if the directory cannot be read.
    pub(crate) fn names(&self, place: Place) -> Result<Vec<OsString>> {
        let dir = self.dir.join(place.name());
        let mut names = match entries(&dir) {
            Err(why) if why.kind() == ErrorKind::NotFound => Vec::new(),
            names => names.map_err(|why| {
                Error::io(
                    Kind::Input,
                    format_args!("reading the spool's '{}'", dir.display()),
                    &why,
                )
            })?,
        };
        names.sort_unstable();
        Ok(names)
    }

    /// Locks the message called `name`. If it is in two places, it is first removed from all but `active`.
    ///
    /// # Errors
    /// [`Kind::Input`] if it cannot be opened or locked for a reason other than those in [`Hold`], [`Kind::Output`] if it
    /// cannot be removed from the other place.
    pub(crate) fn hold(&self, place: Place, name: &OsStr) -> Result<Hold<'_>> {
        let path = self.path(place, name);
        match self.try_hold(place, name, &path) {
            Ok(Hold::Held(held)) => held.remove_duplicates(),
            Ok(other) => Ok(other),
            Err(why) if why.kind() == ErrorKind::NotFound => Ok(Hold::Gone),
            Err(why) => Err(Error::io(
                Kind::Input,
                format_args!("opening the message '{}'", path.display()),
                &why,
            )),
        }
    }

    /// Whether the message called `name` is in `active` and no run works on it. Changes nothing.
    pub(crate) fn is_orphan(&self, name: &OsStr) -> bool {
        let path = self.path(Place::Active, name);
        matches!(self.try_hold(Place::Active, name, &path), Ok(Hold::Held(_)))
    }

    fn try_hold(&self, place: Place, name: &OsStr, path: &Path) -> io::Result<Hold<'_>> {
        let Some(id) = Id::parse(name) else {
            return Ok(Hold::Invalid(NO_NAME));
        };
        let file = match guard::open_own(path, self.owner)? {
            Ok((file, _)) => file,
            Err(why) => return Ok(Hold::Invalid(MessageError::NoMessage(why))),
        };
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(Hold::Busy),
            Err(TryLockError::Error(why)) => return Err(why),
        }
        // Between the opening and the lock, another run may have moved or removed it.
        let (ours, named) = (file.metadata()?, fs::symlink_metadata(path)?);
        if (ours.dev(), ours.ino()) != (named.dev(), named.ino()) {
            return Ok(Hold::Gone);
        }
        // Only now: while another run works on it, that run has checked it.
        if guard::is_exposed(&ours) {
            return Ok(Hold::Invalid(MessageError::Exposed));
        }
        Ok(Hold::Held(Held {
            spool: self,
            id,
            file,
            place,
            is_synced: true,
            is_double: false,
        }))
    }

    /// Dead-letters a file that is not a message, or a damaged message, for this reason. If it can be a message, the
    /// caller has locked it.
    ///
    /// # Errors
    /// [`Kind::Output`].
    pub(crate) fn set_aside(&self, place: Place, name: &OsStr, why: &str) -> Result<()> {
        let from = self.path(place, name);
        let mut aside = name.to_owned();
        if fs::symlink_metadata(self.path(Place::Dead, name)).is_ok() {
            aside.push(format!("-{:016x}", id::random()));
        }
        self.save_state(
            &aside,
            &RetryState {
                error: why.to_owned(),
                ..RetryState::default()
            },
        );
        fs::rename(&from, self.path(Place::Dead, &aside))
            .and_then(|()| sync_dir(&self.dir.join("dead")))
            .map_err(|why| self.failed("setting aside", &from, &why))
    }

    /// The lock that lets one flush at a time run; `None` while another flush has it.
    ///
    /// # Errors
    /// [`Kind::Output`].
    pub(crate) fn lock_flush(&self) -> Result<Option<File>> {
        if !self.has_lock() {
            self.lay_out()?;
        }
        let path = self.dir.join("lock");
        let locked = self.open_lock().and_then(|file| match file.try_lock() {
            Ok(()) => {
                // A run that sends reads this time, to find out whether the spool is flushed. It is not essential.
                let _ = file.set_modified(SystemTime::now());
                Ok(Some(file))
            }
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(why)) => Err(why),
        });
        locked.map_err(|why| self.failed("locking", &path, &why))
    }

    /// How long ago the last flush began, or the spool was created.
    pub(crate) fn since_flush(&self) -> Duration {
        let lock = fs::symlink_metadata(self.dir.join("lock"));
        let flushed = lock.and_then(|lock| lock.modified());
        flushed.map_or(Duration::ZERO, |then| then.elapsed().unwrap_or_default())
    }

    /// Reads the message called `name` with `read`, without a lock. Returns the file's length, too; `None` if the message
    /// no longer exists.
    pub(crate) fn read_unlocked<T>(
        &self,
        place: Place,
        name: &OsStr,
        read: impl FnOnce(&File, &Id) -> std::result::Result<T, MessageError>,
    ) -> Option<(u64, std::result::Result<T, MessageError>)> {
        let Some(id) = Id::parse(name) else {
            return Some((0, Err(NO_NAME)));
        };
        match guard::open_own(&self.path(place, name), self.owner) {
            Ok(Ok((file, metadata))) => {
                let found = match guard::is_exposed(&metadata) {
                    true => Err(MessageError::Exposed),
                    false => read(&file, &id),
                };
                Some((metadata.len(), found))
            }
            Ok(Err(why)) => Some((0, Err(MessageError::NoMessage(why)))),
            Err(why) if why.kind() == ErrorKind::NotFound => None,
            Err(why) => Some((0, Err(why.into()))),
        }
    }

    /// Removes a file that is not a message.
    ///
    /// # Errors
    /// [`Kind::Output`].
    pub(crate) fn discard(&self, place: Place, name: &OsStr) -> Result<()> {
        let path = self.path(place, name);
        let _ = fs::remove_file(self.dir.join("state").join(name));
        let removed = match fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_dir() => fs::remove_dir(&path),
            _ => fs::remove_file(&path),
        };
        removed
            .and_then(|()| sync_dir(&self.dir.join(place.name())))
            .map_err(|why| self.failed("removing", &path, &why))
    }
}

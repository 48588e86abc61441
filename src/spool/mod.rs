//! Jobs at rest. The state is the directory, and a message is a file that is never changed, only moved:
//!
//! ```text
//! DIR/tmp     being written; whatever lies here without a lock is left over, and removed
//! DIR/queue   accepted: synced to the disk, and waiting
//! DIR/active  a request with it may be under way; without a lock: the API may have accepted it
//! DIR/dead    dead-lettered: refused, outcome unknown, or damaged; a person decides
//! DIR/state   for messages of the same name: attempts, times, the last error
//! DIR/targets for each target with messages: locked by whoever sends to it; says when it is due
//! DIR/delivered  for each target: when a message was last delivered
//! DIR/bytes   about how many bytes of messages there are
//! DIR/lock    locked by the flush at work; made last: where it is, the directories above are on the disk
//! ```
//! A message's name begins with the time at which it was accepted and ends with its target's tag, so the names in `queue`
//! tell what is pending for which target, and in which order. Whoever sends one holds the lock of its target. Whoever works on a message holds a lock on its file (`flock`, which ends with the process) and has made sure that
//! the name still means that file. A move is a rename, and counts once the moved file is synced: ext4, XFS and btrfs then
//! have the new name on the disk, and the old one no more. After a sync of the new directory alone, btrfs can come back
//! from a power cut with both names. A sync that fails is not repeated; the step has failed.
//!
//! This is the only room that locks, renames and syncs messages. It knows nothing of HTTP, and judges no outcome.

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
mod room;
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

/// What is wrong with what has another name than a message could have.
pub(crate) const NO_NAME: MessageError =
    MessageError::NoMessage("its name is not that of a message");

/// Where a message lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Pending.
    Queue,
    /// A request with it may be under way.
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
    /// The user whose spool it is: us.
    owner: u32,
    /// The most bytes of messages that it takes in. What is in it stays.
    limit: u64,
    /// The file that says how many bytes of messages there are, and how many, once this run has looked.
    bytes: RefCell<Option<(File, u64)>>,
    /// The newest of a target's pending messages, by the microsecond in its name: when we looked, and what we took in
    /// since.
    newest: RefCell<Option<(Tag, u64)>>,
    /// Whether this run has made room among the targets whose deliveries are noted.
    has_forgotten: Cell<bool>,
}

/// What came of reaching for a message.
#[derive(Debug)]
pub(crate) enum Hold<'a> {
    /// It is ours until the value is dropped.
    Held(Held<'a>),
    /// Somebody else works on it.
    Busy,
    /// It is not there any more.
    Gone,
    /// It is no message, or none to be trusted.
    Invalid(MessageError),
}

impl Spool {
    /// The directory.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Where the message `name` lies, or would.
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
    /// [`Kind::Input`] when the directory cannot be read.
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

    /// Reaches for the message called `name`. One that is in two places is first left in `active` alone.
    ///
    /// # Errors
    /// [`Kind::Input`] when it cannot be opened or locked for a reason other than those in [`Hold`], [`Kind::Output`]
    /// when it cannot be taken out of its second place.
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

    /// Whether the message called `name` is in `active` and nobody works on it. Changes nothing.
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
        // Between the opening and the lock, somebody else may have finished with it.
        let (ours, named) = (file.metadata()?, fs::symlink_metadata(path)?);
        if (ours.dev(), ours.ino()) != (named.dev(), named.ino()) {
            return Ok(Hold::Gone);
        }
        // Not before: while somebody works on it, it is theirs, and good when they began.
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

    /// Dead-letters what is no message, or is a damaged one, for this reason. Whoever knows it as a message holds
    /// it.
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

    /// The turn of one flush at a time; `None` while another has it.
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
                // Senders look at it, to know whether anything flushes; it is no matter if they cannot.
                let _ = file.set_modified(SystemTime::now());
                Ok(Some(file))
            }
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(why)) => Err(why),
        });
        locked.map_err(|why| self.failed("locking", &path, &why))
    }

    /// How long ago the last flush began, or the spool was made.
    pub(crate) fn since_flush(&self) -> Duration {
        let lock = fs::symlink_metadata(self.dir.join("lock"));
        let flushed = lock.and_then(|lock| lock.modified());
        flushed.map_or(Duration::ZERO, |then| then.elapsed().unwrap_or_default())
    }

    /// What `read` finds in the message called `name`, and the file's length, without a lock; `None` when it is gone.
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

    /// Removes what is no message.
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

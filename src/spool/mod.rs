//! Jobs at rest. The state is the directory, and a message is a file that is never changed, only moved:
//!
//! ```text
//! DIR/tmp     being written; whatever lies here without a lock is left over, and removed
//! DIR/queue   accepted: synced to the disk, and waiting
//! DIR/active  a request with it may be under way; without a lock: the API may have accepted it
//! DIR/dead    dead-lettered: refused, outcome unknown, or damaged; a person decides
//! DIR/state   for messages of the same name: attempts, times, the last error
//! DIR/targets for each target with messages: locked by whoever sends to it; says when it is due
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

pub(crate) mod checksum;
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

use std::cell::RefCell;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::document::Document;
use crate::system::error::{Error, Kind, Result};
use crate::system::{guard, time};
use disk::{entries, private, remedy, sync, sync_dir};
pub(crate) use error::MessageError;
pub(crate) use held::{Held, STOPPED};
pub(crate) use id::{Id, Tag};
pub(crate) use message::Message;
pub(crate) use retry_state::{Backoff, RetryState};
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

    /// Takes in a message, under a name behind all that are pending for its target: when this returns, it is on the disk,
    /// in the place `to`, and held.
    ///
    /// # Errors
    /// [`Kind::Output`], and [`Kind::Input`] when it cannot be seen what is pending; the message is then not in the spool.
    pub(crate) fn accept(
        &self,
        message: &mut Message,
        body: &Document,
        to: Place,
    ) -> Result<Held<'_>> {
        self.check_limit(body.len())?;
        let tag = Tag::of(&message.target);
        let (file, path) = loop {
            // The clock may have been set back.
            let micros = time::micros().max(self.newest(&tag)? + 1);
            message.id = Id::new(micros, &tag);
            self.newest.replace(Some((tag.clone(), micros)));
            let path = self.dir.join("tmp").join(&message.id);
            match self.create_in_tmp(&path, &message.id) {
                Ok(Some(file)) => break (file, path),
                Ok(None) => {}
                Err(why) => return Err(self.failed("making", &path, &why)),
            }
        };
        let written = message.write(body, &mut &file).and_then(|()| sync(&file));
        if let Err(why) = written {
            let _ = fs::remove_file(&path);
            return Err(self.failed("writing", &path, &why));
        }
        let target = self.path(to, &message.id);
        if let Err(why) = fs::rename(&path, &target) {
            let _ = fs::remove_file(&path);
            return Err(self.failed("moving", &path, &why));
        }
        self.add_bytes(file.metadata().map_or(0, |it| it.len().cast_signed()));
        if let Err(why) = sync(&file) {
            let error = self.failed("syncing", &target, &why);
            return Err(match fs::remove_file(&target) {
                Ok(()) => error,
                Err(_) => error.hint(format!(
                    "it could not be removed either, and may still be delivered: look at '{}' first",
                    target.display()
                )),
            });
        }
        Ok(Held {
            spool: self,
            id: message.id.clone(),
            file,
            place: to,
            is_synced: true,
            is_double: false,
        })
    }

    /// A new file, locked; `None` when there is a message of that name. A sweep may find it before the lock is on it, and
    /// remove it: then another one.
    fn create_in_tmp(&self, path: &Path, id: &Id) -> io::Result<Option<File>> {
        loop {
            let file = match private(OpenOptions::new().write(true).create_new(true)).open(path) {
                Err(why) if why.kind() == ErrorKind::AlreadyExists => return Ok(None),
                file => file?,
            };
            file.lock()?;
            // A rename would replace it.
            let exists = |place| fs::symlink_metadata(self.path(place, id)).is_ok();
            if Place::ALL.into_iter().any(exists) {
                fs::remove_file(path)?;
                return Ok(None);
            }
            if file.metadata()?.nlink() > 0 {
                return Ok(Some(file));
            }
        }
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

    /// Removes what senders that were killed left half written. What cannot be removed now can be later.
    pub(crate) fn sweep(&self) {
        let dir = self.dir.join("tmp");
        for name in entries(&dir).unwrap_or_default() {
            let path = dir.join(&name);
            if Id::parse(&name).is_some()
                && let Ok(Ok((file, _))) = guard::open_own(&path, self.owner)
                && file.try_lock().is_ok()
                && file.metadata().is_ok_and(|metadata| metadata.nlink() > 0)
            {
                let _ = fs::remove_file(&path);
            }
        }
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

    /// What is remembered of the message called `name`.
    pub(crate) fn retry_state(&self, name: &OsStr) -> RetryState {
        let mut text = Vec::new();
        match guard::open_own(&self.dir.join("state").join(name), self.owner) {
            Ok(Ok((file, metadata)))
                if !guard::is_exposed(&metadata)
                    && io::Read::read_to_end(&mut &file, &mut text).is_ok() =>
            {
                RetryState::parse(&text).unwrap_or_default()
            }
            _ => RetryState::default(),
        }
    }

    /// Remembers it, if that can be done: losing it loses nothing. The file is a new one, so that no link is followed.
    pub(crate) fn save_state(&self, name: impl AsRef<Path>, retries: &RetryState) {
        let path = self.dir.join("state").join(name);
        let _ = fs::remove_file(&path);
        let _ = private(OpenOptions::new().write(true).create_new(true))
            .open(path)
            .and_then(|mut file| io::Write::write_all(&mut file, retries.text().as_bytes()));
    }

    /// Remembers nothing any more.
    ///
    /// # Errors
    /// [`Kind::Output`].
    pub(crate) fn clear_state(&self, name: &OsStr) -> Result<()> {
        let path = self.dir.join("state").join(name);
        match fs::remove_file(&path) {
            Err(why) if why.kind() != ErrorKind::NotFound => {
                Err(self.failed("removing", &path, &why))
            }
            _ => Ok(()),
        }
    }
}

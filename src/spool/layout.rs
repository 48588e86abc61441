//! Which directory is a spool, and how one is created.
//!
//! A directory is used as a spool only if it looks like one, so that a user's own files are never removed or moved, and
//! only if no other user could have put anything into it. A spool is complete once its lock file exists.

use std::cell::{Cell, RefCell};
use std::fs::{self, DirBuilder, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use super::disk::{entries, remedy, sync_dir};
use super::{Id, Spool, Tag};
use crate::system::error::{Error, Kind, Result};
use crate::system::guard;

/// The directories in it.
const DIRECTORIES: [&str; 6] = ["tmp", "queue", "active", "dead", "state", "targets"];

/// Refuses a directory into which others could have put a message or a link.
fn guard(dir: &Path, owner: u32) -> Result<()> {
    let using = format!("using the spool '{}'", dir.display());
    let metadata = fs::symlink_metadata(dir)
        .map_err(|why| Error::io(Kind::Output, &using, &why).hint(remedy(&why)))?;
    match guard::refusal(dir, &metadata, owner) {
        None => Ok(()),
        Some(refusal) => {
            let text = format!("{using}: {}", refusal.why);
            Err(Error::new(Kind::Output, text).hint(refusal.remedy))
        }
    }
}

/// Creates a directory for this user alone, unless it exists.
pub(super) fn make_dir(path: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(path) {
        Err(why) if why.kind() == ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }
}

impl Spool {
    /// Opens the spool in `dir`, which must exist.
    ///
    /// # Errors
    /// [`Kind::Input`] if there is none, [`Kind::Output`] if other users could have put a message or a link there.
    pub(crate) fn open(dir: &Path) -> Result<Spool> {
        if let Some(spool) = Spool::find(dir, Kind::Input)? {
            return Ok(spool);
        }
        let spool = Spool::at(dir)?;
        let why = match spool.dir.try_exists() {
            Ok(false) => "No such file or directory",
            _ => "it is not a spool",
        };
        let text = format!("using the spool '{}': {why}", spool.dir.display());
        Err(Error::new(Kind::Input, text)
            .hint("give the directory that --spool names; the first message makes it"))
    }

    /// Whether `dir` is empty: created for a spool, but not used yet.
    ///
    /// # Errors
    /// [`Kind::Output`] if other users could put a message or a link there.
    pub(crate) fn is_prepared(dir: &Path) -> Result<bool> {
        // The current directory has no name any more if it was removed.
        let is_empty =
            dir.canonicalize().is_ok() && entries(dir).is_ok_and(|names| names.is_empty());
        if is_empty {
            let spool = Spool::at(dir)?;
            guard(&spool.dir, spool.owner)?;
        }
        Ok(is_empty)
    }

    /// The spool in `dir`; `None` if [`Spool::make`] would create one.
    ///
    /// # Errors
    /// `foreign` if something else is there; [`Kind::Output`] if other users could have put a message or a link there.
    pub(crate) fn find(dir: &Path, foreign: Kind) -> Result<Option<Spool>> {
        let spool = Spool::at(dir)?;
        let is_missing = |path: &Path| matches!(fs::symlink_metadata(path), Err(why) if why.kind() == ErrorKind::NotFound);
        if is_missing(&spool.dir) {
            return Ok(None);
        }
        guard(&spool.dir, spool.owner)?;
        let (missing, parts): (Vec<_>, Vec<_>) = DIRECTORIES
            .map(|part| spool.dir.join(part))
            .into_iter()
            .partition(|part| is_missing(part));
        let lock = spool.dir.join("lock");
        if (!missing.is_empty() || is_missing(&lock)) && !spool.is_unfinished().unwrap_or(false) {
            let text = format!(
                "using the spool '{}': it is not a spool, and not empty",
                spool.dir.display()
            );
            return Err(Error::new(foreign, text).hint("name a directory of its own"));
        }
        for part in parts {
            guard(&part, spool.owner)?;
        }
        Ok(missing.is_empty().then_some(spool))
    }

    /// A spool in `dir`, whether it exists or not.
    fn at(dir: &Path) -> Result<Spool> {
        let absolute = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned());
        // Drop a trailing slash, because with it a link would not be detected.
        let dir: PathBuf = absolute.components().collect();
        let using = format!("using the spool '{}'", dir.display());
        let owner = guard::user().map_err(|why| Error::io(Kind::Output, &using, &why))?;
        Ok(Spool {
            dir,
            owner,
            limit: u64::MAX,
            bytes: RefCell::default(),
            newest: RefCell::default(),
            has_forgotten: Cell::default(),
        })
    }

    /// Whether the directory contains only what an interrupted [`Spool::make`] leaves, or a power cut before the lock file
    /// was on the disk.
    fn is_unfinished(&self) -> io::Result<bool> {
        for name in entries(&self.dir)? {
            if name == "lock" || name == "bytes" || name == "delivered" {
                continue;
            }
            if !DIRECTORIES.iter().any(|part| name == *part) {
                return Ok(false);
            }
            if entries(&self.dir.join(name))?
                .iter()
                .any(|name| Id::parse(name).is_none() && Tag::parse(name).is_none())
            {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The spool in `dir`, created if it is missing, which accepts up to `limit` bytes of messages.
    ///
    /// # Errors
    /// As for [`Spool::find`]; [`Kind::Output`] if it cannot be created.
    pub(crate) fn make(dir: &Path, limit: u64) -> Result<Spool> {
        make_dir(dir).map_err(|why| {
            let doing = format!("making the spool '{}'", dir.display());
            Error::io(Kind::Output, doing, &why)
                .hint("make the directory above it, writable by this user")
        })?;
        let found = Spool::find(dir, Kind::Output)?;
        let is_whole = found.as_ref().is_some_and(Spool::has_lock);
        let spool = Spool {
            limit,
            ..found.map_or_else(|| Spool::at(dir), Ok)?
        };
        if !is_whole {
            spool.lay_out()?;
        }
        Ok(spool)
    }

    pub(super) fn has_lock(&self) -> bool {
        fs::symlink_metadata(self.dir.join("lock")).is_ok()
    }

    /// Creates what is missing in the directory, and syncs all of it.
    pub(super) fn lay_out(&self) -> Result<()> {
        let lay_out = || {
            for name in DIRECTORIES {
                make_dir(&self.dir.join(name))?;
            }
            sync_dir(&self.dir)?;
            match sync_dir(self.dir.parent().unwrap_or(&self.dir)) {
                // If we may not read the parent, or it cannot be synced, the directory was created by someone else.
                Err(why)
                    if !matches!(
                        why.kind(),
                        ErrorKind::PermissionDenied | ErrorKind::InvalidInput
                    ) =>
                {
                    return Err(why);
                }
                _ => {}
            }
            self.open_lock().map(drop)
        };
        lay_out().map_err(|why: io::Error| self.failed("making", &self.dir, &why))
    }

    /// Opens the lock file, and creates it if it is missing.
    pub(super) fn open_lock(&self) -> io::Result<File> {
        guard::open_lock(&self.dir.join("lock"))
    }
}

//! Which directory is a spool, and making one.
//!
//! A directory is taken for a spool only if it looks like one, so that nobody's own files are ever swept or moved, and
//! only if nobody but its owner could have put anything there. Making one is done when its lock file is there.

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

/// A directory for this user alone, unless there is one already.
pub(super) fn make_dir(path: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(path) {
        Err(why) if why.kind() == ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }
}

impl Spool {
    /// The spool in `dir`, which is there.
    ///
    /// # Errors
    /// [`Kind::Input`] when there is none, [`Kind::Output`] when others could have put a message or a link there.
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

    /// Whether `dir` is empty: made for a spool that nothing was put into yet.
    ///
    /// # Errors
    /// [`Kind::Output`] when others could put a message or a link there.
    pub(crate) fn is_prepared(dir: &Path) -> Result<bool> {
        // One that was removed while we stood in it has no name any more.
        let is_empty =
            dir.canonicalize().is_ok() && entries(dir).is_ok_and(|names| names.is_empty());
        if is_empty {
            let spool = Spool::at(dir)?;
            guard(&spool.dir, spool.owner)?;
        }
        Ok(is_empty)
    }

    /// The spool in `dir`; `None` where [`Spool::make`] would make one. Anything else that lies there is somebody's,
    /// and a `foreign` error.
    ///
    /// # Errors
    /// That, or [`Kind::Output`] when others could have put a message or a link there.
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

    /// The spool that is or may be in `dir`.
    fn at(dir: &Path) -> Result<Spool> {
        let absolute = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned());
        // Without a slash at its end, behind which a link would go unseen.
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

    /// Whether nothing is here but what making a spool leaves when it is stopped half way, or a power cut of one whose
    /// lock it had not reached.
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

    /// The spool in `dir`, made where there is nothing, which takes in up to `limit` bytes of messages.
    ///
    /// # Errors
    /// As for [`Spool::find`]; [`Kind::Output`] when it cannot be made.
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

    /// Makes what is missing in the directory, and sees to it that all of it is on the disk.
    pub(super) fn lay_out(&self) -> Result<()> {
        let lay_out = || {
            for name in DIRECTORIES {
                make_dir(&self.dir.join(name))?;
            }
            sync_dir(&self.dir)?;
            match sync_dir(self.dir.parent().unwrap_or(&self.dir)) {
                // Where we may not look, or nothing can be synced, somebody else has made our directory.
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

    /// The lock file, made where there is none.
    pub(super) fn open_lock(&self) -> io::Result<File> {
        guard::open_lock(&self.dir.join("lock"))
    }
}

//! The lock that keeps two runs apart.
//!
//! What counts is the kernel's lock on the open file, never that the file exists: it ends with the process, however that
//! ends, so nothing that is left over can block anybody. The file itself stays, since to remove it would let two runs
//! hold the locks of two files of one name.

use std::fs::{self, File, TryLockError};
use std::path::Path;

use crate::system::error::{Error, Kind, Result};
use crate::system::guard;

/// A lock, held as long as this value lives.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock on `path`, which is made if it is missing, without waiting for it.
    ///
    /// # Errors
    /// [`Kind::Unreached`] while another run holds it, [`Kind::Output`] when the file cannot be opened or locked.
    pub(crate) fn take(path: &Path) -> Result<Lock> {
        let doing = format!("taking the lock '{}'", path.display());
        let cannot = |why| {
            Error::io(Kind::Output, &doing, &why)
                .hint("give --lock a file that this user can write, on a disk of this machine")
        };
        // A link that the user made leads to the lock; what it leads to is looked at.
        let real = fs::canonicalize(path);
        let file = guard::open_lock(real.as_deref().unwrap_or(path)).map_err(cannot)?;
        match file.try_lock() {
            Ok(()) => Ok(Lock { _file: file }),
            Err(TryLockError::WouldBlock) => Err(Error::new(
                Kind::Unreached,
                format!("{doing}: another run holds it"),
            )),
            Err(TryLockError::Error(why)) => Err(cannot(why)),
        }
    }
}

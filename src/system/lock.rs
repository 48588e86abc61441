//! The lock that prevents two concurrent runs.
//!
//! What counts is the kernel's lock on the open file, never the existence of the file. The lock ends with the process,
//! however that ends, so nothing left over can block a later run. The file itself stays, because if it were removed,
//! two runs could hold the locks of two different files of the same name.

use std::fs::{self, File, TryLockError};
use std::path::Path;

use crate::system::error::{Error, Kind, Result};
use crate::system::guard;

/// A lock, held until this value is dropped.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Acquires the lock on `path`, without waiting for it. A missing file is created.
    ///
    /// # Errors
    /// [`Kind::Unreached`] if another run holds it, [`Kind::Output`] if the file cannot be opened or locked.
    pub(crate) fn take(path: &Path) -> Result<Lock> {
        let doing = format!("taking the lock '{}'", path.display());
        let cannot = |why| {
            Error::io(Kind::Output, &doing, &why)
                .hint("give --lock a file that this user can write, on a disk of this machine")
        };
        // The user may have made a link to the lock; its target is checked.
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

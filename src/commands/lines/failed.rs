//! The file of `--failed`: the refused lines, unchanged.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::document::ndjson::NdjsonReader;
use crate::system::error::{Error, Kind, Result};

/// The file.
#[derive(Debug)]
pub(super) struct Failed {
    file: File,
    path: PathBuf,
    /// Whether all of it is on disk.
    is_synced: bool,
}

impl Failed {
    /// Opens it for appending.
    ///
    /// # Errors
    /// [`Kind::Output`] if it cannot be opened, and [`Kind::Usage`] if `reader` reads from it.
    pub(super) fn open(path: &Path, reader: &NdjsonReader) -> Result<Failed> {
        // The documents may be confidential.
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(path)
            .map_err(|why| Failed::error(path, "opening", &why))?;
        if reader.comes_from(&file) {
            return Err(Error::new(
                Kind::Usage,
                format!(
                    "opening '{}': --lines and --failed are the same file",
                    path.display()
                ),
            )
            .hint("give --failed a file of its own"));
        }
        let path = path.to_owned();
        Ok(Failed {
            file,
            path,
            is_synced: true,
        })
    }

    /// Appends these bytes.
    ///
    /// # Errors
    /// [`Kind::Output`].
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.is_synced = false;
        self.file
            .write_all(bytes)
            .map_err(|why| Failed::error(&self.path, "writing", &why))
    }

    /// Syncs it to the disk.
    ///
    /// # Errors
    /// [`Kind::Output`].
    pub(super) fn sync(&mut self) -> Result<()> {
        if self.is_synced {
            return Ok(());
        }
        match self.file.sync_all() {
            // A pipe or a terminal cannot be synced.
            Err(why) if why.kind() != io::ErrorKind::InvalidInput => {
                Err(Failed::error(&self.path, "writing", &why))
            }
            _ => {
                self.is_synced = true;
                Ok(())
            }
        }
    }

    fn error(path: &Path, doing: &str, why: &io::Error) -> Error {
        let doing = format!("{doing} the file of failed lines '{}'", path.display());
        Error::io(Kind::Output, doing, why)
            .hint("give --failed a path that this user can write to, on a disk that is not full")
    }
}

//! Directories and files on the disk: reading names, creating files, syncing, and the remedies when that fails.

use std::ffi::OsString;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind};
use std::mem::ManuallyDrop;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// The names in a directory.
pub(super) fn entries(dir: &Path) -> io::Result<Vec<OsString>> {
    // The standard library panics if a directory cannot be closed, so it stays open until the process ends. So this must
    // not be called for each message.
    let mut entries = ManuallyDrop::new(fs::read_dir(dir)?);
    entries
        .by_ref()
        .map(|entry| Ok(entry?.file_name()))
        .collect()
}

/// Syncs a file to the disk. If an XFS shuts down meanwhile, `fsync` may still succeed, but reading the metadata fails.
pub(super) fn sync(file: &File) -> io::Result<Metadata> {
    file.sync_all()?;
    file.metadata()
}

pub(super) fn sync_dir(dir: &Path) -> io::Result<()> {
    sync(&File::open(dir)?).map(drop)
}

/// The remedy for such an error.
pub(super) fn remedy(why: &io::Error) -> &'static str {
    match why.kind() {
        ErrorKind::NotFound => "it was removed or moved away meanwhile: look for it ('ls -l')",
        ErrorKind::PermissionDenied => {
            "run authpost as the user whose spool it is, or give that user the right to write to it ('ls -ld')"
        }
        ErrorKind::ReadOnlyFilesystem => {
            "mount its file system writable again ('dmesg' may say why it is not)"
        }
        _ => "look at the disk: room, quota, errors ('df', 'dmesg')",
    }
}

pub(super) fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    options.mode(0o600)
}

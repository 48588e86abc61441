//! Files that survive a power cut.
//!
//! The room that calls `fsync` and `rename` for everything but the spool's messages and the file of failed lines.
//! Whoever reads a file written here finds the old content or the new one, whole, whenever the writer or the machine
//! stopped; and once [`replace`] has returned, the new one.

use std::fs::{self, File, OpenOptions, Permissions};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// Puts a file of `bytes` with this `mode` in the place of whatever stands at `path`. A failure leaves that untouched.
///
/// # Errors
/// Those of the file system. None is ignored and none tried again: what an `fsync` that failed has lost stays lost.
pub fn replace(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let (Some(dir), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let dir = if dir.as_os_str().is_empty() {
        Path::new(".")
    } else {
        dir
    };
    let mut hidden = std::ffi::OsString::from(".");
    hidden.push(name);
    hidden.push(format!(".{:016x}", RandomState::new().hash_one(0u8)));
    let temporary = dir.join(hidden);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&temporary)?;
    let replaced = file
        .write_all(bytes)
        .and_then(|()| file.set_permissions(Permissions::from_mode(mode)))
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::rename(&temporary, path));
    if replaced.is_err() {
        // It failed already, and this is all that can be done about it.
        let _ = fs::remove_file(&temporary);
    }
    replaced?;
    File::open(dir)?.sync_all()
}

//! Files that survive a power cut.
//!
//! The room that calls `fsync` and `rename` for everything but the spool's messages and the file of failed lines.
//! Whoever reads a file written here finds the old content or the new one, whole, whenever the writer or the machine
//! stopped; and once [`replace`] has returned, the new one.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, Permissions};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Puts a file of `bytes` with this `mode` in the place of whatever stands at `path`. A failure leaves that untouched.
///
/// # Errors
/// Those of the file system. None is ignored and none tried again: what an `fsync` that failed has lost stays lost.
pub(crate) fn replace(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let (dir, mut name) = hidden(path)?;
    name.push(format!("{:016x}", RandomState::new().hash_one(0u8)));
    let temporary = dir.join(name);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&temporary)?;
    let replaced = file
        .write_all(bytes)
        .and_then(|()| put(&file, &temporary, path, mode));
    if replaced.is_err() {
        // It failed already, and this is all that can be done about it.
        let _ = fs::remove_file(&temporary);
    }
    replaced?;
    File::open(dir)?.sync_all()
}

/// Puts the `file` called `temporary`, which is written, in the place of what stands at `path`.
fn put(file: &File, temporary: &Path, path: &Path, mode: u32) -> io::Result<()> {
    file.set_permissions(Permissions::from_mode(mode))?;
    file.sync_all()?;
    fs::rename(temporary, path)
}

/// What runs of this `owner` left beside `path` that were stopped within [`replace`], the newest first. None of them may
/// be at work: whoever calls this holds a lock.
///
/// # Errors
/// Those of the file system.
pub(crate) fn interrupted(path: &Path, owner: u32) -> io::Result<Vec<PathBuf>> {
    let (dir, start) = hidden(path)?;
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        let random = name.as_bytes().strip_prefix(start.as_bytes());
        if !random.is_some_and(|r| r.len() == 16 && r.iter().all(u8::is_ascii_hexdigit)) {
            continue;
        }
        let metadata = entry.metadata()?;
        if metadata.is_file() && metadata.uid() == owner {
            found.push((metadata.modified()?, entry.path()));
        }
    }
    found.sort_unstable_by(|a, b| b.cmp(a));
    Ok(found.into_iter().map(|(_, path)| path).collect())
}

/// Ends the replacement of `path` that left the file called `temporary`, as [`replace`] would have.
///
/// # Errors
/// As for [`replace`].
pub(crate) fn complete(temporary: &Path, path: &Path, mode: u32) -> io::Result<()> {
    put(&File::open(temporary)?, temporary, path, mode)?;
    let (dir, _) = hidden(path)?;
    File::open(dir)?.sync_all()
}

/// The directory of `path`, and what the names of the temporary files for it begin with.
fn hidden(path: &Path) -> io::Result<(&Path, OsString)> {
    let (Some(dir), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let mut start = OsString::from(".");
    start.push(name);
    start.push(".");
    let dir = match dir.as_os_str().is_empty() {
        true => Path::new("."),
        false => dir,
    };
    Ok((dir, start))
}

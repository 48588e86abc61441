//! Directories for runs.
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A directory for runs that follow one another, such as filling a spool and flushing it. Removed when the last copy is.
#[derive(Clone)]
pub struct Dir(Arc<tempfile::TempDir>);

/// A fresh directory.
pub fn dir() -> Dir {
    let made = tempfile::Builder::new().prefix("authpost-").tempdir();
    Dir(Arc::new(made.expect("a temporary directory")))
}

impl Dir {
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn join(&self, name: impl AsRef<Path>) -> PathBuf {
        self.path().join(name)
    }

    /// The text of a file in it.
    #[track_caller]
    pub fn read(&self, name: impl AsRef<Path>) -> String {
        let file = self.join(name);
        fs::read_to_string(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()))
    }

    /// Writes a file in it, making its directories.
    #[track_caller]
    pub fn write(&self, name: impl AsRef<Path>, content: impl AsRef<[u8]>, mode: u32) {
        let file = self.join(name);
        fs::create_dir_all(file.parent().expect("a parent")).expect("its directories");
        fs::write(&file, content).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        fs::set_permissions(&file, Permissions::from_mode(mode)).expect("its mode");
    }

    /// Every file below it, by relative path, sorted.
    pub fn list(&self) -> Vec<String> {
        let (mut files, mut dirs) = (Vec::new(), vec![self.path().to_path_buf()]);
        while let Some(dir) = dirs.pop() {
            for entry in fs::read_dir(dir).expect("a directory").flatten() {
                match entry.path() {
                    path if path.is_dir() => dirs.push(path),
                    path => files.push(path),
                }
            }
        }
        let relative = |f: PathBuf| f.strip_prefix(self.path()).map(|f| f.display().to_string());
        let mut names: Vec<String> = files.into_iter().flat_map(relative).collect();
        names.sort();
        names
    }
}

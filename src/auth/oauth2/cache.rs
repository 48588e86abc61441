//! The access token on disk, and the lock that lets only one run at a time fetch a new one.
//!
//! Each grant has one file, named by a hash of the parts of the grant that are not secret. The name only distributes the
//! grants over files: an entry is used if the identity in it is equal text by text, and if its fingerprint of the
//! client's secret and the refresh token matches the current secrets. The fingerprint is a salted keyed hash (128 bits
//! of SipHash). It would not protect a weak secret, and need not: only the owner can read the file, and it contains the
//! access token itself.
//!
//! The directory is protected in the same way as a spool. The cache is optional: any problem with it is a miss, and is
//! reported as an info. Only a lock that is not a regular file is an error.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::hash::{BuildHasher, DefaultHasher, Hash, Hasher, RandomState};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use super::AccessToken;
use super::grant::Grant;
use crate::system::atomic_file;
use crate::system::error::{Error, Kind, Result, reason};
use crate::system::guard;
use crate::system::secret::Secret;
use crate::system::time::{self, Deadline};

/// A token is not used in the last seconds before it expires: the request has to arrive, and clocks differ.
pub(super) const MARGIN: u64 = 30;

/// The cache entry of one grant.
#[derive(Debug)]
pub(super) struct Cache {
    /// `None` if there is no place for it.
    file: Option<PathBuf>,
    /// The user whose cache it is: ours.
    owner: u32,
    /// Why the token cannot be cached, for an info.
    problem: Option<String>,
    /// The OAuth2 file, for that info.
    config: PathBuf,
}

impl Cache {
    /// The cache entry for the tokens of `grant`; its directory is created if it is missing.
    pub(super) fn of(grant: &Grant) -> Cache {
        let mut cache = Cache {
            file: None,
            owner: 0,
            problem: None,
            config: grant.file.clone(),
        };
        match grant.cache.clone().or_else(usual_dir) {
            Some(dir) => {
                if let Err(why) = cache.prepare(&dir, grant) {
                    cache.cannot_use(&dir, &why);
                }
            }
            None => {
                cache.problem = Some(format!(
                    "there is no place to keep the access token (HOME is not set), so every run asks for a new one; 'cache' in '{}' names one",
                    cache.config.display()
                ));
            }
        }
        cache
    }

    /// Creates the directory if it is missing, and refuses one in which another user could have placed a token.
    fn prepare(&mut self, dir: &Path, grant: &Grant) -> io::Result<()> {
        // Drop a trailing slash, because with it a link would not be detected.
        let mut dir: PathBuf = dir.components().collect();
        DirBuilder::new().recursive(true).mode(0o700).create(&dir)?;
        let owner = guard::user()?;
        let mut metadata = fs::symlink_metadata(&dir)?;
        // With DynamicUser, systemd's directory is a link that root owns.
        if metadata.is_symlink() && [0, owner].contains(&metadata.uid()) {
            dir = fs::canonicalize(dir)?;
            metadata = fs::symlink_metadata(&dir)?;
        }
        if let Some(refusal) = guard::refusal(&dir, &metadata, owner) {
            self.cannot_store(&dir, refusal.why, &refusal.remedy);
            return Ok(());
        }
        let name = hash(&grant.identity().to_string());
        self.file = Some(dir.join(format!("oauth2-{name:016x}.json")));
        self.owner = owner;
        Ok(())
    }

    /// The cached token, if it was issued for these secrets, is valid long enough and is not the `refused` one.
    pub(super) fn find(
        &self,
        grant: &Grant,
        refresh_token: Option<&Secret>,
        refused: Option<&Secret>,
    ) -> Option<AccessToken> {
        let (entry, _) = guard::open_own(self.file.as_ref()?, self.owner)
            .ok()?
            .ok()?;
        let entry: Value = serde_json::from_str(&io::read_to_string(entry).ok()?).ok()?;
        let salt = entry["salt"].as_str()?;
        if entry["grant"] != grant.identity()
            || entry["secrets"] != fingerprint(salt, grant, refresh_token)
        {
            return None;
        }
        // If the clock was set back, the token's age is negative: then it counts as expired.
        let age = time::unix().checked_sub(entry["obtained"].as_u64()?)?;
        let left = entry["lifetime"].as_u64()?.checked_sub(age)?;
        let left = left.checked_sub(MARGIN).filter(|left| *left > 0)?;
        let text = entry["access_token"].as_str()?;
        if refused.is_some_and(|refused| refused.expose() == text) {
            return None;
        }
        Some(AccessToken {
            secret: Secret::new(text.to_owned()),
            fresh: Deadline::after(Duration::from_secs(left)),
            note: None,
            how_obtained: Some("it was in the cache"),
        })
    }

    /// Removes the entry, which [`Cache::find`] did not accept. The caller holds the lock.
    pub(super) fn clear(&self) {
        if let Some(file) = &self.file {
            // There may be no file. If it cannot be removed, it cannot be replaced either, and that is reported then.
            let _ = fs::remove_file(file);
        }
    }

    /// Removes the partial files of runs that were stopped. No other run may be active.
    pub(super) fn sweep(&self) {
        let file = self.file.as_deref();
        let left = file.map(|file| atomic_file::interrupted(file, self.owner));
        for file in left.into_iter().flatten().flatten() {
            // The next run finds what could not be removed.
            let _ = fs::remove_file(file);
        }
    }

    /// Stores a token that was `obtained` then, in seconds since 1970, with a `lifetime` in seconds.
    pub(super) fn store(
        &mut self,
        grant: &Grant,
        refresh_token: Option<&Secret>,
        token: &Secret,
        obtained: u64,
        lifetime: u64,
    ) {
        let Some(file) = self.file.clone().filter(|_| lifetime > MARGIN) else {
            return;
        };
        let salt = format!("{:016x}", RandomState::new().hash_one(0u8));
        let entry = json!({
            "grant": grant.identity(),
            "secrets": fingerprint(&salt, grant, refresh_token),
            "salt": salt,
            "obtained": obtained,
            "lifetime": lifetime,
            "access_token": token.expose(),
        });
        if let Err(why) = atomic_file::replace(&file, format!("{entry}\n").as_bytes(), 0o600) {
            self.cannot_use(&file, &why);
        }
    }

    /// Queues for a new token. Runs that share a refresh token use the lock beside it, even with different cache
    /// directories, because an endpoint may consider a refresh token that is used twice stolen, and revoke it. Other runs
    /// use a lock in the cache.
    ///
    /// # Errors
    /// [`Kind::Output`] if the lock is not a regular file. If it cannot be opened, runs do not wait for each other.
    pub(super) fn refresh_lock(&self, grant: &Grant) -> Result<RefreshLock> {
        let places = [
            grant.lock_path(),
            self.file.as_ref().map(|file| file.with_extension("lock")),
        ];
        for place in places.into_iter().flatten() {
            match guard::open_lock(&place) {
                Ok(file) => return Ok(RefreshLock::new(Some(file))),
                Err(why) if why.kind() == ErrorKind::InvalidInput => {
                    let doing = format!("taking the lock '{}'", place.display());
                    return Err(Error::io(Kind::Output, doing, &why)
                        .hint("find out who put it there, and remove it"));
                }
                Err(_) => {}
            }
        }
        Ok(RefreshLock::new(None))
    }

    /// Why the token cannot be cached.
    pub(super) fn problem(self) -> Option<String> {
        self.problem
    }

    fn cannot_use(&mut self, place: &Path, why: &io::Error) {
        let remedy = format!("'cache' in '{}' names another place", self.config.display());
        self.cannot_store(place, &reason(why), &remedy);
    }

    fn cannot_store(&mut self, place: &Path, why: &str, remedy: &str) {
        self.problem = Some(format!(
            "the access token cannot be kept in '{}' ({why}), so every run asks for a new one; {remedy}",
            place.display()
        ));
    }
}

/// The lock of the run that may fetch a new token. It is a kernel lock, so it ends with the run.
#[derive(Debug)]
pub(super) struct RefreshLock {
    file: Option<File>,
    is_locked: bool,
}

impl RefreshLock {
    fn new(file: Option<File>) -> RefreshLock {
        let is_locked = false;
        RefreshLock { file, is_locked }
    }

    /// Whether this run may go on: it has the lock, or no lock is available and runs do not wait for each other.
    pub(super) fn may_proceed(&mut self) -> bool {
        let locked = self.file.as_ref().map(File::try_lock);
        self.is_locked = matches!(locked, Some(Ok(())));
        !matches!(locked, Some(Err(TryLockError::WouldBlock)))
    }

    /// Whether this run really holds a lock.
    pub(super) fn is_locked(&self) -> bool {
        self.is_locked
    }
}

/// The default cache directory: systemd's for a service, else the user's (XDG Base Directory Specification).
fn usual_dir() -> Option<PathBuf> {
    let value = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let path = |name| Some(PathBuf::from(value(name)?)).filter(|path| path.is_absolute());
    // systemd separates several directories as in PATH.
    value("CACHE_DIRECTORY")
        .and_then(|list| std::env::split_paths(&list).next())
        .or_else(|| Some(path("XDG_CACHE_HOME")?.join("authpost")))
        .or_else(|| Some(path("HOME")?.join(".cache/authpost")))
}

fn fingerprint(salt: &str, grant: &Grant, refresh_token: Option<&Secret>) -> String {
    let secrets = [grant.client_secret.as_ref(), refresh_token].map(|s| s.map(Secret::expose));
    format!(
        "{:016x}{:016x}",
        hash(&(salt, 1, secrets)),
        hash(&(salt, 2, secrets))
    )
}

/// Equal in every run of one build. Another build may hash differently, and then starts with an empty cache.
fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

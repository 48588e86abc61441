//! The OAuth2 file: which grant, for which client, at which token endpoint.
//!
//! A [`Grant`] is the parsed and fully checked file. It holds the client's secret but not the refresh token, which other
//! runs may replace at any time. It must not know HTTP or the cache.
//!
//! RFC 6749, sections 2.3.1 (client authentication), 4.4 (client credentials), 6 (refresh tokens).

use std::ffi::OsString;
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::members::FileMembers;
use crate::request::{Connection, Url};
use crate::system::atomic_file;
use crate::system::error::{Error, Kind, Result};
use crate::system::guard;
use crate::system::secret::{self, Secret};
use crate::system::time::Deadline;

/// What to request from a token endpoint.
#[derive(Debug)]
pub(crate) struct Grant {
    /// The OAuth2 file, for messages.
    pub(crate) file: PathBuf,
    /// The token endpoint: https, or on this machine.
    pub(crate) token_url: Url,
    /// The type of the grant.
    pub(crate) flow: Flow,
    /// The client's secret; `None` for a public client, or for one that has a certificate.
    pub(crate) client_secret: Option<Secret>,
    /// The file that contains the secret.
    pub(crate) secret_file: Option<PathBuf>,
    /// The cache directory, if the file names one.
    pub(crate) cache: Option<PathBuf>,
    client_id: String,
    basic: bool,
    scope: Option<String>,
    audience: Option<String>,
    insecure: bool,
    /// Additional parameters for the endpoint.
    parameters: Vec<(String, String)>,
}

/// The grants of RFC 6749 that need no user at a browser.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    /// The client acts for itself.
    ClientCredentials,
    /// The client acts for the user who once authorized it. The refresh token is in this file, given by its real path.
    RefreshToken(PathBuf),
}

impl Grant {
    /// Reads the OAuth2 file and the client's secret, for an endpoint that is reached through `connection`.
    ///
    /// # Errors
    /// [`Kind::Config`] if something is missing or malformed; [`Kind::Unreached`] if it did not arrive in time.
    pub(crate) fn read(file: &Path, connection: &Connection, deadline: Deadline) -> Result<Grant> {
        let text = secret::from_file(
            "the OAuth2 file",
            "the grant (see --oauth2-file in 'authpost --help')",
            file,
            deadline,
        )?;
        let mut members = FileMembers::of(file, text.expose())?;
        let within = |path: String| file.parent().unwrap_or(Path::new("")).join(path);

        let token_url = members.needed("token_url")?;
        let token_url = Url::parse(&token_url)
            .map_err(|why| members.unusable(format!("'token_url' cannot be used: {why}")))?;
        if !token_url.is_https() && !token_url.is_loopback() {
            return Err(members
                .unusable("'token_url' is plain http, where anyone on the network path could read the client's secret")
                .hint("give the token endpoint's https address"));
        }
        let client_id = members.needed("client_id")?;
        let named = members.text("client_secret_file")?.map(within);
        let (client_secret, secret_file) = match (members.text("client_secret")?, named) {
            (Some(_), Some(_)) => {
                return Err(
                    members.unusable("'client_secret' and 'client_secret_file' are both there")
                );
            }
            (Some(secret), None) => (Some(Secret::new(secret)), Some(file.to_owned())),
            (None, Some(path)) => {
                let (what, content) = ("the client secret file", "the client's secret");
                let secret = secret::from_file(what, content, &path, deadline)?;
                (Some(secret), Some(path))
            }
            (None, None) => (None, None),
        };
        let flow = match (
            members.text("grant")?.as_deref(),
            members.text("refresh_token_file")?.map(within),
        ) {
            (None | Some("client_credentials"), None) => {
                if client_secret.is_none() && connection.identity.is_none() {
                    return Err(
                        members.unusable("'client_secret' or 'client_secret_file' is missing")
                    );
                }
                Flow::ClientCredentials
            }
            // The real path, so that runs that use different paths to the file still share one lock.
            (Some("refresh_token"), Some(path)) => {
                Flow::RefreshToken(file_at(&path).map_err(|why| {
                    Error::io(
                        Kind::Config,
                        format_args!("reading the refresh token file '{}'", path.display()),
                        &why,
                    )
                    .hint("put the refresh token into that file, readable by this user alone (chmod 600)")
                })?)
            }
            (Some("refresh_token"), None) => {
                return Err(members.unusable("'refresh_token_file' is missing"));
            }
            (None | Some("client_credentials"), Some(_)) => {
                return Err(members.unusable(
                    "'refresh_token_file' is there, but 'grant' does not say refresh_token",
                ));
            }
            (Some(_), _) => {
                return Err(
                    members.unusable("'grant' is neither client_credentials nor refresh_token")
                );
            }
        };
        let basic = match (members.text("auth_method")?.as_deref(), &client_secret) {
            (None, secret) => secret.is_some(),
            (Some("basic"), Some(_)) => true,
            (Some("basic"), None) => {
                return Err(members.unusable("'auth_method' is basic, but there is no secret"));
            }
            (Some("body"), _) => false,
            (Some(_), _) => {
                return Err(members.unusable("'auth_method' is neither basic nor body"));
            }
        };
        Ok(Grant {
            file: file.to_owned(),
            token_url,
            flow,
            client_secret,
            secret_file,
            cache: members.text("cache")?.map(within),
            client_id,
            basic,
            scope: members.text("scope")?,
            audience: members.text("audience")?,
            insecure: connection.insecure,
            parameters: members.rest()?,
        })
    }

    /// The current refresh token, if the grant needs one.
    ///
    /// # Errors
    /// As for [`Grant::read`].
    pub(crate) fn refresh_token(&self, deadline: Deadline) -> Result<Option<Secret>> {
        match &self.flow {
            Flow::ClientCredentials => Ok(None),
            Flow::RefreshToken(path) => secret::from_file(
                "the refresh token file",
                "the refresh token",
                path,
                deadline,
            )
            .map(Some),
        }
    }

    /// Checks that a new refresh token could be stored, before the current one is used up: with a full disk both would be
    /// lost. A directory that is never writable is accepted as long as the endpoint issues no new refresh token.
    ///
    /// # Errors
    /// [`Kind::Output`].
    pub(crate) fn check_storable(&self) -> Result<()> {
        let Flow::RefreshToken(path) = &self.flow else {
            return Ok(());
        };
        let probe = probe(path);
        let written = atomic_file::replace(&probe, &[b' '; 4096], 0o600);
        let _ = fs::remove_file(&probe);
        match written.map_err(|why| (why.kind(), why)) {
            Ok(()) | Err((ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem, _)) => {
                Ok(())
            }
            Err((_, why)) => Err(Error::io(
                Kind::Output,
                format_args!(
                    "making room for the next refresh token beside '{}'",
                    path.display()
                ),
                &why,
            )
            .hint("make room on that disk; the refresh token in the file has not been used")),
        }
    }

    /// Replaces the refresh token by a new one; the old one is invalid from now on.
    ///
    /// # Errors
    /// [`Kind::Output`].
    pub(crate) fn store(&self, refresh_token: &Secret) -> Result<()> {
        let Flow::RefreshToken(path) = &self.flow else {
            return Ok(());
        };
        let line = format!("{}\n", refresh_token.expose());
        fs::metadata(path)
            .and_then(|old| atomic_file::replace(path, line.as_bytes(), old.permissions().mode() & 0o777))
            .map_err(|why| {
                Error::io(
                    Kind::Output,
                    format_args!("keeping the new refresh token in '{}'", path.display()),
                    &why,
                )
                .hint("let this user write in that directory; the old refresh token is used up, so authorize anew and put the new one there")
            })
    }

    /// Stores the refresh token of a run that was stopped before it could, and removes the other files of such runs. No
    /// other run may be active.
    ///
    /// # Errors
    /// [`Kind::Output`].
    pub(crate) fn recover(&self) -> Result<()> {
        let Flow::RefreshToken(path) = &self.flow else {
            return Ok(());
        };
        // If the directory cannot be read, no run can have left anything in it.
        let left = |path: &Path| {
            let owner = guard::user()?;
            atomic_file::interrupted(path, owner)
        };
        let tokens = left(path).unwrap_or_default();
        // If the user changed the file afterwards, its content is newer.
        let modified = |path: &Path| fs::metadata(path).and_then(|found| found.modified());
        let is_newer = |token: &PathBuf| matches!((modified(token), modified(path)), (Ok(token), Ok(kept)) if token >= kept);
        let newest = tokens
            .iter()
            .find(|token| is_newer(token) && is_whole(token));
        if let Some(newest) = newest {
            fs::metadata(path)
                .and_then(|old| {
                    atomic_file::complete(newest, path, old.permissions().mode() & 0o777)
                })
                .map_err(|why| {
                    Error::io(
                        Kind::Output,
                        format_args!(
                            "putting the refresh token of an interrupted run, '{}', into '{}'",
                            newest.display(),
                            path.display()
                        ),
                        &why,
                    )
                    .hint("let this user write in that directory; the old refresh token is used up")
                })?;
        }
        let probes = left(&probe(path)).unwrap_or_default();
        for useless in tokens.iter().chain(&probes) {
            // The next run finds what could not be removed.
            let _ = fs::remove_file(useless);
        }
        Ok(())
    }

    /// The lock file for the refresh token.
    pub(crate) fn lock_path(&self) -> Option<PathBuf> {
        match &self.flow {
            Flow::ClientCredentials => None,
            Flow::RefreshToken(path) => Some(beside(path, ".lock")),
        }
    }

    /// Everything that identifies this grant and is not secret. It includes whether the endpoint's certificate was checked,
    /// so that a run that checks does not use a token from one that did not.
    pub(crate) fn identity(&self) -> Value {
        json!({
            "token_url": self.token_url.as_str(),
            "client_id": self.client_id,
            "scope": self.scope,
            "audience": self.audience,
            "refresh_token_file": match &self.flow {
                Flow::ClientCredentials => None,
                Flow::RefreshToken(path) => Some(path.to_string_lossy()),
            },
            "insecure": self.insecure,
            "parameters": self.parameters,
        })
    }

    /// The header that authenticates the client, if one does. Id and secret are form-encoded before they are joined, so a
    /// colon in the id cannot be confused with the separator (RFC 6749, section 2.3.1).
    pub(crate) fn authorization(&self) -> Option<(String, Secret)> {
        let secret = self.client_secret.as_ref().filter(|_| self.basic)?;
        let (id, secret) = (encoded(&self.client_id), encoded(secret.expose()));
        let header = Secret::basic("Basic", &id, &secret);
        Some(("Authorization".to_owned(), header))
    }

    /// The body of the token request.
    pub(crate) fn form(&self, refresh_token: Option<&Secret>) -> Secret {
        Secret::new(self.form_with(refresh_token, &|_, value| encoded(value)))
    }

    /// The same with each secret replaced by `mask`.
    pub(crate) fn shown_form(&self, refresh_token: Option<&Secret>, mask: &str) -> String {
        self.form_with(refresh_token, &|name, value| match secret::is_named(name)
            || self.reveals_secret(value, refresh_token)
        {
            true => mask.to_owned(),
            false => encoded(value),
        })
    }

    fn form_with(
        &self,
        refresh_token: Option<&Secret>,
        written: &dyn Fn(&str, &str) -> String,
    ) -> String {
        let grant = match refresh_token {
            None => "client_credentials",
            Some(_) => "refresh_token",
        };
        let in_body = (!self.basic).then_some(self.client_id.as_str());
        let secret = self.client_secret.as_ref().filter(|_| !self.basic);
        let fields = [
            ("grant_type", Some(grant)),
            ("refresh_token", refresh_token.map(Secret::expose)),
            ("scope", self.scope.as_deref()),
            ("audience", self.audience.as_deref()),
            ("client_id", in_body),
            ("client_secret", secret.map(Secret::expose)),
        ];
        let mut form = Vec::new();
        let mut add =
            |name, value| form.push(format!("{}={}", encoded(name), written(name, value)));
        for (name, value) in fields {
            if let Some(value) = value {
                add(name, value);
            }
        }
        for (name, value) in &self.parameters {
            add(name, value);
        }
        form.join("&")
    }

    /// Whether `text` reveals the client's secret or the refresh token, in any form.
    pub(crate) fn reveals_secret(&self, text: &str, refresh_token: Option<&Secret>) -> bool {
        let basic = self.authorization();
        let basic = basic.iter().map(|(_, header)| header);
        let mut secrets = self.client_secret.iter().chain(refresh_token);
        secret::are_repeated(basic.chain(secrets.clone()), text.as_bytes(), false)
            // Too short to be searched for in every form, so only as it is and as it was sent.
            || secrets.any(|secret| {
                let secret = secret.expose();
                text.contains(secret) || text.contains(&encoded(secret))
            })
    }
}

/// The real path of a file. A FIFO is refused: it can be read only once, and cannot be replaced.
fn file_at(path: &Path) -> io::Result<PathBuf> {
    match fs::metadata(path)?.is_file() {
        true => fs::canonicalize(path),
        false => Err(io::Error::other(guard::NO_FILE)),
    }
}

/// Whether a file written by [`Grant::store`] is complete: its line has an end.
fn is_whole(file: &Path) -> bool {
    let text = fs::read_to_string(file).unwrap_or_default();
    let token = text.strip_suffix('\n').unwrap_or_default();
    !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic())
}

/// The file that is written to check that another one could be stored beside it.
fn probe(path: &Path) -> PathBuf {
    beside(path, ".probe")
}

/// A file beside another one: `x.lock` for `x` and `.lock`.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

/// Encodes as `application/x-www-form-urlencoded` (RFC 6749, appendix B).
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'*' | b'-' | b'.' | b'_' => {
                out.push(char::from(byte));
            }
            b' ' => out.push('+'),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

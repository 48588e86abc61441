//! Gets the token, and builds the headers that carry secrets.
//!
//! Errors name the file, the variable or the command, and say what kind of thing is wrong and where, but never quote
//! the content. Everything ends with the deadline of the delivery, including a FIFO that has no writer and a command
//! that does not exit.

mod command;
mod describe;
mod header_file;
mod jwt;
pub(crate) mod oauth2;
mod url;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::request::{self, Auth, Form, Target, TokenSource};
use crate::system::error::{Error, Kind, Result};
use crate::system::secret::{self, Secret};
use crate::system::time::Deadline;
pub(crate) use describe::describe;
use oauth2::{AccessToken, Tell};
pub(crate) use url::{USE_HTTPS, read_url, with_url};

/// The headers that authenticate a request.
#[derive(Debug)]
pub(crate) struct Credentials {
    /// The header with the token comes first.
    headers: Vec<(String, Secret)>,
    token: Option<AccessToken>,
    /// The API refused the token, and getting another one failed temporarily.
    is_refused: bool,
}

impl Credentials {
    /// Gets the token of `target` and reads its files of headers.
    ///
    /// # Errors
    /// [`Kind::Config`] if something is missing, empty or malformed; [`Kind::Unreached`] if it did not arrive in time; and
    /// those of [`oauth2::token`].
    pub(crate) fn obtain(target: &Target, deadline: Deadline, tell: Tell) -> Result<Credentials> {
        let mut headers = Vec::new();
        let token = token(target, None, deadline, tell)?;
        if let Some(token) = &token {
            headers.push(header(target, &token.secret)?);
        }
        for path in &target.header_files {
            headers.extend(header_file::read(path, deadline)?);
        }
        let mut of_files = headers.iter().skip(usize::from(token.is_some()));
        if let Some(key) = &target.idempotency_header
            && let Some((name, _)) = of_files.find(|(name, _)| name.eq_ignore_ascii_case(key))
        {
            return Err(Error::new(
                Kind::Config,
                format!("collecting the headers: {name} is given twice"),
            )
            .hint("take it out of the header file, or say --no-idempotency-key"));
        }
        let given = target.headers.iter().map(|(name, _)| name);
        let mut others = headers.iter().map(|(name, _)| name).skip(1).chain(given);
        if let (Some(_), Some((name, _))) = (&token, headers.first())
            && others.any(|other| other.eq_ignore_ascii_case(name))
        {
            return Err(Error::new(
                Kind::Config,
                format!("collecting the headers: {name} is given twice"),
            )
            .hint("leave it to the token, or say --no-auth"));
        }
        Ok(Credentials {
            headers,
            token,
            is_refused: false,
        })
    }

    /// Gets the token again, after the API refused the current one. Returns whether the new one differs.
    ///
    /// # Errors
    /// As for [`Credentials::obtain`].
    pub(crate) fn renew(
        &mut self,
        target: &Target,
        deadline: Deadline,
        tell: Tell,
    ) -> Result<bool> {
        let has_another = match &target.auth.source {
            TokenSource::File(path) => can_be_read_again(path),
            TokenSource::Command(_) | TokenSource::OAuth2(_) => true,
            TokenSource::Env(_) | TokenSource::None => false,
        };
        if !has_another {
            return Ok(false);
        }
        self.is_refused = true;
        let refused = self.token.as_ref().map(|token| &token.secret);
        let Some(fresh) = token(target, refused, deadline, tell)? else {
            return Ok(false);
        };
        let differs = refused.is_some_and(|refused| refused.expose() != fresh.secret.expose());
        if let Some(first) = self.headers.first_mut() {
            *first = header(target, &fresh.secret)?;
        }
        self.token = Some(fresh);
        self.is_refused = false;
        Ok(differs)
    }

    /// Whether a new token should be fetched before the next request: this one expires soon, or was refused.
    pub(crate) fn are_stale(&self) -> bool {
        let token = self.token.as_ref();
        self.is_refused || token.is_some_and(|token| token.fresh.is_over())
    }

    /// A message for the user about the token, returned only once.
    pub(crate) fn note(&mut self) -> Option<String> {
        self.token.as_mut()?.note.take()
    }

    /// How the token was obtained, if there is more than one way.
    pub(crate) fn how_obtained(&self) -> Option<&'static str> {
        self.token.as_ref()?.how_obtained
    }

    /// The headers to send.
    pub(crate) fn headers(&self) -> &[(String, Secret)] {
        &self.headers
    }

    /// When the token expires, in seconds since 1970, if it says so itself (a JWT).
    pub(crate) fn expiry(&self) -> Option<u64> {
        let word =
            |(_, secret): &(String, Secret)| jwt::expiry(secret.expose().rsplit(' ').next()?);
        self.headers.iter().find_map(word)
    }
}

/// The mode of a file that should be accessible only to its owner, if others have any access.
pub(crate) fn exposed_mode(path: &Path) -> Option<u32> {
    let metadata = fs::metadata(path).ok()?;
    let mode = metadata.permissions().mode() & 0o777;
    (metadata.is_file() && mode & 0o077 != 0).then_some(mode)
}

/// Whether a file can be read more than once: a pipe cannot. A missing file counts as one, so that reading it fails.
fn can_be_read_again(path: &Path) -> bool {
    path.metadata().map_or(true, |metadata| metadata.is_file())
}

/// Why another run will not find the content of this file, if it will not.
pub(crate) fn why_gone_later(path: &Path) -> Option<&'static str> {
    let credentials = std::env::var_os("CREDENTIALS_DIRECTORY");
    let credentials = credentials.filter(|directory| !directory.is_empty());
    if ["/dev/stdin", "/dev/fd", "/proc"]
        .iter()
        .any(|place| path.starts_with(place))
    {
        Some("it is there for this run alone")
    } else if credentials.is_some_and(|directory| path.starts_with(directory)) {
        Some("systemd removes a credential when its service ends")
    } else if !can_be_read_again(path) {
        Some("it is not a regular file")
    } else {
        None
    }
}

/// The files of `target` that should be accessible only to their owner.
///
/// # Errors
/// As for [`oauth2::secret_files`].
pub(crate) fn secret_files(target: &Target, deadline: Deadline) -> Result<Vec<PathBuf>> {
    let mut files = match &target.auth.source {
        TokenSource::File(path) => vec![path.clone()],
        // A pipe can be read only once.
        TokenSource::OAuth2(file) if file.is_file() => {
            oauth2::secret_files(file, &target.connection, deadline)?
        }
        _ => Vec::new(),
    };
    files.extend(target.url.file().map(Path::to_owned));
    files.extend(target.header_files.iter().cloned());
    let identity = target.connection.identity.iter();
    files.extend(identity.map(|(_, key)| key.clone()));
    Ok(files)
}

/// Whether the value given as a token file is probably the token itself.
pub(crate) fn is_pasted(path: &Path) -> bool {
    let text = path.to_string_lossy();
    let is_word = !text.contains(['/', ' ']) && fs::symlink_metadata(path).is_err();
    is_word && (text.len() >= LONG_WORD || secret::is_jwt(&text))
}

/// Few tokens are shorter, and few file names in the current directory are longer.
const LONG_WORD: usize = 20;

/// The error for such a token file.
pub(crate) fn pasted() -> Error {
    Error::new(
        Kind::Config,
        "reading the token file: there is no file of the name that --token-file gives, and it may be the token itself",
    )
    .hint("put the token into a file, and give its path; every user of this machine could read it here, so replace it")
}

/// The token, but not the `refused` one if there is a choice; `None` if the user wants none.
fn token(
    target: &Target,
    refused: Option<&Secret>,
    deadline: Deadline,
    tell: Tell,
) -> Result<Option<AccessToken>> {
    match &target.auth.source {
        TokenSource::OAuth2(file) => {
            oauth2::token(file, &target.connection, refused, deadline, tell).map(Some)
        }
        source => Ok(at_hand(source, deadline)?.map(AccessToken::from)),
    }
}

/// What messages call the source of a token.
pub(crate) fn origin(source: &TokenSource) -> String {
    match source {
        TokenSource::File(path) => format!("the token file '{}'", path.display()),
        TokenSource::Env(name) => format!("the environment variable {name}"),
        TokenSource::Command(_) => "the output of --token-command".to_owned(),
        TokenSource::OAuth2(path) => format!("the OAuth2 file '{}'", path.display()),
        TokenSource::None => "nowhere".to_owned(),
    }
}

/// The error for a variable that is not set. The user may have given the token itself instead of a name, so the message
/// names only the default variable.
pub(crate) fn unset(name: &str) -> Error {
    let (variable, remedy) = match name {
        request::DEFAULT_TOKEN => (
            name,
            "export it, or give the token another way: --token-file, --token-command",
        ),
        _ => (
            "that --token-env names",
            "export it; and give its name, not the token, which every user of this machine could read there",
        ),
    };
    let text = format!("reading the environment variable {variable}: it is not set");
    Error::new(Kind::Config, text).hint(remedy)
}

/// The text of a token that only has to be read, without surrounding white space; `None` for other sources.
fn at_hand(source: &TokenSource, deadline: Deadline) -> Result<Option<Secret>> {
    let origin = origin(source);
    let bytes = match source {
        TokenSource::None | TokenSource::OAuth2(_) => return Ok(None),
        TokenSource::Env(name) => match std::env::var_os(name) {
            Some(value) => value.into_encoded_bytes(),
            None => return Err(unset(name)),
        },
        TokenSource::File(path) => secret::read_file(path, deadline).map_err(|why| {
            let remedy = "put the token into that file, readable by this user alone (chmod 600)";
            secret::unreadable(&format!("reading {origin}"), &why, remedy)
        })?,
        TokenSource::Command(command) => command::output(command, deadline)?,
    };
    secret::from_bytes(bytes, &origin, TOKEN_ALONE).map(Some)
}

const TOKEN_ALONE: &str = "it must hold the token and nothing else, not even the word Bearer";

/// The header that carries `token` to `target`.
fn header(target: &Target, token: &Secret) -> Result<(String, Secret)> {
    let Auth { source, form } = &target.auth;
    let origin = origin(source);
    let malformed = |why: String| {
        Error::new(Kind::Config, format!("reading {origin}: {why}")).hint(TOKEN_ALONE)
    };
    let text = token.expose();
    let basic = matches!(form, Form::Scheme(word) if word.eq_ignore_ascii_case("basic"));
    if !basic && let Some(why) = form_of_file(text, form) {
        return Err(malformed(why.to_owned()));
    }
    let odd = |c: char| {
        if basic {
            c.is_control()
        } else {
            !c.is_ascii_graphic()
        }
    };
    if let Some(odd) = odd_character(text, odd) {
        return Err(malformed(format!("the token has {odd}")));
    }
    match form {
        Form::Header(name) => Ok((name.clone(), Secret::new(text.to_owned()))),
        Form::Scheme(word) if basic => match text.split_once(':') {
            Some((user, password)) => {
                let secret = Secret::basic(word, user, password);
                Ok(("Authorization".to_owned(), secret))
            }
            None => Err(malformed("there is no colon in it".to_owned())
                .hint("for Basic it must read user:password")),
        },
        Form::Scheme(word) => Ok(("Authorization".to_owned(), Secret::with_scheme(word, text))),
    }
}

/// What kind of character the first `is_odd` one in `text` is, and where; the text is not quoted.
fn odd_character(text: &str, is_odd: impl Fn(char) -> bool) -> Option<String> {
    let (place, odd) = text.chars().enumerate().find(|(_, c)| is_odd(*c))?;
    let kind = match odd {
        ' ' | '\t' => "white space",
        '\n' | '\r' => "more than one line",
        c if c.is_control() => "a control character",
        _ => "a letter that is not ASCII",
    };
    Some(format!("{kind} in it (character {})", place + 1))
}

/// The file format or notation that plainly surrounds a token and is not part of it. RFC 6750 allows fewer characters
/// than APIs use, so no others are refused.
fn form_of_file(text: &str, form: &Form) -> Option<&'static str> {
    let is_bearer = matches!(form, Form::Scheme(word) if word.eq_ignore_ascii_case("bearer"));
    let assigned = text.strip_prefix("export ").unwrap_or(text);
    let (name, value) = assigned.split_once('=').unwrap_or_default();
    // Padding at the end of a token is not an assignment.
    let is_assigned = !value.trim_start_matches('=').is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.is_empty()
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let ends = (text.chars().next()?, text.chars().next_back()?);
    match ends {
        ('"', '"') | ('\'', '\'') => Some("the token stands in quotes"),
        ('{', '}') | ('[', ']') => Some("it is JSON"),
        // With another form the token may look like this, for example key=… for some APIs.
        _ if is_bearer && is_assigned => Some("it assigns the token to a variable, as NAME=TOKEN"),
        _ => None,
    }
}

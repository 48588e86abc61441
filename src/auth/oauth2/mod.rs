//! Access tokens from a token endpoint (RFC 6749): by client credentials, or by a refresh token.
//!
//! All runs of a user share a token until it expires, through the cache. If several runs need a new one, one of them
//! fetches it and the others wait for the result. A new refresh token is on disk before the access token that came with
//! it is used, because it cannot be requested again. Everything ends with the deadline of the delivery.
//!
//! The endpoint's own explanation of a refusal is shown, without terminal escape sequences, and not at all if it
//! contains a secret.

mod cache;
mod grant;
mod members;
mod shown;

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use crate::http::{Answer, Attempt, Body, Client, End, Request};
use crate::request::Connection;
use crate::system::error::{Error, Kind, Result};
use crate::system::secret::Secret;
use crate::system::time::{self, Deadline};
use cache::{Cache, MARGIN};
use grant::{Flow, Grant};
pub(crate) use shown::TokenExchange;

/// An access token.
#[derive(Debug)]
pub(super) struct AccessToken {
    /// The token itself: visible ASCII.
    pub(crate) secret: Secret,
    /// How long it may be used.
    pub(crate) fresh: Deadline,
    /// A message for the user about it.
    pub(crate) note: Option<String>,
    /// How it was obtained, if there is more than one way.
    pub(crate) how_obtained: Option<&'static str>,
}

/// A token that was obtained elsewhere, and about which nothing more is known.
impl From<Secret> for AccessToken {
    fn from(secret: Secret) -> AccessToken {
        AccessToken {
            secret,
            fresh: Deadline::UNLIMITED,
            note: None,
            how_obtained: None,
        }
    }
}

/// The callback for each request to a token endpoint.
pub(crate) type Tell<'a> = &'a mut dyn FnMut(&TokenExchange);

/// How much of a token endpoint's answer is read; much more than any needs.
const MAX_ANSWER: u64 = 1 << 20;

/// How long other runs use a token without a known lifetime, in seconds. `expires_in` is optional (RFC 6749, section
/// 5.1).
const UNKNOWN: u64 = 60;

/// The polling interval of a run that waits for the lock.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// The access token that the OAuth2 `file` describes, from the cache or from the endpoint; never the `refused` one. The
/// endpoint is reached through the same `connection` as the API.
///
/// # Errors
/// [`Kind::Config`] if a file cannot be used, [`Kind::Denied`] if the endpoint issues no token, [`Kind::Unreached`] or
/// [`Kind::Untrusted`] if it was not reached, [`Kind::Output`] if a new refresh token cannot be stored.
pub(super) fn token(
    file: &Path,
    connection: &Connection,
    refused: Option<&Secret>,
    deadline: Deadline,
    tell: Tell,
) -> Result<AccessToken> {
    let grant = Grant::read(file, connection, deadline)?;
    let mut cache = Cache::of(&grant);
    let mut lock = cache.refresh_lock(&grant)?;
    let mut ours = false;
    let refresh_token = loop {
        // Another run may have changed both while it held the lock.
        let refresh_token = grant.refresh_token(deadline)?;
        if let Some(token) = cache.find(&grant, refresh_token.as_ref(), refused) {
            return Ok(token);
        }
        if ours {
            break refresh_token;
        }
        ours = lock.may_proceed();
        if lock.is_locked() {
            grant.recover()?;
            cache.sweep();
        }
        if !ours {
            if deadline.is_over() {
                return Err(Error::new(
                    Kind::Unreached,
                    format!(
                        "fetching a token from {}: another run is still at it",
                        grant.token_url
                    ),
                )
                .hint(LATER));
            }
            time::sleep(POLL_INTERVAL.min(deadline.left()));
        }
    };
    cache.clear();
    grant.check_storable()?;
    let obtained = time::unix();
    let issued = TokenRequest {
        grant: &grant,
        refresh_token: refresh_token.as_ref(),
    }
    .run(connection, deadline, tell)?;
    let (refresh_token, how_obtained) = match (refresh_token, issued.refresh_token) {
        (Some(old), Some(new)) if old.expose() != new.expose() => {
            grant.store(&new)?;
            (
                Some(new),
                "it was fetched now, and the refresh token was replaced",
            )
        }
        (old, _) => (old, "it was fetched now"),
    };
    let lifetime = issued.lifetime.unwrap_or(UNKNOWN + MARGIN);
    cache.store(
        &grant,
        refresh_token.as_ref(),
        &issued.access_token,
        obtained,
        lifetime,
    );
    Ok(AccessToken {
        secret: issued.access_token,
        // A token that expires within the margin is used by this run alone, until it expires. A token without a lifetime
        // is used by this run until the API refuses it.
        fresh: match issued.lifetime {
            None => Deadline::UNLIMITED,
            Some(short @ ..=MARGIN) => Deadline::after(Duration::from_secs(short)),
            Some(long) => Deadline::after(Duration::from_secs(long - MARGIN)),
        },
        note: cache.problem(),
        how_obtained: Some(how_obtained),
    })
}

/// The files that should be accessible only to their owner: those with the client's secret and the refresh token.
///
/// # Errors
/// [`Kind::Config`] or [`Kind::Unreached`] if the OAuth2 `file` cannot be read.
pub(crate) fn secret_files(
    file: &Path,
    connection: &Connection,
    deadline: Deadline,
) -> Result<Vec<PathBuf>> {
    let grant = Grant::read(file, connection, deadline)?;
    let mut files = Vec::from_iter(grant.secret_file);
    if let Flow::RefreshToken(path) = grant.flow {
        files.push(path);
    }
    Ok(files)
}

const LATER: &str = "try later, it is safe: the document was not sent";

/// A successful token response (RFC 6749, section 5.1).
struct Issued {
    access_token: Secret,
    lifetime: Option<u64>,
    refresh_token: Option<Secret>,
}

/// One request for a token.
struct TokenRequest<'a> {
    grant: &'a Grant,
    refresh_token: Option<&'a Secret>,
}

impl TokenRequest<'_> {
    fn run(&self, connection: &Connection, deadline: Deadline, tell: Tell) -> Result<Issued> {
        let connection = Connection {
            max_response: MAX_ANSWER,
            ..connection.clone()
        };
        let client = Client::new(&connection, &self.grant.token_url)?;
        let secrets: Vec<_> = self.grant.authorization().into_iter().collect();
        let form = self.grant.form(self.refresh_token);
        let request = Request {
            method: "POST",
            url: &self.grant.token_url,
            url_secret: None,
            headers: &[],
            secrets: &secrets,
            body: Body::Form(&form),
        };
        let attempt = client.attempt(&request, deadline);
        let answer = match &attempt {
            Attempt::Answered(answer) => Some(answer),
            Attempt::Unsent(_) | Attempt::Unanswered(_) => None,
        };
        tell(&TokenExchange::of(self.grant, self.refresh_token, answer));
        match attempt {
            Attempt::Answered(answer) => self.issued(&answer),
            Attempt::Unsent(error) | Attempt::Unanswered(error) => Err(unreached(&error)),
        }
    }

    /// Parses a successful response.
    fn issued(&self, answer: &Answer) -> Result<Issued> {
        let said = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
        if !(200..300).contains(&answer.status) || said["error"].is_string() {
            return Err(self.refusal(answer, &said));
        }
        if let End::Broken(why) = &answer.end {
            return Err(self
                .failed(Kind::Unreached, format!("its answer broke off: {why}"))
                .hint(LATER));
        }
        let useless = |why: &str| {
            self.failed(Kind::Denied, format!("its answer {why}"))
                .hint(format!(
                    "check that 'token_url' in '{}' is the token endpoint's",
                    self.grant.file.display()
                ))
        };
        if said.is_null() {
            return Err(useless("is not JSON"));
        }
        let text = |name: &str| match said[name].as_str() {
            // No other text can be a header's value, and be read back from a file unchanged.
            Some(text) if text.bytes().any(|byte| !byte.is_ascii_graphic()) => Err(useless(
                &format!("has characters in {name} that none can have"),
            )),
            text => Ok(text
                .filter(|text| !text.is_empty())
                .map(|text| Secret::new(text.to_owned()))),
        };
        let access_token = text("access_token")?.ok_or_else(|| useless("has no access_token"))?;
        if let Some(kind) = said["token_type"].as_str()
            && !kind.eq_ignore_ascii_case("bearer")
        {
            let kind = self.quoted(kind).unwrap_or_default();
            return Err(self
                .failed(Kind::Denied, format!("its token is of the type '{kind}', not Bearer"))
                .hint("only tokens that need nothing but themselves can be used here: ask the endpoint's owner for Bearer"));
        }
        Ok(Issued {
            access_token,
            lifetime: lifetime(&said["expires_in"]),
            refresh_token: text("refresh_token")?,
        })
    }

    /// Parses an error response (RFC 6749, section 5.2).
    fn refusal(&self, answer: &Answer, said: &Value) -> Error {
        let file = self.grant.file.display();
        let code = said["error"].as_str();
        let mut why = format!("it answered {} {}", answer.status, answer.reason);
        why.truncate(why.trim_end().len());
        if let Some(to) = answer
            .header("location")
            .filter(|_| (300..=399).contains(&answer.status))
        {
            let to = to.split('?').next().unwrap_or_default();
            why.push_str(&format!(
                " and points to {}",
                self.quoted(to).unwrap_or_default()
            ));
        }
        if let Some(code) = code {
            let description = said["error_description"].as_str();
            let text = match description.filter(|text| !text.is_empty()) {
                Some(description) => format!("{code} ({description})"),
                None => code.to_owned(),
            };
            let withheld = "what it says repeats a secret, so it is not shown here";
            why.push_str(&format!(
                ": {}",
                self.quoted(&text).unwrap_or(withheld.to_owned())
            ));
        }
        let (kind, hint) = match (answer.status, code) {
            (408 | 425 | 429 | 500.., _) => (Kind::Unreached, LATER.to_owned()),
            (300..=399, _) => (
                Kind::Denied,
                "redirects are never followed, so that the secret goes nowhere else: give the new address as 'token_url'".to_owned(),
            ),
            (401, _) | (_, Some("invalid_client")) => (
                Kind::Denied,
                format!("check 'client_id' and the client's secret in '{file}'; some endpoints want 'auth_method' body"),
            ),
            (_, Some("invalid_grant")) => (
                Kind::Denied,
                match &self.grant.flow {
                    Flow::RefreshToken(path) => format!("the refresh token has expired, was used or is revoked: authorize again and put the new one into '{}'", path.display()),
                    Flow::ClientCredentials => format!("check '{file}'"),
                },
            ),
            (_, Some("unauthorized_client" | "unsupported_grant_type")) => (
                Kind::Denied,
                format!("check 'grant' in '{file}', or ask the endpoint's owner to allow it to this client"),
            ),
            (_, Some("invalid_scope")) => (Kind::Denied, format!("check 'scope' in '{file}'")),
            (_, Some(_)) => (Kind::Denied, format!("check '{file}'")),
            (_, None) => (Kind::Denied, format!("check 'token_url' in '{file}'")),
        };
        self.failed(kind, why).hint(hint)
    }

    fn failed(&self, kind: Kind, why: impl std::fmt::Display) -> Error {
        Error::new(
            kind,
            format!("fetching a token from {}: {why}", self.grant.token_url),
        )
    }

    /// The start of the endpoint's text, on one line; `None` if it contains a secret.
    fn quoted(&self, text: &str) -> Option<String> {
        let line: String = text.chars().filter(|c| !c.is_control()).collect();
        let reveals = self.grant.reveals_secret(&line, self.refresh_token);
        (!reveals).then(|| line.chars().take(300).collect())
    }
}

/// In seconds: a number, which some endpoints send as a string, and some with a fraction.
fn lifetime(said: &Value) -> Option<u64> {
    let seconds = match said {
        Value::String(text) => serde_json::from_str::<Value>(text).ok()?.as_f64()?,
        number => number.as_f64()?,
    };
    // A negative number means expired, and a number that is too large is limited to the maximum.
    seconds.is_finite().then_some(seconds as u64)
}

fn unreached(error: &Error) -> Error {
    Error::new(error.kind(), format!("fetching a token: {error}"))
        .hint(error.remedy().unwrap_or(LATER))
}

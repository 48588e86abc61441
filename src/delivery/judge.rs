//! The one judgement on an attempt.
//!
//! [`judge`] is a pure function of an [`Attempt`] and of what is known from earlier ones. Its [`Verdict`] says what the API
//! did, as far as that is known, whether another attempt is safe, and where a message in a spool goes next.

#[cfg(test)]
mod tests;

use super::acceptance::{Acceptance, accepted_by_status, accepts, judge_success, title_of_page};
use super::exit::Exit;
use super::verdict::{Disposition, Fate, Retry, Scope, Verdict};
use crate::http::{Answer, Attempt, Challenge};
use crate::request::{Form, Target, TokenSource};
use crate::system::error::{Error, Kind};
use crate::system::time;

/// What a verdict depends on, apart from the attempt itself.
#[derive(Clone, Debug, Default)]
pub(super) struct Circumstances {
    /// How many attempts there were before. Those of earlier runs count if the document is idempotent.
    pub(crate) attempts: u64,
    /// One of them may have been accepted.
    pub(crate) outcome_unknown: bool,
    /// Sending the document twice is harmless.
    pub(crate) idempotent: bool,
    /// The kind of credentials that were sent.
    pub(crate) credentials: CredentialKind,
    /// What the API answered to the last token, while no other can be had.
    pub(crate) refused_token: Option<String>,
    /// When the token expired, if it has: `2 h ago (…)`.
    pub(crate) token_expired: Option<String>,
    /// The document is a message in a spool: its URL and its options cannot be changed any more.
    pub(crate) is_message: bool,
    /// What earlier runs made of it.
    pub(crate) history: History,
}

/// What earlier runs made of a message; nothing by default.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct History {
    /// How many attempts they made, if it is idempotent.
    pub(crate) attempts: u64,
    /// How many deliveries have failed for a reason that concerns it alone.
    pub(crate) failed_alone: u64,
    /// If this attempt fails, the message is given up after this many failed deliveries.
    pub(crate) gives_up_after: Option<u64>,
}

/// The kinds of credentials, as far as the remedy for a refusal depends on them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum CredentialKind {
    /// None.
    None,
    /// Headers from a file.
    HeaderFile,
    /// A token.
    #[default]
    Token,
    /// A token, sent as user and password.
    Basic,
    /// A token from a token endpoint. Before it counts as refused, another one was fetched.
    OAuth2,
}

impl CredentialKind {
    /// The kind that `target` has.
    pub(crate) fn of(target: &Target) -> CredentialKind {
        match (&target.auth.source, &target.auth.form) {
            (TokenSource::None, _) if target.header_files.is_empty() => CredentialKind::None,
            (TokenSource::None, _) => CredentialKind::HeaderFile,
            (_, Form::Scheme(word)) if word.eq_ignore_ascii_case("basic") => CredentialKind::Basic,
            (TokenSource::OAuth2(_), _) => CredentialKind::OAuth2,
            _ => CredentialKind::Token,
        }
    }
}

impl Circumstances {
    /// After how many failed deliveries the message is given up, if it is given up after a failure with this scope.
    fn gives_up_after(&self, scope: Scope) -> Option<u64> {
        let alone = self.history.failed_alone + 1;
        match scope {
            Scope::Message if alone >= MAX_FAILURES_ALONE => Some(alone),
            Scope::Message | Scope::Target => self.history.gives_up_after,
        }
    }
}

/// A remedy, by whether it helps a message in a spool. An empty text is none.
#[derive(Clone, Copy)]
enum Remedy<'a> {
    /// Something is repaired. The next attempt finds it so.
    Fix(&'a str),
    /// The document is sent with another URL or option. A message keeps its own.
    Anew(&'a str),
}

impl Remedy<'_> {
    /// The remedy of an error, which knows nothing of spools.
    fn of(text: &str) -> Remedy<'_> {
        const ASKS_FOR_OPTION: [&str; 4] = ["with --", "say --", "use --", "way: --"];
        match ASKS_FOR_OPTION.iter().any(|words| text.contains(words)) {
            true => Remedy::Anew(text),
            false => Remedy::Fix(text),
        }
    }

    fn text(self, circumstances: &Circumstances) -> Option<String> {
        match self {
            Remedy::Fix("") | Remedy::Anew("") => None,
            Remedy::Anew(text) if circumstances.is_message => Some(format!(
                "{text}; a message keeps its URL and options: drop it, and send its document anew"
            )),
            Remedy::Fix(text) | Remedy::Anew(text) => Some(text.to_owned()),
        }
    }
}

/// `error`, which kept a message from being sent, with a remedy that the message can take.
pub(crate) fn error_of_message(error: Error) -> Error {
    let circumstances = Circumstances {
        is_message: true,
        ..Circumstances::default()
    };
    let remedy = error.remedy().map(Remedy::of);
    match remedy.and_then(|remedy| remedy.text(&circumstances)) {
        Some(text) => error.hint(text),
        None => error,
    }
}

/// How often a message may fail for a reason that concerns it alone: it must not block its target for days.
const MAX_FAILURES_ALONE: u64 = 3;

/// Judges one attempt.
pub(super) fn judge(
    attempt: &Attempt,
    circumstances: &Circumstances,
    acceptance: Acceptance,
) -> Verdict {
    let mut verdict = match attempt {
        Attempt::Unsent(error) => judge_unsent(error, circumstances),
        Attempt::Unanswered(error) => Verdict {
            hint: error
                .remedy()
                .or((!circumstances.is_message).then_some(
                    "the API may have accepted it: check before sending it again, or say --idempotent",
                ))
                .map(str::to_owned),
            ..Verdict::new(Fate::Unknown, Exit::IoErr, Retry::IfIdempotent, error.to_string())
        },
        Attempt::Answered(answer) => judge_answer(answer, circumstances, acceptance),
    };
    if let (Retry::WithNewToken, Some(ago)) = (verdict.retry, &circumstances.token_expired) {
        verdict.why.push_str(&format!(": the token expired {ago}"));
    }
    verdict.scope = scope(attempt);
    verdict.disposition = disposition(&verdict, circumstances);
    let given_up_after = circumstances.gives_up_after(verdict.scope);
    if let (Disposition::DeadLetter, Some(failures)) = (verdict.disposition, given_up_after)
        && is_retryable(&verdict, circumstances)
    {
        verdict.why = format!("given up after {failures} attempts: {}", verdict.why);
    }
    // A later attempt settles an earlier one only if the API accepted it.
    verdict.hides_earlier = circumstances.outcome_unknown
        && !is_success(attempt, acceptance)
        && verdict.retry != Retry::IfIdempotent;
    if verdict.hides_earlier {
        verdict.fate = Fate::Unknown;
        verdict.exit = Exit::IoErr;
    }
    if circumstances.idempotent && (verdict.retry == Retry::IfIdempotent || verdict.hides_earlier) {
        verdict.hint = Some(
            "the API may have accepted it: check before sending it under another key".to_owned(),
        );
    }
    verdict
}

fn scope(attempt: &Attempt) -> Scope {
    match attempt {
        Attempt::Unsent(_) | Attempt::Unanswered(_) => Scope::Target,
        Attempt::Answered(answer) => match answer.status {
            401 | 403 | 407 | 408 | 425 | 429 | 502..=504 => Scope::Target,
            _ => Scope::Message,
        },
    }
}

/// Whether the answer says that the document was processed.
fn is_success(attempt: &Attempt, acceptance: Acceptance) -> bool {
    matches!(attempt, Attempt::Answered(answer)
        if answer.status / 100 == 2 && title_of_page(answer, acceptance).is_none()
            || accepts(acceptance, answer.status))
}

fn disposition(verdict: &Verdict, circumstances: &Circumstances) -> Disposition {
    // The user can fix a token or a file, and the message itself is good.
    let is_local_problem = verdict.fate == Fate::Unsent || verdict.exit == Exit::NoPerm;
    match is_retryable(verdict, circumstances) {
        _ if verdict.fate == Fate::Accepted => Disposition::Delivered,
        true if circumstances.gives_up_after(verdict.scope).is_none() => Disposition::Requeue,
        false if is_local_problem => Disposition::Requeue,
        _ => Disposition::DeadLetter,
    }
}

/// Whether another attempt is safe, and may succeed without anything being fixed first.
fn is_retryable(verdict: &Verdict, circumstances: &Circumstances) -> bool {
    match verdict.retry {
        _ if verdict.exit == Exit::NoPerm => false,
        Retry::Safe | Retry::WithNewToken => true,
        Retry::IfIdempotent => circumstances.idempotent,
        Retry::Never => false,
    }
}

fn judge_unsent(error: &Error, circumstances: &Circumstances) -> Verdict {
    let retry = match error.kind() {
        Kind::Unreached => Retry::Safe,
        _ => Retry::Never,
    };
    let why = match &circumstances.refused_token {
        Some(refusal) => no_new_token(refusal, error),
        None => error.to_string(),
    };
    let remedy = error.remedy().map(Remedy::of);
    Verdict {
        hint: remedy.and_then(|it| it.text(circumstances)),
        ..Verdict::new(Fate::Unsent, error.kind().into(), retry, why)
    }
}

/// What went wrong when the API refused the token, and there is no other.
pub(super) fn no_new_token(refusal: &str, error: &Error) -> String {
    format!("{refusal}; no new token: {error}")
}

/// Whether the answer is a rate limit. Some APIs answer 403 instead of 429.
pub(crate) fn is_rate_limit(answer: &Answer) -> bool {
    match answer.status {
        429 => true,
        403 => {
            let wait = answer
                .retry_after
                .as_deref()
                .and_then(|it| time::retry_after(it, 0));
            wait.is_some() || answer.header("x-ratelimit-remaining") == Some("0")
        }
        _ => false,
    }
}

fn judge_answer(answer: &Answer, circumstances: &Circumstances, acceptance: Acceptance) -> Verdict {
    let challenges = match answer.status {
        401 | 403 => answer.challenges(),
        _ => Vec::new(),
    };
    let denied = |retry, remedy| (Fate::Refused, Exit::NoPerm, retry, remedy);
    let refused = |remedy| (Fate::Refused, Exit::Protocol, Retry::Never, remedy);
    let unavailable = |retry, remedy| (Fate::Unavailable, Exit::Unavailable, retry, remedy);
    let (fate, exit, retry, remedy) = match answer.status {
        200..=299 => return judge_success(answer, acceptance, circumstances.is_message),
        status if accepts(acceptance, status) => return accepted_by_status(answer, acceptance),
        401 => denied(
            Retry::WithNewToken,
            remedy_for_401(circumstances.credentials, &challenges),
        ),
        403 if is_rate_limit(answer) => unavailable(Retry::Safe, Remedy::Fix("")),
        403 => denied(
            Retry::Never,
            match circumstances.credentials {
                CredentialKind::None => Remedy::Anew(
                    "no token was sent: if the API wants one, name it with --token-file, or another way ('authpost -h')",
                ),
                CredentialKind::HeaderFile => {
                    Remedy::Fix("the API does not let the headers of --header-file do this")
                }
                _ => Remedy::Fix("the token is known, but may not do this: ask for the right"),
            },
        ),
        407 => denied(
            Retry::Never,
            Remedy::Fix("give the proxy's user and password in HTTPS_PROXY"),
        ),
        408 | 425 | 429 | 503 => unavailable(Retry::Safe, Remedy::Fix("")),
        500..=599 => unavailable(
            Retry::IfIdempotent,
            // What can be done with a message is said where it is dead-lettered.
            Remedy::Fix(match circumstances.is_message {
                true => "",
                false => "the API may have accepted it; say --idempotent to have it sent again",
            }),
        ),
        // An earlier request with the document is still being processed.
        409 if circumstances.attempts > 0 => {
            (Fate::Refused, Exit::Protocol, Retry::Safe, Remedy::Fix(""))
        }
        300..=399 => refused(Remedy::Anew(
            "redirects are never followed, so that the token goes nowhere else: use the new address",
        )),
        404 | 410 => refused(Remedy::Anew("check the path in the URL")),
        400 if says(answer, WANTS_TLS) => refused(Remedy::Anew(
            "what answers there speaks TLS: begin the URL with https://",
        )),
        400 if says(answer, WANTS_CERTIFICATE) => refused(Remedy::Anew(
            "the API asks for a client certificate: give one with --cert and --key",
        )),
        _ => refused(Remedy::Fix("")),
    };
    let mut why = format!("the API answered {}", answer.status_and_reason());
    if let (300..=399, Some(to)) = (answer.status, answer.header("location")) {
        why.push_str(&format!(" and points to {to}"));
    }
    if answer.status == 403 && is_rate_limit(answer) {
        why.push_str(": a rate limit");
    }
    // RFC 6750, section 3.
    let said = challenges.iter().find_map(|challenge| {
        let error = challenge.parameter("error")?;
        Some(match challenge.parameter("error_description") {
            Some(description) => format!(": {error} ({description})"),
            None => format!(": {error}"),
        })
    });
    why.push_str(&shortened(&said.unwrap_or_default(), 300));
    Verdict {
        hint: remedy.text(circumstances),
        ..Verdict::new(fate, exit, retry, why)
    }
}

fn remedy_for_401(credentials: CredentialKind, challenges: &[Challenge]) -> Remedy<'static> {
    let only_basic =
        !challenges.is_empty() && challenges.iter().all(|challenge| challenge.is("basic"));
    match (credentials, only_basic) {
        (CredentialKind::None | CredentialKind::Token | CredentialKind::OAuth2, true) => {
            Remedy::Anew(
                "the API offers only Basic: say --auth-scheme Basic, and give user:password as the token",
            )
        }
        (CredentialKind::None, false) => Remedy::Anew(
            "no token was sent: name one with --token-file, or another way ('authpost -h')",
        ),
        (CredentialKind::HeaderFile, _) => {
            Remedy::Fix("the API refuses what --header-file sends: check it")
        }
        (CredentialKind::Basic, _) => Remedy::Fix("the user or the password is wrong: check them"),
        (CredentialKind::OAuth2, _) => Remedy::Fix(
            "the API refuses a token that was just fetched: check 'scope' and 'audience' in the OAuth2 file, and the URL",
        ),
        (CredentialKind::Token, false) => {
            Remedy::Fix("the token is wrong or has expired: get a new one")
        }
    }
}

/// What servers of TLS say to a request without it: nginx, Apache, Go and Tomcat.
const WANTS_TLS: &[&str] = &[
    "plain HTTP request was sent to HTTPS port",
    "speaking plain HTTP to an SSL-enabled server port",
    "HTTP request to an HTTPS server",
    "combination of host and port requires TLS",
];

/// What nginx says to a request without the client certificate that it requires. The handshake went well.
const WANTS_CERTIFICATE: &[&str] = &["No required SSL certificate was sent"];

/// Whether one of these stands in the first part of the answer.
fn says(answer: &Answer, texts: &[&str]) -> bool {
    let start = &answer.body[..answer.body.len().min(1000)];
    let said = String::from_utf8_lossy(start);
    texts.iter().any(|text| said.contains(text))
}

pub(super) fn shortened(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

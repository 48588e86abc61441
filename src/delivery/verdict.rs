//! What a delivery came to: the exit codes, and the one judgement that leads to them.
//!
//! [`judge`] is pure: it maps one [`Attempt`] to a [`Verdict`], which says what the API did as far as anybody can
//! know, and whether trying again is safe. Where in doubt, the document may have been processed.

#[cfg(test)]
mod tests;

use std::fmt;

use crate::http::{Answer, Attempt, End};
use crate::json;
use crate::request::{Expect, Show};
use crate::system::error::{Error, Kind};

/// How a run ends, by the names and numbers of sysexits(3). Ordered as in [`EXITS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    Ok,
    Usage,
    DataErr,
    NoInput,
    Unavailable,
    Software,
    CantCreat,
    IoErr,
    TempFail,
    Protocol,
    NoPerm,
    Config,
}

/// One row of the table of exit codes.
#[derive(Debug)]
pub struct ExitRow {
    /// Which.
    pub exit: Exit,
    /// The process's exit status.
    pub code: u8,
    /// sysexits's name, without `EX_`.
    pub name: &'static str,
    /// What happened.
    pub meaning: &'static str,
    /// What a person would do next.
    pub advice: &'static str,
}

/// Every exit code, by number. Help, manual page and README are rendered from or held to it.
pub const EXITS: &[ExitRow] = &[
    ExitRow {
        exit: Exit::Ok,
        code: 0,
        name: "OK",
        meaning: "accepted: the API answered 2xx, and --expect matches; or stored in the spool",
        advice: "nothing to do",
    },
    ExitRow {
        exit: Exit::Usage,
        code: 64,
        name: "USAGE",
        meaning: "the command line is wrong; nothing was sent",
        advice: "fix the command line",
    },
    ExitRow {
        exit: Exit::DataErr,
        code: 65,
        name: "DATAERR",
        meaning: "the document is not valid JSON; nothing was sent",
        advice: "fix the data",
    },
    ExitRow {
        exit: Exit::NoInput,
        code: 66,
        name: "NOINPUT",
        meaning: "an input cannot be read; nothing was sent",
        advice: "fix the path",
    },
    ExitRow {
        exit: Exit::Unavailable,
        code: 69,
        name: "UNAVAILABLE",
        meaning: "the API answers, but keeps failing: 408, 425, 429 or 5xx",
        advice: "try later",
    },
    ExitRow {
        exit: Exit::Software,
        code: 70,
        name: "SOFTWARE",
        meaning: "a bug in authpost",
        advice: "report it",
    },
    ExitRow {
        exit: Exit::CantCreat,
        code: 73,
        name: "CANTCREAT",
        meaning: "the output, a lock, a cache or the spool cannot be written",
        advice: "check disk space and permissions",
    },
    ExitRow {
        exit: Exit::IoErr,
        code: 74,
        name: "IOERR",
        meaning: "outcome unknown: sent, but no complete answer came; the API may have processed it",
        advice: "check the API before you send it again",
    },
    ExitRow {
        exit: Exit::TempFail,
        code: 75,
        name: "TEMPFAIL",
        meaning: "nothing was sent: DNS, connection, TLS or proxy failed, or another run holds the lock",
        advice: "try later; a retry is safe",
    },
    ExitRow {
        exit: Exit::Protocol,
        code: 76,
        name: "PROTOCOL",
        meaning: "refused: 3xx or another 4xx; or --expect or --pick does not match",
        advice: "fix the request",
    },
    ExitRow {
        exit: Exit::NoPerm,
        code: 77,
        name: "NOPERM",
        meaning: "the token or the proxy password is refused: 401, 403, 407, or by the token endpoint",
        advice: "fix the token or the password",
    },
    ExitRow {
        exit: Exit::Config,
        code: 78,
        name: "CONFIG",
        meaning: "a token, certificate or config file cannot be used; nothing was sent",
        advice: "fix that file",
    },
];

impl Exit {
    /// The process's exit status.
    pub fn code(self) -> u8 {
        EXITS
            .iter()
            .find(|row| row.exit == self)
            .map_or(70, |row| row.code)
    }

    /// The more severe of two, for a run of many deliveries: what keeps all documents from going out outranks what is
    /// wrong with one of them, and what a person must mend outranks what may pass.
    pub fn or_worse(self, other: Exit) -> Exit {
        const RANKS: [Exit; 12] = [
            Exit::Ok,
            Exit::DataErr,
            Exit::Protocol,
            Exit::TempFail,
            Exit::Unavailable,
            Exit::IoErr,
            Exit::NoPerm,
            Exit::Config,
            Exit::NoInput,
            Exit::CantCreat,
            Exit::Usage,
            Exit::Software,
        ];
        let rank = |exit| RANKS.iter().position(|ranked| *ranked == exit);
        if rank(other) > rank(self) {
            other
        } else {
            self
        }
    }
}

impl From<Kind> for Exit {
    fn from(kind: Kind) -> Exit {
        match kind {
            Kind::Usage => Exit::Usage,
            Kind::Data => Exit::DataErr,
            Kind::Input => Exit::NoInput,
            Kind::Output => Exit::CantCreat,
            Kind::Unreached | Kind::Untrusted => Exit::TempFail,
            Kind::Denied => Exit::NoPerm,
            Kind::Config => Exit::Config,
        }
    }
}

/// What became of a document, as far as anybody can know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The API took it.
    Accepted,
    /// The API will not have it.
    Refused,
    /// The API answers, but keeps failing.
    Unavailable,
    /// It never left.
    Unsent,
    /// It may have been taken.
    Unknown,
    /// It was not taken, and waits in the spool.
    Spooled,
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Fate::Accepted => "accepted",
            Fate::Refused => "refused",
            Fate::Unavailable => "unavailable",
            Fate::Unsent => "unsent",
            Fate::Unknown => "unknown",
            Fate::Spooled => "spooled",
        })
    }
}

/// When trying again is safe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// Never, or it would not help.
    No,
    /// The API has not processed it.
    Yes,
    /// The API may have processed it: only if that is harmless.
    IfIdempotent,
    /// The API has not processed it, and wants another token.
    WithNewToken,
}

/// The judgement on one attempt.
#[derive(Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What became of the document.
    pub fate: Fate,
    /// How the run ends if this attempt is the last.
    pub exit: Exit,
    /// Whether to try again.
    pub again: Again,
    /// What went wrong, and the remedy, for people; empty when nothing did.
    pub why: String,
    /// The remedy, where there is one.
    pub hint: Option<String>,
}

/// What an answer has to satisfy beyond its status.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    /// What it must say.
    pub expect: &'a [Expect],
    /// What is to be picked out of it.
    pub show: &'a Show,
}

/// Judges one attempt, the `number`th of its delivery (from 1).
pub fn judge(attempt: &Attempt, number: u32, terms: Terms) -> Verdict {
    match attempt {
        Attempt::Unsent(error) => judge_unsent(error),
        Attempt::Unanswered(error) => Verdict {
            fate: Fate::Unknown,
            exit: Exit::IoErr,
            again: Again::IfIdempotent,
            why: error.to_string(),
            hint: Some(
                error
                    .remedy()
                    .unwrap_or("the API may have taken it: look before sending it again, or say --idempotent")
                    .to_owned(),
            ),
        },
        Attempt::Answered(answer) => judge_answer(answer, number, terms),
    }
}

fn judge_unsent(error: &Error) -> Verdict {
    Verdict {
        fate: Fate::Unsent,
        exit: error.kind().into(),
        again: match error.kind() {
            Kind::Unreached => Again::Yes,
            _ => Again::No,
        },
        why: error.to_string(),
        hint: error.remedy().map(str::to_owned),
    }
}

fn judge_answer(answer: &Answer, number: u32, terms: Terms) -> Verdict {
    let (fate, exit, again, hint) = match answer.status {
        200..=299 => return judge_success(answer, terms),
        401 => (
            Fate::Refused,
            Exit::NoPerm,
            Again::WithNewToken,
            "the token is wrong or has expired: get a new one",
        ),
        403 => (
            Fate::Refused,
            Exit::NoPerm,
            Again::No,
            "the token is known, but may not do this: ask for the right",
        ),
        407 => (
            Fate::Refused,
            Exit::NoPerm,
            Again::No,
            "give the proxy's user and password in HTTPS_PROXY",
        ),
        408 | 425 | 429 | 503 => (Fate::Unavailable, Exit::Unavailable, Again::Yes, ""),
        500..=599 => (
            Fate::Unavailable,
            Exit::Unavailable,
            Again::IfIdempotent,
            "the API may have taken it; say --idempotent to have it sent again",
        ),
        409 if number > 1 => (Fate::Refused, Exit::Protocol, Again::Yes, ""),
        300..=399 => (
            Fate::Refused,
            Exit::Protocol,
            Again::No,
            "redirects are never followed, so that the token goes nowhere else: use the new address",
        ),
        404 | 410 => (
            Fate::Refused,
            Exit::Protocol,
            Again::No,
            "check the path in the URL",
        ),
        _ => (Fate::Refused, Exit::Protocol, Again::No, ""),
    };
    let location = answer
        .header("location")
        .filter(|_| (300..400).contains(&answer.status));
    Verdict {
        fate,
        exit,
        again,
        why: match location {
            Some(to) => format!("the API answered {} and points to {to}", status(answer)),
            None => format!("the API answered {}", status(answer)),
        },
        hint: (!hint.is_empty()).then(|| hint.to_owned()),
    }
}

fn status(answer: &Answer) -> String {
    format!("{} {}", answer.status, answer.reason)
        .trim_end()
        .to_owned()
}

/// A 2xx answer counts as accepted unless `--expect` or `--pick` says otherwise.
fn judge_success(answer: &Answer, terms: Terms) -> Verdict {
    let accepted = Verdict {
        fate: Fate::Accepted,
        exit: Exit::Ok,
        again: Again::No,
        why: String::new(),
        hint: None,
    };
    let picked = match terms.show {
        Show::Pick(pointer) => Some(pointer),
        _ => None,
    };
    if terms.expect.is_empty() && picked.is_none() {
        return accepted;
    }
    if answer.end != End::Whole {
        let why = match &answer.end {
            End::Broken(why) => format!(
                "the API answered {}, but its answer broke off: {why}",
                status(answer)
            ),
            _ => format!(
                "the API answered {}, with more than --max-response holds",
                status(answer)
            ),
        };
        let hint = Some("the API has taken it: look at what it made of it".to_owned());
        return Verdict {
            fate: Fate::Unknown,
            exit: Exit::IoErr,
            why,
            hint,
            ..accepted
        };
    }
    let unmet = |fate, why| Verdict {
        fate,
        exit: Exit::Protocol,
        why: format!("the API answered {}, but {why}", status(answer)),
        hint: Some(match fate {
            Fate::Accepted => {
                "the API has taken it: look at what it says, and at the pointer".to_owned()
            }
            _ => "look at what the API says, and at the pointer".to_owned(),
        }),
        ..accepted
    };
    let Some(body) = json_of(answer) else {
        let fate = match terms.expect.is_empty() {
            true => Fate::Accepted,
            false => Fate::Refused,
        };
        return unmet(fate, "not with JSON".to_owned());
    };
    for expected in terms.expect {
        let pointer = &expected.pointer;
        match pointer.pick(body) {
            None => return unmet(Fate::Refused, format!("there is nothing at '{pointer}'")),
            Some(found) if !json::equal(found, &expected.value) => {
                let found = match answer.repeats_secret {
                    true => "something else".to_owned(),
                    false => shortened(found),
                };
                return unmet(
                    Fate::Refused,
                    format!("'{pointer}' is {found}, not {}", expected.value),
                );
            }
            Some(_) => {}
        }
    }
    match picked {
        Some(pointer) if pointer.pick(body).is_none() => {
            unmet(Fate::Accepted, format!("there is nothing at '{pointer}'"))
        }
        _ => accepted,
    }
}

/// The answer's body, if it is JSON.
pub fn json_of(answer: &Answer) -> Option<&str> {
    let body = std::str::from_utf8(&answer.body).ok()?;
    json::check(body.as_bytes()).is_ok().then_some(body)
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

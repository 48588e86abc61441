//! The exit codes: sysexits(3), with what each means here and what to do next.

use crate::system::claim::Claim;
use crate::system::error::{Error, Kind};
use crate::system::time;

/// How a run ends, by the names and numbers of sysexits(3). Ordered as in [`EXITS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(
    clippy::missing_docs_in_private_items,
    reason = "what each means is in EXITS"
)]
pub(crate) enum Exit {
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
pub(crate) struct ExitRow {
    /// The exit code.
    pub(crate) exit: Exit,
    /// The process's exit status.
    pub(crate) code: u8,
    /// sysexits's name, without `EX_`.
    pub(crate) name: &'static str,
    /// What happened.
    pub(crate) meaning: &'static str,
    /// What to do next.
    pub(crate) advice: &'static str,
}

/// Every exit code, by number. Help and manual page are rendered from it; a test compares the README with it.
pub(crate) const EXITS: &[ExitRow] = &[
    ExitRow {
        exit: Exit::Ok,
        code: 0,
        name: "OK",
        meaning: "accepted: the API answered 2xx, not with a web page, and --expect matches; or stored in the spool",
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
        meaning: "the API answers, but keeps failing: 408, 425, 429, 5xx, or 403 from a rate limit",
        advice: "try later; after a 5xx other than 503, check first: the API may have processed it",
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
        meaning: "outcome unknown: sent, but no complete answer came; the API may have processed it, and after a 2xx \
                  status it has accepted it",
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
        meaning: "refused: 3xx or another 4xx; a web page; or --expect or --pick does not match",
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

/// The end of a run.
#[derive(Debug)]
pub(crate) struct RunEnd {
    /// Its exit code.
    pub(crate) exit: Exit,
    /// What its last line says; `None` where a run that fails is to be silent.
    pub(crate) claim: Option<Claim>,
}

impl RunEnd {
    /// An end with a last line that says this.
    pub(crate) fn new(exit: Exit, claim: Claim) -> RunEnd {
        let claim = Some(claim);
        RunEnd { exit, claim }
    }

    /// The last line of a run that ends now, in seconds since 1970; `None` where it has none.
    pub(crate) fn last_line(&self, now: u64) -> Option<String> {
        let row = EXITS.iter().find(|row| row.exit == self.exit)?;
        let claim = match (self.exit, &self.claim) {
            (Exit::Ok, _) | (_, None) => return None,
            (_, Some(claim)) => text(self.exit, claim),
        };
        let separator = if claim.is_empty() { "" } else { ": " };
        let (code, name, time) = (row.code, row.name, time::rfc3339(now));
        Some(format!("exit {code} {name}{separator}{claim} ({time})"))
    }
}

impl From<Exit> for RunEnd {
    fn from(exit: Exit) -> RunEnd {
        RunEnd::new(exit, Claim::Unstated)
    }
}

impl From<&Error> for RunEnd {
    fn from(error: &Error) -> RunEnd {
        RunEnd::new(error.kind().into(), error.claim().clone())
    }
}

/// What the last line claims.
fn text(exit: Exit, claim: &Claim) -> String {
    // Another run may succeed without anything being fixed.
    let again = match exit {
        Exit::TempFail | Exit::Unavailable => ", running it again is safe",
        _ => "",
    };
    match claim {
        Claim::Unstated => String::new(),
        // An earlier run sent something.
        Claim::Nothing if exit == Exit::IoErr => "this run sent nothing".to_owned(),
        Claim::Nothing => format!("nothing was sent{again}"),
        Claim::NotAccepted => format!("the document was not accepted{again}"),
        Claim::Unproven => "the answer does not show that the document was accepted".to_owned(),
        Claim::Accepted => "the document was accepted, do not send it again".to_owned(),
        Claim::Unknown {
            what,
            key: Some(key),
            idempotent: true,
        } => format!(
            "the API may have accepted {what}, send it again only with --idempotency-key={key}"
        ),
        Claim::Unknown {
            what,
            key: None,
            idempotent: true,
        } => format!("the API may have accepted {what}, which may be sent again (--idempotent)"),
        Claim::Unknown { what, key, .. } => {
            let key = key.as_ref();
            let key = key.map_or(String::new(), |key| {
                format!("; its idempotency key is {key}")
            });
            format!("the API may have accepted {what}, check before you send it again{key}")
        }
        Claim::UnknownDocuments(count) => format!(
            "the API may have accepted {count} of the documents, check before you send them again"
        ),
        Claim::Spooled => "the document is in the spool, do not send it again".to_owned(),
        Claim::MaybeSpooled => {
            "the spool may have the document, look there before you send it again".to_owned()
        }
        Claim::NoLine => format!("no line was accepted{again}"),
        Claim::SomeLines => "do not send the lines again that were accepted".to_owned(),
        Claim::LinesSpooled => "do not send again what was accepted or is in the spool".to_owned(),
        Claim::Resumable(line) => format!("running it again continues after line {line}"),
        Claim::Flushed => "running it again is safe".to_owned(),
        Claim::Crashed => {
            "whether anything was sent is not known, check the API before you run it again"
                .to_owned()
        }
    }
}

impl Exit {
    /// The process's exit status.
    pub(crate) fn code(self) -> u8 {
        EXITS
            .iter()
            .find(|row| row.exit == self)
            .map_or(70, |row| row.code)
    }

    /// The more severe of two, for a run of many deliveries: what prevents all deliveries outranks a problem of one
    /// document, and what a person has to fix outranks what is temporary.
    pub(crate) fn or_worse(self, other: Exit) -> Exit {
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
            Kind::Interrupted => Exit::IoErr,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A bug cannot be had on demand, so this line is not seen from outside.
    #[test]
    fn after_a_bug_nothing_is_claimed() {
        let end = RunEnd::new(Exit::Software, Claim::Crashed);
        assert_eq!(
            end.last_line(1_795_231_022).as_deref(),
            Some(
                "exit 70 SOFTWARE: whether anything was sent is not known, check the API before you run it again \
                 (2026-11-21T03:17:02Z)"
            )
        );
    }

    #[test]
    fn every_exit_has_a_row_and_every_row_a_code_of_its_own() {
        let codes: Vec<_> = EXITS.iter().map(|row| row.code).collect();
        assert_eq!(codes, [0, 64, 65, 66, 69, 70, 73, 74, 75, 76, 77, 78]);
        for row in EXITS {
            assert_eq!(row.exit.code(), row.code);
        }
        for (kind, code) in [
            (Kind::Usage, 64),
            (Kind::Data, 65),
            (Kind::Input, 66),
            (Kind::Output, 73),
            (Kind::Unreached, 75),
            (Kind::Denied, 77),
            (Kind::Config, 78),
            (Kind::Interrupted, 74),
        ] {
            assert_eq!(Exit::from(kind).code(), code);
        }
    }
}

//! The exit codes: sysexits(3), with what each means here and what a person would do next.

use crate::system::error::Kind;

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
    /// Which.
    pub(crate) exit: Exit,
    /// The process's exit status.
    pub(crate) code: u8,
    /// sysexits's name, without `EX_`.
    pub(crate) name: &'static str,
    /// What happened.
    pub(crate) meaning: &'static str,
    /// What a person would do next.
    pub(crate) advice: &'static str,
}

/// Every exit code, by number. Help, manual page and README are rendered from or held to it.
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
        meaning: "the API answers, but keeps failing: 408, 425, 429, 5xx, or a rate limit's 403",
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
        meaning: "outcome unknown: sent, but no complete answer came; the API may have processed it, or after a 2xx \
                  status has accepted it",
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

impl Exit {
    /// The process's exit status.
    pub(crate) fn code(self) -> u8 {
        EXITS
            .iter()
            .find(|row| row.exit == self)
            .map_or(70, |row| row.code)
    }

    /// The more severe of two, for a run of many deliveries: what keeps all documents from going out outranks what is
    /// wrong with one of them, and what a person must mend outranks what may pass.
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

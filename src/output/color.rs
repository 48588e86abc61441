//! Whether output is coloured, and in which colours.
//!
//! Standard output and standard error are decided separately. The colours are standard ones that can be read on a light
//! and on a dark background: neither yellow nor blue, and nothing bright.

use std::ffi::OsString;
use std::sync::OnceLock;

use super::terminal;
use crate::json::TokenKind;

/// When output is coloured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Color {
    /// On a terminal, if the environment does not say otherwise.
    #[default]
    Auto,
    /// Everywhere.
    Always,
    /// Nowhere.
    Never,
}

impl Color {
    /// The value of `--color`; `None` if there is no such value.
    pub(crate) fn parse(word: &str) -> Option<Color> {
        match word {
            "auto" => Some(Color::Auto),
            "always" => Some(Color::Always),
            "never" => Some(Color::Never),
            _ => None,
        }
    }

    /// Applies to everything that is printed from now on. Only the first call has an effect.
    pub(crate) fn apply(self) {
        let _ = CHOICE.set(self);
    }

    /// Whether an output is coloured. NO_COLOR: <https://no-color.org>; CLICOLOR_FORCE:
    /// <https://bixense.com/clicolors>.
    fn applies(self, is_terminal: impl FnOnce() -> bool) -> bool {
        let given = |name| std::env::var_os(name).filter(|value: &OsString| !value.is_empty());
        match self {
            Color::Always => true,
            Color::Never => false,
            Color::Auto if given("NO_COLOR").is_some() => false,
            Color::Auto if given("CLICOLOR_FORCE").is_some_and(|value| value != "0") => true,
            Color::Auto => terminal::interprets_escapes() && is_terminal(),
        }
    }
}

static CHOICE: OnceLock<Color> = OnceLock::new();

fn choice() -> Color {
    CHOICE.get().copied().unwrap_or_default()
}

/// Whether standard output is coloured.
pub(super) fn is_on_stdout() -> bool {
    static ANSWER: OnceLock<bool> = OnceLock::new();
    *ANSWER.get_or_init(|| choice().applies(terminal::is_terminal))
}

/// Whether standard error is coloured.
pub(super) fn is_on_stderr() -> bool {
    static ANSWER: OnceLock<bool> = OnceLock::new();
    *ANSWER.get_or_init(|| choice().applies(terminal::is_stderr_terminal))
}

/// Ends every style.
pub(super) const PLAIN: &str = "\x1b[0m";

/// What is coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    Ok,
    Warning,
    Failure,
    /// The name of the program before information.
    Name,
    Hint,
    Key,
    Text,
    Number,
    /// `true`, `false`, `null`.
    Literal,
}

impl Style {
    /// The escape sequence that begins it (ECMA-48, section 8.3.117).
    pub(super) fn code(self) -> &'static str {
        match self {
            Style::Name | Style::Key => "\x1b[1m",
            Style::Failure => "\x1b[1;31m",
            Style::Ok | Style::Text => "\x1b[32m",
            Style::Warning | Style::Literal => "\x1b[35m",
            Style::Hint | Style::Number => "\x1b[36m",
        }
    }

    /// The style of a status line.
    pub(super) fn of_status(status: u16) -> Style {
        match status {
            200..300 => Style::Ok,
            // No redirect is followed, so 3xx is a failure too.
            _ => Style::Failure,
        }
    }

    /// The style of a token; `None` for brackets.
    pub(super) fn of_token(kind: TokenKind, token: &[u8]) -> Option<Style> {
        match (kind, token.first()?) {
            (TokenKind::Begin | TokenKind::End, _) => None,
            (TokenKind::Key, _) => Some(Style::Key),
            (TokenKind::Scalar, b'"') => Some(Style::Text),
            (TokenKind::Scalar, b'-' | b'0'..=b'9') => Some(Style::Number),
            (TokenKind::Scalar, _) => Some(Style::Literal),
        }
    }
}

//! Makes text safe for a terminal, so that it is shown and not interpreted.
//!
//! Data from an API can contain escape sequences, which move the cursor, fill the clipboard or rename the window, and
//! characters that change the direction of text. Files and pipes receive the bytes unchanged: their reader is
//! responsible.

use std::io::{self, BufWriter, IsTerminal, StdoutLock, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use super::color::{self, PLAIN, Style};
use super::progress;
use crate::json::{self, TokenKind};

/// Whether standard output is a terminal.
pub(super) fn is_terminal() -> bool {
    static ANSWER: OnceLock<bool> = OnceLock::new();
    *ANSWER.get_or_init(|| io::stdout().is_terminal())
}

/// Whether standard error is a terminal.
pub(super) fn is_stderr_terminal() -> bool {
    static ANSWER: OnceLock<bool> = OnceLock::new();
    *ANSWER.get_or_init(|| io::stderr().is_terminal())
}

/// Whether the terminal, if there is one, interprets escape sequences.
pub(super) fn interprets_escapes() -> bool {
    std::env::var_os("TERM").is_some_and(|term| !term.is_empty() && term != "dumb")
}

/// The width of the terminal that standard output is; 80 without one, and if it cannot be learned.
pub(crate) fn columns() -> usize {
    static ANSWER: OnceLock<usize> = OnceLock::new();
    *ANSWER.get_or_init(|| columns_of(io::stdout().as_fd()).unwrap_or(80))
}

/// The same of standard error.
pub(super) fn stderr_columns() -> usize {
    static ANSWER: OnceLock<usize> = OnceLock::new();
    *ANSWER.get_or_init(|| columns_of(io::stderr().as_fd()).unwrap_or(80))
}

/// What COLUMNS says, else what stty says: the standard library has no call for it, and shells do not export COLUMNS. stty
/// is the system's, and gets none of our variables, of which one may be the token.
fn columns_of(terminal: BorrowedFd) -> Option<usize> {
    let given = std::env::var("COLUMNS").ok();
    let given = given.and_then(|columns| columns.parse().ok());
    let ask = || {
        let stty = Command::new("stty")
            .arg("size")
            .env_clear()
            .stdin(terminal.try_clone_to_owned().ok()?)
            .stderr(Stdio::null())
            .output()
            .ok()?;
        let size = String::from_utf8(stty.stdout).ok()?;
        size.trim_end().split_once(' ')?.1.parse().ok()
    };
    let columns = given.or_else(|| terminal.is_terminal().then(ask).flatten());
    columns.filter(|columns| *columns > 0)
}

/// `line`, shortened to the width of the terminal if standard output is one.
pub(crate) fn fit(line: &str) -> String {
    match is_terminal() {
        true => shorten(line, columns()),
        false => line.to_owned(),
    }
}

/// `line`, or as much of it as fits into so many columns.
pub(super) fn shorten(line: &str, columns: usize) -> String {
    match line.char_indices().nth(columns) {
        Some(_) => {
            let end = line.char_indices().nth(columns.saturating_sub(1));
            format!("{}…", &line[..end.map_or(0, |(at, _)| at)])
        }
        None => line.to_owned(),
    }
}

/// Control characters, and characters that change the direction of text.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// `text` on one line, safe to show: each character that a terminal would interpret is replaced.
pub(crate) fn printable(text: &str) -> String {
    let shown = |c| if is_unsafe(c) { '\u{fffd}' } else { c };
    text.chars().map(shown).collect()
}

/// Standard output. On a terminal, characters that it would interpret are written as JSON escapes, `\u001b`, so that
/// JSON keeps its meaning, and invalid UTF-8 as `\x9b`. The same goes for coloured output, which people look at, if
/// only with a pager. Each write must end with a whole character, and must not split a line ending.
pub(super) struct Out {
    buffer: BufWriter<StdoutLock<'static>>,
    escapes: bool,
    colors: bool,
}

impl Out {
    pub(super) fn new(size: usize) -> Out {
        progress::make_room();
        Out {
            buffer: BufWriter::with_capacity(size.clamp(4 << 10, 64 << 10), io::stdout().lock()),
            escapes: is_terminal() || color::is_on_stdout(),
            colors: color::is_on_stdout(),
        }
    }

    /// Writes `text` in a style.
    pub(super) fn styled(&mut self, style: Style, text: &[u8]) -> io::Result<()> {
        if !self.colors {
            return self.write_all(text);
        }
        self.buffer.write_all(style.code().as_bytes())?;
        self.write_all(text)?;
        self.buffer.write_all(PLAIN.as_bytes())
    }

    fn token(&mut self, kind: TokenKind, token: &[u8]) -> io::Result<()> {
        match Style::of_token(kind, token) {
            Some(style) => self.styled(style, token),
            None => self.write_all(token),
        }
    }

    /// Writes a JSON text, or several, as it is.
    pub(super) fn json(&mut self, json: &[u8]) -> io::Result<()> {
        match self.colors {
            true => json::unchanged(json, self, Out::token),
            false => self.write_all(json),
        }
    }

    /// Writes a JSON text with one member or element per line.
    pub(super) fn pretty(&mut self, json: &[u8]) -> io::Result<()> {
        json::pretty(json, self, Out::token)
    }

    fn write_escaped(&mut self, bytes: &[u8]) -> io::Result<()> {
        for chunk in bytes.utf8_chunks() {
            let text = chunk.valid();
            let mut written = 0;
            for (at, c) in text.char_indices().filter(|(_, c)| is_unsafe(*c)) {
                if matches!(c, '\n' | '\t') || text[at..].starts_with("\r\n") {
                    continue;
                }
                self.buffer.write_all(&text.as_bytes()[written..at])?;
                write!(self.buffer, "\\u{:04x}", u32::from(c))?;
                written = at + c.len_utf8();
            }
            self.buffer.write_all(&text.as_bytes()[written..])?;
            for byte in chunk.invalid() {
                write!(self.buffer, "\\x{byte:02x}")?;
            }
        }
        Ok(())
    }
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.escapes {
            return self.buffer.write(bytes);
        }
        self.write_escaped(bytes).map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.buffer.flush()
    }
}

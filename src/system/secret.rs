//! Secret text, and the small files that contain it.
//!
//! A [`Secret`] has no `Display` and no `Clone`, and its `Debug` shows nothing. Only `auth`, which builds headers, forms
//! and files from it, and `http`, which sends it, expose its text. Errors name the file and what is wrong with it, never
//! its content.

mod forms;

use std::cell::OnceCell;
use std::fmt;
use std::fs::OpenOptions;
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

use crate::system::error::{Error, Kind, Result};
use crate::system::time::{self, Deadline};
use forms::{Forms, Trace};

/// Larger than any secret: a larger file is the wrong one.
pub(crate) const TOO_LARGE: u64 = 64 * 1024;

/// A part of a secret with fewer characters than this reveals nothing, and would match harmless text.
const MIN_TRACE: usize = 6;

/// Words in the paths of webhooks that reveal nothing, and that an API may well say.
const USUAL: [&str; 12] = [
    "incoming",
    "incomingwebhook",
    "integrations",
    "invoke",
    "manual",
    "messages",
    "services",
    "spaces",
    "triggers",
    "webhook",
    "webhooks",
    "workflows",
];

/// Text that must not be shown.
pub(crate) struct Secret {
    text: String,
    /// The texts that reveal it, longest first.
    traces: Vec<Trace>,
    /// All the forms that these may have, computed at the first search.
    forms: OnceCell<Forms>,
}

impl Secret {
    /// A secret of `text`. Each of its words, and the value of each `name=value`, reveals it as well.
    pub(crate) fn new(text: String) -> Secret {
        let traces = traces(&text);
        Secret::traced(text, traces)
    }

    /// A secret `text` after a `word` that is not secret, such as Bearer.
    pub(crate) fn with_scheme(word: &str, text: &str) -> Secret {
        let mut traces = traces(text);
        let text = format!("{word} {text}");
        traces.push(whole(text.clone()));
        Secret::traced(text, traces)
    }

    /// A user and a password after the `word` Basic (RFC 7617).
    pub(crate) fn basic(word: &str, user: &str, password: &str) -> Secret {
        let pair = format!("{user}:{password}");
        let code = base64(pair.as_bytes());
        let text = format!("{word} {code}");
        // The user name alone is not secret, and is often shown.
        Secret::traced(
            text,
            vec![part(code), whole(pair), part(password.to_owned())],
        )
    }

    /// The secret `text` of a URL: its path and query. They reveal it as a whole, and each of their parts does, unless it
    /// is a usual word.
    pub(crate) fn of_url(text: String) -> Secret {
        let mut traces = Vec::new();
        // Each as it is written, and decoded.
        let mut add = |text: &str, trace: fn(String) -> Trace| {
            let decoded = forms::unescaped(text.as_bytes());
            let decoded = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
            traces.push(trace(text.to_owned()));
            traces.extend(decoded.map(trace));
        };
        for word in text.split(['/', '?', '&', ';', ',']) {
            let value = word.split_once('=').map_or(word, |(_, value)| value);
            if !USUAL.iter().any(|word| word.eq_ignore_ascii_case(value)) {
                add(value, part);
            }
        }
        add(&text, whole);
        add(text.split('?').next().unwrap_or_default(), whole);
        Secret::traced(text, traces)
    }

    fn traced(text: String, mut traces: Vec<Trace>) -> Secret {
        traces.retain(|trace| trace.text.chars().count() >= MIN_TRACE);
        let length = |trace: &Trace| std::cmp::Reverse(trace.text.len());
        traces.sort_by(|a, b| (length(a), &a.text).cmp(&(length(b), &b.text)));
        traces.dedup_by(|a, b| a.text == b.text);
        Secret {
            text,
            traces,
            forms: OnceCell::new(),
        }
    }

    /// Its length in bytes.
    pub(crate) fn len(&self) -> usize {
        self.expose().len()
    }

    /// The text itself. The caller must not show it.
    pub(crate) fn expose(&self) -> &str {
        &self.text
    }

    /// The texts that reveal the secret, longest first, for code that redacts them.
    pub(crate) fn traces(&self) -> impl Iterator<Item = &str> {
        self.traces.iter().map(|trace| trace.text.as_str())
    }

    fn forms(&self) -> &Forms {
        self.forms.get_or_init(|| Forms::of(&self.traces))
    }
}

/// Whether the name of a header or parameter says that its value is a secret.
pub(crate) fn is_named(name: &str) -> bool {
    const WORDS: [&str; 24] = [
        "apikey",
        "assertion",
        "auth",
        "authentication",
        "authorization",
        "bearer",
        "cookie",
        "cookie2",
        "credential",
        "credentials",
        "csrf",
        "jwt",
        "key",
        "otp",
        "passwd",
        "password",
        "secret",
        "session",
        "sid",
        "sig",
        "signature",
        "token",
        "tokens",
        "xsrf",
    ];
    let name = name.to_ascii_lowercase();
    let mut words = name.split(['-', '_', '.']);
    // An idempotency key is not a secret, whatever an API calls it.
    words.any(|word| WORDS.contains(&word)) && !name.contains("idempotency")
}

/// Whether `word` looks like a JSON Web Token (RFC 7519): JSON in base64url, in three parts.
pub(crate) fn is_jwt(word: &str) -> bool {
    let part = |part: &str| {
        part.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    word.starts_with("eyJ") && word.split('.').count() >= 3 && word.split('.').all(part)
}

/// Whether `text` contains one of `secrets`, in any form; `text` may have been cut off in the middle of one.
pub(crate) fn are_repeated<'a>(
    secrets: impl Iterator<Item = &'a Secret> + Clone,
    text: &[u8],
    is_cut: bool,
) -> bool {
    forms::are_in(secrets.map(Secret::forms), text, is_cut)
}

/// `text`, its words, and the values in them.
fn traces(text: &str) -> Vec<Trace> {
    let mut traces = vec![part(text.to_owned())];
    for word in text.split([' ', ';', ',']) {
        traces.push(part(word.to_owned()));
        if let Some((_, value)) = word.split_once('=') {
            traces.push(part(value.trim_matches('"').to_owned()));
        }
    }
    traces
}

/// A text of which every part is secret.
fn part(text: String) -> Trace {
    Trace {
        text,
        is_whole: false,
    }
}

/// A text that is secret only as a whole.
fn whole(text: String) -> Trace {
    Trace {
        text,
        is_whole: true,
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(redacted)")
    }
}

/// Base64 with padding (RFC 4648, section 4).
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let bits = group
            .iter()
            .fold(0u32, |bits, byte| bits << 8 | u32::from(*byte))
            << (8 * (3 - group.len()));
        for digit in 0..4 {
            text.push(match digit <= group.len() {
                true => char::from(DIGITS[(bits >> (18 - 6 * digit)) as usize & 63]),
                false => '=',
            });
        }
    }
    text
}

/// The text of `bytes`, which were read from `origin`, without surrounding white space. `remedy` is the advice if they
/// are not text.
///
/// # Errors
/// [`Kind::Config`].
pub(crate) fn from_bytes(bytes: Vec<u8>, origin: &str, remedy: &str) -> Result<Secret> {
    let unusable =
        |why: &str| Error::new(Kind::Config, format!("reading {origin}: {why}")).hint(remedy);
    let text = String::from_utf8(bytes).map_err(|_| unusable("it is not text in UTF-8"))?;
    match text.trim() {
        "" => Err(unusable("it is empty")),
        text => Ok(Secret::new(text.to_owned())),
    }
}

/// The text of the file at `path`. Messages call the file `what`, and say that it must hold `content`.
///
/// # Errors
/// [`Kind::Config`] if it is missing, empty or malformed; [`Kind::Unreached`] if it did not arrive in time.
pub(crate) fn from_file(
    what: &str,
    content: &str,
    path: &Path,
    deadline: Deadline,
) -> Result<Secret> {
    let origin = format!("{what} '{}'", path.display());
    let remedy = format!("put {content} into that file, readable by this user alone (chmod 600)");
    let bytes = read_file(path, deadline)
        .map_err(|why| unreadable(&format!("reading {origin}"), &why, &remedy))?;
    let remedy = format!("it must hold {content} and nothing else");
    from_bytes(bytes, &origin, &remedy)
}

/// The error for a failure of [`read_file`]; a pipe without a writer has a remedy of its own.
pub(crate) fn unreadable(doing: &str, why: &io::Error, remedy: &str) -> Error {
    match why.kind() {
        ErrorKind::TimedOut => {
            Error::new(Kind::Unreached, format!("{doing}: nothing came in time"))
                .hint("see that somebody writes to this pipe, and closes it")
        }
        _ => Error::io(Kind::Config, doing, why).hint(remedy),
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
const O_NONBLOCK: i32 = if cfg!(any(target_arch = "mips", target_arch = "mips64")) {
    0x80
} else {
    0o4000
};
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const O_NONBLOCK: i32 = 0x4;

/// The interval for polling a pipe that has no data yet: only pipes and terminals ever block.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// Reads the whole of a small file. Waits for the writer of a FIFO until `deadline`: opening it the usual way could
/// block forever.
///
/// # Errors
/// [`ErrorKind::TimedOut`] if the deadline is over; another kind if the file cannot be read or is not small.
pub(crate) fn read_file(path: &Path, deadline: Deadline) -> io::Result<Vec<u8>> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(O_NONBLOCK)
        .open(path)?;
    // This does not apply to the pipe behind /dev/stdin, which has no name: its writer existed before us.
    let awaits_writer = file.metadata()?.file_type().is_fifo() && path.canonicalize().is_ok();
    let mut bytes = Vec::new();
    loop {
        match (&file).take(TOO_LARGE + 1).read_to_end(&mut bytes) {
            // Without a writer, a FIFO reads as if it had ended.
            Ok(_) if awaits_writer && bytes.is_empty() => {}
            Ok(_) if bytes.len() as u64 > TOO_LARGE => {
                return Err(io::Error::other(
                    "it is larger than 64 KiB, so it is not what it should be",
                ));
            }
            Ok(_) => return Ok(bytes),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        if deadline.is_over() {
            return Err(ErrorKind::TimedOut.into());
        }
        time::sleep(POLL_INTERVAL.min(deadline.left()));
    }
}

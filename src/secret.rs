//! Text that must not be seen, and the small files that hold it.
//!
//! A [`Secret`] has no `Display` and no `Clone`, and its `Debug` says nothing. It is exposed by the rooms that make
//! headers, forms and files of it (`token.rs`, `oauth2.rs`) and by `http.rs`, which writes it on the wire; nobody else.

use std::fmt;
use std::fs::OpenOptions;
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

use crate::error::{Error, Kind, Result};
use crate::time::{self, Budget};

/// More than any secret: whoever names a larger file named the wrong one.
pub const TOO_LARGE: u64 = 64 * 1024;

/// Text that must not be seen.
pub struct Secret(String);

impl Secret {
    /// Takes `text` in.
    pub fn new(text: String) -> Secret {
        Secret(text)
    }

    /// `pair`, which reads `user:password`, as RFC 7617 puts it behind the `word` Basic.
    pub fn basic(word: &str, pair: &str) -> Secret {
        Secret(format!("{word} {}", base64(pair.as_bytes())))
    }

    /// The text itself: whoever calls this gives it away.
    pub fn expose(&self) -> &str {
        &self.0
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

/// The text of `bytes`, found in `origin`, with white space at its ends dropped. There must be `content`.
///
/// # Errors
/// [`Kind::Config`].
pub fn from_bytes(bytes: Vec<u8>, origin: &str, content: &str) -> Result<Secret> {
    let unusable = |why: &str| Error::new(Kind::Config, format!("reading {origin}: {why}"));
    let text = String::from_utf8(bytes).map_err(|_| unusable("it is not text in UTF-8"))?;
    match text.trim() {
        "" => Err(unusable("it is empty").hint(format!("it must hold {content} and nothing else"))),
        text => Ok(Secret(text.to_owned())),
    }
}

/// The text of the file at `path`, which messages call `what`, as of [`from_bytes`].
///
/// # Errors
/// [`Kind::Config`] for what is missing, empty or malformed; [`Kind::Unreached`] for what did not come in time.
pub fn from_file(what: &str, content: &str, path: &Path, budget: Budget) -> Result<Secret> {
    let origin = format!("{what} '{}'", path.display());
    let bytes = read_file(path, budget).map_err(|why| match why.kind() {
        ErrorKind::TimedOut => Error::new(
            Kind::Unreached,
            format!("reading {origin}: nothing came in time"),
        ),
        _ => Error::io(Kind::Config, format_args!("reading {origin}"), &why).hint(format!(
            "put {content} there, readable by this user alone (chmod 600)"
        )),
    })?;
    from_bytes(bytes, &origin, content)
}

#[cfg(any(target_os = "linux", target_os = "android"))]
const O_NONBLOCK: i32 = if cfg!(any(target_arch = "mips", target_arch = "mips64")) {
    0x80
} else {
    0o4000
};
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const O_NONBLOCK: i32 = 0x4;

/// How often to look again at a pipe that has nothing yet: only pipes and terminals ever wait.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// The whole of a small file. A FIFO is waited for, within `budget`: opening one the usual way would wait for ever.
///
/// # Errors
/// [`ErrorKind::TimedOut`] when the budget is over; another when the file cannot be read or is not small.
pub fn read_file(path: &Path, budget: Budget) -> io::Result<Vec<u8>> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(O_NONBLOCK)
        .open(path)?;
    let is_fifo = file.metadata()?.file_type().is_fifo();
    let mut bytes = Vec::new();
    loop {
        match (&file).take(TOO_LARGE + 1).read_to_end(&mut bytes) {
            // Without a writer yet, a FIFO reads as if it had ended.
            Ok(_) if is_fifo && bytes.is_empty() => {}
            Ok(_) if bytes.len() as u64 > TOO_LARGE => {
                return Err(io::Error::other(
                    "it is larger than 64 KiB, so it holds more than a token",
                ));
            }
            Ok(_) => return Ok(bytes),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        if budget.is_over() {
            return Err(ErrorKind::TimedOut.into());
        }
        time::sleep(LOOK_AGAIN.min(budget.left()));
    }
}

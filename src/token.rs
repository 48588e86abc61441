//! Where a token comes from, and the headers that carry secrets.
//!
//! A [`Secret`] cannot be printed, copied or compared by anybody but this room; `http.rs` alone exposes it, to write it
//! on the wire. Errors name the file, the variable or the command, and what is wrong with what was found there by its
//! kind and place, never the thing itself. Everything is bounded by the budget of the delivery, a FIFO that nobody
//! writes and a command that never ends included.

mod jwt;

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, IsTerminal, Read};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use crate::error::{Error, Kind, Result};
use crate::plan::{self, Form, Source, Target};
use crate::time::{self, Budget};

/// More than any token: whoever names a larger file named the wrong one.
const TOO_LARGE: u64 = 64 * 1024;

/// Text that must not be seen.
pub struct Secret {
    text: String,
    /// What would give it away: the text without its scheme, and the password that Basic encodes.
    traces: Vec<String>,
}

impl Secret {
    /// Takes `text` in.
    pub fn new(text: String) -> Secret {
        let last = text.rsplit(' ').next().unwrap_or_default();
        Secret {
            traces: vec![last.to_owned()],
            text,
        }
    }

    /// The text itself. For `http.rs`, which writes it on the wire; whoever else calls this gives it away.
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// The texts that give the secret away where they are found, for whoever keeps them out of sight.
    pub fn traces(&self) -> impl Iterator<Item = &str> {
        let traces = self.traces.iter().map(String::as_str);
        traces.filter(|trace| !trace.is_empty())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(redacted)")
    }
}

/// The headers that prove who sends a request.
#[derive(Debug)]
pub struct Credentials {
    headers: Vec<(String, Secret)>,
}

impl Credentials {
    /// Fetches the token of `target` and reads its files of headers.
    ///
    /// # Errors
    /// [`Kind::Config`] for what is missing, empty or malformed; [`Kind::Unreached`] for what did not come in time.
    pub fn obtain(target: &Target, budget: Budget) -> Result<Credentials> {
        let mut headers = Vec::new();
        headers.extend(token_header(target, budget)?);
        for path in &target.header_files {
            headers.extend(header_file(path, budget)?);
        }
        let given = target.headers.iter().map(|(name, _)| name);
        let mut others = headers.iter().map(|(name, _)| name).skip(1).chain(given);
        if let (Some((name, _)), false) = (headers.first(), target.auth.source == Source::None)
            && others.any(|other| other.eq_ignore_ascii_case(name))
        {
            return Err(Error::new(
                Kind::Config,
                format!("collecting the headers: {name} is given twice"),
            )
            .hint("leave it to the token, or say --no-auth"));
        }
        Ok(Credentials { headers })
    }

    /// Fetches the token again, for an API that refused the one at hand. Whether it differs.
    ///
    /// # Errors
    /// As for [`Credentials::obtain`].
    pub fn renew(&mut self, target: &Target, budget: Budget) -> Result<bool> {
        let has_another = match &target.auth.source {
            // A pipe was read to its end; a file that is gone is worth a word.
            Source::File(path) => path.metadata().map_or(true, |metadata| metadata.is_file()),
            Source::Command(_) => true,
            Source::Env(_) | Source::None => false,
        };
        if !has_another {
            return Ok(false);
        }
        match (token_header(target, budget)?, self.headers.first_mut()) {
            (Some(fresh), Some(refused)) => {
                let differs = fresh.1.text != refused.1.text;
                *refused = fresh;
                Ok(differs)
            }
            _ => Ok(false),
        }
    }

    /// The headers, for `http.rs`.
    pub fn headers(&self) -> &[(String, Secret)] {
        &self.headers
    }

    /// When the token ends, in seconds since 1970, where it says so itself (a JWT).
    pub fn expiry(&self) -> Option<u64> {
        let word = |(_, secret): &(String, Secret)| jwt::expiry(secret.text.rsplit(' ').next()?);
        self.headers.iter().find_map(word)
    }
}

/// The permissions of a file that should be its owner's alone, where others have any.
pub fn laxness(path: &Path) -> Option<u32> {
    let metadata = fs::metadata(path).ok()?;
    let mode = metadata.permissions().mode() & 0o777;
    (metadata.is_file() && mode & 0o077 != 0).then_some(mode)
}

/// The header that carries the token; `None` where the user wants none.
fn token_header(target: &Target, budget: Budget) -> Result<Option<(String, Secret)>> {
    let auth = &target.auth;
    match token(&auth.source, budget)? {
        Some(token) => header(&auth.form, &token, &origin(&auth.source)).map(Some),
        None => Ok(None),
    }
}

/// How messages call the place that a token comes from.
pub fn origin(source: &Source) -> String {
    match source {
        Source::File(path) => format!("the token file '{}'", path.display()),
        Source::Env(name) => format!("the environment variable {name}"),
        Source::Command(_) => "the output of --token-command".to_owned(),
        Source::None => "nowhere".to_owned(),
    }
}

/// The text of the token, with white space at its ends dropped; `None` where the user wants none.
fn token(source: &Source, budget: Budget) -> Result<Option<Secret>> {
    let origin = origin(source);
    let bytes = match source {
        Source::None => return Ok(None),
        Source::Env(name) => match std::env::var_os(name) {
            Some(value) => value.into_encoded_bytes(),
            None => {
                return Err(
                    Error::new(Kind::Config, format!("reading {origin}: it is not set")).hint(
                        "export it, or give the token another way: --token-file, --token-command",
                    ),
                );
            }
        },
        Source::File(path) => read_within(path, budget).map_err(|why| {
            let doing = format!("reading {origin}");
            match why.kind() {
                ErrorKind::TimedOut => late(&doing),
                _ => Error::io(Kind::Config, doing, &why)
                    .hint("put the token into that file, readable by this user alone (chmod 600)"),
            }
        })?,
        Source::Command(command) => output_of(command, budget)?,
    };
    let unusable =
        |why: &str| Error::new(Kind::Config, format!("reading {origin}: {why}")).hint(TOKEN_ALONE);
    let text = String::from_utf8(bytes).map_err(|_| unusable("it is not text in UTF-8"))?;
    let text = text.trim();
    if text.is_empty() {
        return Err(unusable("it is empty"));
    }
    Ok(Some(Secret::new(text.to_owned())))
}

const TOKEN_ALONE: &str = "it must hold the token and nothing else, not even the word Bearer";

/// A pipe that nobody wrote to.
fn late(doing: &str) -> Error {
    Error::new(Kind::Unreached, format!("{doing}: nothing came in time"))
        .hint("see that somebody writes to this pipe, and closes it")
}

/// The header that carries `token` in the wanted `form`.
fn header(form: &Form, token: &Secret, origin: &str) -> Result<(String, Secret)> {
    let malformed = |why: String| {
        Error::new(Kind::Config, format!("reading {origin}: {why}")).hint(TOKEN_ALONE)
    };
    let text = &token.text;
    let basic = matches!(form, Form::Scheme(word) if word.eq_ignore_ascii_case("basic"));
    let odd = |c: char| {
        if basic {
            c.is_control()
        } else {
            !c.is_ascii_graphic()
        }
    };
    if let Some((place, odd)) = text.chars().enumerate().find(|(_, c)| odd(*c)) {
        let kind = match odd {
            ' ' | '\t' => "white space",
            '\n' | '\r' => "more than one line",
            c if c.is_control() => "a control character",
            _ => "a letter that is not ASCII",
        };
        return Err(malformed(format!(
            "the token has {kind} in it (character {})",
            place + 1
        )));
    }
    match form {
        Form::Header(name) => Ok((name.clone(), Secret::new(text.clone()))),
        Form::Scheme(word) if basic => match text.split_once(':') {
            Some((_, password)) => {
                let mut secret = Secret::new(format!("{word} {}", base64(text.as_bytes())));
                secret.traces.push(password.to_owned());
                Ok(("Authorization".to_owned(), secret))
            }
            None => Err(malformed("there is no colon in it".to_owned())
                .hint("for Basic it must read user:password")),
        },
        Form::Scheme(word) => {
            let secret = Secret::new(format!("{word} {text}"));
            Ok(("Authorization".to_owned(), secret))
        }
    }
}

/// Base64 with padding (RFC 4648, section 4), as Basic wants it (RFC 7617).
pub fn base64(bytes: &[u8]) -> String {
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

/// `Name: value` lines; blank lines and lines that start with `#` are passed over.
fn header_file(path: &Path, budget: Budget) -> Result<Vec<(String, Secret)>> {
    let doing = format!("reading the header file '{}'", path.display());
    const HINT: &str = "write one 'Name: value' a line";
    let bytes = read_within(path, budget).map_err(|why| match why.kind() {
        ErrorKind::TimedOut => late(&doing),
        _ => Error::io(Kind::Config, &doing, &why)
            .hint("give the path of a file with one 'Name: value' a line that this user can read"),
    })?;
    let text = String::from_utf8(bytes).map_err(|_| {
        Error::new(Kind::Config, format!("{doing}: it is not text in UTF-8")).hint(HINT)
    })?;
    let unusable = |line: usize, why: &str| {
        Error::new(Kind::Config, format!("{doing}: line {line}: {why}")).hint(HINT)
    };
    let mut headers = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, value) = line
            .split_once(':')
            .ok_or_else(|| unusable(number + 1, "there is no colon in it"))?;
        plan::check_header(name.trim_end(), value.trim())
            .map_err(|why| unusable(number + 1, &why))?;
        let secret = Secret::new(value.trim().to_owned());
        headers.push((name.trim_end().to_owned(), secret));
    }
    Ok(headers)
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
fn read_within(path: &Path, budget: Budget) -> io::Result<Vec<u8>> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(O_NONBLOCK)
        .open(path)?;
    // Not so the pipe behind /dev/stdin, which has no name: its writer was there before us.
    let awaits_writer = file.metadata()?.file_type().is_fifo() && path.canonicalize().is_ok();
    let mut bytes = Vec::new();
    loop {
        match (&file).take(TOO_LARGE + 1).read_to_end(&mut bytes) {
            // Without a writer yet, a FIFO reads as if it had ended.
            Ok(_) if awaits_writer && bytes.is_empty() => {}
            Ok(_) if bytes.len() as u64 > TOO_LARGE => {
                return Err(io::Error::other(
                    "it is larger than 64 KiB, so it is not what it is taken for",
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

/// What `sh -c command` prints, killed with all its children when the budget is over.
fn output_of(command: &str, budget: Budget) -> Result<Vec<u8>> {
    const DOING: &str = "running --token-command";
    let failed = |why: &io::Error| {
        Error::io(Kind::Config, DOING, why).hint("let it print the token and nothing else")
    };
    let late = || {
        Error::new(
            Kind::Unreached,
            format!("{DOING}: it did not end in time, and was stopped"),
        )
        .hint("run it by hand to see what it waits for, or raise --timeout")
    };
    // A socket and not a pipe: reading from a socket can be given a time limit.
    let (mut ours, theirs) = UnixStream::pair().map_err(|why| failed(&why))?;
    // In a process group of its own, all of it can be stopped; at a terminal it must stay in ours to ask for a
    // passphrase.
    let own_group = !io::stdin().is_terminal();
    let mut shell = Command::new("sh");
    shell
        .arg("-c")
        .arg(command)
        .stdin(Stdio::null())
        .stdout(OwnedFd::from(theirs));
    if own_group {
        shell.process_group(0);
    }
    let mut child = shell.spawn().map_err(|why| {
        Error::io(Kind::Config, format_args!("{DOING}: starting sh"), &why)
            .hint("it needs a shell on this machine: install one, or use --token-file")
    })?;
    drop(shell); // and with it our copy of the socket's other end
    let ended =
        read_socket(&mut ours, budget).and_then(|bytes| Ok((bytes, wait(&mut child, budget)?)));
    let (bytes, status) = match ended {
        Ok(ended) => ended,
        Err(why) => {
            stop(&mut child, own_group);
            return Err(if why.kind() == ErrorKind::TimedOut {
                late()
            } else {
                failed(&why)
            });
        }
    };
    match status.success() {
        true => Ok(bytes),
        false => Err(
            Error::new(Kind::Config, format!("{DOING}: it failed ({status})"))
                .hint("run it by hand, as this user and with 'env -i', to see why"),
        ),
    }
}

fn read_socket(socket: &mut UnixStream, budget: Budget) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let left = budget.left();
        if left.is_zero() {
            return Err(ErrorKind::TimedOut.into());
        }
        socket.set_read_timeout((left != Duration::MAX).then_some(left))?;
        match socket.read(&mut buffer) {
            Ok(0) => return Ok(bytes),
            Ok(count) => bytes.extend_from_slice(&buffer[..count]),
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(error) => return Err(error),
        }
        if bytes.len() as u64 > TOO_LARGE {
            return Err(io::Error::other("it printed more than 64 KiB"));
        }
    }
}

/// Waits for a child that has closed its output, which is about to end.
fn wait(child: &mut Child, budget: Budget) -> io::Result<ExitStatus> {
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if budget.is_over() {
            return Err(ErrorKind::TimedOut.into());
        }
        time::sleep(Duration::from_millis(1));
    }
}

fn stop(child: &mut Child, own_group: bool) {
    if own_group {
        // The standard library can signal one process, not a group of them; the shell can.
        let _ = Command::new("sh")
            .args(["-c", "kill -KILL \"-$0\"", &child.id().to_string()])
            .stderr(Stdio::null())
            .status();
    }
    let _ = child.kill();
    let _ = child.wait();
}

//! Converts a curl command to the authpost command that sends the same.
//!
//! Curl's options ([`options`]) are read into a [`CurlCommand`], which becomes options of authpost. Our own parser
//! checks these before they are printed. A secret is neither stored nor printed; the notes name a file for it.

mod authpost;
mod options;
mod parts;
mod shell;

use std::ffi::OsString;

use super::suggest;
use crate::system::error::{Error, Kind, Result};
use options::Carry;
pub(crate) use parts::is_secret_url;

/// The result of a conversion.
#[derive(Debug)]
pub(crate) struct Carried {
    /// The authpost command, for a shell, or for a crontab after the fields of time.
    pub(crate) line: String,
    /// What to do about the secrets, and what is not carried over.
    pub(crate) notes: Vec<String>,
}

/// Converts a curl command, given as its arguments, with or without the word `curl` before them.
///
/// # Errors
/// [`Kind::Usage`] for what is no curl command, and for a request that authpost does not make.
pub(super) fn carry_over(arguments: &[OsString]) -> Result<Carried> {
    let mut words = Vec::new();
    for word in arguments {
        let word = word.to_str();
        words.push(word.ok_or_else(|| unreadable("an argument is not text in UTF-8"))?);
    }
    let is_curl = |word: &&str| word.rsplit('/').next() == Some("curl");
    let words = match words.first().is_some_and(is_curl) {
        true => &words[1..],
        false => &words[..],
    };
    if let [line] = words
        && line.starts_with("curl ")
    {
        return Err(unreadable("it is one argument").hint("leave out the quotes around the line"));
    }
    CurlCommand::read(words)?.into_authpost()
}

/// The error for arguments that curl would not understand either.
fn unreadable(why: &str) -> Error {
    let what = format!("reading the curl command: {why}");
    Error::new(Kind::Usage, what).hint("authpost from-curl curl [OPTIONS] URL")
}

/// The error for a request that authpost does not make.
fn impossible(why: &str) -> Error {
    let what = format!("carrying over the curl command: {why}");
    Error::new(Kind::Usage, what).hint("keep curl for this request")
}

/// Where the token is in a curl command.
enum Credentials {
    /// After this scheme in the Authorization header.
    Scheme(String),
    /// The whole value of this header.
    Header(String),
    /// `user:password`.
    User,
    /// `user:password` in base64.
    Base64,
}

/// A curl command.
#[derive(Default)]
struct CurlCommand {
    url: Option<String>,
    method: Option<String>,
    /// The document: a text, or `@FILE` for a file.
    data: Option<String>,
    is_file: bool,
    is_upload: bool,
    content_type: Option<String>,
    /// From the Authorization header, which takes precedence over the options.
    authorization: Option<Credentials>,
    has_bearer: bool,
    has_user: bool,
    /// The names of the secret headers that Authorization is not one of.
    secret_headers: Vec<String>,
    /// Options of authpost, in the order of the line.
    options: Vec<(&'static str, String)>,
    /// Options of authpost that take a time, in milliseconds.
    times: Vec<(&'static str, u64)>,
    /// The file that the answer goes to.
    output: Option<String>,
    notes: Vec<String>,
}

impl CurlCommand {
    fn read(words: &[&str]) -> Result<CurlCommand> {
        let mut command = CurlCommand::default();
        let mut words = words.iter().copied();
        let mut only_urls = false;
        while let Some(word) = words.next() {
            if only_urls || !word.starts_with('-') || word == "-" {
                // A continued line that ends in a backslash and a space yields a blank word.
                if !word.trim().is_empty() {
                    command.url(word)?;
                }
            } else if word == "--" {
                only_urls = true;
            } else if let Some(name) = word.strip_prefix("--") {
                let option = options::long(name).ok_or_else(|| unknown(name))?;
                let value = match option.takes_value {
                    true => words.next(),
                    false => Some(""),
                };
                command.option(word, option.carry, value)?;
            } else {
                command.letters(&word[1..], &mut words)?;
            }
        }
        Ok(command)
    }

    /// Reads the letters after one dash. A value is the rest of the word, or the next word.
    fn letters<'a>(
        &mut self,
        letters: &'a str,
        words: &mut impl Iterator<Item = &'a str>,
    ) -> Result<()> {
        for (at, letter) in letters.char_indices() {
            let name = format!("-{letter}");
            let option = options::short(letter)
                .ok_or_else(|| unreadable(&format!("curl has no option {name}")))?;
            if option.takes_value {
                let value = match &letters[at + letter.len_utf8()..] {
                    "" => words.next(),
                    rest => Some(rest),
                };
                return self.option(&name, option.carry, value);
            }
            self.option(&name, option.carry, Some(""))?;
        }
        Ok(())
    }

    /// Reads an option. `name` is as it was written. No error quotes the value, because it may be a secret.
    fn option(&mut self, name: &str, carry: Carry, value: Option<&str>) -> Result<()> {
        let value = value.ok_or_else(|| unreadable(&format!("{name}: its value is missing")))?;
        let because = match suggest::why(name) {
            Some(why) => format!("{name}: {why}"),
            None => name.to_owned(),
        };
        match carry {
            Carry::Needless => {}
            Carry::Same(option) => self.options.push((option, value.to_owned())),
            Carry::Seconds(option) => {
                let time = seconds(value)
                    .ok_or_else(|| unreadable(&format!("{name}: it is not a number of seconds")))?;
                // For curl, 0 means no limit. authpost's default then applies.
                if time > 0 {
                    self.times.push((option, time));
                }
            }
            Carry::Header(header) => self.header(&format!("{header}: {value}"))?,
            Carry::Part(read) => read(self, value)?,
            Carry::Risky(option) => {
                self.options.push((option, value.to_owned()));
                self.notes.push(because);
            }
            Carry::Dropped => self.leave_out(&because),
            Carry::Refused => {
                return Err(impossible(&format!("authpost has nothing like {because}")));
            }
        }
        Ok(())
    }

    /// Notes what is not carried over, and why.
    fn leave_out(&mut self, what: &str) {
        self.notes.push(format!("not carried over: {what}"));
    }
}

/// The error for a long option. Only its name is shown: after a `=`, which curl does not accept, there may be a secret
/// value.
fn unknown(name: &str) -> Error {
    match name.split_once('=') {
        Some((name, _)) => unreadable(&format!(
            "curl has no option '--{name}=…', a space separates name and value"
        )),
        None => unreadable(&format!("curl has no option --{name}")),
    }
}

/// A decimal number of seconds in milliseconds.
fn seconds(text: &str) -> Option<u64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let is_number = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(whole) || !is_number(part) || text.len() == text.matches('.').count() {
        return None;
    }
    let whole: u64 = format!("0{whole}").parse().ok()?;
    let part: u64 = format!("{part:0<3}")[..3].parse().ok()?;
    whole.checked_mul(1000)?.checked_add(part)
}

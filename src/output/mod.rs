//! Every word that is printed.
//!
//! The answer goes to standard output, everything about it to standard error. What comes from the API is never let
//! through to a terminal's escape sequences, headers are shown by an allow-list, and an answer that
//! repeats a secret is not quoted there. A reader that went away is not an error; a full disk is.

mod lines;
mod terminal;

use std::fs::File;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::ops::RangeInclusive;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use crate::delivery::Outcome;
use crate::delivery::exit::Exit;
use crate::delivery::verdict::{Fate, json_of};
use crate::http::{Answer, End, USER_AGENT};
use crate::json::{self, Pointer};
use crate::request::job::{Job, Key};
use crate::request::{Form, Output, Show, Source, Target};
use crate::system::error::{Error, Kind, Result};
use crate::system::time;
pub use lines::{LineReport, Tally};
pub use terminal::printable;
use terminal::{Out, is_terminal};

/// Headers whose values are shown by `-v`: all others may carry a secret.
const SHOWN: &[&str] = &[
    "accept",
    "age",
    "allow",
    "cache-control",
    "connection",
    "content-encoding",
    "content-language",
    "content-length",
    "content-type",
    "date",
    "etag",
    "expires",
    "host",
    "idempotency-key",
    "last-modified",
    "location",
    "retry-after",
    "server",
    "transfer-encoding",
    "user-agent",
    "vary",
    "via",
    "x-request-id",
    "x-correlation-id",
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
];

/// How much of an API's answer is quoted after an error.
const QUOTED_LINES: usize = 10;
const QUOTED_BYTES: usize = 1000;

/// One line on standard error, whatever is in it. That it cannot be written is nothing we could tell anybody.
fn line(text: &str) {
    let _ = io::stderr()
        .lock()
        .write_all(format!("{}\n", printable(text)).as_bytes());
}

/// What stopped us, and the remedy.
pub fn error(error: &Error) {
    line(&format!("authpost: {error}"));
    if let Some(remedy) = error.remedy() {
        line(&format!("hint: {remedy}"));
    }
}

/// Something worth knowing that stops nothing.
pub fn note(text: &str) {
    line(&format!("authpost: {text}"));
}

/// A bug: in one line, without a backtrace.
pub fn bug(what: &str) {
    line(&format!(
        "authpost: this is a bug in authpost {}: {what}",
        env!("CARGO_PKG_VERSION")
    ));
    line(
        "hint: please report it with the command line; whether the document was sent is not known",
    );
}

/// Writes to standard output.
///
/// # Errors
/// [`Kind::Output`], unless it is only that nobody reads it any more.
pub fn page(text: &[u8]) -> Result<()> {
    print(|out| out.write_all(text))
}

/// Writes to standard output what may be far larger than what it is made of.
fn print(write: impl FnOnce(&mut Out) -> io::Result<()>) -> Result<()> {
    let mut out = Out::new();
    match write(&mut out).and_then(|()| out.flush()) {
        Err(why) if why.kind() != ErrorKind::BrokenPipe => {
            Err(Error::io(Kind::Output, "writing to standard output", &why)
                .hint("make room where it goes"))
        }
        _ => Ok(()),
    }
}

/// The request that would go out, with everything secret masked.
///
/// # Errors
/// As for [`page`].
pub fn dry_run(job: &Job, key_is_random: bool) -> Result<()> {
    let target = &job.target;
    let url = &target.url;
    let path = match &url.as_str()[url.origin().len()..] {
        "" => "/".to_owned(),
        query if query.starts_with('?') => format!("/{query}"),
        path => path.to_owned(),
    };
    let authority = url
        .origin()
        .split_once("://")
        .map_or("", |(_, authority)| authority);
    let mut text = format!(
        "{} {path} HTTP/1.1\nhost: {authority}\n",
        target.method.as_str()
    );
    for (name, value) in request_headers(job, key_is_random) {
        text.push_str(&format!("{name}: {value}\n"));
    }
    text.push('\n');
    let mut bytes = text.into_bytes();
    match job.body.bytes() {
        Some(body) => bytes.extend_from_slice(body),
        None => {
            bytes.extend_from_slice(format!("({} bytes from a file)", job.body.len()).as_bytes())
        }
    }
    if !job.body.is_empty() && bytes.last() != Some(&b'\n') {
        bytes.push(b'\n');
    }
    page(&bytes)
}

/// The headers of a request as they go out, secrets masked.
fn request_headers(job: &Job, key_is_random: bool) -> Vec<(String, String)> {
    let target = &job.target;
    let mut headers = vec![
        ("accept".to_owned(), "application/json".to_owned()),
        ("user-agent".to_owned(), USER_AGENT.to_owned()),
    ];
    if !job.body.is_empty() {
        headers.push(("content-type".to_owned(), "application/json".to_owned()));
    }
    headers.push(("content-length".to_owned(), job.body.len().to_string()));
    for (name, value) in job.headers() {
        let name = name.to_ascii_lowercase();
        headers.retain(|(known, _)| *known != name);
        let is_key = target
            .idempotency_header
            .as_ref()
            .is_some_and(|key| key.eq_ignore_ascii_case(&name));
        let value = if is_key && key_is_random {
            "(a random UUID)".to_owned()
        } else {
            value.to_owned()
        };
        headers.push((name, value));
    }
    if target.auth.source != Source::None {
        headers.push(match &target.auth.form {
            Form::Scheme(word) => ("authorization".to_owned(), format!("{word} ********")),
            Form::Header(name) => (name.to_ascii_lowercase(), "********".to_owned()),
        });
    }
    for path in &target.header_files {
        headers.push((
            format!("(the headers in {})", path.display()),
            "********".to_owned(),
        ));
    }
    headers
}

/// What a test came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// As it should be.
    Good,
    /// It works, and is not as it should be.
    Doubtful,
    /// A run would fail.
    Bad,
}

/// Reports deliveries as one `Output` wants it.
#[derive(Clone, Copy, Debug)]
pub struct Report<'a> {
    output: &'a Output,
}

impl Report<'_> {
    /// As `output` wants it.
    pub fn new(output: &Output) -> Report<'_> {
        Report { output }
    }

    /// A try that another one follows.
    pub fn another_try(self, text: &str) {
        if self.output.verbose {
            note(text);
        }
    }

    /// The request about to be sent.
    pub fn request(self, job: &Job) {
        if self.output.verbose {
            line(&format!(
                "> {} {}",
                job.target.method.as_str(),
                job.target.url
            ));
            for (name, value) in request_headers(job, false) {
                // What we masked ourselves is fit to be seen.
                let value = match value.ends_with("********") {
                    true => &value,
                    false => shown(&name, &value),
                };
                line(&format!("> {name}: {value}"));
            }
        }
    }

    /// The random wait before everything else.
    pub fn splay(self, wait: Duration) {
        if self.output.verbose {
            note(&format!("waiting {} first (--splay)", time::spoken(wait)));
        }
    }

    /// One finding of a check, in one line, with its remedy.
    ///
    /// # Errors
    /// As for [`page`].
    pub fn finding(self, mark: Mark, text: &str, remedy: Option<&str>) -> Result<()> {
        let word = match mark {
            Mark::Good if self.output.quiet => return Ok(()),
            Mark::Good => "ok  ",
            Mark::Doubtful => "warn",
            Mark::Bad => "FAIL",
        };
        let remedy = remedy.map_or(String::new(), |remedy| format!("; {remedy}"));
        page(format!("{word}  {}\n", printable(&format!("{text}{remedy}"))).as_bytes())
    }

    /// Something worth knowing that stops nothing.
    pub fn remark(self, text: &str) {
        if !self.output.quiet {
            note(text);
        }
    }

    /// A delivery that failed, one of many, and the remedy.
    pub fn failure(self, text: &str, remedy: Option<&str>) {
        self.pause();
        note(text);
        if let Some(remedy) = remedy {
            line(&format!("hint: {remedy}"));
        }
    }

    /// How far a run has come, where somebody sits and watches; [`Report::pause`] takes it away again.
    pub fn progress(self, done: usize, total: usize) {
        let mut out = io::stderr().lock();
        if !self.output.quiet && out.is_terminal() {
            let _ = out.write_all(format!("\r{done} of {total} …").as_bytes());
        }
    }

    /// Clears the progress, for a line that stays.
    pub fn pause(self) {
        let mut out = io::stderr().lock();
        if !self.output.quiet && out.is_terminal() {
            let _ = out.write_all(b"\r\x1b[K");
        }
    }

    /// One delivery of a flush.
    ///
    /// # Errors
    /// As for [`page`].
    pub fn flushed(self, job: &Job, outcome: &Outcome) -> Result<()> {
        if let Some(text) = &outcome.note {
            self.pause();
            self.remark(text);
        }
        if self.output.verbose
            && let Some(answer) = &outcome.answer
        {
            self.answer_head(answer);
        }
        match self.output.show {
            Show::Report => self.show(job, outcome).map(drop),
            _ => Ok(()),
        }
    }

    /// That the document was not taken, and is safe.
    ///
    /// # Errors
    /// As for [`page`].
    pub fn spooled(self, job: &Job, outcome: &Outcome, text: &str) -> Result<Exit> {
        self.remark(text);
        self.flushed(job, outcome)?;
        Ok(outcome.exit())
    }

    /// That no certificate is checked.
    pub fn insecure(self) {
        if !self.output.quiet {
            note("no certificate is checked (--insecure): anybody on the way can read the token");
        }
    }

    /// What a delivery came to. How the run is to end.
    ///
    /// # Errors
    /// As for [`page`].
    pub fn outcome(self, job: &Job, outcome: &Outcome) -> Result<Exit> {
        if let Some(text) = &outcome.note {
            self.remark(text);
        }
        let success = outcome.exit() == Exit::Ok;
        let silent = self.output.quiet && success;
        let is_report = matches!(self.output.show, Show::Report);
        if let Some(answer) = &outcome.answer
            && !silent
            && (!is_report || self.output.verbose)
        {
            self.answer_head(answer);
        }
        if !success {
            line(&format!("authpost: {}", outcome.why()));
            if let Some(hint) = outcome.hint() {
                line(&format!("hint: {hint}"));
            }
        }
        let told = match self.show(job, outcome) {
            Ok(told) => told,
            Err(why) if success => {
                return Err(why.hint(
                    "the API has accepted the document: make room for the output, and do not send it again",
                ));
            }
            // What became of the document matters more than that it could not be printed.
            Err(why) => {
                error(&why);
                false
            }
        };
        if let Some(answer) = &outcome.answer {
            if !success && !told {
                quote(answer);
            }
            if !silent && let Some(why) = end_of(answer, outcome.fate()) {
                note(&why);
            }
        }
        Ok(outcome.exit())
    }

    /// Writes to standard output what is wanted there. Whether it need not be quoted on standard error any more.
    fn show(self, job: &Job, outcome: &Outcome) -> Result<bool> {
        let success = outcome.exit() == Exit::Ok;
        match &self.output.show {
            Show::Report if self.output.quiet && success => Ok(true),
            Show::Report => {
                page(Record::of(job, outcome).line().as_bytes())?;
                Ok(true)
            }
            Show::Pick(pointer) if success && !self.output.quiet => {
                self.pick(pointer, outcome)?;
                Ok(true)
            }
            Show::Body if !self.output.quiet => {
                if let Some(answer) = &outcome.answer {
                    self.body(answer)?;
                }
                Ok(same_place())
            }
            Show::Pick(_) | Show::Body => Ok(false),
        }
    }

    fn answer_head(self, answer: &Answer) {
        let mark = if self.output.verbose { "< " } else { "" };
        let status = format!(
            "{mark}{} {} {}",
            answer.version, answer.status, answer.reason
        );
        line(status.trim_end());
        if self.output.verbose {
            for (name, value) in &answer.headers {
                line(&format!("< {name}: {}", shown(name, value)));
            }
        }
    }

    /// Prints the answer.
    fn body(self, answer: &Answer) -> Result<()> {
        let laid_out = self.output.pretty || is_terminal();
        match laid_out.then(|| json_of(answer)).flatten() {
            Some(body) => pretty(body),
            None if is_terminal() => page(&with_newline(answer.body.clone())),
            None => page(&answer.body),
        }
    }

    /// Prints the value at `pointer`: text without quotes, anything else as JSON.
    fn pick(self, pointer: &Pointer, outcome: &Outcome) -> Result<()> {
        let body = outcome.answer.as_ref().and_then(json_of);
        match body.and_then(|body| pointer.pick(body)) {
            None => Ok(()),
            Some(found) => match json::text_of(found) {
                Some(text) => page(&with_newline(text.into_bytes())),
                None if self.output.pretty || is_terminal() => pretty(found),
                None => page(&with_newline(found.as_bytes().to_vec())),
            },
        }
    }
}

/// Prints JSON with one member or element a line.
fn pretty(json: &str) -> Result<()> {
    print(|out| {
        json::pretty(json.as_bytes(), out)?;
        out.write_all(b"\n")
    })
}

fn with_newline(mut text: Vec<u8>) -> Vec<u8> {
    if !text.is_empty() && text.last() != Some(&b'\n') {
        text.push(b'\n');
    }
    text
}

fn shown<'a>(name: &str, value: &'a str) -> &'a str {
    match SHOWN.contains(&name) {
        true => value,
        false => "(not shown)",
    }
}

/// Whether both outputs go to one place, a terminal or cron's mail, where nothing needs to be said twice.
fn same_place() -> bool {
    let place = |fd: std::os::fd::BorrowedFd| {
        let metadata = File::from(fd.try_clone_to_owned().ok()?).metadata().ok()?;
        Some((metadata.dev(), metadata.ino()))
    };
    place(io::stdout().as_fd()).is_some_and(|out| Some(out) == place(io::stderr().as_fd()))
}

/// The first lines of what the API said.
fn quote(answer: &Answer) {
    if answer.repeats_secret {
        return line("  (the answer repeats a secret, so it is not shown here)");
    }
    let start = &answer.body[..answer.body.len().min(QUOTED_BYTES)];
    let text = String::from_utf8_lossy(start);
    let text = text.trim();
    let mut lines = text.lines();
    for quoted in lines.by_ref().take(QUOTED_LINES) {
        line(&format!("  {quoted}"));
    }
    if lines.next().is_some() || start.len() < answer.body.len() {
        line("  …");
    }
}

/// That an answer is not whole, where that is not the failure itself.
fn end_of(answer: &Answer, fate: Fate) -> Option<String> {
    let bytes = answer.body.len();
    match &answer.end {
        End::Whole => None,
        End::OverLimit => Some(format!(
            "the answer was cut after {bytes} bytes (--max-response)"
        )),
        End::Broken(why) if fate == Fate::Accepted => Some(format!(
            "the API accepted it, but its answer broke off after {bytes} bytes: {why}"
        )),
        End::Broken(why) => Some(format!("the answer broke off after {bytes} bytes: {why}")),
    }
}

/// What a line of `--report` tells.
struct Record<'a> {
    target: &'a Target,
    key: Option<&'a Key>,
    /// In line mode, which lines.
    lines: Option<&'a RangeInclusive<u64>>,
    fate: Fate,
    exit: Exit,
    /// What went wrong; empty when nothing did.
    why: String,
    /// The delivery, where there was one.
    outcome: Option<&'a Outcome>,
}

impl Record<'_> {
    fn of<'a>(job: &'a Job, outcome: &'a Outcome) -> Record<'a> {
        Record {
            target: &job.target,
            key: job.key.as_ref(),
            lines: None,
            fate: outcome.fate(),
            exit: outcome.exit(),
            why: outcome.why(),
            outcome: Some(outcome),
        }
    }

    /// One line of JSON.
    fn line(&self) -> String {
        let null = || "null".to_owned();
        let answer = self.outcome.and_then(|outcome| outcome.answer.as_ref());
        let (tries, took) = self
            .outcome
            .map_or_else(Default::default, |outcome| (outcome.tries, outcome.took));
        let status = answer.map(|answer| answer.status.to_string());
        let error = (!self.why.is_empty()).then(|| json::string(&self.why));
        let mut members = vec![
            ("outcome", json::string(&self.fate.to_string())),
            ("exit", self.exit.code().to_string()),
            ("status", status.unwrap_or_else(null)),
            ("tries", tries.to_string()),
            ("seconds", format!("{:.3}", took.as_secs_f64())),
            (
                "key",
                self.key.map_or_else(null, |key| json::string(&key.0)),
            ),
            ("method", json::string(self.target.method.as_str())),
            ("url", json::string(&self.target.url.to_string())),
        ];
        if let Some(lines) = self.lines {
            members.push(("line", lines.start().to_string()));
            if lines.start() != lines.end() {
                members.push(("last_line", lines.end().to_string()));
            }
        }
        members.push(("error", error.unwrap_or_else(null)));
        members.push(("response", answer.map_or_else(null, response)));
        let members: Vec<_> = members
            .into_iter()
            .map(|(name, value)| format!("\"{name}\":{value}"))
            .collect();
        format!("{{{}}}\n", members.join(","))
    }
}

/// The answer's JSON as it came, in one line; otherwise a string.
fn response(answer: &Answer) -> String {
    match json_of(answer) {
        // Between two tokens a line's end is white space like any other; within a string it cannot stand.
        Some(body) => body.trim().replace(['\n', '\r'], " "),
        None if answer.body.is_empty() => "null".to_owned(),
        None => json::string(&String::from_utf8_lossy(&answer.body)),
    }
}

//! Every word that is printed.
//!
//! The answer goes to standard output, everything about it to standard error. What comes from the API is never let
//! through to a terminal's escape sequences on standard error, headers are shown by an allow-list, and an answer that
//! repeats a secret is not quoted there. A reader that went away is not an error; a full disk is.

use std::fs::File;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;

use crate::deliver::Outcome;
use crate::error::{Error, Kind, Result};
use crate::http::{Answer, End, USER_AGENT};
use crate::job::Job;
use crate::json;
use crate::outcome::{Exit, Fate, json_of};
use crate::plan::{Form, Output, Show, Source};

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

/// One line on standard error. That it cannot be written is nothing we could tell anybody.
fn line(text: &str) {
    let _ = io::stderr()
        .lock()
        .write_all(format!("{text}\n").as_bytes());
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
    let mut out = io::stdout().lock();
    match out.write_all(text).and_then(|()| out.flush()) {
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
            value
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
                line(&format!("> {name}: {}", shown(&name, &value)));
            }
        }
    }

    /// That no certificate is checked.
    pub fn insecure(self) {
        self.warning(
            "no certificate is checked (--insecure): anybody on the way can read the token",
        );
    }

    /// Something that stops nothing, but should be mended.
    pub fn warning(self, text: &str) {
        if !self.output.quiet {
            note(text);
        }
    }

    /// What a delivery came to. How the run is to end.
    ///
    /// # Errors
    /// As for [`page`].
    pub fn outcome(self, job: &Job, outcome: &Outcome) -> Result<Exit> {
        let success = outcome.verdict.exit == Exit::Ok;
        let silent = self.output.quiet && success;
        let is_report = matches!(self.output.show, Show::Report);
        if let Some(answer) = &outcome.answer
            && !silent
            && (!is_report || self.output.verbose)
        {
            self.answer_head(answer);
        }
        if !success {
            line(&format!("authpost: {}", printable(&outcome.verdict.why)));
            if let Some(hint) = &outcome.verdict.hint {
                line(&format!("hint: {hint}"));
            }
        }
        let told = match &self.output.show {
            Show::Report => {
                page(format!("{}\n", report_line(job, outcome)).as_bytes())?;
                true
            }
            _ if self.output.quiet => false,
            Show::Pick(_) if !success => false,
            Show::Pick(pointer) => {
                if let Some(found) = outcome
                    .answer
                    .as_ref()
                    .and_then(json_of)
                    .and_then(|body| pointer.pick(body))
                {
                    page(self.picked(found).as_slice())?;
                }
                true
            }
            Show::Body => {
                if let Some(answer) = &outcome.answer {
                    page(&self.body(answer))?;
                }
                !success && same_place()
            }
        };
        if let Some(answer) = &outcome.answer {
            if !success && !told {
                quote(answer);
            }
            if !silent {
                end_of(answer, outcome.verdict.fate);
            }
        }
        Ok(outcome.verdict.exit)
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
                line(&format!("< {name}: {}", printable(shown(name, value))));
            }
        }
    }

    /// The answer as it goes to standard output.
    fn body(self, answer: &Answer) -> Vec<u8> {
        let terminal = io::stdout().is_terminal();
        if !self.output.pretty && !terminal {
            return answer.body.clone();
        }
        match json_of(answer) {
            Some(body) => with_newline(pretty(body)),
            None if terminal => with_newline(answer.body.clone()),
            None => answer.body.clone(),
        }
    }

    /// A picked value: text without quotes, anything else as JSON.
    fn picked(self, found: &str) -> Vec<u8> {
        with_newline(match json::text_of(found) {
            Some(text) => text.into_bytes(),
            None if self.output.pretty || io::stdout().is_terminal() => pretty(found),
            None => found.as_bytes().to_vec(),
        })
    }
}

fn pretty(json: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(json.len() * 2);
    // Writing into memory does not fail.
    let _ = json::pretty(json.as_bytes(), &mut out);
    out
}

fn with_newline(mut text: Vec<u8>) -> Vec<u8> {
    if !text.is_empty() && text.last() != Some(&b'\n') {
        text.push(b'\n');
    }
    text
}

fn shown<'a>(name: &str, value: &'a str) -> &'a str {
    match SHOWN.contains(&name) || value == "********" {
        true => value,
        false => "(not shown)",
    }
}

/// `text` without what a terminal would obey.
fn printable(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
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
        line(&format!("  {}", printable(quoted)));
    }
    if lines.next().is_some() || start.len() < answer.body.len() {
        line("  …");
    }
}

/// That an answer is not whole, where that is not the failure itself.
fn end_of(answer: &Answer, fate: Fate) {
    match &answer.end {
        End::Whole => {}
        End::OverLimit => note(&format!(
            "the answer was cut after {} bytes (--max-response)",
            answer.body.len()
        )),
        End::Broken(why) if fate == Fate::Accepted => {
            note(&format!(
                "the API accepted it, but its answer broke off after {} bytes: {why}",
                answer.body.len()
            ));
        }
        End::Broken(why) => note(&format!(
            "the answer broke off after {} bytes: {why}",
            answer.body.len()
        )),
    }
}

/// One delivery as one line of JSON.
fn report_line(job: &Job, outcome: &Outcome) -> String {
    let verdict = &outcome.verdict;
    let mut members = vec![
        ("outcome", json::string(&verdict.fate.to_string())),
        ("exit", verdict.exit.code().to_string()),
        (
            "status",
            outcome
                .answer
                .as_ref()
                .map_or("null".to_owned(), |answer| answer.status.to_string()),
        ),
        ("tries", outcome.tries.to_string()),
        ("seconds", format!("{:.3}", outcome.took.as_secs_f64())),
        (
            "key",
            job.key
                .as_ref()
                .map_or("null".to_owned(), |key| json::string(&key.0)),
        ),
        ("method", json::string(job.target.method.as_str())),
        ("url", json::string(&job.target.url.to_string())),
    ];
    let error = match verdict.why.is_empty() {
        true => "null".to_owned(),
        false => json::string(&verdict.why),
    };
    members.push(("error", error));
    members.push((
        "response",
        outcome.answer.as_ref().map_or("null".to_owned(), response),
    ));
    let members: Vec<_> = members
        .into_iter()
        .map(|(name, value)| format!("\"{name}\":{value}"))
        .collect();
    format!("{{{}}}", members.join(","))
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

//! The result of a run, and the assertions on it: exact stdout, exact stderr, exact exit code.
//!
//! Without [`Ran::stdout`] or [`Ran::stderr`] that output must be empty. [`Ran::code`] or [`Ran::signal`] checks
//! everything at once; a run that is not checked fails the test.
//!
//! In the output, the ports of this test's servers read `PORT`, `PORT2`, … in the order in which they were started,
//! and the run's directory reads `DIR`, so that expected texts are literal.
use super::last_line::{self, LastLine};
use super::run::Runner;
use super::server;
use rustix::process::Signal;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

enum Expected {
    Exactly(Vec<u8>),
    Bytes(Vec<u8>),
    Like(String),
}

/// One of the two outputs.
struct Stream {
    name: &'static str,
    bytes: Vec<u8>,
    text: Vec<u8>,
    expected: Expected,
}

/// A finished run, to be judged.
#[must_use = "a run is judged by .code(n)"]
pub struct Ran {
    command: String,
    status: ExitStatus,
    elapsed: Duration,
    stdout: Stream,
    stderr: Stream,
    /// Removed from stderr, and from stdout if a shell may have redirected it there.
    last_lines: Vec<LastLine>,
    faults: Vec<String>,
    judged: bool,
}

/// A run that was as expected, for further assertions. `PORT` and `DIR` are in its texts.
#[derive(Clone, Debug)]
pub struct Output {
    pub stdout: String,
    pub stderr: String,
    /// The exit code; none after a signal.
    pub code: Option<i32>,
    pub elapsed: Duration,
}

impl Ran {
    pub(super) fn new(
        runner: &Runner,
        status: ExitStatus,
        elapsed: Duration,
        mut stdout: Vec<u8>,
        mut stderr: Vec<u8>,
        mut faults: Vec<String>,
    ) -> Ran {
        let words = runner.words();
        let is_last = last_line::ends(&stderr);
        let mut last_lines = last_line::take(&mut stderr);
        if runner.is_authpost() {
            let now = last_line::now();
            let time = now - elapsed.as_secs() - 2..=now + 1;
            let silent = stderr.is_empty() && runner.may_fail_silently();
            faults.extend(last_line::fault(&last_lines, status.code(), silent, time));
            if !last_lines.is_empty() && !is_last {
                faults.push("something comes after the last line".into());
            }
        } else {
            last_lines.extend(last_line::take(&mut stdout));
        }
        for line in &mut last_lines {
            let claim = settle(line.claim.as_bytes(), &words);
            line.claim = String::from_utf8_lossy(&claim).into();
        }
        let stream = |name, bytes: Vec<u8>| Stream {
            name,
            text: settle(&bytes, &words),
            bytes,
            expected: Expected::Exactly(Vec::new()),
        };
        Ran {
            command: runner.command_line(),
            status,
            elapsed,
            stdout: stream("stdout", stdout),
            stderr: stream("stderr", stderr),
            last_lines,
            faults,
            judged: false,
        }
    }

    /// Expects exactly this, with `PORT` and `DIR`.
    pub fn stdout(mut self, expected: impl AsRef<[u8]>) -> Ran {
        self.stdout.expected = Expected::Exactly(expected.as_ref().into());
        self
    }

    /// Expects these very bytes, nothing replaced.
    pub fn stdout_bytes(mut self, expected: impl AsRef<[u8]>) -> Ran {
        self.stdout.expected = Expected::Bytes(expected.as_ref().into());
        self
    }

    /// Expects a text where `*` stands for anything within a line, and `**` for anything.
    pub fn stdout_like(mut self, pattern: &str) -> Ran {
        self.stdout.expected = Expected::Like(pattern.into());
        self
    }

    /// Expects exactly this, with `PORT` and `DIR`.
    pub fn stderr(mut self, expected: impl AsRef<[u8]>) -> Ran {
        self.stderr.expected = Expected::Exactly(expected.as_ref().into());
        self
    }

    /// As [`Ran::stdout_like`].
    pub fn stderr_like(mut self, pattern: &str) -> Ran {
        self.stderr.expected = Expected::Like(pattern.into());
        self
    }

    /// Expects that the last line of this failing run claims this of what was sent, with `PORT` and `DIR`, where `*`
    /// stands for anything. Its form is checked in every run, and no other text has it.
    pub fn last_line(mut self, claim: &str) -> Ran {
        let said: Vec<_> = self.last_lines.iter().map(|line| &line.claim).collect();
        if !matches!(said[..], [said] if like(claim, said)) {
            let fault = format!("the last line says {said:?}, expected {claim:?}");
            self.faults.push(fault);
        }
        self
    }

    /// Expects that it took at least `min` and at most `max` seconds.
    pub fn within(mut self, min: f64, max: f64) -> Ran {
        let seconds = self.elapsed.as_secs_f64();
        if !(min..=max).contains(&seconds) {
            let fault = format!("took {seconds:.3} s, expected {min} to {max} s");
            self.faults.push(fault);
        }
        self
    }

    pub fn elapsed(&self) -> Duration {
        self.elapsed
    }

    /// Expects this exit code, and judges the run.
    #[track_caller]
    pub fn code(self, expected: i32) -> Output {
        let wrong = (self.status.code() != Some(expected)).then(|| format!("exit code {expected}"));
        self.judge(wrong)
    }

    /// Expects that it died of a signal, and judges the run.
    #[track_caller]
    pub fn signal(self, expected: Signal) -> Output {
        let right = self.status.signal() == Some(expected.as_raw());
        let wrong = (!right).then(|| format!("death by {expected:?}"));
        self.judge(wrong)
    }

    /// No verdict: for measurements, and for runs in which anything may happen.
    pub fn unjudged(mut self) -> Output {
        self.judged = true;
        self.output()
    }

    #[track_caller]
    fn judge(mut self, status: Option<String>) -> Output {
        self.judged = true;
        let mut faults = std::mem::take(&mut self.faults);
        faults.extend(status.map(|s| format!("{}, expected {s}", self.status)));
        faults.extend(self.stdout.fault());
        faults.extend(self.stderr.fault());
        if !faults.is_empty() {
            panic!("{}", self.report(&faults));
        }
        self.output()
    }

    fn output(&self) -> Output {
        Output {
            stdout: String::from_utf8_lossy(&self.stdout.text).into(),
            stderr: String::from_utf8_lossy(&self.stderr.text).into(),
            code: self.status.code(),
            elapsed: self.elapsed,
        }
    }

    /// The whole run as text.
    fn report(&self, faults: &[String]) -> String {
        let mut report = format!("the run was not as expected\n  {}\n", faults.join("\n  "));
        report += &format!("$ {}\n", self.command);
        let seconds = self.elapsed.as_secs_f64();
        report += &format!("{} after {seconds:.3} s\n", self.status);
        for stream in [&self.stdout, &self.stderr] {
            report += &section(stream.name, &stream.text);
        }
        for server in server::ours() {
            let name = format!("log of the server on port {}", server.port());
            report += &section(&name, server.transcript().as_bytes());
        }
        report
    }
}

impl Drop for Ran {
    fn drop(&mut self) {
        if !self.judged && !std::thread::panicking() {
            panic!(
                "a run was not judged: end it with .code(n)\n$ {}",
                self.command
            );
        }
    }
}

impl Stream {
    fn fault(&self) -> Option<String> {
        let (right, expected) = match &self.expected {
            Expected::Exactly(text) => (self.text == *text, &text[..]),
            Expected::Bytes(bytes) => (self.bytes == *bytes, &bytes[..]),
            Expected::Like(pattern) => {
                let text = String::from_utf8_lossy(&self.text);
                (like(pattern, &text), pattern.as_bytes())
            }
        };
        let name = format!("{}, expected", self.name);
        (!right).then(|| format!("{} differs\n{}", self.name, section(&name, expected)))
    }
}

/// A text under its name, with what cannot be seen made visible where there is any.
fn section(name: &str, bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let odd = |c: char| c.is_control() && c != '\n' || c == char::REPLACEMENT_CHARACTER;
    let end = if text.ends_with('\n') {
        ""
    } else {
        "(no newline)\n"
    };
    match text.as_ref() {
        "" => format!("--- {name}: nothing\n"),
        t if t.contains(odd) => format!("--- {name}\n{}\n", bytes.escape_ascii()),
        t => format!("--- {name}\n{t}{end}"),
    }
}

/// Replaces what differs from run to run. A number is replaced only where it stands alone.
fn settle(bytes: &[u8], words: &[(String, String)]) -> Vec<u8> {
    let mut out = bytes.to_vec();
    for (text, word) in words.iter().filter(|(text, _)| !text.is_empty()) {
        let text = text.as_bytes();
        let is_number = text.iter().all(u8::is_ascii_digit);
        let mut at = 0;
        while let Some(found) = out[at..].windows(text.len()).position(|w| w == text) {
            let (start, end) = (at + found, at + found + text.len());
            let digit =
                |at: Option<usize>| at.and_then(|i| out.get(i)).is_some_and(u8::is_ascii_digit);
            if is_number && (digit(start.checked_sub(1)) || digit(Some(end))) {
                at = end;
                continue;
            }
            out.splice(start..end, word.bytes());
            at = start + word.len();
        }
    }
    out
}

/// Whether a text matches a pattern: `*` is any run of characters within a line, `**` also across lines.
pub fn like(pattern: &str, text: &str) -> bool {
    let Some(star) = pattern.find('*') else {
        return pattern == text;
    };
    let Some(text) = text.strip_prefix(&pattern[..star]) else {
        return false;
    };
    let (rest, lines) = match pattern[star..].strip_prefix("**") {
        Some(rest) => (rest, true),
        None => (&pattern[star + 1..], false),
    };
    text.char_indices()
        .map(|(i, _)| i)
        .chain([text.len()])
        .take_while(|&i| lines || !text[..i].contains('\n'))
        .any(|i| like(rest, &text[i..]))
}

//! What the user asked for: what to send, where, how long to retry and how to print the result.
//!
//! Nothing here performs I/O: no file is opened, no clock or environment is read. What builds a value of these types
//! (`cli/draft/plan.rs`, or `spool/message.rs` from disk) checks it, so the layers above need not check it again.
//! The types hold where a secret is found, never the secret; the exception is a [`Url`] with a secret path.

mod header;
pub(crate) mod job;
mod url;

use std::fmt;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use crate::document::Item;
use crate::document::ndjson::Group;
use crate::json::Pointer;
pub(crate) use header::{check_header, is_token};
pub(crate) use url::Url;

/// A run that sends: everything that the command line and the config file ask for.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Where the documents go, and with which credentials.
    pub(crate) target: Rc<Target>,
    /// Where the documents come from.
    pub(crate) documents: Documents,
    /// How long and how often to retry.
    pub(crate) policy: RetryPolicy,
    /// How long the run may take, and how it avoids other runs.
    pub(crate) run: RunLimits,
    /// What makes an answer count as accepted; all of it.
    pub(crate) expect: Vec<Expect>,
    /// Whether a web page with a 2xx status counts as accepted.
    pub(crate) any_answer: bool,
    /// The spool for documents that could not be delivered.
    pub(crate) spool: Option<SpoolPlan>,
    /// What to print.
    pub(crate) output: Output,
    /// The user's own idempotency key, or the prefix of the keys of many documents; `None` uses random keys.
    pub(crate) key: Option<String>,
    /// Show the request and stop.
    pub(crate) dry_run: bool,
}

impl Plan {
    /// The maximum duration of a delivery in a run that started this long ago.
    pub(crate) fn limit(&self, since_start: Duration) -> Duration {
        self.run.limit(self.policy.timeout, since_start)
    }
}

/// The spool of a run that sends.
#[derive(Debug)]
pub(crate) struct SpoolPlan {
    /// Its directory.
    pub(crate) dir: PathBuf,
    /// The maximum size of its messages, in bytes.
    pub(crate) limit: u64,
    /// How long a message may be pending before a warning is printed.
    pub(crate) alert_after: Duration,
}

/// Where a document goes: everything that a message on disk must remember apart from its body and its key.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// The request's method.
    pub(crate) method: Method,
    /// The API's address.
    pub(crate) url: Url,
    /// Headers from the command line; none of them is secret.
    pub(crate) headers: Vec<(String, String)>,
    /// The body is lines of JSON texts, and not one of them.
    pub(crate) is_ndjson: bool,
    /// Files of headers that may be secret.
    pub(crate) header_files: Vec<PathBuf>,
    /// The source of the token, and how it is sent.
    pub(crate) auth: Auth,
    /// The header that carries the idempotency key; `None` sends no key.
    pub(crate) idempotency_header: Option<String>,
    /// How to reach the API, and which certificates to trust.
    pub(crate) connection: Connection,
}

impl Target {
    /// The URL as it is displayed, and the file that has it: all webhooks of one host are displayed alike.
    pub(crate) fn place(&self) -> String {
        match self.url.file() {
            Some(file) => format!("{} (from {})", self.url, file.display()),
            None => self.url.to_string(),
        }
    }
}

/// For display: the method, and its place.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method.as_str(), self.place())
    }
}

/// The methods that can carry a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    /// The default.
    Post,
    /// Replace.
    Put,
    /// Change in part.
    Patch,
}

impl Method {
    /// The method as it is sent.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Patch => "PATCH",
        }
    }

    /// Parses a method in upper case.
    pub(crate) fn parse(word: &str) -> Option<Method> {
        [Method::Post, Method::Put, Method::Patch]
            .into_iter()
            .find(|method| method.as_str() == word)
    }
}

/// How a request is authenticated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Auth {
    /// Where the token is found.
    pub(crate) source: TokenSource,
    /// How it is put into a header.
    pub(crate) form: Form,
}

/// The variable that holds the token if no other source is given.
pub(crate) const DEFAULT_TOKEN: &str = "AUTHPOST_TOKEN";

/// The source of the token; never the token itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TokenSource {
    /// A file that contains only the token.
    File(PathBuf),
    /// An environment variable.
    Env(String),
    /// The output of `sh -c`.
    Command(String),
    /// A token endpoint, described by this file.
    OAuth2(PathBuf),
    /// No token, by explicit request.
    None,
}

/// How the token is put into a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// `Authorization: WORD token` (RFC 9110, section 11.6.2).
    Scheme(String),
    /// `NAME: token`.
    Header(String),
}

/// How to reach the API and the token endpoint, and which certificates to trust.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Connection {
    /// Trust only the certificate authorities in this file.
    pub(crate) cacert: Option<PathBuf>,
    /// The client's certificate chain and its private key.
    pub(crate) identity: Option<(PathBuf, PathBuf)>,
    /// Check no certificate.
    pub(crate) insecure: bool,
    /// Allow plain http beyond this machine: the request has no secret, or the user accepts that it can be read.
    pub(crate) allow_http: bool,
    /// The proxy; `None` uses the usual environment variables.
    pub(crate) proxy: Option<String>,
    /// Which address family to use.
    pub(crate) family: Family,
    /// The timeout for DNS, and then for connect.
    pub(crate) connect_timeout: Duration,
    /// The limit for the size of an answer.
    pub(crate) max_response: u64,
}

/// The address family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    /// Both, IPv6 first where it has a route.
    Any,
    /// Only IPv4 (`-4`).
    V4,
    /// Only IPv6 (`-6`).
    V6,
}

/// Where the documents come from.
#[derive(Debug)]
pub(crate) enum Documents {
    /// A single document.
    One(Input),
    /// The lines of a file: each line or each group of lines is a document.
    Lines(Lines),
}

/// Where the single document comes from.
#[derive(Debug)]
pub(crate) enum Input {
    /// No document: the request has no body.
    Nothing,
    /// An object built from items on the command line.
    Items(Vec<Item>),
    /// A JSON text given on the command line.
    Text(String),
    /// The JSON text in a file.
    File(PathBuf),
    /// The JSON text on standard input.
    Stdin,
}

/// A file with a JSON text in each line (NDJSON).
#[derive(Debug)]
pub(crate) struct Lines {
    /// The file; `None` is standard input.
    pub(crate) file: Option<PathBuf>,
    /// How many lines to skip at the start.
    pub(crate) skip: Option<u64>,
    /// The maximum length of a line, in bytes.
    pub(crate) max_line: u64,
    /// The limits of a group of lines that is sent as one array; `None` sends each line separately.
    pub(crate) group: Option<Group>,
    /// The file that says how far an earlier run came.
    pub(crate) resume: Option<PathBuf>,
    /// Whether to send nothing unless every line can be sent.
    pub(crate) all_or_nothing: bool,
    /// The file for lines that were not accepted.
    pub(crate) failed: Option<PathBuf>,
    /// The minimum time between the starts of two deliveries.
    pub(crate) interval: Duration,
}

/// How long and how often to retry one document.
#[derive(Clone, Debug)]
pub(crate) struct RetryPolicy {
    /// The deadline of one delivery, everything included.
    pub(crate) timeout: Duration,
    /// The maximum number of attempts, at least one. `None` retries temporary failures until the deadline.
    pub(crate) max_attempts: Option<u32>,
    /// The first backoff between two attempts; it doubles.
    pub(crate) wait: Duration,
    /// The maximum backoff.
    pub(crate) max_wait: Duration,
    /// Whether it is harmless to send the document twice.
    pub(crate) idempotent: bool,
    /// Whether an API that is down is retried until the deadline. With a spool it is not, because a flush retries it.
    pub(crate) retries_outages: bool,
}

/// How a run avoids other runs, and how long it may take in total.
#[derive(Clone, Debug, Default)]
pub(crate) struct RunLimits {
    /// The maximum of the random wait at the start.
    pub(crate) splay: Duration,
    /// The file that is locked during the run.
    pub(crate) lock: Option<PathBuf>,
    /// The deadline of the whole run.
    pub(crate) max_time: Option<Duration>,
}

impl RunLimits {
    /// The maximum duration of a delivery with this `timeout` in a run that started this long ago.
    pub(crate) fn limit(&self, timeout: Duration, since_start: Duration) -> Duration {
        match self.max_time {
            Some(all) => timeout.min(all.saturating_sub(since_start)),
            None => timeout,
        }
    }
}

/// A run that delivers the pending messages of a spool.
#[derive(Debug)]
pub(crate) struct Flush {
    /// The spool.
    pub(crate) dir: PathBuf,
    /// The deadline of one delivery, everything included.
    pub(crate) timeout: Duration,
    /// How it fits in with other runs.
    pub(crate) run: RunLimits,
    /// How to tell what happened.
    pub(crate) output: Output,
    /// How long a message may be pending before a warning is printed.
    pub(crate) alert_after: Duration,
}

impl Flush {
    /// The maximum duration of a delivery in a run that started this long ago.
    pub(crate) fn limit(&self, since_start: Duration) -> Duration {
        self.run.limit(self.timeout, since_start)
    }
}

/// As what a spool is listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ListFormat {
    /// A table for a person.
    Text,
    /// JSON, one message per line.
    Json,
    /// Counts, in the text format of Prometheus.
    Metrics,
}

/// The messages of a spool that a verb applies to.
#[derive(Debug)]
pub(crate) struct Chosen {
    /// The spool.
    pub(crate) dir: PathBuf,
    /// Their ids, or prefixes of these; `None` selects all that are dead-lettered.
    pub(crate) ids: Option<Vec<String>>,
    /// Deliver the requeued messages at once.
    pub(crate) now: bool,
    /// Print nothing on success.
    pub(crate) quiet: bool,
}

/// What makes an answer count as accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Expect {
    /// A 2xx answer must have there the value with this JSON text.
    Value(Pointer, String),
    /// A 2xx answer must have nothing there, or null.
    Absent(Pointer),
    /// This status counts like 2xx, whatever the answer says.
    Status(u16),
}

/// What to print.
#[derive(Debug, Default)]
pub(crate) struct Output {
    /// Print nothing on success.
    pub(crate) quiet: bool,
    /// Print the headers and every attempt.
    pub(crate) verbose: bool,
    /// Re-indent JSON; otherwise only on a terminal.
    pub(crate) pretty: bool,
    /// What goes to standard output.
    pub(crate) show: Show,
}

/// What goes to standard output.
#[derive(Debug, Default)]
pub(crate) enum Show {
    /// The answer's body.
    #[default]
    Body,
    /// One value of it.
    Pick(Pointer),
    /// One line of JSON about the delivery.
    Report,
}

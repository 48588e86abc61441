//! The nouns of intent: what to send, where, how long to try and how to print it.
//!
//! Nothing here does anything: no file is opened, no clock or environment read. A value of these types has been
//! checked by whoever built it (`cli/draft/plan.rs`, or `spool/message.rs` from disk), so nobody below checks again. They
//! hold where a secret is found, never a secret.

mod header;
pub(crate) mod job;
mod url;

use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use crate::document::Item;
use crate::document::ndjson::Group;
use crate::json::Pointer;
pub(crate) use header::{check_header, is_token};
pub(crate) use url::Url;

/// One run that sends: the whole of what the command line and the config file ask for.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Where it goes, and with which credentials.
    pub(crate) target: Rc<Target>,
    /// Where the documents come from.
    pub(crate) documents: Documents,
    /// How long and how often to try.
    pub(crate) policy: RetryPolicy,
    /// How the run fits in with others and with the time it may take.
    pub(crate) run: RunLimits,
    /// What a 2xx answer must say to count as accepted; all of it.
    pub(crate) expect: Vec<Expect>,
    /// Whether a web page with a 2xx status counts as accepted.
    pub(crate) any_answer: bool,
    /// Where documents are pending that could not be delivered.
    pub(crate) spool: Option<SpoolPlan>,
    /// How to tell what happened.
    pub(crate) output: Output,
    /// The caller's own idempotency key, or what those of many documents begin with; otherwise each gets a random one.
    pub(crate) key: Option<String>,
    /// Show the request and stop.
    pub(crate) dry_run: bool,
}

/// The spool of a run that sends.
#[derive(Debug)]
pub(crate) struct SpoolPlan {
    /// Its directory.
    pub(crate) dir: PathBuf,
    /// The most bytes of messages that it takes in.
    pub(crate) limit: u64,
    /// How long a message may be pending before somebody is told.
    pub(crate) alert_after: Duration,
}

/// Where a document goes: all that a message on disk must remember beside its body and its key.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// The request's method.
    pub(crate) method: Method,
    /// The API's address.
    pub(crate) url: Url,
    /// Headers given on the command line; nothing in them is secret.
    pub(crate) headers: Vec<(String, String)>,
    /// Files of headers that may be secret.
    pub(crate) header_files: Vec<PathBuf>,
    /// Where the token comes from, and how it is sent.
    pub(crate) auth: Auth,
    /// The header that carries the idempotency key; `None` sends no key.
    pub(crate) idempotency_header: Option<String>,
    /// How to reach and trust the API.
    pub(crate) connection: Connection,
}

/// The methods that carry a document.
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
    /// The word on the wire.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Patch => "PATCH",
        }
    }

    /// From the word on the wire, in capitals.
    pub(crate) fn parse(word: &str) -> Option<Method> {
        [Method::Post, Method::Put, Method::Patch]
            .into_iter()
            .find(|method| method.as_str() == word)
    }
}

/// How a request proves who sends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Auth {
    /// Where the token is found.
    pub(crate) source: TokenSource,
    /// How it is put into a header.
    pub(crate) form: Form,
}

/// The variable that a token comes from where no place is named.
pub(crate) const DEFAULT_TOKEN: &str = "AUTHPOST_TOKEN";

/// Where the token is found; never the token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TokenSource {
    /// A file that holds the token and nothing else.
    File(PathBuf),
    /// An environment variable.
    Env(String),
    /// The output of `sh -c`.
    Command(String),
    /// A token endpoint, by the file that says how to ask it.
    OAuth2(PathBuf),
    /// No token at all, asked for in so many words.
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

/// How to reach and trust the API, and the token endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Connection {
    /// Trust only the certificate authorities in this file.
    pub(crate) cacert: Option<PathBuf>,
    /// The client's certificate chain and its private key.
    pub(crate) identity: Option<(PathBuf, PathBuf)>,
    /// Check no certificate.
    pub(crate) insecure: bool,
    /// Use plain http beyond this machine: there is nothing secret in the request, or the user says that it may be read.
    pub(crate) allow_http: bool,
    /// The proxy to use; `None` asks the usual environment variables.
    pub(crate) proxy: Option<String>,
    /// Which kind of addresses to use.
    pub(crate) family: Family,
    /// How long looking up the name may take, and then connecting.
    pub(crate) connect_timeout: Duration,
    /// How much of an answer is kept.
    pub(crate) max_response: u64,
}

/// Which addresses are wanted.
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
    /// There is one.
    One(Input),
    /// Each line of a file is one, or each group of lines.
    Lines(Lines),
}

/// Where the one document comes from.
#[derive(Debug)]
pub(crate) enum Input {
    /// Nothing to send but the request itself.
    Nothing,
    /// An object built from the command line.
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
    /// How many lines at its start to pass over.
    pub(crate) skip: u64,
    /// The longest line that is sent, in bytes.
    pub(crate) max_line: u64,
    /// How much goes into one request, as an array; `None` sends each line by itself.
    pub(crate) group: Option<Group>,
    /// Whether nothing is sent unless every line can be.
    pub(crate) all_or_nothing: bool,
    /// Where the lines are kept that were not accepted.
    pub(crate) failed: Option<PathBuf>,
    /// The least time from one delivery's start to the next one's.
    pub(crate) interval: Duration,
}

/// How long and how often to try one document.
#[derive(Clone, Debug)]
pub(crate) struct RetryPolicy {
    /// The deadline of one delivery, everything included.
    pub(crate) timeout: Duration,
    /// How many attempts at most, at least one. Without it, what passes by itself is retried until the deadline.
    pub(crate) tries: Option<u32>,
    /// The first wait between two tries; it doubles.
    pub(crate) wait: Duration,
    /// The longest such wait.
    pub(crate) max_wait: Duration,
    /// Whether sending the document twice is harmless.
    pub(crate) idempotent: bool,
    /// Whether an API that is down is retried until the deadline. With a spool it is not: a flush does that.
    pub(crate) rides_out_outages: bool,
}

/// How a run fits in with other runs, and how long all of it may take.
#[derive(Clone, Debug)]
pub(crate) struct RunLimits {
    /// A random wait of up to this long comes first.
    pub(crate) splay: Duration,
    /// The file whose lock is held meanwhile.
    pub(crate) lock: Option<PathBuf>,
    /// The deadline of the whole run.
    pub(crate) max_time: Option<Duration>,
}

impl RunLimits {
    /// How long a delivery of at most `timeout` may take when the run began this long ago.
    pub(crate) fn limit(&self, timeout: Duration, since_start: Duration) -> Duration {
        match self.max_time {
            Some(all) => timeout.min(all.saturating_sub(since_start)),
            None => timeout,
        }
    }
}

/// One run that delivers what waits in a spool.
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
    /// How long a message may be pending before somebody is told.
    pub(crate) alert_after: Duration,
}

/// Messages of a spool that something is to be done with.
#[derive(Debug)]
pub(crate) struct Chosen {
    /// The spool.
    pub(crate) dir: PathBuf,
    /// Their ids, or what these begin with; `None` is all that are dead.
    pub(crate) ids: Option<Vec<String>>,
    /// Deliver what is requeued at once.
    pub(crate) now: bool,
    /// Print nothing on success.
    pub(crate) quiet: bool,
}

/// What an answer must say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Expect {
    /// Where.
    pub(crate) pointer: Pointer,
    /// The JSON text of the value that must stand there.
    pub(crate) value: String,
}

/// How to tell what happened.
#[derive(Debug)]
pub(crate) struct Output {
    /// Print nothing on success.
    pub(crate) quiet: bool,
    /// Print the headers and every try.
    pub(crate) verbose: bool,
    /// Re-indent JSON; otherwise only on a terminal.
    pub(crate) pretty: bool,
    /// What goes to standard output.
    pub(crate) show: Show,
}

/// What goes to standard output.
#[derive(Debug)]
pub(crate) enum Show {
    /// The answer's body.
    Body,
    /// One value of it.
    Pick(Pointer),
    /// One line of JSON about the delivery.
    Report,
}

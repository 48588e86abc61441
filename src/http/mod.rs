//! One attempt at a request: what was sent, and what came back.
//!
//! The only folder that uses `ureq`, and the only place where secrets are sent. It follows no redirect, repeats nothing
//! and judges nothing: an [`Attempt`] says what happened, and above all whether a byte of the request was sent.

mod buffers;
mod challenge;
mod client;
mod connector;
mod error;
mod exchange;
mod handshake;
mod progress;
mod proxy;
mod redact;
mod resolver;
mod tls;
mod transport;

use std::net::IpAddr;

use crate::document::Document;
use crate::json;
use crate::request::Url;
use crate::system::error::Error;
use crate::system::secret::Secret;
pub(crate) use challenge::Challenge;
pub(crate) use client::Client;
pub(crate) use error::mismatched_identity;
pub(crate) use progress::Phase;
pub(crate) use tls::Origin as TrustOrigin;

/// ureq asks for `Debug` of what it calls, and prints none of it.
macro_rules! debug_by_name {
    ($($name:ty),+) => {
        $(impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(stringify!($name))
            }
        })+
    };
}
debug_by_name!(
    connector::LayeredConnector,
    exchange::RequestTransport,
    handshake::Watch,
    resolver::CachingResolver,
    transport::TcpTransport
);

/// `authpost/VERSION`, as a User-Agent (RFC 9110, section 10.1.5).
pub(crate) const USER_AGENT: &str = concat!("authpost/", env!("CARGO_PKG_VERSION"));

/// The request to send.
#[derive(Debug)]
pub(crate) struct Request<'a> {
    /// The method.
    pub(crate) method: &'a str,
    /// The URL. Its origin is the one that the client was made for; the path may be any.
    pub(crate) url: &'a Url,
    /// Headers that are not secret.
    pub(crate) headers: &'a [(&'a str, &'a str)],
    /// Headers that are secret.
    pub(crate) secrets: &'a [(String, Secret)],
    /// What is secret in the URL.
    pub(crate) url_secret: Option<&'a Secret>,
    /// The body.
    pub(crate) body: Body<'a>,
}

/// The body of a request.
#[derive(Debug)]
pub(crate) enum Body<'a> {
    /// A JSON document, or no body.
    Json(&'a Document),
    /// `application/x-www-form-urlencoded`, with secrets in it (RFC 6749).
    Form(&'a Secret),
}

impl Body<'_> {
    /// The bytes, if they are in memory.
    fn bytes(&self) -> Option<&[u8]> {
        match self {
            Body::Json(document) => document.bytes(),
            Body::Form(form) => Some(form.expose().as_bytes()),
        }
    }
}

/// The result of one attempt.
#[derive(Debug)]
pub(crate) enum Attempt {
    /// No byte of the request was sent.
    Unsent(Error),
    /// Some of the request was sent, and no answer came back: the API may have accepted it.
    Unanswered(Error),
    /// The API answered.
    Answered(Answer),
}

/// How far a connection gets without a request.
#[derive(Debug)]
pub(crate) struct Probe {
    /// The phase in which it ended: [`Phase::Ready`] if the next step would be the request.
    pub(crate) phase: Phase,
    /// The addresses of the API's host, or of the proxy.
    pub(crate) addresses: Vec<IpAddr>,
    /// Why it got no further.
    pub(crate) error: Option<Error>,
}

/// The API's answer.
#[derive(Debug)]
pub(crate) struct Answer {
    /// `HTTP/1.1`, or whatever version the API speaks.
    pub(crate) version: &'static str,
    /// The status code.
    pub(crate) status: u16,
    /// The standard reason phrase; the API's own is not kept.
    pub(crate) reason: &'static str,
    /// All headers, in the order received, with the request's secrets redacted.
    pub(crate) headers: Vec<(String, String)>,
    /// `Retry-After` (RFC 9110, section 10.2.3), unredacted: for the retry logic, not for display.
    pub(crate) retry_after: Option<String>,
    /// The part of the body that was read.
    pub(crate) body: Vec<u8>,
    /// Whether that is the whole body.
    pub(crate) end: End,
    /// Whether the body contains one of the request's secrets.
    pub(crate) repeats_secret: bool,
}

impl Answer {
    /// The first value of the header `name`, which is given in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// The body, if it is JSON.
    pub(crate) fn json(&self) -> Option<&str> {
        let body = std::str::from_utf8(&self.body).ok()?;
        json::check(body.as_bytes()).is_ok().then_some(body)
    }

    /// `503 Service Unavailable`.
    pub(crate) fn status_and_reason(&self) -> String {
        format!("{} {}", self.status, self.reason)
            .trim_end()
            .to_owned()
    }

    /// The challenges of all `WWW-Authenticate` headers.
    pub(crate) fn challenges(&self) -> Vec<Challenge> {
        let mut challenges = Vec::new();
        for (name, value) in &self.headers {
            if name == "www-authenticate" {
                challenges.extend(Challenge::parse(value));
            }
        }
        challenges
    }
}

/// How the body of an answer ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Complete, as the API announced it.
    Whole,
    /// We stopped reading at the limit.
    OverLimit,
    /// It ended early, for this reason.
    Broken(String),
}

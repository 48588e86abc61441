//! One attempt at a request: what went out, and what came back.
//!
//! The only room that names `ureq`, and where secrets go onto the wire. It follows no redirect, repeats nothing and
//! judges nothing: an [`Attempt`] says what happened, and above all whether a byte of the request left.

mod buffers;
mod challenge;
mod client;
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
use crate::request::Url;
use crate::system::error::Error;
use crate::system::secret::Secret;
pub(crate) use challenge::Challenge;
pub(crate) use client::Client;
pub(crate) use error::unfit_identity;
pub(crate) use progress::Phase;
pub(crate) use tls::Origin as TrustOrigin;

/// `authpost/VERSION`, as a User-Agent (RFC 9110, section 10.1.5).
pub(crate) const USER_AGENT: &str = concat!("authpost/", env!("CARGO_PKG_VERSION"));

/// What goes out.
#[derive(Debug)]
pub(crate) struct Request<'a> {
    /// The method on the wire.
    pub(crate) method: &'a str,
    /// Where to: the origin that the client was made for, whatever the path.
    pub(crate) url: &'a Url,
    /// Headers that anybody may see.
    pub(crate) headers: &'a [(&'a str, &'a str)],
    /// Headers that nobody may see.
    pub(crate) secrets: &'a [(String, Secret)],
    /// The body.
    pub(crate) body: Body<'a>,
}

/// What a request carries.
#[derive(Debug)]
pub(crate) enum Body<'a> {
    /// A JSON document, or nothing.
    Json(&'a Document),
    /// `application/x-www-form-urlencoded`, which holds secrets (RFC 6749).
    Form(&'a Secret),
}

/// What one attempt came to.
#[derive(Debug)]
pub(crate) enum Attempt {
    /// Not a byte of the request left.
    Unsent(Error),
    /// Some of the request left, and no answer came back: the API may have accepted it.
    Unanswered(Error),
    /// The API answered.
    Answered(Answer),
}

/// How far a connection gets when no request follows.
#[derive(Debug)]
pub(crate) struct Probe {
    /// What was under way when it ended: [`Phase::Ready`] when the request could have followed.
    pub(crate) phase: Phase,
    /// The addresses of the API's host, or of the proxy's.
    pub(crate) addresses: Vec<IpAddr>,
    /// What is in the way.
    pub(crate) error: Option<Error>,
}

/// What the API said.
#[derive(Debug)]
pub(crate) struct Answer {
    /// `HTTP/1.1`, or what the API speaks.
    pub(crate) version: &'static str,
    /// The status code.
    pub(crate) status: u16,
    /// Its usual words; the API's own are not kept.
    pub(crate) reason: &'static str,
    /// All headers, in the order they came, fit to be seen: without the request's secrets.
    pub(crate) headers: Vec<(String, String)>,
    /// `Retry-After` (RFC 9110, section 10.2.3), as it came, to be acted upon and not to be seen.
    pub(crate) retry_after: Option<String>,
    /// The body, as far as it was kept.
    pub(crate) body: Vec<u8>,
    /// Whether that is all of it.
    pub(crate) end: End,
    /// Whether one of the request's secrets stands in the body.
    pub(crate) repeats_secret: bool,
}

impl Answer {
    /// The first value of the header `name`, given in small letters.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// What `WWW-Authenticate` says, in all its lines.
    pub(crate) fn challenges(&self) -> impl Iterator<Item = Challenge> {
        let values = self.headers.iter();
        let values = values.filter(|(name, _)| name == "www-authenticate");
        values.flat_map(|(_, value)| Challenge::parse(value))
    }

    /// `Retry-After`, as it came.
    pub(crate) fn retry_after(&self) -> Option<&str> {
        self.retry_after.as_deref()
    }
}

/// How an answer's body ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// As the API said it would.
    Whole,
    /// We stopped reading at the limit.
    OverLimit,
    /// It broke off, for this reason.
    Broken(String),
}

//! Why an attempt has no answer: ureq's errors as messages, each with a remedy.

mod tls;

use std::fmt;
use std::io::{self, Read};

use crate::dns;
use crate::system::error::{self, Kind};

use super::transport;
pub(crate) use tls::mismatched_identity;
pub(super) use tls::refuses_our_certificate;

/// The cause, and the remedy.
pub(super) struct Reason {
    pub(crate) kind: Kind,
    pub(crate) why: String,
    pub(crate) hint: Option<String>,
}

impl Reason {
    fn new(kind: Kind, why: &str, hint: &str) -> Reason {
        Reason {
            kind,
            why: why.to_owned(),
            hint: (!hint.is_empty()).then(|| hint.to_owned()),
        }
    }
}

/// Wraps a document while it is sent, to tell its own errors from those of the connection.
pub(super) struct Sent<R>(pub R);

impl<R: Read> Read for Sent<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let unreadable = |why| io::Error::other(Unreadable(error::reason(&why)));
        self.0.read(buffer).map_err(unreadable)
    }
}

#[derive(Debug)]
struct Unreadable(String);

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "reading the document: {}", self.0)
    }
}

impl std::error::Error for Unreadable {}

/// The end of an answer cannot be determined. Its headers are not quoted, because they may repeat a secret.
#[derive(Debug)]
pub(super) struct UnknownFraming;

impl fmt::Display for UnknownFraming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("its Transfer-Encoding is not 'chunked', or is given in HTTP/1.0")
    }
}

impl std::error::Error for UnknownFraming {}

/// What is known about an attempt, apart from its error.
pub(super) struct ErrorContext<'a> {
    /// Whether a byte of the request was sent.
    pub(super) sent: bool,
    /// The API's host, without brackets.
    pub(super) host: &'a str,
    /// Whether we have a client certificate.
    pub(super) has_certificate: bool,
    /// Whether an alert of the API can only be about our certificate, or about the lack of one.
    pub(super) may_refuse_certificate: bool,
    /// What the API sent that this client does not support.
    pub(super) unsupported: Option<Unsupported>,
}

/// What a peer may send that is not TLS, or is a part of TLS that is not supported here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unsupported {
    /// An HTTP answer instead of the handshake.
    PlainHttp,
    /// A request to renegotiate (RFC 5246, section 7.4.1.1).
    Renegotiation,
}

/// A TLS alert instead of an HTTP answer.
#[derive(Debug)]
pub(super) struct SpeaksTls;

impl fmt::Display for SpeaksTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("what answers there speaks TLS")
    }
}

impl std::error::Error for SpeaksTls {}

/// The cause of `error`.
pub(super) fn explain(error: &ureq::Error, context: &ErrorContext) -> Reason {
    match error {
        ureq::Error::Other(inner) if inner.is::<dns::ResolveError>() => {
            let remedy = inner.downcast_ref().map_or("", dns::ResolveError::remedy);
            Reason::new(Kind::Unreached, &inner.to_string(), remedy)
        }
        ureq::Error::Timeout(_) => Reason::new(Kind::Unreached, "timed out", ""),
        ureq::Error::HostNotFound => Reason::new(Kind::Unreached, "it has no address", ""),
        ureq::Error::ConnectProxyFailed(why) => {
            // ureq reports `proxy server responded 407/407`.
            match why.rsplit('/').next().filter(|last| last.len() == 3) {
                // tinyproxy answers 401 to a wrong password.
                Some(status @ ("407" | "401")) => Reason::new(
                    Kind::Denied,
                    &format!(
                        "the proxy asks for a user and a password, or refuses the ones given ({status})"
                    ),
                    "give them as http://USER:PASSWORD@HOST:PORT, in HTTPS_PROXY rather than in --proxy",
                ),
                Some(status) => Reason::new(
                    Kind::Unreached,
                    &format!("the proxy answered {status}"),
                    "see whether the proxy lets anybody through to that host and port",
                ),
                None => Reason::new(Kind::Unreached, "the proxy did not answer", ""),
            }
        }
        ureq::Error::Io(why) if why.get_ref().is_some_and(|why| why.is::<Unreadable>()) => {
            Reason::new(Kind::Input, &why.to_string(), "")
        }
        ureq::Error::Other(inner) if inner.is::<SpeaksTls>() => Reason::new(
            Kind::Unreached,
            &inner.to_string(),
            "begin the URL with https://",
        ),
        error => {
            let text = plain(error);
            tls::explain(&text, context).unwrap_or_else(|| Reason::new(Kind::Unreached, &text, ""))
        }
    }
}

/// An error of ureq's as a message, without its prefixes.
pub(super) fn plain(error: &ureq::Error) -> String {
    match error {
        ureq::Error::Io(why) => transport::reason(why),
        ureq::Error::Protocol(why) if why.to_string().ends_with("too many headers") => {
            "the answer has more than 128 headers".to_owned()
        }
        ureq::Error::Protocol(why) => format!("what came is not HTTP ({why})"),
        ureq::Error::LargeResponseHeader(..) => {
            "the head of the answer is larger than 64 KiB".to_owned()
        }
        ureq::Error::Other(why) => why.to_string(),
        error => error.to_string(),
    }
}

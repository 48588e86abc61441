//! Why there is no answer, in words for people: ureq's and rustls's errors, and what to do about each.
//!
//! rustls's words are matched as text, because its types cannot be named without depending on it. It does not promise
//! them; tests/tls.rs holds each.

use std::fmt;
use std::io::{self, Read};

use crate::dns;
use crate::system::error::{self, Error, Kind};
use crate::system::time;

use super::transport;

/// Why, and what to do about it.
pub(super) struct Reason {
    pub(crate) kind: Kind,
    pub(crate) why: String,
    pub(crate) hint: Option<String>,
}

impl Reason {
    fn new(kind: Kind, why: impl Into<String>, hint: &str) -> Reason {
        Reason {
            kind,
            why: why.into(),
            hint: (!hint.is_empty()).then(|| hint.to_owned()),
        }
    }
}

/// A document as it is sent, whose own errors must not pass for the connection's.
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

/// An answer whose end cannot be told. Its headers are not quoted: they may repeat a secret.
#[derive(Debug)]
pub(super) struct UnknownFraming;

impl fmt::Display for UnknownFraming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("its Transfer-Encoding is not 'chunked', or is given in HTTP/1.0")
    }
}

impl std::error::Error for UnknownFraming {}

/// Why `error` came up, before a byte of the request was `sent` or after.
pub(super) fn explain(error: &ureq::Error, sent: bool) -> Reason {
    match error {
        ureq::Error::Other(inner) if inner.is::<dns::Failure>() => {
            let remedy = inner.downcast_ref().map_or("", dns::Failure::remedy);
            Reason::new(Kind::Unreached, inner.to_string(), remedy)
        }
        ureq::Error::Timeout(_) => Reason::new(Kind::Unreached, "out of time", ""),
        ureq::Error::HostNotFound => Reason::new(Kind::Unreached, "it has no address", ""),
        ureq::Error::ConnectProxyFailed(why) => {
            // ureq says `proxy server responded 407/407`.
            match why.rsplit('/').next().filter(|last| last.len() == 3) {
                // 401 is what tinyproxy says to a wrong password.
                Some(status @ ("407" | "401")) => Reason::new(
                    Kind::Denied,
                    format!(
                        "the proxy asks for a user and a password, or refuses the ones given ({status})"
                    ),
                    "give them as http://USER:PASSWORD@HOST:PORT, in HTTPS_PROXY rather than in --proxy",
                ),
                Some(status) => Reason::new(
                    Kind::Unreached,
                    format!("the proxy answered {status}"),
                    "see whether the proxy lets anybody through to that host and port",
                ),
                None => Reason::new(Kind::Unreached, "the proxy did not answer", ""),
            }
        }
        ureq::Error::Io(why) if why.get_ref().is_some_and(|why| why.is::<Unreadable>()) => {
            Reason::new(Kind::Input, why.to_string(), "")
        }
        error => {
            let text = plain(error);
            tls(&text, sent).unwrap_or_else(|| Reason::new(Kind::Unreached, text, ""))
        }
    }
}

/// An error of ureq's in plain words, without its prefixes.
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

/// The alerts by which a server turns down the certificate that we showed, or did not show.
const ALERTS: &[(&str, &str, &str)] = &[
    (
        "CertificateRequired",
        "the API asks for a client certificate",
        "give one with --cert and --key",
    ),
    (
        "UnknownCA",
        "the API does not trust our client certificate",
        "give one of an authority that the API trusts, with its chain, as --cert",
    ),
    (
        "CertificateExpired",
        "our client certificate has expired",
        "renew --cert",
    ),
    (
        "CertificateRevoked",
        "our client certificate is revoked",
        "renew --cert",
    ),
    (
        "BadCertificate",
        "the API refuses our client certificate, or misses it",
        "check --cert and --key",
    ),
    (
        "CertificateUnknown",
        "the API refuses our client certificate",
        "check --cert and --key",
    ),
    (
        "UnsupportedCertificate",
        "the API refuses our client certificate",
        "check --cert and --key",
    ),
    (
        "AccessDenied",
        "the API refuses our client certificate",
        "check --cert and --key",
    ),
];

fn alert(text: &str) -> Option<&str> {
    Some(text.split_once("received fatal alert: ")?.1)
}

/// Whether the API ended TLS with an alert that is for the certificate that we showed, or did not show.
pub(super) fn refuses_our_certificate(error: &ureq::Error) -> bool {
    let text = error.to_string();
    alert(&text).is_some_and(|alert| ALERTS.iter().any(|(known, ..)| *known == alert))
}

/// What is wrong with TLS; `None` when `text` is about something else.
fn tls(text: &str, sent: bool) -> Option<Reason> {
    if let Some(alert) = alert(text) {
        // After the request an alert may mean anything: what it says of certificates would be taken for the remedy.
        let known = ALERTS.iter().find(|(known, ..)| !sent && *known == alert);
        return Some(match (known, alert) {
            (Some((_, why, hint)), _) => Reason::new(Kind::Untrusted, *why, hint),
            (None, "UnrecognisedName") => Reason::new(
                Kind::Unreached,
                "it does not know that host name",
                "check the host in the URL",
            ),
            (None, "HandshakeFailure" | "ProtocolVersion") => incompatible(),
            _ => Reason::new(Kind::Unreached, format!("it broke TLS off ({alert})"), ""),
        });
    }
    if let Some(flaw) = text.strip_prefix("invalid peer certificate: ") {
        return Some(certificate(flaw));
    }
    if text.starts_with("peer is incompatible") {
        return Some(incompatible());
    }
    text.starts_with("received corrupt message").then(|| {
        Reason::new(
            Kind::Unreached,
            "what answers there does not speak TLS",
            "check the port in the URL, and whether it should begin with http:// instead",
        )
    })
}

fn incompatible() -> Reason {
    Reason::new(
        Kind::Unreached,
        "it has no version of TLS or no cipher in common with us (1.2 and 1.3 are spoken here)",
        "tell the API's owner to switch on TLS 1.2 or 1.3",
    )
}

/// What is wrong with the API's certificate, in rustls's words.
fn certificate(flaw: &str) -> Reason {
    const CLOCK: &str =
        "tell the API's owner to renew it; or check this machine's clock with 'date'";
    const AUTHORITY: &str = "give that authority's certificate (or the self-signed one) with --cacert; or tell the \
        API's owner to send the whole chain";
    let (why, hint) = if flaw.starts_with("certificate expired") {
        let since = moment(flaw, "not valid after ");
        (format!("its certificate has expired{since}"), CLOCK)
    } else if flaw.starts_with("certificate not valid yet") {
        let until = moment(flaw, "not valid before ");
        (format!("its certificate is not valid yet{until}"), CLOCK)
    } else if flaw.contains("not valid for any names") {
        (
            "its certificate is for no host: a name in its subject (CN) does not count".to_owned(),
            "tell the API's owner to have it issued with the host as subjectAltName",
        )
    } else if flaw.starts_with("certificate not valid for name") {
        (
            format!("its certificate is for another host{}", names(flaw)),
            "check the host in the URL, or tell the API's owner",
        )
    } else if flaw.starts_with("UnknownIssuer") || flaw.starts_with("BadSignature") {
        (
            "its certificate is not trusted here: it is self-signed, or from an authority that is not known, or the \
             API leaves out an intermediate one"
                .to_owned(),
            AUTHORITY,
        )
    } else if flaw.contains("CaUsedAsEndEntity") {
        (
            "its certificate is that of an authority, not of a server".to_owned(),
            "tell the API's owner to have one issued for the server",
        )
    } else if flaw.contains("extended key usage") || flaw.contains("InvalidPurpose") {
        (
            "its certificate is not meant for servers".to_owned(),
            "tell the API's owner to have one issued for the server",
        )
    } else {
        (
            format!("its certificate does not hold ({flaw})"),
            "tell the API's owner",
        )
    };
    Reason::new(Kind::Untrusted, why, hint)
}

/// ` (2001-01-01 00:00:00 UTC)`: the seconds since 1970 behind `marker`.
fn moment(flaw: &str, marker: &str) -> String {
    let digits = flaw.split_once(marker).map_or("", |(_, rest)| rest);
    let end = digits.find(|c: char| !c.is_ascii_digit());
    match digits[..end.unwrap_or(digits.len())].parse() {
        Ok(seconds) => format!(" ({})", time::utc(seconds)),
        Err(_) => String::new(),
    }
}

/// `: 'a.test', 'b.test'`: the names that rustls says a certificate is for, as it quotes them.
fn names(flaw: &str) -> String {
    let list = flaw
        .split_once("only valid for ")
        .map_or("", |(_, list)| list);
    // `DnsName("a.test")`, `IpAddress(127.0.0.1)`.
    let names: Vec<_> = list
        .split('(')
        .filter_map(|piece| piece.split_once(')'))
        .take(5)
        .map(|(name, _)| format!("'{}'", name.trim_matches('"')))
        .collect();
    match names.is_empty() {
        true => String::new(),
        false => format!(": {}", names.join(", ")),
    }
}

/// What to say when ureq finds that the client's certificate and key do not fit together.
pub(crate) fn unfit_identity() -> Error {
    Error::new(Kind::Config, "using the client certificate: --cert and --key do not fit together, or are of a kind not known here")
        .hint("give the certificate's own key: RSA of 2048 bits or more, ECDSA P-256 or P-384, or Ed25519")
}

//! What is wrong with TLS, from rustls's messages.
//!
//! They are matched as text, because its types cannot be named without a dependency on it. It does not guarantee their
//! wording; the tests in `tests/http` check each.

use std::net::IpAddr;

use super::{ErrorContext, Reason, Unsupported};
use crate::system::error::{Error, Kind};
use crate::system::time;

/// The alerts with which a server rejects our client certificate, or the lack of one.
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

/// Whether the API ended TLS with an alert that rejects our client certificate, or the lack of one.
pub(in crate::http) fn refuses_our_certificate(error: &ureq::Error) -> bool {
    let text = error.to_string();
    alert(&text).is_some_and(|alert| ALERTS.iter().any(|(known, ..)| *known == alert))
}

/// What is wrong with TLS; `None` if `text` is about something else. After a byte of the request was sent there is no
/// remedy here: the caller then has to say that the API may have accepted the document.
pub(super) fn explain(text: &str, context: &ErrorContext) -> Option<Reason> {
    let unreached = |why: &str, hint| Some(Reason::new(Kind::Unreached, why, hint));
    if context.unsupported == Some(Unsupported::Renegotiation) {
        return unreached(
            "it asks to renegotiate TLS, usually for a client certificate, which is not supported here",
            "",
        );
    }
    if let Some(alert) = alert(text) {
        let broke_off = format!("it broke TLS off ({alert})");
        // After the request, an alert may mean anything.
        if context.sent {
            return unreached(&broke_off, "");
        }
        if let Some((_, why, hint)) = ALERTS.iter().find(|(known, ..)| *known == alert) {
            return Some(Reason::new(Kind::Untrusted, why, hint));
        }
        return match (alert, context.may_refuse_certificate) {
            // TLS 1.2 has no alert for a missing certificate.
            ("HandshakeFailure", true) => Some(match context.has_certificate {
                true => Reason::new(
                    Kind::Untrusted,
                    "the API refuses our client certificate",
                    "check --cert and --key",
                ),
                false => Reason::new(
                    Kind::Untrusted,
                    "the API asks for a client certificate",
                    "give one with --cert and --key",
                ),
            }),
            ("HandshakeFailure" | "InsufficientSecurity", _) => Some(nothing_in_common()),
            ("ProtocolVersion", _) => Some(old_version()),
            ("UnrecognisedName", _) => unreached(
                "it does not know that host name",
                "check the host in the URL",
            ),
            _ => unreached(&broke_off, ""),
        };
    }
    if let Some(error) = text.strip_prefix("invalid peer certificate: ") {
        return Some(certificate(error, context.host));
    }
    if text.starts_with("peer is incompatible") {
        return Some(match text.contains("Tls12") {
            true => old_version(),
            false => nothing_in_common(),
        });
    }
    match text.starts_with("received corrupt message") {
        false => None,
        true if context.sent => unreached("it broke TLS off: what came is not TLS", ""),
        true if context.unsupported == Some(Unsupported::PlainHttp) => unreached(
            "what answers there speaks HTTP without TLS",
            "check the port in the URL; begin it with http:// if that is meant",
        ),
        true => unreached(
            "what answers there does not speak TLS",
            "check the port in the URL, and whether it should begin with http:// instead",
        ),
    }
}

fn old_version() -> Reason {
    Reason::new(
        Kind::Unreached,
        "it speaks neither TLS 1.2 nor TLS 1.3",
        "tell the API's owner to switch on TLS 1.2 or 1.3",
    )
}

fn nothing_in_common() -> Reason {
    Reason::new(
        Kind::Unreached,
        "it has no version of TLS, cipher, key exchange or kind of certificate in common with us",
        "tell the API's owner what is accepted here: TLS 1.3, or TLS 1.2 with ECDHE and AES-GCM or ChaCha20; \
         certificates with RSA of 2048 bits or more, ECDSA P-256 or P-384, or Ed25519",
    )
}

/// Signature algorithms that are not accepted, by the last bytes of their identifier in a certificate.
const SIGNATURES: &[(&str, &str)] = &[
    ("13, 1, 1, 4, 5, 0", "RSA and MD5"),
    ("13, 1, 1, 5, 5, 0", "RSA and SHA-1"),
    ("206, 61, 4, 1", "ECDSA and SHA-1"),
    ("206, 61, 4, 3, 4", "ECDSA and SHA-512"),
];

/// What is wrong with the API's certificate, from rustls's message. The message is the same for each certificate of
/// the chain.
fn certificate(error: &str, host: &str) -> Reason {
    const CLOCK: &str =
        "tell the API's owner to renew it; or check this machine's clock with 'date'";
    const CHAIN: &str = "its certificate, or one that it sends along,";
    let is_address = host.parse::<IpAddr>().is_ok();
    let untrusted = |why: &str, hint: &str| Reason::new(Kind::Untrusted, why, hint);
    if error.starts_with("certificate expired") {
        let since = moment(error, "not valid after ");
        untrusted(&format!("{CHAIN} has expired{since}"), CLOCK)
    } else if error.starts_with("certificate not valid yet") {
        let until = moment(error, "not valid before ");
        untrusted(&format!("{CHAIN} is not valid yet{until}"), CLOCK)
    } else if error.contains("not valid for any names") {
        untrusted(
            "its certificate is for no host: a name in its subject (CN) does not count",
            "tell the API's owner to have it issued with the host as subjectAltName",
        )
    } else if is_address && error.contains(&format!("DnsName(\"{host}\")")) {
        untrusted(
            &format!(
                "its certificate has the address {host} as a DNS name, where it does not count"
            ),
            &format!("tell the API's owner to have it issued with subjectAltName=IP:{host}"),
        )
    } else if error.starts_with("certificate not valid for name") {
        untrusted(
            &format!("its certificate is for another host{}", names(error)),
            "check the host in the URL, or tell the API's owner",
        )
    } else if error.starts_with("UnknownIssuer") {
        untrusted(
            "its certificate is not trusted here: it is self-signed, or from an authority that is not known, or the \
             API leaves out an intermediate one",
            "give that authority's certificate (or the self-signed one) with --cacert; or tell the API's owner to send \
             the whole chain",
        )
    } else if error.starts_with("BadSignature") {
        untrusted(
            "its certificate is signed by another authority of the same name as one trusted here, or it has an RSA \
             key of less than 2048 bits",
            "give that authority's present certificate with --cacert; or tell the API's owner to use RSA with 2048 bits \
             or more",
        )
    } else if error.starts_with("UnsupportedSignatureAlgorithmForPublicKey") {
        untrusted(
            &format!("{CHAIN} is signed by a key of a kind that is not accepted"),
            "tell the API's owner to have it issued by an authority with RSA, ECDSA P-256 or P-384, or Ed25519",
        )
    } else if error.starts_with("UnsupportedSignatureAlgorithm") {
        let id = error.split_once("signature_algorithm_id: [");
        let id = id.and_then(|(_, rest)| rest.split(']').next());
        let known = SIGNATURES
            .iter()
            .find(|(end, _)| id.is_some_and(|id| id.ends_with(end)));
        let with = known.map_or("an algorithm", |(_, with)| *with);
        untrusted(
            &format!("{CHAIN} is signed with {with}, which is not accepted"),
            "tell the API's owner to have it issued anew, signed with SHA-256",
        )
    } else if error.contains("CaUsedAsEndEntity") {
        let kind = if is_address { "IP" } else { "DNS" };
        untrusted(
            "its certificate is marked as an authority's (CA:TRUE), so it is not accepted as a server's",
            &format!(
                "have the API use one made by: openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem \
                 -days 825 -subj /CN={host} -addext subjectAltName={kind}:{host} -addext \
                 basicConstraints=critical,CA:FALSE"
            ),
        )
    } else if error.contains("extended key usage") || error.contains("InvalidPurpose") {
        untrusted(
            "its certificate is not meant for servers",
            "tell the API's owner to have one issued for the server",
        )
    } else {
        // The rest is for developers of rustls.
        let error = error.split(['{', '(']).next().unwrap_or_default().trim();
        untrusted(
            &format!("its certificate is not valid ({error})"),
            "tell the API's owner",
        )
    }
}

/// ` (2001-01-01 00:00:00 UTC)`: the time given after `marker` in seconds since 1970.
fn moment(error: &str, marker: &str) -> String {
    let digits = error.split_once(marker).map_or("", |(_, rest)| rest);
    let end = digits.find(|c: char| !c.is_ascii_digit());
    match digits[..end.unwrap_or(digits.len())].parse() {
        Ok(seconds) => format!(" ({})", time::utc(seconds)),
        Err(_) => String::new(),
    }
}

/// `: 'a.test', 'b.test'`: the names in the certificate, from rustls's message.
fn names(error: &str) -> String {
    let list = error
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

/// The error when ureq finds that the client's certificate and key do not match.
pub(crate) fn mismatched_identity() -> Error {
    Error::new(Kind::Config, "using the client certificate: --cert and --key do not fit together, or are of a kind not known here")
        .hint("give the certificate's own key: RSA of 2048 bits or more, ECDSA P-256 or P-384, or Ed25519")
}

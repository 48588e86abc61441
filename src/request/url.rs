//! The URL of the API.

use std::fmt;
use std::path::{Path, PathBuf};

/// An absolute `http` or `https` URL (RFC 3986) without user information and fragment.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Url {
    text: String,
    host: std::ops::Range<usize>,
    path: usize,
    port: u16,
    file: Option<PathBuf>,
}

impl Url {
    /// Checks and keeps `text`. The error is a clause such as `it has no host`.
    pub(crate) fn parse(text: &str) -> Result<Url, String> {
        let (scheme, rest) = text
            .split_once("://")
            .ok_or("it has no scheme, such as https://")?;
        let small = scheme.to_ascii_lowercase();
        let default_port = match small.as_str() {
            "https" => 443,
            "http" => 80,
            _ => {
                return Err(format!(
                    "its scheme is '{scheme}', and only https and http are supported"
                ));
            }
        };
        if let Some(odd) = text
            .chars()
            .find(|c| !c.is_ascii_graphic() || "\"<>\\^`{|}".contains(*c))
        {
            return Err(format!(
                "{odd:?} must be percent-encoded in it (a host name: in punycode)"
            ));
        }
        if text.contains('#') {
            return Err(
                "it has a fragment ('#'), which is never sent: percent-encode it as %23".to_owned(),
            );
        }
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let authority = &rest[..end];
        if authority.contains('@') {
            return Err("it carries a user or a password".to_owned());
        }
        let start = scheme.len() + 3;
        let (host, port) = match authority.strip_prefix('[') {
            Some(inner) => {
                let close = inner
                    .find(']')
                    .ok_or("its IPv6 address has no closing bracket")?;
                if inner[..close].parse::<std::net::Ipv6Addr>().is_err() {
                    return Err("what stands in its brackets is not an IPv6 address".to_owned());
                }
                (start + 1..start + 1 + close, &inner[close + 1..])
            }
            None => {
                let length = authority.find(':').unwrap_or(authority.len());
                (start..start + length, &authority[length..])
            }
        };
        if host.is_empty() {
            return Err("it has no host".to_owned());
        }
        let name = &text[host.clone()];
        if name
            .strip_suffix('.')
            .unwrap_or(name)
            .split('.')
            .any(str::is_empty)
        {
            return Err("its host has an empty part before, between or behind dots".to_owned());
        }
        let port = match port.strip_prefix(':') {
            Some(digits) => match digits.parse() {
                Ok(port) if port > 0 && digits.bytes().all(|b| b.is_ascii_digit()) => port,
                _ => return Err("its port is not a number from 1 to 65535".to_owned()),
            },
            None if port.is_empty() => default_port,
            None => return Err("only a port may stand behind the host's ']'".to_owned()),
        };
        Ok(Url {
            text: format!("{small}://{rest}"),
            host,
            path: start + end,
            port,
            file: None,
        })
    }

    /// The same URL, but read from `file`, because what follows its origin is secret. It is not shown.
    pub(crate) fn read_from(self, file: PathBuf) -> Url {
        Url {
            file: Some(file),
            ..self
        }
    }

    /// The file that it was read from.
    pub(crate) fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// Path and query, if they are secret.
    pub(crate) fn secret(&self) -> Option<&str> {
        self.file.as_ref().map(|_| &self.text[self.path..])
    }

    /// The URL as it was given, with its scheme in lower case.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether TLS protects it.
    pub(crate) fn is_https(&self) -> bool {
        self.text.starts_with("https:")
    }

    /// The host: a name, or an address without brackets.
    pub(crate) fn host(&self) -> &str {
        &self.text[self.host.clone()]
    }

    /// The port; by default that of the scheme.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Scheme, host and port as given. It determines what to connect to, whatever the path.
    pub(crate) fn origin(&self) -> &str {
        &self.text[..self.path]
    }

    /// Whether the host is this machine: 127.0.0.0/8, ::1, localhost and its subdomains (RFC 6761).
    pub(crate) fn is_loopback(&self) -> bool {
        let host = self.host().trim_end_matches('.').to_ascii_lowercase();
        match host.parse::<std::net::IpAddr>() {
            Ok(address) => address.is_loopback(),
            Err(_) => host == "localhost" || host.ends_with(".localhost"),
        }
    }
}

/// For display: without the query, where APIs are known to put secrets, and without the path if it is secret.
impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.file, self.text.split_once('?')) {
            (Some(_), _) => write!(f, "{}/…", self.origin()),
            (None, Some((start, _))) => write!(f, "{start}?…"),
            (None, None) => f.write_str(&self.text),
        }
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

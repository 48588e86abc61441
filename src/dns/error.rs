//! Why a name has no address, in words, and what to do about it.

use std::fmt;
use std::net::SocketAddr;

use super::DNS_PORT;
use crate::request::Family;

/// Why there is no address. Displayed, it reads after "looking up 'host': ".
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ResolveError {
    /// The name does not exist, says this server.
    NoSuchName(SocketAddr),
    /// The name exists, says this server, but has no address of the wanted family. Without a server: the host is an
    /// address of the other family.
    NoAddress(Family, Option<SocketAddr>),
    /// No server answered in time; the text names each.
    TimedOut(String),
    /// The servers cannot be reached, or answer that they cannot tell; the text names each, and why.
    Servers(String),
    /// Not a host name; the text says why, and reads after "the name".
    BadName(&'static str),
}

impl ResolveError {
    /// What to do about it, in the imperative.
    pub(crate) fn remedy(&self) -> &'static str {
        match self {
            ResolveError::NoSuchName(_) => {
                "check the spelling of the host, and that these are the right servers in /etc/resolv.conf"
            }
            ResolveError::NoAddress(Family::Any, _) => {
                "check the spelling of the host, and its A and AAAA records"
            }
            ResolveError::NoAddress(Family::V4, _) => "leave out -4, or add an A record",
            ResolveError::NoAddress(Family::V6, _) => "leave out -6, or add an AAAA record",
            ResolveError::TimedOut(_) | ResolveError::Servers(_) => {
                "check the network, and the servers named in /etc/resolv.conf"
            }
            ResolveError::BadName(_) => "correct the host in the URL",
        }
    }

    /// ServerError with the servers that came up with `name`, which is not the one that the reader knows.
    pub(super) fn about(self, name: &str) -> ResolveError {
        match self {
            ResolveError::TimedOut(what) => ResolveError::TimedOut(format!("{what}, for '{name}'")),
            ResolveError::Servers(what) => ResolveError::Servers(format!("{what}, for '{name}'")),
            other => other,
        }
    }

    /// Of several names that were tried, the one with the weightiest failure is reported: trouble with the servers must
    /// not pass for "no such name".
    pub(super) fn weight(&self) -> u8 {
        match self {
            ResolveError::NoSuchName(_) => 0,
            ResolveError::NoAddress(..) => 1,
            _ => 2,
        }
    }
}

impl std::error::Error for ResolveError {}

impl fmt::Display for ResolveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ResolveError::NoSuchName(server) => {
                write!(f, "no such name (asked {})", Shown(*server))
            }
            ResolveError::NoAddress(family, Some(server)) => {
                let noun = family.noun();
                write!(f, "the name has no {noun} (asked {})", Shown(*server))
            }
            ResolveError::NoAddress(family, None) => write!(f, "it is not an {}", family.noun()),
            ResolveError::TimedOut(what) => write!(f, "no answer in time: {what}"),
            ResolveError::Servers(what) => write!(f, "no usable answer: {what}"),
            ResolveError::BadName(why) => write!(f, "the name {why}"),
        }
    }
}

/// A name server in words: its port is shown only when it is not the usual one.
pub(super) struct Shown(pub(super) SocketAddr);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.port() {
            DNS_PORT => write!(f, "{}", self.0.ip()),
            _ => write!(f, "{}", self.0),
        }
    }
}

//! Why a name has no address, as a message with a remedy.

use std::fmt;
use std::net::SocketAddr;

use super::DNS_PORT;
use crate::request::Family;

/// Why there is no address. Its `Display` text continues "looking up 'host': ".
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ResolveError {
    /// This server says that the name does not exist.
    NoSuchName(SocketAddr),
    /// This server says that the name exists, but has no address of the wanted family. Without a server: the host is an
    /// address of the other family.
    NoAddress(Family, Option<SocketAddr>),
    /// No server answered in time; the text lists them.
    TimedOut(String),
    /// The servers cannot be reached, or answer that they cannot resolve the name; the text lists each with the reason.
    Servers(String),
    /// Not a host name; the text says why, and continues "the name".
    BadName(&'static str),
}

impl ResolveError {
    /// The remedy, in the imperative.
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

    /// Adds `name` to an error of the servers, if it is not the name that the user gave.
    pub(super) fn for_name(self, name: &str) -> ResolveError {
        match self {
            ResolveError::TimedOut(what) => ResolveError::TimedOut(format!("{what}, for '{name}'")),
            ResolveError::Servers(what) => ResolveError::Servers(format!("{what}, for '{name}'")),
            other => other,
        }
    }

    /// If several names were tried, the error with the highest priority is reported: a server problem must not be reported
    /// as "no such name".
    pub(super) fn priority(&self) -> u8 {
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
                write!(f, "no such name (asked {})", ServerName(*server))
            }
            ResolveError::NoAddress(family, Some(server)) => {
                let noun = family.noun();
                write!(f, "the name has no {noun} (asked {})", ServerName(*server))
            }
            ResolveError::NoAddress(family, None) => write!(f, "it is not an {}", family.noun()),
            ResolveError::TimedOut(what) => write!(f, "no answer in time: {what}"),
            ResolveError::Servers(what) => write!(f, "no usable answer: {what}"),
            ResolveError::BadName(why) => write!(f, "the name {why}"),
        }
    }
}

/// A name server for a message: its port is shown only if it is not the default one.
pub(super) struct ServerName(pub(super) SocketAddr);

impl fmt::Display for ServerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.port() {
            DNS_PORT => write!(f, "{}", self.0.ip()),
            _ => write!(f, "{}", self.0),
        }
    }
}

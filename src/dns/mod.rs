//! Resolves host names to addresses: a blocking stub resolver in plain std, bounded by a [`Deadline`].
//!
//! It exists so that nothing calls `getaddrinfo`. In a static binary that function loads the machine's NSS modules and
//! crashes if they were built for another libc, and its duration cannot be bounded without a thread. Musl and Go resolve
//! as we do. This module owns `UdpSocket`, `/etc/hosts` and `/etc/resolv.conf`; it must not know who asks, or why. The
//! message format is in `dns/message.rs`.
//!
//! Invariants:
//! - No lookup takes longer than the deadline, whatever a server sends or does not send.
//! - An answer counts only if it comes from the server that was asked, to the port and id of the question, and repeats
//!   the question.
//! - "No such name" is reported only if a server denied every name that was tried; a server that failed is named.
//! - The files are read again for each lookup, and only if the name requires them.
//!
//! Not implemented, unlike in glibc: the variables `LOCALDOMAIN` and `RES_OPTIONS`, options other than `ndots`,
//! `timeout`, `attempts` and `use-vc`, and gai.conf.
//!
//! RFC 1035 (messages, resolvers), RFC 6761 (localhost), RFC 6724 (the order, simplified), hosts(5), resolv.conf(5).

mod address;
mod conf;
mod error;
mod exchange;
mod message;
#[cfg(test)]
mod tests;

use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use self::address::{is_localhost, literal, ordered};
use self::conf::Conf;
pub(crate) use self::error::ResolveError;
use self::exchange::{Question, ServerError, over_tcp, over_udp};
use self::message::{A, AAAA, Query, Reply};
use crate::request::Family;
use crate::system::time::Deadline;

const DNS_PORT: u16 = 53;

impl Family {
    fn allows(self, address: &SocketAddr) -> bool {
        match self {
            Family::Any => true,
            Family::V4 => address.is_ipv4(),
            Family::V6 => address.is_ipv6(),
        }
    }

    /// The record types to query.
    fn record_types(self) -> &'static [u16] {
        match self {
            Family::Any => &[AAAA, A],
            Family::V4 => &[A],
            Family::V6 => &[AAAA],
        }
    }

    fn noun(self) -> &'static str {
        match self {
            Family::Any => "address",
            Family::V4 => "IPv4 address",
            Family::V6 => "IPv6 address",
        }
    }
}

/// The machine's configuration files for names.
#[derive(Debug)]
struct Files {
    hosts: PathBuf,
    resolv_conf: PathBuf,
    /// Holds the result of gethostname(2).
    hostname: PathBuf,
}

/// Looks up the addresses of hosts. Holds no connection and no cache.
#[derive(Debug)]
pub(crate) struct Resolver {
    family: Family,
    files: Files,
}

impl Resolver {
    /// A resolver with this machine's configuration.
    pub(crate) fn system(family: Family) -> Resolver {
        Resolver {
            family,
            files: Files {
                hosts: "/etc/hosts".into(),
                resolv_conf: "/etc/resolv.conf".into(),
                hostname: "/proc/sys/kernel/hostname".into(),
            },
        }
    }

    /// The addresses of `host` with `port`, best first: at least one, at most 16, no duplicates.
    ///
    /// `host` is an address (IPv6 also in brackets, or with a `%scope`) or a name. A trailing dot disables the search list
    /// of resolv.conf(5). Ends within `deadline`.
    pub(crate) fn lookup(
        &self,
        host: &str,
        port: u16,
        deadline: Deadline,
    ) -> Result<Vec<SocketAddr>, ResolveError> {
        if let Some(address) = literal(host, port) {
            return if self.family.allows(&address) {
                Ok(vec![address])
            } else {
                Err(ResolveError::NoAddress(self.family, None))
            };
        }
        let name = host.strip_suffix('.').unwrap_or(host);
        message::encode(name).map_err(ResolveError::BadName)?;
        if name
            .bytes()
            .all(|byte| byte == b'.' || byte.is_ascii_digit())
            && name.contains('.')
        {
            return Err(ResolveError::BadName("is an IPv4 address gone wrong"));
        }
        let mut known = if is_localhost(name) {
            let loopback: [IpAddr; 2] = [Ipv6Addr::LOCALHOST.into(), Ipv4Addr::LOCALHOST.into()];
            loopback.map(|ip| SocketAddr::new(ip, port)).to_vec()
        } else {
            self.hosts(name, port)
        };
        known.retain(|address| self.family.allows(address));
        if !known.is_empty() {
            return Ok(ordered(known));
        }
        self.ask(&Conf::read(&self.files), host, port, deadline)
    }

    /// The addresses of `name` in hosts(5), from all matching lines. A file that cannot be read has none.
    fn hosts(&self, name: &str, port: u16) -> Vec<SocketAddr> {
        let text = fs::read(&self.files.hosts).unwrap_or_default();
        let mut found = Vec::new();
        for line in String::from_utf8_lossy(&text).lines() {
            let line = line.split('#').next().unwrap_or_default();
            let mut words = line.split_ascii_whitespace();
            if let Some(address) = words.next()
                && words.any(|alias| {
                    let alias = alias.strip_suffix('.').unwrap_or(alias);
                    alias.eq_ignore_ascii_case(name)
                })
            {
                found.extend(literal(address, port));
            }
        }
        found
    }

    /// Asks the name servers for `host`, and for `host` with each suffix of the search list.
    fn ask(
        &self,
        conf: &Conf,
        host: &str,
        port: u16,
        deadline: Deadline,
    ) -> Result<Vec<SocketAddr>, ResolveError> {
        let mut silent = false;
        let mut worst: Option<ResolveError> = None;
        // The index of the server that answered last; the next name starts with it.
        let mut first = 0;
        for (name, as_given) in conf.names(host) {
            // If no server answers, try only the name as given: the other names would only take time. glibc does the same.
            if silent && !as_given {
                continue;
            }
            let failure = match message::encode(&name) {
                Ok(wire) => match self.ask_servers(conf, &wire, &mut first, deadline) {
                    Ok(ips) => {
                        let with_port = ips.into_iter().map(|ip| SocketAddr::new(ip, port));
                        return Ok(ordered(with_port.collect()));
                    }
                    Err(failure) if as_given => failure,
                    Err(failure) => failure.for_name(&name),
                },
                Err(_) => continue, // too long with this suffix
            };
            silent |= matches!(failure, ResolveError::TimedOut(_));
            if worst
                .as_ref()
                .is_none_or(|worst| worst.priority() < failure.priority())
            {
                worst = Some(failure);
            }
        }
        Err(worst.unwrap_or(ResolveError::BadName("is too long")))
    }

    /// Asks one server after the other for one name, until one gives a definite answer.
    fn ask_servers(
        &self,
        conf: &Conf,
        name: &[u8],
        first: &mut usize,
        deadline: Deadline,
    ) -> Result<Vec<IpAddr>, ResolveError> {
        let count = conf.servers.len();
        let mut troubles: Vec<(SocketAddr, ServerError)> = Vec::with_capacity(count);
        for turn in 0..count * conf.attempts {
            let index = (*first + turn) % count;
            let Some(&server) = conf.servers.get(index) else {
                break;
            };
            // A server that does not answer must leave time for those after it, however short the deadline.
            let waiting = u32::try_from(count - turn % count).unwrap_or(1);
            let share = deadline.at_most((deadline.left() / waiting).min(conf.timeout));
            if share.is_over() {
                break;
            }
            let trouble = match self.ask_server(conf, server, name, share) {
                Ok(verdict) => {
                    *first = index;
                    return match verdict {
                        Verdict::Found(addresses) => Ok(addresses),
                        Verdict::NoAddress => {
                            Err(ResolveError::NoAddress(self.family, Some(server)))
                        }
                        Verdict::NoSuchName => Err(ResolveError::NoSuchName(server)),
                    };
                }
                Err(trouble) => trouble,
            };
            // Report the latest error of each server.
            troubles.retain(|(other, _)| *other != server);
            troubles.push((server, trouble));
        }
        Err(conf.failure(&troubles))
    }

    /// Asks one server for the addresses of one name, both families at once.
    fn ask_server(
        &self,
        conf: &Conf,
        server: SocketAddr,
        name: &[u8],
        deadline: Deadline,
    ) -> Result<Verdict, ServerError> {
        // The only source of randomness in std. The system seeds its keys; its output is unpredictable.
        let random = RandomState::new().hash_one(name).to_be_bytes();
        let [a, b, c, d, ..] = random;
        let mut id = u16::from_be_bytes([a, b]);
        let step = u16::from_be_bytes([c, d]) | 1; // never zero, so that the ids differ
        let mut questions: Vec<Question<'_>> = Vec::with_capacity(2);
        for &kind in self.family.record_types() {
            let query = Query { id, name, kind };
            questions.push(Question { query, reply: None });
            id = id.wrapping_add(step);
        }
        // If one of two questions was answered, an error on the other does not discard the answer.
        let outcome = match conf.use_tcp {
            true => over_tcp(server, &mut questions, deadline),
            false => over_udp(server, &mut questions, deadline),
        };

        let mut found = Vec::new();
        let mut said = None;
        let mut exists = false;
        for Question { reply, .. } in questions {
            match reply {
                Some(Reply::Addresses(addresses)) => found.extend(addresses),
                Some(Reply::Failed(why)) => said = Some(why),
                Some(Reply::Truncated) => said = Some("sent a truncated answer even over TCP"),
                Some(Reply::NoAddress) => exists = true,
                Some(Reply::NoSuchName) | None => {}
            }
        }
        if !found.is_empty() {
            return Ok(Verdict::Found(found));
        }
        if let Some(why) = said {
            return Err(ServerError::Text(why));
        }
        match outcome {
            Err(error) => Err(error.into()),
            Ok(()) if exists => Ok(Verdict::NoAddress),
            Ok(()) => Ok(Verdict::NoSuchName),
        }
    }
}

/// The result of one server for a name, from all its questions.
enum Verdict {
    Found(Vec<IpAddr>),
    NoAddress,
    NoSuchName,
}

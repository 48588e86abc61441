//! Names to addresses: a blocking stub resolver in plain std, within a [`Budget`].
//!
//! It exists so that nothing calls `getaddrinfo`, which in a static binary loads the machine's NSS modules and dies when
//! they were built for another libc, and which cannot be bounded without a thread. Musl and Go do as we do. It owns
//! `UdpSocket`, `/etc/hosts` and `/etc/resolv.conf`; it must not know who asks, or what for. The bytes of messages are
//! `dns/message.rs`'s.
//!
//! What always holds:
//! - No answer later than the budget, whatever a server sends or does not send.
//! - Only an answer from the server asked, to the port and id of the question, repeating the question, is looked at.
//! - "No such name" is said only when every name that was tried was denied by a server; a server that failed is named.
//! - The files are read afresh for each lookup, and only when the name needs them.
//!
//! Not taken from glibc: the variables `LOCALDOMAIN` and `RES_OPTIONS`, the options beyond `ndots`, `timeout` and
//! `attempts`, and gai.conf.
//!
//! RFC 1035 (messages, resolvers), RFC 6761 (localhost), RFC 6724 (the order, in spirit), hosts(5), resolv.conf(5).

mod message;
#[cfg(test)]
mod tests;

use std::fmt;
use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, TcpStream, UdpSocket};
use std::path::PathBuf;
use std::time::Duration;

use self::message::{A, AAAA, MAX_ADDRESSES, Query, Reply};
use crate::request::Family;
use crate::system::error::reason;
use crate::system::time::Budget;

const DNS_PORT: u16 = 53;
const MAX_SERVERS: usize = 3;
/// We offer no EDNS, so answers have 512 bytes; some servers do not care.
const MAX_DATAGRAM: usize = 4096;
/// With addresses of one family in hand, how long the other family's are waited for. Some firewalls let through only one
/// of two answers; the time that this would cost belongs to the connection.
const STRAGGLER: Duration = Duration::from_secs(1);

impl Family {
    fn takes(self, address: &SocketAddr) -> bool {
        match self {
            Family::Any => true,
            Family::V4 => address.is_ipv4(),
            Family::V6 => address.is_ipv6(),
        }
    }

    /// The record types to ask for.
    fn kinds(self) -> &'static [u16] {
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

/// Why there is no address. Displayed, it reads after "looking up 'host': ".
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
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

impl Failure {
    /// What to do about it, in the imperative.
    pub fn remedy(&self) -> &'static str {
        match self {
            Failure::NoSuchName(_) => {
                "check the spelling of the host, and that these are the right servers in /etc/resolv.conf"
            }
            Failure::NoAddress(Family::Any, _) => {
                "check the spelling of the host, and its A and AAAA records"
            }
            Failure::NoAddress(Family::V4, _) => "leave out -4, or add an A record",
            Failure::NoAddress(Family::V6, _) => "leave out -6, or add an AAAA record",
            Failure::TimedOut(_) | Failure::Servers(_) => {
                "check the network, and the servers named in /etc/resolv.conf"
            }
            Failure::BadName(_) => "correct the host in the URL",
        }
    }

    /// Trouble with the servers that came up with `name`, which is not the one that the reader knows.
    fn about(self, name: &str) -> Failure {
        match self {
            Failure::TimedOut(what) => Failure::TimedOut(format!("{what}, for '{name}'")),
            Failure::Servers(what) => Failure::Servers(format!("{what}, for '{name}'")),
            other => other,
        }
    }

    /// Of several names that were tried, the one with the weightiest failure is reported: trouble with the servers must
    /// not pass for "no such name".
    fn weight(&self) -> u8 {
        match self {
            Failure::NoSuchName(_) => 0,
            Failure::NoAddress(..) => 1,
            _ => 2,
        }
    }
}

impl std::error::Error for Failure {}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::NoSuchName(server) => write!(f, "no such name (asked {})", Shown(*server)),
            Failure::NoAddress(family, Some(server)) => {
                let noun = family.noun();
                write!(f, "the name has no {noun} (asked {})", Shown(*server))
            }
            Failure::NoAddress(family, None) => write!(f, "it is not an {}", family.noun()),
            Failure::TimedOut(what) => write!(f, "no answer in time: {what}"),
            Failure::Servers(what) => write!(f, "no usable answer: {what}"),
            Failure::BadName(why) => write!(f, "the name {why}"),
        }
    }
}

/// A name server in words: its port is shown only when it is not the usual one.
struct Shown(SocketAddr);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.port() {
            DNS_PORT => write!(f, "{}", self.0.ip()),
            _ => write!(f, "{}", self.0),
        }
    }
}

/// Where the machine says what it knows of names.
#[derive(Debug)]
struct Files {
    hosts: PathBuf,
    resolv_conf: PathBuf,
    /// Holds what gethostname(2) returns.
    hostname: PathBuf,
}

/// Finds the addresses of hosts. Holds no connection and no cache.
#[derive(Debug)]
pub struct Resolver {
    family: Family,
    files: Files,
}

impl Resolver {
    /// A resolver set up as the machine is.
    pub fn system(family: Family) -> Resolver {
        Resolver {
            family,
            files: Files {
                hosts: "/etc/hosts".into(),
                resolv_conf: "/etc/resolv.conf".into(),
                hostname: "/proc/sys/kernel/hostname".into(),
            },
        }
    }

    /// The addresses of `host`, best first, with `port`: at least one, at most 16, no duplicates.
    ///
    /// `host` is an address (IPv6 also in brackets, or with a `%scope`) or a name; a trailing dot keeps the search list
    /// of resolv.conf(5) out. Ends within `budget`.
    pub fn lookup(
        &self,
        host: &str,
        port: u16,
        budget: Budget,
    ) -> Result<Vec<SocketAddr>, Failure> {
        if let Some(address) = literal(host, port) {
            return if self.family.takes(&address) {
                Ok(vec![address])
            } else {
                Err(Failure::NoAddress(self.family, None))
            };
        }
        let name = host.strip_suffix('.').unwrap_or(host);
        message::encode(name).map_err(Failure::BadName)?;
        if name
            .bytes()
            .all(|byte| byte == b'.' || byte.is_ascii_digit())
            && name.contains('.')
        {
            return Err(Failure::BadName("is an IPv4 address gone wrong"));
        }
        let mut known = if is_localhost(name) {
            let loopback: [IpAddr; 2] = [Ipv6Addr::LOCALHOST.into(), Ipv4Addr::LOCALHOST.into()];
            loopback.map(|ip| SocketAddr::new(ip, port)).to_vec()
        } else {
            self.hosts(name, port)
        };
        known.retain(|address| self.family.takes(address));
        if !known.is_empty() {
            return Ok(ordered(known));
        }
        self.ask(&Conf::read(&self.files), host, port, budget)
    }

    /// What hosts(5) says of `name`; several lines add up. A file that cannot be read says nothing.
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

    /// Asks the name servers for `host`, and for `host` below each name in the search list.
    fn ask(
        &self,
        conf: &Conf,
        host: &str,
        port: u16,
        budget: Budget,
    ) -> Result<Vec<SocketAddr>, Failure> {
        let mut silent = false;
        let mut worst: Option<Failure> = None;
        // Where the next name starts: at the server that has proved to be alive.
        let mut first = 0;
        for (name, as_given) in conf.names(host) {
            // Where nobody answers, the name as given gets its chance, and the rest would only take time; as glibc.
            if silent && !as_given {
                continue;
            }
            let failure = match message::encode(&name) {
                Ok(wire) => match self.ask_servers(conf, &wire, &mut first, budget) {
                    Ok(ips) => {
                        let with_port = ips.into_iter().map(|ip| SocketAddr::new(ip, port));
                        return Ok(ordered(with_port.collect()));
                    }
                    Err(failure) if as_given => failure,
                    Err(failure) => failure.about(&name),
                },
                Err(_) => continue, // too long with this suffix
            };
            silent |= matches!(failure, Failure::TimedOut(_));
            if worst
                .as_ref()
                .is_none_or(|worst| worst.weight() < failure.weight())
            {
                worst = Some(failure);
            }
        }
        Err(worst.unwrap_or(Failure::BadName("is too long")))
    }

    /// Asks one server after the other for one name, until one knows.
    fn ask_servers(
        &self,
        conf: &Conf,
        name: &[u8],
        first: &mut usize,
        budget: Budget,
    ) -> Result<Vec<IpAddr>, Failure> {
        let count = conf.servers.len();
        let mut troubles: Vec<(SocketAddr, Trouble)> = Vec::with_capacity(count);
        for turn in 0..count * conf.attempts {
            let index = (*first + turn) % count;
            let Some(&server) = conf.servers.get(index) else {
                break;
            };
            // A dead server must leave time for the ones after it, however short the budget.
            let waiting = u32::try_from(count - turn % count).unwrap_or(1);
            let share = budget.at_most((budget.left() / waiting).min(conf.timeout));
            if share.is_over() {
                break;
            }
            let trouble = match self.ask_server(server, name, share) {
                Ok(verdict) => {
                    *first = index;
                    return match verdict {
                        Verdict::Found(addresses) => Ok(addresses),
                        Verdict::NoAddress => Err(Failure::NoAddress(self.family, Some(server))),
                        Verdict::NoSuchName => Err(Failure::NoSuchName(server)),
                    };
                }
                Err(trouble) => trouble,
            };
            // The latest trouble with each server is the one to report.
            troubles.retain(|(other, _)| *other != server);
            troubles.push((server, trouble));
        }
        Err(conf.failure(&troubles))
    }

    /// Asks one server for the addresses of one name, of both families at once.
    fn ask_server(
        &self,
        server: SocketAddr,
        name: &[u8],
        budget: Budget,
    ) -> Result<Verdict, Trouble> {
        // The only randomness in std. Its keys come from the system; what it makes of them cannot be foretold.
        let random = RandomState::new().hash_one(name).to_be_bytes();
        let [a, b, c, d, ..] = random;
        let mut id = u16::from_be_bytes([a, b]);
        let step = u16::from_be_bytes([c, d]) | 1; // never zero, so that the ids differ
        let mut questions: Vec<Question<'_>> = Vec::with_capacity(2);
        for &kind in self.family.kinds() {
            let query = Query { id, name, kind };
            questions.push(Question { query, reply: None });
            id = id.wrapping_add(step);
        }
        // An error that strikes once one of two questions was answered does not undo the answer.
        let outcome = over_udp(server, &mut questions, budget);

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
            return Err(Trouble::Said(why));
        }
        match outcome {
            Err(error) => Err(error.into()),
            Ok(()) if exists => Ok(Verdict::NoAddress),
            Ok(()) => Ok(Verdict::NoSuchName),
        }
    }
}

/// What resolv.conf(5) says.
#[derive(Debug)]
struct Conf {
    /// At least one, at most [`MAX_SERVERS`] when read from the file.
    servers: Vec<SocketAddr>,
    /// Suffixes to try, without dots at either end.
    search: Vec<String>,
    /// A name with at least so many dots is first tried as it is.
    ndots: usize,
    /// How long one server is waited for.
    timeout: Duration,
    /// How often each server is asked. At least 1.
    attempts: usize,
    /// Why `servers` is not what the file says.
    note: Option<String>,
}

impl Conf {
    /// Reads the file; without it, or without a name server in it, the server is this machine.
    fn read(files: &Files) -> Conf {
        let mut note = None;
        let text = fs::read(&files.resolv_conf).unwrap_or_else(|error| {
            note = Some(format!("cannot be read: {}", reason(&error)));
            Vec::new()
        });
        let mut conf = Conf {
            servers: Vec::with_capacity(MAX_SERVERS),
            search: Vec::new(),
            ndots: 1,
            timeout: Duration::from_secs(5),
            attempts: 2,
            note: None,
        };
        let mut has_search = false;
        for line in String::from_utf8_lossy(&text).lines() {
            let mut words = line
                .split_ascii_whitespace()
                .take_while(|word| !word.starts_with(['#', ';']));
            match words.next() {
                Some("nameserver") if conf.servers.len() < MAX_SERVERS => {
                    let server = words.next().and_then(|word| literal(word, DNS_PORT));
                    conf.servers.extend(server);
                }
                // The last of the two wins. A lone "." is how systemd-resolved says "no suffix".
                Some(keyword @ ("search" | "domain")) => {
                    let limit = if keyword == "domain" { 1 } else { usize::MAX };
                    let list: Vec<&str> = words.take(limit).collect();
                    if !list.is_empty() {
                        has_search = true;
                        conf.search = suffixes(list);
                    }
                }
                Some("options") => words.for_each(|word| conf.option(word)),
                _ => {}
            }
        }
        if !has_search {
            let hostname = fs::read_to_string(&files.hostname).unwrap_or_default();
            let domain = hostname.trim().split_once('.').map(|(_, domain)| domain);
            conf.search = suffixes(domain);
        }
        if conf.servers.is_empty() {
            let why = note.unwrap_or_else(|| "names no server".to_owned());
            conf.note = Some(format!("{} {why}", files.resolv_conf.display()));
            let this = Ipv4Addr::LOCALHOST.into();
            conf.servers.push(SocketAddr::new(this, DNS_PORT));
        }
        conf
    }

    /// One word of an `options` line, within the limits of the manual. What we do not know, or cannot read, is skipped.
    fn option(&mut self, word: &str) {
        let Some((key, value)) = word.split_once(':') else {
            return;
        };
        let Ok(value) = value.parse::<u32>() else {
            return;
        };
        match key {
            "ndots" => self.ndots = value.min(15) as usize,
            "timeout" => self.timeout = Duration::from_secs(value.clamp(1, 30).into()),
            "attempts" => self.attempts = value.clamp(1, 5) as usize,
            _ => {}
        }
    }

    /// The names to try for `host`, in order, and whether each is `host` as it was given.
    fn names(&self, host: &str) -> Vec<(String, bool)> {
        if let Some(absolute) = host.strip_suffix('.') {
            return vec![(absolute.to_owned(), true)];
        }
        let with = |suffix: &String| (format!("{host}.{suffix}"), false);
        let mut names: Vec<_> = self.search.iter().map(with).collect();
        let as_given = (host.to_owned(), true);
        if host.matches('.').count() >= self.ndots {
            names.insert(0, as_given);
        } else {
            names.push(as_given);
        }
        names
    }

    /// What the troubles with the servers come to.
    fn failure(&self, troubles: &[(SocketAddr, Trouble)]) -> Failure {
        let said: Vec<String> = troubles
            .iter()
            .map(|(server, trouble)| format!("{} {trouble}", Shown(*server)))
            .collect();
        let mut text = said.join("; ");
        if text.is_empty() {
            text.push_str("the time was up before a name server could be asked");
        }
        if let Some(note) = &self.note {
            text = format!("{text} ({note})");
        }
        let silent = |(_, trouble): &(_, Trouble)| matches!(trouble, Trouble::Silent);
        if troubles.iter().all(silent) {
            Failure::TimedOut(text)
        } else {
            Failure::Servers(text)
        }
    }
}

/// Search suffixes as we keep them. The root alone adds nothing to the name as given.
fn suffixes<'a>(list: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    list.into_iter()
        .map(|suffix| suffix.trim_matches('.').to_owned())
        .filter(|suffix| !suffix.is_empty())
        .collect()
}

/// What a server says of a name, all questions taken together.
enum Verdict {
    Found(Vec<IpAddr>),
    NoAddress,
    NoSuchName,
}

/// Why a server was of no use. Displayed, it reads after the server's name.
enum Trouble {
    Silent,
    Unreachable(String),
    Said(&'static str),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Trouble {
        match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Trouble::Silent,
            io::ErrorKind::UnexpectedEof => Trouble::Said("closed the connection early"),
            _ => Trouble::Unreachable(reason(&error)),
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trouble::Silent => f.write_str("did not answer"),
            Trouble::Unreachable(why) => write!(f, "cannot be asked: {why}"),
            Trouble::Said(what) => f.write_str(what),
        }
    }
}

struct Question<'a> {
    query: Query<'a>,
    reply: Option<Reply>,
}

/// Gives a message that came in to the question that it answers. Others are dropped, so that a forger has to guess
/// right rather than only be early. Returns how long the rest is worth waiting for.
fn sort_in(questions: &mut [Question<'_>], message: &[u8], budget: Budget) -> Budget {
    for question in questions {
        if question.reply.is_none() {
            question.reply = question.query.reply(message);
            if matches!(question.reply, Some(Reply::Addresses(_))) {
                return budget.at_most(STRAGGLER);
            }
        }
    }
    budget
}

fn all_answered(questions: &[Question<'_>]) -> bool {
    questions.iter().all(|question| question.reply.is_some())
}

/// Sends all questions to `server` at once from a fresh port, and gathers the answers; over TCP where one is truncated.
fn over_udp(
    server: SocketAddr,
    questions: &mut [Question<'_>],
    mut budget: Budget,
) -> io::Result<()> {
    let socket = connected(server)?;
    for question in &*questions {
        let message = question.query.message();
        uninterrupted(|| socket.send(&message))?;
    }
    let mut buffer = [0; MAX_DATAGRAM];
    while !all_answered(questions) {
        let len = uninterrupted(|| {
            socket.set_read_timeout(Some(left(budget)?))?;
            socket.recv(&mut buffer)
        })?;
        let message = buffer.get(..len).unwrap_or_default();
        budget = sort_in(questions, message, budget);
        if questions
            .iter()
            .any(|question| question.reply == Some(Reply::Truncated))
        {
            return over_tcp(server, questions, budget);
        }
    }
    Ok(())
}

/// Asks again what is unanswered or truncated, on one connection.
fn over_tcp(
    server: SocketAddr,
    questions: &mut [Question<'_>],
    mut budget: Budget,
) -> io::Result<()> {
    let mut request = Vec::new();
    for question in &mut *questions {
        question.reply.take_if(|reply| *reply == Reply::Truncated);
        if question.reply.is_none() {
            let message = question.query.message();
            // A question is far shorter than 64 KiB.
            request.extend_from_slice(&(message.len() as u16).to_be_bytes());
            request.extend_from_slice(&message);
        }
    }
    let stream = TcpStream::connect_timeout(&server, left(budget)?)?;
    stream.set_write_timeout(Some(left(budget)?))?;
    (&stream).write_all(&request)?;
    while !all_answered(questions) {
        let mut bounded = Bounded(&stream, budget);
        let mut len = [0; 2];
        bounded.read_exact(&mut len)?;
        let mut message = vec![0; u16::from_be_bytes(len).into()];
        bounded.read_exact(&mut message)?;
        budget = sort_in(questions, &message, budget);
    }
    Ok(())
}

/// A stream that ends with its budget, even when it delivers byte by byte.
struct Bounded<'a>(&'a TcpStream, Budget);

impl Read for Bounded<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.set_read_timeout(Some(left(self.1)?))?;
        self.0.read(buffer)
    }
}

/// What is left, as sockets want it: they read zero as "for ever".
fn left(budget: Budget) -> io::Result<Duration> {
    match budget.left() {
        Duration::ZERO => Err(io::ErrorKind::TimedOut.into()),
        left => Ok(left),
    }
}

fn uninterrupted<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// A UDP socket on a fresh random port that takes datagrams from `peer` alone. Nothing is sent.
fn connected(peer: SocketAddr) -> io::Result<UdpSocket> {
    let any: IpAddr = match peer {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind(SocketAddr::new(any, 0))?;
    socket.connect(peer)?;
    Ok(socket)
}

/// Best first, each address once, at most [`MAX_ADDRESSES`]. The order is kept among equals.
fn ordered(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let mut ranked: Vec<(u8, SocketAddr)> = Vec::with_capacity(addresses.len());
    let alone = addresses.len() == 1;
    for address in addresses {
        if !ranked.iter().any(|(_, known)| *known == address) {
            ranked.push((if alone { 0 } else { rank(address) }, address));
        }
    }
    (0..=NO_ROUTE)
        .flat_map(|wanted| ranked.iter().filter(move |(rank, _)| *rank == wanted))
        .map(|(_, address)| *address)
        .take(MAX_ADDRESSES)
        .collect()
}

const NO_ROUTE: u8 = 3;

/// How good `address` looks from here, 0 being best. Connecting a UDP socket asks the kernel for a route and a source.
fn rank(address: SocketAddr) -> u8 {
    let source = connected(address).and_then(|socket| socket.local_addr());
    match (source, address) {
        (Err(_), _) => NO_ROUTE,
        // A private source (RFC 4193) does not reach the world, whatever the route says; RFC 6724 rule 5.
        (Ok(SocketAddr::V6(source)), SocketAddr::V6(target))
            if source.ip().is_unique_local() != target.ip().is_unique_local() =>
        {
            2
        }
        (Ok(_), SocketAddr::V4(_)) => 1,
        (Ok(_), SocketAddr::V6(_)) => 0,
    }
}

/// `host` as an address: IPv4, or IPv6, that one also in brackets or with a scope (`fe80::1%eth0`, `fe80::1%2`).
fn literal(host: &str, port: u16) -> Option<SocketAddr> {
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Some(SocketAddr::new(ip, port));
    }
    let inner = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(host);
    let (ip, scope) = match inner.split_once('%') {
        Some((ip, scope)) => (ip, interface(scope)?),
        None => (inner, 0),
    };
    let ip: Ipv6Addr = ip.parse().ok()?;
    Some(SocketAddrV6::new(ip, port, 0, scope).into())
}

/// The number of a network interface, given by number or by name.
fn interface(scope: &str) -> Option<u32> {
    if let Ok(index) = scope.parse() {
        return Some(index);
    }
    if scope.contains('/') || scope.starts_with('.') {
        return None;
    }
    // What if_nametoindex(3) returns, without libc.
    let index = fs::read_to_string(format!("/sys/class/net/{scope}/ifindex")).ok()?;
    index.trim().parse().ok()
}

/// RFC 6761 section 6.3: these never leave the machine, and nothing may say otherwise.
fn is_localhost(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or(name);
    last.eq_ignore_ascii_case("localhost")
}

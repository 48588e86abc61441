//! resolv.conf(5): which name servers to ask, for which names, how often, and with which timeout.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::address::literal;
use super::error::{ResolveError, ServerName};
use super::exchange::ServerError;
use super::{DNS_PORT, Files};
use crate::system::error::reason;

const MAX_SERVERS: usize = 3;

/// The content of resolv.conf(5).
#[derive(Debug)]
pub(super) struct Conf {
    /// At least one; at most [`MAX_SERVERS`] when read from the file.
    pub(super) servers: Vec<SocketAddr>,
    /// Suffixes to try, without dots at either end.
    pub(super) search: Vec<String>,
    /// A name with at least this many dots is first looked up as it is.
    pub(super) ndots: usize,
    /// The timeout for one server.
    pub(super) timeout: Duration,
    /// How often each server is asked. At least 1.
    pub(super) attempts: usize,
    /// Whether to use TCP from the start (`use-vc`).
    pub(super) use_tcp: bool,
    /// Why `servers` differs from the file.
    pub(super) note: Option<String>,
}

impl Conf {
    /// Reads the file. If it is missing or names no server, the server is this machine.
    pub(super) fn read(files: &Files) -> Conf {
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
            use_tcp: false,
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
                // The last one counts. A single "." is how systemd-resolved writes "no suffix".
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

    /// One word of an `options` line, within the limits of the manual. Unknown and malformed options are skipped.
    pub(super) fn option(&mut self, word: &str) {
        let Some((key, value)) = word.split_once(':') else {
            self.use_tcp |= word == "use-vc";
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

    /// The names to look up for `host`, in order, and whether each is `host` as it was given.
    pub(super) fn names(&self, host: &str) -> Vec<(String, bool)> {
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

    /// The overall error from the errors of the servers.
    pub(super) fn failure(&self, troubles: &[(SocketAddr, ServerError)]) -> ResolveError {
        let said: Vec<String> = troubles
            .iter()
            .map(|(server, trouble)| format!("{} {trouble}", ServerName(*server)))
            .collect();
        let mut text = said.join("; ");
        if text.is_empty() {
            text.push_str("the time was up before a name server could be asked");
        }
        if let Some(note) = &self.note {
            text = format!("{text} ({note})");
        }
        let silent = |(_, trouble): &(_, ServerError)| matches!(trouble, ServerError::Silent);
        if troubles.iter().all(silent) {
            ResolveError::TimedOut(text)
        } else {
            ResolveError::Servers(text)
        }
    }
}

/// Normalizes search suffixes. The root is dropped, because it adds nothing to the name as given.
fn suffixes<'a>(list: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    list.into_iter()
        .map(|suffix| suffix.trim_matches('.').to_owned())
        .filter(|suffix| !suffix.is_empty())
        .collect()
}

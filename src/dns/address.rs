//! Addresses: parsed from text, and ordered by which one to try first.

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, UdpSocket};

use super::message::MAX_ADDRESSES;

/// A UDP socket on a random port that accepts datagrams only from `peer`. Sends nothing.
pub(super) fn connected(peer: SocketAddr) -> io::Result<UdpSocket> {
    let any: IpAddr = match peer {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind(SocketAddr::new(any, 0))?;
    socket.connect(peer)?;
    Ok(socket)
}

/// The best ones first, without duplicates, at most [`MAX_ADDRESSES`]. The order among equals is kept. Addresses without
/// a route are dropped if there are others, because their errors would hide the one that matters.
pub(super) fn ordered(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let mut ranked: Vec<(u8, SocketAddr)> = Vec::with_capacity(addresses.len());
    let alone = addresses.len() == 1;
    for address in addresses {
        if !ranked.iter().any(|(_, known)| *known == address) {
            ranked.push((if alone { 0 } else { rank(address) }, address));
        }
    }
    let worst = match ranked.iter().all(|(rank, _)| *rank == NO_ROUTE) {
        true => NO_ROUTE,
        false => NO_ROUTE - 1,
    };
    let mut ordered = Vec::new();
    for wanted in 0..=worst {
        let wanted = ranked.iter().filter(|(rank, _)| *rank == wanted);
        ordered.extend(wanted.map(|(_, address)| *address));
    }
    ordered.truncate(MAX_ADDRESSES);
    ordered
}

pub(super) const NO_ROUTE: u8 = 3;

/// The rank of `address` as seen from this machine; 0 is best. Connecting a UDP socket makes the kernel choose a route
/// and a source address.
pub(super) fn rank(address: SocketAddr) -> u8 {
    let source = connected(address).and_then(|socket| socket.local_addr());
    match (source, address) {
        (Err(_), _) => NO_ROUTE,
        // A private source address (RFC 4193) cannot reach the Internet, whatever the route says; RFC 6724 rule 5.
        (Ok(SocketAddr::V6(source)), SocketAddr::V6(target))
            if source.ip().is_unique_local() != target.ip().is_unique_local() =>
        {
            2
        }
        (Ok(_), SocketAddr::V4(_)) => 1,
        (Ok(_), SocketAddr::V6(_)) => 0,
    }
}

/// Parses `host` as an address: IPv4, or IPv6, also in brackets or with a scope (`fe80::1%eth0`, `fe80::1%2`).
pub(super) fn literal(host: &str, port: u16) -> Option<SocketAddr> {
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

/// The index of a network interface, which is given by index or by name.
fn interface(scope: &str) -> Option<u32> {
    if let Ok(index) = scope.parse() {
        return Some(index);
    }
    if scope.contains('/') || scope.starts_with('.') {
        return None;
    }
    // The same number as if_nametoindex(3) returns, without libc.
    let index = fs::read_to_string(format!("/sys/class/net/{scope}/ifindex")).ok()?;
    index.trim().parse().ok()
}

/// RFC 6761 section 6.3: these names always mean this machine, whatever a file or server says.
pub(super) fn is_localhost(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or(name);
    last.eq_ignore_ascii_case("localhost")
}

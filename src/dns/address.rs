//! Addresses: from text, and in the order in which they are worth trying.

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, UdpSocket};

use super::message::MAX_ADDRESSES;

/// A UDP socket on a fresh random port that takes datagrams from `peer` alone. Nothing is sent.
pub(super) fn connected(peer: SocketAddr) -> io::Result<UdpSocket> {
    let any: IpAddr = match peer {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind(SocketAddr::new(any, 0))?;
    socket.connect(peer)?;
    Ok(socket)
}

/// Best first, each address once, at most [`MAX_ADDRESSES`]. The order is kept among equals. What has no route from here
/// is left out, unless nothing else is there: its error would hide the one that matters.
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
    (0..=worst)
        .flat_map(|wanted| ranked.iter().filter(move |(rank, _)| *rank == wanted))
        .map(|(_, address)| *address)
        .take(MAX_ADDRESSES)
        .collect()
}

pub(super) const NO_ROUTE: u8 = 3;

/// How good `address` looks from here, 0 being best. Connecting a UDP socket asks the kernel for a route and a source.
pub(super) fn rank(address: SocketAddr) -> u8 {
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
pub(super) fn is_localhost(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or(name);
    last.eq_ignore_ascii_case("localhost")
}

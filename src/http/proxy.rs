//! Chooses the proxy between us and the API, if any.
//!
//! `--proxy`, else the environment as curl reads it: `https_proxy` or `http_proxy` depending on the URL's scheme, then
//! `all_proxy`, in lower or upper case; `no_proxy` lists the hosts that are reached directly. Upper-case `HTTP_PROXY` is
//! ignored under CGI, where a client can set it with the header `Proxy`. The variables do not apply to this machine
//! itself: behind a proxy `localhost` would be another machine, and a token may be sent to `localhost` unencrypted only
//! because it does not leave this machine. A proxy's password is never shown: errors name the host of the proxy and
//! where the setting came from.

use std::net::IpAddr;

use ureq::Proxy;

use crate::request::{Connection, Url};
use crate::system::error::{Error, Kind, Result};

/// The proxy for `url`.
///
/// # Errors
/// [`Kind::Usage`] for an invalid `--proxy`, [`Kind::Config`] for a variable that is not a proxy URL.
pub(super) fn choose(connection: &Connection, url: &Url) -> Result<Option<Proxy>> {
    let under_cgi = std::env::var_os("REQUEST_METHOD").is_some();
    let scheme_variables: &[&str] = match url.is_https() {
        true => &["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"],
        false if under_cgi => &["http_proxy", "all_proxy", "ALL_PROXY"],
        false => &["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"],
    };
    let setting = match &connection.proxy {
        Some(text) => Some((Kind::Usage, "--proxy", text.clone())),
        None if url.is_loopback() => None,
        None => first_of(scheme_variables)?.map(|(name, text)| (Kind::Config, name, text)),
    };
    let Some((kind, origin, text)) = setting else {
        return Ok(None);
    };
    let no_proxy = first_of(&["no_proxy", "NO_PROXY"])?.map(|(_, list)| list);
    if no_proxy.is_some_and(|list| is_excepted(&list, url)) {
        return Ok(None);
    }
    let unusable = |why: &str| {
        Error::new(kind, format!("reading the proxy from {origin}: {why}"))
            .hint("give it as http://HOST:PORT, with http://USER:PASSWORD@HOST:PORT where it asks for them")
    };
    let (scheme, rest) = text.split_once("://").unwrap_or(("http", &text));
    let scheme = scheme.to_ascii_lowercase();
    if scheme != "http" && scheme != "https" {
        return Err(unusable(&format!("'{scheme}' proxies are not supported")));
    }
    let not_a_url = || unusable("it is not a proxy's URL");
    let rest = match rest.rsplit_once('@') {
        Some((credentials, rest)) => format!("{}@{rest}", encoded(credentials)),
        None => rest.to_owned(),
    };
    let proxy = Proxy::new(&format!("{scheme}://{rest}")).map_err(|_| not_a_url())?;
    // ureq accepts anything after the colon, and parses a password that contains a slash as a host.
    let authority = proxy.uri().authority().map_or("", |all| all.as_str());
    let authority = authority.rsplit('@').next().unwrap_or_default();
    let address = Url::parse(&format!("http://{authority}")).map_err(|_| not_a_url())?;
    if !matches!(proxy.uri().path(), "" | "/") || proxy.uri().query().is_some() {
        return Err(not_a_url());
    }
    if !url.is_https() && !address.is_loopback() && !connection.allow_http {
        return Err(Error::new(
            kind,
            format!("taking the proxy from {origin}: anyone on the network path to it could read the token over plain http"),
        )
        .hint("name the host of the URL in NO_PROXY, or say --allow-http if you trust that network"));
    }
    Ok(Some(proxy))
}

/// Percent-encodes the characters of user and password that a URL may not contain, because curl accepts them too.
fn encoded(credentials: &str) -> String {
    let encode = |byte: u8| match byte {
        byte if byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte) => {
            char::from(byte).to_string()
        }
        byte => format!("%{byte:02X}"),
    };
    credentials.bytes().map(encode).collect()
}

/// The first of the variables that is set and not empty.
fn first_of(names: &[&'static str]) -> Result<Option<(&'static str, String)>> {
    let mut set = names.iter().filter_map(|name| {
        let value = std::env::var_os(name)?;
        (!value.is_empty()).then_some((*name, value))
    });
    let Some((name, value)) = set.next() else {
        return Ok(None);
    };
    let not_text = |_| {
        Error::new(
            Kind::Config,
            format!("reading the environment variable {name}: it is not text in UTF-8"),
        )
        .hint("set it anew, or unset it")
    };
    let text = value.into_string().map_err(not_text)?;
    Ok(Some((name, text)))
}

/// Whether the comma-separated `list` contains the host of `url`: `*`, an address, a network such as `10.0.0.0/8`, or a
/// domain, which includes its subdomains; each with an optional port.
fn is_excepted(list: &str, url: &Url) -> bool {
    let host = url.host().trim_end_matches('.').to_ascii_lowercase();
    let address = host.parse::<IpAddr>().ok();
    list.split([',', ' '])
        .map(str::trim)
        .filter(|entry| !entry.is_empty())
        .any(|entry| {
            let entry = entry.to_ascii_lowercase();
            if entry == "*" {
                return true;
            }
            let (name, port) = match entry.rsplit_once(':') {
                Some((name, port)) if !name.contains(':') || name.ends_with(']') => {
                    (name, port.parse().ok())
                }
                _ => (entry.as_str(), None),
            };
            if port.is_some_and(|port: u16| port != url.port()) {
                return false;
            }
            let name = name
                .trim_start_matches("*.")
                .trim_start_matches('.')
                .trim_end_matches('.');
            let name = name.trim_start_matches('[').trim_end_matches(']');
            match address {
                Some(address) => is_within(address, name),
                None => host
                    .strip_suffix(name)
                    .is_some_and(|rest| rest.is_empty() || rest.ends_with('.')),
            }
        })
}

/// Whether `address` equals `network`, or is in it if it is written as `ADDRESS/BITS`.
fn is_within(address: IpAddr, network: &str) -> bool {
    let (base, bits) = match network.split_once('/') {
        Some((base, bits)) => (base, bits.parse::<u32>().ok()),
        None => (network, Some(128)),
    };
    let shared =
        |differing: u128, width: u32, bits: u32| differing >> width.saturating_sub(bits) == 0;
    match (address, base.parse(), bits) {
        (IpAddr::V4(a), Ok(IpAddr::V4(b)), Some(bits)) => {
            bits == 0 || shared(u128::from(a.to_bits() ^ b.to_bits()), 32, bits)
        }
        (IpAddr::V6(a), Ok(IpAddr::V6(b)), Some(bits)) => {
            bits == 0 || shared(a.to_bits() ^ b.to_bits(), 128, bits)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[track_caller]
    fn excepted(list: &str, url: &str, expected: bool) {
        assert_eq!(
            is_excepted(list, &Url::parse(url).unwrap()),
            expected,
            "{list:?} {url}"
        );
    }

    #[test]
    fn no_proxy_names_hosts_domains_and_networks() {
        excepted("*", "https://a.example", true);
        excepted("a.org, *", "https://10.1.2.3", true);
        excepted("*.*", "https://a.example", false);
        excepted("example.com", "https://example.com", true);
        excepted("example.com", "https://API.Example.com.", true);
        excepted(".example.com", "https://api.example.com", true);
        excepted("*.example.com", "https://api.example.com", true);
        excepted("example.com", "https://notexample.com", false);
        excepted("a.org, example.com:8443", "https://example.com:8443", true);
        excepted("example.com:8443", "https://example.com", false);
        excepted("10.0.0.0/8", "https://10.1.2.3", true);
        excepted("10.0.0.0/8", "https://11.1.2.3", false);
        excepted("10.1.2.3", "https://10.1.2.3:99", true);
        excepted("10.1.2.3", "https://10.1.2.4", false);
        excepted("[::1]:99", "https://[::1]:99", true);
        excepted("::1", "https://[::1]", true);
        excepted("fe80::/10", "https://[fe80::1]", true);
        excepted("", "https://a.example", false);
        excepted(" , ,", "https://a.example", false);
    }
}

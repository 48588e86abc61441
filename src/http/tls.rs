//! Whom to trust, and who we are: certificates and keys from files, for ureq's TLS.
//!
//! Trust comes from exactly one place: `--cacert`, else the file that `SSL_CERT_FILE` names, else the system's bundle,
//! else the roots built in. Nothing is read unless the URL is https.

#[cfg(test)]
mod tests;

use std::fs;
use std::path::{Path, PathBuf};

use ureq::tls::{Certificate, ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig, parse_pem};

use crate::request::Connection;
use crate::system::error::{Error, Kind, Result};

/// Where systems keep their bundle: Debian and Alpine; Fedora and RHEL; SUSE; the BSDs; older ones of each.
const BUNDLES: &[&str] = &[
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/var/lib/ca-certificates/ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/usr/local/etc/ssl/cert.pem",
    "/usr/local/share/certs/ca-root-nss.crt",
    "/etc/openssl/certs/ca-certificates.crt",
    "/etc/pki/tls/cacert.pem",
];

/// Where a connection's trust comes from.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// `--insecure`: everybody is believed.
    Anyone,
    /// A file that the user named, with how it was named.
    Named(&'static str, PathBuf),
    /// The system's bundle.
    System(PathBuf),
    /// The roots that are part of the binary.
    BuiltIn,
}

impl Origin {
    /// Decides where trust comes from, without reading certificates.
    pub(crate) fn of(connection: &Connection) -> Origin {
        if connection.insecure {
            return Origin::Anyone;
        }
        if let Some(path) = &connection.cacert {
            return Origin::Named("--cacert", path.clone());
        }
        if let Some(path) = std::env::var_os("SSL_CERT_FILE").filter(|path| !path.is_empty()) {
            return Origin::Named("SSL_CERT_FILE", path.into());
        }
        match BUNDLES.iter().map(Path::new).find(|path| path.is_file()) {
            Some(path) => Origin::System(path.to_owned()),
            None => Origin::BuiltIn,
        }
    }
}

/// The TLS settings for `connection`, with everything they need read and checked.
///
/// # Errors
/// [`Kind::Config`] when a certificate or key file cannot be read or used.
pub(super) fn settings(connection: &Connection) -> Result<TlsConfig> {
    let roots = match Origin::of(connection) {
        Origin::Anyone | Origin::BuiltIn => RootCerts::WebPki,
        Origin::Named(how, path) => {
            certificates(&format!("the trusted certificates ({how})"), &path)?.into()
        }
        Origin::System(path) => certificates("the system's trusted certificates", &path)?.into(),
    };
    let identity = match &connection.identity {
        Some((chain, key)) => Some(ClientCert::new_with_certs(
            &certificates("the client certificate (--cert)", chain)?,
            private_key(key)?,
        )),
        None => None,
    };
    Ok(TlsConfig::builder()
        .root_certs(roots)
        .client_cert(identity)
        .disable_verification(connection.insecure)
        .build())
}

fn read(what: &str, path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|e| {
        Error::io(
            Kind::Config,
            format_args!("reading {what} from '{}'", path.display()),
            &e,
        )
        .hint("give the path of a PEM file that this user can read")
    })
}

fn certificates(what: &str, path: &Path) -> Result<Vec<Certificate<'static>>> {
    let unusable = |why: &str| {
        Error::new(
            Kind::Config,
            format!("reading {what} from '{}': {why}", path.display()),
        )
        .hint("give a PEM file with '-----BEGIN CERTIFICATE-----' blocks, as your CA hands it out")
    };
    let pem = read(what, path)?;
    if let Some(found) = usual_certificates(&pem).filter(|found| !found.is_empty()) {
        return Ok(found);
    }
    let mut found = Vec::new();
    for item in parse_pem(&pem) {
        match item {
            Ok(PemItem::Certificate(certificate)) if is_whole(certificate.der()) => {
                found.push(certificate)
            }
            Ok(PemItem::Certificate(_)) => {
                return Err(unusable("one of its certificates is damaged"));
            }
            Ok(_) => {}
            Err(_) => return Err(unusable("it is not well-formed PEM")),
        }
    }
    match found.is_empty() {
        true => Err(unusable("there is no certificate in it")),
        false => Ok(found),
    }
}

const BEGIN: &[u8] = b"-----BEGIN CERTIFICATE-----\n";
const END: &[u8] = b"-----END CERTIFICATE-----";

/// The certificates of a file in the form that all tools write: lines of 64 characters, and nothing but certificates
/// and comments. `None` for anything else, which [`parse_pem`] is for: it takes every form, and so many instructions that
/// a system's bundle is two thirds of a whole POST. Certificates are public, so the time that this takes may depend on
/// them; private keys are never decoded here.
fn usual_certificates(mut pem: &[u8]) -> Option<Vec<Certificate<'static>>> {
    let mut found = Vec::new();
    let mut buffer = vec![0; pem.len()];
    while !pem.is_empty() {
        if let Some(body) = pem.strip_prefix(BEGIN) {
            let (der, rest) = decode(body, &mut buffer)?;
            if !is_whole(der) {
                return None;
            }
            found.push(Certificate::from_der(der).to_owned());
            pem = rest;
        } else {
            let (line, rest) = pem.split_at(pem.iter().position(|byte| *byte == b'\n')? + 1);
            if line.starts_with(b"-----") || line.contains(&b'\r') {
                return None;
            }
            pem = rest;
        }
    }
    Some(found)
}

/// Decodes the lines up to [`END`] into `buffer`, and returns that and what follows.
fn decode<'a, 'b>(mut body: &'a [u8], buffer: &'b mut [u8]) -> Option<(&'b [u8], &'a [u8])> {
    let mut length = 0;
    while let Some((line, rest)) = body.split_first_chunk::<65>()
        && line[64] == b'\n'
        && line[63] != b'='
    {
        digits(&line[..64], &mut buffer[length..])?;
        length += 48;
        body = rest;
    }
    if !body.starts_with(END) {
        // The last line, which may be shorter.
        let end = body.iter().take(65).position(|byte| *byte == b'\n')?;
        let (last, behind) = (&body[..end], &body[end + 1..]);
        let padding = last.iter().rev().take_while(|byte| **byte == b'=').count();
        if end % 4 != 0 || padding > 2 {
            return None;
        }
        let mut padded = [b'A'; 64];
        padded[..end - padding].copy_from_slice(&last[..end - padding]);
        digits(&padded[..end], &mut buffer[length..])?;
        length += end / 4 * 3 - padding;
        body = behind;
    }
    match body.strip_prefix(END)? {
        [] => Some((&buffer[..length], &[])),
        [b'\n', rest @ ..] => Some((&buffer[..length], rest)),
        _ => None,
    }
}

/// Writes three bytes for each four digits.
fn digits(text: &[u8], out: &mut [u8]) -> Option<()> {
    let mut all = 0;
    for (four, three) in text
        .as_chunks::<4>()
        .0
        .iter()
        .zip(out.as_chunks_mut::<3>().0)
    {
        let value = |at: usize| VALUES[usize::from(four[at])];
        let word = value(0) << 18 | value(1) << 12 | value(2) << 6 | value(3);
        *three = [(word >> 16) as u8, (word >> 8) as u8, word as u8];
        all |= word;
    }
    (all < NO_DIGIT).then_some(())
}

/// Above all that digits add up to, even when it is shifted.
const NO_DIGIT: u64 = 1 << 24;

/// The value of each digit of Base64 (RFC 4648, section 4).
const VALUES: [u64; 256] = {
    let digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut values = [NO_DIGIT; 256];
    let mut value = 0;
    while value < 64 {
        values[digits[value] as usize] = value as u64;
        value += 1;
    }
    values
};

/// Whether `der` is one ASN.1 sequence from its first byte to its last: TLS would leave out what is not, silently.
fn is_whole(der: &[u8]) -> bool {
    match der {
        [0x30, length, rest @ ..] if *length < 0x80 => rest.len() == usize::from(*length),
        [0x30, 0x81, length, rest @ ..] => rest.len() == usize::from(*length),
        [0x30, 0x82, high, low, rest @ ..] => {
            rest.len() == usize::from(*high) << 8 | usize::from(*low)
        }
        _ => false,
    }
}

fn private_key(path: &Path) -> Result<PrivateKey<'static>> {
    let pem = read("the client's private key (--key)", path)?;
    PrivateKey::from_pem(&pem).map_err(|_| {
        Error::new(
            Kind::Config,
            format!(
                "reading the client's private key (--key) from '{}': there is no usable key in it",
                path.display()
            ),
        )
        .hint("give an unencrypted key in PEM: PKCS#8 ('BEGIN PRIVATE KEY'), PKCS#1 or SEC1")
    })
}

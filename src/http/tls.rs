//! Trusted certificates, and our own certificate and key, from files, for ureq's TLS.
//!
//! Trusted certificates come from `--cacert`, else from `SSL_CERT_FILE` and `SSL_CERT_DIR`, else from the system's
//! bundle or directory, else from the built-in roots. Nothing is read unless the URL is https.

#[cfg(test)]
mod tests;

use std::ffi::{OsStr, OsString};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::{fmt, fs};

use ureq::tls::{Certificate, ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig, parse_pem};

use crate::request::Connection;
use crate::system::error::{Error, Kind, Result};

/// Where systems keep their bundle: Debian and Alpine; Fedora and RHEL; SUSE; the BSDs; older versions of each.
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

/// Where systems without a bundle keep one file per authority, under hashed names.
const DIRECTORIES: &[&str] = &["/etc/ssl/certs", "/etc/pki/tls/certs", "/etc/openssl/certs"];

/// The source of the trusted certificates.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// `--insecure`: every certificate is accepted.
    Anyone,
    /// Named by the user, each with the option or variable that named it.
    Named(Vec<(&'static str, Place)>),
    /// The system's certificates.
    System(Place),
    /// The roots in the binary.
    BuiltIn,
}

/// Where certificates are.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A bundle.
    File(PathBuf),
    /// Directories, separated as in PATH, with one file per authority.
    Directories(OsString),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::File(path) => path.display().fmt(f),
            Place::Directories(list) => list.display().fmt(f),
        }
    }
}

impl Origin {
    /// Chooses the source, without reading certificates.
    pub(crate) fn of(connection: &Connection) -> Origin {
        if connection.insecure {
            return Origin::Anyone;
        }
        if let Some(path) = &connection.cacert {
            return Origin::Named(vec![("--cacert", Place::File(path.clone()))]);
        }
        let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        let file = variable("SSL_CERT_FILE").map(|path| Place::File(path.into()));
        let directories = variable("SSL_CERT_DIR").map(Place::Directories);
        let named: Vec<_> = [("SSL_CERT_FILE", file), ("SSL_CERT_DIR", directories)]
            .into_iter()
            .filter_map(|(name, place)| Some((name, place?)))
            .collect();
        if !named.is_empty() {
            return Origin::Named(named);
        }
        // A path that cannot be examined counts as the bundle, so that reading it reports the reason.
        let bundle = BUNDLES.iter().map(Path::new).find(|path| {
            let absent = [ErrorKind::NotFound, ErrorKind::NotADirectory];
            match path.metadata() {
                Ok(found) => found.is_file(),
                Err(why) => !absent.contains(&why.kind()),
            }
        });
        if let Some(path) = bundle {
            return Origin::System(Place::File(path.to_owned()));
        }
        let has_hashed = |path: &&&str| {
            files_in(Path::new(path)).is_ok_and(|files| files.iter().any(|file| is_hashed(file)))
        };
        match DIRECTORIES.iter().find(has_hashed) {
            Some(path) => Origin::System(Place::Directories(path.into())),
            None => Origin::BuiltIn,
        }
    }
}

/// The TLS settings for `connection`; all files that they need are read and checked.
///
/// # Errors
/// [`Kind::Config`] if a certificate or key file cannot be read or used.
pub(super) fn settings(connection: &Connection) -> Result<TlsConfig> {
    let roots = match Origin::of(connection) {
        Origin::Anyone | Origin::BuiltIn => RootCerts::WebPki,
        Origin::Named(named) => {
            let mut roots = Vec::new();
            for (how, place) in &named {
                roots.extend(trusted(
                    &format!("the trusted certificates ({how})"),
                    place,
                )?);
            }
            roots.into()
        }
        Origin::System(place) => trusted("the system's trusted certificates", &place)
            .map_err(|why| why.hint("let this user read it, or name a PEM file with --cacert"))?
            .into(),
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

fn unreadable(what: &str, path: &Path, why: &io::Error) -> Error {
    let doing = format!("reading {what} from '{}'", path.display());
    Error::io(Kind::Config, doing, why).hint("give the path of a PEM file that this user can read")
}

fn unusable(what: &str, place: impl fmt::Display, why: &str) -> Error {
    Error::new(
        Kind::Config,
        format!("reading {what} from '{place}': {why}"),
    )
    .hint("give a PEM file with '-----BEGIN CERTIFICATE-----' blocks, as your CA hands it out")
}

fn read(what: &str, path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|why| unreadable(what, path, &why))
}

fn certificates(what: &str, path: &Path) -> Result<Vec<Certificate<'static>>> {
    let unusable = |why| unusable(what, path.display(), why);
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

/// Decodes a file in the form that all tools write: lines of 64 characters, and only certificates and comments.
/// Returns `None` for anything else, which [`parse_pem`] then handles: it accepts every form, but so slowly that a
/// system's bundle takes two thirds of the instructions of a whole POST. Certificates are public, so decoding need not
/// take constant time; private keys are never decoded here.
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

/// Decodes the lines up to [`END`] into `buffer`, and returns the decoded bytes and the rest of the text.
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

/// Decodes each four digits to three bytes.
fn digits(text: &[u8], out: &mut [u8]) -> Option<()> {
    let mut all = 0;
    for (four, three) in text
        .as_chunks::<4>()
        .0
        .iter()
        .zip(out.as_chunks_mut::<3>().0)
    {
        let value = |at: usize| VALUES[at][usize::from(four[at])];
        let word = value(0) | value(1) | value(2) | value(3);
        [three[0], three[1], three[2], _] = word.to_be_bytes();
        all |= word;
    }
    (all & NO_DIGIT == 0).then_some(())
}

/// A bit behind the three bytes.
const NO_DIGIT: u32 = 1;

/// The value of each digit of Base64 (RFC 4648, section 4), shifted to where the first, second, third and fourth of four
/// digits have it in three bytes.
static VALUES: [[u32; 256]; 4] = {
    let digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut values = [[NO_DIGIT; 256]; 4];
    let mut value = 0;
    while value < 64 {
        let mut place = 0;
        while place < 4 {
            values[place][digits[value] as usize] = (value as u32) << (26 - 6 * place);
            place += 1;
        }
        value += 1;
    }
    values
};

/// Reads the certificates at `place`.
fn trusted(what: &str, place: &Place) -> Result<Vec<Certificate<'static>>> {
    match place {
        Place::File(path) => certificates(what, path),
        Place::Directories(list) => {
            let mut found = Vec::new();
            for directory in std::env::split_paths(list) {
                let files = match files_in(&directory) {
                    Ok(files) => files,
                    // A list may contain directories that only some systems have.
                    Err(why) if why.kind() == ErrorKind::NotFound => continue,
                    Err(why) => return Err(unreadable(what, &directory, &why)),
                };
                // As in OpenSSL, the links with hashed names select the files. Without such links, all files count.
                let all = !files.iter().any(|file| is_hashed(file));
                for file in files.iter().filter(|file| all || is_hashed(file)) {
                    found.extend(certificates(what, file).unwrap_or_default());
                }
            }
            match found.is_empty() {
                true => Err(unusable(what, place, "there is no certificate in it")),
                false => Ok(found),
            }
        }
    }
}

fn files_in(directory: &Path) -> io::Result<Vec<PathBuf>> {
    fs::read_dir(directory)?
        .map(|entry| Ok(entry?.path()))
        .collect()
}

/// Whether the name has the form that `openssl rehash` gives: the hash of the subject, and a number.
fn is_hashed(file: &Path) -> bool {
    let name = file.file_name().and_then(OsStr::to_str);
    name.and_then(|name| name.split_once('.'))
        .is_some_and(|(hash, number)| {
            hash.len() == 8
                && hash.bytes().all(|byte| byte.is_ascii_hexdigit())
                && number.parse::<u32>().is_ok()
        })
}

/// Whether `der` is exactly one ASN.1 sequence. If it were not, TLS would silently drop it.
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

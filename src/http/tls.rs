//! Whom to trust, and who we are: certificates and keys from files, for ureq's TLS.
//!
//! Trust comes from exactly one place: `--cacert`, else the file that `SSL_CERT_FILE` names, else the system's bundle,
//! else the roots built in. Nothing is read unless the URL is https.

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
    let mut found = Vec::new();
    for item in parse_pem(&read(what, path)?) {
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

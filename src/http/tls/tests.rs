//! The fast decoder against ureq's, which accepts every form: it returns the same certificates or `None`.

#![allow(clippy::unwrap_used)]

use super::{BUNDLES, usual_certificates};
use std::fs;
use ureq::tls::{PemItem, parse_pem};

/// What ureq decodes, if the file holds only certificates.
fn reference(pem: &[u8]) -> Option<Vec<Vec<u8>>> {
    parse_pem(pem)
        .map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate.der().to_vec()),
            _ => None,
        })
        .collect()
}

fn usual(pem: &[u8]) -> Option<Vec<Vec<u8>>> {
    let found = usual_certificates(pem)?;
    Some(found.iter().map(|found| found.der().to_vec()).collect())
}

/// Whether the fast decoder accepted it; if so, the result must equal ureq's.
fn is_usual(pem: &[u8]) -> bool {
    let found = usual(pem);
    if found.is_some() {
        assert_eq!(found, reference(pem), "{}", String::from_utf8_lossy(pem));
    }
    found.is_some()
}

/// A bundle of `count` fake certificates of different lengths, so that last lines of every length and padding occur.
fn bundle(count: u16) -> String {
    let one = |number: u16| {
        let length = 256 + number;
        let mut der = [&[0x30, 0x82][..], &length.to_be_bytes()].concat();
        der.extend((0..length).map(|at| (at.wrapping_mul(40_503 + number) >> 7) as u8));
        let lf = pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF);
        pem::encode_config(&pem::Pem::new("CERTIFICATE", der), lf)
    };
    (0..count).map(one).collect()
}

#[test]
fn whole_bundles_are_usual() {
    let ours = bundle(60);
    assert!(is_usual(ours.as_bytes()));
    assert_eq!(usual(ours.as_bytes()).unwrap().len(), 60);
    assert!(
        is_usual(ours.trim_end().as_bytes()),
        "no line feed at the end"
    );
    let commented = format!(
        "# ours\n\nSubject: CN = a\n{}",
        ours.replace("-----BEGIN", "\n# next\n-----BEGIN")
    );
    assert!(is_usual(commented.as_bytes()));
    assert_eq!(usual(commented.as_bytes()), usual(ours.as_bytes()));
    for system in BUNDLES.iter().filter_map(|path| fs::read(path).ok()) {
        is_usual(&system);
    }
}

#[test]
fn any_other_form_is_left_to_ureq() {
    let ours = bundle(2);
    let whole = reference(ours.as_bytes()).unwrap();
    for other in [
        ours.replace('\n', "\r\n"),
        ours.replace('\n', "\r"),
        ours.replace("-----\n", "----- \n"),
        ours.replace('\n', " \n"),
        ours.replace("MII", "M\nII"),
        ours.replace("CERTIFICATE-----\nM", "CERTIFICATE-----\n\nM"),
    ] {
        assert!(!is_usual(other.as_bytes()), "{other}");
        assert_eq!(reference(other.as_bytes()).unwrap(), whole);
    }
    let key = bundle(1).replace("CERTIFICATE", "PRIVATE KEY");
    assert!(!is_usual(format!("{ours}{key}").as_bytes()));
    assert!(!is_usual(format!("{key}{ours}").as_bytes()));
}

#[test]
fn what_is_mutated_is_decoded_alike_or_left_to_ureq() {
    let ours = bundle(3).into_bytes();
    let (mut usual, mut other) = (0, 0);
    let mut count = |mutant: &[u8]| match is_usual(mutant) {
        true => usual += 1,
        false => other += 1,
    };
    for at in 0..ours.len() {
        let (before, behind) = ours.split_at(at);
        count(before);
        count(behind);
        count(&[before, &behind[1..]].concat());
        for byte in *b"A/=-\n\r #\xff" {
            count(&[before, &[byte], behind].concat());
            count(&[before, &[byte], &behind[1..]].concat());
        }
    }
    let lines: Vec<&[u8]> = ours.split_inclusive(|byte| *byte == b'\n').collect();
    for first in 0..lines.len() {
        for second in 0..lines.len() {
            let mut lines = lines.clone();
            lines.swap(first, second);
            count(&lines.concat());
            lines.remove(first);
            count(&lines.concat());
        }
    }
    assert!(usual > 1000 && other > 1000, "{usual} usual, {other} other");
}

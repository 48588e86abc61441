//! A [`Job`] is the delivery of one document to one target, with one [`Key`].
//!
//! Every mode is a stream of jobs; the modes differ only in the source of the jobs. The key belongs to the document: it
//! is the same on every attempt, so an API that supports it accepts the document only once.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::rc::Rc;

use crate::document::Document;
use crate::request::Target;

/// One document to deliver.
#[derive(Debug)]
pub(crate) struct Job {
    /// Where it goes.
    pub(crate) target: Rc<Target>,
    /// Tells the API that two requests are the same one; `None` if the target uses no key.
    pub(crate) key: Option<Key>,
    /// The document.
    pub(crate) body: Document,
}

impl Job {
    /// The job of delivering `body` to `target`, with the user's own `key` or a random one.
    pub(crate) fn new(target: Rc<Target>, key: Option<String>, body: Document) -> Job {
        let key = target
            .idempotency_header
            .is_some()
            .then(|| key.map_or_else(Key::random, Key));
        Job { target, key, body }
    }

    /// The headers that are not secret.
    pub(crate) fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        let given = self.target.headers.iter();
        let given = given.map(|(name, value)| (name.as_str(), value.as_str()));
        let key = self
            .target
            .idempotency_header
            .as_deref()
            .zip(self.key.as_ref());
        let is_typed = |(name, _): &(String, _)| name.eq_ignore_ascii_case("Content-Type");
        let ndjson = self.target.is_ndjson && !self.target.headers.iter().any(is_typed);
        let ndjson = ndjson.then_some(("Content-Type", "application/x-ndjson"));
        given
            .chain(ndjson)
            .chain(key.map(|(name, key)| (name, key.0.as_str())))
    }
}

/// An idempotency key (draft-ietf-httpapi-idempotency-key-header).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key(pub String);

impl Key {
    /// A random UUID, version 4 (RFC 9562).
    pub(crate) fn random() -> Key {
        // The standard library seeds its hash maps from the system's random generator. Two values of that keyed function
        // give 128 unpredictable bits without another dependency.
        let random = RandomState::new();
        let high = random.hash_one(1u8) & !0xf000 | 0x4000;
        let low = random.hash_one(2u8) & !(0xc000 << 48) | 0x8000 << 48;
        let mut text = String::with_capacity(36);
        for (digit, half) in (0..32).map(|digit| (digit, if digit < 16 { high } else { low })) {
            if matches!(digit, 8 | 12 | 16 | 20) {
                text.push('-');
            }
            let value = half >> (60 - digit % 16 * 4) & 0xf;
            text.push(char::from(b"0123456789abcdef"[value as usize]));
        }
        Key(text)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_keys_are_uuids_of_version_4_and_differ() {
        let keys: std::collections::HashSet<_> = (0..1000).map(|_| Key::random().0).collect();
        assert_eq!(keys.len(), 1000);
        for key in keys {
            let shape: String = key
                .chars()
                .map(|c| if c.is_ascii_hexdigit() { 'x' } else { c })
                .collect();
            assert_eq!(shape, "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx");
            assert!(
                &key[14..15] == "4" && "89ab".contains(&key[19..20]),
                "{key}"
            );
        }
    }
}

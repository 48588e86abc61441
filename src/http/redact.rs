//! Redacts the request's secrets in the answer.
//!
//! Only what is meant for display is changed: the body stays as it was received, and is marked.

use ureq::http::header::LOCATION;

use super::{Answer, End};
use crate::system::secret::{self, Secret};

/// The replacement for a secret.
const MASK: &str = "********";

/// Redacts `secrets` in the headers, and drops the query of `Location`, where APIs are known to put secrets of their
/// own. Records whether the body contains one of `secrets`.
pub(super) fn redact<'a>(answer: &mut Answer, secrets: impl Iterator<Item = &'a Secret> + Clone) {
    let repeats = |text: &[u8], is_cut| secret::are_repeated(secrets.clone(), text, is_cut);
    for (name, value) in &mut answer.headers {
        if *name == LOCATION.as_str()
            && let Some(end) = value.find(['?', '#'])
        {
            value.truncate(end + 1);
            value.push('…');
        }
        if !repeats(value.as_bytes(), false) {
            continue;
        }
        for trace in secrets.clone().flat_map(Secret::traces) {
            *value = value.replace(trace, MASK);
        }
        if repeats(value.as_bytes(), false) {
            *value = MASK.to_owned();
        }
    }
    answer.repeats_secret = repeats(&answer.body, answer.end != End::Whole);
}

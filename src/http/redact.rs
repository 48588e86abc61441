//! What an answer repeats of its request's secrets.
//!
//! Only what is meant to be seen is changed: the body stays as it came, and is marked.

use ureq::http::header::LOCATION;

use super::{Answer, End};
use crate::system::secret::{self, Secret};

/// What stands in the place of a secret.
const MASK: &str = "********";

/// Takes `secrets` out of the headers, and the query out of the address among them, in which APIs are known to hide
/// secrets of their own; and notes whether one stands in the body.
pub(super) fn redact(answer: &mut Answer, secrets: &[(String, Secret)]) {
    let secrets = secrets.iter().map(|(_, secret)| secret);
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

//! A token request and its answer, with their secrets redacted for display.

use serde_json::{Value, json};

use super::grant::Grant;
use crate::http::Answer;
use crate::request::Url;
use crate::system::secret::Secret;

/// The replacement for a secret.
const MASK: &str = "********";

/// The members of an answer that are not secret (RFC 6749, sections 5.1 and 5.2; RFC 8693).
const PLAIN: [&str; 7] = [
    "error",
    "error_description",
    "error_uri",
    "expires_in",
    "issued_token_type",
    "scope",
    "token_type",
];

/// One token request and its answer, without their secrets.
#[derive(Debug)]
pub(crate) struct TokenExchange<'a> {
    /// The token endpoint.
    pub(crate) url: &'a Url,
    /// Whether a header authenticates the client.
    pub(crate) has_header: bool,
    /// The form in the request's body.
    pub(crate) form: String,
    /// The answer, if there was one. The relevant part of its body is in `said`.
    pub(crate) answer: Option<&'a Answer>,
    /// The body of the answer.
    pub(crate) said: String,
}

impl TokenExchange<'_> {
    pub(super) fn of<'a>(
        grant: &'a Grant,
        refresh_token: Option<&Secret>,
        answer: Option<&'a Answer>,
    ) -> TokenExchange<'a> {
        let plain = |text: &str| !grant.reveals_secret(text, refresh_token);
        TokenExchange {
            url: &grant.token_url,
            has_header: grant.authorization().is_some(),
            form: grant.shown_form(refresh_token, MASK),
            answer,
            said: answer.map_or_else(String::new, |answer| shown_body(answer, plain)),
        }
    }
}

/// The JSON of an answer, with each string that may be a secret redacted.
fn shown_body(answer: &Answer, is_plain: impl Fn(&str) -> bool) -> String {
    let Ok(Value::Object(mut members)) = serde_json::from_slice(&answer.body) else {
        return format!("({} bytes that are no JSON object)", answer.body.len());
    };
    for (name, value) in &mut members {
        match value {
            Value::String(text) if PLAIN.contains(&name.as_str()) && is_plain(text) => {}
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
            _ => *value = json!(MASK),
        }
    }
    Value::Object(members).to_string()
}

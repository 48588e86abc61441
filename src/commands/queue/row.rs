//! One message in a list, as text and as JSON.

use std::ffi::OsStr;

use crate::json;
use crate::output;
use crate::spool::{Id, Message, MessageError, Place, RetryState};
use crate::system::time::seconds_in_words;

/// The file that has its URL.
fn url_file(message: &Message) -> Option<String> {
    let file = message.target.url.file()?;
    Some(file.display().to_string())
}

/// One message in a list.
pub(super) struct Row {
    pub(super) name: String,
    pub(super) place: Place,
    pub(super) bytes: u64,
    pub(super) message: std::result::Result<Message, MessageError>,
    pub(super) retries: RetryState,
    /// In how many seconds its target is due.
    pub(super) left: u64,
    /// Why the API may have accepted it, although no run is sending it.
    pub(super) why_unknown: Option<&'static str>,
}

impl Row {
    /// What is wrong with it, or the last error.
    fn error(&self) -> String {
        match &self.message {
            Err(why) if self.retries.error.is_empty() => why.to_string(),
            Err(_) => self.retries.error.clone(),
            Ok(_) => self
                .why_unknown
                .map_or_else(|| self.retries.error.clone(), str::to_owned),
        }
    }

    /// Its state, as text and JSON have it.
    fn state(&self) -> &'static str {
        match self.place {
            Place::Queue => "pending",
            Place::Active if self.why_unknown.is_some() => "unknown",
            Place::Active => "sending",
            Place::Dead => "dead-lettered",
        }
    }

    pub(super) fn text(&self, now: u64) -> String {
        let next = match self.place {
            Place::Dead => "-".to_owned(),
            Place::Active if self.why_unknown.is_some() => "-".to_owned(),
            Place::Active => "sending".to_owned(),
            Place::Queue => match self.left {
                0 => "now".to_owned(),
                left => seconds_in_words(left),
            },
        };
        let (age, to) = match &self.message {
            Ok(message) => (
                seconds_in_words(now.saturating_sub(message.created)),
                message.target.place(),
            ),
            Err(_) => ("-".to_owned(), "-".to_owned()),
        };
        let error = match self.error() {
            error if error.is_empty() => error,
            error => format!("  ({error})"),
        };
        let failures = self.retries.failures;
        let id = Id::parse(OsStr::new(&self.name));
        // A file that is not a message has no id to abbreviate.
        let name = id.as_ref().map_or(&*self.name, Id::short);
        output::fit(&output::printable(&format!(
            "  {name:<8}  {age:<6}  {failures:<5}  {next:<7}  {to}{error}"
        ))) + "\n"
    }

    pub(super) fn json(&self, now: u64) -> String {
        let message = self.message.as_ref().ok();
        let text =
            |text: Option<String>| text.map_or("null".to_owned(), |text| json::string(&text));
        let number = |number: Option<u64>| number.map_or("null".to_owned(), |it| it.to_string());
        let created = message.map(|message| message.created);
        let next = (self.place == Place::Queue).then(|| now + self.left);
        let error = Some(self.error()).filter(|error| !error.is_empty());
        let members = [
            ("id", json::string(&self.name)),
            ("state", json::string(self.state())),
            ("created", number(created)),
            ("age", number(created.map(|then| now.saturating_sub(then)))),
            ("tries", self.retries.failures.to_string()),
            ("next", number(next)),
            (
                "method",
                text(message.map(|it| it.target.method.as_str().to_owned())),
            ),
            ("url", text(message.map(|it| it.target.url.to_string()))),
            ("url_file", text(message.and_then(url_file))),
            (
                "key",
                text(
                    message
                        .and_then(|it| it.key.as_ref())
                        .map(|key| key.0.clone()),
                ),
            ),
            ("bytes", self.bytes.to_string()),
            ("error", text(error)),
        ];
        let members = members.map(|(name, value)| format!("\"{name}\":{value}"));
        format!("{{{}}}\n", members.join(","))
    }
}

//! The members of the OAuth2 file, one by one.
//!
//! It knows that the file is a JSON object of strings, and not what they mean.

use std::path::Path;

use serde_json::{Map, Value};

use crate::json;
use crate::system::error::{Error, Kind, Result};

/// The members of the file that have not been looked at yet.
pub(super) struct FileMembers<'a> {
    file: &'a Path,
    left: Map<String, Value>,
}

impl FileMembers<'_> {
    /// Takes the file apart.
    ///
    /// # Errors
    /// [`Kind::Config`] for what is not a JSON object.
    pub(super) fn of<'a>(file: &'a Path, text: &str) -> Result<FileMembers<'a>> {
        let mut members = FileMembers {
            file,
            left: Map::new(),
        };
        json::check(text.as_bytes())
            .map_err(|flaw| members.unusable(format!("it is not JSON: {flaw}")))?;
        json::check_keys(text).map_err(|flaw| members.unusable(flaw))?;
        match serde_json::from_str(text) {
            Ok(Value::Object(map)) => members.left = map,
            _ => return Err(members.unusable("it is not a JSON object")),
        }
        Ok(members)
    }

    /// The error of a file that cannot be used, for this reason.
    pub(super) fn unusable(&self, why: impl std::fmt::Display) -> Error {
        Error::new(
            Kind::Config,
            format!("reading the OAuth2 file '{}': {why}", self.file.display()),
        )
        .hint("'authpost --help' lists its members and shows one, under --oauth2-file")
    }

    /// The text called `name`, where there is one.
    ///
    /// # Errors
    /// [`Kind::Config`] for what is empty or no text.
    pub(super) fn text(&mut self, name: &str) -> Result<Option<String>> {
        match self.left.remove(name) {
            None => Ok(None),
            Some(Value::String(text)) if text.is_empty() => {
                Err(self.unusable(format!("'{}' is empty", name.escape_debug())))
            }
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.unusable(format!("'{}' is not a string", name.escape_debug()))),
        }
    }

    /// As [`FileMembers::text`], for what must be there.
    ///
    /// # Errors
    /// [`Kind::Config`].
    pub(super) fn needed(&mut self, name: &str) -> Result<String> {
        self.text(name)?
            .ok_or_else(|| self.unusable(format!("'{name}' is missing")))
    }

    /// All that is left, which goes into the request as it is.
    ///
    /// # Errors
    /// [`Kind::Config`] for what is no text, and for what other members say.
    pub(super) fn rest(mut self) -> Result<Vec<(String, String)>> {
        let names: Vec<_> = self.left.keys().cloned().collect();
        let mut rest = Vec::new();
        for name in names {
            let other = match name.as_str() {
                "grant_type" => "grant",
                "refresh_token" => "refresh_token_file",
                _ => {
                    rest.extend(self.text(&name)?.map(|text| (name, text)));
                    continue;
                }
            };
            return Err(self.unusable(format!("'{name}' is not a member: give '{other}'")));
        }
        Ok(rest)
    }
}

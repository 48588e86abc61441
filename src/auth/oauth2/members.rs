//! Reads the members of the OAuth2 file one by one.
//!
//! It knows that the file is a JSON object of strings, but not what they mean.

use std::path::Path;

use serde_json::{Map, Value};

use crate::json;
use crate::system::error::{Error, Kind, Result};

/// The members of the file that have not been read yet.
pub(super) struct FileMembers<'a> {
    file: &'a Path,
    left: Map<String, Value>,
}

impl FileMembers<'_> {
    /// Parses the file.
    ///
    /// # Errors
    /// [`Kind::Config`] if it is not a JSON object.
    pub(super) fn of<'a>(file: &'a Path, text: &str) -> Result<FileMembers<'a>> {
        let mut members = FileMembers {
            file,
            left: Map::new(),
        };
        json::check(text.as_bytes())
            .map_err(|error| members.unusable(format!("it is not JSON: {error}")))?;
        json::check_keys(text).map_err(|error| members.unusable(error))?;
        match serde_json::from_str(text) {
            Ok(Value::Object(map)) => members.left = map,
            _ => return Err(members.unusable("it is not a JSON object")),
        }
        Ok(members)
    }

    /// The error for a file that cannot be used, with the reason.
    pub(super) fn unusable(&self, why: impl std::fmt::Display) -> Error {
        Error::new(
            Kind::Config,
            format!("reading the OAuth2 file '{}': {why}", self.file.display()),
        )
        .hint("'authpost --help' lists its members and shows one, under --oauth2-file")
    }

    /// The text of the member `name`, if it exists.
    ///
    /// # Errors
    /// [`Kind::Config`] if it is empty or not a string.
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

    /// The remaining members, which are sent unchanged.
    ///
    /// # Errors
    /// [`Kind::Config`] if one is not a string, or repeats what another member sets.
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

//! `--header-file`: headers with secrets, one `Name: value` a line.

use std::path::Path;

use crate::request;
use crate::system::error::{Error, Kind, Result};
use crate::system::secret::{self, Secret};
use crate::system::time::Deadline;

/// Reads `Name: value` lines; skips blank lines and lines that start with `#`.
pub(super) fn read(path: &Path, deadline: Deadline) -> Result<Vec<(String, Secret)>> {
    let doing = format!("reading the header file '{}'", path.display());
    const HINT: &str = "write one 'Name: value' a line";
    let bytes = secret::read_file(path, deadline).map_err(|why| {
        let remedy =
            "give the path of a file with one 'Name: value' a line that this user can read";
        secret::unreadable(&doing, &why, remedy)
    })?;
    let text = String::from_utf8(bytes).map_err(|_| {
        Error::new(Kind::Config, format!("{doing}: it is not text in UTF-8")).hint(HINT)
    })?;
    let unusable = |line: usize, why: &str| {
        Error::new(Kind::Config, format!("{doing}: line {line}: {why}")).hint(HINT)
    };
    let mut headers = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, value) = line
            .split_once(':')
            .ok_or_else(|| unusable(number + 1, "there is no colon in it"))?;
        let (name, value) = (name.trim_end(), value.trim());
        request::check_header(name, value).map_err(|why| unusable(number + 1, &why))?;
        let has_scheme = ["authorization", "proxy-authorization"]
            .iter()
            .any(|known| name.eq_ignore_ascii_case(known));
        let secret = match value.split_once(' ') {
            Some((word, text)) if has_scheme => Secret::with_scheme(word, text),
            _ => Secret::new(value.to_owned()),
        };
        headers.push((name.to_owned(), secret));
    }
    Ok(headers)
}

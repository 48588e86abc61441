//! Shows the request, with its secrets masked.

use std::io::Write;

use super::print;
use crate::http::USER_AGENT;
use crate::request::job::Job;
use crate::request::{Form, Target, TokenSource};
use crate::system::error::Result;

/// Prints the request that would be sent. Its secret headers are those in `secrets`, or else masked.
///
/// # Errors
/// As for [`super::page`].
pub(crate) fn dry_run(
    job: &Job,
    key_is_random: bool,
    secrets: Option<Vec<(String, String)>>,
) -> Result<()> {
    let target = &job.target;
    let url = &target.url;
    let path = match &url.as_str()[url.origin().len()..] {
        _ if let Some(file) = url.file() => format!("/… (from {})", file.display()),
        "" => "/".to_owned(),
        query if query.starts_with('?') => format!("/{query}"),
        path => path.to_owned(),
    };
    let authority = url
        .origin()
        .split_once("://")
        .map_or("", |(_, authority)| authority);
    let mut text = format!(
        "{} {path} HTTP/1.1\nhost: {authority}\n",
        target.method.as_str()
    );
    let mut headers = open_headers(job, key_is_random);
    headers.extend(secrets.unwrap_or_else(|| masked(target)));
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\n"));
    }
    text.push('\n');
    print(
        text.len() + job.body.bytes().map_or(0, <[u8]>::len),
        |out| {
            out.write_all(text.as_bytes())?;
            match job.body.bytes() {
                Some(body) => {
                    out.json(body)?;
                    match body.last() {
                        None | Some(b'\n') => Ok(()),
                        Some(_) => out.write_all(b"\n"),
                    }
                }
                None => writeln!(out, "({} bytes from a file)", job.body.len()),
            }
        },
    )
}

/// The headers of the request that are not secret, as they are sent.
pub(super) fn open_headers(job: &Job, key_is_random: bool) -> Vec<(String, String)> {
    let target = &job.target;
    let mut headers = vec![
        ("accept".to_owned(), "application/json".to_owned()),
        ("user-agent".to_owned(), USER_AGENT.to_owned()),
    ];
    if !job.body.is_empty() {
        headers.push(("content-type".to_owned(), "application/json".to_owned()));
    }
    headers.push(("content-length".to_owned(), job.body.len().to_string()));
    for (name, value) in job.headers() {
        let name = name.to_ascii_lowercase();
        headers.retain(|(known, _)| *known != name);
        let is_key = target
            .idempotency_header
            .as_ref()
            .is_some_and(|key| key.eq_ignore_ascii_case(&name));
        let value = if is_key && key_is_random {
            "(a random UUID)".to_owned()
        } else {
            value.to_owned()
        };
        headers.push((name, value));
    }
    headers
}

/// The secret headers, masked.
pub(super) fn masked(target: &Target) -> Vec<(String, String)> {
    let mut headers = Vec::new();
    if target.auth.source != TokenSource::None {
        headers.push(match &target.auth.form {
            Form::Scheme(word) => ("authorization".to_owned(), format!("{word} ********")),
            Form::Header(name) => (name.to_ascii_lowercase(), "********".to_owned()),
        });
    }
    for path in &target.header_files {
        headers.push((
            format!("(the headers in {})", path.display()),
            "********".to_owned(),
        ));
    }
    headers
}

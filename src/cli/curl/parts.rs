//! The parts of a curl command: what each option means.

use super::{Credentials, CurlCommand, impossible, unreadable};
use crate::request;
use crate::system::error::Result;

/// Whether a header or a part of a query with this name, in small letters, has a secret value. A false positive does
/// no harm.
fn names_secret(name: &str) -> bool {
    SECRET.iter().any(|part| name.contains(part)) && !name.contains("email")
}

/// Whether the URL alone gives access: a webhook, if the request has no other secret; a token in the path, as in
/// bots of Telegram; or a secret in the query.
pub(crate) fn is_secret_url(url: &str, is_only_secret: bool) -> bool {
    let small = url.to_ascii_lowercase();
    let (path, query) = small.split_once('?').unwrap_or((&small, ""));
    let mut names = query.split('&').filter_map(|part| part.split_once('='));
    let is_bot = |part: &str| {
        let id = part
            .strip_prefix("bot")
            .and_then(|rest| rest.split_once(':'));
        id.is_some_and(|(id, _)| id.parse::<u64>().is_ok())
    };
    is_only_secret && path.contains("hook")
        || path.split('/').any(is_bot)
        || names.any(|(name, value)| !value.is_empty() && (name == "sig" || names_secret(name)))
}

/// Parts of such names.
const SECRET: [&str; 9] = [
    "auth",
    "cookie",
    "credential",
    "key",
    "password",
    "secret",
    "session",
    "signature",
    "token",
];

impl CurlCommand {
    pub(super) fn url(&mut self, text: &str) -> Result<()> {
        if self.url.is_some() {
            return Err(impossible("it has two URLs, and one run sends to one"));
        }
        // As curl: http without a scheme, and no fragment.
        let text = match text.contains("://") {
            true => text.to_owned(),
            false => format!("http://{text}"),
        };
        let text = text.split('#').next().unwrap_or_default();
        if text.contains(['{', '}', '<', '>']) {
            return Err(unreadable("the URL has a placeholder")
                .hint("put the value in its place, in quotes"));
        }
        let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (host, path) = rest.split_at(end);
        self.url = Some(match host.rsplit_once('@') {
            Some((_, host)) => {
                self.has_user = true;
                format!("{scheme}://{host}{path}")
            }
            None => text.to_owned(),
        });
        Ok(())
    }

    pub(super) fn method(&mut self, word: &str) -> Result<()> {
        self.method = Some(word.to_owned());
        Ok(())
    }

    /// `@FILE` is a file, for all of curl's options but --data-raw. curl takes the line breaks out of some files,
    /// which does not matter in JSON.
    pub(super) fn data(&mut self, text: &str) -> Result<()> {
        self.add(text, text.starts_with('@'), "&")
    }

    pub(super) fn raw_data(&mut self, text: &str) -> Result<()> {
        self.add(text, false, "&")
    }

    pub(super) fn json(&mut self, text: &str) -> Result<()> {
        self.add(text, text.starts_with('@'), "")
    }

    pub(super) fn upload(&mut self, file: &str) -> Result<()> {
        self.is_upload = true;
        let file = if file == "." { "-" } else { file };
        self.add(&format!("@{file}"), true, "")
    }

    /// Joins documents as curl does.
    fn add(&mut self, text: &str, is_file: bool, between: &str) -> Result<()> {
        match &mut self.data {
            None => self.data = Some(text.to_owned()),
            Some(_) if is_file || self.is_file => {
                return Err(impossible("it joins a file and another document"));
            }
            Some(data) => data.push_str(&format!("{between}{text}")),
        }
        self.is_file = is_file;
        if self.data.as_deref() == Some("@-") && is_file {
            self.notes.push(
                "the document comes from standard input, which is empty in a crontab".to_owned(),
            );
        }
        Ok(())
    }

    pub(super) fn header(&mut self, text: &str) -> Result<()> {
        if let Some(file) = text.strip_prefix('@') {
            self.options.push(("header-file", file.to_owned()));
            return Ok(());
        }
        let (name, value) = match (text.split_once(':'), text.strip_suffix(';')) {
            (Some((name, value)), _) => (name.trim(), value.trim()),
            (None, Some(name)) => (name.trim(), ""),
            (None, None) => return Err(unreadable("a header has no colon")),
        };
        let small = name.to_ascii_lowercase();
        // With `Name:`, curl omits one of its own headers. A secret header is none of these: here the shell's variable
        // was empty.
        if value.is_empty() && text.contains(':') && !names_secret(&small) {
            return Ok(());
        }
        if small == "authorization" {
            self.authorization(value)?;
        } else if small == "content-type" {
            self.content_type = Some(value.to_owned());
        } else if small == "content-encoding" && value != "identity" {
            return Err(impossible(
                "it sends a compressed document, and authpost sends JSON as it is",
            ));
        } else if small == "accept" && value == "application/json" {
            // authpost sends it too.
        } else if small.contains("idempotency") {
            if small != "idempotency-key" {
                self.options.push(("idempotency-header", name.to_owned()));
            }
            self.leave_out(&format!(
                "the value of {name}: each document gets its own, else the API would take the next one for a repeat"
            ));
        } else if let Err(why) = request::check_header(name, value) {
            self.leave_out(&format!("a header: {why}"));
        } else if names_secret(&small) {
            self.secret_headers.push(name.to_owned());
        } else {
            self.options
                .push(("header", format!("{name}: {value}").trim_end().to_owned()));
        }
        Ok(())
    }

    fn authorization(&mut self, value: &str) -> Result<()> {
        if self.authorization.is_some() {
            return Err(impossible("it has two Authorization headers"));
        }
        let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
        let is = |word: &str| scheme.eq_ignore_ascii_case(word);
        if is("Basic") {
            self.authorization = Some(Credentials::Base64);
        } else if is("Bearer") {
            self.authorization = Some(Credentials::Scheme("Bearer".to_owned()));
        } else if token.is_empty() {
            self.authorization = Some(Credentials::Header("Authorization".to_owned()));
        } else if request::is_token(scheme) && !token.trim().contains(char::is_whitespace) {
            self.authorization = Some(Credentials::Scheme(scheme.to_owned()));
        } else {
            self.secret_headers.push("Authorization".to_owned());
        }
        Ok(())
    }

    /// A text with a `=` is cookies; any other is the name of a file with cookies.
    pub(super) fn cookie(&mut self, text: &str) -> Result<()> {
        match text.contains('=') {
            true => self.header(&format!("Cookie: {text}"))?,
            false => self.leave_out("a file of cookies: no cookies are kept"),
        }
        Ok(())
    }

    pub(super) fn user(&mut self, _: &str) -> Result<()> {
        self.has_user = true;
        Ok(())
    }

    pub(super) fn bearer(&mut self, _: &str) -> Result<()> {
        self.has_bearer = true;
        Ok(())
    }

    /// curl counts retries, authpost attempts.
    pub(super) fn retry(&mut self, text: &str) -> Result<()> {
        let retries: u32 = text
            .parse()
            .map_err(|_| unreadable("--retry: it is not a number"))?;
        let tries = retries.saturating_add(1).to_string();
        self.options.push(("tries", tries));
        Ok(())
    }

    /// `FILE` or `FILE:PASSWORD`.
    pub(super) fn cert(&mut self, text: &str) -> Result<()> {
        let (file, password) = text.split_once(':').unwrap_or((text, ""));
        if !password.is_empty() {
            self.leave_out("the password of the client's key: authpost needs a key without one");
        }
        self.options.push(("cert", file.to_owned()));
        Ok(())
    }

    pub(super) fn proxy(&mut self, text: &str) -> Result<()> {
        if text.starts_with("socks") {
            return Err(impossible("SOCKS proxies are not supported"));
        }
        match text.contains('@') {
            true => self.leave_out(
                "the proxy: it has a password, so put its URL into the variable HTTPS_PROXY",
            ),
            false => self.options.push(("proxy", text.to_owned())),
        }
        Ok(())
    }

    pub(super) fn output(&mut self, file: &str) -> Result<()> {
        if file != "/dev/null" && file != "-" {
            self.output = Some(file.to_owned());
        }
        Ok(())
    }
}

//! The authpost command for a curl command, and the notes on it.

use std::ffi::OsString;

use super::shell::{HEADER_FILE, PASSWORD_FILE, TOKEN_FILE, URL_FILE, quoted};
use super::{Carried, Credentials, CurlCommand, impossible, is_secret_url, unreadable};
use crate::cli::draft::Draft;
use crate::cli::{read_arguments, suggest};
use crate::json;
use crate::request::{Method, Url};
use crate::system::error::{Error, Kind, Result};

/// Words of the command line.
#[derive(Default)]
struct Words(Vec<String>);

impl Words {
    fn add(&mut self, word: impl Into<String>) {
        self.0.push(word.into());
    }

    fn option(&mut self, name: &str, value: &str) {
        // These letters are better known than the long names.
        self.add(match name {
            "header" => "-H".to_owned(),
            "method" => "-X".to_owned(),
            "data" => "-d".to_owned(),
            name => format!("--{name}"),
        });
        if !value.is_empty() {
            self.add(value);
        }
    }
}

impl CurlCommand {
    pub(super) fn into_authpost(mut self) -> Result<Carried> {
        let url = self
            .url
            .take()
            .ok_or_else(|| unreadable("there is no URL"))?;
        if self.is_upload && url.ends_with('/') {
            return Err(
                unreadable("-T puts the name of the file behind a URL that ends in '/'")
                    .hint("write the whole URL"),
            );
        }
        let url = Url::parse(&url).map_err(|why| {
            Error::new(
                Kind::Usage,
                format!("reading the URL of the curl command: {why}"),
            )
            .hint("write it as https://HOST/PATH, in quotes")
        })?;
        let mut words = Words::default();
        // cron would mail a printed answer after every run.
        let end = match &self.output {
            Some(file) => format!(" > {}", quoted(file)),
            None => {
                words.add("-q");
                String::new()
            }
        };
        self.add_method(&mut words)?;
        let is_secret_url = self.add_credentials(&mut words, &url);
        for (name, value) in &self.options {
            words.option(name, value);
        }
        self.add_times(&mut words);
        self.add_document(&mut words)?;
        check(&words, &url)?;
        match is_secret_url {
            true => words.option("url-file", URL_FILE),
            false => words.add(url.as_str()),
        }
        let line = words.0.iter().map(|word| quoted(word));
        let line = line.collect::<Vec<_>>().join(" ");
        let line = format!("authpost {line}{end}");
        if line.chars().any(|c| c.is_control() && c != '\t') {
            return Err(unreadable(
                "there is a line break or a control character in it",
            ));
        }
        // The limit of several crons is 1000 bytes; the times need some of them.
        if line.len() > 960 {
            self.notes.push(
                "the line is too long for some crons: put the document into a file, and write -d @FILE".to_owned(),
            );
        }
        self.note_files();
        self.notes.push(
            match &self.output {
                None => "in a crontab, write the times before the line, and the full path of authpost; to see the answer, leave out -q",
                Some(_) => "in a crontab, write the times before the line, and the full path of authpost",
            }
            .to_owned(),
        );
        Ok(Carried {
            line,
            notes: self.notes,
        })
    }

    /// Notes the relative paths, which cron resolves in the home directory.
    fn note_files(&mut self) {
        let ours = ["cacert", "cert", "header-file", "key"];
        let given = self.options.iter().filter(|(name, _)| ours.contains(name));
        let given = given.map(|(_, path)| path).chain(&self.output);
        let document = self.data.as_deref().filter(|_| self.is_file);
        let document = document.map(|data| data.trim_start_matches('@'));
        let relative: Vec<_> = given
            .map(String::as_str)
            .chain(document)
            .filter(|path| !path.starts_with('/') && *path != "-")
            .collect();
        if !relative.is_empty() {
            self.notes.push(format!(
                "cron runs the line in the home directory: write the full path of {}",
                relative.join(", ")
            ));
        }
    }

    fn add_method(&mut self, words: &mut Words) -> Result<()> {
        let default = match (&self.data, self.is_upload) {
            (_, true) => "PUT",
            (Some(_), false) => "POST",
            (None, false) => "GET",
        };
        let word = self.method.take().unwrap_or_else(|| default.to_owned());
        let word = word.to_ascii_uppercase();
        match Method::parse(&word) {
            Some(Method::Post) => {}
            Some(method) => words.option("method", method.as_str()),
            None => {
                let why = suggest::why("GET").unwrap_or_default();
                // Any other word may be a secret by mistake.
                let what = match word.as_str() {
                    "GET" | "HEAD" | "DELETE" | "OPTIONS" => format!("it makes a {word}"),
                    _ => "its method is none of POST, PUT and PATCH".to_owned(),
                };
                return Err(impossible(&format!("{what}: {why}")));
            }
        }
        Ok(())
    }

    /// The secret that becomes the token. A header takes precedence over the options, as with curl.
    fn take_credentials(&mut self) -> Option<Credentials> {
        let bearer = || Credentials::Scheme("Bearer".to_owned());
        let given = self.authorization.take();
        let given = given.or_else(|| self.has_bearer.then(bearer));
        let given = given.or_else(|| self.has_user.then_some(Credentials::User));
        given.or_else(|| {
            // --auth-header suits an API key, which has no scheme before it.
            let is_api_key = |name: &String| {
                !["cookie", "authorization", "proxy-authorization"]
                    .contains(&name.to_ascii_lowercase().as_str())
            };
            let first = self.secret_headers.iter().position(is_api_key)?;
            Some(Credentials::Header(self.secret_headers.remove(first)))
        })
    }

    /// Adds the options that read the secrets, and notes on what to save where. Returns whether the URL is one of them.
    fn add_credentials(&mut self, words: &mut Words, url: &Url) -> bool {
        let credentials = self.take_credentials();
        let mut notes = Vec::new();
        let mut to_do = |what: &str, file| {
            notes.push(format!(
                "save {what} in {file}: install -m 600 /dev/stdin {file}"
            ));
        };
        let is_only_secret = credentials.is_none() && self.secret_headers.is_empty();
        let is_secret_url = is_secret_url(url.as_str(), is_only_secret);
        if is_secret_url {
            to_do("the URL", URL_FILE);
        }
        match &credentials {
            None if is_secret_url => {}
            None => words.add("--no-auth"),
            Some(Credentials::Scheme(scheme)) => {
                words.option("token-file", TOKEN_FILE);
                if scheme != "Bearer" {
                    words.option("auth-scheme", scheme);
                }
                to_do(&format!("the token, without '{scheme}',"), TOKEN_FILE);
            }
            Some(Credentials::Header(name)) => {
                words.option("token-file", TOKEN_FILE);
                words.option("auth-header", name);
                to_do(&format!("the value of {name}"), TOKEN_FILE);
            }
            Some(Credentials::User | Credentials::Base64) => {
                words.option("token-file", PASSWORD_FILE);
                words.option("auth-scheme", "Basic");
                to_do(
                    match credentials {
                        Some(Credentials::Base64) => "user:password, decoded from base64,",
                        _ => "user:password",
                    },
                    PASSWORD_FILE,
                );
            }
        }
        if !self.secret_headers.is_empty() {
            words.option("header-file", HEADER_FILE);
            let names: Vec<_> = self.secret_headers.iter().map(String::as_str).collect();
            to_do(
                &format!("'NAME: VALUE', a line for each of {},", names.join(", ")),
                HEADER_FILE,
            );
        }
        if !notes.is_empty() {
            notes.push(
                "the shell's history has the curl command: if the secret is in it, delete it there"
                    .to_owned(),
            );
            if !url.is_https() && !url.is_loopback() {
                words.add("--allow-http");
                notes.push(
                    "--allow-http: anyone on the network path can read the secret over plain http; use https if the API has it"
                        .to_owned(),
                );
            }
        }
        notes.append(&mut self.notes);
        self.notes = notes;
        is_secret_url
    }

    /// Adds each time once: the longest, because one of curl's limits may be that of a single attempt.
    fn add_times(&self, words: &mut Words) {
        for name in ["timeout", "connect-timeout", "wait"] {
            let all = self.times.iter().filter(|(given, _)| *given == name);
            if let Some(time) = all.map(|(_, time)| *time).max() {
                words.option(
                    name,
                    &match time % 1000 {
                        0 => format!("{}s", time / 1000),
                        _ => format!("{time}ms"),
                    },
                );
            }
        }
    }

    fn add_document(&mut self, words: &mut Words) -> Result<()> {
        let content_type = self.content_type.take().unwrap_or_default();
        let small = content_type.to_ascii_lowercase();
        let data = self.data.as_deref().unwrap_or_default();
        if small.contains("ndjson") || is_ndjson(data) {
            return Err(impossible("the document is NDJSON, one JSON text per line")
                .hint("authpost --lines FILE --group 1000 --group-format ndjson URL sends such a file"));
        }
        if self.is_file && !small.is_empty() && !small.contains("json") {
            return Err(impossible(
                "the document is not JSON, and authpost sends nothing else",
            ));
        }
        if !content_type.is_empty() && small != "application/json" {
            words.option("header", &format!("Content-Type: {content_type}"));
        }
        if data.is_empty() {
            words.add("--no-body");
            return Ok(());
        }
        if !self.is_file {
            json::check(data.as_bytes()).map_err(|flaw| {
                let form = match data.contains('=') && !data.starts_with(['{', '[', '"']) {
                    true => suggest::why("--form"),
                    false => None,
                };
                impossible(&match form {
                    Some(why) => format!("the document is a form: {why}"),
                    None => {
                        format!("the document is not JSON, and authpost sends nothing else: {flaw}")
                    }
                })
            })?;
        }
        // A command in a crontab is one line. In JSON, all line breaks are between the tokens, so they can be removed.
        let lines = data.split(['\n', '\r']).map(str::trim);
        let data = match self.is_file || !data.contains(['\n', '\r']) {
            true => data.to_owned(),
            false => lines.collect(),
        };
        if let Some(name) = secret_member(&data).filter(|_| !self.is_file) {
            self.notes.push(format!(
                "if {name} in the document is a secret, put the document into a file, and write -d @FILE"
            ));
        }
        words.option("data", &data);
        Ok(())
    }
}

/// The name of a member of the document that is likely a secret: every user of the machine can read it in the command
/// line.
fn secret_member(data: &str) -> Option<&str> {
    let words = ["apikey", "password", "secret", "token", "_key"];
    json::children(data)
        .filter(|(_, value)| value.starts_with('"'))
        .filter_map(|(name, _)| name)
        .find(|name| {
            words
                .iter()
                .any(|word| name.to_ascii_lowercase().contains(word))
        })
}

/// Whether there are several lines, and each is a JSON text.
fn is_ndjson(data: &str) -> bool {
    let mut lines = data.lines().filter(|line| !line.trim().is_empty());
    lines.clone().count() > 1 && lines.all(|line| json::check(line.as_bytes()).is_ok())
}

/// Checks that authpost accepts these words and the URL.
fn check(words: &Words, url: &Url) -> Result<()> {
    let mut words: Vec<_> = words.0.iter().map(OsString::from).collect();
    words.push(url.as_str().into());
    let mut draft = Draft::default();
    read_arguments(&mut draft, &words)?;
    draft.into_command().map(drop)
}

//! Makes a [`Plan`] from the draft: the defaults, and the checks across the options of a run that sends.

use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use super::{Draft, two_urls, usage_error};
use crate::auth;
use crate::cli::HelpSection;
use crate::document::GroupFormat;
use crate::document::ndjson::Group;
use crate::request::{
    self, Auth, Connection, Documents, Family, Form, Input, Lines, Method, Output, Plan,
    RetryPolicy, RunLimits, Show, SpoolPlan, Target, TokenSource, Url,
};
use crate::system::error::Result;
use crate::system::time::Deadline;

/// Where the URL comes from.
enum UrlSource {
    Given(Url),
    File(PathBuf),
}

impl Draft {
    pub(super) fn into_plan(mut self) -> Result<Plan> {
        let source = self.url_source()?;
        let auth = self.auth()?;
        let idempotency_header = self.idempotency_header(&auth)?;
        self.check_files_last(&auth.source)?;
        // A request without a secret may go anywhere.
        let has_secret = auth.source != TokenSource::None
            || !self.header_files.is_empty()
            || self.url_file.is_some();
        self.allow_http |= !has_secret;
        if let UrlSource::Given(url) = &source
            && !url.is_https()
            && !url.is_loopback()
            && !self.allow_http
        {
            return Err(usage_error(format!(
                "checking the URL {url}: anyone on the network path could read the token over plain http"
            ))
            .hint(auth::USE_HTTPS));
        }
        let quiet = self.quiet;
        let documents = self.documents()?;
        let (policy, run) = (self.retry_policy()?, self.run()?);
        // Not the option: in a config file it is meant for other runs.
        let is_ndjson = matches!(&documents, Documents::Lines(Lines { group: Some(group), .. })
            if group.format == GroupFormat::Ndjson);
        let output = Output {
            quiet,
            verbose: self.verbose,
            pretty: self.pretty,
            show: self.show()?,
        };
        let (spool, connection) = (self.spool()?, self.connection()?);
        // The file is read last: an error in the command line is told first.
        let url = match source {
            UrlSource::Given(url) => url,
            UrlSource::File(file) => {
                let limit = run.limit(policy.timeout, Duration::ZERO);
                auth::read_url(&file, self.allow_http, Deadline::after(limit))?
            }
        };
        Ok(Plan {
            policy,
            run,
            documents,
            key: self.key.take(),
            output,
            dry_run: self.dry_run,
            spool,
            expect: std::mem::take(&mut self.expect),
            any_answer: self.any_answer,
            target: Rc::new(Target {
                method: self.method.unwrap_or(Method::Post),
                url,
                auth,
                idempotency_header,
                connection,
                headers: self.headers,
                is_ndjson,
                header_files: self.header_files,
            }),
        })
    }

    fn url_source(&mut self) -> Result<UrlSource> {
        match (self.url.take(), &self.url_file) {
            (Some(_), Some(_)) => Err(two_urls()),
            (Some(url), None) => Ok(UrlSource::Given(url)),
            (None, Some(file)) => Ok(UrlSource::File(file.clone())),
            (None, None) => Err(usage_error("reading the command line: there is no URL")
                .hint("authpost https://api.example.com/data key=value; 'authpost -h' says more")),
        }
    }

    /// Checks that a flush can read the files that a message refers to.
    fn check_files_last(&self, source: &TokenSource) -> Result<()> {
        if self.spool.is_none() {
            return Ok(());
        }
        let token = match source {
            TokenSource::File(file) | TokenSource::OAuth2(file) => Some(file),
            TokenSource::Env(_) | TokenSource::Command(_) | TokenSource::None => None,
        };
        let files = token
            .into_iter()
            .chain(&self.url_file)
            .chain(&self.header_files);
        let mut files = files
            .chain(&self.cacert)
            .chain(&self.cert)
            .chain(&self.cert_key);
        match files.find_map(|file| Some((file, auth::why_gone_later(file)?))) {
            None => Ok(()),
            Some((file, why)) => Err(usage_error(format!(
                "noting '{}' in a message: a flush could not read it: {why}",
                file.display()
            ))
            .hint("with --spool, give a file that stays where it is")),
        }
    }

    fn spool(&mut self) -> Result<Option<SpoolPlan>> {
        const DEFAULT: u64 = 256 << 20;
        let Some(dir) = self.spool.take() else {
            let limit = self.spool_limit.map(|_| "spool-limit");
            let alert = self.alert_after.map(|_| "alert-after");
            return match limit.or(alert) {
                None => Ok(None),
                Some(flag) => Err(usage_error(format!(
                    "reading the command line: --{flag} means nothing without --spool"
                ))
                .hint("name the spool's directory with --spool")),
            };
        };
        Ok(Some(SpoolPlan {
            dir,
            limit: self.spool_limit.unwrap_or(DEFAULT),
            alert_after: self.alert_after(),
        }))
    }

    /// How long a message may be pending before a warning is printed.
    pub(super) fn alert_after(&self) -> Duration {
        const DAY: Duration = Duration::from_secs(24 * 60 * 60);
        self.alert_after.unwrap_or(DAY)
    }

    fn documents(&mut self) -> Result<Documents> {
        match (&self.lines, self.data.take(), self.items.is_empty()) {
            (Some(_), None, true) if !self.no_body => Ok(Documents::Lines(self.lines()?)),
            (Some(_), ..) => Err(usage_error(
                "reading the command line: --lines is given, and another document as well",
            )
            .hint("with --lines every line is a document: drop --data, --no-body and the items")),
            (None, data, no_items) => {
                if let Some(flag) = self
                    .used
                    .iter()
                    .find(|flag| flag.group == HelpSection::Lines)
                {
                    return Err(usage_error(format!(
                        "reading the command line: --{} means nothing without --lines",
                        flag.long
                    ))
                    .hint("authpost --lines FILE URL sends one document for each line of FILE"));
                }
                Ok(Documents::One(self.input(data, no_items)?))
            }
        }
    }

    fn lines(&mut self) -> Result<Lines> {
        if self.used.iter().any(|flag| flag.long == "pretty") {
            return Err(usage_error(
                "reading the command line: --pretty and --lines are both given",
            )
            .hint("with --lines, answers are printed with --pick or --report, each in one line"));
        }
        // An option of the config file may be meant for other runs.
        self.pretty = false;
        const MIB: u64 = 1 << 20;
        let bytes = self.group_bytes.unwrap_or(MIB);
        let group = self.group.map(|lines| Group {
            lines: lines as usize,
            bytes: usize::try_from(bytes).unwrap_or(usize::MAX),
            format: self.group_format.unwrap_or_default(),
        });
        let needs_group = [
            (self.group_bytes.is_some(), "--group-bytes"),
            (self.group_format.is_some(), "--group-format"),
        ];
        if group.is_none()
            && let Some((_, option)) = needs_group.iter().find(|(is_given, _)| *is_given)
        {
            return Err(usage_error(format!(
                "reading the command line: {option} means nothing without --group"
            ))
            .hint("say with --group how many lines go into one request"));
        }
        if self.resume.is_some() && self.all_or_nothing {
            return Err(usage_error(
                "reading the command line: --resume and --all-or-nothing are both given",
            )
            .hint("a resumed run has sent some lines already: keep one"));
        }
        let others = [(&self.failed, "--failed"), (&self.lock, "--lock")];
        if let Some((_, option)) = others
            .into_iter()
            .find(|(file, _)| self.resume.is_some() && **file == self.resume)
        {
            return Err(usage_error(format!(
                "reading the command line: --resume and {option} are the same file"
            ))
            .hint("give --resume a file of its own"));
        }
        if self.resume.is_some() && self.spool.is_some() {
            return Err(usage_error(
                "reading the command line: --resume and --spool are both given",
            )
            .hint("with --resume the next run sends what the API did not take in: drop --spool"));
        }
        if self.resume.is_some() && self.lines.as_deref() == Some("-".as_ref()) {
            return Err(usage_error(
                "reading the command line: --resume cannot continue in the middle of standard input",
            )
            .hint("give --lines a file"));
        }
        if self.all_or_nothing && self.lines.as_deref() == Some("-".as_ref()) {
            return Err(usage_error(
                "reading the command line: --all-or-nothing reads the lines twice, which standard input cannot be",
            )
            .hint("write them to a file first"));
        }
        Ok(Lines {
            file: self.lines.take().filter(|file| file.as_os_str() != "-"),
            skip: self.skip,
            max_line: self.max_line.unwrap_or(16 * MIB),
            group,
            all_or_nothing: self.all_or_nothing,
            resume: self.resume.take(),
            failed: self.failed.take(),
            interval: self.interval.unwrap_or_default(),
        })
    }

    fn input(&mut self, data: Option<Input>, no_items: bool) -> Result<Input> {
        match (data, no_items) {
            (None, true) if self.no_body => Ok(Input::Nothing),
            (None, true) => Err(
                usage_error("reading the command line: there is no document")
                    .hint("give items, -d @- to read standard input, or --no-body to send none"),
            ),
            _ if self.no_body => Err(usage_error(
                "reading the command line: --no-body and a document are both given",
            )
            .hint("drop --no-body to send the document")),
            (None, false) => Ok(Input::Items(std::mem::take(&mut self.items))),
            (Some(data), true) => Ok(data),
            (Some(_), false) => Err(usage_error(
                "reading the command line: --data and items are both given",
            )
            .hint("give the whole document with --data, or build it from items")),
        }
    }

    /// The token source: exactly one, or the default variable.
    fn auth(&mut self) -> Result<Auth> {
        if self.sources.is_empty() {
            self.sources = std::mem::take(&mut self.config_sources);
        }
        self.sources.dedup();
        let source = match self.sources.len() {
            // Knowing the URL is enough to use it. The token in the variable may be another API's.
            0 if self.url_file.is_some() => TokenSource::None,
            0 => TokenSource::Env(request::DEFAULT_TOKEN.to_owned()),
            1 => self.sources.remove(0),
            _ => {
                return Err(usage_error(
                    "reading the command line: the token is to come from more than one place",
                )
                .hint("keep one of --token-file, --token-env, --token-command, --oauth2-file and --no-auth"));
            }
        };
        // The value may be the token itself instead of a name, and a token must not get into a spool.
        if let TokenSource::Env(name) = &source
            && self.spool.is_some()
            && name != request::DEFAULT_TOKEN
            && std::env::var_os(name).is_none()
        {
            return Err(auth::unset(name));
        }
        if let TokenSource::File(path) = &source
            && auth::is_pasted(path)
        {
            return Err(auth::pasted());
        }
        let form = match (self.auth_header.take(), self.scheme.take()) {
            (Some(_), Some(_)) => {
                return Err(usage_error("reading the command line: --auth-header and --auth-scheme are both given")
                    .hint("the first sends the bare token, the second 'Authorization: WORD token': keep one"));
            }
            (Some(name), None) => Form::Header(name),
            (None, scheme) => Form::Scheme(scheme.unwrap_or_else(|| "Bearer".to_owned())),
        };
        Ok(Auth { source, form })
    }

    /// The header that carries the idempotency key. It must not be one that is used for something else.
    fn idempotency_header(&mut self, auth: &Auth) -> Result<Option<String>> {
        const RESERVED: [&str; 7] = [
            "Accept",
            "Authorization",
            "Content-Type",
            "Cookie",
            "Host",
            "Proxy-Authorization",
            "User-Agent",
        ];
        if self.no_key {
            return Ok(None);
        }
        let name = self.key_header.take();
        let name = name.unwrap_or_else(|| "Idempotency-Key".to_owned());
        let of_token = match &auth.form {
            Form::Header(header) if auth.source != TokenSource::None => Some(header.as_str()),
            _ => None,
        };
        let given = self.headers.iter().map(|(header, _)| header.as_str());
        let mut others = RESERVED.into_iter().chain(of_token).chain(given);
        if others.any(|other| other.eq_ignore_ascii_case(&name)) {
            return Err(usage_error(format!(
                "reading the command line: the idempotency key cannot go into {name}, which carries something else"
            ))
            .hint("--idempotency-header NAME: header for the idempotency key [default: Idempotency-Key]"));
        }
        Ok(Some(name))
    }

    pub(super) fn retry_policy(&self) -> Result<RetryPolicy> {
        if self.no_key && (self.key.is_some() || self.key_header.is_some()) {
            return Err(usage_error("reading the command line: an idempotency key is asked for, and none at all as well")
                .hint("drop --no-idempotency-key, or --idempotency-key and --idempotency-header"));
        }
        Ok(RetryPolicy {
            timeout: self.timeout.unwrap_or(Duration::from_secs(60)),
            max_attempts: self.max_attempts,
            wait: self.wait.unwrap_or(Duration::from_secs(1)),
            max_wait: self.max_wait.unwrap_or(Duration::from_secs(30)),
            idempotent: self.idempotent,
            retries_outages: self.spool.is_none(),
        })
    }

    pub(super) fn run(&mut self) -> Result<RunLimits> {
        let splay = self.splay.unwrap_or_default();
        if self.max_time.is_some_and(|all| all <= splay) {
            return Err(usage_error(
                "reading the command line: the wait of --splay could use up all of --max-time",
            )
            .hint("give --max-time more, or --splay less"));
        }
        Ok(RunLimits {
            splay,
            lock: self.lock.take(),
            max_time: self.max_time,
        })
    }

    fn show(&mut self) -> Result<Show> {
        match (self.pick.take(), self.report) {
            (Some(_), true) => Err(usage_error(
                "reading the command line: --pick and --report are both given",
            )
            .hint("--report has the whole answer in 'response': keep one")),
            (Some(pointer), false) => Ok(Show::Pick(pointer)),
            (None, true) => Ok(Show::Report),
            (None, false) => Ok(Show::Body),
        }
    }

    fn connection(&mut self) -> Result<Connection> {
        if self.insecure && self.cacert.is_some() {
            return Err(usage_error("reading the command line: --insecure checks no certificate, and --cacert wants one checked")
                .hint("drop --insecure"));
        }
        let identity = match (self.cert.take(), self.cert_key.take()) {
            (None, Some(_)) => {
                return Err(
                    usage_error("reading the command line: --key is given without --cert")
                        .hint("give the client's certificate chain with --cert"),
                );
            }
            (None, None) => None,
            // One file may contain both.
            (Some(cert), key) => Some((cert.clone(), key.unwrap_or(cert))),
        };
        Ok(Connection {
            cacert: self.cacert.take(),
            identity,
            insecure: self.insecure,
            allow_http: self.allow_http,
            proxy: self.proxy.take(),
            family: self.family.unwrap_or(Family::Any),
            connect_timeout: self.connect_timeout.unwrap_or(Duration::from_secs(10)),
            max_response: self.max_response.unwrap_or(16 << 20),
        })
    }
}

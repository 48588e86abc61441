//! What the options say, one by one, until it becomes a [`Command`].
//!
//! Everything that concerns more than one option is decided here, once: defaults, what excludes what, and what would
//! give a secret away.

use std::ffi::OsString;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use super::{Command, Flag, Group, Shell, VERBS, Verb, shown, verb_row};
use crate::auth;
use crate::document::Item;
use crate::document::ndjson::Group as LineGroup;
use crate::json::{self, Pointer};
use crate::request::Family;
use crate::request::{
    self, Auth, Chosen, Connection, Delivery, Documents, Expect, Flush, Form, Input, Lines, Method,
    Output, Plan, Run, Show, Source, Target, Url,
};
use crate::system::error::{Error, Kind, Result};

/// The options as given; `None` and empty mean not given.
#[derive(Default)]
pub(super) struct Draft {
    pub(super) page: Option<Page>,
    verb: Option<Verb>,
    /// What is read now comes from the config file.
    pub(super) in_config: bool,
    /// The options given on the command line: those of the config file are for every verb they mean something to.
    used: Vec<&'static Flag>,
    url: Option<Url>,
    items: Vec<Item>,
    /// What stands behind a verb that works on a spool: its directory, and then ids.
    words: Vec<OsString>,
    pub(super) data: Option<Input>,
    pub(super) method: Option<Method>,
    sources: Vec<Source>,
    config_sources: Vec<Source>,
    pub(super) scheme: Option<String>,
    pub(super) auth_header: Option<String>,
    pub(super) headers: Vec<(String, String)>,
    pub(super) header_files: Vec<PathBuf>,
    pub(super) timeout: Option<Duration>,
    pub(super) connect_timeout: Option<Duration>,
    pub(super) tries: Option<u32>,
    pub(super) wait: Option<Duration>,
    pub(super) max_wait: Option<Duration>,
    pub(super) idempotent: bool,
    pub(super) key: Option<String>,
    pub(super) key_header: Option<String>,
    pub(super) no_key: bool,
    pub(super) splay: Option<Duration>,
    pub(super) lock: Option<PathBuf>,
    pub(super) max_time: Option<Duration>,
    pub(super) spool: Option<PathBuf>,
    pub(super) all: bool,
    pub(super) json: bool,
    pub(super) expect: Vec<Expect>,
    pub(super) cacert: Option<PathBuf>,
    pub(super) cert: Option<PathBuf>,
    pub(super) cert_key: Option<PathBuf>,
    pub(super) proxy: Option<String>,
    pub(super) family: Option<Family>,
    pub(super) allow_http: bool,
    pub(super) insecure: bool,
    pub(super) max_response: Option<u64>,
    /// The file of lines; `-` is standard input.
    pub(super) lines: Option<PathBuf>,
    pub(super) group: Option<u32>,
    pub(super) group_bytes: Option<u64>,
    pub(super) max_line: Option<u64>,
    pub(super) skip: Option<u64>,
    pub(super) failed: Option<PathBuf>,
    pub(super) interval: Option<Duration>,
    pub(super) quiet: bool,
    pub(super) verbose: bool,
    pub(super) pretty: bool,
    pub(super) pick: Option<Pointer>,
    pub(super) report: bool,
    pub(super) dry_run: bool,
}

/// Something to print instead of sending.
#[derive(Debug)]
pub(super) enum Page {
    Help { all: bool },
    Man,
    Completions(Shell),
    Version,
}

/// How a verb is called.
fn calling(verb: Verb) -> String {
    let row = verb_row(verb);
    format!("authpost {} [OPTIONS] {}", row.word, row.operands)
}

fn wrong(what: impl Into<String>) -> Error {
    Error::new(Kind::Usage, what)
}

impl Draft {
    pub(super) fn brief_help(&mut self) {
        self.page.get_or_insert(Page::Help { all: false });
    }

    /// The config file ends here; the command line's own source of the token takes the place of the file's.
    pub(super) fn end_of_config(&mut self) {
        self.config_sources = std::mem::take(&mut self.sources);
        self.used.clear();
        self.in_config = false;
        // A URL in the file does not keep the command line from saying another verb.
        self.verb = self.verb.filter(|verb| *verb != Verb::Send);
    }

    pub(super) fn used(&mut self, flag: &'static Flag) {
        self.used.push(flag);
    }

    /// A verb or the URL first, then what the verb takes.
    pub(super) fn positional(&mut self, word: OsString) -> Result<()> {
        if self.verb.is_some_and(Verb::takes_spool) {
            self.words.push(word);
            return Ok(());
        }
        let Some(text) = word.to_str() else {
            return Err(wrong(format!(
                "reading the argument '{}': it is not text in UTF-8",
                shown(&word)
            )));
        };
        if self.verb.is_none() {
            let verb = VERBS
                .iter()
                .find(|row| row.word == text && !text.is_empty())
                .map(|row| row.verb);
            self.verb = Some(verb.unwrap_or_default());
            if verb.is_some() {
                return Ok(());
            }
        }
        if self.url.is_some() {
            if text.starts_with("https://") || text.starts_with("http://") {
                return Err(wrong("reading the arguments: there are two URLs")
                    .hint("give one, here or in the config file; items are written KEY=TEXT"));
            }
            self.items.push(Item::parse(text)?);
            return Ok(());
        }
        if !text.contains("://") {
            return Err(wrong(format!("reading the arguments: '{}' is not a URL", shown(&word)))
                .hint("the URL comes first, with its scheme: authpost https://api.example.com/data key=value"));
        }
        // A URL may hold a password, so a bad one is not repeated.
        let url = Url::parse(text).map_err(|why| {
            wrong(format!("reading the URL: {why}"))
                .hint("write it as https://HOST/PATH; a token, or user:password for --auth-scheme Basic, goes into --token-file")
        })?;
        self.url = Some(url);
        Ok(())
    }

    pub(super) fn source(&mut self, source: Source) {
        self.sources.push(source);
    }

    /// A header of the command line, which every user of the machine can read.
    pub(super) fn header(&mut self, text: &str) -> std::result::Result<(), String> {
        let (name, value) = text.split_once(':').ok_or("there is no colon in it")?;
        let (name, value) = (name.trim(), value.trim());
        for secret in ["Authorization", "Cookie", "Proxy-Authorization"] {
            if name.eq_ignore_ascii_case(secret) {
                return Err(format!(
                    "every user of this machine can read {secret} there: use --token-file for a token, --header-file for the rest"
                ));
            }
        }
        request::check_header(name, value)?;
        if name.eq_ignore_ascii_case("Idempotency-Key") {
            return Err("the key has an option of its own: --idempotency-key".to_owned());
        }
        self.headers.push((name.to_owned(), value.to_owned()));
        Ok(())
    }

    /// `POINTER:=JSON` or `POINTER=TEXT`.
    pub(super) fn expectation(&mut self, text: &str) -> std::result::Result<(), String> {
        let (pointer, value) = match (text.split_once(":="), text.split_once('=')) {
            (Some((pointer, value)), Some((before, _))) if pointer.len() < before.len() => {
                json::check(value.as_bytes())
                    .map_err(|flaw| format!("what it expects is not JSON: {flaw}"))?;
                (pointer, value.to_owned())
            }
            (_, Some((pointer, text))) => (pointer, json::string(text)),
            _ => return Err("it has no '=': write /ok:=true or /status=done".to_owned()),
        };
        self.expect.push(Expect {
            pointer: Pointer::parse(pointer)?,
            value,
        });
        Ok(())
    }

    pub(super) fn into_command(mut self) -> Result<Command> {
        match self.page.take() {
            Some(Page::Help { all }) => Ok(Command::Help { all }),
            Some(Page::Man) => Ok(Command::Man),
            Some(Page::Completions(shell)) => Ok(Command::Completions(shell)),
            Some(Page::Version) => Ok(Command::Version),
            None => {
                let verb = self.verb.unwrap_or_default();
                self.check_used(verb)?;
                match verb {
                    Verb::Send => Ok(Command::Send(Box::new(self.into_plan()?))),
                    Verb::Check => Ok(Command::Check(Box::new(self.into_plan()?))),
                    Verb::Flush => self.into_flush(),
                    Verb::List => self.into_list(),
                    Verb::Show | Verb::Retry | Verb::Drop => self.into_chosen(verb),
                }
            }
        }
    }

    fn check_used(&self, verb: Verb) -> Result<()> {
        match self.used.iter().find(|flag| !flag.verbs.contains(&verb)) {
            None => Ok(()),
            Some(flag) => Err(wrong(format!(
                "reading the command line: --{} means nothing to 'authpost {}'",
                flag.long,
                verb_row(verb).word
            ))
            .hint(calling(verb))),
        }
    }

    fn into_flush(mut self) -> Result<Command> {
        let dir = self.spool_dir(Verb::Flush)?;
        self.no_more_words(Verb::Flush)?;
        let timeout = self.delivery()?.timeout;
        let run = self.run()?;
        let output = Output {
            quiet: self.quiet,
            verbose: self.verbose,
            pretty: false,
            show: match self.report {
                true => Show::Report,
                false => Show::Body,
            },
        };
        Ok(Command::Flush(Box::new(Flush {
            dir,
            timeout,
            run,
            output,
        })))
    }

    fn into_list(mut self) -> Result<Command> {
        let dir = self.spool_dir(Verb::List)?;
        self.no_more_words(Verb::List)?;
        let json = self.json;
        Ok(Command::List { dir, json })
    }

    fn into_chosen(mut self, verb: Verb) -> Result<Command> {
        let dir = self.spool_dir(verb)?;
        let ids = std::mem::take(&mut self.words);
        let ids: Vec<_> = ids
            .iter()
            .map(|id| id.to_string_lossy().into_owned())
            .collect();
        if ids.is_empty() != self.all || verb == Verb::Show && ids.len() > 1 {
            let why = match (verb, self.all) {
                (Verb::Show, _) => "it shows one message, and needs its id",
                (_, true) => "ids and --all are both given",
                (_, false) => "which messages is not said",
            };
            return Err(wrong(format!("reading the command line: {why}")).hint(calling(verb)));
        }
        let chosen = Chosen {
            dir,
            ids: (!self.all).then_some(ids),
            quiet: self.quiet,
        };
        Ok(match verb {
            Verb::Retry => Command::Retry(chosen),
            Verb::Drop => Command::Drop(chosen),
            _ => Command::Show(chosen),
        })
    }

    fn spool_dir(&mut self, verb: Verb) -> Result<PathBuf> {
        if self.words.is_empty() {
            return Err(wrong("reading the command line: there is no spool").hint(calling(verb)));
        }
        Ok(self.words.remove(0).into())
    }

    fn no_more_words(&self, verb: Verb) -> Result<()> {
        match self.words.first() {
            None => Ok(()),
            Some(word) => Err(wrong(format!(
                "reading the command line: '{}' is one argument too many",
                shown(word)
            ))
            .hint(calling(verb))),
        }
    }

    fn into_plan(mut self) -> Result<Plan> {
        let url = self.url.take().ok_or_else(|| {
            wrong("reading the command line: there is no URL").hint(
                "authpost https://api.example.com/data key=value; 'authpost -h' lists the options",
            )
        })?;
        let auth = self.auth()?;
        let idempotency_header = self.idempotency_header(&auth)?;
        // What has no secret may go anywhere.
        let secret = auth.source != Source::None || !self.header_files.is_empty();
        self.allow_http |= !secret;
        if !url.is_https() && !url.is_loopback() && !self.allow_http {
            return Err(wrong(format!(
                "checking the URL {url}: everybody on the way could read the token over plain http"
            ))
            .hint("use https, or say --allow-http if that network is yours alone"));
        }
        let quiet = self.quiet;
        Ok(Plan {
            delivery: self.delivery()?,
            run: self.run()?,
            documents: self.documents()?,
            key: self.key.take(),
            output: Output {
                quiet,
                verbose: self.verbose,
                pretty: self.pretty,
                show: self.show()?,
            },
            dry_run: self.dry_run,
            spool: self.spool.take(),
            expect: std::mem::take(&mut self.expect),
            target: Rc::new(Target {
                method: self.method.unwrap_or(Method::Post),
                url,
                auth,
                idempotency_header,
                connection: self.connection()?,
                headers: self.headers,
                header_files: self.header_files,
            }),
        })
    }

    fn documents(&mut self) -> Result<Documents> {
        match (&self.lines, self.data.take(), self.items.is_empty()) {
            (Some(_), None, true) => Ok(Documents::Lines(self.lines()?)),
            (Some(_), ..) => Err(wrong(
                "reading the command line: --lines is given, and another document as well",
            )
            .hint("with --lines every line is a document: drop --data and the items")),
            (None, data, no_items) => {
                if let Some(flag) = self.used.iter().find(|flag| flag.group == Group::Lines) {
                    return Err(wrong(format!(
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
        const MIB: u64 = 1 << 20;
        let bytes = self.group_bytes.unwrap_or(MIB);
        let group = self.group.map(|lines| LineGroup {
            lines: lines as usize,
            bytes: usize::try_from(bytes).unwrap_or(usize::MAX),
        });
        if group.is_none() && self.group_bytes.is_some() {
            return Err(wrong(
                "reading the command line: --group-bytes means nothing without --group",
            )
            .hint("say with --group how many lines go into one request"));
        }
        Ok(Lines {
            file: self.lines.take().filter(|file| file.as_os_str() != "-"),
            skip: self.skip.unwrap_or(0),
            max_line: self.max_line.unwrap_or(16 * MIB),
            group,
            failed: self.failed.take(),
            interval: self.interval.unwrap_or_default(),
        })
    }

    fn input(&mut self, data: Option<Input>, no_items: bool) -> Result<Input> {
        match (data, no_items) {
            (None, true) => Ok(Input::Nothing),
            (None, false) => Ok(Input::Items(std::mem::take(&mut self.items))),
            (Some(data), true) => Ok(data),
            (Some(_), false) => Err(wrong(
                "reading the command line: --data and items are both given",
            )
            .hint("give the whole document with --data, or build it from items")),
        }
    }

    /// Exactly one source, or the variable that stands for none.
    fn auth(&mut self) -> Result<Auth> {
        if self.sources.is_empty() {
            self.sources = std::mem::take(&mut self.config_sources);
        }
        self.sources.dedup();
        let source = match self.sources.len() {
            0 => Source::Env(request::DEFAULT_TOKEN.to_owned()),
            1 => self.sources.remove(0),
            _ => {
                return Err(wrong(
                    "reading the command line: the token is to come from more than one place",
                )
                .hint("keep one of --token-file, --token-env, --token-command, --oauth2-file and --no-auth"));
            }
        };
        // What was given for the name may be the token itself, which must not get into a spool.
        if let Source::Env(name) = &source
            && self.spool.is_some()
            && name != request::DEFAULT_TOKEN
            && std::env::var_os(name).is_none()
        {
            return Err(auth::unset(name));
        }
        let form = match (self.auth_header.take(), self.scheme.take()) {
            (Some(_), Some(_)) => {
                return Err(wrong("reading the command line: --auth-header and --auth-scheme are both given")
                    .hint("the first sends the bare token, the second 'Authorization: WORD token': keep one"));
            }
            (Some(name), None) => Form::Header(name),
            (None, scheme) => Form::Scheme(scheme.unwrap_or_else(|| "Bearer".to_owned())),
        };
        Ok(Auth { source, form })
    }

    /// The header that carries the key, and nothing else.
    fn idempotency_header(&mut self, auth: &Auth) -> Result<Option<String>> {
        const TAKEN: [&str; 7] = [
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
            Form::Header(header) if auth.source != Source::None => Some(header.as_str()),
            _ => None,
        };
        let given = self.headers.iter().map(|(header, _)| header.as_str());
        let mut others = TAKEN.into_iter().chain(of_token).chain(given);
        if others.any(|other| other.eq_ignore_ascii_case(&name)) {
            return Err(wrong(format!(
                "reading the command line: the idempotency key cannot go into {name}, which carries something else"
            ))
            .hint("--idempotency-header NAME: header for the idempotency key [default: Idempotency-Key]"));
        }
        Ok(Some(name))
    }

    fn delivery(&self) -> Result<Delivery> {
        if self.no_key && (self.key.is_some() || self.key_header.is_some()) {
            return Err(wrong("reading the command line: an idempotency key is asked for, and none at all as well")
                .hint("drop --no-idempotency-key, or --idempotency-key and --idempotency-header"));
        }
        Ok(Delivery {
            timeout: self.timeout.unwrap_or(Duration::from_secs(60)),
            tries: self.tries.unwrap_or(4),
            wait: self.wait.unwrap_or(Duration::from_secs(1)),
            max_wait: self.max_wait.unwrap_or(Duration::from_secs(30)),
            idempotent: self.idempotent,
            patient: self.lines.is_some(),
        })
    }

    fn run(&mut self) -> Result<Run> {
        let splay = self.splay.unwrap_or_default();
        if self.max_time.is_some_and(|all| all <= splay) {
            return Err(wrong(
                "reading the command line: the wait of --splay could use up all of --max-time",
            )
            .hint("give --max-time more, or --splay less"));
        }
        Ok(Run {
            splay,
            lock: self.lock.take(),
            max_time: self.max_time,
        })
    }

    fn show(&mut self) -> Result<Show> {
        match (self.pick.take(), self.report) {
            (Some(_), true) => Err(wrong(
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
            return Err(wrong("reading the command line: --insecure checks no certificate, and --cacert wants one checked")
                .hint("drop --insecure"));
        }
        let identity = match (self.cert.take(), self.cert_key.take()) {
            (None, Some(_)) => {
                return Err(
                    wrong("reading the command line: --key is given without --cert")
                        .hint("give the client's certificate chain with --cert"),
                );
            }
            (None, None) => None,
            // Both may stand in one file.
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

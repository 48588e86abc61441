//! Collects the options one by one, until they become a [`Command`].
//!
//! Everything that concerns more than one option is decided here, once: defaults, conflicts, and combinations that would
//! reveal a secret.

mod plan;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use super::help::call;
use super::{
    Command, Flag, HelpSection, Manual, Shell, Topic, VERBS, Verb, shown, suggest, verb_row,
};
use crate::document::{GroupFormat, Item};
use crate::json::{self, Pointer};
use crate::output::Color;
use crate::request::{
    self, Chosen, Expect, Family, Flush, Input, ListFormat, Method, Output, Show, TokenSource, Url,
};
use crate::system::error::{Error, Kind, Result};

/// The options as given; `None` and empty mean not given.
#[derive(Default)]
pub(super) struct Draft {
    pub(super) page: Option<Page>,
    verb: Option<Verb>,
    /// The options being read come from the config file.
    pub(super) in_config: bool,
    /// The options given on the command line. Those of the config file apply to every verb that accepts them.
    used: Vec<&'static Flag>,
    url: Option<Url>,
    pub(super) url_file: Option<PathBuf>,
    /// --url-file is given, here or later: every word is an item.
    pub(super) has_url_file: bool,
    items: Vec<Item>,
    /// The operands of a verb that works on a spool: its directory, then ids.
    words: Vec<OsString>,
    pub(super) data: Option<Input>,
    pub(super) no_body: bool,
    pub(super) method: Option<Method>,
    sources: Vec<TokenSource>,
    config_sources: Vec<TokenSource>,
    pub(super) scheme: Option<String>,
    pub(super) auth_header: Option<String>,
    pub(super) headers: Vec<(String, String)>,
    pub(super) header_files: Vec<PathBuf>,
    pub(super) timeout: Option<Duration>,
    pub(super) connect_timeout: Option<Duration>,
    pub(super) max_attempts: Option<u32>,
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
    pub(super) spool_limit: Option<u64>,
    pub(super) alert_after: Option<Duration>,
    pub(super) now: bool,
    pub(super) all: bool,
    pub(super) json: bool,
    pub(super) metrics: bool,
    pub(super) expect: Vec<Expect>,
    pub(super) any_answer: bool,
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
    pub(super) group_format: Option<GroupFormat>,
    pub(super) max_line: Option<u64>,
    pub(super) skip: Option<u64>,
    pub(super) all_or_nothing: bool,
    pub(super) resume: Option<PathBuf>,
    pub(super) failed: Option<PathBuf>,
    pub(super) interval: Option<Duration>,
    pub(super) quiet: bool,
    pub(super) verbose: bool,
    pub(super) pretty: bool,
    pub(super) color: Option<Color>,
    pub(super) pick: Option<Pointer>,
    pub(super) report: bool,
    pub(super) dry_run: bool,
}

/// Something to print instead of sending.
#[derive(Debug)]
pub(super) enum Page {
    Help {
        all: bool,
        section: Option<HelpSection>,
    },
    Man(Manual),
    Completions(Shell),
    Version,
}

/// The usage of a verb.
fn synopsis(verb: Verb) -> String {
    call(verb_row(verb))
}

/// The remedy for a first word that is neither a verb nor a URL.
fn remedy_for_word(word: &str) -> String {
    // As with curl: --json '{…}' URL.
    if word.starts_with(['{', '['])
        && let Some(hint) = suggest::foreign("--json")
    {
        return hint;
    }
    let words = VERBS.iter().map(|row| row.word);
    let row = suggest::nearest(word, &mut words.filter(|word| !word.is_empty()))
        .and_then(|nearest| VERBS.iter().find(|row| row.word == nearest));
    let meant = || row.map(|row| format!("did you mean {}", synopsis(row.verb)));
    suggest::foreign(word).or_else(meant).unwrap_or_else(|| {
        "the URL comes first, with its scheme: authpost https://api.example.com/data key=value"
            .to_owned()
    })
}

fn two_urls() -> Error {
    usage_error("reading the arguments: there are two URLs")
        .hint("give one: here, in --url-file or in the config file; items are written KEY=TEXT")
}

/// What follows it are options of curl, so none of ours can come before it.
fn from_curl_comes_first() -> Error {
    usage_error("reading the arguments: from-curl must come first").hint(synopsis(Verb::FromCurl))
}

fn usage_error(what: impl Into<String>) -> Error {
    Error::new(Kind::Usage, what)
}

impl Draft {
    /// Asks for the help, or for all of it where it has been asked for.
    pub(super) fn help(&mut self, everything: bool) {
        let section = None;
        let page = self.page.get_or_insert(Page::Help {
            all: everything,
            section,
        });
        if let Page::Help { all, .. } = page {
            *all |= everything;
        }
    }

    /// Ends the config file. A token source on the command line replaces the file's.
    pub(super) fn end_of_config(&mut self) {
        self.config_sources = std::mem::take(&mut self.sources);
        self.used.clear();
        self.in_config = false;
        // A URL in the config file does not prevent another verb on the command line.
        self.verb = self.verb.filter(|verb| *verb != Verb::Send);
    }

    pub(super) fn used(&mut self, flag: &'static Flag) {
        self.used.push(flag);
    }

    /// Handles a positional argument: first a verb or the URL, then the operands of the verb.
    pub(super) fn positional(&mut self, word: OsString) -> Result<()> {
        if self.verb.is_some_and(Verb::takes_spool) {
            self.words.push(word);
            return Ok(());
        }
        let Some(text) = word.to_str() else {
            return Err(usage_error(format!(
                "reading the argument '{}': it is not text in UTF-8",
                shown(&word)
            )));
        };
        if self.verb.is_none() {
            // The topic may follow.
            if text == "help" {
                self.help(false);
                return Ok(());
            }
            if let Some(Page::Help { section, .. }) = &mut self.page
                && let Some(named) = HelpSection::ALL.iter().find(|one| one.word() == text)
            {
                *section = Some(*named);
                return Ok(());
            }
            let verb = VERBS
                .iter()
                .find(|row| row.word == text && !text.is_empty())
                .map(|row| row.verb);
            self.verb = Some(verb.unwrap_or_default());
            if verb == Some(Verb::FromCurl) && self.page.is_none() {
                return Err(from_curl_comes_first());
            }
            if verb.is_some() {
                return Ok(());
            }
        }
        if self.url.is_some() || self.has_url_file {
            if text.starts_with("https://") || text.starts_with("http://") {
                return Err(two_urls());
            }
            self.items.push(Item::parse(text)?);
            return Ok(());
        }
        if !text.contains("://") {
            if matches!(self.page, Some(Page::Help { .. })) {
                let why = format!(
                    "reading the arguments: there is no topic '{}'",
                    shown(&word)
                );
                return Err(usage_error(why).hint("'authpost help' names the topics"));
            }
            return Err(usage_error(format!(
                "reading the arguments: '{}' is not a URL",
                shown(&word)
            ))
            .hint(remedy_for_word(text)));
        }
        // A URL may contain a password, so an invalid one is not quoted.
        let url = Url::parse(text).map_err(|why| {
            usage_error(format!("reading the URL: {why}"))
                .hint("write it as https://HOST/PATH; a token, or user:password for --auth-scheme Basic, goes into --token-file")
        })?;
        self.url = Some(url);
        Ok(())
    }

    pub(super) fn source(&mut self, source: TokenSource) {
        self.sources.push(source);
    }

    /// Checks a header from the command line, which every user of the machine can read.
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

    /// `POINTER:=JSON`, `POINTER=TEXT` or `!POINTER`.
    pub(super) fn expectation(&mut self, text: &str) -> std::result::Result<(), String> {
        let (is_absent, text) = match text.strip_prefix('!') {
            Some(text) => (true, text),
            None => (false, text),
        };
        let mut pointer = String::new();
        let mut value = None;
        let mut is_json = false;
        let mut characters = text.char_indices().peekable();
        while let Some((at, c)) = characters.next() {
            match c {
                '\\' => match characters.next_if(|(_, c)| matches!(c, '=' | ':' | '\\')) {
                    Some((_, escaped)) => pointer.push(escaped),
                    None => pointer.push(c),
                },
                ':' if text[at..].starts_with(":=") => is_json = true,
                '=' => {
                    value = Some(&text[at + 1..]);
                    break;
                }
                c => pointer.push(c),
            }
        }
        let pointer = Pointer::parse(&pointer);
        self.expect.push(match (is_absent, value) {
            (true, None) => Expect::Absent(pointer?),
            (true, Some(_)) => {
                return Err("behind '!' there is a pointer and no value: write !/errors".to_owned());
            }
            (false, Some(value)) if is_json => {
                json::check(value.as_bytes())
                    .map_err(|flaw| format!("what it expects is not JSON: {flaw}"))?;
                Expect::Value(pointer?, value.to_owned())
            }
            (false, Some(value)) => Expect::Value(pointer?, json::string(value)),
            (false, None) => {
                return Err("it has no '=': write /ok:=true, /status=done or !/errors".to_owned());
            }
        });
        Ok(())
    }

    pub(super) fn into_command(mut self) -> Result<Command> {
        match self.page.take() {
            Some(Page::Help { all, section }) => Ok(Command::Help {
                topic: match (self.verb, section) {
                    (None, Some(section)) => Topic::Section(section),
                    (verb, _) => Topic::Verb(verb.unwrap_or_default()),
                },
                all,
            }),
            Some(Page::Man(page)) => Ok(Command::Man(page)),
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
                    Verb::FromCurl => Err(from_curl_comes_first()),
                }
            }
        }
    }

    fn check_used(&self, verb: Verb) -> Result<()> {
        match self.used.iter().find(|flag| !flag.verbs.contains(&verb)) {
            None => Ok(()),
            Some(flag) => Err(usage_error(format!(
                "reading the command line: --{} means nothing to 'authpost {}'",
                flag.long,
                verb_row(verb).word
            ))
            .hint(match verb.takes_spool() {
                true => synopsis(verb),
                false => {
                    suggest::foreign(&format!("--{}", flag.long)).unwrap_or_else(|| synopsis(verb))
                }
            })),
        }
    }

    fn into_flush(mut self) -> Result<Command> {
        let dir = self.spool_dir(Verb::Flush)?;
        self.expect_no_more_words(Verb::Flush)?;
        let timeout = self.retry_policy()?.timeout;
        let alert_after = self.alert_after();
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
            alert_after,
        })))
    }

    fn into_list(mut self) -> Result<Command> {
        let dir = self.spool_dir(Verb::List)?;
        self.expect_no_more_words(Verb::List)?;
        let format = match (self.json, self.metrics) {
            (true, true) => {
                return Err(usage_error(
                    "reading the command line: --json and --metrics are both given",
                )
                .hint("give one of them"));
            }
            (true, false) => ListFormat::Json,
            (false, true) => ListFormat::Metrics,
            (false, false) => ListFormat::Text,
        };
        Ok(Command::List { dir, format })
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
            return Err(
                usage_error(format!("reading the command line: {why}")).hint(synopsis(verb))
            );
        }
        let chosen = Chosen {
            dir,
            ids: (!self.all).then_some(ids),
            now: self.now,
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
            return Err(
                usage_error("reading the command line: there is no spool").hint(synopsis(verb))
            );
        }
        Ok(self.words.remove(0).into())
    }

    fn expect_no_more_words(&self, verb: Verb) -> Result<()> {
        match self.words.first() {
            None => Ok(()),
            Some(word) => Err(usage_error(format!(
                "reading the command line: '{}' is one argument too many",
                shown(word)
            ))
            .hint(synopsis(verb))),
        }
    }
}

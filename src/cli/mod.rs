//! Parses the command line and the config file into a [`Command`].
//!
//! The only folder that uses `lexopt`. Every option is a row of [`FLAGS`], from which the help, the manual page and the
//! completions are rendered too. Parsing only validates: no file but the config file is opened here. Options are
//! collected in a [`Draft`]. Checks across options happen where the draft becomes a [`Plan`].

pub(crate) mod completions;
mod draft;
pub(crate) mod help;
pub(crate) mod man;
mod manual;
mod suggest;
mod table;
mod value;

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use lexopt::{Arg, Parser};

use crate::output::Color;
use crate::request::{Chosen, Flush, Plan};
use crate::system::error::{Error, Kind, Result, reason};
use draft::Draft;
use table::{FLAGS, VERBS};
use value::OptionValue;

/// What the user asked for.
#[derive(Debug)]
pub(crate) enum Command {
    /// Send one document.
    Send(Box<Plan>),
    /// Test everything that can be tested without sending the document.
    Check(Box<Plan>),
    /// Deliver the pending messages of a spool.
    Flush(Box<Flush>),
    /// List the messages of a spool.
    List {
        /// The spool.
        dir: PathBuf,
        /// As JSON, one message per line.
        json: bool,
    },
    /// Show one message.
    Show(Chosen),
    /// Requeue messages, including dead-lettered ones.
    Retry(Chosen),
    /// Remove messages.
    Drop(Chosen),
    /// Print the help.
    Help {
        /// What this verb takes; for sending, everything there is.
        verb: Verb,
        /// The full help, not the summary.
        all: bool,
    },
    /// Print a manual page.
    Man(Manual),
    /// Print the completions for a shell.
    Completions(Shell),
    /// Print the version.
    Version,
}

/// The manual pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manual {
    /// `authpost(1)`.
    Authpost,
    /// `authpost-spool(7)`.
    Spool,
}

/// The shells that completions exist for.
#[allow(clippy::missing_docs_in_private_items, reason = "the names say it")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shell {
    Bash,
    Zsh,
    Fish,
}

/// The verbs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Verb {
    /// Send one document: the default without a verb.
    #[default]
    Send,
    /// Test everything that can be tested without sending.
    Check,
    /// Deliver the pending messages of a spool.
    Flush,
    /// List the messages of a spool.
    List,
    /// Show one message.
    Show,
    /// Requeue messages.
    Retry,
    /// Remove messages.
    Drop,
}

impl Verb {
    /// Whether the verb works on a spool, whose directory is then its first operand.
    fn takes_spool(self) -> bool {
        !matches!(self, Verb::Send | Verb::Check)
    }
}

/// One row of the table of verbs.
pub(crate) struct VerbRow {
    /// The verb.
    pub(crate) verb: Verb,
    /// Its word on the command line; empty for sending.
    pub(crate) word: &'static str,
    /// The operands after it.
    pub(crate) operands: &'static str,
    /// What it does, in a few words.
    pub(crate) brief: &'static str,
}

/// One option.
pub(crate) struct Flag {
    /// The name after `--`.
    pub(crate) long: &'static str,
    /// The letter after `-`.
    pub(crate) short: Option<char>,
    /// The placeholder for its value; `None` for a switch.
    pub(crate) value: Option<&'static str>,
    /// Its section of the help.
    pub(crate) group: HelpSection,
    /// The verbs that accept it.
    pub(crate) verbs: &'static [Verb],
    /// What it does, in a few words.
    pub(crate) brief: &'static str,
    /// The details that the brief does not give; empty lines separate paragraphs.
    pub(crate) text: &'static str,
    /// Stores it in the draft. The error is a clause about the value.
    set: fn(&mut Draft, OptionValue) -> std::result::Result<(), String>,
}

impl Flag {
    /// Whether its value may be omitted. A value is then attached with `=`, as its placeholder shows: `[=spool]`.
    fn may_lack_value(&self) -> bool {
        self.value.is_some_and(|value| value.starts_with("[="))
    }

    fn needs_value(&self) -> bool {
        self.value.is_some() && !self.may_lack_value()
    }
}

/// The sections of the help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HelpSection {
    /// What is sent.
    Body,
    /// The token, and other headers.
    Token,
    /// Time limits, retries, the idempotency key, the spool.
    Delivery,
    /// Addresses, TLS, proxies.
    Connection,
    /// Many documents from one file.
    Lines,
    /// What is printed.
    Output,
    /// About authpost itself: help, version.
    Itself,
}

impl HelpSection {
    /// All of them, in the order of the help.
    pub(crate) const ALL: [HelpSection; 7] = [
        HelpSection::Body,
        HelpSection::Token,
        HelpSection::Delivery,
        HelpSection::Connection,
        HelpSection::Lines,
        HelpSection::Output,
        HelpSection::Itself,
    ];

    /// The heading.
    pub(crate) fn title(self) -> &'static str {
        match self {
            HelpSection::Body => "Document",
            HelpSection::Token => "Token and headers",
            HelpSection::Delivery => "Delivery",
            HelpSection::Connection => "Connection",
            HelpSection::Lines => "Lines",
            HelpSection::Output => "Output",
            HelpSection::Itself => "Other",
        }
    }
}

/// Parses the command line, and before it the config file that it or `AUTHPOST_CONFIG` names. An error is coloured as
/// they say, too.
///
/// # Errors
/// [`Kind::Usage`]; [`Kind::Config`] for a config file.
pub(crate) fn parse(arguments: &[OsString]) -> (Color, Result<Command>) {
    let mut draft = Draft::default();
    let read = read(&mut draft, arguments);
    let mut color = draft.color;
    if read.is_err() {
        // It may stand behind the argument that is wrong.
        color = color_of(arguments).or(color);
    }
    let command = read.and_then(|()| draft.into_command());
    (color.unwrap_or_default(), command)
}

/// The value of the last `--color` of the command line.
fn color_of(arguments: &[OsString]) -> Option<Color> {
    let mut options = Scan::of(arguments).options.into_iter();
    let (_, value) = options.rfind(|(flag, _)| flag.long == "color")?;
    Color::parse(value?.to_str()?)
}

/// Reads the config file, and then the command line.
fn read(draft: &mut Draft, arguments: &[OsString]) -> Result<()> {
    if let Some(path) = config_file(arguments) {
        let in_file = |error: Error| {
            let hint = error
                .remedy()
                .unwrap_or("write one argument a line, such as --timeout=5s")
                .to_owned();
            Error::new(
                Kind::Config,
                format!("reading the config file '{}': {error}", path.display()),
            )
            .hint(hint)
        };
        draft.in_config = true;
        read_arguments(draft, config_arguments(&path)?).map_err(in_file)?;
        draft.end_of_config();
    }
    read_arguments(draft, arguments.to_vec())
}

/// Whether arguments that [`parse`] rejects ask for the report of a document to send.
pub(crate) fn wants_report(arguments: &[OsString]) -> bool {
    let Scan { options, verb, .. } = Scan::of(arguments);
    if verb.is_some_and(|verb| verb != Verb::Send) {
        return false;
    }
    let is_report = |(flag, _): &(&Flag, _)| flag.long == "report";
    options.iter().any(is_report)
        || config_file(arguments)
            .and_then(|path| config_arguments(&path).ok())
            .is_some_and(|arguments| Scan::of(&arguments).options.iter().any(is_report))
}

/// What can be learned from arguments before they are parsed; errors are left to the parser.
struct Scan {
    /// The options and their values.
    options: Vec<(&'static Flag, Option<OsString>)>,
    /// The first word, if it is a verb.
    verb: Option<Verb>,
    /// The first word is `help`.
    help: bool,
}

impl Scan {
    fn of(arguments: &[OsString]) -> Scan {
        let mut scan = Scan {
            options: Vec::new(),
            verb: None,
            help: false,
        };
        let mut word = None;
        let mut parser = Parser::from_args(arguments.iter().cloned());
        while let Ok(Some(argument)) = parser.next() {
            let flag = match argument {
                Arg::Long(name) => FLAGS.iter().find(|flag| flag.long == name),
                Arg::Short(letter) => FLAGS.iter().find(|flag| flag.short == Some(letter)),
                Arg::Value(value) => {
                    word.get_or_insert(value);
                    continue;
                }
            };
            let value = match flag {
                Some(flag) if flag.needs_value() => parser.value().ok(),
                _ => parser.optional_value(),
            };
            scan.options.extend(flag.map(|flag| (flag, value)));
        }
        let row = VERBS
            .iter()
            .find(|row| word.as_ref().is_some_and(|word| word == row.word));
        scan.verb = row.map(|row| row.verb);
        scan.help = word.is_some_and(|word| word == "help");
        scan
    }
}

/// The last `--config` of the command line, else `AUTHPOST_CONFIG`; none if a help page is requested, because no config
/// file affects it. The file is parsed before the command line, so its name has to be found first.
fn config_file(arguments: &[OsString]) -> Option<PathBuf> {
    let Scan { options, help, .. } = Scan::of(arguments);
    let is_page = |flag: &Flag| matches!(flag.long, "help" | "man" | "completions" | "version");
    if help || options.iter().any(|(flag, _)| is_page(flag)) {
        return None;
    }
    let last = options
        .into_iter()
        .rfind(|(flag, _)| flag.long == "config")
        .and_then(|(_, value)| value);
    last.or_else(|| std::env::var_os("AUTHPOST_CONFIG").filter(|path| !path.is_empty()))
        .map(PathBuf::from)
}

/// Reads one argument per line; skips blank lines and lines that start with `#`.
fn config_arguments(path: &Path) -> Result<Vec<OsString>> {
    let text = fs::read_to_string(path).map_err(|why| {
        let why = match why.kind() {
            io::ErrorKind::InvalidData => "it is not text in UTF-8".to_owned(),
            _ => reason(&why),
        };
        Error::new(
            Kind::Config,
            format!("reading the config file '{}': {why}", path.display()),
        )
        .hint("give --config or AUTHPOST_CONFIG the path of a text file that this user can read")
    })?;
    Ok(text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(OsString::from)
        .collect())
}

fn read_arguments(draft: &mut Draft, arguments: Vec<OsString>) -> Result<()> {
    let mut parser = Parser::from_args(arguments);
    while let Some(argument) = parser.next().map_err(unread)? {
        let (flag, name) = match argument {
            Arg::Value(value) => {
                draft.positional(value)?;
                continue;
            }
            // The only option whose short name means less than its long name.
            Arg::Short('h') => {
                draft.brief_help();
                continue;
            }
            Arg::Short(letter) => (
                FLAGS.iter().find(|flag| flag.short == Some(letter)),
                format!("-{letter}"),
            ),
            Arg::Long(name) => (
                FLAGS.iter().find(|flag| flag.long == name),
                format!("--{name}"),
            ),
        };
        let flag = flag.ok_or_else(|| unknown(&name))?;
        let unusable = |why: &str| {
            Error::new(Kind::Usage, format!("reading {name}: {why}")).hint(format!(
                "{}: {}",
                usage(flag),
                flag.brief
            ))
        };
        let value = match flag.value {
            Some(_) if flag.needs_value() => parser
                .value()
                .map_err(|_| unusable("its value is missing"))?,
            Some(_) => parser.optional_value().unwrap_or_default(),
            None => OsString::new(),
        };
        draft.used(flag);
        (flag.set)(draft, OptionValue(value)).map_err(|why| unusable(&why))?;
    }
    Ok(())
}

/// The error for arguments that `lexopt` rejects. Values are not quoted: the user may have put a token after a switch.
fn unread(why: lexopt::Error) -> Error {
    let what = match why {
        lexopt::Error::UnexpectedValue { option, .. } => {
            format!("reading {option}: it takes no value")
        }
        why => format!("reading the arguments: {why}"),
    };
    Error::new(Kind::Usage, what).hint(SEE_HELP)
}

const SEE_HELP: &str = "'authpost -h' lists the options";

/// The row of `verb`.
pub(crate) fn verb_row(verb: Verb) -> &'static VerbRow {
    VERBS
        .iter()
        .find(|row| row.verb == verb)
        .unwrap_or(&VERBS[0])
}

fn unknown(name: &str) -> Error {
    // An option and its value on one line of a config file: the value may be a secret.
    let (name, hint) = match name.split_once(char::is_whitespace) {
        Some((name, _)) => (
            format!("'{name} …'"),
            "put a '=' between an option and its value, or write them as two arguments".to_owned(),
        ),
        None => (name.to_owned(), remedy_for(name)),
    };
    Error::new(
        Kind::Usage,
        format!("reading the arguments: there is no option {name}"),
    )
    .hint(hint)
}

fn remedy_for(unknown: &str) -> String {
    let meant = || {
        let long = unknown.strip_prefix("--")?;
        let nearest = suggest::nearest(long, FLAGS.iter().map(|flag| flag.long))?;
        let flag = FLAGS.iter().find(|flag| flag.long == nearest)?;
        Some(format!("did you mean {}: {}", usage(flag), flag.brief))
    };
    suggest::foreign(unknown)
        .or_else(meant)
        .unwrap_or_else(|| SEE_HELP.to_owned())
}

/// `-d, --data JSON`.
pub(crate) fn usage(flag: &Flag) -> String {
    let short = flag
        .short
        .map(|letter| format!("-{letter}, "))
        .unwrap_or_default();
    let value = flag
        .value
        .map(|value| match flag.may_lack_value() {
            true => value.to_owned(),
            false => format!(" {value}"),
        })
        .unwrap_or_default();
    format!("{short}--{}{value}", flag.long)
}

/// Quotes a word of the command line in a message. It could be anything, even a token, so only enough of it is shown to
/// recognize it.
fn shown(word: &OsStr) -> String {
    let text = word.to_string_lossy();
    match text.char_indices().nth(8) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.into_owned(),
    }
}

//! Parses the command line and the config file into a [`Command`].
//!
//! The only folder that uses `lexopt`. Every option is a row of [`FLAGS`], from which the help, the manual page and the
//! completions are rendered too. Parsing only validates: no file but the config file is opened here. Options are
//! collected in a [`Draft`]. Checks across options happen where the draft becomes a [`Plan`].

pub(crate) mod completions;
mod config;
mod curl;
mod draft;
pub(crate) mod help;
pub(crate) mod man;
mod manual;
mod suggest;
mod table;
mod value;

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use lexopt::{Arg, Parser};

use crate::output::Color;
use crate::request::{Chosen, Flush, ListFormat, Plan};
use crate::system::error::{Error, Kind, Result};
pub(crate) use config::wants_report;
pub(crate) use curl::{Carried, is_secret_url};
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
        /// How.
        format: ListFormat,
    },
    /// Show one message.
    Show(Chosen),
    /// Requeue messages, including dead-lettered ones.
    Retry(Chosen),
    /// Remove messages.
    Drop(Chosen),
    /// Print the authpost command that sends what a curl command sends.
    FromCurl(Carried),
    /// Print the help.
    Help {
        /// What about.
        topic: Topic,
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

/// What a help text is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Topic {
    /// What this verb takes; for sending, everything there is.
    Verb(Verb),
    /// The options of one section.
    Section(HelpSection),
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
    /// Carry a curl command over.
    FromCurl,
}

impl Verb {
    /// Whether the verb works on a spool, whose directory is then its first operand.
    fn takes_spool(self) -> bool {
        !matches!(self, Verb::Send | Verb::Check | Verb::FromCurl)
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
    /// The details of a verb that takes no options of authpost.
    pub(crate) text: &'static str,
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

    /// What `authpost help` calls it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            HelpSection::Body => "document",
            HelpSection::Token => "token",
            HelpSection::Delivery => "delivery",
            HelpSection::Connection => "connection",
            HelpSection::Lines => "lines",
            HelpSection::Output => "output",
            HelpSection::Itself => "other",
        }
    }

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
    // What follows are options of curl.
    if let Some((verb, rest)) = arguments.split_first()
        && verb == verb_row(Verb::FromCurl).word
    {
        return (Color::default(), from_curl(rest));
    }
    let mut draft = Draft::default();
    let read = read(&mut draft, arguments);
    let mut color = draft.color;
    if read.is_err() {
        // It may stand behind the argument that is wrong.
        color = config::color(arguments).or(color);
    }
    let command = read.and_then(|()| draft.into_command());
    (color.unwrap_or_default(), command)
}

/// The command for the arguments behind `from-curl`.
fn from_curl(arguments: &[OsString]) -> Result<Command> {
    match arguments {
        [only] if only == "-h" || only == "--help" => Ok(Command::Help {
            topic: Topic::Verb(Verb::FromCurl),
            all: false,
        }),
        _ => curl::carry_over(arguments).map(Command::FromCurl),
    }
}

/// Reads the config file, and then the command line.
fn read(draft: &mut Draft, arguments: &[OsString]) -> Result<()> {
    if let Some(path) = config::file(arguments) {
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
        read_arguments(draft, &config::arguments(&path)?).map_err(in_file)?;
        draft.end_of_config();
    }
    read_arguments(draft, arguments)
}

fn read_arguments(draft: &mut Draft, arguments: &[OsString]) -> Result<()> {
    draft.has_url_file |= config::has_url_file(arguments);
    let mut parser = Parser::from_args(arguments);
    while let Some(argument) = parser.next().map_err(unread)? {
        let (flag, name) = match argument {
            Arg::Value(value) => {
                draft.positional(value)?;
                continue;
            }
            // The only option whose short name means less than its long name.
            Arg::Short('h') => {
                draft.help(false);
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

const SEE_HELP: &str = "'authpost --help' lists all options";

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
        let nearest = suggest::nearest(long, &mut FLAGS.iter().map(|flag| flag.long))?;
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

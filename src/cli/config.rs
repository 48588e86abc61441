//! The config file, and what else has to be known of the arguments before they are parsed.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use lexopt::{Arg, Parser};

use super::table::{FLAGS, VERBS};
use super::{Flag, Verb};
use crate::output::Color;
use crate::system::error::{Error, Kind, Result, reason};

/// Whether arguments that [`parse`](super::parse) rejects ask for the report of a document to send.
pub(crate) fn wants_report(arguments: &[OsString]) -> bool {
    let Scan { options, verb, .. } = Scan::of(arguments);
    if verb.is_some_and(|verb| verb != Verb::Send) {
        return false;
    }
    let is_report = |(flag, _): &(&Flag, _)| flag.long == "report";
    options.iter().any(is_report)
        || file(arguments)
            .and_then(|path| self::arguments(&path).ok())
            .is_some_and(|arguments| Scan::of(&arguments).options.iter().any(is_report))
}

/// The value of the last `--color` of the command line.
pub(super) fn color(arguments: &[OsString]) -> Option<Color> {
    let mut options = Scan::of(arguments).options.into_iter();
    let (_, value) = options.rfind(|(flag, _)| flag.long == "color")?;
    Color::parse(value?.to_str()?)
}

/// Whether the URL is in a file, so that no word is the URL.
pub(super) fn has_url_file(arguments: &[OsString]) -> bool {
    if !may_have("--url-file", arguments) {
        return false;
    }
    let mut options = Scan::of(arguments).options.into_iter();
    options.any(|(flag, _)| flag.long == "url-file")
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
        let mut parser = Parser::from_args(arguments);
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
pub(super) fn file(arguments: &[OsString]) -> Option<PathBuf> {
    let variable = std::env::var_os("AUTHPOST_CONFIG").filter(|path| !path.is_empty());
    if variable.is_none() && !may_have("--config", arguments) {
        return None;
    }
    let Scan { options, help, .. } = Scan::of(arguments);
    let is_page = |flag: &Flag| matches!(flag.long, "help" | "man" | "completions" | "version");
    if help || options.iter().any(|(flag, _)| is_page(flag)) {
        return None;
    }
    let last = options
        .into_iter()
        .rfind(|(flag, _)| flag.long == "config")
        .and_then(|(_, value)| value);
    last.or(variable).map(PathBuf::from)
}

/// Whether an argument begins like this option. Most runs have none that does, and so need no [`Scan`].
fn may_have(option: &str, arguments: &[OsString]) -> bool {
    let mut arguments = arguments.iter();
    arguments.any(|argument| argument.as_bytes().starts_with(option.as_bytes()))
}

/// Reads one argument per line; skips blank lines and lines that start with `#`.
pub(super) fn arguments(path: &Path) -> Result<Vec<OsString>> {
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

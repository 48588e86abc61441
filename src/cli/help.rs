//! The help, rendered from the tables of [`table`](super::table) and from [`EXITS`], and what manual page and completions
//! share with it.
//!
//! Every statement about an option, a verb or an exit code comes from its row, so it cannot become outdated. The golden
//! files under `tests/golden` hold the results; `make bless` rewrites them.

use super::table::{COMMON, ENVIRONMENT, EXAMPLES, ITEMS};
use crate::cli::{FLAGS, Flag, HelpSection, Topic, VERBS, Verb, VerbRow, usage, verb_row};
use crate::delivery::exit::{EXITS, ExitRow};

pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");
pub(super) const ABOUT: &str = env!("CARGO_PKG_DESCRIPTION");
pub(super) const OUTPUT: &str = "The status line goes to standard error, the API's answer to standard output. \
                      The exit code says whether the API accepted the document, and whether a retry is safe.";

/// The longest line of a page that has one width for everybody, in characters, and of most terminals.
pub(super) const WIDTH: usize = 80;

/// The column of the texts beside options, items and variables.
pub(super) const COLUMN: usize = 31;

/// The purpose of items; a table follows.
pub(super) const ITEMS_ARE: &str = "Items build a JSON object, in order. In a name, put \\ before a literal = : @ [ ] or \\. A text is sent as it is; \
     write one that begins with @ or = as JSON: name:='\"@home\"'.";

/// The first screen for `-h`; the full text for `--help`. Of a section, or of a verb other than sending, only what belongs
/// to it. For a terminal of so many columns; what is narrower than 60 or wider than 120 is as hard to read as to lay out.
pub(crate) fn help(topic: Topic, all: bool, columns: usize) -> String {
    let page = Page {
        text: String::new(),
        width: columns.clamp(60, 120),
    };
    match topic {
        Topic::Verb(Verb::Send) if all => page.everything(),
        Topic::Verb(Verb::Send) => page.first_screen(),
        Topic::Verb(verb) => page.of_verb(verb_row(verb), all),
        Topic::Section(section) => page.of_section(section, all),
    }
}

/// A help text that grows.
struct Page {
    text: String,
    /// The longest line, in characters.
    width: usize,
}

impl Page {
    fn of_verb(mut self, row: &VerbRow, all: bool) -> String {
        self.line(&call(row));
        self.paragraph(&sentence(row.brief), 0);
        // A list as long as that of sending would say nothing: the differences do.
        let options = options(row);
        if options.starts_with(AS_FOR_SENDING) {
            self.line("");
            self.paragraph(&options, 0);
            self.line("");
            self.paragraph(
                "'authpost -h' lists the most used options for sending, 'authpost --help' all.",
                0,
            );
            return self.text;
        }
        if !row.text.is_empty() {
            self.line("");
            self.paragraph(&options, 0);
        }
        let own: Vec<_> = FLAGS
            .iter()
            .filter(|flag| flag.group != HelpSection::Itself && flag.verbs.contains(&row.verb))
            .collect();
        let mut rest = "'authpost --help' explains everything.".to_owned();
        if !own.is_empty() {
            self.line("");
            if !all {
                rest = format!(
                    "'authpost {} --help' explains each option, 'authpost --help' everything.",
                    row.word
                );
            }
        }
        for flag in own {
            match all {
                true => self.described(flag),
                false => self.row(COLUMN, &aligned(flag), flag.brief),
            }
        }
        self.line("");
        self.paragraph(&rest, 0);
        self.text
    }

    fn of_section(mut self, section: HelpSection, all: bool) -> String {
        if section == HelpSection::Body {
            self.items();
            self.line("");
        }
        self.section(section, all);
        if !all {
            self.line("");
            let more = format!(
                "'authpost help {} --help' explains each option.",
                section.word()
            );
            self.paragraph(&more, 0);
        }
        self.text
    }

    fn first_screen(mut self) -> String {
        self.line(&format!("authpost {VERSION}"));
        self.paragraph(ABOUT, 0);
        self.line("\nUsage:");
        for row in VERBS {
            let call = joined(&["authpost", row.word, row.operands]);
            self.row(34, &call, row.brief);
        }
        self.line("\nItems build a JSON object:");
        self.table(ITEMS);
        self.line("\nOptions used most:");
        for flag in FLAGS.iter().filter(|flag| COMMON.contains(&flag.long)) {
            self.row(COLUMN, &aligned(flag), &brief(flag));
        }
        self.line("\nExample:");
        self.command(EXAMPLES[0].0);
        self.line("");
        let sections = HelpSection::ALL.map(HelpSection::word).join(", ");
        let more = format!(
            "'authpost help TOPIC' lists all options on a topic: {sections}. 'authpost VERB -h' lists those of a verb. \
             'authpost --help' and 'man authpost' explain everything."
        );
        self.paragraph(&more, 0);
        self.text
    }

    fn everything(mut self) -> String {
        self.line(&format!("authpost {VERSION}"));
        self.paragraph(ABOUT, 0);
        self.paragraph(OUTPUT, 0);
        self.line("\nUsage:");
        for row in VERBS {
            self.row(40, &call(row), row.brief);
        }
        self.line("\nExample:");
        self.command(EXAMPLES[0].0);
        self.line("");
        self.items();
        for section in HelpSection::ALL {
            self.line("");
            self.section(section, true);
        }
        self.line("\nEnvironment:");
        self.table(ENVIRONMENT);
        for row in VERBS.iter().filter(|row| !row.word.is_empty()) {
            self.line(&format!("\n{}:", call(row)));
            for text in [sentence(row.brief), options(row)] {
                self.paragraph(&text, 6);
            }
        }
        self.line("\nExit codes, as in sysexits(3):");
        for row in EXITS {
            let code = format!("{:>2} {}", row.code, row.name);
            self.row(16, &code, &consequence(row));
        }
        self.line("\nMore examples:");
        for (command, what) in &EXAMPLES[1..] {
            for line in wrapped(what, 0, self.width - "  # ".len()).lines() {
                self.line(&format!("  # {line}"));
            }
            self.command(command);
        }
        self.text
    }

    fn items(&mut self) {
        self.paragraph(ITEMS_ARE, 0);
        self.table(ITEMS);
    }

    fn section(&mut self, section: HelpSection, all: bool) {
        self.line(&format!("{}:", section.title()));
        for flag in FLAGS.iter().filter(|flag| flag.group == section) {
            match all {
                true => self.described(flag),
                false => self.row(COLUMN, &aligned(flag), &brief(flag)),
            }
        }
    }

    fn line(&mut self, text: &str) {
        self.text.push_str(text);
        self.text.push('\n');
    }

    fn paragraph(&mut self, text: &str, margin: usize) {
        self.text.push_str(&wrapped(text, margin, self.width));
    }

    /// An option with all there is to know.
    fn described(&mut self, flag: &Flag) {
        self.line(&format!("  {}", usage(flag)));
        for paragraph in explanation(flag).split("\n\n") {
            self.paragraph(paragraph, 6);
        }
    }

    /// A command for the shell, which reads on behind a backslash at the end of a line.
    fn command(&mut self, command: &str) {
        let command = command.replace("\\\n", "");
        let lines = wrapped(&command, 0, self.width - " \\".len() - 6);
        let lines = match command.chars().count() + 2 <= self.width {
            true => command,
            false => lines.trim_end().replace('\n', " \\\n      "),
        };
        self.line(&format!("  {lines}"));
    }

    fn table(&mut self, rows: &[(&str, &str)]) {
        for (name, text) in rows {
            self.row(COLUMN, name, text);
        }
    }

    /// Two columns. A name that is too long for the first column gets its own line.
    fn row(&mut self, column: usize, name: &str, text: &str) {
        let column = match self.width < WIDTH {
            true => column.min(24),
            false => column,
        };
        let text = wrapped(text, column + 2, self.width);
        self.text.push_str(&match name.chars().count() < column {
            true => format!("  {name:<column$}{}", text.trim_start()),
            false => format!("  {name}\n{text}"),
        });
    }
}

/// The version of this binary, and how it was built.
pub(crate) fn version() -> String {
    let libc = if cfg!(target_env = "musl") {
        "musl"
    } else if cfg!(target_env = "gnu") {
        "glibc"
    } else {
        "the system's C library"
    };
    let linked = if cfg!(target_feature = "crt-static") {
        "statically"
    } else {
        "dynamically"
    };
    format!(
        "authpost {VERSION}\ntarget: {} {}, {libc} linked {linked}\nTLS: rustls with ring, TLS 1.2 and 1.3\n",
        std::env::consts::ARCH,
        std::env::consts::OS,
    )
}

/// `authpost check [OPTIONS] URL [ITEM]...`.
pub(super) fn call(row: &VerbRow) -> String {
    joined(&["authpost", row.word, options_of(row), row.operands])
}

/// The words that are not empty.
fn joined(words: &[&str]) -> String {
    let words = words.iter().filter(|word| !word.is_empty());
    words.copied().collect::<Vec<_>>().join(" ")
}

/// `[OPTIONS]`, for a verb that takes some.
pub(super) fn options_of(row: &VerbRow) -> &'static str {
    match row.text.is_empty() {
        true => "[OPTIONS]",
        false => "",
    }
}

/// `    --cacert FILE`: long names are aligned, with or without a short name.
pub(super) fn aligned(flag: &Flag) -> String {
    match flag.short {
        Some(_) => usage(flag),
        None => format!("    {}", usage(flag)),
    }
}

/// The verbs that the option is restricted to, if it does not apply to sending.
pub(super) fn only_for(flag: &Flag) -> Option<String> {
    let rows = VERBS.iter().filter(|row| flag.verbs.contains(&row.verb));
    let words: Vec<_> = rows.map(|row| row.word).collect();
    (!flag.verbs.contains(&Verb::Send)).then(|| words.join(", "))
}

/// The brief, preceded by the verbs that the option is restricted to.
pub(super) fn brief(flag: &Flag) -> String {
    match only_for(flag) {
        Some(verbs) => format!("{verbs}: {}", flag.brief),
        None => flag.brief.to_owned(),
    }
}

/// The brief as a sentence, followed by the text; empty lines separate paragraphs.
pub(super) fn explanation(flag: &Flag) -> String {
    let mut text = sentence(flag.brief);
    if let Some(verbs) = only_for(flag) {
        text.push_str(&format!(" Only for {verbs}."));
    }
    if !flag.text.is_empty() {
        text.push_str("\n\n");
        text.push_str(flag.text);
    }
    text
}

/// Whether the line breaks of a paragraph are kept: a list or an example, which begins with a space.
pub(super) fn is_laid_out(paragraph: &str) -> bool {
    paragraph.starts_with(' ')
}

const AS_FOR_SENDING: &str = "Options: all those for sending";

/// The options of a verb, as a list or as the difference from those for sending, whichever is shorter. Of a verb without
/// any, its details.
pub(super) fn options(row: &VerbRow) -> String {
    if !row.text.is_empty() {
        return row.text.to_owned();
    }
    let (mut own, mut added, mut lacking) = (Vec::new(), Vec::new(), Vec::new());
    for flag in FLAGS
        .iter()
        .filter(|flag| flag.group != HelpSection::Itself)
    {
        let name = format!("--{}", flag.long);
        let is_for = |verb| flag.verbs.contains(verb);
        if is_for(&row.verb) {
            own.push(name.clone());
        }
        match (is_for(&row.verb), is_for(&Verb::Send)) {
            (true, false) => added.push(name),
            (false, true) => lacking.push(name),
            _ => {}
        }
    }
    if added.len() + lacking.len() >= own.len() {
        return match own.is_empty() {
            true => "Options: only those under Other.".to_owned(),
            false => format!("Options: {}.", own.join(", ")),
        };
    }
    let mut text = AS_FOR_SENDING.to_owned();
    if !lacking.is_empty() {
        text.push_str(&format!(" except {}", lacking.join(", ")));
    }
    if !added.is_empty() {
        text.push_str(&format!(", plus {}", added.join(", ")));
    }
    text + "."
}

/// What an exit code means, and what to do next.
pub(super) fn consequence(row: &ExitRow) -> String {
    format!("{} {}", sentence(row.meaning), sentence(row.advice))
}

/// Makes a sentence of a clause: a capital and a full stop. If it ends in a default, no full stop is added.
pub(super) fn sentence(clause: &str) -> String {
    let mut text = clause.to_owned();
    if let Some(first) = text.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    if !text.ends_with(']') {
        text.push('.');
    }
    text
}

/// Wraps text at `most` characters, each line with this margin. Text in brackets is not broken.
pub(super) fn wrapped(text: &str, margin: usize, most: usize) -> String {
    if is_laid_out(text) {
        let lines = text.lines();
        return lines
            .map(|line| format!("{:margin$}{line}\n", ""))
            .collect();
    }
    let mut words: Vec<String> = Vec::new();
    for word in text.split_ascii_whitespace() {
        match words.last_mut() {
            Some(open) if open.contains('[') && !open.contains(']') => {
                open.push(' ');
                open.push_str(word);
            }
            _ => words.push(word.to_owned()),
        }
    }
    let mut out = String::new();
    let mut width = 0;
    for word in words {
        let length = word.chars().count();
        if width > 0 && width + 1 + length > most {
            out.push('\n');
            width = 0;
        }
        if width == 0 {
            out.push_str(&" ".repeat(margin));
            width = margin + length;
        } else {
            out.push(' ');
            width += 1 + length;
        }
        out.push_str(&word);
    }
    out.push('\n');
    out
}

//! The manual pages, in roff with the man(7) macros: the only place that knows roff.

use super::help::{
    ABOUT, ITEMS_ARE, OUTPUT, VERSION, consequence, explanation, is_laid_out, options, options_of,
    sentence,
};
use super::manual::{DATE, JOBS, LAST_LINE, SPOOL, SPOOL_NAME};
use super::table::{ENVIRONMENT, EXAMPLES, ITEMS};
use crate::cli::{FLAGS, Flag, HelpSection, Manual, VERBS, VerbRow};
use crate::delivery::exit::EXITS;

/// Renders a manual page.
pub(crate) fn man(page: Manual) -> String {
    match page {
        Manual::Authpost => authpost(),
        Manual::Spool => spool(),
    }
}

fn authpost() -> String {
    let mut out = head("AUTHPOST", 1, "authpost", &name_line(), "User Commands");
    out.push_str(".SH SYNOPSIS\n.nf\n");
    for row in VERBS {
        out.push_str(&format!("{}\n", call(row)));
    }
    out.push_str(".fi\n.SH DESCRIPTION\n");
    text(&mut out, &format!("{ABOUT}\n\n{OUTPUT}"), ".PP");
    for row in VERBS {
        verb(&mut out, row);
    }
    out.push_str(".SH ITEMS\n");
    text(&mut out, ITEMS_ARE, ".PP");
    for (item, what) in ITEMS {
        entry(&mut out, &bold(item), what);
    }
    out.push_str(".SH OPTIONS\n");
    for group in HelpSection::ALL {
        out.push_str(&format!(".SS {}\n", group.title()));
        for flag in FLAGS.iter().filter(|flag| flag.group == group) {
            entry(&mut out, &option(flag), &explanation(flag));
        }
    }
    out.push_str(".SH EXIT STATUS\nThe exit codes are those of\n.BR sysexits (3).\n");
    for row in EXITS {
        let code = bold(&format!("{} {}", row.code, row.name));
        entry(&mut out, &code, &consequence(row));
    }
    out.push_str(".PP\n");
    text(&mut out, LAST_LINE, ".PP");
    out.push_str(".SH ENVIRONMENT\n");
    for (name, what) in ENVIRONMENT {
        entry(&mut out, &bold(name), &sentence(what));
    }
    out.push_str(".SH EXAMPLES\n");
    for (index, (command, what)) in EXAMPLES.iter().enumerate() {
        if index > 0 {
            out.push_str(".PP\n");
        }
        text(
            &mut out,
            &format!("{}:", sentence(what).trim_end_matches('.')),
            ".PP",
        );
        laid_out(&mut out, command);
    }
    for (title, what) in JOBS {
        out.push_str(&format!(".SS {}\n", roff(title)));
        text(&mut out, what, ".PP");
    }
    see_also(
        &mut out,
        &[
            ("authpost\\-spool", 7),
            ("crontab", 5),
            ("systemd.exec", 5),
            ("systemd.timer", 5),
        ],
    );
    out
}

fn spool() -> String {
    let mut out = head("AUTHPOST\\-SPOOL", 7, "authpost-spool", SPOOL_NAME, "");
    let of_spool = || VERBS.iter().filter(|row| row.verb.takes_spool());
    out.push_str(&format!(
        ".SH SYNOPSIS\n.nf\n{} [OPTIONS] \\fB\\-\\-spool\\fR DIR URL [ITEM]...\n",
        bold("authpost")
    ));
    for row in of_spool() {
        out.push_str(&format!("{}\n", call(row)));
    }
    out.push_str(".fi\n.SH DESCRIPTION\n");
    for flag in FLAGS.iter().filter(|flag| flag.long == "spool") {
        text(&mut out, flag.text, ".PP");
    }
    out.push_str(".SH COMMANDS\n");
    for row in of_spool() {
        verb(&mut out, row);
    }
    for (title, what) in SPOOL {
        out.push_str(&format!(".SH {}\n", roff(&title.to_ascii_uppercase())));
        text(&mut out, what, ".PP");
    }
    see_also(&mut out, &[("authpost", 1), ("crontab", 5)]);
    out
}

fn head(title: &str, section: u8, name: &str, what: &str, volume: &str) -> String {
    let volume = match volume {
        "" => String::new(),
        volume => format!(" \"{volume}\""),
    };
    format!(
        ".TH {title} {section} {DATE} \"authpost {VERSION}\"{volume}\n.SH NAME\n{} \\- {}\n",
        roff(name),
        roff(what)
    )
}

/// Renders a verb: what it does, and its options.
fn verb(out: &mut String, row: &VerbRow) {
    let what = match row.word {
        "" => sentence(row.brief),
        _ => format!("{}\n\n{}", sentence(row.brief), options(row)),
    };
    entry(out, &call(row), &what);
}

/// Renders references to other pages, by name and section.
fn see_also(out: &mut String, pages: &[(&str, u8)]) {
    let pages: Vec<_> = pages
        .iter()
        .map(|(name, section)| format!(".BR {name} ({section})"))
        .collect();
    out.push_str(&format!(".SH SEE ALSO\n{}\n", pages.join(",\n")));
}

/// The text that whatis(1) shows: the first clause, without a capital and a full stop.
fn name_line() -> String {
    let (clause, _) = ABOUT.split_once(',').unwrap_or((ABOUT, ""));
    let mut text = clause.trim_end_matches('.').to_owned();
    if let Some(first) = text.get_mut(..1) {
        first.make_ascii_lowercase();
    }
    text
}

/// Renders a paragraph with a hanging term, which is already roff.
fn entry(out: &mut String, term: &str, what: &str) {
    out.push_str(&format!(".TP\n{term}\n"));
    text(out, what, ".IP");
}

/// Renders paragraphs, separated by this macro.
fn text(out: &mut String, what: &str, between: &str) {
    let mut before = false;
    for paragraph in what.split("\n\n") {
        let is_laid_out = is_laid_out(paragraph);
        if before && (!is_laid_out || between == ".IP") {
            out.push_str(&format!("{between}\n"));
        }
        before = true;
        match (is_laid_out, between) {
            (true, ".IP") => out.push_str(&format!(".nf\n{}\n.fi\n", roff(paragraph))),
            (true, _) => laid_out(out, &paragraph.replace("\n    ", "\n")[4..]),
            (false, _) => fill(out, paragraph),
        }
    }
}

/// Renders lines unchanged, indented.
fn laid_out(out: &mut String, lines: &str) {
    out.push_str(&format!(".PP\n.in +4n\n.nf\n{}\n.fi\n.in\n", roff(lines)));
}

/// Wraps words into lines that are short enough for mandoc(1) and for a diff.
fn fill(out: &mut String, paragraph: &str) {
    let mut width = 0;
    for word in paragraph.split_ascii_whitespace() {
        let word = roff(word);
        if width > 0 && width + 1 + word.len() > 80 {
            out.push('\n');
            width = 0;
        }
        if width > 0 {
            out.push(' ');
            width += 1;
        }
        width += word.len();
        out.push_str(&word);
    }
    out.push('\n');
}

fn bold(text: &str) -> String {
    format!("\\fB{}\\fR", roff(text))
}

fn call(row: &VerbRow) -> String {
    let name = format!("authpost {}", row.word);
    let operands = format!("{} {}", options_of(row), row.operands);
    format!("{} {}", bold(name.trim_end()), roff(operands.trim_start()))
}

fn option(flag: &Flag) -> String {
    let short = flag.short.map(|letter| bold(&format!("-{letter}")) + ", ");
    let space = if flag.may_lack_value() { "" } else { " " };
    let value = flag
        .value
        .map(|value| format!("{space}\\fI{}\\fR", roff(value)));
    let long = bold(&format!("--{}", flag.long));
    format!(
        "{}{long}{}",
        short.unwrap_or_default(),
        value.unwrap_or_default()
    )
}

/// Escapes text for roff, so that it is shown unchanged and can be pasted into a shell.
fn roff(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    if text.starts_with('.') {
        out.push_str("\\&");
    }
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\e"),
            '-' => out.push_str("\\-"),
            '\'' => out.push_str("\\(aq"),
            '`' => out.push_str("\\(ga"),
            '^' => out.push_str("\\(ha"),
            '~' => out.push_str("\\(ti"),
            '"' => out.push_str("\\(dq"),
            '…' => out.push_str("..."),
            _ => out.push(c),
        }
    }
    out
}

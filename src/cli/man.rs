//! The manual page, in roff with man(7)'s macros: the only place that knows roff.

use super::help::{
    ABOUT, ENVIRONMENT, EXAMPLES, ITEMS, ITEMS_ARE, OUTPUT, VERSION, consequence, is_laid_out,
    options, paragraphs, sentence,
};
use crate::cli::{FLAGS, Flag, Group, VERBS, VerbRow};
use crate::delivery::exit::EXITS;

/// The manual page.
pub(crate) fn man() -> String {
    let mut out = format!(
        ".TH AUTHPOST 1 \"\" \"authpost {VERSION}\" \"User Commands\"\n.SH NAME\nauthpost \\- {}\n",
        roff(&name_line())
    );
    out.push_str(".SH SYNOPSIS\n.nf\n");
    for row in VERBS {
        out.push_str(&format!("{}\n", call(row)));
    }
    out.push_str(&format!(
        ".fi\n.SH DESCRIPTION\n{}\n.PP\n{}\n",
        roff(ABOUT),
        roff(OUTPUT)
    ));
    for row in VERBS {
        let text = match row.word {
            "" => sentence(row.brief),
            _ => format!("{}\n\n{}", sentence(row.brief), options(row)),
        };
        entry(&mut out, &call(row), &text);
    }
    out.push_str(&format!(".SH ITEMS\n{}\n", roff(ITEMS_ARE)));
    for (item, what) in ITEMS {
        entry(&mut out, &bold(item), what);
    }
    out.push_str(".SH OPTIONS\n");
    for group in Group::ALL {
        out.push_str(&format!(".SS {}\n", group.title()));
        for flag in FLAGS.iter().filter(|flag| flag.group == group) {
            entry(&mut out, &option(flag), &paragraphs(flag).join("\n\n"));
        }
    }
    out.push_str(".SH EXIT STATUS\nThe exit codes are those of\n.BR sysexits (3).\n");
    for row in EXITS {
        let code = bold(&format!("{} {}", row.code, row.name));
        entry(&mut out, &code, &consequence(row));
    }
    out.push_str(".SH ENVIRONMENT\n");
    for (name, what) in ENVIRONMENT {
        entry(&mut out, &bold(name), &sentence(what));
    }
    out.push_str(".SH EXAMPLES\n");
    for (command, what) in EXAMPLES {
        out.push_str(&format!(
            "{}\n.PP\n.in +4n\n.nf\n{}\n.fi\n.in\n.PP\n",
            roff(&format!("{}:", sentence(what).trim_end_matches('.'))),
            roff(command)
        ));
    }
    out.push_str(".SH SEE ALSO\n.BR crontab (5),\n.BR systemd.exec (5),\n.BR systemd.timer (5)\n");
    out
}

/// What whatis(1) shows: the first clause, without a capital and a full stop.
fn name_line() -> String {
    let (clause, _) = ABOUT.split_once(',').unwrap_or((ABOUT, ""));
    let mut text = clause.trim_end_matches('.').to_owned();
    if let Some(first) = text.get_mut(..1) {
        first.make_ascii_lowercase();
    }
    text
}

/// A paragraph with a hanging term. The term is roff already.
fn entry(out: &mut String, term: &str, text: &str) {
    out.push_str(&format!(".TP\n{term}\n"));
    for (index, paragraph) in text.split("\n\n").enumerate() {
        if index > 0 {
            out.push_str(".IP\n");
        }
        match is_laid_out(paragraph) {
            true => out.push_str(&format!(".nf\n{}\n.fi\n", roff(paragraph))),
            false => out.push_str(&format!("{}\n", roff(paragraph))),
        }
    }
}

fn bold(text: &str) -> String {
    format!("\\fB{}\\fR", roff(text))
}

fn call(row: &VerbRow) -> String {
    let name = format!("authpost {}", row.word);
    format!("{} [OPTIONS] {}", bold(name.trim_end()), roff(row.operands))
}

fn option(flag: &Flag) -> String {
    let short = flag.short.map(|letter| bold(&format!("-{letter}")) + ", ");
    let value = flag.value.map(|value| format!(" \\fI{}\\fR", roff(value)));
    let long = bold(&format!("--{}", flag.long));
    format!(
        "{}{long}{}",
        short.unwrap_or_default(),
        value.unwrap_or_default()
    )
}

/// Escapes a text for roff, so that it is shown unchanged and can be pasted into a shell.
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

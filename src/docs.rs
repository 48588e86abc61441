//! Help, manual page and shell completions, rendered from [`FLAGS`] and [`EXITS`].
//!
//! Nothing is said here about an option or an exit code that its row does not say, so none of it can go stale. Golden
//! files under `tests/golden` show what it comes to.

use crate::flags::{FLAGS, Flag, Group, Shell, VERBS, VerbRow, usage};
use crate::outcome::EXITS;

const VERSION: &str = env!("CARGO_PKG_VERSION");
const ABOUT: &str = env!("CARGO_PKG_DESCRIPTION");

/// How items are written, with what each becomes.
const ITEMS: &[(&str, &str)] = &[
    ("key=text", "a string"),
    (
        "key:=json",
        "any JSON, its text unchanged: n:=1.10 ok:=true tags:='[\"a\"]'",
    ),
    ("key=@file", "the file's text, as a string"),
    ("key:=@file", "the file's JSON"),
    (
        "a[b]=x a[]=x a[0]=x",
        "nested: a member, the next element, that element",
    ),
];

const EXAMPLES: &[(&str, &str)] = &[
    (
        "AUTHPOST_TOKEN=… authpost https://api.example.com/data key1=value1 key2=value2",
        "the token from the environment",
    ),
    (
        "authpost --token-file /etc/api.token -d @report.json https://api.example.com/data",
        "the document from a file",
    ),
    (
        "authpost -q --token-file ~/.api-token --idempotent https://api.example.com/data n:=1",
        "for a crontab: silent unless it fails",
    ),
];

/// `-h` in short, `--help` all of it.
pub fn help(all: bool) -> String {
    let mut out = format!("authpost {VERSION}\n{ABOUT}\n\nUsage:\n");
    let calls: Vec<_> = VERBS.iter().map(|row| (call(row), row.brief)).collect();
    table(
        &mut out,
        calls.iter().map(|(call, brief)| (call.as_str(), *brief)),
    );
    out.push_str("\nItems build a JSON object; \\ takes the meaning from = : @ [ ]:\n");
    table(&mut out, ITEMS.iter().copied());
    for group in Group::ALL {
        out.push_str(&format!("\n{}:\n", group.title()));
        let flags = FLAGS.iter().filter(|flag| flag.group == group);
        if all {
            for flag in flags {
                out.push_str(&format!("  {}\n", usage(flag)));
                for paragraph in paragraphs(flag) {
                    out.push_str(&wrapped(&paragraph, 6));
                }
            }
        } else {
            let rows: Vec<_> = flags.map(|flag| (indented(flag), flag.brief)).collect();
            table(
                &mut out,
                rows.iter().map(|(name, brief)| (name.as_str(), *brief)),
            );
        }
    }
    if !all {
        out.push_str("\n'authpost --help' says more, and lists the exit codes.\n");
        return out;
    }
    out.push_str("\nExit codes (sysexits):\n");
    for row in EXITS {
        out.push_str(&format!("  {:>2} {:<12}", row.code, row.name));
        out.push_str(wrapped(&format!("{}; {}", row.meaning, row.advice), 18).trim_start());
    }
    out.push_str("\nExamples:\n");
    for (command, what) in EXAMPLES {
        out.push_str(&format!("  {command}\n      {what}\n"));
    }
    out
}

/// `authpost check [OPTIONS] URL [ITEM]...`.
fn call(row: &VerbRow) -> String {
    let words = ["authpost", row.word, "[OPTIONS]", row.operands];
    words
        .into_iter()
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

/// `    --cacert FILE`, so that the names stand below each other whether there is a letter or not.
fn indented(flag: &Flag) -> String {
    match flag.short {
        Some(_) => usage(flag),
        None => format!("    {}", usage(flag)),
    }
}

/// Two columns; a name too long for the first has a line of its own.
fn table<'a>(out: &mut String, rows: impl Iterator<Item = (&'a str, &'a str)>) {
    const COLUMN: usize = 32;
    for (name, text) in rows {
        let text = wrapped(text, COLUMN + 2);
        if name.chars().count() < COLUMN {
            out.push_str(&format!("  {name:<COLUMN$}{}", text.trim_start()));
        } else {
            out.push_str(&format!("  {name}\n{text}"));
        }
    }
}

/// Lines of at most 100 characters, each with this margin.
fn wrapped(text: &str, margin: usize) -> String {
    let mut out = String::new();
    if is_laid_out(text) {
        for line in text.lines() {
            out.push_str(&format!("{:margin$}{line}\n", ""));
        }
        return out;
    }
    let mut width = 0;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if width > 0 && width + 1 + length > 100 {
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
        out.push_str(word);
    }
    out.push('\n');
    out
}

/// Whether a paragraph's lines are to stay as they are: a list or an example, which begins with white space.
fn is_laid_out(paragraph: &str) -> bool {
    paragraph.starts_with(' ')
}

/// The brief as a sentence, and the text.
fn paragraphs(flag: &Flag) -> Vec<String> {
    let mut brief = flag.brief.to_owned();
    if let Some(first) = brief.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    if !brief.ends_with(']') {
        brief.push('.');
    }
    let mut all = vec![brief];
    all.extend(
        flag.text
            .split("\n\n")
            .filter(|text| !text.is_empty())
            .map(str::to_owned),
    );
    all
}

/// The manual page, in roff with man(7)'s macros.
pub fn man() -> String {
    let mut out = format!(".TH AUTHPOST 1 \"\" \"authpost {VERSION}\" \"User Commands\"\n");
    out.push_str(&format!(
        ".SH NAME\nauthpost \\- {}\n",
        roff(&lower_first(ABOUT.trim_end_matches('.')))
    ));
    out.push_str(".SH SYNOPSIS\n.nf\n");
    for row in VERBS {
        out.push_str(&format!("{}\n", roff(&call(row))));
    }
    out.push_str(".fi\n.SH DESCRIPTION\n");
    for row in VERBS {
        entry(&mut out, &call(row), row.brief);
    }
    out.push_str(".SH ITEMS\nItems build a JSON object, in the order given. A backslash takes the meaning from the ");
    out.push_str("characters\n.B \"\\e = : @ [ ]\"\nand is itself anywhere else.\n");
    for (item, what) in ITEMS {
        entry(&mut out, item, what);
    }
    for group in Group::ALL {
        out.push_str(&format!(".SH {}\n", group.title().to_uppercase()));
        for flag in FLAGS.iter().filter(|flag| flag.group == group) {
            entry(&mut out, &usage(flag), &paragraphs(flag).join("\n\n"));
        }
    }
    out.push_str(".SH EXIT STATUS\nThe codes of\n.BR sysexits (3).\n");
    for row in EXITS {
        entry(
            &mut out,
            &format!("{} {}", row.code, row.name),
            &format!("{}. What to do: {}.", row.meaning, row.advice),
        );
    }
    out.push_str(".SH ENVIRONMENT\n");
    for (name, what) in ENVIRONMENT {
        entry(&mut out, name, what);
    }
    out.push_str(".SH EXAMPLES\n");
    for (command, what) in EXAMPLES {
        entry(&mut out, command, what);
    }
    out
}

const ENVIRONMENT: &[(&str, &str)] = &[
    (
        "AUTHPOST_TOKEN",
        "the token, where no option names another place",
    ),
    (
        "AUTHPOST_CONFIG",
        "the config file, where --config names none",
    ),
    (
        "HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY",
        "the proxy, and the hosts that are reached without it; small letters mean the same",
    ),
    (
        "SSL_CERT_FILE",
        "the trusted certificate authorities, where --cacert names none",
    ),
    (
        "CACHE_DIRECTORY, XDG_CACHE_HOME, HOME",
        "where OAuth2 access tokens are kept, see --oauth2-file",
    ),
];

fn lower_first(text: &str) -> String {
    let mut text = text.to_owned();
    if let Some(first) = text.get_mut(..1) {
        first.make_ascii_lowercase();
    }
    text
}

fn entry(out: &mut String, term: &str, text: &str) {
    out.push_str(&format!(".TP\n.B {}\n", roff(term)));
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

/// Text that roff takes as it stands.
fn roff(text: &str) -> String {
    let text = text
        .replace('\\', "\\e")
        .replace('-', "\\-")
        .replace('…', "\\&...")
        .replace('"', "\\(dq");
    match text.starts_with(['.', '\'']) {
        true => format!("\\&{text}"),
        false => text,
    }
}

/// The completions for `shell`.
pub fn completions(shell: Shell) -> String {
    match shell {
        Shell::Bash => bash(),
        Shell::Zsh => zsh(),
        Shell::Fish => fish(),
    }
}

/// What may stand as an option's value: known words, a file, or anything.
enum Values {
    Words(&'static str),
    Files,
    Any,
}

fn values(flag: &Flag) -> Option<Values> {
    Some(match (flag.long, flag.value?) {
        ("completions", _) => Values::Words("bash zsh fish"),
        ("method", _) => Values::Words("POST PUT PATCH"),
        ("auth-scheme", _) => Values::Words("Bearer Basic"),
        (_, "FILE" | "DIR") => Values::Files,
        _ => Values::Any,
    })
}

fn names(flag: &Flag) -> Vec<String> {
    let short = flag.short.map(|letter| format!("-{letter}"));
    short
        .into_iter()
        .chain([format!("--{}", flag.long)])
        .collect()
}

fn bash() -> String {
    let mut out = "_authpost() {\n    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}\n    case $before in\n".to_owned();
    for flag in FLAGS {
        let reply = match values(flag) {
            None => continue,
            Some(Values::Words(words)) => {
                format!("COMPREPLY=($(compgen -W '{words}' -- \"$word\"))")
            }
            Some(Values::Files) => "COMPREPLY=($(compgen -f -- \"$word\"))".to_owned(),
            Some(Values::Any) => "COMPREPLY=()".to_owned(),
        };
        out.push_str(&format!(
            "    {})\n        {reply}\n        return ;;\n",
            names(flag).join("|")
        ));
    }
    let all: Vec<_> = FLAGS.iter().flat_map(names).collect();
    out.push_str(&format!(
        "    esac\n    if [[ $word == -* ]]; then\n        COMPREPLY=($(compgen -W '{}' -- \"$word\"))\n    fi\n}}\n",
        all.join(" ")
    ));
    out.push_str("complete -o default -F _authpost authpost\n");
    out
}

fn zsh() -> String {
    let mut out = "#compdef authpost\n_authpost() {\n    _arguments -s -S \\\n".to_owned();
    for flag in FLAGS {
        let brief = flag
            .brief
            .replace('\'', "'\\''")
            .replace('[', "\\[")
            .replace(']', "\\]")
            .replace(':', "\\:");
        let action = match values(flag) {
            None => String::new(),
            Some(Values::Words(words)) => format!(":{}:({words})", flag.long),
            Some(Values::Files) => format!(":{}:_files", flag.long),
            Some(Values::Any) => format!(":{}: ", flag.long),
        };
        for name in names(flag) {
            out.push_str(&format!("        '*{name}[{brief}]{action}' \\\n"));
        }
    }
    out.push_str("        '1:URL:_urls' \\\n        '*:item: '\n}\n");
    out.push_str("if [ \"$funcstack[1]\" = _authpost ]; then _authpost \"$@\"; else compdef _authpost authpost; fi\n");
    out
}

fn fish() -> String {
    let mut out = String::new();
    for flag in FLAGS {
        let short = flag
            .short
            .map(|letter| format!(" -s {letter}"))
            .unwrap_or_default();
        let values = match values(flag) {
            None => String::new(),
            Some(Values::Words(words)) => format!(" -x -a '{words}'"),
            Some(Values::Files) => " -r -F".to_owned(),
            Some(Values::Any) => " -x".to_owned(),
        };
        let brief = flag.brief.replace('\\', "\\\\").replace('\'', "\\'");
        out.push_str(&format!(
            "complete -c authpost{short} -l {}{values} -d '{brief}'\n",
            flag.long
        ));
    }
    out
}

/// What this binary is.
pub fn version() -> String {
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

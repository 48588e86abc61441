//! Completions for bash, zsh and fish: the only place that knows their syntax.
//!
//! Each offers the verbs, and then the options of the current verb. Sending has no verb; in this module it is `send`.

use super::help::{WIDTH, wrapped};
use crate::cli::{FLAGS, Flag, Shell, VERBS, Verb, VerbRow};

/// The completions for `shell`.
pub(crate) fn completions(shell: Shell) -> String {
    match shell {
        Shell::Bash => bash(),
        Shell::Zsh => zsh(),
        Shell::Fish => fish(),
    }
}

/// The possible values of an option.
#[derive(PartialEq)]
enum Values {
    /// One of these: `bash|zsh|fish`.
    Words(&'static str),
    Files,
    Any,
}

impl Values {
    /// `None` for a switch, and for an option whose value may be omitted.
    fn of(flag: &Flag) -> Option<Values> {
        if !flag.needs_value() {
            return None;
        }
        Some(match flag.value? {
            words if words.contains('|') => Values::Words(words),
            "FILE" | "DIR" | "JSON" => Values::Files,
            _ => Values::Any,
        })
    }
}

/// Groups the options by the verbs that accept them.
fn parts() -> Vec<(&'static [Verb], Vec<&'static Flag>)> {
    let mut parts: Vec<(&[Verb], Vec<&Flag>)> = Vec::new();
    for flag in FLAGS {
        match parts.iter_mut().find(|(verbs, _)| *verbs == flag.verbs) {
            Some((_, flags)) => flags.push(flag),
            None => parts.push((flag.verbs, vec![flag])),
        }
    }
    parts
}

/// The words of the wanted verbs, joined with `between`.
fn words(wanted: impl Fn(Verb) -> bool, between: &str) -> String {
    let word = |row: &VerbRow| match row.verb {
        Verb::Send => "send",
        _ => row.word,
    };
    let rows = VERBS.iter().filter(|row| wanted(row.verb));
    rows.map(word).collect::<Vec<_>>().join(between)
}

/// The verbs that have a word.
fn typed() -> String {
    words(|verb| verb != Verb::Send, " ")
}

fn names(flag: &Flag) -> Vec<String> {
    let short = flag.short.map(|letter| format!("-{letter}"));
    short
        .into_iter()
        .chain([format!("--{}", flag.long)])
        .collect()
}

fn bash() -> String {
    let mut out = "_authpost() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} verb=send options= each
    if [[ $word == = ]]; then
        word=
    elif [[ $before == = ]]; then
        before=${COMP_WORDS[COMP_CWORD-2]}
    fi
    case $before in
"
    .to_owned();
    for flag in FLAGS {
        if let Some(Values::Words(words)) = Values::of(flag) {
            out.push_str(&format!(
                "    {})\n        COMPREPLY=($(compgen -W '{}' -- \"$word\"))\n        return ;;\n",
                names(flag).join("|"),
                words.replace('|', " ")
            ));
        }
    }
    // If there are no replies, `-o default` makes readline complete file names.
    let without_files = FLAGS
        .iter()
        .filter(|flag| Values::of(flag) == Some(Values::Any));
    let names_of: Vec<_> = without_files.flat_map(names).collect();
    out.push_str(&format!(
        "    {})\n        compopt +o default 2>/dev/null\n        return ;;\n",
        names_of.join("|\\\n    ")
    ));
    out.push_str(&format!(
        "    esac
    for each in \"${{COMP_WORDS[@]:1:COMP_CWORD-1}}\"; do
        if [[ $each == @({}) ]]; then
            verb=$each
            break
        fi
    done
    if [[ $word == -* ]]; then
",
        words(|_| true, "|")
    ));
    for (verbs, flags) in parts() {
        let names: Vec<_> = flags.into_iter().flat_map(names).collect();
        out.push_str(&format!(
            "        [[ $verb == @({}) ]] && options+='\n{}        '\n",
            words(|verb| verbs.contains(&verb), "|"),
            wrapped(&names.join(" "), 12, WIDTH)
        ));
    }
    out.push_str(&format!(
        "        COMPREPLY=($(compgen -W \"$options\" -- \"$word\"))
    elif ((COMP_CWORD == 1)); then
        COMPREPLY=($(compgen -W '{}' -- \"$word\"))
    fi
}}
complete -o default -F _authpost authpost
",
        typed()
    ));
    out
}

fn zsh() -> String {
    let mut out = format!(
        "#compdef authpost
_authpost() {{
    local verb=${{${{(M)words:#({})}}[1]:-send}}
    local -a options
",
        words(|_| true, "|")
    );
    let quoted = |text: &str| {
        text.replace('\'', "'\\''")
            .replace('[', "\\[")
            .replace(']', "\\]")
            .replace(':', "\\:")
    };
    for (verbs, flags) in parts() {
        out.push_str(&format!(
            "    [[ $verb == ({}) ]] && options+=(\n",
            words(|verb| verbs.contains(&verb), "|")
        ));
        for flag in flags {
            let value = quoted(&flag.value.unwrap_or_default().replace('\'', ""));
            let (long, short, action) = match Values::of(flag) {
                None => ("", "", String::new()),
                Some(Values::Words(words)) => (
                    "=",
                    "+",
                    format!(":{}:({})", flag.long, words.replace('|', " ")),
                ),
                Some(Values::Files) => ("=", "+", format!(":{value}:_files")),
                Some(Values::Any) => ("=", "+", format!(":{value}: ")),
            };
            let name = match flag.short {
                Some(letter) => format!("'*'{{-{letter}{short},--{}{long}}}'", flag.long),
                None => format!("'*--{}{long}", flag.long),
            };
            out.push_str(&format!(
                "        {name}[{}]{action}'\n",
                quoted(flag.brief)
            ));
        }
        out.push_str("    )\n");
    }
    out.push_str(&format!(
        "    _arguments -s -S $options '1:URL or verb:({})' '*:item:_files'
}}
if [[ $funcstack[1] == _authpost ]]; then
    _authpost \"$@\"
else
    compdef _authpost authpost
fi
",
        typed()
    ));
    out
}

fn fish() -> String {
    let mut out = String::new();
    let quoted = |text: &str| text.replace('\\', "\\\\").replace('\'', "\\'");
    for row in VERBS.iter().filter(|row| !row.word.is_empty()) {
        out.push_str(&format!(
            "complete -c authpost -n __fish_use_subcommand -a {} -d '{}'\n",
            row.word,
            quoted(row.brief)
        ));
    }
    for flag in FLAGS {
        // Sending has no word to test for, so its options are those that no other verb excludes.
        let (not, verbs) = match flag.verbs.contains(&Verb::Send) {
            true => ("not ", words(|verb| !flag.verbs.contains(&verb), " ")),
            false => ("", words(|verb| flag.verbs.contains(&verb), " ")),
        };
        let condition = match verbs.is_empty() {
            true => String::new(),
            false => format!(" -n '{not}__fish_seen_subcommand_from {verbs}'"),
        };
        let short = flag
            .short
            .map(|letter| format!(" -s {letter}"))
            .unwrap_or_default();
        let values = match Values::of(flag) {
            None => String::new(),
            Some(Values::Words(words)) => format!(" -x -a '{}'", words.replace('|', " ")),
            Some(Values::Files) => " -r -F".to_owned(),
            Some(Values::Any) => " -x".to_owned(),
        };
        out.push_str(&format!(
            "complete -c authpost{condition}{short} -l {}{values} -d '{}'\n",
            flag.long,
            quoted(flag.brief)
        ));
    }
    out
}

//! Completions for bash, zsh and fish: the only place that knows their syntax.
//!
//! Each offers the verbs, and then the options of the current verb. Sending has no verb; in this module it is `send`.
//! Behind `@` there are files, behind a spool the messages that `authpost list` shows there, and behind `from-curl` what
//! the shell knows of curl. Where authpost is not found, or the spool is none, nothing is offered.

use super::help::{WIDTH, wrapped};
use crate::cli::{FLAGS, Flag, HelpSection, Shell, VERBS, Verb, VerbRow};

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
    Directories,
    /// `@FILE`.
    FileBehindAt,
    /// The name of an environment variable.
    Variables,
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
            "FILE" => Values::Files,
            "DIR" => Values::Directories,
            "JSON" => Values::FileBehindAt,
            "NAME" if flag.long == "token-env" => Values::Variables,
            _ => Values::Any,
        })
    }
}

/// Each group of verbs that accepts the same options.
fn parts() -> Vec<&'static [Verb]> {
    let mut parts = Vec::new();
    for flag in FLAGS {
        if !parts.contains(&flag.verbs) {
            parts.push(flag.verbs);
        }
    }
    parts
}

/// The words of the wanted verbs, joined with `between`.
fn words(wanted: &dyn Fn(Verb) -> bool, between: &str) -> String {
    let word = |row: &VerbRow| match row.verb {
        Verb::Send => "send",
        _ => row.word,
    };
    let rows = VERBS.iter().filter(|row| wanted(row.verb));
    rows.map(word).collect::<Vec<_>>().join(between)
}

/// The verbs that have a word.
fn typed() -> String {
    words(&|verb| verb != Verb::Send, " ")
}

/// What 'help' is asked about.
fn topics() -> String {
    format!(
        "{} {}",
        typed(),
        HelpSection::ALL.map(HelpSection::word).join(" ")
    )
}

/// The names of the wanted options, joined with `between`.
fn names(wanted: &dyn Fn(&Flag) -> bool, between: &str) -> String {
    let mut names = Vec::new();
    for flag in FLAGS.iter().filter(|flag| wanted(flag)) {
        names.extend(flag.short.map(|letter| format!("-{letter}")));
        names.push(format!("--{}", flag.long));
    }
    names.join(between)
}

/// Whether the verb's operands behind the spool are messages.
fn takes_messages(verb: Verb) -> bool {
    matches!(verb, Verb::Show | Verb::Retry | Verb::Drop)
}

fn bash() -> String {
    let mut out = "_authpost() {
    local word=$2 before=${COMP_WORDS[COMP_CWORD-1]} verb=send options= each i typed path dir
    local -a operands=()
    [[ $before == = ]] && before=${COMP_WORDS[COMP_CWORD-2]}
    [[ $word == = ]] && word=
    if [[ ${COMP_WORDS[1]} == from-curl && $COMP_CWORD -gt 1 ]]; then
        if ((COMP_CWORD == 2)); then
            COMPREPLY=($(compgen -W curl -- \"$word\"))
        elif declare -F _comp_command_offset >/dev/null; then
            _comp_command_offset 2
        elif declare -F _command_offset >/dev/null; then
            _command_offset 2
        fi
        return
    fi
"
    .to_owned();
    // Readline may break words at an @: $2 is what it replaces, which can be less than what was typed.
    out.push_str(
        "    typed=${COMP_LINE:0:COMP_POINT}
    typed=${typed##*[[:space:]]}
    if [[ $typed == @* || $typed == *=@* ]]; then
        [[ $typed == @* ]] && path=${typed#@} || path=${typed#*=@}
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -P \"${2%\"$path\"}\" -f -- \"$path\")
        return
    fi
    case $before in
",
    );
    let mut case = |wanted: &dyn Fn(&Values) -> bool, body: &str| {
        let is_wanted = |flag: &Flag| Values::of(flag).is_some_and(|values| wanted(&values));
        out.push_str(&format!(
            "    {})\n        {body}\n        return ;;\n",
            names(&is_wanted, "|\\\n    ")
        ));
    };
    let all = FLAGS.iter().filter_map(Values::of);
    for words in all.filter_map(|values| match values {
        Values::Words(words) => Some(words),
        _ => None,
    }) {
        case(
            &|values| *values == Values::Words(words),
            &format!(
                "COMPREPLY=($(compgen -W '{}' -- \"$word\"))",
                words.replace('|', " ")
            ),
        );
    }
    case(
        &|values| *values == Values::Variables,
        "COMPREPLY=($(compgen -e -- \"$word\"))",
    );
    case(
        &|values| *values == Values::Directories,
        "compopt -o filenames 2>/dev/null\n        mapfile -t COMPREPLY < <(compgen -d -- \"$word\")",
    );
    // If there are no replies, `-o default` makes readline complete file names.
    case(&|values| *values == Values::Files, ":");
    case(
        &|values| matches!(values, Values::Any | Values::FileBehindAt),
        "compopt +o default 2>/dev/null",
    );
    out.push_str(&format!(
        "    esac
    for ((i = 1; i < COMP_CWORD; i++)); do
        each=${{COMP_WORDS[i]}}
        case ${{COMP_WORDS[i - 1]}} in =|{}) continue ;; esac
        [[ $each == -* || $each == = ]] || operands+=(\"$each\")
    done
    [[ ${{operands[0]}} == @({}|help) ]] && verb=${{operands[0]}}
    if [[ $word == -* ]]; then
",
        names(&Flag::needs_value, "|"),
        words(&|_| true, "|")
    ));
    for verbs in parts() {
        out.push_str(&format!(
            "        [[ $verb == @({}) ]] && options+='\n{}        '\n",
            words(&|verb| verbs.contains(&verb), "|"),
            wrapped(&names(&|flag| flag.verbs == verbs, " "), 12, WIDTH)
        ));
    }
    out.push_str(&format!(
        r#"        COMPREPLY=($(compgen -W "$options" -- "$word"))
    elif ((${{#operands[@]}} == 0)); then
        COMPREPLY=($(compgen -W '{typed} help' -- "$word"))
    elif [[ $verb == help ]]; then
        COMPREPLY=($(compgen -W '{topics}' -- "$word"))
    elif [[ $verb == @({of_spool}) ]] && ((${{#operands[@]}} == 1)); then
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -d -- "$word")
    elif [[ $verb == @({of_messages}) ]]; then
        compopt +o default 2>/dev/null
        dir=${{operands[1]//[\\\'\"]/}}
        while read -r each typed; do
            [[ $each =~ ^[0-9a-z]{{8}}$ && $each == "$word"* ]] && COMPREPLY+=("$each")
        done < <("${{COMP_WORDS[0]/#~\//$HOME/}}" list --color=never "${{dir/#~\//$HOME/}}" 2>/dev/null)
    else
        compopt +o default 2>/dev/null
    fi
}}
complete -o default -F _authpost authpost
"#,
        typed = typed(),
        topics = topics(),
        of_spool = words(&Verb::takes_spool, "|"),
        of_messages = words(&takes_messages, "|"),
    ));
    out
}

fn zsh() -> String {
    let mut out = format!(
        "#compdef authpost
_authpost() {{
    if [[ $words[2] == from-curl ]] && ((CURRENT > 2)); then
        shift 2 words
        ((CURRENT -= 2))
        if ((CURRENT == 1)); then compadd curl; else _normal; fi
        return
    fi
    local verb=${{${{(M)words:#({all})}}[1]:-send}} curcontext=$curcontext state line
    local -a options operands
    typeset -A opt_args
    case $verb in
        help) operands=('*:topic:({topics})') ;;
        ({of_messages})) operands=('2:spool:_directories' '*:message:->message') ;;
        ({of_spool})) operands=('2:spool:_directories') ;;
        *) operands=('*:item:_authpost_behind_at') ;;
    esac
",
        all = words(&|_| true, "|") + "|help",
        topics = topics(),
        of_spool = words(&Verb::takes_spool, "|"),
        of_messages = words(&takes_messages, "|"),
    );
    let quoted = |text: &str| {
        text.replace('\'', "'\\''")
            .replace('[', "\\[")
            .replace(']', "\\]")
            .replace(':', "\\:")
    };
    for verbs in parts() {
        out.push_str(&format!(
            "    [[ $verb == ({}) ]] && options+=(\n",
            words(&|verb| verbs.contains(&verb), "|")
        ));
        for flag in FLAGS.iter().filter(|flag| flag.verbs == verbs) {
            let value = quoted(&flag.value.unwrap_or_default().replace('\'', ""));
            let action = match Values::of(flag) {
                None => None,
                Some(Values::Words(words)) => Some(format!("({})", words.replace('|', " "))),
                Some(Values::Files) => Some("_files".to_owned()),
                Some(Values::Directories) => Some("_directories".to_owned()),
                Some(Values::FileBehindAt) => Some("_authpost_behind_at".to_owned()),
                Some(Values::Variables) => Some("_parameters -g \"*export*\"".to_owned()),
                Some(Values::Any) => Some(" ".to_owned()),
            };
            let (long, short) = match action {
                Some(_) => ("=", "+"),
                None => ("", ""),
            };
            let action = action.map_or(String::new(), |action| format!(":{value}:{action}"));
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
        r#"    _arguments -C -s -S $options '1:URL or verb:({} help)' $operands && return
    [[ $state == message ]] && _authpost_messages ${{~${{(Q)line[2]}}}}
}}
_authpost_behind_at() {{
    compset -P '*=@' || compset -P @ || return
    _files
}}
_authpost_messages() {{
    setopt localoptions extendedglob
    local each
    local -a ids match mbegin mend
    for each in ${{(f)"$(_call_program messages ${{(q)words[1]}} list --color=never ${{(q)1}} 2>/dev/null)"}}; do
        [[ $each == '  '(#b)([0-9a-z](#c8))\ ##(*) ]] && ids+=("$match[1]:$match[2]")
    done
    _describe message ids
}}
if [[ $funcstack[1] == _authpost ]]; then
    _authpost "$@"
else
    compdef _authpost authpost
fi
"#,
        typed()
    ));
    out
}

fn fish() -> String {
    let mut out = format!(
        r#"function __authpost_behind_at
    set -l typed (commandline -ct | string replace -r -- '^(--[a-z-]+=|-d)' '')
    set -l part (string match -r -- '^(|.*=)@' $typed)[1]
    test -n "$part"; or return
    set -l path (string sub -s (math 1 + (string length -- $part)) -- $typed)
    printf '%s\n' $part(complete -C "'' $path")
end
function __authpost_operands
    string match -v -- '-*' (commandline -opc)[2..]
end
function __authpost_messages
    set -l dir (string replace -r -- '^~/' $HOME/ (__authpost_operands)[2])
    set -l program (string replace -r -- '^~/' $HOME/ (commandline -opc)[1])
    $program list --color=never $dir 2>/dev/null | string replace -rf -- '^  ([0-9a-z]{{8}}) +' '$1\t'
end
complete -c authpost -f
complete -c authpost -n 'not __fish_seen_subcommand_from {not_sending}' -a '(__authpost_behind_at)'
complete -c authpost -n '__fish_seen_subcommand_from {of_spool}; and test (count (__authpost_operands)) -eq 1' -a '(__fish_complete_directories)'
complete -c authpost -n '__fish_seen_subcommand_from {of_messages}; and test (count (__authpost_operands)) -ge 2' -a '(__authpost_messages)'
complete -c authpost -n '__fish_seen_subcommand_from help' -a '{topics}'
complete -c authpost -n '__fish_seen_subcommand_from from-curl; and test (count (__authpost_operands)) -eq 1' -a curl
complete -c authpost -n '__fish_seen_subcommand_from from-curl; and test (count (__authpost_operands)) -ge 2' -a '(__fish_complete_subcommand --fcs-skip=2)'
complete -c authpost -n __fish_use_subcommand -a help -d 'list the options of a topic'
"#,
        not_sending = words(&|verb| !matches!(verb, Verb::Send | Verb::Check), " ") + " help",
        of_spool = words(&Verb::takes_spool, " "),
        of_messages = words(&takes_messages, " "),
        topics = topics(),
    );
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
            true => ("not ", words(&|verb| !flag.verbs.contains(&verb), " ")),
            false => ("", words(&|verb| flag.verbs.contains(&verb), " ")),
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
            Some(Values::Directories) => " -x -a '(__fish_complete_directories)'".to_owned(),
            Some(Values::FileBehindAt) => " -x -a '(__authpost_behind_at)'".to_owned(),
            Some(Values::Variables) => " -x -a '(set -nx)'".to_owned(),
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

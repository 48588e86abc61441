//! Help, manual page and completions: held by golden files, and each taken by the program that it is written for.
//!
//! `make bless` rewrites the golden files; what changed in them is then read in the diff.

use crate::support::{Runner, dir, find, need, test};
use std::path::{Path, PathBuf};
use std::{env, fs};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name)
}

/// What authpost prints with these arguments is what the golden file says.
#[track_caller]
fn prints(args: &[&str], name: &str) {
    let ran = test().args(args).run();
    if env::var_os("AUTHPOST_BLESS").is_some_and(|v| v == "1") {
        let printed = ran.unjudged().stdout;
        return fs::write(golden(name), printed).unwrap();
    }
    ran.stdout(fs::read(golden(name)).unwrap()).code(0);
}

/// A program on the path, run as the tests run authpost.
fn program(name: &str) -> Runner {
    Runner::program(find(name).unwrap()).env("PATH", env::var_os("PATH").unwrap())
}

/// Alone it is what `make bless` runs: the other tests read these files.
#[test]
fn golden_files() {
    prints(&["-h"], "help-short.txt");
    prints(&["--help"], "help-long.txt");
    prints(&["--man"], "authpost.1");
    prints(&["--completions", "bash"], "authpost.bash");
    prints(&["--completions", "zsh"], "_authpost");
    prints(&["--completions", "fish"], "authpost.fish");
}

#[test]
fn version() {
    test()
        .arg("-V")
        .run()
        .stdout_like(concat!(
            "authpost ",
            env!("CARGO_PKG_VERSION"),
            "\ntarget: * linux, * linked *ally\nTLS: rustls with ring, TLS 1.2 and 1.3\n"
        ))
        .code(0);
}

#[test]
fn help_fits_a_terminal_of_eighty_columns() {
    for name in ["help-short.txt", "help-long.txt"] {
        for line in fs::read_to_string(golden(name)).unwrap().lines() {
            assert!(line.chars().count() <= 80, "{name}: {line}");
            assert_eq!(line, line.trim_end(), "{name}");
        }
    }
}

/// Only a default may go on a line below; so may the text of an option that leaves no room for it.
#[test]
fn each_option_is_one_line_of_the_short_help() {
    let help = fs::read_to_string(golden("help-short.txt")).unwrap();
    let (_, options) = help.split_once("\nDocument:\n").unwrap();
    let (options, _) = options.split_once("\nEnvironment:\n").unwrap();
    let column = options.find("document to send").unwrap();
    let mut above = "";
    for line in options.lines() {
        let below = line.strip_prefix(&" ".repeat(column));
        assert!(
            below.is_none_or(|text| text.starts_with('[')) || above.len() <= column,
            "{line}"
        );
        above = line;
    }
}

#[test]
fn man_renders_it_without_a_warning() {
    if !need("man") || !need("groff") {
        return;
    }
    let rendered = program("man")
        .env("LC_ALL", "C.UTF-8")
        .env("MANWIDTH", "100")
        .args(["--warnings", "-l"])
        .arg(golden("authpost.1"))
        .run()
        .stdout_like(
            "AUTHPOST(1)*User Commands*AUTHPOST(1)\n\nNAME\n**\nSYNOPSIS\n**\nSEE ALSO\n**",
        )
        .code(0);
    let page = rendered.stdout.replace(char::is_whitespace, " ");
    // What is to be typed is shown as it is typed.
    for literal in ["tags:='[\"a\"]'", "--token-file ~/.api-token", "name=@file"] {
        assert!(page.contains(literal), "{literal}");
    }
    // Every warning that groff knows, also those that man leaves out.
    program("groff")
        .args(["-man", "-ww", "-z", "-Tutf8"])
        .arg(golden("authpost.1"))
        .run()
        .code(0);
}

#[test]
fn bash_completes() {
    if !need("bash") {
        return;
    }
    let script = r#"
        source "$1"
        complete -p authpost
        try() {
            COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
            _authpost
            echo "$*: ${COMPREPLY[*]}"
        }
        try authpost --token-
        try authpost -q --completions ""
        try authpost --completions = f
        try authpost --completions =
        try authpost --token-file ""
        try authpost https://api.example.com/data --no-
        try authpost ch
        try authpost https://api.example.com/data --dry
        try authpost -q check --dry
    "#;
    program("bash")
        .args(["--norc", "-c", script, "bash"])
        .arg(golden("authpost.bash"))
        .run()
        .stdout(
            "complete -o default -F _authpost authpost\n\
             authpost --token-: --token-file --token-env --token-command\n\
             authpost -q --completions : bash zsh fish\n\
             authpost --completions = f: fish\n\
             authpost --completions =: bash zsh fish\n\
             authpost --token-file : \n\
             authpost https://api.example.com/data --no-: --no-body --no-auth --no-idempotency-key\n\
             authpost ch: check\n\
             authpost https://api.example.com/data --dry: --dry-run\n\
             authpost -q check --dry: \n",
        )
        .code(0);
}

/// On a terminal, with its tab key: authpost is a function that shows what the line came to.
#[test]
fn zsh_completes() {
    if !need("zsh") {
        return;
    }
    let script = r#"
        zmodload zsh/zpty
        zpty z zsh -f -i
        zpty -w z "PS1='rea''dy'; fpath=($1 \$fpath); autoload -U compinit; compinit -u -D"
        zpty -w z "authpost() { print -r -- \"g\"\"ot: \$*\" }"
        for typed in $'--token-f\t' $'--completions fi\t' $'--meth\tPA\t' $'-X PU\t' $'ch\t --dr\t'; do
            zpty -r z seen '*ready*'
            zpty -w z "authpost $typed"
            zpty -r z seen $'*got: *\n*'
            print -r -- ${(M)${(f)${seen//$'\r'}}:#got:*}
        done
        zpty -d z
    "#;
    program("zsh")
        .env("TERM", "dumb")
        .args(["-f", "-c", script, "zsh"])
        .arg(golden(""))
        .run()
        .stdout(
            "got: --token-file\n\
             got: --completions fish\n\
             got: --method=PATCH\n\
             got: -X PUT\n\
             got: check --dr\n",
        )
        .code(0);
}

#[test]
fn fish_completes() {
    if !need("fish") {
        return;
    }
    let script = "source $argv[1]; complete -C 'authpost --token-'; complete -C 'authpost --completions '; \
                  complete -C 'authpost ch'; complete -C 'authpost x://y --dry'; complete -C 'authpost check --dry'";
    let home = dir();
    program("fish")
        .env("HOME", home.path())
        .args(["--no-config", "-c", script])
        .arg(golden("authpost.fish"))
        .run()
        .stdout(
            "--token-command\trun COMMAND with sh -c; its output is the token\n\
             --token-env\tread the token from environment variable NAME\n\
             --token-file\tread the token from FILE\n\
             bash\tprint a shell completion script\n\
             fish\tprint a shell completion script\n\
             zsh\tprint a shell completion script\n\
             check\ttest the setup; send neither the document nor the token\n\
             --dry-run\tprint the request, but do not send it\n",
        )
        .code(0);
}

//! What is for a person at a terminal alone: colours.
use crate::support::{Ran, Response, Runner, Server, conn, test};

const JSON: &str = r#"{"a":["x\u001b",-1.50e3,true],"b":{}}"#;

const PRETTY_COLORED: &str = "{\n  \x1b[1m\"a\"\x1b[0m: [\n    \x1b[32m\"x\\u001b\"\x1b[0m,\n    \x1b[36m-1.50e3\x1b[0m,\n    \
                              \x1b[35mtrue\x1b[0m\n  ],\n  \x1b[1m\"b\"\x1b[0m: {}\n}\n";

const COLORED: &str = "{\x1b[1m\"a\"\x1b[0m:[\x1b[32m\"x\\u001b\"\x1b[0m,\x1b[36m-1.50e3\x1b[0m,\x1b[35mtrue\x1b[0m],\
                       \x1b[1m\"b\"\x1b[0m:{}}";

const OK: &str = "\x1b[32mHTTP/1.1 200 OK\x1b[0m\n";

/// A run that is given this answer.
fn post(answer: impl Into<Vec<u8>>, with: impl FnOnce(Runner) -> Runner) -> Ran {
    let server = Server::script([conn().read().reply(answer).close()]);
    let run = test().token("t0ken").args([server.url("/"), "--tries=1"]);
    with(run).run()
}

fn xterm(run: Runner) -> Runner {
    run.tty().env("TERM", "xterm")
}

#[test]
fn each_output_is_coloured_if_it_is_a_terminal() {
    let answer = || Response::json(200, JSON);
    post(answer(), |run| xterm(run).shell("exec \"$@\" 2>err"))
        .stdout(PRETTY_COLORED)
        .code(0);
    post(answer(), |run| xterm(run).shell("exec \"$@\" 2>&1 >out"))
        .stdout(OK)
        .code(0);
    let both = post(answer(), |run| xterm(run).shell("exec \"$@\" 2>&1"));
    both.stdout(format!("{OK}{PRETTY_COLORED}")).code(0);
    post(answer(), |run| run.env("TERM", "xterm"))
        .stdout(JSON)
        .stderr("HTTP/1.1 200 OK\n")
        .code(0);
}

/// Whether a run is coloured: with these variables, this option, and on a terminal or not.
#[track_caller]
fn assert_color(env: &[(&str, &str)], option: &str, is_terminal: bool, is_colored: bool) {
    let output = post(Response::json(200, "1"), |run| {
        let run = run.args(Some(option).filter(|it| !it.is_empty()));
        let run = env
            .iter()
            .fold(run, |run, (name, value)| run.env(name, value));
        match is_terminal {
            true => run.tty().shell("exec \"$@\" 2>&1"),
            false => run.shell("exec \"$@\" 2>&1"),
        }
    });
    let expected = match is_colored {
        true => format!("{OK}\x1b[36m1\x1b[0m\n"),
        false => "HTTP/1.1 200 OK\n1\n".to_owned(),
    };
    output.stdout(expected).code(0);
}

#[test]
fn the_option_decides_before_the_variables_and_they_before_the_terminal() {
    let (xterm, none) = (("TERM", "xterm"), ("NO_COLOR", "1"));
    let (dumb, force) = (("TERM", "dumb"), ("CLICOLOR_FORCE", "1"));
    for (env, option, terminal, colored) in [
        (&[xterm][..], "", true, true),
        (&[xterm], "", false, false),
        (&[xterm], "--color=never", true, false),
        (&[xterm], "--color=always", false, true),
        (&[dumb], "", true, false),
        (&[], "", true, false),
        (&[("TERM", "")], "", true, false),
        (&[dumb], "--color=always", true, true),
        (&[xterm, none], "", true, false),
        (&[xterm, none], "--color=auto", true, false),
        (&[xterm, none], "--color=always", true, true),
        (&[xterm, ("NO_COLOR", "")], "", true, true),
        (&[force], "", false, true),
        (&[dumb, force], "", true, true),
        (&[force], "--color=never", false, false),
        (&[("CLICOLOR_FORCE", "0")], "", false, false),
        (&[("CLICOLOR_FORCE", "")], "", false, false),
        (&[force, none], "", false, false),
    ] {
        println!("{env:?} {option:?} on a terminal: {terminal}");
        assert_color(env, option, terminal, colored);
    }
}

#[test]
fn the_config_file_can_say_it_too() {
    let config = |run: Runner| {
        run.file("config", "--color=always")
            .env("AUTHPOST_CONFIG", "config")
    };
    post(Response::json(200, "null"), config)
        .stdout("\x1b[35mnull\x1b[0m")
        .stderr(OK)
        .code(0);
    post(Response::json(200, "null"), |run| {
        config(run).arg("--color=auto")
    })
    .stdout("null")
    .stderr("HTTP/1.1 200 OK\n")
    .code(0);
}

#[test]
fn json_in_a_pipe_is_coloured_as_it_is() {
    let always = |run: Runner| run.arg("--color=always");
    // A key that a line break parts from its colon, and white space.
    let spaced = " {\"k\"\r\n\t: \"\\\"\" } \n";
    for (body, colored) in [
        (JSON, COLORED),
        (
            spaced,
            " {\x1b[1m\"k\"\x1b[0m\r\n\t: \x1b[32m\"\\\"\"\x1b[0m } \n",
        ),
        ("\"\"", "\x1b[32m\"\"\x1b[0m"),
    ] {
        post(Response::json(200, body), always)
            .stdout_bytes(colored)
            .stderr(OK)
            .code(0);
    }
    // Without the colours it is byte for byte what came, however large.
    let large = format!("[{}]", vec![JSON; 40_000].join(",\n"));
    let output = post(Response::json(200, &*large), always)
        .stdout_like("**")
        .stderr(OK)
        .code(0);
    let codes = ["\x1b[0m", "\x1b[1m", "\x1b[32m", "\x1b[35m", "\x1b[36m"];
    let plain = codes
        .iter()
        .fold(output.stdout, |text, code| text.replace(code, ""));
    assert!(plain == large);
}

#[test]
fn what_is_not_json_is_not_coloured() {
    for body in ["plain text", "{\"cut", "{} {}", "<p>1</p>"] {
        post(Response::json(200, body), |run| run.arg("--color=always"))
            .stdout(body)
            .stderr(OK)
            .code(0);
    }
}

#[test]
fn with_colours_nothing_of_the_api_is_obeyed_either() {
    let hostile = "\x1b]52;c;eA==\x07\u{9b}2Jx\u{202e}y\x7f";
    let shown = r"\u001b]52;c;eA==\u0007\u009b2Jx\u202ey\u007f";
    for args in [&["--color=always"][..], &["--color=always", "--pretty"]] {
        post(Response::json(200, hostile), |run| run.args(args))
            .stdout(shown)
            .stderr(OK)
            .code(0);
    }
    // JSON text may hold these as they are.
    let (raw, shown) = ("\u{9b}2J\u{202e}\x7f", r"\u009b2J\u202e\u007f");
    let body = format!("{{\"{raw}\":\"{raw}\"}}");
    let colored = format!("{{\x1b[1m\"{shown}\"\x1b[0m:\x1b[32m\"{shown}\"\x1b[0m}}");
    post(Response::json(200, &*body), |run| run.arg("--color=always"))
        .stdout(&colored)
        .stderr(OK)
        .code(0);
    post(Response::new(400, &b"\x1b[2J"[..]), |run| {
        run.args(["--color=always", "--report"])
    })
    .stdout_like("{*\"text\":\"\\u001b[2J\"}\n")
    .stderr("\x1b[1;31mauthpost:\x1b[0m the API answered 400 Bad Request\n")
    .code(76);
}

#[test]
fn errors_and_hints_are_coloured() {
    let failed = "\x1b[1;31mauthpost:\x1b[0m ";
    post(Response::json(301, "{}"), |run| run.arg("--color=always"))
        .stdout("{}")
        .stderr_like(&format!(
            "\x1b[1;31mHTTP/1.1 301 Moved Permanently\x1b[0m\n{failed}*\n\x1b[36mhint:\x1b[0m **"
        ))
        .code(76);
    // Also where the option stands behind what is wrong, and where it is itself wrong.
    test()
        .args(["--zzz", "--color=always"])
        .run()
        .stderr(format!(
            "{failed}reading the arguments: there is no option --zzz\n\
             \x1b[36mhint:\x1b[0m 'authpost --help' lists all options\n"
        ))
        .code(64);
    test()
        .args(["--color", "sometimes"])
        .run()
        .stderr(
            "authpost: reading --color: 'sometimes' is none of auto, always and never\n\
             hint: --color auto|always|never: colour the output [default: auto]\n",
        )
        .code(64);
}

#[test]
fn every_verb_takes_the_option() {
    let server = Server::handler(|_| Response::json(200, "{}"));
    let colored = |args: &[&str]| {
        test()
            .token("t0ken")
            .file("lines", "1\nx\n")
            .arg("--color=always")
            .args(args)
    };
    colored(&["check", server.url("/")])
        .run()
        .stdout_like("**\x1b[32mok  \x1b[0m  **")
        .code(0);
    colored(&["--dry-run", server.url("/"), "a:=1"])
        .run()
        .stdout_like("POST **\n\n{\x1b[1m\"a\"\x1b[0m:\x1b[36m1\x1b[0m}\n")
        .code(0);
    colored(&["--lines=lines", "--rate=1000", server.url("/")])
        .run()
        .stderr_like("\x1b[1;31mauthpost:\x1b[0m line 2: not JSON: **")
        .code(65);
    for verb in [&["flush", "no"][..], &["list", "no"], &["show", "no", "id"]] {
        colored(verb)
            .run()
            .stderr_like("\x1b[1;31mauthpost:\x1b[0m using the spool 'DIR/no': **")
            .code(66);
    }
}

#[test]
fn what_programs_read_is_not_coloured() {
    let always = |option: &'static str| move |run: Runner| run.args(["--color=always", option]);
    post(Response::json(200, JSON), always("--pick=/a"))
        .stdout("[\"x\\u001b\",-1.50e3,true]\n")
        .code(0);
    post(Response::json(200, JSON), always("--report"))
        .stdout_like(&format!(
            "{{\"outcome\":\"accepted\",*\"response\":{JSON},*}}\n"
        ))
        .code(0);
}

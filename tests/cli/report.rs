//! `--report`: one record for each document, whatever becomes of it.
use crate::support::{Response, Runner, Server, conn, dir, test};

/// A record of a document that was not sent, because of this `error`.
fn unsent(exit: i32, target: &str, error: &str) -> String {
    format!(
        "{{\"outcome\":\"unsent\",\"exit\":{exit},\"status\":null,\"tries\":0,\"seconds\":0.000,\"key\":null,\
         {target},\"error\":\"{error}\",\"complete\":null,\"response\":null,\"text\":null}}\n"
    )
}

const NOWHERE: &str = "\"method\":null,\"url\":null";
const API: &str = "\"method\":\"POST\",\"url\":\"https://api.example.com/d\"";

/// Runs it with and without `-q`: the record is the same.
fn expect(run: impl Fn() -> Runner, args: &[&str], code: i32, record: &str) {
    for quiet in [&[][..], &["-q"]] {
        let ran = run().args(args).arg("--report").args(quiet).run();
        ran.stdout(record).stderr_like("authpost: **").code(code);
    }
}

#[test]
fn what_keeps_a_run_from_beginning_is_a_record_too() {
    let to = |args: &[&'static str]| [&["https://api.example.com/d"], args].concat();
    let token = || test().token("t0ken");

    // 64: the command line, wherever --report stands in it.
    let unknown = "reading the arguments: there is no option --bogus";
    expect(token, &to(&["--bogus"]), 64, &unsent(64, NOWHERE, unknown));
    expect(
        token,
        &to(&["--bogus=x"]),
        64,
        &unsent(64, NOWHERE, unknown),
    );
    let none = "reading the command line: there is no URL";
    expect(token, &[], 64, &unsent(64, NOWHERE, none));
    let both = "reading the command line: --pick and --report are both given";
    expect(token, &to(&["--pick=/a"]), 64, &unsent(64, NOWHERE, both));
    // 65 and 66: the document.
    let data = "checking --data: not JSON: line 1, column 2: the document ends too early";
    expect(token, &to(&["-d{"]), 65, &unsent(65, API, data));
    let input = "opening 'nope': No such file or directory";
    expect(token, &to(&["-d@nope"]), 66, &unsent(66, API, input));
    expect(token, &to(&["--lines=nope"]), 66, &unsent(66, API, input));
    // 78: the token.
    let unset = "reading the environment variable AUTHPOST_TOKEN: it is not set";
    expect(test, &to(&["a=1"]), 78, &unsent(78, API, unset));
    // 73: the spool.
    let file = || token().file("spool", "");
    let record = "using the spool 'DIR/spool': it is not a directory";
    expect(file, &to(&["--spool=spool"]), 73, &unsent(73, API, record));
}

#[test]
fn a_config_file_can_ask_for_records() {
    let config = || {
        test()
            .env("AUTHPOST_CONFIG", "config")
            .file("config", "--report\n--bogus\n")
    };
    config()
        .arg("https://api.example.com/d")
        .run()
        .stdout(unsent(
            78,
            NOWHERE,
            "reading the config file 'config': reading the arguments: there is no option --bogus",
        ))
        .stderr_like("authpost: **")
        .code(78);
    // A value that looks like the option is none.
    test()
        .args(["--data", "--report", "--bogus"])
        .run()
        .stderr_like("authpost: **")
        .code(64);
}

#[test]
fn a_line_that_a_missing_token_holds_back_has_a_record() {
    let target = format!("{API},\"line\":1");
    let unset = "reading the environment variable AUTHPOST_TOKEN: it is not set";
    test()
        .file("lines", "1\n2\n")
        .args(["--lines=lines", "--report", "https://api.example.com/d"])
        .run()
        .stdout(unsent(78, &target, unset))
        .stderr_like("authpost: **")
        .code(78);
}

#[test]
fn a_document_that_only_the_spool_took_has_a_record() {
    let d = dir();
    test()
        .in_dir(&d)
        .args(["--report", "-q", "--spool=spool", "--idempotency-key=k", "https://api.example.com/d", "a=1"])
        .run()
        .stdout(
            "{\"outcome\":\"spooled\",\"exit\":78,\"status\":null,\"tries\":0,\"seconds\":0.000,\"key\":\"k\",\
             \"method\":\"POST\",\"url\":\"https://api.example.com/d\",\
             \"error\":\"reading the environment variable AUTHPOST_TOKEN: it is not set\",\"complete\":null,\"response\":null,\"text\":null}\n",
        )
        .stderr_like("authpost: **stored in the spool as **")
        .code(78);
}

#[test]
fn success_is_a_record_even_with_quiet() {
    let server = Server::script([conn().read().reply_json(200, "{\"ok\":1}").close()]);
    test()
        .token("t0ken")
        .args(["-q", "--report", server.url("/"), "a=1"])
        .run()
        .stdout_like("{\"outcome\":\"accepted\",*,\"response\":{\"ok\":1},\"text\":null}\n")
        .code(0);
}

#[test]
fn a_json_string_is_told_from_plain_text() {
    for (body, told) in [
        ("\"yes\"", r#""response":"yes","text":null"#),
        ("yes", r#""response":null,"text":"yes""#),
        ("null", r#""response":null,"text":null"#),
        ("", r#""response":null,"text":"""#),
    ] {
        let server = Server::script([conn().read().reply(Response::json(200, body)).close()]);
        test()
            .token("t0ken")
            .args(["--report", server.url("/"), "a=1"])
            .run()
            .stdout_like(&format!("{{*,{told}}}\n"))
            .code(0);
    }
}

#[test]
fn what_cannot_be_printed_after_it_was_accepted_is_not_called_unsent() {
    let server = Server::script([conn().read().reply_json(200, "{}").close()]);
    test()
        .token("t0ken")
        .args(["--report", server.url("/"), "a=1"])
        .shell("exec \"$@\" >/dev/full")
        .run()
        .stderr_like(
            "authpost: writing to standard output: No space left on device\n\
             hint: the API has accepted the document: **",
        )
        .code(73);
}

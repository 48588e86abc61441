//! The exit codes: one test for each, and the table that `--help` shows.
use crate::support::{Ran, Response, Server, Unreachable, conn, last_line, test};

/// 70 alone has no other test: whoever can reach it has found a bug.
#[test]
fn help_lists_them() {
    let help = test().arg("--help").run().stdout_like("**").code(0).stdout;
    let (_, table) = help
        .split_once("\nExit codes, as in sysexits(3):\n")
        .unwrap();
    let (table, _) = table.split_once("\n\n").unwrap();
    // A row starts with its number; what follows its name and is indented below explains it.
    let rows: Vec<(i32, &str)> = table
        .lines()
        .filter_map(|line| {
            let mut words = line.split_ascii_whitespace();
            Some((words.next()?.parse().ok()?, words.next()?))
        })
        .collect();
    let failures = last_line::EXITS;
    assert_eq!(rows, [&[(0, "OK")], &failures[..]].concat(), "{table}");
}

/// A run to an API that answers so, for as long as it is asked.
fn answered(answer: Response, args: &[&str]) -> Ran {
    let server = Server::handler(move |_| answer.clone());
    let run = test()
        .token("t0ken")
        .args([server.url("/"), "--tries=2", "--wait=0"]);
    run.args(args).run()
}

/// What stderr says of an answer with this status and no body.
fn said(status: &str, hint: &str) -> String {
    let hint = match hint {
        "" => String::new(),
        hint => format!("hint: {hint}\n"),
    };
    format!("HTTP/1.1 {status}\nauthpost: the API answered {status}\n{hint}")
}

#[test]
fn exit_0_is_accepted() {
    for (code, status) in [
        (200, "200 OK"),
        (201, "201 Created"),
        (202, "202 Accepted"),
        (204, "204 No Content"),
    ] {
        answered(Response::new(code, ""), &[])
            .stderr(format!("HTTP/1.1 {status}\n"))
            .code(0);
    }
    let args = ["--expect=/ok:=true", "--expect=/status=done"];
    let answer = Response::json(200, r#"{"status":"done","ok":true}"#);
    answered(answer.clone(), &args)
        .stdout(r#"{"status":"done","ok":true}"#)
        .stderr("HTTP/1.1 200 OK\n")
        .code(0);
}

#[test]
fn exit_64_is_a_wrong_command_line() {
    let run = test()
        .token("t0ken")
        .arg("https://api.example.com/")
        .arg("key")
        .run();
    run.stderr(
        "authpost: reading the item 'key': no '=' in it\n\
         hint: write KEY=TEXT, KEY:=JSON, KEY=@FILE or KEY:=@FILE\n",
    )
    .code(64);
}

#[test]
fn exit_65_is_a_document_that_is_not_json() {
    let server = Server::never();
    let run = test().token("t0ken").args([server.url("/"), "-d{]"]).run();
    run.stderr(
        "authpost: checking --data: not JSON: line 1, column 2: expected a key or '}', found ']'\n",
    )
    .code(65);
}

#[test]
fn exit_66_is_an_input_that_cannot_be_read() {
    let server = Server::never();
    let run = test()
        .token("t0ken")
        .args([server.url("/"), "-d@nope"])
        .run();
    run.stderr("authpost: opening 'nope': No such file or directory\n")
        .code(66);
}

#[test]
fn exit_69_is_an_api_that_keeps_failing() {
    for status in [
        "408 Request Timeout",
        "425 Too Early",
        "429 Too Many Requests",
        "503 Service Unavailable",
    ] {
        let code = status[..3].parse().unwrap();
        let stderr = said(status, "").trim_end().to_owned() + " (2 attempts)\n";
        answered(Response::new(code, ""), &[])
            .stderr(stderr)
            .code(69);
    }
    for status in [
        "500 Internal Server Error",
        "501 Not Implemented",
        "502 Bad Gateway",
        "504 Gateway Timeout",
        "599",
    ] {
        let code = status[..3].parse().unwrap();
        let hint = "the API may have accepted it; say --idempotent to have it sent again";
        answered(Response::new(code, ""), &[])
            .stderr(said(status, hint))
            .code(69);
    }
}

#[test]
fn exit_73_is_an_output_that_cannot_be_written() {
    let server = Server::script([conn().read().reply_json(200, "1")]);
    let run = test()
        .token("t0ken")
        .arg(server.url("/"))
        .shell("exec \"$@\" >/dev/full");
    run.run()
        .stderr(
            "HTTP/1.1 200 OK\n\
             authpost: writing to standard output: No space left on device\n\
             hint: the API has accepted the document: make room for the output, and do not send it again\n",
        )
        .code(73);
}

#[test]
fn exit_74_is_sent_without_a_complete_answer() {
    let hint =
        "hint: the API may have accepted it: check before sending it again, or say --idempotent\n";
    for (script, why) in [
        (
            conn().read().close(),
            "waiting for the answer of http://127.0.0.1:PORT: the connection was closed",
        ),
        (
            conn().read().reset(),
            "waiting for the answer of http://127.0.0.1:PORT: Connection reset by peer",
        ),
        (
            conn().read().reply("HTTP/1.1 200 OK\r\nX-").close(),
            "reading the answer of http://127.0.0.1:PORT: the connection was closed",
        ),
    ] {
        let server = Server::script([script]);
        let run = test().token("t0ken").args([server.url("/"), "a=b"]).run();
        run.stderr(format!("authpost: {why}\n{hint}")).code(74);
    }
    let server = Server::script([conn()
        .read()
        .reply("220 smtp.example.com ESMTP\r\n")
        .close()]);
    let run = test().token("t0ken").args([server.url("/"), "a=b"]).run();
    run.stderr_like(&format!(
        "authpost: reading the answer of http://127.0.0.1:PORT: what came is not HTTP (*)\n{hint}"
    ))
    .code(74);
}

#[test]
fn exit_75_is_never_reached() {
    let refusing = Unreachable::refusing();
    let run = test().token("t0ken").args([refusing.url("/"), "--tries=1"]);
    run.word(refusing.port().to_string(), "CLOSED")
        .run()
        .stderr("authpost: connecting to http://127.0.0.1:CLOSED: Connection refused\n")
        .code(75);
}

#[test]
fn exit_76_is_refused() {
    for (status, hint) in [
        (
            "304 Not Modified",
            "redirects are never followed, so that the token goes nowhere else: use the new address",
        ),
        ("400 Bad Request", ""),
        ("402 Payment Required", ""),
        ("404 Not Found", "check the path in the URL"),
        ("405 Method Not Allowed", ""),
        ("409 Conflict", ""),
        ("410 Gone", "check the path in the URL"),
        ("413 Payload Too Large", ""),
        ("415 Unsupported Media Type", ""),
        ("422 Unprocessable Entity", ""),
        ("499", ""),
    ] {
        let code = status[..3].parse().unwrap();
        answered(Response::new(code, ""), &[])
            .stderr(said(status, hint))
            .code(76);
    }
    for status in [
        "301 Moved Permanently",
        "302 Found",
        "303 See Other",
        "307 Temporary Redirect",
        "308 Permanent Redirect",
    ] {
        let code = status[..3].parse().unwrap();
        let elsewhere = Server::never();
        let target = elsewhere.url("/new");
        answered(Response::new(code, "").header("Location", target), &[])
            .stderr(format!(
                "HTTP/1.1 {status}\n\
                 authpost: the API answered {status} and points to http://127.0.0.1:PORT/new\n\
                 hint: redirects are never followed, so that the token goes nowhere else: use the new address\n"
            ))
            .code(76);
    }
    let expect = |answer: &str, args: &[&str], why: &str| {
        answered(Response::json(200, answer), args)
            .stdout(answer)
            .stderr(format!(
                "HTTP/1.1 200 OK\nauthpost: the API answered 200 OK, but {why}\n\
                 hint: look at what the API says, and at the pointer\n  {answer}\n"
            ))
            .code(76);
    };
    expect(
        r#"{"ok":false}"#,
        &["--expect=/ok:=true"],
        "'/ok' is false, not true",
    );
    expect(
        r#"{"ok":1.0}"#,
        &["--expect=/ok:=1", "--expect=/ok=1"],
        "'/ok' is 1.0, not \"1\"",
    );
    expect(
        r#"{"ok":true}"#,
        &["--expect=/id=7"],
        "there is nothing at '/id'",
    );
    expect("OK", &["--expect=/ok:=true"], "not with JSON");
}

#[test]
fn exit_77_is_a_refused_token() {
    for (status, hint) in [
        (
            "401 Unauthorized",
            "the token is wrong or has expired: get a new one",
        ),
        (
            "403 Forbidden",
            "the token is known, but may not do this: ask for the right",
        ),
        (
            "407 Proxy Authentication Required",
            "give the proxy's user and password in HTTPS_PROXY",
        ),
    ] {
        let code = status[..3].parse().unwrap();
        answered(Response::new(code, ""), &[])
            .stderr(said(status, hint))
            .code(77);
    }
}

#[test]
fn exit_78_is_a_token_a_certificate_or_a_config_file_that_cannot_be_used() {
    let run = test().token(" ").arg("https://api.example.com/").run();
    run.stderr(
        "authpost: reading the environment variable AUTHPOST_TOKEN: it is empty\n\
         hint: it must hold the token and nothing else, not even the word Bearer\n",
    )
    .code(78);
    let run = test()
        .token("t0ken")
        .args(["https://api.example.com/", "--cacert=nope"])
        .run();
    run.stderr(
        "authpost: reading the trusted certificates (--cacert) from 'nope': No such file or directory\n\
         hint: give the path of a PEM file that this user can read\n",
    )
    .code(78);
    let run = test()
        .token("t0ken")
        .args(["https://api.example.com/", "--config=nope"])
        .run();
    run.stderr(
        "authpost: reading the config file 'nope': No such file or directory\n\
         hint: give --config or AUTHPOST_CONFIG the path of a text file that this user can read\n",
    )
    .code(78);
}

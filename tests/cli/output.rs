//! What is printed, and where: the answer on stdout, everything about it on stderr, and what happens when neither can be.
use crate::support::{
    Ca, Leaf, Output, Ran, Response, Runner, Server, Tls, Unreachable, conn, find, need, test,
};

const STATUS: &str = "HTTP/1.1 200 OK\n";

/// A document whose every byte matters: order, a key twice, numbers that no machine number holds, escapes.
const PARTICULAR: &str =
    r#"{"b":1.10,"a":[1e400,12345678901234567890123],"a":{},"c":[],"\u00e4":"\/é","d":{"e":null}}"#;

const PARTICULAR_PRETTY: &str = r#"{
  "b": 1.10,
  "a": [
    1e400,
    12345678901234567890123
  ],
  "a": {},
  "c": [],
  "\u00e4": "\/é",
  "d": {
    "e": null
  }
}
"#;

/// The answer to a run with these arguments.
fn answered(answer: impl Into<Vec<u8>>, args: &[&str]) -> Ran {
    run_answered(answer, args, |run| run)
}

fn run_answered(
    answer: impl Into<Vec<u8>>,
    args: &[&str],
    with: impl FnOnce(Runner) -> Runner,
) -> Ran {
    let server = Server::script([conn().read().reply(answer).close()]);
    let run = test()
        .token("t0ken")
        .args([server.url("/data"), "--tries=1"])
        .args(args);
    with(run).run()
}

fn json(body: &str) -> Response {
    Response::json(200, body)
}

#[test]
fn the_answer_is_passed_on_untouched() {
    for body in [
        PARTICULAR,
        "",
        "[1,\r\n2]\r\n",
        "plain text",
        "\u{1b}[31m",
        "{\"cut",
    ] {
        answered(json(body), &[])
            .stdout_bytes(body)
            .stderr(STATUS)
            .code(0);
    }
    let bytes: Vec<u8> = (0..=255).collect();
    answered(Response::new(200, bytes.clone()), &[])
        .stdout_bytes(bytes)
        .stderr(STATUS)
        .code(0);
    answered(Response::new(204, ""), &[])
        .stderr("HTTP/1.1 204 No Content\n")
        .code(0);
    let empty = "HTTP/1.1 204 No Content\r\n\r\n";
    answered(empty, &["--pretty"])
        .stderr("HTTP/1.1 204 No Content\n")
        .code(0);
}

#[test]
fn pretty_changes_white_space_alone() {
    let pretty = |body: &str| answered(json(body), &["--pretty"]).stderr(STATUS);
    pretty(PARTICULAR).stdout(PARTICULAR_PRETTY).code(0);
    pretty(PARTICULAR_PRETTY).stdout(PARTICULAR_PRETTY).code(0);
    pretty(" 1.10 ").stdout("1.10\n").code(0);
    // What is not JSON stays as it is.
    for body in ["<a>\n</a>", "{\"cut", "{} {}", ""] {
        pretty(body).stdout(body).code(0);
    }
}

#[test]
fn a_terminal_gets_it_indented() {
    let tty = |body: &str| run_answered(json(body), &[], Runner::tty).stderr(STATUS);
    tty(PARTICULAR).stdout(PARTICULAR_PRETTY).code(0);
    tty("plain text").stdout("plain text\n").code(0);
    tty("").code(0);
    let picked = run_answered(json(PARTICULAR), &["--pick=/d"], Runner::tty);
    picked.stdout("{\"e\":null}\n").code(0);
}

/// What an API may send to a terminal: a clipboard filled, a sequence in one character, a line overwritten, a text turned.
const HOSTILE: &str = "\u{1b}]52;c;eA==\u{7}\u{9b}2Jno\rye\u{202e}s\u{7f}";
const HOSTILE_SHOWN: &str = r"\u001b]52;c;eA==\u0007\u009b2Jno\u000dye\u202es\u007f";

#[test]
fn a_terminal_is_given_nothing_to_obey() {
    let tty = |body: &str, args: &[&str]| run_answered(json(body), args, Runner::tty);
    // What is not JSON. Line ends and tabs are harmless.
    tty(&format!("a\tb\r\n{HOSTILE}\nä€😀"), &[])
        .stdout(format!("a\tb\r\n{HOSTILE_SHOWN}\nä€😀\n"))
        .stderr(STATUS)
        .code(0);
    run_answered(
        Response::new(200, *b"\x9b2J\xe2\x82\xff\x1b"),
        &[],
        Runner::tty,
    )
    .stdout("\\x9b2J\\xe2\\x82\\xff\\u001b\n")
    .stderr(STATUS)
    .code(0);
    // JSON, whose strings may hold all but the first of these controls as they are; it stays the same JSON.
    let raw = &HOSTILE[HOSTILE.find('\u{9b}').unwrap()..].replace('\r', "");
    let shown = &HOSTILE_SHOWN[HOSTILE_SHOWN.find(r"\u009b").unwrap()..].replace(r"\u000d", "");
    let body = format!(r#"{{"{raw}":["{raw}"]}}"#);
    tty(&body, &[])
        .stdout(format!("{{\n  \"{shown}\": [\n    \"{shown}\"\n  ]\n}}\n"))
        .stderr(STATUS)
        .code(0);
    tty(&body, &["--report"])
        .stdout_like(&format!(
            "{{**\"response\":{{\"{shown}\":[\"{shown}\"]}},\"text\":null}}\n"
        ))
        .code(0);
    let text = serde_json::to_string(HOSTILE).unwrap();
    tty(&format!("[{text}]"), &["--pick=/0"])
        .stdout(
            format!("{text}\n")
                .replace('\u{202e}', "\\u202e")
                .replace('\u{9b}', "\\u009b")
                .replace('\u{7f}', "\\u007f"),
        )
        .code(0);
    // Into a pipe all of it goes as it is.
    answered(json(&body), &[])
        .stdout(&body)
        .stderr(STATUS)
        .code(0);
    answered(json(&body), &["--pretty"])
        .stdout(format!("{{\n  \"{raw}\": [\n    \"{raw}\"\n  ]\n}}\n"))
        .stderr(STATUS)
        .code(0);
    answered(json(&format!("[{text}]")), &["--pick=/0"])
        .stdout(format!("{text}\n"))
        .code(0);
}

#[test]
fn pick_prints_one_value() {
    let pick = |pointer: &str, value: &str| {
        let ran = answered(json(PARTICULAR), &["--pick", pointer]);
        ran.stdout(value).code(0);
    };
    pick("/b", "1.10\n");
    pick("/d", "{\"e\":null}\n");
    pick("/d/e", "null\n");
    pick("/ä", "/é\n");
    pick("/c", "[]\n");
    pick("", &format!("{PARTICULAR}\n"));
    // Always in one line, and an empty text is one too.
    let body =
        "{\"id\":\"x-1\",\"text\":\"two\\nlines\\n\",\"none\":\"\",\"laid\":{\n  \"out\": 1\r\n}}";
    for (pointer, value) in [
        ("/id", "x-1\n"),
        ("/text", "\"two\\nlines\\n\"\n"),
        ("/none", "\n"),
        ("/laid", "{   \"out\": 1  }\n"),
    ] {
        answered(json(body), &["--pick", pointer])
            .stdout(value)
            .code(0);
    }
    answered(json(body), &["--pick=/laid", "--pretty"])
        .stdout("{\n  \"out\": 1\n}\n")
        .code(0);
}

#[test]
fn what_pick_does_not_find_is_a_failure() {
    let unmet = |body: &str, why: &str| {
        let quoted = if body.is_empty() {
            String::new()
        } else {
            format!("  {body}\n")
        };
        let ran = answered(json(body), &["--pick=/id"]);
        ran.stderr(format!(
            "authpost: the API answered 200 OK, but {why}\n\
             hint: the API has accepted it: look at what it says, and at the pointer\n{quoted}"
        ))
        .code(76);
    };
    unmet(r#"{"ok":true}"#, "there is nothing at '/id'");
    unmet("[1]", "there is nothing at '/id'");
    unmet("done", "not with JSON");
    unmet("", "not with JSON");
}

#[test]
fn quiet_says_nothing_on_success() {
    answered(json(PARTICULAR), &["-q"]).code(0);
    answered(json(PARTICULAR), &["--quiet", "--pretty"]).code(0);
    answered(json(PARTICULAR), &["-q", "--pick=/b"]).code(0);
    // And all there is to know on failure, in one place.
    let refusal = Response::json(422, "{\"error\":\"key1 is missing\"}");
    answered(refusal, &["-q"])
        .stderr(
            "HTTP/1.1 422 Unprocessable Entity\n\
             authpost: the API answered 422 Unprocessable Entity\n  {\"error\":\"key1 is missing\"}\n",
        )
        .code(76);
}

#[test]
fn verbose_hides_headers_by_what_is_secret() {
    const JWT: &str = "eyJhbGciOiJub25lIn0.e30.c2ln";
    let answer = json("{}")
        .header("Set-Cookie", "session=s3cret")
        .header("X-Auth-Token", "s3cret")
        .header("x_api_key", "s3cret")
        .header("X-User", &format!("id={JWT}; name=n"))
        .header("X-Request-Id", "42")
        .header("SL-Violations", "[{\"path\":\"/a\"}]")
        .header("WWW-Authenticate", "Bearer realm=\"api\"")
        .header("X-OAuth-Scopes", "repo")
        .header(
            "Link",
            "<https://a.test/2?sig=s3cret>; rel=\"next\", <https://a.test/9#s3cret>; rel=\"last\"",
        )
        .header("Retry-After", "\u{9b}31m");
    answered(
        answer,
        &[
            "-v",
            "-HX-Mine: 1",
            "-HX-Session: s3cret",
            "--idempotency-header=X-Once-Key",
            "--idempotency-key=k",
            "a=b",
        ],
    )
    .stdout("{}")
    .stderr(format!(
        "> POST http://127.0.0.1:PORT/data\n\
             > accept: application/json\n\
             > user-agent: authpost/{}\n\
             > content-type: application/json\n\
             > content-length: 9\n\
             > x-mine: 1\n\
             > x-session: (not shown)\n\
             > x-once-key: k\n\
             > authorization: Bearer ********\n\
             < HTTP/1.1 200 OK\n\
             < content-type: application/json\n\
             < set-cookie: (not shown)\n\
             < x-auth-token: (not shown)\n\
             < x_api_key: (not shown)\n\
             < x-user: (not shown)\n\
             < x-request-id: 42\n\
             < sl-violations: [{{\"path\":\"/a\"}}]\n\
             < www-authenticate: Bearer realm=\"api\"\n\
             < x-oauth-scopes: repo\n\
             < link: <https://a.test/2?…>; rel=\"next\", <https://a.test/9#…>; rel=\"last\"\n\
             < retry-after: \u{fffd}31m\n\
             < content-length: 2\n",
        env!("CARGO_PKG_VERSION"),
    ))
    .code(0);
}

#[test]
fn report_is_one_line_about_the_delivery() {
    let report = |answer: Response, line: &str, stderr: &str, code: i32| {
        let args = ["--report", "--idempotency-key=k", "a=b"];
        let ran = answered(answer, &args).stderr(stderr);
        ran.stdout_like(&format!("{line}\n")).code(code);
    };
    let rest =
        r#""tries":1,"seconds":0.*,"key":"k","method":"POST","url":"http://127.0.0.1:PORT/data""#;
    report(
        json("{\"n\":1.10,\n  \"n\": 1e400}\n"),
        &format!(
            r#"{{"outcome":"accepted","exit":0,"status":200,{rest},"error":null,"complete":true,"response":{{"n":1.10,   "n": 1e400}},"text":null}}"#
        ),
        "",
        0,
    );
    report(
        Response::new(200, "two\nlines"),
        &format!(
            r#"{{"outcome":"accepted","exit":0,"status":200,{rest},"error":null,"complete":true,"response":null,"text":"two\nlines"}}"#
        ),
        "",
        0,
    );
    report(
        Response::new(204, ""),
        &format!(
            r#"{{"outcome":"accepted","exit":0,"status":204,{rest},"error":null,"complete":true,"response":null,"text":""}}"#
        ),
        "",
        0,
    );
    report(
        Response::json(400, "[\"no\"]"),
        &format!(
            r#"{{"outcome":"refused","exit":76,"status":400,{rest},"error":"the API answered 400 Bad Request","complete":true,"response":["no"],"text":null}}"#
        ),
        "authpost: the API answered 400 Bad Request\n",
        76,
    );
    report(
        Response::new(503, ""),
        &format!(
            r#"{{"outcome":"unavailable","exit":69,"status":503,{rest},"error":"the API answered 503 Service Unavailable","complete":true,"response":null,"text":""}}"#
        ),
        "authpost: the API answered 503 Service Unavailable\n",
        69,
    );
}

#[test]
fn report_tells_what_never_left_from_what_may_have() {
    let refusing = Unreachable::refusing();
    let args = [
        refusing.url("/?token=s3cret"),
        "--report",
        "--tries=1",
        "--no-idempotency-key",
        "-XPUT",
    ];
    let run = test()
        .token("t0ken")
        .args(args)
        .word(refusing.port().to_string(), "CLOSED");
    run.run()
        .stdout_like("{\"outcome\":\"unsent\",\"exit\":75,\"status\":null,\"tries\":1,\"seconds\":0.*,\"key\":null,\"method\":\"PUT\",\
            \"url\":\"http://127.0.0.1:CLOSED/?…\",\"error\":\"connecting to http://127.0.0.1:CLOSED: Connection refused\",\"complete\":null,\"response\":null,\"text\":null}\n")
        .stderr("authpost: connecting to http://127.0.0.1:CLOSED: Connection refused\n")
        .code(75);

    let server = Server::script([conn().read().close()]);
    let why = "waiting for the answer of http://127.0.0.1:PORT: the connection was closed";
    let run = test()
        .token("t0ken")
        .args([server.url("/"), "--report", "--idempotency-key=k"]);
    run.run()
        .stdout_like(&format!("{{\"outcome\":\"unknown\",\"exit\":74,\"status\":null,\"tries\":1,\"seconds\":0.*,\"key\":\"k\",\"method\":\"POST\",\
            \"url\":\"http://127.0.0.1:PORT/\",\"error\":\"{why}\",\"complete\":null,\"response\":null,\"text\":null}}\n"))
        .stderr(format!(
            "authpost: {why}\n\
             hint: the API may have accepted it: check before sending it again, or say --idempotent\n"
        ))
        .code(74);
}

#[test]
fn a_dry_run_connects_to_nothing_and_says_where_secrets_come_from() {
    let server = Server::never();
    let run = test()
        .file("token", " t0ken-of-36-characters-0123456789abc\n")
        .file("headers", "X-One: 1\nX-Two: s3cret\n")
        .args([
            server.url("/data?a=b"),
            "--dry-run",
            "--token-file=token",
            "-HAccept: text/plain",
        ])
        .args(["--header-file=headers", "-d", " {\"a\": 1}", "-XPATCH"]);
    run.run()
        .stdout(format!(
            "PATCH /data?a=b HTTP/1.1\n\
             host: 127.0.0.1:PORT\n\
             user-agent: authpost/{}\n\
             content-type: application/json\n\
             content-length: 9\n\
             accept: text/plain\n\
             idempotency-key: (a random UUID)\n\
             authorization: Bearer (from token, 36 characters)\n\
             x-one: (from --header-file, 1 characters)\n\
             x-two: (from --header-file, 6 characters)\n\
             \n {{\"a\": 1}}\n",
            env!("CARGO_PKG_VERSION"),
        ))
        .code(0);
    // The document is checked all the same.
    let run = test().args([server.url("/"), "--dry-run", "-d{"]).run();
    run.stderr(
        "authpost: checking --data: not JSON: line 1, column 2: the document ends too early\n",
    )
    .code(65);
    let large = format!("[\"{}\"]", "x".repeat(2 << 20));
    let run =
        test()
            .file("large", &*large)
            .args([server.url(""), "--dry-run", "--no-auth", "-d@large"]);
    let out = run.run().stdout_like("POST / HTTP/1.1\n**").code(0).stdout;
    assert!(out.ends_with("\ncontent-length: 2097156\nidempotency-key: (a random UUID)\n\n(2097156 bytes from a file)\n"), "{out}");
}

/// A dry run with these options, and its last header.
fn dry(run: Runner, options: &[&str]) -> String {
    let url = "https://api.example.com/";
    let run = run.args([url, "--dry-run", "--no-body"]).args(options);
    let out = run.run().stdout_like("POST / HTTP/1.1\n**").code(0).stdout;
    out.trim_end().lines().last().unwrap().to_owned()
}

#[test]
fn a_dry_run_names_the_source_of_the_token() {
    assert_eq!(
        dry(test().token("t0ken"), &[]),
        "authorization: Bearer (from AUTHPOST_TOKEN, 5 characters)"
    );
    let run = test().env("KEY", "a:b");
    assert_eq!(
        dry(run, &["--token-env=KEY", "--auth-scheme=Basic"]),
        "authorization: Basic (from KEY, 3 characters)"
    );
    let run = test().file("t", "0123456789\n");
    assert_eq!(
        dry(run, &["--token-file=t", "--auth-header=X-Key"]),
        "x-key: (from t, 10 characters)"
    );
    assert_eq!(
        dry(test(), &["--token-command=exit 1"]),
        "authorization: Bearer (from --token-command, not fetched)"
    );
    // What can be read only once is left for the run.
    assert_eq!(
        dry(test(), &["--token-file=/dev/stdin"]),
        "authorization: Bearer (from /dev/stdin, not fetched)"
    );
}

#[test]
fn a_dry_run_fails_as_a_run_would_for_what_is_not_there() {
    let server = Server::never();
    for (options, why) in [
        (
            &["--token-file=nope"][..],
            "reading the token file 'nope': No such file or directory",
        ),
        (
            &["--token-env=NOPE"],
            "reading the environment variable that --token-env names: it is not set",
        ),
        (
            &["--token-file=empty"],
            "reading the token file 'empty': it is empty",
        ),
        (
            &["--token-file=two"],
            "reading the token file 'two': the token has white space in it (character 2)",
        ),
        (
            &["--no-auth", "--header-file=nope"],
            "reading the header file 'nope': No such file or directory",
        ),
        (
            &["--token-command=exit 1", "--header-file=two"],
            "reading the header file 'two': line 1: there is no colon in it",
        ),
    ] {
        for lines in [&["k=v"][..], &["--lines=in"]] {
            let run = test()
                .file("empty", "\n")
                .file("two", "a b")
                .file("in", "1\n");
            run.args([server.url("/"), "--dry-run"])
                .args(lines)
                .args(options)
                .run()
                .stderr_like(&format!("authpost: {why}\nhint: *\n"))
                .code(78);
        }
    }
}

#[test]
fn a_failure_quotes_what_the_api_says() {
    let page = "<html>\n<head><title>502 Bad Gateway</title></head>\n\u{1b}[31m\r\n</html>\n";
    answered(Response::new(502, page), &[])
        .stdout(page)
        .stderr(
            "HTTP/1.1 502 Bad Gateway\n\
             authpost: the API answered 502 Bad Gateway\n\
             hint: the API may have accepted it; say --idempotent to have it sent again\n\
             \x20 <html>\n  <head><title>502 Bad Gateway</title></head>\n  \u{fffd}[31m\n  </html>\n",
        )
        .code(69);
    let head = "HTTP/1.1 400 Bad Request\nauthpost: the API answered 400 Bad Request\n";
    let lines: String = (1..=11).map(|n| format!("{n}\n")).collect();
    let quoted: String = (1..=10).map(|n| format!("  {n}\n")).collect();
    answered(Response::new(400, &*lines), &["-q"])
        .stderr(format!("{head}{quoted}  …\n"))
        .code(76);
    let long = "x".repeat(1001);
    answered(Response::new(400, &*long), &["-q"])
        .stderr(format!("{head}  {}\n  …\n", &long[1..]))
        .code(76);
}

#[test]
fn nothing_is_said_twice_in_one_place() {
    // A terminal's or cron's: both outputs are one.
    let refusal = || Response::json(400, "{\"error\":1}");
    run_answered(refusal(), &[], |run| run.shell("exec \"$@\" 2>&1"))
        .stdout(
            "HTTP/1.1 400 Bad Request\nauthpost: the API answered 400 Bad Request\n{\"error\":1}\n",
        )
        .code(76);
    let file = "\"$@\" >both 2>&1; code=$?; /bin/cat both; exit $code";
    run_answered(refusal(), &[], |run| run.shell(file))
        .stdout(
            "HTTP/1.1 400 Bad Request\nauthpost: the API answered 400 Bad Request\n{\"error\":1}\n",
        )
        .code(76);
}

#[test]
fn a_reader_that_went_away_is_no_error() {
    if !need("mkfifo") {
        return;
    }
    let mkfifo = find("mkfifo").unwrap();
    // The pipe's only reader is gone before authpost starts.
    let gone = format!(
        "{} p; (exec 3<p) & exec 4>p; wait; exec \"$@\" >&4 4>&-",
        mkfifo.display()
    );
    let large = format!("\"{}\"", "x".repeat(1 << 20));
    for args in [&[][..], &["--pretty"]] {
        let ran = run_answered(json(&large), args, |run| run.shell(&gone));
        ran.stderr(STATUS).code(0);
    }
    run_answered(json(&large), &["--pick="], |run| run.shell(&gone)).code(0);
    run_answered(json("1"), &["--report"], |run| run.shell(&gone)).code(0);
    test().arg("--help").shell(&gone).run().code(0);
    // Nor is a stderr that nobody reads.
    let gone = gone.replace(">&4", "2>&4");
    run_answered(json("1"), &[], |run| run.shell(&gone))
        .stdout("1")
        .code(0);
}

#[test]
fn a_full_disk_is_told_with_what_became_of_the_document() {
    let full = |run: Runner| run.shell("exec \"$@\" >/dev/full");
    let line = "authpost: writing to standard output: No space left on device\n";
    let taken = "hint: the API has accepted the document: make room for the output, and do not send it again\n";
    for (args, status) in [(&[][..], STATUS), (&["--pick="], ""), (&["--report"], "")] {
        let ran = run_answered(json("[1]"), args, full);
        ran.stderr(format!("{status}{line}{taken}")).code(73);
    }
    // What was refused was refused, whoever could not read it.
    run_answered(Response::json(400, "[1]"), &[], full)
        .stderr(format!(
            "HTTP/1.1 400 Bad Request\nauthpost: the API answered 400 Bad Request\n{line}hint: make room where it goes\n  [1]\n"
        ))
        .code(76);
    // Nothing to write, nothing to tell.
    run_answered(json("[1]"), &["-q"], full).code(0);
    run_answered(json(""), &[], full).stderr(STATUS).code(0);
    for page in ["--help", "-h", "--man", "--version", "--completions=zsh"] {
        let run = full(test().arg(page)).run();
        run.stderr(format!("{line}hint: make room where it goes\n"))
            .code(73);
    }
    run_answered(json("[1]"), &[], |run| run.shell("exec \"$@\" 2>/dev/full"))
        .stdout("[1]")
        .code(0);
}

#[test]
fn closed_outputs_do_no_harm() {
    // The answer must not end up in whatever takes the number of the closed file.
    run_answered(json("[1]"), &["a=b"], |run| run.shell("exec \"$@\" >&-"))
        .stderr(STATUS)
        .code(0);
    run_answered(json("[1]"), &["a=b"], |run| run.shell("exec \"$@\" 2>&-"))
        .stdout("[1]")
        .code(0);
    run_answered(json("[1]"), &["a=b"], |run| {
        run.shell("exec \"$@\" <&- >&- 2>&-")
    })
    .code(0);
}

#[test]
fn a_long_answer_is_cut() {
    let note = "authpost: the answer was cut after 1024 bytes (--max-response)\n";
    let body = "x".repeat(5000);
    answered(Response::new(200, &*body), &["--max-response=1K"])
        .stdout(&body[..1024])
        .stderr(format!("{STATUS}{note}"))
        .code(0);
    // Exactly as much is not cut.
    answered(Response::new(200, &body[..1024]), &["--max-response=1K"])
        .stdout(&body[..1024])
        .stderr(STATUS)
        .code(0);
    // What must be whole is not.
    let args = ["--max-response=1K", "--pick="];
    let quoted = format!("  {}\n  …\n", &body[..1000]);
    answered(Response::new(200, &*body), &args)
        .stderr(format!(
            "authpost: the API answered 200 OK, with more than --max-response holds\n\
             hint: the API has accepted it: look at what it made of it, and raise --max-response\n{quoted}{note}"
        ))
        .code(74);
}

#[test]
fn a_long_answer_does_not_fill_the_memory() {
    // 100 MiB in an address space of 100 MiB, in chunks that never end.
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
    let answer = format!(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{}",
        chunk.repeat(1600)
    );
    let ran = run_answered(answer, &[], |run| {
        run.shell("ulimit -v 102400; exec \"$@\"")
    });
    ran.stdout("x".repeat(16 << 20))
        .stderr(format!(
            "{STATUS}authpost: the answer was cut after 16777216 bytes (--max-response)\n"
        ))
        .code(0);
}

#[test]
fn an_answer_that_breaks_off_is_told() {
    let cut = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"id\":";
    let accepted =
        "authpost: the API accepted the document (200 OK), but its answer broke off after 6 bytes";
    let hint = "hint: do not send it again; look at what the API made of it\n  {\"id\":\n";
    answered(cut, &[])
        .stdout("{\"id\":")
        .stderr(format!(
            "{STATUS}{accepted}: the connection was closed\n{hint}"
        ))
        .code(74);
    answered(cut, &["--pick=/id"])
        .stderr(format!("{accepted}: the connection was closed\n{hint}"))
        .code(74);
    let stalled = Server::script([conn().read().reply(cut).stall()]);
    let args = [stalled.url("/"), "--timeout=300ms"];
    let run = test().token("t0ken").args(args).run();
    run.stdout("{\"id\":")
        .stderr(format!("{STATUS}{accepted}: timed out\n{hint}"))
        .code(74);
}

#[test]
fn an_answer_of_brackets_costs_no_more_than_another() {
    let depth = 1 << 19;
    let nested = format!("{{\"ok\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
    let answer = || Response::json(200, nested.as_str()).to_bytes();
    let bounded = |run: Runner| run.shell("ulimit -v 80000; exec \"$@\" >/dev/null");
    run_answered(answer(), &["--pretty"], bounded)
        .stderr(STATUS)
        .code(0);
    run_answered(answer(), &["-q", "--expect", "/ok:=true"], bounded)
        .stderr_like("**, but '/ok' is [[[*…, not true\n**")
        .code(76);
    run_answered(answer(), &["-q", "--expect", ":={\"ok\":[[[]]]}"], bounded)
        .stderr_like("**, not {\"ok\":[[[]]]}\n**")
        .code(76);
    run_answered(answer(), &["--pick", "/ok/0/0", "--pretty"], bounded).code(0);
}

/// Over TCP and TLS, what comes of an answer of 204 with these headers.
fn with_headers(headers: &str, judged: impl Fn(Ran) -> Output) {
    let ca = Ca::new("Test CA");
    let tls = Tls::new(&ca.issue(Leaf::new("localhost")));
    let interim = "HTTP/1.1 103 Early Hints\r\nLink: </>\r\n\r\n";
    let answer = format!("{interim}HTTP/1.1 204 No Content\r\n{headers}\r\n");
    let connections = || [conn().read().reply(answer.as_str()).stall()];
    for server in [Server::script(connections()), tls.script(connections())] {
        let run = test().file("ca.pem", ca.pem()).args(["--no-auth", "-q"]);
        judged(
            run.args(["--cacert", "ca.pem", server.url("/"), "a=1"])
                .run(),
        );
    }
}

#[test]
fn a_head_may_be_large() {
    let too_much = |why: &'static str| {
        move |ran: Ran| {
            ran.stderr_like(&format!(
                "authpost: reading the answer of http*://*:PORT: {why}\n\
                 hint: the API may have accepted it: check before sending it again, or say --idempotent\n"
            ))
            .code(74)
        }
    };
    let line = "HTTP/1.1 204 No Content\r\nX: \r\n\r\n".len();
    let of = |length: usize| format!("X: {}\r\n", "x".repeat(length - line));
    with_headers(&of(64 << 10), |ran| ran.code(0));
    let larger = too_much("the head of the answer is larger than 64 KiB");
    with_headers(&of((64 << 10) + 1), larger);
    with_headers(&of(1 << 20), larger);
    with_headers(&"X: y\r\n".repeat(128), |ran| ran.code(0));
    let more = too_much("the answer has more than 128 headers");
    with_headers(&"X: y\r\n".repeat(129), more);
}

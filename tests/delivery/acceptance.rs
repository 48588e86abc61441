//! What makes a delivery safe to repeat and its success certain: idempotency keys, and what a 2xx answer must say.
use crate::support::{Conn, Request, Response, Runner, Server, conn, dir, test};

fn quiet() -> Runner {
    test().args(["-q", "--no-auth", "--wait", "1ms"])
}

/// The request that a run with these options makes.
#[track_caller]
fn request(options: &[&str]) -> Request {
    let server = Server::script([conn().read().reply_json(200, "{}")]);
    quiet()
        .args(options)
        .args([server.url("/"), "k=v"])
        .run()
        .code(0);
    server.request()
}

#[track_caller]
fn mistaken(options: &[&str], why: &str, hint: &str) {
    let server = Server::never();
    quiet()
        .args(options)
        .args([server.url("/"), "k=v"])
        .run()
        .stderr(format!("authpost: {why}\nhint: {hint}\n"))
        .code(64);
}

#[test]
fn a_key_is_a_random_uuid_unless_given() {
    let key = |request: &Request| request.header("Idempotency-Key").unwrap().to_owned();
    let random = key(&request(&[]));
    assert_eq!(random.len(), 36);
    assert_eq!(&random[14..15], "4");
    let ours = request(&["--idempotency-key", "order-17/a:b~c"]);
    assert_eq!(key(&ours), "order-17/a:b~c");
    assert_eq!(ours.headers("Idempotency-Key").len(), 1);
}

#[test]
fn the_key_may_travel_in_another_header_or_not_at_all() {
    let other = request(&[
        "--idempotency-header",
        "X-Request-Id",
        "--idempotency-key",
        "K",
    ]);
    assert_eq!(other.header("X-Request-Id"), Some("K"));
    assert_eq!(other.header("Idempotency-Key"), None);
    let random = request(&["--idempotency-header", "X-Request-Id"]);
    assert_eq!(random.header("X-Request-Id").unwrap().len(), 36);
    let none = request(&["--no-idempotency-key"]);
    assert_eq!(none.header("Idempotency-Key"), None);
}

#[test]
fn without_a_key_tries_are_still_safe_where_the_table_says_so() {
    let server = Server::script([conn()
        .read()
        .reply_json(503, "{}")
        .read()
        .reply_json(200, "{}")]);
    quiet()
        .args(["--no-idempotency-key", server.url("/")])
        .run()
        .code(0);
    let server = Server::script([conn()
        .read()
        .reply_json(502, "{}")
        .read()
        .reply_json(200, "{}")]);
    quiet()
        .args(["--no-idempotency-key", "--idempotent", server.url("/")])
        .run()
        .code(0);
}

#[test]
fn keys_that_cannot_be_are_refused() {
    let hint = "--idempotency-key KEY: one id for all attempts [default: random UUID]";
    let why = "reading --idempotency-key: it must be 1 to 255 visible ASCII characters";
    let long = "x".repeat(256);
    for key in ["", "a b", "é", "a\nb", &long] {
        mistaken(&["--idempotency-key", key], why, hint);
    }
    request(&["--idempotency-key", &long[1..]]);
    mistaken(
        &["--idempotency-header", "X Y"],
        "reading --idempotency-header: 'X…' cannot be a header's name",
        "--idempotency-header NAME: header for the idempotency key [default: Idempotency-Key]",
    );
    for options in [
        ["--idempotency-key", "K"],
        ["--idempotency-header", "X-Key"],
    ] {
        mistaken(
            &[&options[..], &["--no-idempotency-key"]].concat(),
            "reading the command line: an idempotency key is asked for, and none at all as well",
            "drop --no-idempotency-key, or --idempotency-key and --idempotency-header",
        );
    }
    mistaken(
        &["-H", "Idempotency-Key: K"],
        "reading -H: the key has an option of its own: --idempotency-key",
        "-H, --header 'NAME: VALUE': add a request header; may be repeated",
    );
}

/// A run that expects this of an answer.
fn expecting(answer: Conn, expectations: &[&str]) -> crate::support::Ran {
    let server = Server::script([answer]);
    let mut run = quiet();
    for expected in expectations {
        run = run.args(["--expect", expected]);
    }
    run.args([server.url("/"), "k=v"]).run()
}

fn answering(body: &str) -> Conn {
    conn().read().reply_json(200, body)
}

#[test]
fn an_answer_must_say_all_that_is_expected() {
    let body =
        r#"{"ok":true,"n":1.50,"s":"text","list":[{"id":7}],"o":{"a":1,"b":null}," a/b~c":"é"}"#;
    for met in [
        &["/ok:=true"][..],
        &["/ok:=true", "/s=text", "/n:=1.5", "/list/0/id:=7"],
        &[r#"/o:={ "b": null, "a": 1 }"#],
        &["/s:=\"te\\u0078t\""],
        &["/ a~1b~0c=é"],
    ] {
        expecting(answering(body), met).code(0);
    }
}

#[test]
fn an_answer_that_says_otherwise_is_refused() {
    let body = r#"{"ok":false,"error":"no such order"}"#;
    for (expected, why) in [
        (&["/ok:=true"][..], "'/ok' is false, not true"),
        (&["/ok=false"], "'/ok' is false, not \"false\""),
        (
            &["/ok:=false", "/error=none"],
            "'/error' is \"no such order\", not \"none\"",
        ),
        (&["/id:=7"], "there is nothing at '/id'"),
    ] {
        expecting(answering(body), expected)
            .stderr(format!(
                "HTTP/1.1 200 OK\n\
                authpost: the API answered 200 OK, but {why}\n\
                hint: look at what the API says, and at the pointer\n  {body}\n"
            ))
            .code(76);
    }
    for (body, quoted) in [
        ("", ""),
        ("<ok/>", "  <ok/>\n"),
        ("{\"ok\":true", "  {\"ok\":true\n"),
    ] {
        expecting(answering(body), &["/ok:=true"])
            .stderr(format!(
                "HTTP/1.1 200 OK\n\
                authpost: the API answered 200 OK, but not with JSON\n\
                hint: look at what the API says, and at the pointer\n{quoted}"
            ))
            .code(76);
    }
}

#[test]
fn a_refusal_is_not_tried_again() {
    let server = Server::script([answering("{\"ok\":false}")]);
    quiet()
        .args(["--idempotent", "--expect", "/ok:=true", server.url("/")])
        .run()
        .stderr_like("**'/ok' is false, not true**")
        .code(76);
    assert_eq!(server.finish().len(), 1);
}

#[test]
fn expectations_count_for_a_success_only() {
    expecting(
        conn().read().reply_json(404, "{\"ok\":true}"),
        &["/ok:=true"],
    )
    .stderr_like("HTTP/1.1 404 Not Found\nauthpost: the API answered 404 Not Found\nhint: *\n**")
    .code(76);
}

#[test]
fn an_answer_that_broke_off_cannot_meet_them() {
    let whole = String::from_utf8(Response::json(200, "{\"ok\":true}").to_bytes()).unwrap();
    let cut = &whole[..whole.len() - 1];
    let told = "HTTP/1.1 200 OK\n\
        authpost: the API answered 200 OK, but its answer broke off: the connection was closed\n\
        hint: the API may have accepted it: check before sending it again\n  {\"ok\":true\n\
        authpost: the answer broke off after 10 bytes: the connection was closed\n";
    let broken = || conn().read().reply(cut).close();
    expecting(broken(), &["/ok:=true"]).stderr(told).code(74);
    let server = Server::script([answering("{\"ok\":true}")]);
    quiet()
        .args(["--max-response", "5", "--expect", "/ok:=true", server.url("/")])
        .run()
        .stderr_like("HTTP/1.1 200 OK\nauthpost: the API answered 200 OK, with more than --max-response holds\n\
            hint: the API may have accepted it: check before sending it again, and raise --max-response\n**")
        .code(74);
}

#[test]
fn expect_and_pick_go_together() {
    let body = r#"{"ok":true,"id":"a7"}"#;
    let run = |options: &[&str]| {
        let server = Server::script([answering(body)]);
        test()
            .args(["--no-auth", "--expect", "/ok:=true"])
            .args(options)
            .arg(server.url("/"))
            .run()
    };
    run(&["--pick", "/id"]).stdout("a7\n").code(0);
    run(&["--pick", "/name"])
        .stderr(
            "authpost: the API answered 200 OK, but there is nothing at '/name'\n\
            hint: the API has accepted it: look at what it says, and at the pointer\n  {\"ok\":true,\"id\":\"a7\"}\n",
        )
        .code(76);
    run(&["--pick", "/id", "--expect", "/id=b8"])
        .stderr(
            "authpost: the API answered 200 OK, but '/id' is \"a7\", not \"b8\"\n\
            hint: look at what the API says, and at the pointer\n  {\"ok\":true,\"id\":\"a7\"}\n",
        )
        .code(76);
    run(&["--report", "--expect", "/id=b8"])
        .stdout_like("{\"outcome\":\"refused\",\"exit\":76,\"status\":200,*\"response\":{\"ok\":true,\"id\":\"a7\"},\"text\":null}\n")
        .stderr_like("**")
        .code(76);
}

#[test]
fn expectations_that_make_no_sense_are_refused() {
    for (expected, why) in [
        (
            "/ok",
            "it has no '=': write /ok:=true, /status=done or !/errors",
        ),
        ("/ok:=nope", "what it expects is not JSON: *"),
        ("/ok:={\"a\":1", "what it expects is not JSON: *"),
        ("ok=1", "*"),
        ("/a~2=1", "*"),
    ] {
        let server = Server::never();
        quiet()
            .args(["--expect", expected, server.url("/")])
            .run()
            .stderr_like(&format!("authpost: reading --expect: {why}\nhint: *\n"))
            .code(64);
    }
}

#[test]
fn a_member_can_be_required_to_be_absent() {
    for (body, code) in [
        (r#"{"ok":1}"#, 0),
        (r#"{"errors":null}"#, 0),
        ("", 0),
        (r#"{"errors":[]}"#, 76),
        (r#"{"errors":false}"#, 76),
        ("<html>", 76),
    ] {
        let server = Server::script([answering(body)]);
        let run = quiet().args(["--expect=!/errors", server.url("/")]).run();
        match code {
            0 => drop(run.code(0)),
            code => drop(run.stderr_like("**").code(code)),
        }
    }
    expecting(answering(r#"{"errors":[{"m":"no"}]}"#), &["!/errors"])
        .stderr(
            "HTTP/1.1 200 OK\n\
             authpost: the API answered 200 OK, but '/errors' is [{\"m\":\"no\"}], not absent or null\n\
             hint: look at what the API says, and at the pointer\n  {\"errors\":[{\"m\":\"no\"}]}\n",
        )
        .code(76);
}

#[test]
fn a_pointer_may_have_an_equals_sign() {
    let body = r#"{"a=b":"c=d","e:":1,"f\\":"g","h:":"="}"#;
    let expected = [r"/a\=b=c=d", r"/e\::=1", r"/f\\=g", r"/h\:=="];
    expecting(answering(body), &expected).code(0);
}

#[test]
fn a_status_can_be_accepted() {
    let run = |status: u16, args: &[&str]| {
        let answer = Response::json(status, r#"{"why":"it exists"}"#);
        let server = Server::script([conn().read().reply(answer).close()]);
        quiet().args(args).arg(server.url("/")).run()
    };
    let args = [
        "--accept-status=409",
        "--accept-status=404",
        "--expect=/ok:=true",
    ];
    run(409, &args).code(0);
    run(404, &args).code(0);
    run(400, &args).stderr_like("HTTP/1.1 400 **").code(76);
    run(200, &args).stderr_like("HTTP/1.1 200 **").code(76);
    run(409, &["--accept-status=409", "--report"])
        .stdout_like("{\"outcome\":\"accepted\",\"exit\":0,\"status\":409,*,\"error\":null,*}\n")
        .code(0);
    // As after a 2xx answer, what broke off is no success.
    let cut = "HTTP/1.1 409 Conflict\r\nContent-Length: 9\r\n\r\n{";
    let server = Server::script([conn().read().reply(cut).close()]);
    quiet()
        .args(["--accept-status=409", server.url("/")])
        .run()
        .stderr_like("**the API accepted the document (409 Conflict), but its answer broke off **")
        .code(74);
    // It says nothing of a 2xx answer: this one is too long for --pick, and accepted.
    run(
        200,
        &["--accept-status=409", "--pick=/why", "--max-response=5"],
    )
    .stderr_like("**\nhint: the API has accepted it: look at what it made of it, and raise --max-response\n**")
    .code(74);
    // As after a 2xx answer, --pick must find something, and what is not found is told.
    let accepted = "--accept-status=409";
    let picking = |answer: Response, args: &[&str]| {
        let server = Server::script([conn().read().reply(answer).close()]);
        let run = test().args(["--no-auth", accepted, server.url("/")]);
        run.args(args).run()
    };
    let exists = || Response::json(409, r#"{"why":"it exists"}"#);
    picking(exists(), &["--pick=/why"])
        .stdout("it exists\n")
        .code(0);
    picking(exists(), &["--pick=/why", "-q"]).code(0);
    picking(exists(), &["--pick=/why", "--expect=/ok:=true"])
        .stdout("it exists\n")
        .code(0);
    for args in [&["--pick=/id"][..], &["--pick=/id", "-q"]] {
        picking(exists(), args)
            .stderr(
                "authpost: the API answered 409 Conflict, but there is nothing at '/id'\n\
                hint: the API has accepted it: look at what it says, and at the pointer\n  {\"why\":\"it exists\"}\n",
            )
            .last_line("the document was accepted, do not send it again")
            .code(76);
    }
    picking(exists(), &["--pick=/why", "--max-response=5"])
        .stderr_like("**\nhint: the API has accepted it: look at what it made of it, and raise --max-response\n**")
        .code(74);
    picking(Response::new(409, "exists"), &["--pick=/id"])
        .stderr_like("authpost: the API answered 409 Conflict, but not with JSON\nhint: the API has accepted it: **")
        .code(76);
    let lines = Server::handler(|_| Response::json(409, r#"{"why":"it exists"}"#));
    test()
        .arg("--no-auth")
        .file("lines", "1\n2\n")
        .args([accepted, "--pick=/id", "--lines=lines", lines.url("/")])
        .run()
        .stdout("\n\n")
        .stderr_like("**2 accepted, 0 refused, 0 not sent*\n")
        .code(76);
    for text in ["200", "600", "x"] {
        let arg = format!("--accept-status={text}");
        test()
            .args(["https://api.example.com/", "a=1", &arg])
            .run()
            .stderr_like(&format!("authpost: reading --accept-status: '{text}' is not a status from 300 to 599\nhint: *\n"))
            .code(64);
    }
}

#[test]
fn a_message_remembers_what_is_accepted() {
    let d = dir();
    let server = Server::script([
        conn().read().reply_json(503, "{}").close(),
        conn().read().reply_json(409, "{}").close(),
        conn().read().reply_json(503, "{}").close(),
        conn().read().reply_json(200, r#"{"errors":1}"#).close(),
    ]);
    let flush = |option: &str| {
        let args = [option, "--tries=1", "--spool=spool", server.url("/")];
        quiet().in_dir(&d).args(args).run().code(0);
        let queue = std::fs::read_dir(d.join("spool/queue")).unwrap();
        let id = queue.last().unwrap().unwrap().file_name();
        let verb = |verb: &str| test().in_dir(&d).args([verb, "spool", "-q"]);
        verb("retry").arg(id).run().code(0);
        verb("flush").run()
    };
    flush("--accept-status=409").code(0);
    flush("--expect=!/errors")
        .stderr_like("**'/errors' is 1, not absent or null**")
        .code(76);
}

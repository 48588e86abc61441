//! Retries: what the API receives, what is printed, and the exit code.
use crate::support::{Conn, Response, Runner, Server, Unreachable, conn, dir, test};
use std::io::{Read, Write};
use std::time::Duration;

/// A run that wants a token and does not wait long between its tries.
fn quick() -> Runner {
    test().token("t0ken").args(["--wait", "1ms"])
}

fn json(status: u16, body: &str) -> Response {
    Response::json(status, body)
}

#[test]
fn every_try_carries_the_same_key_and_body() {
    let server = Server::script([conn()
        .read()
        .reply(json(503, r#"{"try":1}"#))
        .read()
        .reply(json(429, r#"{"try":2}"#))
        .read()
        .reply(json(503, r#"{"try":3}"#))
        .read()
        .reply(json(200, r#"{"try":4}"#))]);
    quick()
        .args([server.url("/data"), "k=v"])
        .run()
        .stdout(r#"{"try":4}"#)
        .stderr("HTTP/1.1 200 OK\n")
        .code(0);
    let requests = server.finish();
    assert_eq!(requests.len(), 4);
    let key = requests[0].header("Idempotency-Key").unwrap();
    assert_eq!(key.len(), 36);
    for request in &requests {
        assert_eq!(request.raw(), requests[0].raw());
        assert_eq!(request.text(), r#"{"k":"v"}"#);
    }
}

#[test]
fn every_run_has_another_key() {
    let server = Server::handler(|_| json(200, "1"));
    for _ in 0..2 {
        quick().args(["-q", server.url("/")]).run().code(0);
    }
    let requests = server.finish();
    assert_ne!(
        requests[0].header("Idempotency-Key"),
        requests[1].header("Idempotency-Key")
    );
}

#[test]
fn a_large_file_is_sent_whole_again() {
    let body = format!("[\"{}\"]", "x".repeat(3 << 20));
    let server = Server::script([conn()
        .read()
        .reply(json(503, "{}"))
        .read()
        .reply(json(201, "1"))]);
    quick()
        .file("big.json", body.as_str())
        .args(["-d", "@big.json", server.url("/")])
        .run()
        .stdout("1")
        .stderr("HTTP/1.1 201 Created\n")
        .code(0);
    for request in server.finish() {
        assert!(request.body() == body.as_bytes());
    }
}

#[test]
fn each_try_is_a_line_with_v() {
    let server = Server::script([
        conn().read().close(),
        conn()
            .read()
            .reply(json(503, "{}").header("Retry-After", "0").close()),
        conn().read().reply(json(200, "{}")),
    ]);
    quick()
        .args(["-v", "--idempotent", "--idempotency-key", "K"])
        .args([server.url("/data"), "k=v"])
        .run()
        .stdout("{}")
        .stderr_like(
            "> POST http://127.0.0.1:PORT/data\n\
            > accept: application/json\n\
            > user-agent: authpost/*\n\
            > content-type: application/json\n\
            > content-length: 9\n\
            > idempotency-key: K\n\
            > authorization: *\n\
            authpost: attempt 1: waiting for the answer of http://127.0.0.1:PORT: the connection was closed; retrying in * ms\n\
            authpost: attempt 2: the API answered 503 Service Unavailable; retrying in * ms\n\
            < HTTP/1.1 200 OK\n\
            < content-type: application/json\n\
            < content-length: 2\n",
        )
        .code(0);
}

#[test]
fn the_last_of_all_tries_decides() {
    let server = Server::script([conn()
        .read()
        .reply(json(503, "{\"n\":1}"))
        .read()
        .reply(json(503, "{\"n\":2}"))
        .read()
        .reply(json(429, "{\"n\":3}"))]);
    quick()
        .args(["--tries", "3", server.url("/data"), "k=v"])
        .run()
        .stdout("{\"n\":3}")
        .stderr(
            "HTTP/1.1 429 Too Many Requests\n\
            authpost: the API answered 429 Too Many Requests (3 attempts)\n  {\"n\":3}\n",
        )
        .code(69);
    server.finish();
}

#[test]
fn one_try_is_one_try() {
    let server = Server::script([conn().read().reply(json(503, "{}"))]);
    quick()
        .args(["-q", "--tries", "1", server.url("/data")])
        .run()
        .stderr("HTTP/1.1 503 Service Unavailable\nauthpost: the API answered 503 Service Unavailable\n  {}\n")
        .code(69);
    server.finish();
}

#[test]
fn what_was_never_reached_is_tried_again() {
    let nobody = Unreachable::refusing();
    quick()
        .word(nobody.port().to_string(), "CLOSED")
        .args(["--tries=4", nobody.url("/data"), "k=v"])
        .run()
        .stderr(
            "authpost: connecting to http://127.0.0.1:CLOSED: Connection refused (4 attempts)\n",
        )
        .code(75);
}

#[test]
fn the_budget_ends_the_tries() {
    let server = Server::handler(|_| json(503, "{}"));
    let ran = quick()
        .args(["--timeout", "300ms", "--tries", "1000000", "--max-wait", "40ms"])
        .args(["-q", server.url("/")])
        .run()
        .within(0.1, 0.6)
        .stderr_like(
            "HTTP/1.1 503 Service Unavailable\n\
            authpost: the API answered 503 Service Unavailable (* attempts, no time left for another)\n  {}\n",
        )
        .code(69);
    assert!(ran.stderr.contains("attempts"));
    assert!(server.count() > 4, "{}", server.count());
}

#[test]
fn the_budget_of_the_whole_run_ends_them_too() {
    let server = Server::script([conn().read().stall()]);
    quick()
        .args(["--max-time", "200ms", server.url("/")])
        .run()
        .within(0.15, 0.6)
        .stderr(
            "authpost: waiting for the answer of http://127.0.0.1:PORT: timed out\n\
            hint: the API may have accepted it: check before sending it again, or say --idempotent\n",
        )
        .code(74);
}

#[test]
fn retry_after_is_waited_for() {
    let server = Server::script([
        conn()
            .read()
            .reply(json(503, "{}").header("Retry-After", "1")),
        conn().read().reply(json(200, "{}")),
    ]);
    quick()
        .args(["-q", server.url("/")])
        .run()
        .within(1.0, 1.6)
        .code(0);
    let requests = server.finish();
    assert!(requests[1].at - requests[0].at >= Duration::from_millis(990));
}

#[test]
fn retry_after_beyond_the_budget_ends_the_run_at_once() {
    for (after, words) in [
        ("3600", "60 min"),
        ("Fri, 31 Dec 2399 23:59:59 GMT", "* d"),
        ("Friday, 31-Dec-49 23:59:59 GMT", "* d"),
        ("Fri Dec 31 23:59:59 2399", "* d"),
    ] {
        let server = Server::script([conn()
            .read()
            .reply(json(429, "{}").header("Retry-After", after))]);
        quick()
            .args(["-q", server.url("/")])
            .run()
            .within(0.0, 0.5)
            .stderr_like(&format!(
                "HTTP/1.1 429 Too Many Requests\n\
                authpost: the API answered 429 Too Many Requests (it asks to wait {words}, but only * s are left)\n  {{}}\n"
            ))
            .code(69);
        server.finish();
    }
}

#[test]
fn a_conflict_while_the_first_try_is_still_running_is_waited_out() {
    let server = Server::script([
        conn().read().close(),
        conn()
            .read()
            .reply(json(409, r#"{"error":"in progress"}"#))
            .read()
            .reply(json(201, r#"{"id":1}"#)),
    ]);
    quick()
        .args(["-q", "--idempotent", server.url("/")])
        .run()
        .code(0);
    assert_eq!(server.finish().len(), 3);

    let server = Server::script([conn().read().reply(json(409, "{}"))]);
    quick()
        .args(["-q", "--idempotent", server.url("/")])
        .run()
        .stderr("HTTP/1.1 409 Conflict\nauthpost: the API answered 409 Conflict\n  {}\n")
        .code(76);
    server.finish();
}

#[test]
fn a_failing_api_is_asked_again_only_when_that_is_harmless() {
    let server = Server::script([conn().read().reply(json(500, "{}"))]);
    quick()
        .args(["-q", server.url("/")])
        .run()
        .stderr(
            "HTTP/1.1 500 Internal Server Error\n\
            authpost: the API answered 500 Internal Server Error\n\
            hint: the API may have accepted it; say --idempotent to have it sent again\n  {}\n",
        )
        .code(69);
    server.finish();

    let server = Server::script([conn()
        .read()
        .reply(json(500, "{}"))
        .read()
        .reply(json(200, "{}"))]);
    quick()
        .args(["-q", "--idempotent", server.url("/")])
        .run()
        .code(0);
    server.finish();
}

const REFUSED: &str = "HTTP/1.1 401 Unauthorized\n\
    authpost: the API answered 401 Unauthorized\n\
    hint: the token is wrong or has expired: get a new one\n  {}\n";

#[test]
fn a_token_file_that_changed_meanwhile_gives_another_token() {
    let dir = dir();
    dir.write("token", "old", 0o600);
    let path = dir.join("token");
    let server = Server::handler(move |request| match request.header("Authorization") {
        Some("Bearer new") => json(200, "{}"),
        _ => {
            std::fs::write(&path, "new\n").unwrap();
            json(401, "{}")
        }
    });
    test()
        .in_dir(&dir)
        .args(["-q", "--token-file", "token", server.url("/"), "k=v"])
        .run()
        .code(0);
    let requests = server.finish();
    assert_eq!(requests.len(), 2);
    assert_eq!(
        requests[0].header("Idempotency-Key"),
        requests[1].header("Idempotency-Key")
    );
    assert_eq!(requests[0].text(), requests[1].text());
}

#[test]
fn a_token_file_that_is_the_same_is_refused_once() {
    let server = Server::script([conn().read().reply(json(401, "{}"))]);
    test()
        .file("token", "old")
        .args(["-q", "--token-file", "token", server.url("/")])
        .run()
        .stderr(REFUSED)
        .code(77);
    server.finish();
}

#[test]
fn a_token_file_that_is_empty_meanwhile_is_told() {
    let dir = dir();
    dir.write("token", "old", 0o600);
    let path = dir.join("token");
    let server = Server::handler(move |_| {
        std::fs::write(&path, "").unwrap();
        json(401, "{}")
    });
    test()
        .in_dir(&dir)
        .args(["-q", "--token-file", "token", server.url("/")])
        .run()
        .stderr(
            "HTTP/1.1 401 Unauthorized\n\
            authpost: the API answered 401 Unauthorized; no new token: \
            reading the token file 'token': it is empty\n\
            hint: it must hold the token and nothing else, not even the word Bearer\n  {}\n",
        )
        .code(77);
    assert_eq!(server.count(), 1);
}

#[test]
fn a_token_command_is_run_once_more() {
    let server = Server::handler(|request| match request.header("Authorization") {
        Some("Bearer t2") => json(200, "{}"),
        _ => json(401, "{}"),
    });
    let counts = "echo x >> count; echo t$(wc -l < count)";
    test()
        .env("PATH", "/usr/bin:/bin")
        .args(["-q", "--token-command", counts, server.url("/")])
        .run()
        .code(0);
    assert_eq!(server.count(), 2);

    let server = Server::handler(|_| json(401, "{}"));
    let run = test().env("PATH", "/usr/bin:/bin");
    let dir = run.dir();
    run.args(["-q", "--token-command", counts, server.url("/")])
        .run()
        .stderr(REFUSED)
        .code(77);
    assert_eq!((server.count(), dir.read("count").len()), (2, 4));
}

#[test]
fn a_token_from_the_environment_cannot_change() {
    let server = Server::script([conn().read().reply(json(401, "{}"))]);
    quick()
        .args(["-q", server.url("/")])
        .run()
        .stderr(REFUSED)
        .code(77);
    server.finish();
}

#[test]
fn a_token_that_is_over_is_told() {
    // {"alg":"none"} and {"exp":1300819380}
    let jwt = "eyJhbGciOiJub25lIn0.eyJleHAiOjEzMDA4MTkzODB9.sig";
    let server = Server::handler(|_| json(401, "{}"));
    let told = test()
        .token(jwt)
        .args(["-q", server.url("/")])
        .run()
        .stderr_like(
            "HTTP/1.1 401 Unauthorized\n\
            authpost: the API answered 401 Unauthorized: the token expired * d ago (2011-03-22 18:43:00 UTC)\n\
            hint: the token is wrong or has expired: get a new one\n  {}\n",
        )
        .code(77);
    assert!(!told.stderr.contains("eyJ"));
    // {"exp":99999999999}
    let server = Server::handler(|_| json(401, "{}"));
    test()
        .token("e30.eyJleHAiOjk5OTk5OTk5OTk5fQ.sig")
        .args(["-q", server.url("/")])
        .run()
        .stderr(REFUSED)
        .code(77);
}

#[test]
fn the_report_counts_the_tries() {
    let server = Server::script([conn()
        .read()
        .reply(json(503, "{\"n\":1}"))
        .read()
        .reply(json(200, "{\"n\":2}"))]);
    quick()
        .args(["--report", "--idempotency-key", "K", server.url("/d"), "k=v"])
        .run()
        .stdout_like(
            "{\"outcome\":\"accepted\",\"exit\":0,\"status\":200,\"tries\":2,\"seconds\":0.*,\"key\":\"K\",\
            \"method\":\"POST\",\"url\":\"http://127.0.0.1:PORT/d\",\"error\":null,\"complete\":true,\"response\":{\"n\":2},\"text\":null}\n",
        )
        .code(0);
}

const ANOTHER_KEY: &str =
    "hint: the API may have accepted it: check before sending it under another key\n";

#[test]
fn a_try_that_may_have_been_taken_is_not_forgotten_over_a_later_answer() {
    for (status, reason) in [
        (401, "Unauthorized"),
        (409, "Conflict"),
        (422, "Unprocessable Entity"),
        (503, "Service Unavailable"),
    ] {
        let server = Server::script([
            conn().read().close(),
            conn().read().reply(json(status, "{}")).close(),
        ]);
        let tries = if status == 409 || status == 503 {
            " (2 attempts)"
        } else {
            ""
        };
        quick()
            .args(["--idempotent", "--tries", "2", "--report", server.url("/"), "a=1"])
            .run()
            .stdout_like("{\"outcome\":\"unknown\",\"exit\":74,*\n")
            .stderr(format!(
                "authpost: the API answered {status} {reason}{tries}; an earlier attempt may have been accepted\n{ANOTHER_KEY}"
            ))
            .code(74);
    }
}

#[test]
fn a_try_that_may_have_been_taken_is_not_forgotten_when_the_api_is_gone() {
    let server = Server::script([conn()
        .read()
        .reply(json(500, "{}").header("Retry-After", "1"))]);
    let run = quick()
        .args([
            "--idempotent",
            "--tries",
            "2",
            "-v",
            "--report",
            server.url("/"),
            "a=1",
        ])
        .spawn();
    run.wait_stderr("retrying in");
    server.finish();
    run.wait()
        .stdout_like("{\"outcome\":\"unknown\",\"exit\":74,*\n")
        .stderr_like(&format!(
            "**\nauthpost: connecting to *: Connection refused (2 attempts); an earlier attempt may have been accepted\n{ANOTHER_KEY}"
        ))
        .code(74);
}

#[test]
fn a_try_that_may_have_been_taken_is_not_forgotten_when_the_token_fails() {
    // The second time the command has nothing to give.
    let server = Server::script([conn()
        .read()
        .reply(json(500, "{}"))
        .read()
        .reply(json(401, "{}"))]);
    test()
        .args(["--wait", "1ms", "--tries", "2", "--idempotent", "-q", "--token-command"])
        .args(["mkdir once 2>/dev/null && echo t0ken", server.url("/"), "a=1"])
        .run()
        .stderr_like(&format!(
            "authpost: the API answered 401 Unauthorized; no new token: * (3 attempts); an earlier attempt may have been accepted\n{ANOTHER_KEY}"
        ))
        .code(74);
}

#[test]
fn a_success_settles_what_an_earlier_try_left_open() {
    let server = Server::script([
        conn().read().close(),
        conn().read().reply(json(200, "{\"ok\":false}")),
    ]);
    quick()
        .args(["-q", "--idempotent", "--expect", "/ok:=true", server.url("/"), "a=1"])
        .run()
        .stderr("HTTP/1.1 200 OK\nauthpost: the API answered 200 OK, but '/ok' is false, not true\nhint: look at what the API says, and at the pointer\n  {\"ok\":false}\n")
        .code(76);
}

#[test]
fn a_restart_of_the_api_is_ridden_out() {
    // More than the four tries that a failure of the document's own gets.
    let failing = |status: u16, times: usize| {
        (0..times).fold(conn(), |c: Conn, _| c.read().reply(json(status, "{}")))
    };
    for (status, idempotent) in [(503, false), (429, false), (502, true), (504, true)] {
        let server = Server::script([failing(status, 6).read().reply(json(200, "1"))]);
        let run = quick().args(["-q", server.url("/"), "k=v"]);
        let run = if idempotent {
            run.arg("--idempotent")
        } else {
            run
        };
        run.run().code(0);
    }
    let server = Server::script([failing(500, 4)]);
    quick()
        .args(["-q", "--idempotent", server.url("/"), "k=v"])
        .run()
        .stderr_like("**authpost: the API answered 500 Internal Server Error (4 attempts)\n**")
        .code(69);
}

#[test]
fn an_api_that_is_not_there_yet_is_waited_for() {
    let nobody = Unreachable::refusing();
    let run = quick()
        .args(["-v", "--max-wait", "20ms", nobody.url("/"), "k=v"])
        .spawn();
    run.wait_stderr("attempt 6: ");
    let (mut api, _) = nobody.listening().accept().unwrap();
    let mut request = Vec::new();
    while !request.ends_with(br#"{"k":"v"}"#) {
        let mut piece = [0; 1024];
        let count = api.read(&mut piece).unwrap();
        request.extend(&piece[..count]);
    }
    api.write_all(&json(200, "1").to_bytes()).unwrap();
    run.wait()
        .stdout("1")
        .stderr_like("**< HTTP/1.1 200 OK\n**")
        .code(0);
}

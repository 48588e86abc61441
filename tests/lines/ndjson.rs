//! Line mode: `--lines` and what goes with it, as a person at a terminal sees it.
use crate::support::{Request, Response, Runner, Server, Unreachable, conn, dir, need, test};
use std::sync::Mutex;
use std::time::Duration;

const CLOSING: &str = "in * s\n";

/// A run over `lines`, which stand in the file `in`.
fn lines(lines: impl Into<Vec<u8>>) -> Runner {
    test()
        .token("t0ken")
        .file("in", lines)
        .args(["--lines", "in"])
}

/// Answers 200, but for what holds `word` with `status`.
fn except(word: &'static str, status: u16) -> Server {
    Server::handler(move |request| match request.text().contains(word) {
        true => Response::json(status, "{\"why\":\"no\"}"),
        false => Response::json(200, "{\"ok\":true}"),
    })
}

fn bodies(server: &Server) -> Vec<String> {
    let requests = server.requests();
    requests.iter().map(|r| r.text().to_owned()).collect()
}

fn keys(server: &Server) -> Vec<String> {
    let key = |r: &Request| r.header("Idempotency-Key").unwrap_or("none").to_owned();
    server.requests().iter().map(key).collect()
}

#[test]
fn each_line_is_a_request_on_one_connection() {
    let server = Server::handler(|_| Response::json(200, "{}"));
    lines("{\"a\": 1.10}\n[2]\r\n\n \t\r\n\"three\"\nnull")
        .arg(server.url("/data"))
        .run()
        .stderr_like(&format!("4 accepted, 0 refused, 0 not sent {CLOSING}"))
        .code(0);
    assert_eq!(
        bodies(&server),
        ["{\"a\": 1.10}", "[2]\r", "\"three\"", "null"]
    );
    assert_eq!(server.connections(), 1);
    let mut keys = keys(&server);
    assert!(keys.iter().all(|key| key.len() == 36));
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), 4);
    for request in server.requests() {
        assert_eq!(request.header("Authorization"), Some("Bearer t0ken"));
        assert_eq!(request.header("Content-Type"), Some("application/json"));
    }
}

#[test]
fn no_lines_are_no_failure() {
    let server = Server::never();
    for text in ["", "\n", "\r\n\n  "] {
        lines(text)
            .arg(server.url("/"))
            .run()
            .stderr_like(&format!("0 accepted, 0 refused, 0 not sent {CLOSING}"))
            .code(0);
    }
}

#[test]
fn quiet_is_silent_on_success_only() {
    let server = except("bad", 400);
    lines("1\n2\n").args(["-q", server.url("/")]).run().code(0);
    lines("1\n\"bad\"\n")
        .args(["-q", server.url("/")])
        .run()
        .stderr_like(&format!(
            "authpost: line 2: the API answered 400 Bad Request\n  {{\"why\":\"no\"}}\n\
             1 accepted, 1 refused, 0 not sent {CLOSING}"
        ))
        .code(76);
}

#[test]
fn a_line_that_is_not_json_is_told_and_the_rest_goes_on() {
    let server = Server::handler(|_| Response::json(200, "{}"));
    let run = lines(b"1\n{\"a\":\n\xff\n2\n" as &[u8]).args(["--failed", "out/f", server.url("/")]);
    let dir = run.dir();
    dir.write("out/f", "before\n", 0o600);
    run.run()
        .stderr_like(&format!(
            "authpost: line 2: not JSON: column 6: the document ends too early\n\
             authpost: line 3: not JSON: column 1: expected a value, found the byte 0xff\n\
             2 accepted, 0 refused, 2 not sent {CLOSING}"
        ))
        .code(65);
    assert_eq!(bodies(&server), ["1", "2"]);
    let kept = std::fs::read(dir.join("out/f")).unwrap();
    assert_eq!(kept, b"before\n{\"a\":\n\xff\n");
}

#[test]
fn a_refused_line_is_told_and_the_rest_goes_on() {
    let server = except("bad", 404);
    let run = lines("1\n {\"bad\":1}\r\n2\n\"bad\"").args(["--failed", "f", server.url("/")]);
    let dir = run.dir();
    run.run()
        .stderr_like(&format!(
            "authpost: line 2: the API answered 404 Not Found\nhint: check the path in the URL\n  {{\"why\":\"no\"}}\n\
             authpost: line 4: the API answered 404 Not Found\n  {{\"why\":\"no\"}}\n\
             2 accepted, 2 refused, 0 not sent {CLOSING}"
        ))
        .code(76);
    assert_eq!(dir.read("f"), " {\"bad\":1}\r\n\"bad\"\n");
    assert_eq!(server.count(), 4);
}

#[test]
fn an_accepted_line_is_no_failed_one() {
    let server = except("bad", 422);
    let run = lines("1\n\"bad\"\n").args(["--failed", "f", "--pick", "/id", server.url("/")]);
    let dir = run.dir();
    run.run()
        .stdout("\n\n")
        .stderr_like(&format!(
            "authpost: line 1: the API answered 200 OK, but there is nothing at '/id'\n\
             hint: the API has accepted it: look at what it says, and at the pointer\n  {{\"ok\":true}}\n\
             authpost: line 2: the API answered 422 Unprocessable Entity\n  {{\"why\":\"no\"}}\n\
             1 accepted, 1 refused, 0 not sent {CLOSING}"
        ))
        .code(76);
    assert_eq!(dir.read("f"), "\"bad\"\n");
}

#[test]
fn the_exit_code_is_that_of_the_worst() {
    let server = except("bad", 422);
    let exit = |text: &str, code| {
        lines(text)
            .args(["-q", server.url("/")])
            .run()
            .stderr_like("**")
            .code(code);
    };
    exit("1\n{\n", 65);
    exit("\"bad\"\n{\n", 76);
    exit("{,\n\"bad\"\n", 76);
    let server = except("down", 503);
    lines("{,\n\"down\"\n")
        .args(["--tries", "1", server.url("/")])
        .run()
        .stderr_like("**")
        .code(69);
}

#[test]
fn a_failing_api_stops_the_run_and_skip_goes_on() {
    let server = except("three", 503);
    let dir = dir();
    let text = "\"one\"\n{\n\"three\"\n\n\"five\"\n";
    lines(text)
        .in_dir(&dir)
        .args(["--failed", "f", "--tries", "2", "--wait", "1ms", server.url("/")])
        .run()
        .stderr_like(&format!(
            "authpost: line 2: not JSON: column 2: the document ends too early\n\
             authpost: line 3: the API answered 503 Service Unavailable (2 attempts)\n  {{\"why\":\"no\"}}\n\
             1 accepted, 0 refused, 2 not sent, 1 unavailable {CLOSING}\
             hint: the run stopped early: continue with --skip 2\n"
        ))
        .code(69);
    assert_eq!(bodies(&server), ["\"one\"", "\"three\"", "\"three\""]);
    assert_eq!(
        dir.read("f"),
        "{\n",
        "what --skip sends is not among the failed"
    );

    let server = Server::handler(|_| Response::json(200, "{}"));
    lines(text)
        .in_dir(&dir)
        .args([
            "--skip",
            "2",
            "--failed",
            "f",
            "--idempotency-key",
            "k",
            server.url("/"),
        ])
        .run()
        .stderr_like(&format!("2 accepted, 0 refused, 0 not sent {CLOSING}"))
        .code(0);
    assert_eq!(bodies(&server), ["\"three\"", "\"five\""]);
    assert_eq!(keys(&server), ["k-3", "k-5"]);
}

#[test]
fn an_api_that_is_not_reached_stops_the_run() {
    let nobody = Unreachable::refusing();
    lines("1\n2\n")
        .word(nobody.port().to_string(), "PORT")
        .args(["--tries", "1", nobody.url("/")])
        .run()
        .stderr_like(&format!(
            "authpost: line 1: connecting to http://127.0.0.1:PORT: Connection refused\n\
             0 accepted, 0 refused, 2 not sent {CLOSING}\
             hint: the run stopped early: continue with --skip 0\n"
        ))
        .code(75);
}

#[test]
fn a_line_that_may_have_been_taken_stops_the_run() {
    let server = Server::script([conn().read().reply_json(200, "1").read().close()]);
    lines("1\n2\n3\n")
        .arg(server.url("/"))
        .run()
        .stderr_like(&format!(
            "authpost: line 2: waiting for the answer of http://127.0.0.1:PORT: the connection was closed\n\
             hint: the API may have accepted it: check before sending it again, or say --idempotent\n\
             1 accepted, 0 refused, 1 not sent, 1 unknown {CLOSING}\
             hint: the run stopped early: continue with --skip 2 if the API has accepted what was under way, else with --skip 1\n"
        ))
        .code(74);
}

#[test]
fn a_refused_token_stops_the_run() {
    for status in [401, 403] {
        let server = except("2", status);
        lines("1\n2\n3\n")
            .arg(server.url("/"))
            .run()
            .stderr_like(&format!(
                "authpost: line 2: the API answered {status} *\nhint: the token is *\n  {{\"why\":\"no\"}}\n\
                 1 accepted, 1 refused, 1 not sent {CLOSING}\
                 hint: the run stopped early: continue with --skip 1\n"
            ))
            .code(77);
        assert_eq!(server.count(), 2);
    }
}

#[test]
fn a_missing_token_stops_the_run_before_it_begins() {
    let server = Server::never();
    test()
        .file("in", "1\n")
        .args(["--lines", "in", server.url("/")])
        .run()
        .stderr_like(&format!(
            "authpost: reading the environment variable AUTHPOST_TOKEN: it is not set\nhint: *\n\
             0 accepted, 0 refused, 1 not sent {CLOSING}\
             hint: the run stopped early: continue with --skip 0\n"
        ))
        .code(78);
}

#[test]
fn a_token_that_expires_under_way_is_fetched_anew() {
    let server = Server::handler(|request| {
        let right = match request.text() < "3" {
            true => "Bearer old",
            false => "Bearer new",
        };
        Response::json(
            if request.header("Authorization") == Some(right) {
                200
            } else {
                401
            },
            "{}",
        )
    });
    test()
        .file("in", "1\n2\n3\n4\n")
        .args([
            "--token-command",
            "cat token; echo new > token",
            "--lines",
            "in",
            "-q",
        ])
        .file("token", "old")
        .env("PATH", "/usr/bin:/bin")
        .arg(server.url("/"))
        .run()
        .code(0);
    assert_eq!(bodies(&server), ["1", "2", "3", "3", "4"]);
}

#[test]
fn a_line_over_the_limit_is_told_by_its_number() {
    let server = Server::handler(|_| Response::json(200, "{}"));
    let text = "\"12345678\"\n\"123456789\"\n\"12345678\"\r\n[1]\n\"1234567890123\"";
    let run = lines(text).args(["--max-line", "10", "--failed", "f", server.url("/")]);
    let dir = run.dir();
    run.run()
        .stderr_like(&format!(
            "authpost: line 2: it is longer than 10 bytes (--max-line)\n\
             authpost: line 3: it is longer than 10 bytes (--max-line)\n\
             authpost: line 5: it is longer than 10 bytes (--max-line)\n\
             2 accepted, 0 refused, 3 not sent {CLOSING}"
        ))
        .code(65);
    assert_eq!(bodies(&server), ["\"12345678\"", "[1]"]);
    lines(text)
        .args(["--max-line", "10", "--skip", "2", server.url("/")])
        .run()
        .stderr_like(&format!(
            "authpost: line 3: *\nauthpost: line 5: *\n1 accepted, 0 refused, 2 not sent {CLOSING}"
        ))
        .code(65);
    assert_eq!(
        dir.read("f"),
        "\"123456789\"\n\"12345678\"\r\n\"1234567890123\"\n"
    );
}

#[test]
fn a_line_of_100_megabytes_fills_no_memory() {
    let server = Server::handler(|_| Response::json(200, "{}"));
    let url = server.url("/");
    let run = test()
        .token("t")
        .args(["--lines", "-", "--failed", "f", url])
        .shell("ulimit -v 120000; { echo 1; head -c 100000000 /dev/zero; echo; echo 2; } | \"$@\"")
        .env("PATH", "/usr/bin:/bin");
    let dir = run.dir();
    run.run()
        .stderr_like(&format!(
            "authpost: line 2: it is longer than 16777216 bytes (--max-line)\n\
             2 accepted, 0 refused, 1 not sent {CLOSING}"
        ))
        .code(65);
    let kept = std::fs::metadata(dir.join("f")).unwrap();
    assert_eq!(kept.len(), 100_000_001, "kept whole");
    assert_eq!(bodies(&server), ["1", "2"]);
}

#[test]
fn a_group_is_one_array_under_one_key() {
    let server = Server::handler(|_| Response::json(200, "{}"));
    lines("{\"a\": 1}\n2\r\n\n3\n\"4\"\n5")
        .args(["--group", "2", "--idempotency-key", "k", server.url("/")])
        .run()
        .stderr_like(&format!("5 accepted, 0 refused, 0 not sent {CLOSING}"))
        .code(0);
    assert_eq!(bodies(&server), ["[{\"a\": 1},2\r]", "[3,\"4\"]", "[5]"]);
    assert_eq!(keys(&server), ["k-1", "k-4", "k-6"]);
}

#[test]
fn a_group_ends_before_it_is_too_large() {
    let server = Server::handler(|_| Response::json(200, "{}"));
    lines("11\n22\n33\n\"a line larger than a group\"\n44\n")
        .args(["--group", "9", "--group-bytes", "7", "-q", server.url("/")])
        .run()
        .code(0);
    assert_eq!(
        bodies(&server),
        [
            "[11,22]",
            "[33]",
            "[\"a line larger than a group\"]",
            "[44]"
        ]
    );
}

#[test]
fn a_group_ends_before_a_line_that_cannot_be_sent() {
    let server = except("2", 503);
    let run = lines("0\n1\n{\n2\n{{{{{{{{{\n").args(["--group", "9", "--failed", "f"]);
    let dir = run.dir();
    run.args(["--max-line", "8", "--tries", "1", server.url("/")])
        .run()
        .stderr_like(&format!(
            "authpost: line 3: not JSON: column 2: the document ends too early\n\
             authpost: line 4: the API answered 503 Service Unavailable\n  {{\"why\":\"no\"}}\n\
             2 accepted, 0 refused, 2 not sent, 1 unavailable {CLOSING}\
             hint: the run stopped early: continue with --skip 3\n"
        ))
        .code(69);
    assert_eq!(bodies(&server), ["[0,1]", "[2]"]);
    assert_eq!(
        dir.read("f"),
        "{\n",
        "line 5 is behind --skip 3, so it is not told yet"
    );
}

#[test]
fn a_refused_group_is_named_by_its_first_and_last_line() {
    let server = except("bad", 422);
    let run = lines("1\n2\n\n\"bad\"\n4\n5\n").args(["--group", "2", "--failed", "f"]);
    let dir = run.dir();
    run.arg(server.url("/"))
        .run()
        .stderr_like(&format!(
            "authpost: lines 4 to 5: the API answered 422 Unprocessable Entity\n  {{\"why\":\"no\"}}\n\
             3 accepted, 2 refused, 0 not sent {CLOSING}"
        ))
        .code(76);
    assert_eq!(dir.read("f"), "\"bad\"\n4\n");
}

#[test]
fn a_random_key_does_not_make_a_rerun_harmless() {
    for (options, closing) in [
        (
            &["--tries", "2"][..],
            "continue with --skip 2 if the API has accepted what was under way, else with --skip 1\n",
        ),
        (
            &["--tries", "2", "--idempotency-key", "k"],
            "continue with --skip 1\n",
        ),
        (
            &["--tries", "2", "--no-idempotency-key"],
            "continue with --skip 1\n",
        ),
    ] {
        let server = Server::script([
            conn().read().reply_json(200, "1").read().close(),
            conn().read().reply_json(503, "1"),
        ]);
        lines("1\n2\n3\n")
            .args(["--idempotent", "--wait", "1ms", "-q"])
            .args(options)
            .arg(server.url("/"))
            .run()
            .stderr_like(&format!(
                "authpost: line 2: the API answered 503 Service Unavailable (2 attempts); an earlier attempt may have been accepted\n\
                 hint: the API may have accepted it: check before sending it under another key\n  1\n\
                 1 accepted, 0 refused, 1 not sent, 1 unknown {CLOSING}\
                 hint: the run stopped early: {closing}"
            ))
            .code(74);
    }
}

#[test]
fn a_stopped_group_is_gone_back_to() {
    let server = except("4", 500);
    lines("1\n2\n\n4\n5\n")
        .args(["--group", "2", server.url("/")])
        .run()
        .stderr_like(&format!(
            "authpost: lines 4 to 5: the API answered 500 Internal Server Error\n\
             hint: the API may have accepted it; say --idempotent to have it sent again\n  {{\"why\":\"no\"}}\n\
             2 accepted, 0 refused, 0 not sent, 2 unavailable {CLOSING}\
             hint: the run stopped early: continue with --skip 5 if the API has accepted what was under way, else with --skip 2\n"
        ))
        .code(69);
}

#[test]
fn report_tells_each_delivery_with_its_lines() {
    let server = except("bad", 400);
    lines("1\n\"bad\"\n{\n")
        .args(["--report", "--idempotency-key", "k", server.url("/d")])
        .run()
        .stdout_like(
            "{\"outcome\":\"accepted\",\"exit\":0,\"status\":200,\"tries\":1,\"seconds\":0.*,\"key\":\"k-1\",\
             \"method\":\"POST\",\"url\":\"http://127.0.0.1:PORT/d\",\"line\":1,\"error\":null,\"complete\":true,\"response\":{\"ok\":true},\"text\":null}\n\
             {\"outcome\":\"refused\",\"exit\":76,\"status\":400,\"tries\":1,\"seconds\":0.*,\"key\":\"k-2\",\
             \"method\":\"POST\",\"url\":\"http://127.0.0.1:PORT/d\",\"line\":2,\
             \"error\":\"the API answered 400 Bad Request\",\"complete\":true,\"response\":{\"why\":\"no\"},\"text\":null}\n\
             {\"outcome\":\"unsent\",\"exit\":65,\"status\":null,\"tries\":0,\"seconds\":0.000,\"key\":null,\
             \"method\":\"POST\",\"url\":\"http://127.0.0.1:PORT/d\",\"line\":3,\
             \"error\":\"not JSON: column 2: the document ends too early\",\"complete\":null,\"response\":null,\"text\":null}\n",
        )
        .stderr_like(&format!(
            "authpost: line 2: the API answered 400 Bad Request\n\
             authpost: line 3: not JSON: column 2: the document ends too early\n\
             1 accepted, 1 refused, 1 not sent {CLOSING}"
        ))
        .code(76);
    lines("1\n\n2\n")
        .args(["--report", "-q", "--group", "2", server.url("/")])
        .run()
        .stdout_like("{*,\"line\":1,\"last_line\":3,*}\n")
        .code(0);
}

#[test]
fn pick_and_expect_hold_for_each_line() {
    let server =
        Server::handler(|request| Response::json(200, format!("{{\"got\":{}}}", request.text())));
    lines("\"a b\"\n[1, 2]\n3\n")
        .args(["--pick", "/got", "--expect", "/got:=3", server.url("/")])
        .run()
        .stdout("\n\n3\n")
        .stderr_like(&format!(
            "authpost: line 1: the API answered 200 OK, but '/got' is \"a b\", not 3\n\
             hint: look at what the API says, and at the pointer\n  {{\"got\":\"a b\"}}\n\
             authpost: line 2: the API answered 200 OK, but '/got' is [1, 2], not 3\n  {{\"got\":[1, 2]}}\n\
             1 accepted, 2 refused, 0 not sent {CLOSING}"
        ))
        .code(76);
}

#[test]
fn verbose_shows_each_request() {
    let server = Server::handler(|_| Response::json(200, "{}"));
    lines("1\n2\n")
        .args(["-v", server.url("/")])
        .run()
        .stderr_like(
            "> POST http://127.0.0.1:PORT/\n**< HTTP/1.1 200 OK\n**\
             > POST http://127.0.0.1:PORT/\n**< HTTP/1.1 200 OK\n**2 accepted, **",
        )
        .code(0);
}

#[test]
fn an_api_that_asks_to_slow_down_slows_the_run() {
    let tries = Mutex::new(0);
    let server = Server::handler(move |request| {
        let mut tries = tries.lock().unwrap();
        *tries += 1;
        match request.text() {
            // More often than what may not pass by itself is tried.
            "2" if *tries < 8 => Response::json(429, "{}").header("Retry-After", "0"),
            "2" if *tries < 10 => Response::json(429, "{}"),
            "3" if *tries < 15 => Response::json(503, "{}").header("Retry-After", "0"),
            _ => Response::json(200, "{}"),
        }
    });
    lines("1\n2\n3\n4\n")
        .args(["--wait", "1ms", "-q", server.url("/")])
        .run()
        .code(0);
    let keys = keys(&server);
    assert_eq!(keys.len(), 16);
    assert!(keys[1..10].iter().all(|key| *key == keys[1]));
}

#[test]
fn an_api_that_asks_for_no_wait_is_not_called_without_one() {
    for after in ["0", "Sun, 06 Nov 1994 08:49:37 GMT"] {
        let server =
            Server::handler(move |_| Response::json(429, "{}").header("Retry-After", after));
        lines("1\n2\n")
            .args(["--timeout", "1s", "--wait", "20ms", server.url("/")])
            .run()
            .stderr_like(&format!(
                "authpost: line 1: the API answered 429 Too Many Requests (* attempts, no time left for another)\n  {{}}\n\
                 0 accepted, 0 refused, 1 not sent, 1 unavailable {CLOSING}\
                 hint: the run stopped early: continue with --skip 0\n"
            ))
            .within(0.0, 1.5)
            .code(69);
        // Six to reach half a second, some ten while the time that is left is halved again and again.
        let count = server.count();
        assert!((2..60).contains(&count), "{after}: {count} requests");
    }
}

#[test]
fn an_api_that_asks_to_wait_longer_than_the_budget_stops_the_run() {
    let server = Server::handler(|_| Response::json(429, "{}").header("Retry-After", "99"));
    lines("1\n2\n")
        .arg(server.url("/"))
        .run()
        .stderr_like(&format!(
            "authpost: line 1: the API answered 429 Too Many Requests (it asks to wait 99 s, but only 59 s are left)\n  {{}}\n\
             0 accepted, 0 refused, 1 not sent, 1 unavailable {CLOSING}\
             hint: the run stopped early: continue with --skip 0\n"
        ))
        .code(69);
}

#[test]
fn rate_bounds_the_deliveries() {
    let server = Server::handler(|_| Response::json(200, "{}"));
    lines("1\n2\n3\n4\n5\n6\n")
        .args(["--rate", "20", "-q", server.url("/")])
        .run()
        .within(0.25, 2.0)
        .code(0);
    let requests = server.requests();
    // Five intervals of 50 ms; the first request may have been slow to arrive.
    let took = requests[5].at - requests[0].at;
    assert!(took > Duration::from_millis(200), "{took:?}");
}

#[test]
fn the_pace_does_not_outlast_the_run() {
    let server = Server::handler(|_| Response::json(200, "{}"));
    lines("1\n2\n")
        .args(["--rate", "0.01", "--max-time", "300ms", server.url("/")])
        .run()
        .stderr_like(&format!(
            "authpost: line 2: *timed out*\n**1 accepted, 0 refused, 1 not sent {CLOSING}\
             hint: the run stopped early: continue with --skip 1\n"
        ))
        .within(0.3, 1.0)
        .code(75);
}

#[test]
fn a_line_goes_out_as_soon_as_it_is_there() {
    let server = Server::handler(|_| Response::json(200, "{}"));
    let mut run = test()
        .token("t")
        .args(["--lines", "-", server.url("/")])
        .stdin_open()
        .spawn();
    run.write_stdin("1\n2");
    server.wait_for(1);
    run.write_stdin("2\n");
    server.wait_for(2);
    run.close_stdin();
    run.wait()
        .stderr_like(&format!("2 accepted, 0 refused, 0 not sent {CLOSING}"))
        .code(0);
    assert_eq!(bodies(&server), ["1", "22"]);
}

#[test]
fn the_failed_lines_are_on_disk_before_the_end() {
    if !need("strace") {
        return;
    }
    let server = Server::handler(|_| Response::json(200, "{}"));
    let run = lines("{,\n1\n").args(["--failed", "f", server.url("/")]);
    let dir = run.dir();
    run.env("PATH", "/usr/bin:/bin")
        .shell("exec strace -f -qq -y -e trace=write,fsync -o trace \"$@\"")
        .run()
        .stderr_like("**")
        .code(65);
    let trace = dir.read("trace");
    let calls: Vec<_> = trace.lines().filter(|line| line.contains("/f>")).collect();
    let [.., write, sync] = &calls[..] else {
        panic!("{trace}");
    };
    assert!(
        write.contains("write(") && sync.contains("fsync("),
        "{trace}"
    );
}

#[test]
fn the_failed_lines_must_have_a_place() {
    let server = Server::never();
    lines("1\n")
        .args(["--failed", "in", server.url("/")])
        .run()
        .stderr(
            "authpost: opening 'in': --lines and --failed are the same file\n\
             hint: give --failed a file of its own\n",
        )
        .code(64);
    lines("1\n")
        .args(["--failed", "no/f", server.url("/")])
        .run()
        .stderr(
            "authpost: opening the file of failed lines 'no/f': No such file or directory\n\
             hint: give --failed a path that this user can write to, on a disk that is not full\n",
        )
        .code(73);
    let server = except("bad", 400);
    lines("1\n\"bad\"\n3\n")
        .args(["--failed", "/dev/full", server.url("/")])
        .run()
        .stderr_like(&format!(
            "authpost: line 2: the API answered 400 Bad Request\n  {{\"why\":\"no\"}}\n\
             authpost: writing the file of failed lines '/dev/full': No space left on device\nhint: *\n\
             1 accepted, 1 refused, 1 not sent {CLOSING}\
             hint: the run stopped early: continue with --skip 1\n"
        ))
        .code(73);
}

#[test]
fn a_full_disk_for_the_report_stops_the_run_behind_what_was_accepted() {
    let server = Server::handler(|_| Response::json(200, "{}"));
    lines("1\n2\n")
        .args(["--report", server.url("/")])
        .shell("exec \"$@\" > /dev/full")
        .run()
        .stderr_like(&format!(
            "authpost: writing to standard output: No space left on device\nhint: *\n\
             1 accepted, 0 refused, 1 not sent {CLOSING}\
             hint: the run stopped early: continue with --skip 1\n"
        ))
        .code(73);
}

#[test]
fn lines_that_cannot_be_read_are_told() {
    let server = Server::never();
    test()
        .token("t")
        .args(["--lines", "none", server.url("/")])
        .run()
        .stderr("authpost: opening 'none': No such file or directory\n")
        .code(66);
    test()
        .token("t")
        .args(["--lines", "/", server.url("/")])
        .run()
        .stderr("authpost: reading '/': Is a directory\n")
        .code(66);
}

#[test]
fn dry_run_shows_the_first_request() {
    let server = Server::never();
    lines("\n{\"a\": 1}\n2\n")
        .args([
            "--dry-run",
            "--group",
            "2",
            "--idempotency-key",
            "k",
            server.url("/"),
        ])
        .run()
        .stdout_like("POST / HTTP/1.1\n**idempotency-key: k-2\n**\n\n[{\"a\": 1},2]\n")
        .code(0);
    lines("[1\n")
        .args(["--dry-run", server.url("/")])
        .run()
        .stderr("authpost: checking line 1: not JSON: column 3: the document ends too early\n")
        .code(65);
}

#[test]
fn what_means_nothing_is_refused() {
    let url = "http://127.0.0.1:9/";
    let refuse = |args: &[&str], why: &str| {
        test()
            .token("t")
            .args(args)
            .arg(url)
            .run()
            .stderr(why)
            .code(64);
    };
    for option in [
        "--group",
        "--skip",
        "--rate",
        "--max-line",
        "--failed",
        "--group-bytes",
    ] {
        refuse(
            &[option, "5"],
            &format!(
                "authpost: reading the command line: {option} means nothing without --lines\n\
                 hint: authpost --lines FILE URL sends one document for each line of FILE\n"
            ),
        );
    }
    refuse(
        &["--lines", "in", "-d", "{}"],
        "authpost: reading the command line: --lines is given, and another document as well\n\
         hint: with --lines every line is a document: drop --data, --no-body and the items\n",
    );
    refuse(
        &["--lines", "in", "--group-bytes", "5"],
        "authpost: reading the command line: --group-bytes means nothing without --group\n\
         hint: say with --group how many lines go into one request\n",
    );
    for rate in ["0", "0.000", "0.0001", "-1", "+1", "x", "NaN", "", "1e3"] {
        refuse(
            &["--lines", "in", "--rate", rate],
            &format!(
                "authpost: reading --rate: '{rate}' is not a rate, such as 50 or 0.1\n\
                 hint: --rate N: send at most N lines or groups per second\n"
            ),
        );
    }
    refuse(
        &["--lines", "in", "--group", "0"],
        "authpost: reading --group: it must be at least 1\n\
         hint: --group N: send up to N lines per request\n",
    );
}

#[test]
fn one_document_over_many_lines_is_no_ndjson() {
    for text in ["[\n  1,\n  2\n]\n", "\n {\r\n \"a\": 1\n}\n"] {
        for options in [
            &[][..],
            &["check"],
            &["--dry-run"],
            &["--skip=2"],
            &["--all-or-nothing"],
        ] {
            let run = lines(text);
            let server = match options {
                ["check"] => Server::script([conn().read_end()]),
                _ => Server::never(),
            };
            let ran = match options {
                ["check"] => test()
                    .token("t")
                    .file("in", text)
                    .args(["check", "--lines", "in"]),
                _ => run.args(options),
            };
            let ran = ran.arg(server.url("/")).run();
            let why = "reading 'in': it is one JSON document over many lines, not NDJSON";
            let hint =
                "send it whole with -d @FILE, or write one JSON text per line, as 'jq -c' does";
            match options {
                ["check"] => ran.stdout_like(&format!("ok *\nFAIL  {why}; {hint}\n**")),
                _ => ran.stderr(format!("authpost: {why}\nhint: {hint}\n")),
            }
            .code(65);
        }
    }
    // Arrays and objects in one line are lines like others, and so is a lone bracket behind them.
    let server = Server::handler(|_| Response::json(200, "{}"));
    lines("[]\n{}\n[\n")
        .arg(server.url("/"))
        .run()
        .stderr_like(&format!(
            "authpost: line 3: not JSON: *\n2 accepted, 0 refused, 1 not sent {CLOSING}"
        ))
        .code(65);
}

#[test]
fn all_or_nothing_sends_nothing_when_a_line_is_bad() {
    let server = Server::never();
    let run =
        lines("1\n{\n2\n\"too long\"\n").args(["--all-or-nothing", "--max-line=5", "--failed=f"]);
    let dir = run.dir();
    run.args([server.url("/")])
        .run()
        .stderr(
            "authpost: line 2: not JSON: column 2: the document ends too early\n\
             authpost: line 4: it is longer than 5 bytes (--max-line)\n\
             authpost: checking the lines: 2 lines cannot be sent, so nothing was sent (--all-or-nothing)\n",
        )
        .code(65);
    assert_eq!(dir.list(), ["in"]);
}

#[test]
fn all_or_nothing_sends_the_lines_that_were_checked() {
    // A line that is added meanwhile was not.
    let d = dir();
    let file = d.join("in");
    let server = Server::handler(move |request| {
        if request.text() == "2" {
            let mut file = std::fs::OpenOptions::new()
                .append(true)
                .open(&file)
                .unwrap();
            std::io::Write::write_all(&mut file, b"\n4\n{").unwrap();
        }
        Response::json(200, "{}")
    });
    lines("1\n\n2\n3")
        .in_dir(&d)
        .args([
            "--all-or-nothing",
            "--skip=1",
            "--idempotency-key=k",
            server.url("/"),
        ])
        .run()
        .stderr_like(&format!("2 accepted, 0 refused, 0 not sent {CLOSING}"))
        .code(0);
    assert_eq!(bodies(&server), ["2", "3"]);
    assert_eq!(keys(&server), ["k-3", "k-4"]);
}

#[test]
fn all_or_nothing_needs_a_file_that_can_be_read_twice() {
    let server = Server::never();
    test()
        .token("t")
        .args(["--all-or-nothing", "--lines", "-", server.url("/")])
        .run()
        .stderr(
            "authpost: reading the command line: --all-or-nothing reads the lines twice, which standard input cannot be\n\
             hint: write them to a file first\n",
        )
        .code(64);
    test()
        .token("t")
        .stdin("1\n")
        .args(["--all-or-nothing", "--lines", "/dev/stdin", server.url("/")])
        .run()
        .stderr(
            "authpost: checking the lines: --all-or-nothing reads them twice, and this is not a regular file\n\
             hint: write them to a file first\n",
        )
        .code(64);
}

#[test]
fn the_lines_behind_a_stop_are_counted() {
    let server = except("2", 500);
    let stopped = |rest: &str| {
        format!(
            "authpost: line 2: the API answered 500 Internal Server Error\n\
             hint: the API may have accepted it; say --idempotent to have it sent again\n  {{\"why\":\"no\"}}\n\
             1 accepted, 0 refused, {rest} {CLOSING}\
             hint: the run stopped early: continue with --skip 2 if the API has accepted what was under way, else with --skip 1\n"
        )
    };
    lines("1\n2\n\n4\n{\n6")
        .arg(server.url("/"))
        .run()
        .stderr_like(&stopped("3 not sent, 1 unavailable"))
        .code(69);
    // A pipe may have no end.
    let mut piped = test()
        .stdin_open()
        .token("t0ken")
        .args(["--lines=-", server.url("/")])
        .spawn();
    piped.write_stdin("1\n2\n3\n");
    piped
        .wait()
        .stderr_like(&stopped("0 not sent, 1 unavailable, the rest not read"))
        .code(69);
    // What a missing token holds back was not sent either.
    test()
        .file("lines", "1\n2\n3\n")
        .args(["--lines=lines", server.url("/")])
        .run()
        .stderr_like("**\n0 accepted, 0 refused, 3 not sent in *\n**")
        .code(78);
}

#[test]
fn pick_prints_a_line_for_each_document() {
    let server = except("\"bad\"", 400);
    lines("1\n\"bad\"\n{\n2\n")
        .args(["--pick=/ok", server.url("/")])
        .run()
        .stdout("true\n\n\ntrue\n")
        .stderr_like("**")
        .code(76);
}

#[test]
fn answers_to_lines_are_not_laid_out() {
    let args = ["--pretty", "https://api.example.com/"];
    lines("1\n")
        .args(args)
        .run()
        .stderr(
            "authpost: reading the command line: --pretty and --lines are both given\n\
             hint: with --lines, answers are printed with --pick or --report, each in one line\n",
        )
        .code(64);
}

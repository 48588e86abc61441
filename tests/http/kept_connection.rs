//! The kept connection between lines: an API that closes it is noticed, and an idle one is not used again. Answers on it
//! are looked for where they come at once, else slept for.
use crate::http::daemon::{Daemon, free_port};
use crate::support::{
    Conn, Response, Runner, Running, Server, Signal, binary, conn, dir, find, need, test,
};
use std::thread;
use std::time::Duration;

const LINES: usize = 30;

fn text() -> String {
    (1..=LINES).map(|n| format!("{{\"n\":{n}}}\n")).collect()
}

/// Every line arrived once, in order.
fn all_arrived(server: &Server) {
    let requests = server.requests();
    let bodies: Vec<_> = requests.iter().map(|r| format!("{}\n", r.text())).collect();
    assert_eq!(bodies.concat(), text());
}

/// A run whose lines are written to it one by one.
fn reading_lines(server: &Server) -> Running {
    test()
        .token("t")
        .args(["--lines", "-", "-q", server.url("/")])
        .stdin_open()
        .spawn()
}

fn wait_for_log(server: &Server, line: &str) {
    while !server.transcript().contains(&format!("{line}\n")) {
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn an_api_that_closes_after_every_k_answers_loses_nothing() {
    for k in 1..=10 {
        let answers = |count| {
            let answered = (0..count).fold(conn(), |c: Conn, _| c.read().reply_json(200, "{}"));
            answered.close()
        };
        let rest = LINES % k;
        let whole = (0..LINES / k).map(|_| answers(k));
        let server = Server::script(whole.chain((rest > 0).then(|| answers(rest))));
        let mut run = reading_lines(&server);
        for (n, line) in (1..).zip(text().split_inclusive('\n')) {
            run.write_stdin(line);
            server.wait_for(n);
            if n % k == 0 {
                // The API says nothing of it, so the next line waits until its goodbye is there.
                wait_for_log(&server, &format!("connection {}: played", n / k - 1));
            }
        }
        run.close_stdin();
        run.wait().code(0);
        all_arrived(&server);
    }
}

#[test]
fn an_api_that_says_it_closes_loses_nothing_at_full_speed() {
    for k in 1..=10 {
        let server = Server::handler(move |request| {
            let n: usize = request.text()[5..].trim_end_matches('}').parse().unwrap();
            match n % k {
                0 => Response::json(200, "{}").close(),
                _ => Response::json(200, "{}"),
            }
        });
        test()
            .token("t")
            .file("in", text())
            .args(["--lines", "in", "-q", server.url("/")])
            .run()
            .code(0);
        all_arrived(&server);
        assert_eq!(server.connections(), LINES.div_ceil(k), "k = {k}");
    }
}

#[test]
fn a_connection_with_something_unasked_on_it_is_not_used_again() {
    let server = Server::script([
        conn()
            .read()
            .reply_json(200, "1")
            .reply("HTTP/1.1 408 Request Timeout\r\n\r\n")
            .stall(),
        conn().read().reply_json(200, "2"),
    ]);
    let mut run = reading_lines(&server);
    run.write_stdin("1\n");
    wait_for_log(&server, "connection 0: stall");
    run.write_stdin("2\n");
    run.close_stdin();
    run.wait().code(0);
}

#[test]
fn a_connection_idle_for_over_a_second_is_not_used_again() {
    let server = Server::script([
        conn()
            .read()
            .reply_json(200, "1")
            .read()
            .reply_json(200, "2")
            .read_end(),
        conn().read().reply_json(200, "3"),
    ]);
    let mut run = reading_lines(&server);
    run.write_stdin("1\n");
    server.wait_for(1);
    std::thread::sleep(Duration::from_millis(500));
    run.write_stdin("2\n");
    server.wait_for(2);
    std::thread::sleep(Duration::from_millis(1200));
    run.write_stdin("3\n");
    run.close_stdin();
    run.wait().code(0);
}

/// A connection on which so many requests are answered at once.
fn prompt(answers: usize) -> Conn {
    (0..answers).fold(conn(), |c: Conn, _| c.read().reply_json(200, "{}"))
}

fn short_lines_and_a_long_one() -> String {
    format!("{}\"{}\"\n", "1\n".repeat(100), "x".repeat(8 << 20))
}

#[test]
fn short_and_long_lines_in_turn_arrive_whole() {
    let server = Server::handler(|_| Response::json(200, "{}"));
    let text = short_lines_and_a_long_one().repeat(3);
    test()
        .token("t")
        .file("in", text.clone())
        .args(["--lines", "in", "-q", server.url("/")])
        .run()
        .code(0);
    let bodies: Vec<_> = server
        .requests()
        .iter()
        .map(|r| format!("{}\n", r.text()))
        .collect();
    assert!(bodies.concat() == text, "{} bodies differ", bodies.len());
    assert_eq!(server.connections(), 1);
}

#[test]
fn an_api_that_answers_at_once_and_then_no_more_ends_with_the_budget() {
    let server = Server::script([prompt(100).read().stall()]);
    test()
        .token("t")
        .file("in", "1\n".repeat(102))
        .args(["--lines", "in", "--timeout", "1s", "-q", server.url("/")])
        .run()
        .within(1.0, 3.0)
        .stdout("")
        .stderr_like(
            "authpost: line 101: waiting for the answer of http://127.0.0.1:PORT: timed out\n\
             hint: the API may have accepted it: check before sending it again, or say --idempotent\n\
             100 accepted, 0 refused, 1 not sent, 1 unknown in * s\n\
             hint: the run stopped early: continue with --skip 101 if the API has accepted what was under way, \
             else with --skip 100\n",
        )
        .code(74);
}

#[test]
fn an_api_that_answers_at_once_and_then_reads_no_more_ends_with_the_budget() {
    let server = Server::script([prompt(100).never_read()]);
    test()
        .token("t")
        .file("in", short_lines_and_a_long_one())
        .args(["--lines", "in", "--timeout", "1s", "-q", server.url("/")])
        .run()
        .within(1.0, 3.0)
        .stdout("")
        .stderr_like(
            "authpost: line 101: sending to http://127.0.0.1:PORT: timed out\n\
             hint: the API may have accepted it: check before sending it again, or say --idempotent\n\
             100 accepted, 0 refused, 0 not sent, 1 unknown in * s\n\
             hint: the run stopped early: continue with --skip 101 if the API has accepted what was under way, \
             else with --skip 100\n",
        )
        .code(74);
}

/// The system calls of a run of lines, as strace has them. With so little time left, each wait has a limit of its own.
fn calls(server: &Server, lines: usize) -> String {
    let run = Runner::program(find("strace").unwrap())
        .args(["-qq", "-o", "trace"])
        .arg(binary())
        .token("t")
        .file("in", "1\n".repeat(lines))
        .args(["--lines", "in", "--timeout", "1s", "-q", server.url("/")]);
    let dir = run.dir();
    run.run().code(0);
    dir.read("trace")
}

#[test]
fn an_api_that_takes_its_time_is_slept_for() {
    if need("strace") {
        let server = Server::handler(|_| Response::json(200, "{}").after(Duration::from_millis(2)));
        let calls = calls(&server, 20);
        assert!(!calls.contains("sched_yield"), "{calls}");
    }
}

#[test]
fn an_api_that_answers_at_once_is_looked_for() {
    if need("strace") {
        let server = Server::handler(|_| Response::json(200, "{}"));
        // How quick it is depends on the machine, so it gets more than one chance.
        let looks = || {
            let calls = calls(&server, 200);
            let waits = calls.matches("SO_RCVTIMEO").count();
            let answers = 200;
            assert!(waits <= answers + 10, "a look needs no limit: {calls}");
            calls.contains("sched_yield")
        };
        assert!((0..50).any(|_| looks()));
    }
}

#[test]
fn the_last_look_at_a_kept_connection_comes_right_before_the_request() {
    if need("strace") {
        let server = Server::handler(|_| Response::json(200, "{}").after(Duration::from_millis(2)));
        let calls = calls(&server, 5);
        let lines: Vec<_> = calls.lines().collect();
        let looks = lines.windows(3).filter(|three| {
            three[0].contains("MSG_PEEK")
                && three[2].contains("sendto")
                && three[2].contains("POST")
        });
        // The call between them has the write wait.
        assert_eq!(looks.count(), 4, "{calls}");
        assert_eq!(calls.matches("MSG_PEEK").count(), 4, "{calls}");
    }
}

#[test]
fn an_api_that_restarts_its_workers_gets_every_line_once() {
    const LINES: usize = 3000;
    if !need("nginx") {
        return;
    }
    let (dir, port) = (dir(), free_port());
    let at = dir.path().display();
    let nginx = Daemon::nginx(
        &dir,
        &format!("error_log {at}/errors; worker_processes 1;"),
        &format!(
            "log_format key $http_idempotency_key; access_log {at}/log key; keepalive_requests 1000000;\n\
            server {{ listen 127.0.0.1:{port}; location / {{ return 200; }} }}"
        ),
        &[port],
    );
    let url = format!("http://127.0.0.1:{port}/");
    let lines: String = (1..=LINES).map(|n| format!("{n}\n")).collect();
    let mut skip = 0;
    loop {
        let run = test()
            .token("t")
            .file("in", lines.as_str())
            .args([
                "--lines",
                "in",
                "-q",
                "--rate",
                "3000",
                "--idempotency-key",
                "k",
            ])
            .args(["--skip", &skip.to_string(), &url]);
        let run = thread::scope(|scope| {
            let run = scope.spawn(|| run.run().unjudged());
            while !run.is_finished() {
                nginx.signal(Signal::HUP);
                thread::sleep(Duration::from_millis(50));
            }
            run.join().unwrap()
        });
        if run.code == Some(0) {
            break;
        }
        // What left before the close was seen may have been accepted: the run must stop there, and say so.
        let stopped = run
            .stderr
            .split("hint: the run stopped early: continue with --skip ");
        let hint = stopped.last().unwrap();
        let (taken, rest) = hint.split_once(' ').unwrap();
        assert!(run.code == Some(74), "{}", run.stderr);
        let is_there = dir
            .read("log")
            .lines()
            .any(|key| key == format!("k-{taken}"));
        let untaken = rest.trim_end().rsplit(' ').next().unwrap();
        skip = if is_there { taken } else { untaken }.parse().unwrap();
    }
    let log = dir.read("log");
    let mut keys: Vec<usize> = log.lines().map(|key| key[2..].parse().unwrap()).collect();
    keys.sort_unstable();
    assert!(keys.into_iter().eq(1..=LINES));
}

//! The kept connection between lines: an API that closes it is noticed, and an idle one is not used again.
use crate::support::{Conn, Response, Server, conn, test};
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
        let mut run = test()
            .token("t")
            .args(["--lines", "-", "-q", server.url("/")])
            .stdin_open()
            .spawn();
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
    let mut run = test()
        .token("t")
        .args(["--lines", "-", "-q", server.url("/")])
        .stdin_open()
        .spawn();
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
    let mut run = test()
        .token("t")
        .args(["--lines", "-", "-q", server.url("/")])
        .stdin_open()
        .spawn();
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

//! `--timeout` is the wall clock's: whatever hangs, the run ends within half a second of it.
use crate::support::{
    Ca, Leaf, NameServer, Ran, Runner, Server, Tls, Unreachable, conn, need_names, test,
};
use std::time::Duration;

/// The --timeout of each of these runs, in seconds.
const TIMEOUT: f64 = 0.4;

fn run(url: &str) -> Runner {
    test().token("t0ken").args([url, "--timeout=400ms", "a=b"])
}

/// It took its --timeout and no more.
fn in_time(ran: Ran) -> Ran {
    ran.within(TIMEOUT, TIMEOUT + 0.5)
}

fn tick() -> Duration {
    Duration::from_millis(50)
}

#[test]
fn a_name_server_that_never_answers() {
    if !need_names() {
        return;
    }
    let server = NameServer::silent();
    let address = server.address().to_string();
    let url = "https://api.example.com/data";
    let ran = run(url)
        .names(&server.conf(), "")
        .word(&*address, "SERVER")
        .run();
    in_time(ran)
        .stderr(
            "authpost: looking up the host of https://api.example.com: no answer in time: SERVER did not answer\n\
             hint: check the network, and the servers named in /etc/resolv.conf\n",
        )
        .code(75);
    assert!(!server.asked().is_empty());
}

#[test]
fn a_connect_that_hangs() {
    let silent = Unreachable::silent();
    let word = |run: Runner| run.word(silent.port().to_string(), "SILENT");
    let timed_out = "authpost: connecting to http://127.0.0.1:SILENT: timed out\n";
    in_time(word(run(silent.url("/"))).run())
        .stderr(timed_out)
        .code(75);
    // --connect-timeout is a part of the deadline, for each attempt.
    let args = ["--timeout=10s", "--connect-timeout=400ms", "--tries=1"];
    in_time(word(run(silent.url("/"))).args(args).run())
        .stderr(timed_out)
        .code(75);
}

#[test]
fn a_tls_peer_that_is_silent_or_drips() {
    let ca = Ca::new("Test CA");
    let tls = Tls::new(&ca.issue(Leaf::new("localhost")));
    // A record that announces 16 KiB.
    let mut record = vec![0x16, 3, 3, 0x40, 0];
    record.resize(1000, 0);
    for script in [
        conn().raw().stall(),
        conn().raw().drip(record, tick()).stall(),
    ] {
        let server = tls.script([script]);
        let run = run(server.url("/"))
            .file("ca.pem", ca.pem())
            .arg("--cacert=ca.pem");
        in_time(run.run())
            .stderr("authpost: setting up TLS with https://localhost:PORT: timed out\n")
            .code(75);
        assert_eq!(server.complaints(), [""; 0]);
    }
}

#[test]
fn a_proxy_that_is_silent() {
    let proxy = Server::script([conn().read().stall()]);
    let run = run("https://api.example.com/")
        .arg("--proxy")
        .arg(proxy.url(""));
    in_time(run.run())
        .stderr("authpost: connecting to https://api.example.com through the proxy 127.0.0.1:PORT: timed out\n")
        .code(75);
}

#[test]
fn an_answer_that_never_comes() {
    let server = Server::script([conn().read().stall()]);
    in_time(run(server.url("/")).run())
        .stderr(
            "authpost: waiting for the answer of http://127.0.0.1:PORT: timed out\n\
             hint: the API may have accepted it: check before sending it again, or say --idempotent\n",
        )
        .code(74);
}

#[test]
fn a_head_that_drips() {
    let head = format!("HTTP/1.1 200 OK\r\nX-Slow: {}\r\n\r\n", "x".repeat(1000));
    let server = Server::script([conn().read().drip(head, tick())]);
    in_time(run(server.url("/")).run())
        .stderr(
            "authpost: reading the answer of http://127.0.0.1:PORT: timed out\n\
             hint: the API may have accepted it: check before sending it again, or say --idempotent\n",
        )
        .code(74);
}

#[test]
fn a_body_that_drips() {
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n";
    let server = Server::script([conn().read().reply(head).drip("x".repeat(1000), tick())]);
    in_time(run(server.url("/")).run())
        .stdout_like("xx*")
        .stderr_like(
            "HTTP/1.1 200 OK\n\
             authpost: the API accepted the document (200 OK), but its answer broke off after * bytes: timed out\n\
             hint: do not send it again; look at what the API made of it\n  x*\n",
        )
        .code(74);
    // A refusal is one, however little of it came.
    let head = "HTTP/1.1 403 Forbidden\r\nContent-Length: 1000\r\n\r\n";
    let server = Server::script([conn().read().reply(head).stall()]);
    in_time(run(server.url("/")).run())
        .stderr(
            "HTTP/1.1 403 Forbidden\nauthpost: the API answered 403 Forbidden\n\
             hint: the token is known, but may not do this: ask for the right\n\
             authpost: the answer broke off after 0 bytes: timed out\n",
        )
        .code(77);
}

#[test]
fn chunks_that_drip() {
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let chunks = "1\r\nx\r\n".repeat(200);
    let server = Server::script([conn().read().reply(head).drip(chunks, tick() / 5)]);
    in_time(run(server.url("/")).run())
        .stdout_like("x*")
        .stderr_like(
            "HTTP/1.1 200 OK\n\
             authpost: the API accepted the document (200 OK), but its answer broke off after * bytes: timed out\n\
             hint: do not send it again; look at what the API made of it\n  x*\n",
        )
        .code(74);
}

#[test]
fn a_document_that_is_never_read() {
    let document = format!("[\"{}\"]", "x".repeat(20 << 20));
    for script in [
        conn().never_read(),
        conn().read_head().wait(Duration::from_secs(5)),
    ] {
        let server = Server::script([script]);
        let run = test().token("t0ken").file("large", &*document);
        // Checking it takes a moment in a debug build, and comes before the delivery.
        let ran = run
            .args([server.url("/"), "--timeout=400ms", "-d@large"])
            .run();
        ran.within(TIMEOUT, TIMEOUT + 1.5)
            .stderr(
                "authpost: sending to http://127.0.0.1:PORT: timed out\n\
                 hint: the API may have accepted it: check before sending it again, or say --idempotent\n",
            )
            .code(74);
        drop(server.complaints());
    }
}

#[test]
fn a_token_that_takes_its_time() {
    let server = Server::never();
    let run = test().args([
        server.url("/"),
        "--timeout=400ms",
        "--token-command=sleep 60",
    ]);
    in_time(run.run())
        .stderr(
            "authpost: running --token-command: it did not end in time, and was stopped\n\
             hint: run it by hand to see what it is waiting for, or raise --timeout\n",
        )
        .code(75);

    // What the first token has cost is gone, and a second one may hang as well.
    let server = Server::script([conn().read().reply_json(401, "")]);
    let command = "--token-command=test -e ran && sleep 60; >ran; echo t0ken";
    let run = test().args([server.url("/"), "--timeout=400ms", command]);
    in_time(run.run())
        .stderr(
            "authpost: the API answered 401 Unauthorized; no new token: \
             running --token-command: it did not end in time, and was stopped (2 attempts, no time left for another)\n\
             hint: run it by hand to see what it is waiting for, or raise --timeout\n",
        )
        .code(75);
}

#[test]
fn an_api_that_is_never_there_is_given_up_in_time() {
    // Attempts and waits count toward the deadline, too.
    let refusing = Unreachable::refusing();
    let run = run(refusing.url("/")).args(["--tries=1000000", "--wait=20ms", "--max-wait=20ms"]);
    let word = run.word(refusing.port().to_string(), "CLOSED");
    word.run()
        .within(TIMEOUT - 0.05, TIMEOUT + 0.5)
        .stderr_like("authpost: connecting to http://127.0.0.1:CLOSED: Connection refused (* attempts, no time left for another)\n")
        .code(75);
}

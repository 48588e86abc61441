//! Order: the documents of one target, a method and a URL, arrive in the order in which they were accepted.
use crate::spool::messages::{self, authpost, call, flush, lies, names, rename, retarget, waiting};
use crate::support::{Dir, Ran, Response, Server, conn, dir, need, test};
use std::fs::{self, File};
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

/// An API that answers what it was told last.
struct Api {
    server: Server,
    status: Arc<AtomicU16>,
}

impl Api {
    fn new(status: u16) -> Api {
        let status = Arc::new(AtomicU16::new(status));
        let says = status.clone();
        let server =
            Server::handler(move |_| Response::json(says.load(Ordering::SeqCst), "{\"r\":1}"));
        Api { server, status }
    }

    fn answers(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }

    fn url(&self, path: &str) -> &'static str {
        self.server.url(path)
    }

    /// The documents so far, in the order in which they came.
    fn bodies(&self) -> Vec<String> {
        let requests = self.server.requests();
        requests.iter().map(|r| r.text().to_owned()).collect()
    }
}

/// Sends a document, a number, by way of the spool, in one try.
fn send(d: &Dir, url: &str, args: &[&str]) -> Ran {
    let is_document = |arg: &&&str| arg.bytes().all(|byte| byte.is_ascii_digit());
    match args.iter().rposition(|arg| is_document(&arg)) {
        Some(at) => {
            let args = [&args[..at], &["-d"], &args[at..]].concat();
            messages::send(d, url, &args)
        }
        None => messages::send(d, url, args),
    }
}

/// Makes every target due.
pub fn due(d: &Dir) {
    for name in names(d, "targets") {
        File::create(d.join(format!("s/targets/{name}"))).unwrap();
    }
}

#[test]
fn a_send_delivers_what_is_older_first() {
    let (d, api) = (dir(), Api::new(503));
    send(&d, api.url("/"), &["-q", "1"]).code(0);
    api.answers(200);
    send(&d, api.url("/"), &["2"])
        .stdout("{\"r\":1}")
        .stderr("authpost: delivered 1 older document first\nHTTP/1.1 200 OK\n")
        .code(0);
    assert_eq!(api.bodies(), ["1", "1", "2"]);
    assert_eq!(api.server.connections(), 2, "one run, one connection");
    lies(&d, 0, 0);
    assert_eq!(names(&d, "targets"), Vec::<String>::new());
    assert_eq!(names(&d, "state"), Vec::<String>::new());
}

#[test]
fn a_send_queues_behind_what_cannot_be_delivered() {
    let (d, api) = (dir(), Api::new(503));
    for n in 1..=3 {
        send(&d, api.url("/"), &["-q", &n.to_string()]).code(0);
    }
    send(&d, api.url("/"), &["4"])
        .stderr_like(
            "authpost: stored in the spool as *: queued behind 3 older documents: \
             the API answered 503 Service Unavailable; 'authpost flush DIR/s' delivers it, retried from *Z until *Z or later\n",
        )
        .code(0);
    send(&d, api.url("/"), &["--report", "5"])
        .stdout_like(
            "{\"outcome\":\"spooled\",\"exit\":0,\"status\":null,\"tries\":0,*,\
             \"error\":\"queued behind 4 older documents: *\",*\"response\":null*}\n",
        )
        .stderr_like("**")
        .code(0);
    lies(&d, 5, 0);
    assert_eq!(api.bodies(), ["1", "1", "1", "1", "1"], "only the head");
    api.answers(200);
    due(&d);
    let before = api.server.connections();
    flush(&d)
        .stderr("authpost: the spool 'DIR/s': 5 delivered\n")
        .code(0);
    assert_eq!(api.bodies()[5..], ["1", "2", "3", "4", "5"]);
    assert_eq!(api.server.connections(), before + 1);
}

#[test]
fn a_refused_token_at_the_head_still_asks_for_a_person() {
    let (d, api) = (dir(), Api::new(401));
    send(&d, api.url("/"), &["-q", "1"])
        .stderr_like("**")
        .code(77);
    send(&d, api.url("/"), &["-q", "2"])
        .stderr_like(
            "authpost: queued behind 1 older document: the API answered 401 Unauthorized\nhint: *\n\
             authpost: stored in the spool as *; 'authpost flush DIR/s' delivers it, retried from *Z\n",
        )
        .code(77);
    lies(&d, 2, 0);
}

#[test]
fn another_target_is_another_order() {
    let (d, api) = (dir(), Api::new(503));
    send(&d, api.url("/a"), &["-q", "1"]).code(0);
    api.answers(200);
    send(&d, api.url("/b"), &["-q", "2"]).code(0);
    send(&d, api.url("/a"), &["-q", "-X", "PUT", "3"]).code(0);
    lies(&d, 1, 0);
    assert_eq!(api.bodies(), ["1", "2", "3"]);
}

/// An API that does not answer its first request before it is told to.
struct Gate {
    server: Server,
    open: Arc<(Mutex<bool>, Condvar)>,
}

impl Gate {
    /// What the first is answered; all others are accepted.
    fn new(first: u16) -> Gate {
        let open: Arc<(Mutex<bool>, Condvar)> = Arc::default();
        let (gate, count) = (open.clone(), AtomicUsize::new(0));
        let server = Server::handler(move |_| {
            if count.fetch_add(1, Ordering::SeqCst) > 0 {
                return Response::json(200, "{}");
            }
            let (is_open, changed) = &*gate;
            let limit = Duration::from_secs(20);
            let held = is_open.lock().unwrap();
            drop(changed.wait_timeout_while(held, limit, |is_open| !*is_open));
            Response::json(first, "{}")
        });
        Gate { server, open }
    }

    fn open(&self) {
        *self.open.0.lock().unwrap() = true;
        self.open.1.notify_all();
    }

    fn bodies(&self) -> Vec<String> {
        let requests = self.server.requests();
        requests.iter().map(|r| r.text().to_owned()).collect()
    }
}

/// Waits until so many messages are in the spool's queue.
fn wait_queued(d: &Dir, count: usize) {
    let start = Instant::now();
    while names(d, "queue").len() != count {
        assert!(start.elapsed() < Duration::from_secs(10), "never queued");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn two_senders_at_once_take_turns() {
    for first in [200, 503] {
        let (d, gate) = (dir(), Gate::new(first));
        let url = gate.server.url("/");
        let sender = |n: &str| {
            authpost(&d)
                .args(["-q", "--token-file", "token", "--spool", "s"])
                .args(["--tries", "1", url, "-d", n])
        };
        let one = sender("1").spawn();
        // The one that is being sent is no longer in the queue.
        let start = Instant::now();
        while names(&d, "active").len() != 1 {
            assert!(start.elapsed() < Duration::from_secs(10), "never sent");
        }
        let two = sender("2").spawn();
        wait_queued(&d, 1);
        gate.open();
        one.wait().code(0);
        two.wait().code(0);
        let bodies = gate.bodies();
        match first {
            200 => assert_eq!(bodies, ["1", "2"]),
            _ => assert_eq!(bodies, ["1", "1", "2"]),
        }
        lies(&d, 0, 0);
    }
}

#[test]
fn a_turn_that_does_not_come_in_time_leaves_the_message_queued() {
    let (d, gate) = (dir(), Gate::new(200));
    let url = gate.server.url("/");
    let sender = |n: &str| {
        authpost(&d)
            .args(["--token-file", "token", "--spool", "s"])
            .args(["--tries", "1", url, "-d", n])
    };
    let one = sender("1").spawn();
    let start = Instant::now();
    while names(&d, "active").len() != 1 {
        assert!(start.elapsed() < Duration::from_secs(10), "never sent");
    }
    sender("2")
        .args(["--timeout", "300ms"])
        .run()
        .stderr_like(
            "authpost: stored in the spool as *: another run is sending to its target; \
             'authpost flush DIR/s' delivers it\n",
        )
        .within(0.29, 5.0)
        .code(0);
    // A flush does not wait for it, either.
    call(&d, &["flush", "s"])
        .stderr("authpost: the spool 'DIR/s': 2 still pending\n")
        .code(0);
    gate.open();
    one.wait().stdout("{}").stderr("HTTP/1.1 200 OK\n").code(0);
    flush(&d)
        .stderr("authpost: the spool 'DIR/s': 1 delivered\n")
        .code(0);
    assert_eq!(gate.bodies(), ["1", "2"]);
}

#[test]
fn what_another_run_delivered_meanwhile_is_not_sent_again() {
    // Both wait; whoever is next delivers both of them, and the other one finds nothing to do.
    let (d, gate) = (dir(), Gate::new(200));
    let url = gate.server.url("/");
    let sender = |n: &str| {
        authpost(&d)
            .args(["-q", "--token-file", "token", "--spool", "s"])
            .args(["--tries", "1", url, "-d", n])
    };
    let one = sender("1").spawn();
    let start = Instant::now();
    while names(&d, "active").len() != 1 {
        assert!(start.elapsed() < Duration::from_secs(10), "never sent");
    }
    let mut others = Vec::new();
    for n in 2..=6 {
        others.push(sender(&n.to_string()).spawn());
        wait_queued(&d, n - 1);
    }
    gate.open();
    one.wait().code(0);
    for other in others {
        other.wait().code(0);
    }
    assert_eq!(gate.bodies(), ["1", "2", "3", "4", "5", "6"]);
    lies(&d, 0, 0);
}

#[test]
fn a_dead_lettered_message_blocks_nothing() {
    let (d, api) = (dir(), Api::new(503));
    for n in 1..=2 {
        send(&d, api.url("/"), &["-q", &n.to_string()]).code(0);
    }
    let head = names(&d, "queue").remove(0);
    let server = api.server;
    drop(server);
    let server = Server::handler(|r| match r.text() {
        "1" => Response::json(422, "{}"),
        _ => Response::json(200, "{}"),
    });
    let (head, second) = (
        retarget(&d, &head, server.url("/")),
        retarget(&d, &names(&d, "queue")[1], server.url("/")),
    );
    assert!(head < second);
    due(&d);
    send(&d, server.url("/"), &["3"])
        .stdout("{}")
        .stderr_like(&format!(
            "authpost: {head} to http://127.0.0.1:PORT/: the API answered 422 Unprocessable *; dead-lettered\n\
             authpost: delivered 1 older document first\nHTTP/1.1 200 OK\n"
        ))
        .code(0);
    assert_eq!(names(&d, "dead"), [head]);
    lies(&d, 0, 1);
}

#[test]
fn one_bad_document_is_dead_lettered_after_three_tries() {
    let d = dir();
    let server = Server::handler(|r| match r.text() {
        "1" => Response::json(500, "{}"),
        _ => Response::json(200, "{}"),
    });
    for n in 1..=3 {
        waiting(&d, server.url("/"), &["--idempotent", "-d", &n.to_string()]);
    }
    for tried in 1..=2 {
        flush(&d)
            .stderr_like(
                "authpost: * 500 Internal Server Error; next attempt in 60 s at the earliest\n**\
                 authpost: the spool 'DIR/s': 3 still pending\n",
            )
            .code(69);
        flush(&d)
            .stderr("authpost: the spool 'DIR/s': 3 not due yet\n")
            .code(0);
        due(&d);
        assert_eq!(server.count(), tried);
    }
    flush(&d)
        .stderr_like(
            "authpost: * given up after 3 attempts: the API answered 500 Internal Server Error; dead-lettered\n**\
             authpost: the spool 'DIR/s': 2 delivered, 1 dead*\n",
        )
        .code(74);
    lies(&d, 0, 1);
}

/// A gateway whose API is down answers so to every document: each may have been accepted, but only one is affected.
#[test]
fn an_api_that_is_down_dead_letters_one_message_and_holds_the_others() {
    for status in [502, 504, 0] {
        let d = dir();
        let server = Server::handler(move |_| match status {
            0 => Response::hang_up(),
            status => Response::json(status, "{}"),
        });
        for n in 1..=3 {
            waiting(&d, server.url("/"), &["-d", &n.to_string()]);
        }
        flush(&d)
            .stderr_like("**authpost: the spool 'DIR/s': 2 still pending, 1 dead*\n")
            .code(74);
        assert_eq!(server.count(), 1, "{status}");
        lies(&d, 2, 1);
        flush(&d)
            .stderr("authpost: the spool 'DIR/s': 2 not due yet\n")
            .code(0);
    }
}

/// An API's own failure, not a gateway's, says nothing of the next document.
#[test]
fn a_message_that_fails_alone_holds_nothing() {
    let d = dir();
    let server = Server::handler(|r| match r.text() {
        "1" => Response::json(500, "{}"),
        _ => Response::json(200, "{}"),
    });
    for n in 1..=2 {
        waiting(&d, server.url("/"), &["-d", &n.to_string()]);
    }
    flush(&d)
        .stderr_like("**authpost: the spool 'DIR/s': 1 delivered, 1 dead*\n")
        .code(74);
}

#[test]
fn a_target_that_is_down_delays_no_other_and_is_tried_last() {
    let d = dir();
    let server = Server::handler(|r| match r.path() {
        "/down" => Response::json(503, "{}"),
        _ => Response::json(200, "{}"),
    });
    for path in ["/down", "/up", "/down", "/up"] {
        waiting(&d, server.url(path), &[]);
    }
    let paths = || -> Vec<_> {
        let requests = server.requests();
        requests.iter().map(|r| r.path().to_owned()).collect()
    };
    flush(&d)
        .stderr_like("**authpost: the spool 'DIR/s': 2 delivered, 2 still pending\n")
        .code(69);
    assert_eq!(paths(), ["/down", "/up", "/up"]);
    waiting(&d, server.url("/up"), &[]);
    // Due again, but it failed the last time.
    let state = format!("s/targets/{}", names(&d, "targets")[0]);
    let text = d.read(&state).replace("\"wait\":60", "\"wait\":0");
    d.write(&state, text, 0o600);
    flush(&d)
        .stderr_like("**authpost: the spool 'DIR/s': 1 delivered, 2 still pending\n")
        .code(69);
    assert_eq!(paths()[3..], ["/up", "/down"]);
}

#[test]
fn lines_go_behind_what_is_pending() {
    let (d, api) = (dir(), Api::new(503));
    send(&d, api.url("/"), &["-q", "1"]).code(0);
    let lines = |text: &str| {
        authpost(&d)
            .file("in", text)
            .args(["--token-file", "token", "--spool", "s", "--tries", "1"])
            .args(["--lines", "in", api.url("/")])
            .run()
    };
    lines("2\n3\n")
        .stderr_like(
            "authpost: all lines are stored in the spool, queued behind 1 older document: \
             the API answered 503 Service Unavailable; 'authpost flush DIR/s' delivers them, retried from *Z until *Z or later\n\
             0 accepted, 0 refused, 0 not sent, 2 spooled in * s\n",
        )
        .code(0);
    assert_eq!(api.bodies(), ["1", "1"]);
    api.answers(200);
    lines("4\n5\n")
        .stderr_like(
            "authpost: delivered 3 older documents first\n2 accepted, 0 refused, 0 not sent in * s\n",
        )
        .code(0);
    assert_eq!(api.bodies()[2..], ["1", "2", "3", "4", "5"]);
    lies(&d, 0, 0);
    assert_eq!(names(&d, "targets"), Vec::<String>::new());
}

#[test]
fn lines_hold_the_target_to_their_end() {
    let (d, gate) = (dir(), Gate::new(200));
    let url = gate.server.url("/");
    let lines = authpost(&d)
        .file("in", "1\n2\n3\n")
        .args(["-q", "--token-file", "token", "--spool", "s"])
        .args(["--lines", "in", url])
        .spawn();
    // Its first line has no answer yet.
    let start = Instant::now();
    while names(&d, "targets").len() != 1 {
        assert!(start.elapsed() < Duration::from_secs(10), "never begun");
    }
    let send = authpost(&d)
        .args(["-q", "--token-file", "token", "--spool", "s"])
        .args([url, "-d", "4"])
        .spawn();
    wait_queued(&d, 1);
    gate.open();
    lines.wait().code(0);
    send.wait().code(0);
    assert_eq!(gate.bodies(), ["1", "2", "3", "4"]);
}

#[test]
fn a_clock_that_was_set_back_changes_no_order() {
    let (d, api) = (dir(), Api::new(503));
    send(&d, api.url("/"), &["-q", "1"]).code(0);
    // It was accepted an hour from now.
    let id = names(&d, "queue").remove(0);
    let later = u64::from_str_radix(&id[..14], 16).unwrap() + 3_600_000_000;
    let moved = format!("{later:014x}{}", &id[14..]);
    rename(&d, &id, &moved);
    send(&d, api.url("/"), &["-q", "2"]).code(0);
    authpost(&d)
        .file("in", "3\n4\n")
        .args(["-q", "--token-file", "token", "--spool", "s"])
        .args(["--tries", "1", "--lines", "in", api.url("/")])
        .run()
        .code(0);
    api.answers(200);
    send(&d, api.url("/"), &["-q", "5"]).code(0);
    let bodies = api.bodies();
    assert_eq!(bodies[bodies.len() - 5..], ["1", "2", "3", "4", "5"]);
}

#[test]
fn a_sender_recovers_what_a_killed_one_left() {
    let d = dir();
    let server = Server::script([conn()
        .read()
        .reply_json(200, "{}")
        .read()
        .reply_json(200, "{}")]);
    let plain = waiting(&d, server.url("/"), &["-d", "1"]);
    let harmless = waiting(&d, server.url("/"), &["--idempotent", "-d", "2"]);
    for id in [&plain, &harmless] {
        fs::rename(
            d.join(format!("s/queue/{id}")),
            d.join(format!("s/active/{id}")),
        )
        .unwrap();
    }
    send(&d, server.url("/"), &["-q", "3"])
        .stderr_like(&format!(
            "authpost: {plain} to http://127.0.0.1:PORT/: the run that sent it was stopped before the answer, *; dead-lettered\n\
             hint: ask the API *\n"
        ))
        .code(0);
    let bodies: Vec<_> = server
        .finish()
        .iter()
        .map(|r| r.text().to_owned())
        .collect();
    assert_eq!(bodies, ["2", "3"]);
    lies(&d, 0, 1);
}

#[test]
fn a_message_named_for_another_target_is_damaged() {
    let d = dir();
    let server = Server::never();
    let id = waiting(&d, server.url("/"), &[]);
    let other = format!("{}{}", &id[..18], "0123456789ab");
    rename(&d, &id, &other);
    flush(&d)
        .stderr_like(
            "authpost: dead-lettering '*': it is damaged: its name is not that of its target\n*\n",
        )
        .code(65);
}

#[test]
fn a_retry_does_not_wait_for_its_target() {
    let (d, api) = (dir(), Api::new(503));
    send(&d, api.url("/"), &["-q", "1"]).code(0);
    flush(&d)
        .stderr("authpost: the spool 'DIR/s': 1 not due yet\n")
        .code(0);
    let id = names(&d, "queue").remove(0);
    call(&d, &["retry", "-q", "s", &id]).code(0);
    api.answers(200);
    flush(&d)
        .stderr("authpost: the spool 'DIR/s': 1 delivered\n")
        .code(0);
}

#[test]
fn what_lies_where_a_target_is_locked_is_looked_at_first() {
    let (d, api) = (dir(), Api::new(503));
    send(&d, api.url("/"), &["-q", "1"]).code(0);
    let lock = format!("s/targets/{}", names(&d, "targets")[0]);
    fs::remove_file(d.join(&lock)).unwrap();
    d.write("precious", "mine", 0o600);
    std::os::unix::fs::symlink(d.join("precious"), d.join(&lock)).unwrap();
    let refused =
        format!("authpost: locking 'DIR/{lock}' in the spool: it is not a file\nhint: *\n");
    send(&d, api.url("/"), &["2"])
        .stderr_like(&refused)
        .code(73);
    flush(&d)
        .stderr_like(&format!(
            "{refused}authpost: the spool 'DIR/s': 1 still pending\n"
        ))
        .code(73);
    assert_eq!(d.read("precious"), "mine");
    // What is noted there is a hint only.
    fs::remove_file(d.join(&lock)).unwrap();
    d.write(&lock, "\0garbage", 0o600);
    api.answers(200);
    flush(&d)
        .stderr("authpost: the spool 'DIR/s': 1 delivered\n")
        .code(0);
}

/// What strace prints of a run that ends with exit 0, a line for each system call.
fn traced(d: &Dir, args: &[&str]) -> String {
    let log = d.join("calls");
    test()
        .in_dir(d)
        .args(args)
        .shell(&format!(
            "exec /usr/bin/strace -f -o {} \"$@\"",
            log.display()
        ))
        .run()
        .code(0);
    fs::read_to_string(log).unwrap()
}

fn system_calls(d: &Dir, url: &str) -> usize {
    #[rustfmt::skip]
    let args = ["-q", "--no-auth", "--spool", "s", "--tries", "1", url, "-d", "1"];
    let calls = traced(d, &args);
    // The list of a directory comes in pieces whose size the C library chooses.
    let calls = calls.lines().filter(|call| !call.contains("getdents64("));
    calls.count()
}

#[test]
fn accepting_costs_the_same_however_many_are_pending() {
    if !need("strace") {
        return;
    }
    let (d, api) = (dir(), Api::new(503));
    system_calls(&d, api.url("/"));
    let few = system_calls(&d, api.url("/"));
    let id = names(&d, "queue").remove(0);
    let first = u64::from_str_radix(&id[..14], 16).unwrap();
    for n in 1..=10_000 {
        let other = format!("{:014x}{}", first + n, &id[14..]);
        File::create(d.join(format!("s/queue/{other}"))).unwrap();
    }
    let many = system_calls(&d, api.url("/"));
    println!("system calls of a send with 1 pending: {few}; with 10,001: {many}");
    assert!(many * 2 <= few * 3, "{few} and {many}");
}

/// The calls that open, lock, write, sync, move and close its file, and those that protect other files and count bytes.
#[test]
fn a_line_is_accepted_with_fourteen_system_calls() {
    if !need("strace") {
        return;
    }
    let d = dir();
    let down = crate::support::Unreachable::refusing();
    let run = |count: usize| {
        let line = format!("\"{}\"\n", "x".repeat(100));
        d.write("in", line.repeat(count), 0o600);
        let url = down.url("/");
        #[rustfmt::skip]
        let args = ["-q", "--no-auth", "--spool", "s", "--tries", "1", "--lines", "in", url];
        // What the C library does about memory, and a debug build about files, is its own affair.
        let other = ["brk(", "mmap(", "munmap(", "F_GETFD", "F_SETFD"];
        let calls = traced(&d, &args);
        let is_ours = |call: &&str| !other.iter().any(|it| call.contains(it));
        calls.lines().filter(is_ours).count()
    };
    run(1);
    let few = run(2);
    assert_eq!(run(102) - few, 1400);
}

/// However many ids are given.
#[test]
fn retry_and_drop_list_the_spool_once() {
    if !need("strace") {
        return;
    }
    let (d, api) = (dir(), Api::new(503));
    for _ in 0..3 {
        messages::send(&d, api.url("/"), &["-q", "-d", "1"]).code(0);
    }
    let ids = names(&d, "queue");
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    for verb in ["retry", "drop"] {
        let calls = traced(&d, &[&[verb, "-q", "s"], &ids[..]].concat());
        let lists = |call: &&str| call.contains("s/queue\"") && call.contains("O_DIRECTORY");
        assert_eq!(calls.lines().filter(lists).count(), 1, "{calls}");
    }
    lies(&d, 0, 0);
}

#[test]
fn ten_thousand_lines_are_accepted_in_time() {
    let count = if crate::spool::crash::full() {
        10_000
    } else {
        500
    };
    let d = dir();
    let down = crate::support::Unreachable::refusing();
    let lines: String = (0..count).map(|n| format!("{n}\n")).collect();
    let ran = authpost(&d)
        .file("in", lines)
        .args(["-q", "--no-auth", "--spool", "s", "--tries", "1"])
        .args(["--lines", "in", down.url("/")])
        .run();
    let elapsed = ran.elapsed();
    ran.code(0);
    assert_eq!(names(&d, "queue").len(), count);
    println!("{count} lines accepted in {elapsed:?}");
    if std::env::var_os("AUTHPOST_BIN").is_some() {
        assert!(elapsed < Duration::from_secs(10), "{elapsed:?}");
    }
}

#[test]
fn the_limit_of_a_spool_is_an_option() {
    let (d, api) = (dir(), Api::new(503));
    let body = format!("\"{}\"", "x".repeat(600));
    let args = ["-q", "--spool-limit", "1500", "-d", &body];
    let send = messages::send;
    send(&d, api.url("/"), &args).code(0);
    send(&d, api.url("/"), &args)
        .stderr_like(
            "authpost: writing to the spool 'DIR/s': it is full: * bytes, with --spool-limit 1500\n\
             hint: 'authpost list DIR/s' shows what is pending and dead-lettered: flush or drop it, or raise --spool-limit\n",
        )
        .code(73);
    lies(&d, 1, 0);
    // What was delivered makes room.
    api.answers(200);
    call(&d, &["retry", "-q", "s", &names(&d, "queue")[0]]).code(0);
    flush(&d).stderr_like("**").code(0);
    api.answers(503);
    send(&d, api.url("/"), &args).code(0);
    lies(&d, 1, 0);
}

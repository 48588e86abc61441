//! The warning about messages that are pending for long, and when there is none: each line is a mail from cron.
use crate::spool::messages::{authpost, call, names, rename, send, waiting};
use crate::spool::order::due;
use crate::support::last_line::{now, seconds};
use crate::support::{Dir, Ran, Response, Server};
use crate::support::{dir, test};
use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, SystemTime};

const DAY: Duration = Duration::from_secs(86_400);

fn api(status: u16) -> (Server, Arc<AtomicU16>) {
    let status = Arc::new(AtomicU16::new(status));
    let says = status.clone();
    let server = Server::handler(move |_| Response::json(says.load(Ordering::SeqCst), "{}"));
    (server, status)
}

fn quiet_flush(d: &Dir) -> Ran {
    authpost(d).args(["flush", "-q", "s"]).run()
}

/// Makes a pending message so much older.
fn age(d: &Dir, id: &str, by: Duration) -> String {
    let accepted = u64::from_str_radix(&id[..14], 16).unwrap() - by.as_micros() as u64;
    let older = format!("{accepted:014x}{}", &id[14..]);
    rename(d, id, &older);
    older
}

#[test]
fn a_quiet_flush_says_nothing_of_an_api_that_is_down() {
    let d = dir();
    let (server, status) = api(503);
    waiting(&d, server.url("/"), &[]);
    quiet_flush(&d).stderr("").code(69);
    due(&d);
    // But what needs a person is said.
    status.store(401, Ordering::SeqCst);
    quiet_flush(&d)
        .stderr_like("authpost: * 401 Unauthorized; next attempt in *\nhint: *\n")
        .code(77);
    due(&d);
    status.store(422, Ordering::SeqCst);
    quiet_flush(&d)
        .stderr_like("authpost: * 422 *; dead-lettered\n")
        .code(76);
}

#[test]
fn a_quiet_flush_warns_once_a_day_of_what_has_been_pending_for_long() {
    let d = dir();
    let (server, _) = api(503);
    let id = waiting(&d, server.url("/"), &[]);
    waiting(&d, server.url("/"), &[]);
    quiet_flush(&d).stderr("").code(69);
    age(&d, &id, DAY + Duration::from_secs(3600));
    let told = "authpost: to http://127.0.0.1:PORT/: 2 messages are pending, the oldest for 25 h: \
                the API answered 503 Service Unavailable\n\
                hint: 'authpost list DIR/s' shows what is pending\n";
    // It is not due, and told all the same.
    quiet_flush(&d).stderr(told).code(0);
    quiet_flush(&d).stderr("").code(0);
    // The next day.
    let target = format!("s/targets/{}", names(&d, "targets")[0]);
    let text = d.read(&target);
    let (_, alerted) = text.split_once("\"alerted\":").unwrap();
    let alerted: u64 = alerted.split(',').next().unwrap().parse().unwrap();
    let earlier = text.replace(&alerted.to_string(), &(alerted - 86_401).to_string());
    d.write(&target, earlier, 0o600);
    quiet_flush(&d).stderr(told).code(69);
    due(&d);
    call(&d, &["flush", "-q", "--alert-after", "48h", "s"])
        .stderr("")
        .code(69);
}

#[test]
fn a_send_warns_once_a_day_where_nothing_flushes() {
    let d = dir();
    let (server, _) = api(503);
    let id = waiting(&d, server.url("/"), &[]);
    age(&d, &id, 2 * DAY);
    // There was a flush an hour ago, whose affair it is.
    let flushed = |ago: Duration| {
        let lock = File::options().write(true).open(d.join("s/lock")).unwrap();
        lock.set_modified(SystemTime::now() - ago).unwrap();
    };
    flushed(DAY / 24);
    send(&d, server.url("/"), &["-q"]).stderr("").code(0);
    flushed(2 * DAY);
    send(&d, server.url("/"), &["-q"])
        .stderr(
            "authpost: to http://127.0.0.1:PORT/: 2 messages are pending, the oldest for 2 d, and nothing flushes \
             them: the API answered 503 Service Unavailable\nhint: run 'authpost flush -q DIR/s' from cron\n",
        )
        .code(0);
    send(&d, server.url("/"), &["-q"]).stderr("").code(0);
}

/// A run over lines is one that sends, too.
#[test]
fn lines_with_a_spool_warn_where_nothing_flushes() {
    let d = dir();
    let (server, _) = api(503);
    let id = waiting(&d, server.url("/"), &[]);
    age(&d, &id, 2 * DAY);
    let lines = || {
        authpost(&d)
            .file("in", "1\n")
            .args(["--token-file", "token", "--spool", "s", "--tries", "1"])
            .args(["-q", "--lines", "in", server.url("/")])
            .run()
    };
    let flushed = |ago: Duration| {
        let lock = File::options().write(true).open(d.join("s/lock")).unwrap();
        lock.set_modified(SystemTime::now() - ago).unwrap();
    };
    flushed(DAY / 24);
    lines().stderr("").code(0);
    flushed(2 * DAY);
    lines()
        .stderr(
            "authpost: to http://127.0.0.1:PORT/: 2 messages are pending, the oldest for 2 d, and nothing flushes \
             them: the API answered 503 Service Unavailable\nhint: run 'authpost flush -q DIR/s' from cron\n",
        )
        .code(0);
    lines().stderr("").code(0);
}

/// From the end of its target's backoff, for the 7 days after which a message may be dead-lettered.
#[test]
fn a_failed_send_says_until_when_it_is_retried() {
    let d = dir();
    let (server, status) = api(503);
    let start = now();
    let said = send(&d, server.url("/"), &[])
        .stderr_like("**")
        .code(0)
        .stderr;
    let (_, times) = said.split_once("retried from ").unwrap();
    let (from, times) = times.split_once("Z until ").unwrap();
    let (until, _) = times.split_once("Z or later\n").unwrap();
    let (from, until) = (seconds(from).unwrap(), seconds(until).unwrap());
    assert!((start + 60..=now() + 60).contains(&from), "{said}");
    assert!((start..=now()).contains(&(until - 7 * 86_400)), "{said}");
    // What a person has to mend first is never given up.
    status.store(401, Ordering::SeqCst);
    let said = send(&d, server.url("/"), &[])
        .stderr_like("**")
        .code(77)
        .stderr;
    assert!(
        said.ends_with("Z\n") && said.contains("retried from "),
        "{said}"
    );
    assert!(!said.contains(" until "), "{said}");
}

#[test]
fn an_option_of_the_spool_needs_one() {
    for flag in ["--alert-after", "--spool-limit"] {
        test()
            .args([flag, "1", "--no-auth", "http://127.0.0.1:1/", "a=1"])
            .run()
            .stderr(format!(
                "authpost: reading the command line: {flag} means nothing without --spool\n\
                 hint: name the spool's directory with --spool\n"
            ))
            .code(64);
    }
}

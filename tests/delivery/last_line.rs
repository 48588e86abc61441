//! What the last line of a failing run claims: whether anything was sent, and whether it may be sent again. That there is
//! one, with the right code, name and time, is checked for every run of every test (`support/last_line.rs`).
use crate::spool::messages::{authpost, call, names, waiting};
use crate::spool::order::due;
use crate::support::{Dir, Ran, Response, Runner, Server, Unreachable, conn, dir, test};
use std::io::{Read, Write};
use std::net::TcpListener;

const NOTHING: &str = "nothing was sent";
const REFUSED: &str = "the document was not accepted";
const ACCEPTED: &str = "the document was accepted, do not send it again";
const UNPROVEN: &str = "the answer does not show that the document was accepted";
const UNKNOWN: &str = "the API may have accepted the document, check before you send it again";
const IN_SPOOL: &str = "the document is in the spool, do not send it again";

fn send(url: &str) -> Runner {
    test()
        .token("t0ken")
        .args([url, "a=b", "--tries=1", "--idempotency-key=K-1"])
}

#[track_caller]
fn ends(ran: Ran, code: i32, claim: &str) {
    ran.stdout_like("**")
        .stderr_like("**")
        .last_line(claim)
        .code(code);
}

/// The run gets this answer, and ends so.
#[track_caller]
fn answered(answer: Response, args: &[&str], code: i32, claim: &str) {
    let server = Server::handler(move |_| answer.clone());
    ends(send(server.url("/")).args(args).run(), code, claim);
}

#[test]
fn nothing_was_sent() {
    let never = Server::never();
    let url = never.url("/");
    ends(test().args([url, "key"]).run(), 64, NOTHING);
    ends(test().args(["--no-such-option"]).run(), 64, NOTHING);
    ends(send(url).arg("x:={]").run(), 65, NOTHING);
    ends(send(url).arg("x=@nope").run(), 66, NOTHING);
    ends(send(url).arg("--spool=/proc/no").run(), 73, NOTHING);
    ends(
        send("https://127.0.0.1:1/").arg("--cacert=nope").run(),
        78,
        NOTHING,
    );
    ends(send(url).arg("--config=nope").run(), 78, NOTHING);
    ends(
        test().args([url, "a=b", "--token-file=nope"]).run(),
        78,
        NOTHING,
    );
    let again = "nothing was sent, running it again is safe";
    let refusing = Unreachable::refusing();
    ends(send(refusing.url("/")).run(), 75, again);
    ends(send(refusing.url("/")).arg("-q").run(), 75, again);
    ends(send(refusing.url("/")).arg("--report").run(), 75, again);
    let check = test()
        .token("t0ken")
        .args(["check", refusing.url("/"), "a=b"]);
    ends(check.run(), 75, again);
}

#[test]
fn it_was_sent_and_not_accepted() {
    let again = format!("{REFUSED}, running it again is safe");
    for status in [408, 425, 429, 503] {
        answered(Response::new(status, ""), &[], 69, &again);
    }
    for status in [400, 404, 422] {
        answered(Response::new(status, ""), &[], 76, REFUSED);
    }
    // A form may be processed before a redirect, and a conflict be one with the same document.
    for status in [302, 303, 307, 409] {
        answered(Response::new(status, ""), &[], 76, UNPROVEN);
    }
    for status in [401, 403, 407] {
        answered(Response::new(status, ""), &[], 77, REFUSED);
    }
    let page = Response::new(200, "<html><title>Log in</title></html>")
        .header("Content-Type", "text/html");
    answered(page, &[], 76, UNPROVEN);
    let not_ok = Response::json(200, "{\"ok\":false}");
    answered(not_ok.clone(), &["--expect=/ok:=true"], 76, UNPROVEN);
    answered(not_ok, &["--pick=/id"], 76, ACCEPTED);
}

/// An API that answers one request so, and listens no more when the next attempt comes. Its URL.
fn once(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let (mut tcp, _) = listener.accept().unwrap();
        drop(listener);
        let mut chunk = [0; 4096];
        let _ = tcp.read(&mut chunk).unwrap();
        tcp.write_all(answer.as_bytes()).unwrap();
    });
    format!("http://127.0.0.1:{port}/")
}

/// That the last attempt sent nothing does not mean that nothing was sent.
#[test]
fn an_earlier_attempt_counts() {
    let again = format!("{REFUSED}, running it again is safe");
    let run = |url: &str| {
        let run = test().token("t0ken");
        run.args([url, "a=b", "--tries=2", "--wait=0", "--idempotency-key=K-1"])
    };
    let busy = "HTTP/1.1 503 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    ends(run(&once(busy)).run(), 75, &again);
    let maybe =
        "the API may have accepted the document, send it again only with --idempotency-key=K-1";
    ends(run(&once("")).arg("--idempotent").run(), 74, maybe);
    // The token is gone when the second attempt needs it.
    let server = Server::handler(|_| Response::new(503, ""));
    let run = test()
        .file("token", "t0ken")
        .args([server.url("/"), "a=b", "--tries=2", "--wait=0"])
        .args(["--token-command", "cat token && rm token"]);
    ends(run.run(), 69, &again);
}

#[test]
fn the_outcome_is_unknown() {
    let key = format!("{UNKNOWN}; its idempotency key is K-1");
    for status in [500, 502, 504] {
        answered(Response::new(status, ""), &[], 69, &key);
    }
    let unanswered = |args: &[&str], claim: &str| {
        let server = Server::script([conn().read().close()]);
        let run = test()
            .token("t0ken")
            .args([server.url("/"), "a=b", "--tries=1"]);
        ends(run.args(args).run(), 74, claim);
    };
    unanswered(&["--idempotency-key=K-1"], &key);
    unanswered(
        &[],
        &format!("{UNKNOWN}; its idempotency key is *-*-4*-*-*"),
    );
    unanswered(&["--no-idempotency-key"], UNKNOWN);
    unanswered(
        &["--idempotency-key=K-1", "--idempotent"],
        "the API may have accepted the document, send it again only with --idempotency-key=K-1",
    );
    unanswered(
        &["--no-idempotency-key", "--idempotent"],
        "the API may have accepted the document, which may be sent again (--idempotent)",
    );
}

#[test]
fn it_was_accepted() {
    let cut = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{";
    let server = Server::script([conn().read().reply(cut).close()]);
    ends(send(server.url("/")).run(), 74, ACCEPTED);
    // Only the answer cannot be printed.
    let server = Server::script([conn().read().reply_json(200, "1")]);
    ends(
        send(server.url("/")).shell("exec \"$@\" >/dev/full").run(),
        73,
        ACCEPTED,
    );
    let server = Server::script([conn().read().reply_json(422, "1")]);
    ends(
        send(server.url("/")).shell("exec \"$@\" >/dev/full").run(),
        76,
        REFUSED,
    );
}

#[test]
fn it_is_in_the_spool() {
    let spooled = |answer: Response, code: i32, claim: &str| {
        let d = dir();
        let server = Server::handler(move |_| answer.clone());
        let run = send(server.url("/")).in_dir(&d).arg("--spool=s");
        ends(run.run(), code, claim);
    };
    spooled(Response::new(401, ""), 77, IN_SPOOL);
    spooled(Response::new(422, ""), 76, REFUSED);
    spooled(
        Response::new(500, ""),
        74,
        &format!("{UNKNOWN}; its idempotency key is K-1"),
    );
    // It was taken in before the missing token was noticed.
    let never = Server::never();
    let run = test().args([never.url("/"), "a=b", "--spool=s", "--token-file=nope"]);
    ends(run.run(), 78, IN_SPOOL);
    // It is there, but that cannot be printed.
    let refusing = Unreachable::refusing();
    let run = send(refusing.url("/")).args(["--spool=s", "--report"]);
    ends(run.shell("exec \"$@\" >/dev/full").run(), 73, IN_SPOOL);
}

fn lines(text: &str, url: &str) -> Runner {
    test().token("t0ken").file("in", text).args([
        "--lines=in",
        url,
        "--tries=1",
        "--idempotency-key=K",
    ])
}

#[test]
fn lines_have_one_for_all_of_them() {
    let ends = |args: &[&str], answers: &[u16], code: i32, claim: &str| {
        let script = answers.iter().fold(conn(), |conn, status| match status {
            0 => conn.read().close(),
            status => conn.read().reply_json(*status, "{}"),
        });
        let server = Server::script([script]);
        let run = lines("1\n2\n3\n", server.url("/")).args(args).run();
        self::ends(run, code, claim);
    };
    ends(
        &[],
        &[503],
        69,
        "no line was accepted, running it again is safe",
    );
    ends(&[], &[422, 422, 422], 76, "no line was accepted");
    ends(
        &[],
        &[200, 401],
        77,
        "do not send the lines again that were accepted",
    );
    ends(
        &[],
        &[200, 422, 200],
        76,
        "do not send the lines again that were accepted",
    );
    ends(
        &["--resume=r"],
        &[200, 401],
        77,
        "running it again continues after line 1",
    );
    ends(&[], &[303, 422, 422], 76, UNPROVEN);
    let unknown = "the API may have accepted line 2, check before you send it again; its idempotency key is K-2";
    ends(&[], &[200, 500], 69, unknown);
    ends(&[], &[200, 0], 74, unknown);
    ends(&["--resume=r"], &[200, 0], 74, unknown);
    let group = "the API may have accepted lines 1 to 2, check before you send it again; its idempotency key is K-1";
    ends(&["--group=2"], &[500], 69, group);
    ends(
        &["--spool=s"],
        &[200, 401],
        77,
        "do not send again what was accepted or is in the spool",
    );
    ends(
        &["--spool=s"],
        &[500],
        74,
        "the API may have accepted line 1, *",
    );
}

#[test]
fn lines_of_which_none_was_sent() {
    let never = Server::never();
    ends(lines("{\n", never.url("/")).run(), 65, NOTHING);
    ends(
        lines("{\n", never.url("/")).arg("--all-or-nothing").run(),
        65,
        NOTHING,
    );
    ends(
        lines("1\n", never.url("/")).arg("--failed=/proc/no").run(),
        73,
        NOTHING,
    );
    let refusing = Unreachable::refusing();
    let again = "nothing was sent, running it again is safe";
    ends(lines("1\n2\n", refusing.url("/")).run(), 75, again);
}

#[test]
fn a_resumed_run_that_asks_first_sent_nothing() {
    let d = dir();
    let server = Server::script([conn().read().close()]);
    let run = || lines("1\n", server.url("/")).in_dir(&d).arg("--resume=r");
    ends(run().run(), 74, "the API may have accepted line 1, *");
    ends(run().run(), 74, "this run sent nothing");
    assert_eq!(server.count(), 1);
}

fn flush(d: &Dir) -> Runner {
    due(d);
    authpost(d).args(["flush", "s"])
}

#[test]
fn a_flush_may_run_again() {
    let d = dir();
    let status = std::sync::Arc::new(std::sync::atomic::AtomicU16::new(503));
    let says = status.clone();
    let server =
        Server::handler(move |_| Response::new(says.load(std::sync::atomic::Ordering::SeqCst), ""));
    let set = |to| status.store(to, std::sync::atomic::Ordering::SeqCst);
    waiting(&d, server.url("/"), &["--idempotency-key=K-1"]);
    ends(flush(&d).run(), 69, "running it again is safe");
    // What is pending in the normal way is no reason for a mail.
    due(&d);
    call(&d, &["flush", "-q", "s"]).code(69);
    set(401);
    ends(flush(&d).arg("-q").run(), 77, "running it again is safe");
    set(500);
    let id = names(&d, "queue").remove(0);
    let claim = format!(
        "the API may have accepted {id}, check before you send it again; its idempotency key is K-1"
    );
    ends(flush(&d).run(), 74, &claim);
    // A second one would send it twice.
    let retry = authpost(&d).args(["retry", "s", "--all", "--now"]);
    ends(retry.run(), 74, &claim);
    set(422);
    ends(call(&d, &["retry", "s", "--all", "--now"]), 76, "");
    let missing = || call(&d, &["flush", "nope"]);
    ends(missing(), 66, "running it again is safe");
}

#[test]
fn what_sends_nothing_claims_nothing() {
    for args in [
        &["list", "nope"][..],
        &["show", "nope", "0123"],
        &["drop", "nope", "0123"],
    ] {
        ends(test().args(args).run(), 66, "");
    }
    let run = test().arg("--help").shell("exec \"$@\" >/dev/full");
    ends(run.run(), 73, "");
}

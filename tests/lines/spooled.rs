//! Lines with a spool: what the API does not accept is stored, and the run continues.
use crate::spool::messages::{lies, names};
use crate::spool::order::due;
use crate::support::{Dir, Ran, Response, Runner, Server, Unreachable, conn, dir, test};

fn lines(d: &Dir, lines: &str) -> Runner {
    test()
        .in_dir(d)
        .token("t0ken")
        .file("in", lines)
        .args(["--lines", "in", "--spool", "s", "--tries", "1"])
}

fn flush(d: &Dir) -> Runner {
    test().in_dir(d).token("t0ken").args(["flush", "s"])
}

#[test]
fn all_lines_wait_when_the_api_is_down() {
    let d = dir();
    let down = Unreachable::refusing();
    let url = down.url("/data");
    lines(&d, "1\n2\n3\n")
        .arg(url)
        .word(down.port().to_string(), "PORT")
        .run()
        .stderr_like(
            "authpost: line 1: connecting to http://127.0.0.1:PORT: Connection refused; stored in the spool, \
             as all that follows: 'authpost flush DIR/s' delivers it, retried from *Z until *Z or later\n\
             0 accepted, 0 refused, 0 not sent, 3 spooled in * s\n",
        )
        .code(0);
    lies(&d, 3, 0);
}

#[test]
fn what_follows_a_failure_is_kept_without_being_tried_and_delivered_once() {
    let d = dir();
    let delivered = (2..=4).fold(conn(), |c, _| c.read().reply_json(200, "{}"));
    let server = Server::script([
        conn()
            .read()
            .reply_json(200, "{}")
            .read()
            .reply_json(503, "{}"),
        delivered,
    ]);
    lines(&d, "1\n2\n3\n4\n")
        .args([server.url("/data"), "--report"])
        .run()
        .stdout_like(
            "{\"outcome\":\"accepted\",\"exit\":0,\"status\":200,\"tries\":1,*,\"line\":1,*}\n\
             {\"outcome\":\"spooled\",\"exit\":0,\"status\":503,\"tries\":1,*,\"line\":2,*}\n\
             {\"outcome\":\"spooled\",\"exit\":0,\"status\":null,\"tries\":0,*,\"line\":3,*}\n\
             {\"outcome\":\"spooled\",\"exit\":0,\"status\":null,\"tries\":0,*,\"line\":4,*}\n",
        )
        .stderr_like(
            "authpost: line 2: the API answered 503 Service Unavailable; stored in the spool, as all that follows: *\n\
             1 accepted, 0 refused, 0 not sent, 3 spooled in * s\n",
        )
        .code(0);
    lies(&d, 3, 0);
    // They are due a minute after they failed.
    due(&d);
    flush(&d)
        .run()
        .stderr("authpost: the spool 'DIR/s': 3 delivered\n")
        .code(0);
    let requests = server.requests();
    let bodies: Vec<_> = requests.iter().map(|r| r.text()).collect();
    assert_eq!(bodies, ["1", "2", "2", "3", "4"]);
    lies(&d, 0, 0);
}

#[test]
fn a_refused_line_is_dead_and_the_rest_goes_on() {
    let d = dir();
    let server = Server::handler(|request| match request.text() {
        "2" => Response::json(422, "{\"why\":\"no\"}"),
        _ => Response::json(200, "{}"),
    });
    lines(&d, "1\n2\n3\n")
        .arg(server.url("/data"))
        .run()
        .stderr_like(
            "authpost: line 2: the API answered 422 Unprocessable Entity\n**\
             2 accepted, 1 refused, 0 not sent in * s\n",
        )
        .code(76);
    lies(&d, 0, 1);
    assert_eq!(server.count(), 3);
}

#[test]
fn a_dead_lettered_line_is_a_message_like_any_other() {
    let d = dir();
    let answers = |status| (0..3).fold(conn(), |c, _| c.read().reply_json(status, "{}"));
    let server = Server::script([answers(400), answers(200)]);
    lines(&d, "1\n2\n3\n")
        .args(["-q", "--idempotency-key", "k", server.url("/data")])
        .run()
        .stderr_like("**\n0 accepted, 3 refused, 0 not sent in * s\n")
        .code(76);
    lies(&d, 0, 3);
    let ids = names(&d, "dead");
    assert_eq!(names(&d, "state"), ids);
    test()
        .in_dir(&d)
        .args(["list", "s"])
        .run()
        .stdout_like(&format!(
            "pending: 0\ndead-lettered: 3\n  ID *\n{}",
            ids.iter()
                .map(|id| format!(
                    "  {}  *  1      -        http://127.0.0.1:PORT/data  (the API answered 400 Bad Request)\n",
                    &id[10..18]
                ))
                .collect::<String>()
        ))
        .code(0);
    for id in &ids {
        test()
            .in_dir(&d)
            .args(["show", "s", id])
            .run()
            .stdout_like(&format!("id: {id}\nstate: dead-lettered\n**"))
            .code(0);
    }
    test()
        .in_dir(&d)
        .args(["retry", "s", "--all"])
        .run()
        .stderr("authpost: 3 messages requeued; due at the next flush\n")
        .code(0);
    flush(&d)
        .run()
        .stderr("authpost: the spool 'DIR/s': 3 delivered\n")
        .code(0);
    let sent: Vec<_> = server
        .requests()
        .iter()
        .map(|r| format!("{} {}", r.header("idempotency-key").unwrap(), r.text()))
        .collect();
    assert_eq!(sent, ["k-1 1", "k-2 2", "k-3 3", "k-1 1", "k-2 2", "k-3 3"]);
    lies(&d, 0, 0);
    assert_eq!(names(&d, "state"), Vec::<String>::new());
}

#[test]
fn a_refused_token_keeps_every_line_and_says_so() {
    let d = dir();
    let server = Server::script([conn().read().reply_json(401, "{}")]);
    lines(&d, "1\n2\n")
        .arg(server.url("/data"))
        .run()
        .stderr_like(
            "authpost: line 1: the API answered 401 Unauthorized\n\
             hint: the token is wrong or has expired: get a new one\n  {}\n\
             authpost: line 1: stored in the spool, as all that follows: 'authpost flush DIR/s' delivers it, retried from *Z\n\
             0 accepted, 0 refused, 0 not sent, 2 spooled in * s\n",
        )
        .code(77);
    lies(&d, 2, 0);
}

/// The first line may have been accepted: no flush sends it, and the run says what can be done with it.
#[test]
fn a_line_of_unknown_outcome_is_told_apart_from_those_that_a_flush_sends() {
    for quiet in [None, Some("-q")] {
        let d = dir();
        let server = Server::script([conn().read().reply_json(500, "{}")]);
        let run = lines(&d, "1\n2\n").args(quiet).arg(server.url("/data"));
        let run = run.run();
        let ids = names(&d, "dead");
        assert_eq!(ids.len(), 1);
        let id = &ids[0];
        run.stderr_like(&format!(
            "authpost: line 1: the API answered 500 Internal Server Error\n  {{}}\n\
             authpost: line 1: dead-lettered in the spool as {id}: 'authpost retry DIR/s {id}' sends it again; \
             all that follows is stored: 'authpost flush DIR/s' delivers it\n\
             0 accepted, 0 refused, 0 not sent, 1 unavailable, 1 spooled in * s\n"
        ))
        .code(74);
        lies(&d, 1, 1);
    }
}

#[test]
fn a_token_that_cannot_be_read_keeps_every_line() {
    let d = dir();
    let server = Server::never();
    test()
        .in_dir(&d)
        .file("in", "1\n2\n")
        .args(["--lines", "in", "--spool", "s", "--token-file", "gone"])
        .arg(server.url("/data"))
        .run()
        .stderr_like(
            "authpost: reading the token file 'gone': No such file or directory\n**\
             0 accepted, 0 refused, 0 not sent, 2 spooled in * s\n",
        )
        .code(78);
    lies(&d, 2, 0);
}

#[test]
fn a_line_that_is_not_json_goes_to_the_failed_ones() {
    let d = dir();
    let down = Unreachable::refusing();
    lines(&d, "1\nbad\n3\n")
        .args(["--failed", "failed", "-q"])
        .arg(down.url("/data"))
        .run()
        .stderr_like(
            "authpost: line 2: not JSON: *\n0 accepted, 0 refused, 1 not sent, 2 spooled in * s\n",
        )
        .code(65);
    lies(&d, 2, 0);
    assert_eq!(d.read("failed"), "bad\n");
}

/// Line 3 of these gets no room in the spool, since no file may grow.
fn without_room(options: &[&str], server: &Server) -> Ran {
    lines(&dir(), "1\n2\n3\n4\n")
        .args(options)
        .arg(server.url("/"))
        .shell("trap '' XFSZ; ulimit -f 0; exec \"$@\"")
        .run()
}

#[test]
fn a_full_disk_hides_nothing_of_a_line_that_may_have_been_accepted() {
    let two = || {
        conn()
            .read()
            .reply_json(200, "1")
            .read()
            .reply_json(200, "2")
    };
    let full = "writing 'DIR/s/tmp/*' in the spool: File too large\n";
    for (options, key, closing) in [
        (
            &[][..],
            "",
            "continue with --skip 3 if the API has accepted what was under way, else with --skip 2\n",
        ),
        (
            &["--idempotent", "--idempotency-key", "k"],
            "hint: the API may have accepted it: check before sending it under another key\n",
            "continue with --skip 2\n",
        ),
    ] {
        without_room(options, &Server::script([two().read().close()]))
            .stderr_like(&format!(
                "authpost: line 3: waiting for the answer of http://127.0.0.1:PORT: *\n{key}\
                 authpost: the API may have accepted it, but {full}\
                 hint: ask the API whether it has it before you send it again, and repair the spool\n\
                 2 accepted, 0 refused, 1 not sent, 1 unknown in * s\n\
                 hint: the run stopped early: {closing}"
            ))
            .code(74);
    }
    for (status, told, fate) in [
        (
            503,
            "the API did not accept it",
            "0 refused, 1 not sent, 1 unavailable",
        ),
        (400, "the API refused it", "1 refused, 1 not sent"),
    ] {
        without_room(&[], &Server::script([two().read().reply_json(status, "{}")]))
            .stderr_like(&format!(
                "authpost: line 3: the API answered *\n  {{}}\n\
                 authpost: {told}, but {full}\
                 hint: repair the spool, and check that the message is still there ('authpost list')\n\
                 2 accepted, {fate} in * s\n\
                 hint: the run stopped early: continue with --skip 2\n"
            ))
            .code(73);
    }
}

#[test]
fn a_full_disk_hides_nothing_from_the_report() {
    let server = Server::script([conn()
        .read()
        .reply_json(200, "1")
        .read()
        .reply_json(200, "2")
        .read()
        .close()]);
    without_room(&["--report"], &server)
        .stdout_like("{*}\n{*}\n{\"outcome\":\"unknown\",\"exit\":74,*,\"line\":3,*}\n")
        .stderr_like("**")
        .code(74);
}

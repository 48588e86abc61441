//! `list`, `show`, `retry` and `drop`, as a person uses them the day after.
use crate::spool::messages::{authpost, call, flush, lies, names, send, waiting};
use crate::spool::order::due;
use crate::support::{Ca, Leaf, Response, Server, Tls, Unreachable, conn, dir};
use std::fs;
use std::os::unix::fs::PermissionsExt;

#[test]
fn show_has_the_last_answer() {
    let d = dir();
    let long = "x".repeat(5000);
    let server = Server::script([conn()
        .read()
        .reply_json(422, "{\"errors\":\n{\"name\":\"too short\"}}")
        .read()
        .reply_json(422, &format!("\"{long}\""))]);
    let ids: Vec<_> = (0..2).map(|_| waiting(&d, server.url("/"), &[])).collect();
    flush(&d).stderr_like("**").code(76);
    let show = |id: &str| call(&d, &["show", "s", id]);
    show(&ids[0])
        .stdout_like(
            "*\nstate: dead-lettered\n*\n*\nlast error: the API answered 422 Unprocessable *\nlast answer:\n\
             \x20 HTTP/1.1 422 Unprocessable *\n  {\"errors\":\n  {\"name\":\"too short\"}}\n\n**",
        )
        .code(0);
    let shown = show(&ids[1]).stdout_like("**").code(0).stdout;
    let begins = format!("  \"{}\n\n", "x".repeat(4095));
    assert!(shown.contains(&begins), "{shown}");
}

#[test]
fn the_last_answer_never_has_the_token() {
    let d = dir();
    let token = "k3pt-s3cret-t0ken";
    let echo = format!("{{\"got\":\"Bearer {token}\"}}");
    let answer = |reason: &str, body: &str| {
        let length = body.len();
        format!("HTTP/1.1 422 {reason}\r\nContent-Length: {length}\r\n\r\n{body}")
    };
    let server = Server::script([
        conn().read().reply(answer("No", &echo)),
        conn().read().reply(answer(&format!("No {token}"), "{}")),
    ]);
    d.write("other", token, 0o600);
    let run = |url: &str| {
        let run = authpost(&d).args(["--token-file", "other", "--spool", "s", "--tries", "1"]);
        run.args([url, "a=b"]).run().stderr_like("**")
    };
    run(server.url("/1")).stdout_like("**").code(76);
    run(server.url("/2")).stdout_like("**").code(76);
    let mut ids = names(&d, "dead");
    ids.sort();
    let show = |id: &str| {
        call(&d, &["show", "s", id])
            .stdout_like("**")
            .code(0)
            .stdout
    };
    let first = show(&ids[0]);
    let withheld = "\n  (the answer repeats a secret, so it is not stored)\n";
    assert!(first.contains(withheld), "{first}");
    for id in &ids {
        let (shown, stored) = (show(id), d.read(format!("s/state/{id}")));
        assert!(shown.contains("last answer:\n  HTTP/1.1 422 "), "{shown}");
        assert!(!shown.contains(token), "{shown}");
        assert!(!stored.contains(token), "{stored}");
    }
}

/// What it says can be done is done: the message is there, and no option can be given any more.
#[test]
fn the_remedy_for_an_unknown_outcome_is_one_that_a_flush_leaves() {
    for script in [conn().read().reply_json(500, "{}"), conn().read().close()] {
        let d = dir();
        let server = Server::script([script, conn().read().reply_json(200, "{}")]);
        let id = waiting(&d, server.url("/"), &[]);
        flush(&d)
            .stderr_like(&format!(
                "authpost: {id} to http://127.0.0.1:PORT/: *; dead-lettered\n\
                 hint: ask the API whether it has it: 'authpost drop DIR/s {id}' removes it, \
                 'authpost retry DIR/s {id}' sends it again\n\
                 authpost: the spool 'DIR/s': 1 dead-lettered\n"
            ))
            .code(74);
        call(&d, &["retry", "s", &id])
            .stderr("authpost: 1 message requeued; due at the next flush\n")
            .code(0);
        flush(&d)
            .stderr("authpost: the spool 'DIR/s': 1 delivered\n")
            .code(0);
    }
}

/// The options of a message are those of the run that stored it. A remedy that is a new option says how to use it.
#[test]
fn a_remedy_for_a_message_is_one_that_it_can_take() {
    let anew = "; a message keeps its URL and options: drop it, and send its document anew\n";
    let basic = Response::new(401, "").header("WWW-Authenticate", "Basic realm=\"x\"");
    let basic_hint =
        "the API offers only Basic: say --auth-scheme Basic, and give user:password as the token";
    let page =
        Response::new(200, "<html><title>Log in</title>").header("Content-Type", "text/html");
    let page_hint = "check the URL, and whether a login page, a captive portal or a proxy answers in the API's place\n";
    let moved = Response::new(301, "").header("Location", "https://new.test/");
    let moved_hint =
        "redirects are never followed, so that the token goes nowhere else: use the new address";
    for (answer, hint, code) in [
        (basic, format!("{basic_hint}{anew}"), 77),
        (page, page_hint.to_owned(), 76),
        (moved, format!("{moved_hint}{anew}"), 76),
        (
            Response::new(401, ""),
            "the token is wrong or has expired: get a new one\n".to_owned(),
            77,
        ),
    ] {
        // In a flush, and in the run that stores it.
        let d = dir();
        let server = Server::script([
            conn().read().reply(answer.clone()).close(),
            conn().read().reply(answer).close(),
        ]);
        waiting(&d, server.url("/1"), &[]);
        flush(&d)
            .stderr_like(&format!("authpost: *\nhint: {hint}authpost: the spool *\n"))
            .code(code);
        let run = send(&d, server.url("/2"), &[]).stdout_like("**");
        run.stderr_like(&format!("HTTP/1.1 *\nauthpost: *\nhint: {hint}**"))
            .code(code);
    }
    let d = dir();
    let server = Server::script([conn().read().reply(Response::new(403, "")).close()]);
    let run = authpost(&d).args([
        "--no-auth",
        "--spool",
        "s",
        "--tries=1",
        server.url("/"),
        "a=b",
    ]);
    run.run()
        .stderr_like(&format!(
            "HTTP/1.1 *\nauthpost: *\nhint: no token was sent: if the API wants one, name it with --token-file, \
             or another way ('authpost -h'){anew}authpost: stored in the spool as *\n"
        ))
        .code(77);
}

#[test]
fn an_error_that_keeps_a_message_from_being_sent_has_a_remedy_that_it_can_take() {
    let d = dir();
    let anew = "a message keeps its URL and options: drop it, and send its document anew\n";
    let down = Unreachable::refusing();
    authpost(&d)
        .env("AUTHPOST_TOKEN", "t0ken")
        .args(["--spool", "s", "--tries=1", down.url("/"), "a=b"])
        .run()
        .stderr_like("authpost: stored in the spool as *\n")
        .code(0);
    due(&d);
    flush(&d)
        .stderr_like(&format!(
            "authpost: reading the environment variable AUTHPOST_TOKEN: it is not set\n\
             hint: export it, or give the token another way: --token-file, --token-command; {anew}\
             authpost: the spool *\n"
        ))
        .code(78);
}

/// The run ends well, but the reason does not pass by itself.
#[test]
fn a_message_whose_api_is_not_trusted_is_stored_with_the_remedy() {
    let ca = Ca::new("Test CA");
    let tls = Tls::new(&ca.issue(Leaf::new("localhost")));
    let server = tls.script([conn().handshake_fails(), conn().handshake_fails()]);
    let told = "authpost: stored in the spool as *: setting up TLS with *: its certificate is not trusted here: *\n\
                hint: give that authority's certificate (or the self-signed one) with --cacert; or tell *; \
                a message keeps its URL and options: drop it, and send its document anew\n";
    send(&dir(), server.url("/"), &[]).stderr_like(told).code(0);
    send(&dir(), server.url("/"), &["-q"]).code(0);
}

/// One remedy is enough: the message is there, so that it can be sent again without an option.
#[test]
fn a_run_that_dead_letters_its_document_names_one_remedy() {
    for (script, why) in [
        (
            conn().read().reply_json(500, ""),
            "HTTP/1.1 500 Internal Server Error\n\
             authpost: the API answered 500 Internal Server Error\n",
        ),
        (
            conn().read().close(),
            "authpost: waiting for the answer of http://127.0.0.1:PORT: *\n",
        ),
    ] {
        let d = dir();
        let server = Server::script([script]);
        let run = send(&d, server.url("/"), &[]);
        let id = &names(&d, "dead")[0];
        run.stderr_like(&format!(
            "{why}authpost: dead-lettered in the spool as {id}; 'authpost retry DIR/s {id}' sends it again\n"
        ))
        .code(74);
    }
}

#[test]
fn the_list_fits_the_terminal() {
    let d = dir();
    let path = "x".repeat(200);
    waiting(&d, &format!("http://127.0.0.1:1/{path}"), &[]);
    for columns in [60, 80, 120] {
        let run = authpost(&d).args(["list", "s"]).tty_of(columns).run();
        let list = run.stdout_like("pending: 1\n**").code(0).stdout;
        let longest = list.lines().map(|line| line.chars().count()).max();
        assert_eq!(longest, Some(columns.into()), "{list}");
        assert!(list.contains("xx…\n"), "{list}");
    }
    // A file has it all.
    let run = call(&d, &["list", "s"]);
    run.stdout_like(&format!("**/{path}**")).code(0);
}

#[test]
fn an_id_is_as_short_as_the_list_has_it() {
    let d = dir();
    let ids = [(); 2].map(|()| waiting(&d, "http://127.0.0.1:1/", &[]));
    call(&d, &["list", "s"])
        .stdout_like(&format!(
            "pending: 2\n*\n  {}  *\n  {}  *\ndead-lettered: 0\n",
            &ids[0][10..18],
            &ids[1][10..18]
        ))
        .code(0);
    call(&d, &["show", "s", &ids[0][10..18]])
        .stdout_like(&format!("id: {}\n**", ids[0]))
        .code(0);
    // Or shorter, from either end of that.
    for part in [10..15, 13..18] {
        let part = &ids[0][part];
        let run = call(&d, &["show", "s", part]);
        run.stdout_like(&format!("id: {}\n**", ids[0])).code(0);
    }
    call(&d, &["drop", "-q", "s", &ids[1][10..18]]).code(0);
    assert_eq!(names(&d, "queue"), [ids[0].as_str()]);
    // What is the same in all of them stands for none.
    call(&d, &["drop", "s", &ids[0][20..28]])
        .stderr_like("authpost: looking for the message '*': it is not in the spool *\n**")
        .code(66);
}

#[test]
fn an_empty_directory_is_an_empty_spool() {
    let d = dir();
    fs::create_dir(d.join("s")).unwrap();
    fs::set_permissions(d.join("s"), PermissionsExt::from_mode(0o700)).unwrap();
    call(&d, &["list", "s"])
        .stderr("authpost: the spool 's' is empty\n")
        .code(0);
}

#[test]
fn retry_now_delivers_and_leaves_other_targets_alone() {
    let d = dir();
    let server = Server::handler(|_| Response::json(200, "{}"));
    let refuses = Server::script([conn().read().reply_json(400, "{}")]);
    send(&d, refuses.url("/"), &["-q", "a=1"])
        .stderr_like("**")
        .code(76);
    drop(refuses);
    let id = names(&d, "dead").remove(0);
    fs::rename(
        d.join(format!("s/dead/{id}")),
        d.join(format!("s/queue/{id}")),
    )
    .unwrap();
    let id = crate::spool::messages::retarget(&d, &id, server.url("/a"));
    fs::rename(
        d.join(format!("s/queue/{id}")),
        d.join(format!("s/dead/{id}")),
    )
    .unwrap();
    waiting(&d, server.url("/b"), &[]);
    call(&d, &["retry", "--now", "s", &id])
        .stderr("authpost: 1 message requeued\nauthpost: the spool 'DIR/s': 1 delivered\n")
        .code(0);
    lies(&d, 1, 0);
    assert_eq!(server.request().path(), "/a");
}

//! Never twice by accident: the connection is cut after every byte of the request and after every byte of the answer.
//!
//! Once a byte of a request was accepted, the API must see no second one, except where "When to try again" says so; and
//! with `--idempotent` each one is the same, byte for byte. The exit code is right at each offset: 74 as long as nobody
//! knows, 0 once a 2xx is there. Cuts are FIN, reset and silence, over TCP and TLS. Silence costs time, so its offsets
//! are a sample, and so are those of TLS.
use crate::support::{Ca, Conn, Leaf, Ran, Runner, Server, Tls, conn, test};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

const BODY: &str = r#"{"k":"v"}"#;
const HEAD: &str =
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n";
const ANSWER: &str = r#"{"ok":true}"#;

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Cut {
    Fin,
    Reset,
    /// Without a word, until the run's time is over.
    Stall,
    /// Without the goodbye of TLS.
    Rude,
}

impl Cut {
    fn ends(self, conn: Conn) -> Conn {
        match self {
            Cut::Fin => conn.close(),
            Cut::Reset => conn.reset(),
            Cut::Stall => conn.stall(),
            Cut::Rude => conn.cut(),
        }
    }
}

/// An API, over TCP or TLS.
struct Api(Option<(Tls, String)>);

impl Api {
    fn plain() -> Api {
        Api(None)
    }

    fn tls() -> Api {
        let ca = Ca::new("Test CA");
        Api(Some((
            Tls::new(&ca.issue(Leaf::new("localhost"))),
            ca.pem(),
        )))
    }

    fn script(&self, connections: impl IntoIterator<Item = Conn>) -> Server {
        match &self.0 {
            Some((tls, _)) => tls.script(connections),
            None => Server::script(connections),
        }
    }

    fn run(&self, server: &Server, options: &[&str]) -> Ran {
        let run = test().args(["--no-auth", "--wait", "1ms"]).args(options);
        self.trusted(run).args([server.url("/"), "k=v"]).run()
    }

    fn trusted(&self, run: Runner) -> Runner {
        match &self.0 {
            Some((_, ca)) => run.file("ca.pem", ca.as_str()).args(["--cacert", "ca.pem"]),
            None => run,
        }
    }

    /// How long a whole request is.
    fn request(&self) -> usize {
        let server = self.script([conn().read().reply(format!("{HEAD}{ANSWER}"))]);
        self.run(&server, &["-q"]).code(0);
        server.finish()[0].raw().len()
    }
}

/// Does this for each offset, a few at a time.
fn each(offsets: impl IntoIterator<Item = usize>, each: impl Fn(usize) + Sync) {
    let offsets: Vec<usize> = offsets.into_iter().collect();
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(offset) = offsets.get(next.fetch_add(1, Ordering::Relaxed)) {
                    each(*offset);
                }
            });
        }
    });
}

fn cut_request(api: &Api, offsets: impl IntoIterator<Item = usize>, cut: Cut, why: &str) {
    each(offsets, |offset| {
        let server = api.script([cut.ends(conn().read_bytes(offset))]);
        let mut options = vec!["-q"];
        if cut == Cut::Stall {
            options.extend(["--timeout", "300ms"]);
        }
        api.run(&server, &options)
            .stderr_like(&format!(
                "authpost: waiting for the answer of http*://*:PORT: {why}\n\
                hint: the API may have accepted it: check before sending it again, or say --idempotent\n"
            ))
            .code(74);
        assert_eq!(server.connections(), 1, "{cut:?} after {offset} bytes");
    });
}

#[test]
fn a_request_cut_at_any_byte_is_not_repeated() {
    let api = Api::plain();
    let whole = api.request();
    // Where bytes were left unread, the kernel turns the FIN into a reset.
    cut_request(&api, 1..=whole, Cut::Fin, "*");
    cut_request(&api, 1..=whole, Cut::Reset, "*");
    cut_request(&api, (0..=whole).step_by(20), Cut::Stall, "timed out");
}

#[test]
fn a_connection_cut_before_any_byte_was_read_may_have_carried_some_or_none() {
    for api in [Api::plain(), Api::tls()] {
        each(0..40, |number| {
            let cut = if number % 2 == 0 {
                Cut::Fin
            } else {
                Cut::Reset
            };
            let server = api.script([cut.ends(conn())]);
            let ran = api.run(&server, &["-q", "--tries", "1"]).unjudged();
            let told = match ran.code {
                Some(74) => "authpost: waiting for the answer of ",
                Some(75) => "authpost: ",
                other => panic!("{other:?}: {}", ran.stderr),
            };
            assert!(ran.stderr.starts_with(told), "{}", ran.stderr);
        });
    }
}

#[test]
fn a_request_cut_at_any_byte_is_not_repeated_over_tls() {
    let api = Api::tls();
    let whole = api.request();
    cut_request(&api, (1..whole).step_by(5).chain([whole]), Cut::Fin, "*");
    cut_request(&api, (1..whole).step_by(9).chain([whole]), Cut::Reset, "*");
    cut_request(&api, (0..=whole).step_by(40), Cut::Stall, "timed out");
}

fn cut_and_repeat_request(api: &Api, offsets: impl IntoIterator<Item = usize>, cut: Cut) {
    each(offsets, |offset| {
        let server = api.script([
            cut.ends(conn().read_bytes(offset)),
            conn().read().reply(format!("{HEAD}{ANSWER}")),
        ]);
        api.run(&server, &["-q", "--idempotent"]).code(0);
        let requests = server.finish();
        assert_eq!(requests[1].text(), BODY);
        assert!(requests[1].header("Idempotency-Key").is_some());
        assert!(requests[1].raw().starts_with(requests[0].raw()));
    });
}

#[test]
fn a_request_cut_at_any_byte_is_repeated_alike_when_that_is_harmless() {
    let api = Api::plain();
    let whole = api.request();
    cut_and_repeat_request(&api, 0..=whole, Cut::Fin);
    cut_and_repeat_request(&api, (0..=whole).step_by(3), Cut::Reset);
    let api = Api::tls();
    cut_and_repeat_request(&api, (0..whole).step_by(11).chain([whole]), Cut::Fin);
}

/// What is told of an accepted document when only `body` came of the answer.
fn cut_off(body: &str, why: &str) -> String {
    let quoted = match body {
        "" => String::new(),
        body => format!("  {body}\n"),
    };
    format!(
        "authpost: the API accepted the document (200 OK), but its answer broke off after {} bytes: {why}\n\
         hint: do not send it again; look at what the API made of it\n{quoted}",
        body.len()
    )
}

/// The answer is cut after `offset` bytes: who knows, until its head is whole.
fn cut_answer(api: &Api, offsets: impl IntoIterator<Item = usize>, cut: Cut, why: &str) {
    let whole = format!("{HEAD}{ANSWER}");
    each(offsets, |offset| {
        let server = api.script([cut.ends(conn().read().reply(&whole[..offset]))]);
        let mut options = vec![];
        if cut == Cut::Stall {
            options.extend(["--timeout", "300ms"]);
        }
        let ran = api.run(&server, &options);
        if let Some(body) = whole[..offset].strip_prefix(HEAD) {
            let warning = match body {
                ANSWER => String::new(),
                _ => cut_off(body, why),
            };
            ran.stdout(body)
                .stderr(format!("HTTP/1.1 200 OK\n{warning}"))
                .code(if body == ANSWER { 0 } else { 74 });
        } else {
            let doing = match offset {
                0 => "waiting for",
                _ => "reading",
            };
            ran.stderr_like(&format!(
                "authpost: {doing} the answer of http*://*:PORT: {why}\n\
                hint: the API may have accepted it: check before sending it again, or say --idempotent\n"
            ))
            .code(74);
        }
        assert_eq!(server.finish().len(), 1, "{cut:?} after {offset} bytes");
    });
}

#[test]
fn an_answer_cut_at_any_byte_is_not_asked_for_again() {
    let api = Api::plain();
    let whole = HEAD.len() + ANSWER.len();
    cut_answer(&api, 0..=whole, Cut::Fin, "the connection was closed");
    cut_answer(&api, 0..=whole, Cut::Reset, "Connection reset by peer");
    let sample = (0..whole).step_by(6);
    cut_answer(&api, sample, Cut::Stall, "timed out");
}

#[test]
fn an_answer_cut_at_any_byte_is_not_asked_for_again_over_tls() {
    let api = Api::tls();
    let whole = HEAD.len() + ANSWER.len();
    let sample = || (0..HEAD.len()).step_by(7).chain(HEAD.len() - 1..=whole);
    cut_answer(&api, sample(), Cut::Fin, "the connection was closed");
    cut_answer(&api, sample(), Cut::Rude, "the connection was closed");
    cut_answer(
        &api,
        sample().step_by(3),
        Cut::Reset,
        "Connection reset by peer",
    );
    let sample = (0..whole).step_by(15);
    cut_answer(&api, sample, Cut::Stall, "timed out");
}

#[test]
fn an_answer_without_a_whole_head_is_asked_for_again_when_that_is_harmless() {
    let api = Api::plain();
    let whole = format!("{HEAD}{ANSWER}");
    each(0..HEAD.len(), |offset| {
        let server = api.script([
            conn().read().reply(&whole[..offset]).close(),
            conn().read().reply(whole.as_str()),
        ]);
        api.run(&server, &["-q", "--idempotent"]).code(0);
        let requests = server.finish();
        assert_eq!(requests[0].raw(), requests[1].raw());
    });
    // A cut body is no reason to ask again.
    each(HEAD.len()..whole.len(), |offset| {
        let server = api.script([conn().read().reply(&whole[..offset]).close()]);
        api.run(&server, &["-q", "--idempotent"])
            .stderr_like("HTTP/1.1 200 OK\nauthpost: the API accepted the document **")
            .code(74);
        assert_eq!(server.finish().len(), 1);
    });
}

/// An answer of this status, cut anywhere; with its head whole it counts as if all of it had come.
fn cut_other_answer(status: &str, code: i32, requests: usize) {
    let api = Api::plain();
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: 2\r\n\r\n");
    let whole = format!("{head}{{}}");
    each(0..=whole.len(), |offset| {
        let first = conn().read().reply(&whole[..offset]).close();
        let second = conn().read().reply(format!("{HEAD}{ANSWER}"));
        let (code, requests) = match offset < head.len() {
            true => (74, 1),
            false => (code, requests),
        };
        let server = api.script([first, second].into_iter().take(requests));
        let ran = api.run(&server, &["-q"]);
        match code {
            0 => ran,
            _ => ran.stderr_like("**"),
        }
        .code(code);
        assert_eq!(server.finish().len(), requests, "{status}: {offset} bytes");
    });
}

#[test]
fn the_table_goes_by_the_head() {
    cut_other_answer("503 Service Unavailable", 0, 2);
    cut_other_answer("429 Too Many Requests", 0, 2);
    cut_other_answer("500 Internal Server Error", 69, 1);
    cut_other_answer("400 Bad Request", 76, 1);
    cut_other_answer("308 Permanent Redirect", 76, 1);
    cut_other_answer("401 Unauthorized", 77, 1);
}

#[test]
fn an_answer_that_ends_with_its_connection_is_whole_only_after_a_goodbye() {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n";
    let warns = |why: &str| (format!("HTTP/1.1 200 OK\n{}", cut_off(ANSWER, why)), 74);
    let fine = ("HTTP/1.1 200 OK\n".to_owned(), 0);
    for (api, cut, (stderr, code)) in [
        (Api::plain(), Cut::Fin, fine.clone()),
        (Api::plain(), Cut::Reset, warns("Connection reset by peer")),
        (Api::tls(), Cut::Fin, fine),
        (Api::tls(), Cut::Rude, warns("the connection was closed")),
    ] {
        let server = api.script([cut.ends(conn().read().reply(format!("{head}{ANSWER}")))]);
        api.run(&server, &[])
            .stdout(ANSWER)
            .stderr(stderr)
            .code(code);
    }
}

#[test]
fn a_chunked_answer_cut_at_any_byte_was_accepted() {
    let api = Api::plain();
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let body = "4\r\n{\"ok\r\n7\r\n\":true}\r\n0\r\n\r\n";
    each(0..=body.len(), |offset| {
        let answer = format!("{head}{}", &body[..offset]);
        let server = api.script([conn().read().reply(answer).close()]);
        let told = api
            .run(&server, &[])
            .stdout_like("**")
            .stderr_like("HTTP/1.1 200 OK\n**")
            .unjudged();
        // Once the last chunk is there, what is missing is decoration.
        let last_chunk = body.len() - "\r\n".len();
        let is_told = told.stderr.contains("broke off");
        if offset < last_chunk || offset == body.len() {
            assert_eq!(is_told, offset < last_chunk, "{offset}");
        }
        assert_eq!(told.code, Some(if is_told { 74 } else { 0 }), "{offset}");
        assert_eq!(server.finish().len(), 1);
    });
}

#[test]
fn what_is_not_http_is_not_asked_for_again() {
    for answer in [
        "220 smtp.test ESMTP\r\n",
        "HTTP/2 200\r\n\r\n",
        "\0\0\0",
        "<html>",
        "HTTP/1.1 abc OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nbroken header\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n12",
    ] {
        let api = Api::plain();
        let server = api.script([conn().read().reply(answer).close()]);
        api.run(&server, &["-q"])
            .stderr_like(
                "authpost: reading the answer of http://127.0.0.1:PORT: *\n\
                hint: the API may have accepted it: check before sending it again, or say --idempotent\n",
            )
            .code(74);
        assert_eq!(server.finish().len(), 1, "{answer:?}");
    }
    let endless = format!("HTTP/1.1 200 OK\r\nx: {}", "y".repeat(1 << 20));
    let api = Api::plain();
    let server = api.script([conn().read().reply(endless).close()]);
    api.run(&server, &["-q"])
        .stderr_like("authpost: reading the answer of http://127.0.0.1:PORT: *\nhint: *\n")
        .code(74);
}

#[test]
fn an_interim_answer_is_no_answer() {
    let api = Api::plain();
    let interim = "HTTP/1.1 103 Early Hints\r\nLink: </>\r\n\r\n";
    let server = api.script([conn().read().reply(interim).close()]);
    api.run(&server, &["-q"]).stderr_like("**").code(74);
    assert_eq!(server.finish().len(), 1);
    let server = api.script([conn().read().reply(format!("{interim}{HEAD}{ANSWER}"))]);
    api.run(&server, &[])
        .stdout(ANSWER)
        .stderr("HTTP/1.1 200 OK\n")
        .code(0);
}

#[test]
fn a_second_request_on_a_kept_connection_counts_like_a_first() {
    let api = Api::plain();
    let whole = api.request();
    let busy = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 2\r\n\r\n{}";
    each((0..=whole).step_by(3), |offset| {
        for cut in [Cut::Fin, Cut::Reset] {
            let then = conn().read().reply(busy).read_bytes(offset.max(1));
            let server = api.script([cut.ends(then)]);
            api.run(&server, &["-q"])
                .stderr_like("authpost: * the answer of http://127.0.0.1:PORT: *\nhint: *\n")
                .code(74);
            assert_eq!(server.connections(), 1);
        }
    });
}

#[test]
fn a_large_request_refused_early_is_not_repeated() {
    // The API answers and closes while the body is still on its way: its answer counts.
    let body = format!("[\"{}\"]", "x".repeat(8 << 20));
    let server = Server::script([conn()
        .read_head()
        .reply("HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\n{}")
        .half_close()
        .stall()]);
    test()
        .file("big.json", body)
        .args(["-q", "--no-auth", "-d", "@big.json", server.url("/")])
        .run()
        .stderr("HTTP/1.1 413 Payload Too Large\nauthpost: the API answered 413 Payload Too Large\n  {}\n")
        .code(76);
    assert_eq!(server.connections(), 1);
}

#[test]
fn a_document_that_changed_meanwhile_is_not_sent() {
    // Kept open and read as it is sent, since it is large; the token is fetched after it was checked.
    let server = Server::script([conn().read_end()]);
    test()
        .env("PATH", "/usr/bin:/bin")
        .file("big.json", format!("[\"{}\"]", "x".repeat(2 << 20)))
        .args(["-q", "--token-command", "echo >> big.json; echo t0ken"])
        .args(["-d", "@big.json", server.url("/")])
        .run()
        .stderr("authpost: reading the document: the file changed while it was in use\n")
        .code(66);
    assert_eq!(server.finish().len(), 0);
}

#[test]
fn a_cut_handshake_is_tried_again() {
    let api = Api::tls();
    // All of the server's first flight is about 800 bytes.
    each((0..700).step_by(50), |offset| {
        let server = api.script([
            conn().handshake_cut(offset),
            conn().read().reply(format!("{HEAD}{ANSWER}")),
        ]);
        api.run(&server, &["-q"]).code(0);
        assert_eq!(server.finish().len(), 1);
    });
    let server = api.script([
        conn().handshake_cut(100),
        conn().raw().read_bytes(1).reset(),
        conn().raw().read_bytes(1).close(),
    ]);
    api.run(&server, &["-q", "--tries", "3"])
        .stderr_like("authpost: setting up TLS with https://localhost:PORT: * (3 attempts)\n")
        .code(75);
    assert_eq!(server.finish().len(), 0);
}

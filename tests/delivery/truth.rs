//! No silent success: a table of answers by status, kind of body and completeness, and what a run makes of each.
use crate::spool::order::due;
use crate::support::{Response, Runner, Server, conn, test};
use std::fs;

/// A body and its content type.
struct Kind {
    name: &'static str,
    content_type: &'static str,
    body: &'static str,
    /// Whether it can be an API's answer.
    is_answer: bool,
}

const fn kind(
    name: &'static str,
    content_type: &'static str,
    body: &'static str,
    is_answer: bool,
) -> Kind {
    Kind {
        name,
        content_type,
        body,
        is_answer,
    }
}

const KINDS: &[Kind] = &[
    kind("JSON", "application/json", "{\"ok\":true,\"id\":7}", true),
    kind(
        "JSON as PHP sends it",
        "text/html; charset=UTF-8",
        "{\"ok\":true}",
        true,
    ),
    kind("plain text", "text/plain", "ok, thank you", true),
    kind("plain text as HTML", "text/html", "ok, thank you", true),
    kind(
        "XML",
        "application/xml",
        "<?xml version=\"1.0\"?><ok/>",
        true,
    ),
    kind("nothing", "application/json", "", true),
    kind(
        "login form",
        "text/html",
        "\r\n <!DOCTYPE html><html><head><TITLE lang=en> Sign\n in </TITLE></head>",
        false,
    ),
    kind(
        "a page without a type",
        "",
        "<HTML><body>Welcome to the free WiFi</body></HTML>",
        false,
    ),
    kind(
        "a page called JSON",
        "application/json",
        "\u{feff}<!doctype html><title>Gateway</title>",
        false,
    ),
    kind(
        "a piece of a page",
        "Text/HTML;charset=utf-8",
        "<!-- proxy --><div>Blocked</div>",
        false,
    ),
];

/// How much of the answer arrives.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Arrives {
    Whole,
    Chunked,
    /// Half of what Content-Length says.
    Half,
    /// A chunk, and not the last one.
    OpenChunks,
}

const ARRIVES: [Arrives; 4] = [
    Arrives::Whole,
    Arrives::Chunked,
    Arrives::Half,
    Arrives::OpenChunks,
];

fn answer(status: u16, kind: &Kind, arrives: Arrives) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {status} Words\r\n");
    if !kind.content_type.is_empty() {
        head += &format!("Content-Type: {}\r\n", kind.content_type);
    }
    let body = kind.body;
    let text = match arrives {
        Arrives::Whole => format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()),
        Arrives::Half => format!("{head}Content-Length: {}\r\n\r\n{body}", 2 * body.len() + 1),
        _ => {
            let chunk = match body {
                "" => String::new(),
                _ => format!("{:x}\r\n{body}\r\n", body.len()),
            };
            let end = if arrives == Arrives::Chunked {
                "0\r\n\r\n"
            } else {
                ""
            };
            format!("{head}Transfer-Encoding: chunked\r\n\r\n{chunk}{end}")
        }
    };
    text.into_bytes()
}

fn run(options: &[&str], url: &str) -> Runner {
    test()
        .args(["--no-auth", "--tries=1", "-d", "{\"n\":1}"])
        .args(options)
        .arg(url)
}

/// The value of a member of a report, as it stands there.
fn member<'a>(report: &'a str, name: &str) -> &'a str {
    let rest = report.split_once(&format!("\"{name}\":")).unwrap().1;
    rest.split([',', '}']).next().unwrap()
}

#[test]
fn no_answer_of_the_table_is_a_silent_success() {
    let (mut rows, mut silent) = (0, Vec::new());
    for status in [200, 201, 202, 302, 404, 503] {
        for kind in KINDS {
            for arrives in ARRIVES {
                let is_whole = matches!(arrives, Arrives::Whole | Arrives::Chunked);
                let expected = match status {
                    503 => 69,
                    302 | 404 => 76,
                    _ if !kind.is_answer => 76,
                    _ if !is_whole => 74,
                    _ => 0,
                };
                let what = format!("{status}, {}, {arrives:?}", kind.name);
                let reply = || conn().read().reply(answer(status, kind, arrives)).close();
                let server = Server::script([reply(), reply()]);
                let quiet = run(&["-q"], server.url("/")).run().unjudged();
                let reported = run(&["--report"], server.url("/")).run().unjudged();
                for ran in [&quiet, &reported] {
                    assert_eq!(ran.code, Some(expected), "{what}: {}", ran.stderr);
                    assert_eq!(
                        ran.stderr.is_empty(),
                        expected == 0,
                        "{what}: {}",
                        ran.stderr
                    );
                    if ran.code == Some(0) && !(kind.is_answer && is_whole && status < 300) {
                        silent.push(what.clone());
                    }
                }
                let report = &reported.stdout;
                let outcome = match expected {
                    0 | 74 => "\"accepted\"",
                    69 => "\"unavailable\"",
                    _ => "\"refused\"",
                };
                assert_eq!(member(report, "outcome"), outcome, "{what}");
                assert_eq!(member(report, "exit"), expected.to_string(), "{what}");
                assert_eq!(member(report, "complete"), is_whole.to_string(), "{what}");
                assert_eq!(member(report, "error") == "null", expected == 0, "{what}");
                rows += 1;
            }
        }
    }
    println!("{rows} answers, {} silent successes", silent.len());
    assert!(rows >= 40 && silent.is_empty(), "{silent:?}");
}

const FORM: &str = "<!doctype html>\n<title>Sign in</title>\n<p>Who are you?\n";

fn page() -> Response {
    Response::json(200, FORM)
}

const NO_ANSWER: &str = "the API answered 200 OK with a web page, not an API's answer: Sign in";
const REMEDY: &str = "check the URL, and whether a login page, a captive portal or a proxy answers in the API's place; \
                      --any-answer accepts it";

#[test]
fn a_web_page_is_not_accepted_and_called_by_its_title() {
    let server = Server::script([conn().read().reply(page())]);
    run(&["-q", "--idempotent"], server.url("/"))
        .run()
        .stderr(format!(
            "HTTP/1.1 200 OK\nauthpost: {NO_ANSWER}\nhint: {REMEDY}\n  \
             <!doctype html>\n  <title>Sign in</title>\n  <p>Who are you?\n"
        ))
        .code(76);
    let server = Server::script([conn().read().reply(page())]);
    run(&["--any-answer"], server.url("/"))
        .run()
        .stdout(FORM)
        .stderr("HTTP/1.1 200 OK\n")
        .code(0);
}

#[test]
fn a_web_page_tells_nothing_of_an_earlier_attempt() {
    let server = Server::script([conn().read().close(), conn().read().reply(page())]);
    run(
        &["-q", "--idempotent", "--tries=2", "--wait=0"],
        server.url("/"),
    )
    .run()
    .stderr_like("HTTP/1.1 200 OK\nauthpost: *a web page*; an earlier *\n**")
    .code(74);
}

#[test]
fn a_web_page_dead_letters_a_message() {
    let spool = |dir: &crate::support::Dir, place: &str| {
        fs::read_dir(dir.join("s").join(place)).unwrap().count()
    };
    // When it is sent, and when it is flushed.
    let server = Server::script([
        conn().read().reply(page()),
        conn().read().reply_json(503, "{}"),
        conn().read().reply(page()),
    ]);
    let sent = run(&["-q", "--spool", "s"], server.url("/"));
    let dir = sent.dir();
    sent.run()
        .stderr_like("**a web page, not an API's answer**")
        .code(76);
    assert_eq!((spool(&dir, "queue"), spool(&dir, "dead")), (0, 1));
    let sent = run(&["-q", "--spool", "s"], server.url("/")).in_dir(&dir);
    sent.run().code(0);
    due(&dir);
    let flush = test().in_dir(&dir).args(["flush", "-q", "s"]);
    flush
        .run()
        .stderr_like("**a web page, not an API's answer**")
        .code(76);
    assert_eq!((spool(&dir, "queue"), spool(&dir, "dead")), (0, 2));
}

#[test]
fn a_message_remembers_any_answer() {
    let server = Server::script([
        conn().read().reply_json(503, "{}"),
        conn().read().reply(page()),
    ]);
    let sent = run(&["-q", "--spool", "s", "--any-answer"], server.url("/"));
    let dir = sent.dir();
    sent.run().code(0);
    due(&dir);
    test().in_dir(&dir).args(["flush", "-q", "s"]).run().code(0);
}

/// Half of an answer, and the end of the connection.
fn cut() -> Vec<u8> {
    b"HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n{\"ok\":tr".to_vec()
}

const CUT: &str = "the API accepted the document (200 OK), but its answer broke off after 8 bytes: the connection was closed";

#[test]
fn an_answer_that_broke_off_is_accepted_and_no_success() {
    // It is not sent again, and --pick makes no difference but for the status line.
    let status = "HTTP/1.1 200 OK\n";
    for (options, status) in [
        (&["-q", "--idempotent"][..], status),
        (&["-q", "--pick", "/ok"], ""),
    ] {
        let server = Server::script([conn().read().reply(cut()).close()]);
        run(options, server.url("/"))
            .args(["--tries=3"])
            .run()
            .stderr(format!(
                "{status}authpost: {CUT}\n\
                 hint: do not send it again; look at what the API made of it\n  {{\"ok\":tr\n"
            ))
            .code(74);
    }
}

#[test]
fn a_message_whose_answer_broke_off_is_not_sent_again() {
    let server = Server::script([
        conn().read().reply(cut()).close(),
        conn().read().reply_json(503, "{}"),
        conn().read().reply(cut()).close(),
    ]);
    let sent = run(&["-q", "--spool", "s"], server.url("/"));
    let dir = sent.dir();
    sent.run().stderr_like(&format!("**{CUT}**")).code(74);
    run(&["-q", "--spool", "s"], server.url("/"))
        .in_dir(&dir)
        .run()
        .code(0);
    due(&dir);
    let flush = || test().in_dir(&dir).args(["flush", "-q", "s"]).run();
    flush()
        .stderr_like(&format!(
            "authpost: * to http://127.0.0.1:PORT/: {CUT}\nhint: *\n"
        ))
        .code(74);
    flush().code(0);
}

#[test]
fn lines_go_on_behind_an_answer_that_broke_off() {
    let server = Server::script([
        conn().read().reply(cut()).close(),
        conn().read().reply_json(200, "{}"),
    ]);
    test()
        .file("in", "1\n2\n")
        .args(["--no-auth", "-q", "--lines", "in", "--failed", "f", server.url("/")])
        .run()
        .stderr_like(&format!(
            "authpost: line 1: {CUT}\nhint: *\n  {{\"ok\":tr\n2 accepted, 0 refused, 0 not sent in * s\n"
        ))
        .code(74);
}

#[test]
fn an_answer_that_we_cut_is_a_success_with_a_note() {
    let server = Server::script([conn().read().reply_json(200, "{\"ok\":true}")]);
    run(&["--report", "--max-response=5"], server.url("/"))
        .run()
        .stdout_like("*\"outcome\":\"accepted\",\"exit\":0,*\"error\":null,\"complete\":false,\"response\":*\n")
        .stderr("authpost: the answer was cut after 5 bytes (--max-response)\n")
        .code(0);
}

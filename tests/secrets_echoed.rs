//! What an API repeats of a secret is not seen on stderr, in whatever form it repeats it; and what only looks like one
//! does no harm.
use crate::support::{Ran, Response, Server, test};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// A token with what URLs and JSON escape.
const TOKEN: &str = "s3cr3t+T0k/n9==";

/// Posts with `token` and -v to an API that gives this answer.
fn answered(token: &str, answer: Response, args: &[&str]) -> Ran {
    let server = Server::handler(move |_| answer.clone());
    let run = test().token(token).args([server.url("/"), "-v"]);
    run.args(args).run()
}

/// What `-v` shows of these headers of an answer, the names in small letters.
#[track_caller]
fn shown(file: &str, given: &[(&str, &str)]) -> String {
    let mut answer = Response::new(200, "");
    for (name, value) in given {
        answer = answer.header(name, value);
    }
    let server = Server::handler(move |_| answer.clone());
    let run = test().file("headers", file).args(["-v", "--no-auth"]);
    let run = run.args(["--header-file=headers", server.url("/")]);
    let out = run.run().stderr_like("**").code(0).stderr;
    let lines = out.lines().filter_map(|line| line.strip_prefix("< "));
    let lines = lines.filter(|line| !line.starts_with("content-length"));
    lines.skip(1).collect::<Vec<_>>().join("\n")
}

#[test]
fn each_word_of_a_secret_header_is_one() {
    let cookie = "Cookie: session=TOPSECRETSESSION; theme=dark";
    for (file, echo, expected) in [
        (cookie, "/session=TOPSECRETSESSION; theme=dark", "/********"),
        (cookie, "/TOPSECRETSESSION/dark", "/********/dark"),
        (
            "Cookie: TOPSECRET1 TOPSECRET2",
            "/TOPSECRET1/TOPSECRET2/",
            "/********/********/",
        ),
        (
            "Authorization: Digest username=\"TOPSECRET\",uri=\"/\"",
            "/TOPSECRET/Digest",
            "/********/Digest",
        ),
        // The scheme is no secret, nor is what is found anywhere.
        ("Authorization: Bearer abc", "/Bearer/abc", "/Bearer/abc"),
        ("X-Tenant: 3", "/3", "/3"),
    ] {
        assert_eq!(
            shown(file, &[("Location", echo)]),
            format!("location: {expected}"),
            "{file}"
        );
    }
}

#[test]
fn what_is_acted_upon_stays_as_it_came() {
    for secret in ["1", "000001"] {
        let again = Response::json(503, "").header("Retry-After", secret);
        let answers = [again, Response::json(200, "{}")];
        let count = std::sync::atomic::AtomicUsize::new(0);
        let server = Server::handler(move |_| {
            answers[count.fetch_add(1, std::sync::atomic::Ordering::SeqCst)].clone()
        });
        let run = test().file("headers", format!("X-Tenant: {secret}"));
        let run = run.args([server.url("/"), "--no-auth", "--header-file=headers"]);
        // Without it, there would be hardly a wait.
        run.arg("--wait=1ms")
            .run()
            .within(1.0, 10.0)
            .stdout("{}")
            .stderr_like("**HTTP/1.1 200 OK\n")
            .code(0);
        assert_eq!(server.count(), 2);
    }
}

#[test]
fn an_escaped_secret_is_one() {
    let basic = "czNjcjN0K1Qwa"; // of the token
    for echo in [
        "s3cr3t+T0k/n9==",
        "s3cr3t%2BT0k%2fn9%3D%3D",
        "s3cr3t%2BT0k/n9==",
        "s3cr3t\\u002BT0k\\/n9\\u003d\\u003D",
        "s3cr3t\\\\u002BT0k\\/n9==",
        "czNjcjN0K1Qway9uOT09",
        "czNjcjN0K1Qway9uOT09Cg==",
    ] {
        let body = format!("{{\"token\":\"{echo}\",\"at\":\"100%\"}}");
        let answer = Response::json(400, body)
            .header("Location", &format!("https://a.test/{echo}?q"))
            .header("Server", echo);
        let out = answered(TOKEN, answer, &[]);
        let out = out.stdout_like("**").stderr_like("**").code(76).stderr;
        for part in ["s3cr3t", "T0k", basic] {
            assert!(!out.contains(part), "{echo}\n{out}");
        }
        assert!(out.contains("< server: ********\n"), "{out}");
        let withheld = "\n  (the answer repeats a secret, so it is not shown here)\n";
        assert!(out.contains(withheld), "{out}");
    }
    // What is escaped and no secret is quoted as it came.
    let answer = Response::json(400, "\"s3cr3t%2B \\u00e4 \\u d %zz%\"").header("Server", "a%2Bb");
    let out = answered(TOKEN, answer, &[]);
    let quoted = "**\n< server: a%2Bb\n**\n  \"s3cr3t%2B \\u00e4 \\u d %zz%\"\n";
    out.stdout_like("**").stderr_like(quoted).code(76);
}

#[test]
fn half_a_secret_at_the_end_of_what_was_read_is_one() {
    let withheld = "  (the answer repeats a secret, so it is not shown here)\n";
    for (body, bytes, is_quoted) in [
        ("token s3cr3t+T0k/n9==", 14, false),
        ("token s3cr3t+T0k/n9==", 13, true),
        ("token s3cr3t%2BT0k%2Fn9", 17, false),
        ("token s3cr3t%2BT0k%2Fn9", 20, false),
        ("token czNjcjN0K1Qway9uOT09", 16, false),
    ] {
        let limit = format!("--max-response={bytes}");
        let out = answered(TOKEN, Response::new(400, body), &["-q", &limit]);
        let out = out.stdout_like("**").stderr_like("**").code(76).stderr;
        assert_eq!(!out.contains(withheld), is_quoted, "{body}\n{out}");
        assert_eq!(out.contains(&body[..bytes]), is_quoted, "{body}\n{out}");
    }
    // In the whole of an answer it is none.
    let out = answered(TOKEN, Response::new(400, "token s3cr3t+T0"), &["-q"]);
    let quoted = "**\n  token s3cr3t+T0\n";
    out.stdout_like("**").stderr_like(quoted).code(76);
}

#[test]
fn the_query_of_a_redirect_is_not_shown() {
    for to in ["https://a.test/in?code=1#x", "https://a.test/in#token=1"] {
        let answer = Response::new(302, "").header("Location", to);
        let mark = &to[17..18];
        answered(TOKEN, answer, &[])
            .stderr_like(&format!(
                "**\n< location: https://a.test/in{mark}…\n**\n\
                authpost: the API answered 302 Found and points to https://a.test/in{mark}…\n**"
            ))
            .code(76);
    }
}

#[test]
fn a_header_that_may_hold_a_secret_of_theirs_is_not_shown() {
    let echo = format!("sid=SESSIONSECRET; t={TOKEN}");
    let answer = Response::new(200, "").header("Set-Cookie", &echo);
    answered(TOKEN, answer, &[])
        .stderr_like("**> authorization: Bearer ********\n**< set-cookie: (not shown)\n**")
        .code(0);
}

#[test]
fn a_proxy_that_is_no_text_is_not_passed_over() {
    let secret = OsStr::from_bytes(b"http://user:s3cr3t\xff@127.0.0.1:9");
    for (name, other) in [("HTTPS_PROXY", "no_proxy"), ("NO_PROXY", "ALL_PROXY")] {
        let run = test().token(TOKEN).env(name, secret);
        let run = run.env(other, "http://127.0.0.1:9");
        run.args(["https://api.test/"])
            .run()
            .stderr(format!(
                "authpost: reading the environment variable {name}: it is not text in UTF-8\n\
                hint: set it anew, or unset it\n"
            ))
            .code(78);
    }
}

#[test]
fn a_name_that_a_terminal_would_obey_is_made_harmless() {
    let name = "a\u{1b}[31m\u{202e}\u{2066}\u{200f}b";
    let harmless = "a\u{fffd}[31m\u{fffd}\u{fffd}\u{fffd}b";
    let run = test().args(["https://a.test/", "--token-file", name]);
    run.run()
        .stderr_like(&format!(
            "authpost: reading the token file '{harmless}': **"
        ))
        .code(78);
    let out = test().args(["list", name]).run().unjudged();
    assert!(out.stderr.contains(harmless), "{}", out.stderr);
    let server = Server::handler(|_| Response::new(200, ""));
    let run = test().token(TOKEN).file(name, "X-One: 1");
    let run = run.args([server.url("/"), "-v", "--header-file", name]);
    let shown = format!("**> (the headers in {harmless}): ********\n**");
    run.run().stderr_like(&shown).code(0);
}

#[test]
fn a_page_needs_no_config_file() {
    for page in [
        "--help",
        "-h",
        "-V",
        "--version",
        "--man",
        "--completions=bash",
    ] {
        let expected = test().arg(page).run().stdout_like("**").code(0).stdout;
        assert!(!expected.is_empty());
        let run = test().env("AUTHPOST_CONFIG", "/nope").arg(page);
        run.run().stdout(&expected).code(0);
        let run = test().args(["--config=/nope", "flush", page]);
        run.run().stdout(&expected).code(0);
    }
    // A value is no option.
    let run = test().args(["--config=/nope", "--idempotency-key", "--help"]);
    run.run().stderr_like("**'/nope'**").code(78);
}

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

/// A token of 40 characters, and no 16 of them in a row without one that URLs and HTML escape.
const LONG: &str = "api_9fK2+mQ7/xR4-Zp8+Vw1/Lc6+Tn3/Yb5_Hd0";

/// What a run with `LONG` shows of an answer that holds this.
#[track_caller]
fn quoted(echo: &str) -> String {
    let answer = Response::new(400, format!("no such token: '{echo}'"))
        .header("Server", echo.split(['\r', '\n']).next().unwrap());
    let out = answered(LONG, answer, &[]);
    out.stdout_like("**").stderr_like("**").code(76).stderr
}

#[test]
fn a_secret_is_one_in_any_form() {
    let withheld = "\n  (the answer repeats a secret, so it is not shown here)\n";
    for start in 0..=LONG.len() - 16 {
        let out = quoted(&LONG[start..start + 16]);
        assert!(out.contains(withheld), "from {start} on\n{out}");
    }
    for (form, echo) in [
        (
            "Base64 behind ''",
            "YXBpXzlmSzIrbVE3L3hSNC1acDgrVncxL0xjNitUbjMvWWI1X0hkMDp6",
        ),
        (
            "Base64 behind 'x'",
            "eGFwaV85ZksyK21RNy94UjQtWnA4K1Z3MS9MYzYrVG4zL1liNV9IZDA6eg==",
        ),
        (
            "Base64 behind 'ab'",
            "YWJhcGlfOWZLMittUTcveFI0LVpwOCtWdzEvTGM2K1RuMy9ZYjVfSGQwOno=",
        ),
        (
            "Base64 behind 'Bearer '",
            "QmVhcmVyIGFwaV85ZksyK21RNy94UjQtWnA4K1Z3MS9MYzYrVG4zL1liNV9IZDA6eg==",
        ),
        (
            "Base64 of URLs",
            "aWQ6YXBpXzlmSzIrbVE3L3hSNC1acDgrVncxL0xjNitUbjMvWWI1X0hkMA==",
        ),
        (
            "hexadecimal",
            "6170695f39664b322b6d51372f7852342d5a70382b5677312f4c63362b546e332f5962355f486430",
        ),
        (
            "upper-case hexadecimal",
            "6170695F39664B322B6D51372F7852342D5A70382B5677312F4C63362B546E332F5962355F486430",
        ),
        ("upper case", "API_9FK2+MQ7/XR4-ZP8+VW1/LC6+TN3/YB5_HD0"),
        ("lower case", "api_9fk2+mq7/xr4-zp8+vw1/lc6+tn3/yb5_hd0"),
        (
            "percent-encoded twice",
            "api_9fK2%252BmQ7%252FxR4-Zp8%252BVw1%252FLc6%252BTn3%252FYb5_Hd0",
        ),
        (
            "each character percent-encoded",
            "%61%70%69%5f%39%66%4b%32%2b%6d%51%37%2f%78%52%34%2d%5a%70%38%2b%56%77%31%2f%4c%63%36%2b%54%6e%33%2f%59%62%35%5f%48%64%30",
        ),
        (
            "percent-encoded three times",
            "api_9fK2%25252BmQ7%25252FxR4-Zp8%25252BVw1%25252FLc6%25252BTn3%25252FYb5_Hd0",
        ),
        (
            "decimal entities",
            "&#97;&#112;&#105;&#95;&#57;&#102;&#75;&#50;&#43;&#109;&#81;&#55;&#47;&#120;&#82;&#52;&#45;&#90;&#112;&#56;&#43;&#86;&#119;&#49;&#47;&#76;&#99;&#54;&#43;&#84;&#110;&#51;&#47;&#89;&#98;&#53;&#95;&#72;&#100;&#48;",
        ),
        (
            "hexadecimal entities",
            "&#x61;&#x70;&#x69;&#x5F;&#x39;&#x66;&#x4B;&#x32;&#x2B;&#x6D;&#x51;&#x37;&#x2F;&#x78;&#x52;&#x34;&#x2D;&#x5A;&#x70;&#x38;&#x2B;&#x56;&#x77;&#x31;&#x2F;&#x4C;&#x63;&#x36;&#x2B;&#x54;&#x6E;&#x33;&#x2F;&#x59;&#x62;&#x35;&#x5F;&#x48;&#x64;&#x30;",
        ),
        (
            "named entities",
            "api&lowbar;9fK2&plus;mQ7&sol;xR4-Zp8&plus;Vw1&sol;Lc6&plus;Tn3&sol;Yb5&lowbar;Hd0",
        ),
        (
            "entities of entities",
            "api_9fK2&amp;#43;mQ7&amp;sol;xR4-Zp8&amp;#43;Vw1&amp;sol;Lc6&amp;#43;Tn3&amp;sol;Yb5_Hd0",
        ),
        (
            "JSON escapes",
            "\\u0061\\u0070\\u0069\\u005f\\u0039\\u0066\\u004b\\u0032\\u002b\\u006d\\u0051\\u0037\\u002f\\u0078\\u0052\\u0034\\u002d\\u005a\\u0070\\u0038\\u002b\\u0056\\u0077\\u0031\\u002f\\u004c\\u0063\\u0036\\u002b\\u0054\\u006e\\u0033\\u002f\\u0059\\u0062\\u0035\\u005f\\u0048\\u0064\\u0030",
        ),
        (
            "JSON in JSON",
            "api_9fK2\\\\u002BmQ7\\\\/xR4-Zp8\\\\u002BVw1\\\\/Lc6\\\\u002BTn3\\\\/Yb5_Hd0",
        ),
        (
            "escaped bytes",
            "\\x61\\x70\\x69\\x5f\\x39\\x66\\x4b\\x32\\x2b\\x6d\\x51\\x37\\x2f\\x78\\x52\\x34\\x2d\\x5a\\x70\\x38\\x2b\\x56\\x77\\x31\\x2f\\x4c\\x63\\x36\\x2b\\x54\\x6e\\x33\\x2f\\x59\\x62\\x35\\x5f\\x48\\x64\\x30",
        ),
        (
            "wrapped",
            "api_9fK2+\r\n mQ7/xR4-Z\r\n p8+Vw1/Lc\r\n 6+Tn3/Yb5_Hd0",
        ),
        (
            "wrapped in JSON",
            "api_9fK2+\\nmQ7/xR4-Z\\np8+Vw1/Lc\\n6+Tn3/Yb5_Hd0",
        ),
        (
            "Base64, wrapped",
            "YXBpXzlmSzIr\nbVE3L3hSNC1a\ncDgrVncxL0xj\nNitUbjMvWWI1\nX0hkMA==",
        ),
        ("its beginning", "api_9fK2+mQ7/xR4..."),
        ("its end", ".../Lc6+Tn3/Yb5_Hd0"),
        ("a part", "2+mQ7/xR4-Zp8+Vw"),
    ] {
        let out = quoted(echo);
        assert!(out.contains(withheld), "{form}\n{out}");
        assert!(
            !out.contains(&echo[..12]) || form.contains("rapped"),
            "{form}\n{out}"
        );
    }
    // What is no run of 16 characters, or of other ones, is quoted.
    for echo in [
        &LONG[7..22],
        "api_9fK2 mQ7 xR4 Zp8 Vw1",
        "%61%70%69 &plus; &amp; &nosuch; \\n",
    ] {
        let out = quoted(echo);
        assert!(
            out.contains(&format!("\n  no such token: '{echo}'\n")),
            "{out}"
        );
    }
}

/// Whose password it is may be told, and so may which client.
#[test]
fn a_user_is_no_secret() {
    let user = "reporting-service-account";
    let refusal = format!("the user {user} may not do that");
    let server = {
        let refusal = refusal.clone();
        Server::handler(move |_| Response::new(403, refusal.as_str()))
    };
    let run = test().token(&format!("{user}:s3cret")).arg(server.url("/"));
    let quoted = format!("**\n  {refusal}\n");
    let run = run.args(["--auth-scheme=Basic"]).run();
    run.stdout_like("**").stderr_like(&quoted).code(77);
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
        let run = test().args(["--config=/nope", page]);
        run.run().stdout(&expected).code(0);
    }
    // A value is no option.
    let run = test().args(["--config=/nope", "--idempotency-key", "--help"]);
    run.run().stderr_like("**'/nope'**").code(78);
}

//! Mistakes on the command line: each ends with 64, one line of what is wrong and one of what to do, and nothing sent.
use crate::support::{Server, test};

/// These arguments, with a token and behind a URL that must not be reached, end the run so.
#[track_caller]
fn wrong(args: &[&str], stderr: &str) {
    let server = Server::never();
    let run = test().token("t0ken").arg(server.url("/")).args(args).run();
    run.stderr(stderr).code(64);
}

#[test]
fn options_that_do_not_exist() {
    let see = "hint: 'authpost --help' lists all options\n";
    for option in ["--nope", "-Z", "--time"] {
        let stderr = format!("authpost: reading the arguments: there is no option {option}\n{see}");
        wrong(&[option], &stderr);
    }
    // Nothing of a value is repeated.
    wrong(
        &["--nope=s3cret"],
        &format!("authpost: reading the arguments: there is no option --nope\n{see}"),
    );
    wrong(
        &["-Zs3cret"],
        &format!("authpost: reading the arguments: there is no option -Z\n{see}"),
    );
    wrong(
        &["--timeout 5s"],
        "authpost: reading the arguments: there is no option '--timeout …'\n\
         hint: put a '=' between an option and its value, or write them as two arguments\n",
    );
}

#[test]
fn values_that_are_missing_or_too_many() {
    wrong(
        &["--data"],
        "authpost: reading --data: its value is missing\n\
         hint: -d, --data JSON: document to send; @FILE reads a file, @- stdin\n",
    );
    wrong(
        &["-X"],
        "authpost: reading -X: its value is missing\nhint: -X, --method POST|PUT|PATCH: HTTP method [default: POST]\n",
    );
    let see = "hint: 'authpost --help' lists all options\n";
    wrong(
        &["--no-auth=s3cret"],
        &format!("authpost: reading --no-auth: it takes no value\n{see}"),
    );
    wrong(
        &["-q=1"],
        &format!("authpost: reading -q: it takes no value\n{see}"),
    );
    wrong(
        &["--token-file="],
        "authpost: reading --token-file: it is empty\nhint: --token-file FILE: read the token from FILE\n",
    );
}

#[test]
fn times() {
    let usage = "hint: --timeout TIME: total deadline per document [default: 60s]\n";
    for text in [
        "",
        "s",
        "5x",
        "-1",
        "+1",
        "1.5s",
        "1 s",
        "1d",
        "5S",
        "99999999999999999999",
        "99999999999999999h",
    ] {
        let stderr = format!(
            "authpost: reading --timeout: '{text}' is not a time, such as 500ms, 30s, 5m or 1h\n{usage}"
        );
        wrong(&[&format!("--timeout={text}")], &stderr);
    }
    let zero = format!("authpost: reading --timeout: it must be more than 0\n{usage}");
    wrong(&["--timeout=0"], &zero);
    wrong(&["--timeout=0ms"], &zero);
    for text in ["500ms", "30", "30s", "5m", "1h", "0001"] {
        let url = "https://api.example.com/";
        let time = format!("--timeout={text}");
        let run = test().args([url, "--no-auth", "--dry-run", &time]).run();
        run.stdout_like("POST / HTTP/1.1\n**").code(0);
    }
}

#[test]
fn numbers_and_sizes() {
    let usage = "hint: --tries N: maximum number of attempts per document\n";
    for text in ["", "x", "-1", "1.0", "99999999999"] {
        let stderr = format!(
            "authpost: reading --tries: '{text}' is not a whole number, or too large a one\n{usage}"
        );
        wrong(&[&format!("--tries={text}")], &stderr);
    }
    wrong(
        &["--tries=0"],
        &format!("authpost: reading --tries: it must be at least 1\n{usage}"),
    );
    for text in ["", "0", "M", "1T", "-1", "1.5M", "99999999999999G"] {
        let stderr = format!(
            "authpost: reading --max-response: '{text}' is not a size, such as 65536, 64K or 16M\n\
             hint: --max-response SIZE: longest answer to keep [default: 16M]\n"
        );
        wrong(&[&format!("--max-response={text}")], &stderr);
    }
}

#[test]
fn words_that_must_be_known() {
    wrong(
        &["-X", "GET"],
        "authpost: reading -X: 'GET' is none of POST, PUT and PATCH\n\
         hint: -X, --method POST|PUT|PATCH: HTTP method [default: POST]\n",
    );
    wrong(
        &["--completions=tcsh"],
        "authpost: reading --completions: 'tcsh' is none of bash, zsh and fish\n\
         hint: --completions bash|zsh|fish: print a shell completion script\n",
    );
    wrong(
        &["--auth-scheme=Bearer s3cret"],
        "authpost: reading --auth-scheme: it must be one word\n\
         hint: --auth-scheme WORD: authentication scheme [default: Bearer]\n",
    );
    wrong(
        &["--auth-header=X-API-Key: s3cret"],
        "authpost: reading --auth-header: 'X-API-Key…' cannot be a header's name\n\
         hint: --auth-header NAME: send the token in header NAME, with no scheme\n",
    );
    wrong(
        &["--token-env=TOKEN=s3cret"],
        "authpost: reading --token-env: it is not the name of a variable\n\
         hint: --token-env NAME: read the token from environment variable NAME\n",
    );
    for key in ["", "two words", "schlüssel", &"x".repeat(256)] {
        wrong(
            &["--idempotency-key", key],
            "authpost: reading --idempotency-key: it must be 1 to 255 visible ASCII characters\n\
             hint: --idempotency-key KEY: one id for all attempts [default: random UUID]\n",
        );
    }
}

#[test]
fn headers() {
    let usage = "hint: -H, --header 'NAME: VALUE': add a request header; may be repeated\n";
    for (header, why) in [
        ("X-One", "there is no colon in it"),
        (": value", "'…' cannot be a header's name"),
        ("X One: 1", "'X…' cannot be a header's name"),
        (
            "X-One: a\r\nX-Two: b",
            "the value of X-One has a control character in it",
        ),
        (
            "content-length: 5",
            "content-length is set by authpost itself",
        ),
        (
            "Transfer-Encoding: chunked",
            "Transfer-Encoding is set by authpost itself",
        ),
        ("Expect: 100-continue", "Expect is set by authpost itself"),
        (
            "Idempotency-Key: 7",
            "the key has an option of its own: --idempotency-key",
        ),
    ] {
        wrong(
            &["-H", header],
            &format!("authpost: reading -H: {why}\n{usage}"),
        );
    }
}

#[test]
fn pointers_and_expectations() {
    wrong(
        &["--pick=id"],
        "authpost: reading --pick: a JSON Pointer begins with '/'\n\
         hint: --pick POINTER: print only the value at a path like /items/0/id\n",
    );
    wrong(
        &["--pick=/a~2"],
        "authpost: reading --pick: in a JSON Pointer a key's '~' is written '~0', its '/' '~1'\n\
         hint: --pick POINTER: print only the value at a path like /items/0/id\n",
    );
    let usage = "hint: --expect POINTER=VALUE: require this in a 2xx answer, e.g. /ok:=true\n";
    for (text, why) in [
        (
            "/ok",
            "it has no '=': write /ok:=true, /status=done or !/errors",
        ),
        (
            "!/ok:=true",
            "behind '!' there is a pointer and no value: write !/errors",
        ),
        ("!errors", "a JSON Pointer begins with '/'"),
        ("ok:=true", "a JSON Pointer begins with '/'"),
        (
            "/ok:=yes",
            "what it expects is not JSON: line 1, column 1: expected a value, found 'y'",
        ),
    ] {
        wrong(
            &["--expect", text],
            &format!("authpost: reading --expect: {why}\n{usage}"),
        );
    }
}

#[test]
fn options_that_exclude_each_other() {
    for (args, stderr) in [
        (
            &["--no-idempotency-key", "--idempotency-key=7"][..],
            "authpost: reading the command line: an idempotency key is asked for, and none at all as well\n\
             hint: drop --no-idempotency-key, or --idempotency-key and --idempotency-header\n",
        ),
        (
            &["--insecure", "--cacert=ca.pem"],
            "authpost: reading the command line: --insecure checks no certificate, and --cacert wants one checked\n\
             hint: drop --insecure\n",
        ),
        (
            &["--key=key.pem"],
            "authpost: reading the command line: --key is given without --cert\n\
             hint: give the client's certificate chain with --cert\n",
        ),
    ] {
        wrong(args, stderr);
    }
}

#[test]
fn a_url_must_be_there_and_come_first() {
    let run = test().token("t0ken").run();
    run.stderr(
        "authpost: reading the command line: there is no URL\n\
         hint: authpost https://api.example.com/data key=value; 'authpost -h' says more\n",
    )
    .code(64);
    for (word, shown) in [
        ("key=value", "key=valu…"),
        ("api.example.com/data", "api.exam…"),
        ("data", "data"),
        ("", ""),
    ] {
        let run = test()
            .token("t0ken")
            .args([word, "https://api.example.com/"])
            .run();
        run.stderr(format!(
            "authpost: reading the arguments: '{shown}' is not a URL\n\
             hint: the URL comes first, with its scheme: authpost https://api.example.com/data key=value\n"
        ))
        .code(64);
    }
    wrong(
        &["https://api.example.com/"],
        "authpost: reading the arguments: there are two URLs\n\
         hint: give one: here, in --url-file or in the config file; items are written KEY=TEXT\n",
    );
}

#[test]
fn urls() {
    for (url, why) in [
        (
            "ftp://api.example.com/",
            "its scheme is 'ftp', and only https and http are supported",
        ),
        ("https://", "it has no host"),
        ("https:///data", "it has no host"),
        ("https://:443/", "it has no host"),
        ("https://?q=1", "it has no host"),
        (
            "https://api..example.com/",
            "its host has an empty part before, between or behind dots",
        ),
        (
            "https://.example.com/",
            "its host has an empty part before, between or behind dots",
        ),
        (
            "https://./",
            "its host has an empty part before, between or behind dots",
        ),
        (
            "https://api.example.com:0/",
            "its port is not a number from 1 to 65535",
        ),
        (
            "https://api.example.com:65536/",
            "its port is not a number from 1 to 65535",
        ),
        (
            "https://api.example.com:+80/",
            "its port is not a number from 1 to 65535",
        ),
        (
            "https://api.example.com:/",
            "its port is not a number from 1 to 65535",
        ),
        ("https://[::1/", "its IPv6 address has no closing bracket"),
        (
            "https://[::x]/",
            "what stands in its brackets is not an IPv6 address",
        ),
        (
            "https://[::1]443/",
            "only a port may stand behind the host's ']'",
        ),
        (
            "https://api.example.com/a b",
            "' ' must be percent-encoded in it (a host name: in punycode)",
        ),
        (
            "https://api.example.com/a\n",
            "'\\n' must be percent-encoded in it (a host name: in punycode)",
        ),
        (
            "https://bücher.example/",
            "'ü' must be percent-encoded in it (a host name: in punycode)",
        ),
        (
            "https://api.example.com/{id}",
            "'{' must be percent-encoded in it (a host name: in punycode)",
        ),
        (
            "https://api.example.com/#top",
            "it has a fragment ('#'), which is never sent: percent-encode it as %23",
        ),
        (
            "https://user@api.example.com/",
            "it carries a user or a password",
        ),
    ] {
        let run = test().token("t0ken").args([url, "a=b"]).run();
        run.stderr(format!(
            "authpost: reading the URL: {why}\n\
             hint: write it as https://HOST/PATH; a token, or user:password for --auth-scheme Basic, goes into --token-file\n"
        ))
        .code(64);
    }
}

#[test]
fn arguments_that_are_not_text() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let latin1 = OsStr::from_bytes(b"caf\xe9=1");
    let server = Server::never();
    let run = test().token("t0ken").arg(server.url("/")).arg(latin1).run();
    run.stderr("authpost: reading the argument 'caf\u{fffd}=1': it is not text in UTF-8\n")
        .code(64);
    let data = OsStr::from_bytes(b"--data=\"\xe9\"");
    let run = test().token("t0ken").arg(server.url("/")).arg(data).run();
    run.stderr(
        "authpost: reading --data: it is not text in UTF-8\n\
         hint: -d, --data JSON: document to send; @FILE reads a file, @- stdin\n",
    )
    .code(64);
}

#[test]
fn options_may_stand_anywhere_and_end_with_two_dashes() {
    let dry = |args: &[&str], document: &str| {
        let run = test().args(["--no-auth", "--dry-run"]).args(args).run();
        let out = run.stdout_like("POST / HTTP/1.1\n**").code(0).stdout;
        assert!(out.ends_with(&format!("\n\n{document}\n")), "{out}");
    };
    let url = "https://api.example.com/";
    dry(&["-q", url, "a=1", "-v", "b=2"], r#"{"a":"1","b":"2"}"#);
    dry(&[url, "--", "-a=1", "--b=2"], r#"{"-a":"1","--b":"2"}"#);
    dry(&["--", url, "a=1"], r#"{"a":"1"}"#);
    dry(&["-qv4d[1]", url], "[1]");
}

#[test]
fn the_key_has_a_header_of_its_own() {
    for (name, options) in [
        ("authorization", &[][..]),
        ("Host", &[]),
        ("X-Token", &["--auth-header", "x-token"]),
        ("X-Run", &["-H", "x-run: 1"]),
    ] {
        test()
            .token("t0ken")
            .args(["https://api.example.com/", "a=1", "--idempotency-header", name])
            .args(options)
            .run()
            .stderr(format!(
                "authpost: reading the command line: the idempotency key cannot go into {name}, which carries something else\n\
                 hint: --idempotency-header NAME: header for the idempotency key [default: Idempotency-Key]\n"
            ))
            .code(64);
    }
    for options in [&["--no-auth"][..], &["--token-env", "T"]] {
        test()
            .env("T", "t0ken")
            .file("h", "idempotency-key: 1\n")
            .args(["https://api.example.com/", "a=1", "--header-file", "h"])
            .args(options)
            .run()
            .stderr(
                "authpost: collecting the headers: idempotency-key is given twice\n\
                 hint: take it out of the header file, or say --no-idempotency-key\n",
            )
            .code(78);
    }
}

//! No secret is ever seen: every failing path that can be reached is run with one, and all that comes out is searched.
//!
//! What an API says goes to stdout as it came, and may well repeat the token; where it does, stderr alone is searched,
//! and the `error` of a report.
use crate::support::{
    Ca, Identity, Leaf, Response, Runner, Running, Server, Tls, Unreachable, binary, conn, find,
    need, test,
};
use std::fs;

/// A token that every form of escaping changes, and the password in it.
const SECRET: &str = "s3cr3t/T0k+n==";

/// `user:` and the secret, in Base64.
const BASIC: &str = "dXNlcjpzM2NyM3QvVDBrK249PQ==";

/// How a secret looks in whichever output: as it is, or in Base64 at each of the three places it can have in a group.
const TRACES: [&str; 5] = [
    "s3cr3t",
    "T0k+n",
    "czNjcjN0L1Qwa",
    "zY3IzdC9UMG",
    "M2NyM3QvVDBr",
];

/// A run that is to be searched.
struct Case {
    what: &'static str,
    run: Runner,
    code: i32,
    /// Whether the API's answer repeats the secret, so that stdout may.
    echoes: bool,
}

impl Case {
    #[track_caller]
    fn check(self) {
        let out = self.run.run().unjudged();
        let what = self.what;
        assert_eq!(
            out.code,
            Some(self.code),
            "{what}: {}{}",
            out.stdout,
            out.stderr
        );
        let stdout = match (self.echoes, out.stdout.split_once("\"error\":")) {
            (false, _) => out.stdout.as_str(),
            (true, Some((_, rest))) => rest.split("\"response\":").next().unwrap(),
            (true, None) => "",
        };
        for trace in TRACES {
            for (name, text) in [("stdout", stdout), ("stderr", &out.stderr)] {
                assert!(
                    !text.contains(trace),
                    "{what}: {trace} is in {name}:\n{text}"
                );
            }
        }
    }
}

fn case(what: &'static str, code: i32, run: Runner) -> Case {
    Case {
        what,
        run: run.arg("--tries=2").arg("--wait=0"),
        code,
        echoes: false,
    }
}

fn echo(what: &'static str, code: i32, run: Runner) -> Case {
    Case {
        echoes: true,
        ..case(what, code, run)
    }
}

/// With the token, and a URL that nobody must be asked for.
fn nowhere() -> Runner {
    test().token(SECRET).arg("https://127.0.0.1:9/")
}

#[test]
fn a_token_that_cannot_be_used_is_not_repeated() {
    let file = |content: &[u8]| {
        let run = test().arg("https://127.0.0.1:9/").file("token", content);
        run.arg("--token-file=token")
    };
    let text = |text: String| file(text.as_bytes());
    let command = |script: &str| {
        let script = script.replace("SECRET", &format!("'{SECRET}'"));
        // Handed over by a file, for a command line can be read by everybody.
        let run = test().file("script", script).arg("https://127.0.0.1:9/");
        run.args(["--token-command=sh ./script", "--timeout=300ms"])
    };
    for case in [
        case(
            "a token with white space",
            78,
            text(format!("{SECRET} {SECRET}")),
        ),
        case(
            "a token with its scheme",
            78,
            text(format!("Bearer {SECRET}")),
        ),
        case("two tokens", 78, text(format!("{SECRET}\n{SECRET}"))),
        case("a control character", 78, text(format!("{SECRET}\x01"))),
        case("a letter that is not ASCII", 78, text(format!("{SECRET}ä"))),
        case(
            "not UTF-8",
            78,
            file(&[SECRET.as_bytes(), b"\xff"].concat()),
        ),
        case("a byte of zero", 78, text(format!("{SECRET}\0"))),
        case("a large file", 78, text(SECRET.repeat(10_000))),
        case(
            "Basic without a colon",
            78,
            text(SECRET.into()).arg("--auth-scheme=Basic"),
        ),
        case(
            "Basic with a control character",
            78,
            text(format!("user:{SECRET}\x02")).arg("--auth-scheme=Basic"),
        ),
        case(
            "a variable with white space",
            78,
            test()
                .token(&format!("a {SECRET}"))
                .arg("https://127.0.0.1:9/"),
        ),
        case(
            "a command that fails",
            75,
            command("printf %s SECRET; exit 1"),
        ),
        case(
            "a command that prints two lines",
            78,
            command("echo SECRET; echo SECRET"),
        ),
        case(
            "a command that prints too much",
            78,
            command("while :; do echo SECRET; done 2>/dev/null"),
        ),
        case("a command that hangs", 75, command("echo SECRET; sleep 60")),
        case(
            "stdin with white space",
            78,
            test()
                .stdin(format!("a {SECRET}"))
                .args(["https://127.0.0.1:9/", "--token-file=/dev/stdin"]),
        ),
    ] {
        case.check();
    }
}

#[test]
fn a_header_file_that_cannot_be_used_is_not_repeated() {
    let file = |content: String| {
        nowhere()
            .file("headers", content)
            .arg("--header-file=headers")
    };
    for case in [
        case("no colon", 78, file(SECRET.into())),
        case(
            "a colon too late",
            78,
            file(format!("X-API-Key {SECRET}: 1")),
        ),
        case(
            "a control character",
            78,
            file(format!("X-API-Key: {SECRET}\x01")),
        ),
        case(
            "a header of ours",
            78,
            file(format!("Connection: {SECRET}")),
        ),
        case(
            "the token twice",
            78,
            file(format!("Authorization: Bearer {SECRET}")),
        ),
        case(
            "not UTF-8",
            78,
            nowhere()
                .file("headers", [SECRET.as_bytes(), b": \xff"].concat())
                .arg("--header-file=headers"),
        ),
    ] {
        case.check();
    }
}

#[test]
fn what_is_refused_on_the_command_line_is_not_repeated() {
    let args = |args: &[&str]| {
        let args = args.iter().map(|arg| arg.replace("SECRET", SECRET));
        nowhere().args(args)
    };
    let url = |url: &str| test().token(SECRET).arg(url.replace("SECRET", SECRET));
    for case in [
        case("--token", 64, args(&["--token", "SECRET"])),
        case("--token=", 64, args(&["--token=SECRET"])),
        case("-u", 64, args(&["-uuser:SECRET"])),
        case("--user", 64, args(&["--user=user:SECRET"])),
        case(
            "-H Authorization",
            64,
            args(&["-H", "Authorization: Bearer SECRET"]),
        ),
        case("-H Cookie", 64, args(&["-H", "Cookie: session=SECRET"])),
        case(
            "-H without a colon",
            64,
            args(&["-H", "Authorization Bearer SECRET"]),
        ),
        case(
            "-H with a colon too late",
            64,
            args(&["-H", "Authorization Bearer SECRET:"]),
        ),
        case(
            "-H with a control character",
            64,
            args(&["-H", "X-API-Key: SECRET\nX: y"]),
        ),
        case("a switch with a value", 64, args(&["--no-auth=SECRET"])),
        case(
            "a scheme with the token",
            64,
            args(&["--auth-scheme=Bearer SECRET"]),
        ),
        case(
            "a header with the token",
            64,
            args(&["--auth-header=X-API-Key: SECRET"]),
        ),
        case(
            "a variable with the token",
            64,
            args(&["--token-env=API_TOKEN=SECRET"]),
        ),
        case(
            "a proxy with a password",
            64,
            args(&["--proxy=http://user:SECRET@127.0.0.1:3128"]),
        ),
        case(
            "a proxy with the password in its place",
            64,
            args(&["--proxy=ftp:SECRET"]),
        ),
        case("an item without a separator", 64, args(&["tokenSECRET"])),
        case("an item like a header", 64, args(&["Authorization:SECRET"])),
        case("a query for an item", 64, args(&["token==SECRET"])),
        case("JSON that is none", 65, args(&["token:=SECRET"])),
        case(
            "a document that is none",
            65,
            args(&["-d", "{\"token\": \"SECRET\""]),
        ),
        case("the token for a URL", 64, url("Bearer SECRET")),
        case(
            "the password in the URL",
            64,
            url("https://user:SECRET@127.0.0.1:9/"),
        ),
        case(
            "half of the password in the URL",
            64,
            url("https://user:SECRET"),
        ),
        case(
            "the token as the user",
            64,
            url("https://s3cr3t%2FT0k+n@127.0.0.1:9/"),
        ),
        case(
            "the token in the query",
            75,
            url("http://127.0.0.1:9/?token=SECRET").arg("-v"),
        ),
        case(
            "the token in the query, reported",
            75,
            url("http://127.0.0.1:9/?token=SECRET").arg("--report"),
        ),
    ] {
        case.check();
    }
}

#[test]
fn what_is_refused_in_the_config_file_is_not_repeated() {
    for (what, line) in [
        (
            "an option and its value in one line",
            "--header Authorization: Bearer SECRET",
        ),
        ("an option that there is not", "--token=SECRET"),
        ("a line of an environment file", "AUTHPOST_TOKEN=SECRET"),
        ("a header", "-HAuthorization: Bearer SECRET"),
        ("a password", "https://user:SECRET@api.example.com/"),
    ] {
        let line = line.replace("SECRET", SECRET);
        let run = test()
            .token(SECRET)
            .file("config", line)
            .arg("--config=config");
        case(what, 78, run).check();
    }
}

#[test]
fn a_connection_that_fails_gives_nothing_away() {
    let (refusing, silent) = (Unreachable::refusing(), Unreachable::silent());
    let to = |url: &str| {
        test()
            .token(SECRET)
            .arg(url)
            .args(["-v", "--timeout=300ms"])
    };
    let closing = Server::handler(|_| Response::hang_up());
    let garbage = |text: &str| Server::script([conn().read().reply(text).close()]);
    let smtp = garbage("220 smtp.example.com\r\n");
    let status = garbage(&format!("HTTP/1.1 {SECRET}\r\n\r\n"));
    let header = garbage(&format!("HTTP/1.1 200 OK\r\n{SECRET}\r\n\r\n"));
    let length = garbage(&format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {SECRET}\r\n\r\n"
    ));
    let chunk = garbage(&format!(
        "HTTP/1.1 400 No\r\nTransfer-Encoding: chunked\r\n\r\n{SECRET}\r\n\r\n"
    ));
    let stalled = Server::script([conn().read().stall()]);
    let own = Tls::new(&Identity::self_signed(Leaf::new("localhost")));
    let unknown = own.script([conn().handshake_fails()]);
    let plain = own.script([
        conn().raw().reply("220 smtp\r\n").close(),
        conn().raw().reply("220 smtp\r\n").close(),
    ]);
    for case in [
        case("refused", 75, to(refusing.url("/"))),
        case(
            "refused, in a report",
            75,
            to(refusing.url("/")).arg("--report"),
        ),
        case("silent", 75, to(silent.url("/"))),
        case("no such name", 75, to("https://a,b/")),
        case("closed", 74, to(closing.url("/"))),
        case("not HTTP", 74, to(smtp.url("/"))),
        case("not a status", 74, to(status.url("/"))),
        case("not a header", 74, to(header.url("/"))),
        case("not a length", 74, to(length.url("/"))),
        case("not a chunk", 76, to(chunk.url("/"))),
        case("no answer", 74, to(stalled.url("/"))),
        case("an unknown authority", 75, to(unknown.url("/"))),
        case("not TLS", 75, to(plain.url("/"))),
        case(
            "no such CA file",
            78,
            to("https://127.0.0.1:9/").arg("--cacert=nope"),
        ),
        case(
            "the token file for a CA file",
            78,
            to("https://127.0.0.1:9/")
                .file("token", SECRET)
                .arg("--cacert=token"),
        ),
        case(
            "the token file for a key",
            78,
            to("https://127.0.0.1:9/")
                .file("ca", Ca::new("CA").pem())
                .file("token", SECRET)
                .args(["--cert=ca", "--key=token"]),
        ),
        case(
            "the token file for a document",
            65,
            to("https://127.0.0.1:9/")
                .file("token", SECRET)
                .arg("-d@token"),
        ),
    ] {
        case.check();
    }
}

#[test]
fn a_proxy_that_fails_gives_nothing_away() {
    let refusing = Unreachable::refusing();
    let answer = |answer: &str| conn().read().reply(answer).close();
    let twice = |text: &str| Server::script([answer(text), answer(text)]);
    let refusal = format!("HTTP/1.1 407 {SECRET}\r\nX: {BASIC}\r\nContent-Length: 0\r\n\r\n");
    let denied = Server::script([answer(&refusal)]);
    let failing = twice(&format!(
        "HTTP/1.1 502 {SECRET}\r\nContent-Length: 0\r\n\r\n"
    ));
    let garbage = twice(&format!("{SECRET}\r\n\r\n"));
    let through = |proxy: &str| {
        let proxy = proxy.replace("SECRET", "s3cr3t%2FT0k+n==");
        // The variables do not concern this machine; nothing goes to this address of no machine.
        let run = test().token(SECRET).arg("https://192.0.2.1/");
        run.args(["-v", "--timeout=2s"]).env("HTTPS_PROXY", proxy)
    };
    let port = |port: u16| through(&format!("http://user:SECRET@127.0.0.1:{port}"));
    for case in [
        case("refused", 75, port(refusing.port())),
        case("refuses the password", 77, port(denied.port())),
        case("fails", 75, port(failing.port())),
        case("is none", 75, port(garbage.port())),
        case(
            "is of another kind",
            78,
            through("socks5://user:SECRET@127.0.0.1:1080"),
        ),
        case(
            "has no port",
            78,
            through("http://user:SECRET@127.0.0.1:port"),
        ),
        case("has no host", 78, through("http://user:SECRET@")),
    ] {
        case.check();
    }
}

#[test]
fn an_api_that_repeats_the_token_is_not_quoted() {
    let answers = |text: &str| {
        let in_json = format!("{{\"ok\":false,\"token\":\"{text}\"}}");
        [
            in_json.clone(),
            in_json.replace('/', "\\/"),
            text.to_owned(),
            format!("Bearer {text}"),
        ]
    };
    let repeats = |status: u16, body: &str, text: &str| {
        let answer = Response::json(status, body)
            .header(
                "Location",
                &format!("https://elsewhere.example.com/?token={text}"),
            )
            .header("X-Request-Id", text)
            .header("Retry-After", "0")
            .header("Set-Cookie", text);
        Server::handler(move |_| answer.clone())
    };
    for (scheme, token, text) in [
        ("Bearer", SECRET.to_owned(), SECRET),
        ("Basic", format!("user:{SECRET}"), SECRET),
        ("Basic", format!("user:{SECRET}"), BASIC),
    ] {
        for body in answers(text) {
            for (status, code) in [
                (200, 0),
                (302, 76),
                (400, 76),
                (401, 77),
                // A rate limit, for it has Retry-After.
                (403, 69),
                (407, 77),
                (429, 69),
                (500, 69),
            ] {
                let server = repeats(status, &body, text);
                let run = || {
                    test()
                        .token(&token)
                        .args([server.url("/"), "--auth-scheme", scheme])
                };
                echo("to stdout", code, run()).check();
                case("quietly", code, run().arg("-q")).check();
                echo("with its headers", code, run().arg("-v")).check();
                echo("in a report", code, run().arg("--report")).check();
            }
            let server = repeats(200, &body, text);
            let run = || {
                test()
                    .token(&token)
                    .args([server.url("/"), "--auth-scheme", scheme])
            };
            let code = 76;
            echo("not as expected", code, run().arg("--expect=/token=other")).check();
            echo(
                "not as expected, in a report",
                code,
                run().args(["--expect=/token=other", "--report"]),
            )
            .check();
            case(
                "without what is picked",
                code,
                run().args(["--pick=/id", "-v"]),
            )
            .check();
        }
    }
    // So it is with the header of an API key, and with a file of headers.
    let server = repeats(400, SECRET, SECRET);
    let run = || test().arg(server.url("/")).arg("-v");
    echo(
        "an API key",
        76,
        run().token(SECRET).arg("--auth-header=X-API-Key"),
    )
    .check();
    let file = run().file("headers", format!("Cookie: a=b; {SECRET}"));
    echo(
        "a header file",
        76,
        file.args(["--no-auth", "--header-file=headers"]),
    )
    .check();
}

#[test]
fn a_run_that_goes_well_gives_nothing_away() {
    let server = Server::handler(|_| Response::json(200, "{}"));
    let run = || test().token(SECRET).arg(server.url("/"));
    let basic = || {
        test()
            .token(&format!("user:{SECRET}"))
            .args([server.url("/"), "--auth-scheme=Basic"])
    };
    let file = || {
        run()
            .file("headers", format!("X-Key: {SECRET}"))
            .arg("--header-file=headers")
    };
    let full = |run: Runner| run.shell("exec \"$@\" --tries=1 >/dev/full");
    for case in [
        case("verbose", 0, run().arg("-v")),
        case("verbose Basic", 0, basic().arg("-v")),
        case(
            "a verbose API key",
            0,
            run().args(["-v", "--auth-header=X-API-Key"]),
        ),
        case("a verbose header file", 0, file().arg("-v")),
        case("a report", 0, run().arg("--report")),
        case("a dry run", 0, run().arg("--dry-run")),
        case("a dry run with Basic", 0, basic().arg("--dry-run")),
        case("a dry run with a header file", 0, file().arg("--dry-run")),
        case("a full disk", 73, full(run())),
    ] {
        case.check();
    }
}

/// The command lines of a process and all below it.
fn command_lines(pid: i32) -> Vec<String> {
    let read =
        |file: String| String::from_utf8_lossy(&fs::read(file).unwrap_or_default()).into_owned();
    let children = read(format!("/proc/{pid}/task/{pid}/children"));
    let children: Vec<i32> = children.split_whitespace().flat_map(str::parse).collect();
    let mut all = vec![read(format!("/proc/{pid}/cmdline"))];
    all.extend(children.into_iter().flat_map(command_lines));
    all
}

#[track_caller]
fn no_secret_in(running: &Running, processes: usize) {
    let all = command_lines(running.pid());
    assert!(all.len() >= processes, "{all:?}");
    for line in all {
        assert!(!TRACES.iter().any(|trace| line.contains(trace)), "{line:?}");
    }
}

#[test]
fn the_command_lines_of_running_processes_hold_no_secret() {
    let server = Server::script([conn().read().stall()]);
    let run = test()
        .file("script", format!("printf %s {SECRET}"))
        .args([server.url("/"), "--token-command=sh ./script"])
        .spawn();
    server.wait_for(1);
    no_secret_in(&run, 1);
    drop(run);

    // While the command runs, and knows its secret.
    let run = test()
        .file(
            "script",
            format!("TOKEN={SECRET}; echo ready >&2; read line; echo $TOKEN"),
        )
        .args(["https://127.0.0.1:9/", "--token-command=sh ./script <fifo"])
        .arg("--tries=1");
    if need("mkfifo") {
        let fifo = run.dir().join("fifo");
        let made = std::process::Command::new(find("mkfifo").unwrap())
            .arg(&fifo)
            .status();
        assert!(made.unwrap().success());
        let running = run.spawn();
        let writer = fs::OpenOptions::new().write(true).open(&fifo).unwrap();
        running.wait_stderr("ready");
        no_secret_in(&running, 2);
        drop(writer);
        running.wait().stderr_like("ready\n**").code(75);
    }
}

#[test]
fn no_command_that_is_started_is_given_the_secret() {
    if !need("strace") {
        return;
    }
    let script = format!("echo {SECRET}; exec sleep 60");
    let run = Runner::program(find("strace").unwrap())
        .args([
            "-f",
            "-qq",
            "-s",
            "100000",
            "-o",
            "trace",
            "-e",
            "trace=execve",
        ])
        .arg(binary())
        .args([
            "https://127.0.0.1:9/",
            "--timeout=300ms",
            "--token-command=. ./script",
        ])
        .env("AUTHPOST_TOKEN", SECRET)
        .file("script", script);
    let dir = run.dir();
    run.run()
        .stderr_like("authpost: running --token-command: it did not end in time*\nhint: *\n")
        .code(75);
    let trace = dir.read("trace");
    // authpost, the command, what it runs, and what stops it.
    assert!(trace.matches("execve(").count() >= 4, "{trace}");
    assert!(!TRACES.iter().any(|form| trace.contains(form)), "{trace}");
}

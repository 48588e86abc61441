//! --url-file: a URL that is a secret itself, such as a webhook's. It arrives, and nothing that is printed or stored shows it.
use crate::spool::order::due;
use crate::support::{
    Dir, Identity, Leaf, Request, Response, Runner, Server, Tls, Unreachable, conn, dir, find,
    need, test,
};
use std::fs;
use std::path::Path;
use std::process::Command;

const OK: &str = "HTTP/1.1 200 OK\n";

/// The path of a webhook: usual words, short parts, what a URL escapes, and a query.
const HOOK: &str = "/services/T0AB12CD/B0123456/s3cr3tPath%2BofH00k?sig=q9Xs3cr3tQuery&v=2";

/// What shows it.
const TRACES: [&str; 6] = [
    "T0AB12CD",
    "B0123456",
    "s3cr3tPath",
    "ofH00k",
    "q9Xs3cr3tQuery",
    "czNjcjN0UGF0aCUyQm9mSDAwa",
];

/// A run with the hook of `server` in the file `hook`.
fn hook(url: &str) -> Runner {
    test().file("hook", url).arg("--url-file=hook")
}

/// The request of a run that goes well.
#[track_caller]
fn sent(content: &str, args: &[&str]) -> Request {
    let server = Server::script([conn().read().reply_json(200, "")]);
    let content = content.replace("URL", server.url(HOOK));
    let run = test().file("hook", content).args(args);
    run.token("t0ken").run().stderr(OK).code(0);
    server.request()
}

#[test]
fn the_url_is_that_of_the_file_and_every_word_is_an_item() {
    for (content, args) in [
        ("URL", &["--url-file=hook", "text=hello"][..]),
        ("URL\n", &["--url-file", "hook", "text=hello"]),
        (" URL\r\n\n", &["text=hello", "--url-file=hook"]),
        (
            "URL",
            &[
                "--url-file=nope",
                "--url-file=hook",
                "-d{\"text\":\"hello\"}",
            ],
        ),
    ] {
        let request = sent(content, args);
        assert_eq!(
            (request.path(), request.text()),
            (HOOK, "{\"text\":\"hello\"}")
        );
        // The variable may have the token of another API.
        assert_eq!(request.header("authorization"), None);
    }
    let request = sent(
        "URL",
        &["--url-file=hook", "--token-env=AUTHPOST_TOKEN", "a=b"],
    );
    assert_eq!(request.header("authorization"), Some("Bearer t0ken"));
}

#[test]
fn the_file_may_be_standard_input_a_fifo_or_named_in_the_config_file() {
    let answer = || Server::script([conn().read().reply_json(200, "")]);
    let server = answer();
    let run = test()
        .stdin(server.url(HOOK))
        .args(["--url-file=/dev/stdin", "a=b"]);
    run.run().stderr(OK).code(0);
    assert_eq!(server.request().path(), HOOK);

    let server = answer();
    let run = hook(server.url(HOOK)).file("config", "--url-file=hook\n");
    let run = run.args(["--config=config", "a=b"]);
    run.run().stderr(OK).code(0);
    assert_eq!(server.request().path(), HOOK);

    if need("mkfifo") {
        let server = answer();
        let run = test().args(["--url-file=fifo", "a=b"]);
        let fifo = run.dir().join("fifo");
        let made = Command::new(find("mkfifo").unwrap()).arg(&fifo).status();
        assert!(made.unwrap().success());
        let running = run.spawn();
        fs::write(&fifo, server.url(HOOK)).unwrap();
        running.wait().stderr(OK).code(0);
        assert_eq!(server.request().path(), HOOK);
        let run = test().args(["--url-file=fifo", "a=b", "--timeout=300ms"]);
        let made = Command::new(find("mkfifo").unwrap())
            .arg(run.dir().join("fifo"))
            .status();
        assert!(made.unwrap().success());
        let told = "authpost: reading the URL file 'fifo': nothing came in time\n\
            hint: see that somebody writes to this pipe, and closes it\n";
        run.run().stderr(told).within(0.2, 5.0).code(75);
    }
}

#[test]
fn a_file_that_cannot_be_used_is_not_repeated() {
    let alone = "it must hold the URL and nothing else, such as https://HOST/PATH";
    let put = "put the URL into that file, readable by this user alone (chmod 600)";
    for (content, why, hint) in [
        ("", "it is empty", "it must hold the URL and nothing else"),
        (
            " \n",
            "it is empty",
            "it must hold the URL and nothing else",
        ),
        ("s3cr3t", "there is no URL with a scheme in it", alone),
        (
            "hooks.test/s3cr3t",
            "there is no URL with a scheme in it",
            alone,
        ),
        (
            "s3cr3t://h/",
            "something else than https:// stands before the URL",
            alone,
        ),
        (
            "URL=https://h/s3cr3t",
            "something else than https:// stands before the URL",
            alone,
        ),
        (
            "\"https://h/s3cr3t\"",
            "something else than https:// stands before the URL",
            alone,
        ),
        (
            "https://h/s3cr3t\nhttps://h/",
            "the URL has more than one line in it (character 17)",
            alone,
        ),
        (
            "https://h/s3cr3t x",
            "the URL has white space in it (character 17)",
            alone,
        ),
        (
            "https://h/s3cr3t\x07",
            "the URL has a control character in it (character 17)",
            alone,
        ),
        (
            "\u{feff}https://h/s3cr3t",
            "the URL has a letter that is not ASCII in it (character 1)",
            alone,
        ),
        (
            "https://h/s3cr3t\"",
            "the URL cannot be used: '\"' must be percent-encoded in it (a host name: in punycode)",
            alone,
        ),
        (
            "https://u:s3cr3t@h/",
            "the URL cannot be used: it carries a user or a password",
            alone,
        ),
        (
            "https://[s3cr3t]/",
            "the URL cannot be used: what stands in its brackets is not an IPv6 address",
            alone,
        ),
        (
            "https:///s3cr3t",
            "the URL cannot be used: it has no host",
            alone,
        ),
        (
            &"s3cr3t/".repeat(10_000),
            "it is larger than 64 KiB, so it is not what it should be",
            put,
        ),
        (
            "http://h/s3cr3t",
            "anyone on the network path could read the URL over plain http",
            "use https, or say --allow-http if you trust that network",
        ),
    ] {
        let stderr = format!("authpost: reading the URL file 'hook': {why}\nhint: {hint}\n");
        hook(content).arg("a=b").run().stderr(stderr).code(78);
    }
    let missing =
        format!("authpost: reading the URL file 'nope': No such file or directory\nhint: {put}\n");
    let run = test().args(["--url-file=nope", "a=b"]);
    run.run().stderr(missing).code(78);
    // What the user says is safe, and what stays here, may be plain.
    for (url, args) in [
        ("http://h/s3cr3t", &["--allow-http"][..]),
        ("http://127.0.0.1/s3cr3t", &[]),
    ] {
        let run = hook(url).args(["a=b", "--dry-run"]).args(args);
        run.run()
            .stdout_like("POST /… (from hook) HTTP/1.1\n**")
            .code(0);
    }
}

#[test]
fn there_is_one_url() {
    let two = "authpost: reading the arguments: there are two URLs\n\
        hint: give one: here, in --url-file or in the config file; items are written KEY=TEXT\n";
    let run = |args: &[&str]| {
        hook("https://127.0.0.1:9/s3cr3t")
            .args(args)
            .exactly()
            .run()
    };
    run(&["https://127.0.0.1:9/", "a=b"]).stderr(two).code(64);
    run(&["a=b", "https://127.0.0.1:9/"]).stderr(two).code(64);
    let config = hook("https://127.0.0.1:9/s3cr3t").file("config", "https://127.0.0.1:9/");
    config
        .args(["--config=config", "a=b"])
        .run()
        .stderr(two)
        .code(64);
    // A word that is no item is an error as always, and so is a run without a document.
    run(&["text"])
        .stderr("authpost: reading the item 'text': no '=' in it\nhint: write KEY=TEXT, KEY:=JSON, KEY=@FILE or KEY:=@FILE\n")
        .code(64);
    run(&[])
        .stderr("authpost: reading the command line: there is no document\nhint: give items, -d @- to read standard input, or --no-body to send none\n")
        .code(64);
    // The URL itself in place of its file is not repeated.
    let pasted = "authpost: reading --url-file: it is a URL, and not the path of a file that contains one; every user of this machine could read it here, so replace it\n\
        hint: --url-file FILE: read a secret URL (a webhook) from FILE\n";
    let run = test().args(["--url-file=https://127.0.0.1:9/s3cr3t", "a=b"]);
    run.run().stderr(pasted).code(64);
    let flush = test().args(["flush", "s", "--url-file=hook"]).run();
    flush
        .stderr_like("authpost: reading the command line: --url-file means nothing to 'authpost flush'\nhint: *\n")
        .code(64);
}

#[test]
fn a_file_that_others_can_read_is_told_of() {
    let server = Server::script([conn().read().reply_json(200, "")]);
    let run = || test().file_mode("hook", server.url(HOOK), 0o644);
    let args = ["--url-file=hook", "a=b"];
    let told = "other users can access 'hook' (mode 644); chmod 600 'hook'";
    run()
        .args(args)
        .run()
        .stderr(format!("authpost: {told}\n{OK}"))
        .code(0);
    let server = Server::script([conn().read_end()]);
    let run = test()
        .file_mode("hook", server.url(HOOK), 0o640)
        .arg("check");
    run.args(args)
        .run()
        .stdout(
            "ok    POST http://127.0.0.1:PORT2/…\n\
             ok    the URL comes from the URL file 'hook'\n\
             ok    the document is JSON, 9 bytes\n\
             ok    no token is sent: the URL is the secret\n\
             warn  other users can access 'hook' (mode 640); chmod 600 'hook'\n\
             ok    http://127.0.0.1:PORT2 is at 127.0.0.1\n\
             ok    http://127.0.0.1:PORT2 accepts connections\n",
        )
        .code(0);
}

#[test]
fn check_names_the_option_for_a_url_that_looks_like_a_secret() {
    let gone = Unreachable::refusing();
    let check = |path: &str, args: &[&str]| {
        let run = test().token("t0ken").args(["check", gone.url(path), "a=b"]);
        run.args(args)
            .run()
            .stdout_like("**")
            .stderr_like("**")
            .code(75)
            .stdout
    };
    let told = "warn  the URL looks like a secret, and is shown and kept in a spool like any other; \
        put it into a file, and give that with --url-file\n";
    for (path, args, is_told) in [
        ("/webhooks/T0/x", &["--no-auth"][..], true),
        ("/bot12:abc/send", &[], true),
        ("/data?api_key=x", &[], true),
        ("/webhooks", &[], false),
        ("/data?page=2", &["--no-auth"], false),
    ] {
        assert_eq!(check(path, args).contains(told), is_told, "{path}");
    }
}

/// All files below it, with their names.
fn everything(place: &Path) -> String {
    let mut all = String::new();
    for entry in fs::read_dir(place).unwrap() {
        let path = entry.unwrap().path();
        all += &format!("{}\n", path.display());
        all += &match path.is_dir() {
            true => everything(&path),
            false => String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned(),
        };
    }
    all
}

/// Runs it, and searches all that it printed or stored for the secret; `echoes` says that the answer repeats it, so that
/// standard output may.
#[track_caller]
fn search(what: &str, run: Runner, code: i32, echoes: bool) -> String {
    let d = run.dir();
    let out = run.args(["--wait=0"]).run().unjudged();
    let (stdout, stderr) = (&out.stdout, &out.stderr);
    assert_eq!(out.code, Some(code), "{what}: {stdout}{stderr}");
    let stdout = match (echoes, stdout.split_once("\"response\":")) {
        (false, _) => stdout.as_str(),
        (true, Some((start, _))) => start,
        (true, None) => "",
    };
    no_trace(what, &format!("{stdout}{stderr}"));
    no_trace(what, &stored(&d));
    stderr.clone()
}

/// All in the directory but the file of the URL.
fn stored(d: &Dir) -> String {
    let hook = d.read("hook");
    let all = everything(d.path());
    assert_eq!(all.matches(&*hook).count(), 1);
    all.replace(&hook, "")
}

#[track_caller]
fn no_trace(what: &str, text: &str) {
    for trace in TRACES {
        assert!(!text.contains(trace), "{what}: {trace} is in\n{text}");
    }
}

#[test]
fn no_run_shows_it() {
    let fine = Server::handler(|_| Response::json(200, "{}"));
    let (refusing, silent) = (Unreachable::refusing(), Unreachable::silent());
    let closing = Server::handler(|_| Response::hang_up());
    let stalled = Server::script([conn().read().stall()]);
    let own = Tls::new(&Identity::self_signed(Leaf::new("localhost")));
    let unknown = own.script([conn().handshake_fails()]);
    let plain = own.script([conn().raw().reply("220 smtp\r\n").close()]);
    let to = |url: &str| hook(url).args(["-v", "a=b", "--timeout=300ms", "--tries=1"]);
    let stderr = search("verbose", to(fine.url(HOOK)), 0, false);
    assert!(
        stderr.starts_with("> POST http://127.0.0.1:PORT/…\n"),
        "{stderr}"
    );
    for (what, code, run) in [
        ("a report", 0, to(fine.url(HOOK)).arg("--report")),
        ("a dry run", 0, to(fine.url(HOOK)).arg("--dry-run")),
        (
            "a full disk",
            73,
            to(fine.url(HOOK)).shell("exec \"$@\" >/dev/full"),
        ),
        ("refused", 75, to(refusing.url(HOOK))),
        (
            "refused, in a report",
            75,
            to(refusing.url(HOOK)).arg("--report"),
        ),
        ("silent", 75, to(silent.url(HOOK))),
        ("no such name", 75, to(&format!("https://a,b{HOOK}"))),
        ("closed", 74, to(closing.url(HOOK))),
        ("no answer", 74, to(stalled.url(HOOK))),
        ("an unknown authority", 75, to(unknown.url(HOOK))),
        ("not TLS", 75, to(plain.url(HOOK))),
        (
            "a proxy",
            64,
            to(&format!("https://h.test{HOOK}")).arg("--proxy=http://nope:port"),
        ),
        ("a bad CA", 78, to(unknown.url(HOOK)).arg("--cacert=hook")),
        ("a bad escape", 75, to(refusing.url(&format!("{HOOK}%zz%")))),
    ] {
        search(what, run, code, false);
    }
    let lines = |args: &[&str]| {
        let run = hook(fine.url(HOOK)).file("lines", "1\n[\n3\n").args(args);
        run.args(["-v", "--lines=lines", "--failed=failed"])
    };
    search("lines", lines(&["--report"]), 65, false);
    search("lines to resume", lines(&["--resume=resume"]), 65, false);
    let check = test()
        .arg("check")
        .file("hook", refusing.url(HOOK))
        .args(["--url-file=hook", "a=b"]);
    search("check", check, 75, false);
}

#[test]
fn an_answer_that_repeats_it_is_not_quoted() {
    let decoded = HOOK.replace("%2B", "+");
    let path = HOOK.split('?').next().unwrap();
    for echo in [
        HOOK,
        &decoded,
        path,
        "T0AB12CD/B0123456/s3cr3tPath%2BofH00k",
        "s3cr3tPath%2BofH00k",
        "s3cr3tPath+ofH00k",
        "S3CR3TPATH%2bOFH00K",
        "s3cr3tPath%252BofH00k",
        "q9Xs3cr3tQuery",
        "czNjcjN0UGF0aCUyQm9mSDAwaw==",
    ] {
        for (status, code) in [(302, 76), (404, 76), (401, 77), (500, 69), (200, 0)] {
            let answer = Response::new(status, format!("Cannot POST {echo}"))
                .header("Location", &format!("https://elsewhere.test/a/{echo}"))
                .header("X-Path", echo)
                .header("WWW-Authenticate", &format!("Bearer error=\"{echo}\""));
            let server = Server::handler(move |_| answer.clone());
            let run = || hook(server.url(HOOK)).args(["-v", "a=b", "--tries=1"]);
            search(echo, run(), code, true);
            search(echo, run().arg("--report"), code, true);
            let picked = if code == 0 { 76 } else { code };
            search(echo, run().arg("--pick=/x").arg("-q"), picked, true);
        }
    }
    // What is in the path of every webhook may be said.
    let server = Server::handler(|_| Response::new(404, "no such thing below /services/"));
    hook(server.url(HOOK))
        .args(["-q", "a=b"])
        .run()
        .stderr("HTTP/1.1 404 Not Found\nauthpost: the API answered 404 Not Found\nhint: check the path in the URL\n  no such thing below /services/\n")
        .code(76);
}

/// All webhooks of a host are shown alike, so a list names the file as well.
#[test]
fn a_list_tells_two_webhooks_of_a_host_apart() {
    let d = dir();
    let down = Unreachable::refusing();
    for name in ["one", "two"] {
        let run = test()
            .in_dir(&d)
            .file(name, down.url(&format!("/{name}/s3cr3t")));
        run.args([
            &format!("--url-file={name}"),
            "--spool=s",
            "--tries=1",
            "a=b",
        ])
        .run()
        .stderr_like("authpost: stored in the spool *\n")
        .code(0);
    }
    let list = |args: &[&str], expected: &str| {
        test()
            .in_dir(&d)
            .args(["list", "s"])
            .args(args)
            .run()
            .stdout_like(expected)
            .code(0);
    };
    let row = |name: &str| format!("  *  http://127.0.0.1:*/… (from DIR/{name})  (connecting *)\n");
    list(
        &[],
        &format!(
            "pending: 2\n*\n{}{}dead-lettered: 0\n",
            row("one"),
            row("two")
        ),
    );
    let row = |name: &str| {
        format!("{{*,\"url\":\"http://127.0.0.1:*/…\",\"url_file\":\"DIR/{name}\",*}}\n")
    };
    list(&["--json"], &format!("{}{}", row("one"), row("two")));
    let row = |name: &str| {
        format!(
            "authpost_spool_pending_messages{{dir=\"DIR/s\",target=\"POST http://127.0.0.1:*/… (from DIR/{name})\"}} 1\n"
        )
    };
    list(&["--metrics"], &format!("**{}{}**", row("one"), row("two")));
    send_plain(&d, &down);
    list(&["--json"], "{*\n{*\n{*,\"url_file\":null,*}\n");
}

fn send_plain(d: &Dir, down: &Unreachable) {
    let run = test()
        .in_dir(d)
        .args(["--no-auth", "--spool=s", "--tries=1"]);
    run.args([down.url("/"), "a=b"])
        .run()
        .stderr_like("authpost: stored in the spool *\n")
        .code(0);
}

#[test]
fn a_spool_has_the_path_of_the_file_and_not_the_url() {
    let echo = |status: u16| {
        Server::handler(move |request: &Request| {
            Response::new(status, format!("Cannot POST {}", request.path()))
        })
    };
    let (failing, refusing) = (echo(503), echo(404));
    let d = dir();
    let send = |server: &Server, args: &[&str]| {
        let run = test().in_dir(&d).file("hook", server.url(HOOK));
        run.args(["--url-file=hook", "--spool=s", "--tries=1", "-v"])
            .args(args)
    };
    search("queued", send(&failing, &["n=1"]), 0, true);
    search(
        "queued, reported",
        send(&failing, &["--report", "n=2"]),
        0,
        true,
    );
    let lines = send(&failing, &["--lines=lines", "--report"]).file("lines", "3\n4\n");
    search("lines", lines, 0, true);
    let all = stored(&d);
    let path = d.join("hook");
    assert_eq!(
        all.matches(&format!("\"url_file\":\"{}\"", path.display()))
            .count(),
        4,
        "{all}"
    );

    let spool = |args: &[&str]| test().in_dir(&d).args(args);
    let search = |what: &str, args: &[&str], code: i32| {
        let out = spool(args).run().unjudged();
        let text = format!("{}{}", out.stdout, out.stderr);
        assert_eq!(out.code, Some(code), "{what}: {text}");
        let text = text.lines().filter(|line| !line.starts_with("Cannot POST"));
        no_trace(what, &text.collect::<Vec<_>>().join("\n"));
        no_trace(what, &stored(&d));
        out.stdout
    };
    let list = search("list", &["list", "s"], 0);
    assert!(list.contains("  http://127.0.0.1:PORT/…"), "{list}");
    search("list, in JSON", &["list", "s", "--json"], 0);
    due(&d);
    search("flush", &["flush", "s", "-v"], 69);
    let id = fs::read_dir(d.join("s/queue"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap();
    let id = id.file_name().into_string().unwrap();
    let shown = search("show", &["show", "s", &id], 0);
    let line = "POST /… (from DIR/hook) HTTP/1.1\nhost: 127.0.0.1:PORT\n";
    assert!(shown.contains(line), "{shown}");
    // The order is that of the file, whatever URL is in it; no message is lost to a file that is not right.
    d.write("hook", "none", 0o600);
    due(&d);
    spool(&["flush", "s"])
        .run()
        .stderr_like("authpost: reading the URL file 'DIR/hook': there is no URL with a scheme in it\nhint: *\nauthpost: the spool 'DIR/s': 4 still pending\n")
        .code(78);
    d.write("hook", "http://h.test/s3cr3t", 0o600);
    due(&d);
    spool(&["flush", "s"])
        .run()
        .stderr_like("authpost: reading the URL file 'DIR/hook': anyone on the network path could read the URL over plain http\nhint: *\nauthpost: the spool 'DIR/s': 4 still pending\n")
        .code(78);
    d.write("hook", refusing.url(HOOK), 0o600);
    due(&d);
    search("flush, and it is refused", &["flush", "s", "-v"], 76);
    let fine = Server::handler(|_| Response::new(200, ""));
    d.write("hook", fine.url("/new/s3cr3t"), 0o600);
    spool(&["retry", "s", "--all", "--now", "-q"]).run().code(0);
    let got: Vec<_> = fine
        .requests()
        .iter()
        .map(|r| format!("{} {}", r.path(), r.text()))
        .collect();
    assert_eq!(
        got,
        [
            "/new/s3cr3t {\"n\":\"1\"}",
            "/new/s3cr3t {\"n\":\"2\"}",
            "/new/s3cr3t 3",
            "/new/s3cr3t 4"
        ]
    );
}

/// Two files with URLs of one host: a connection of one must not be used with the URL of the other.
#[test]
fn each_message_goes_to_the_url_of_its_own_file() {
    let d = dir();
    let gone = Unreachable::refusing();
    for (name, n) in [("one", "1"), ("two", "2"), ("one", "3")] {
        let run = test().in_dir(&d).file(name, gone.url("/old"));
        run.args([&format!("--url-file={name}"), "--spool=s", "-q", "-d", n])
            .run()
            .code(0);
    }
    let fine = Server::handler(|_| Response::new(200, ""));
    for name in ["one", "two"] {
        d.write(name, fine.url(&format!("/{name}")), 0o600);
    }
    due(&d);
    test().in_dir(&d).args(["flush", "s", "-q"]).run().code(0);
    let mut got: Vec<_> = fine
        .requests()
        .iter()
        .map(|r| format!("{} {}", r.path(), r.text()))
        .collect();
    got.sort();
    assert_eq!(got, ["/one 1", "/one 3", "/two 2"]);
}

#[test]
fn a_file_that_a_flush_could_not_read_is_refused_with_a_spool() {
    let refused = |run: Runner, arg: &str, file: &str, why: &str| {
        let stderr = format!(
            "authpost: noting '{file}' in a message: a flush could not read it: {why}\n\
             hint: with --spool, give a file that stays where it is\n"
        );
        let run = run.args([arg, "--spool=s", "a=b"]);
        let d = run.dir();
        run.stdin("https://h.test/").run().stderr(stderr).code(64);
        assert!(!d.join("s").exists());
    };
    let here = "it is there for this run alone";
    let url = || test().arg("https://127.0.0.1:9/").token("t0ken");
    for file in ["/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"] {
        refused(test(), &format!("--url-file={file}"), file, here);
        for option in ["token-file", "oauth2-file", "header-file", "cacert"] {
            refused(url(), &format!("--{option}={file}"), file, here);
        }
    }
    let run = || {
        let run = url().file("token", "t0ken");
        let place = run.dir().path().to_owned();
        run.env("CREDENTIALS_DIRECTORY", place)
    };
    let run = run();
    let file = run.dir().join("token").display().to_string();
    refused(
        run,
        &format!("--token-file={file}"),
        "DIR/token",
        "systemd removes a credential when its service ends",
    );
    if need("mkfifo") {
        let run = url();
        let made = Command::new(find("mkfifo").unwrap())
            .arg(run.dir().join("fifo"))
            .status();
        assert!(made.unwrap().success());
        refused(run, "--token-file=fifo", "fifo", "it is not a regular file");
    }
}

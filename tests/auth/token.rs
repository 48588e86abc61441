//! The token: every place it may come from, every form it takes on the wire, and every one that stops the run first.
use crate::spool::order::due;
use crate::support::{Dir, Request, Response, Runner, Server, conn, dir, find, need, test};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const OK: &str = "HTTP/1.1 200 OK\n";

/// What was sent by a run with these arguments that went well.
#[track_caller]
fn sent(run: Runner, args: &[&str]) -> Request {
    let server = Server::script([conn().read().reply_json(200, "")]);
    let run = run.arg(server.url("/")).args(args).run();
    run.stderr(OK).code(0);
    server.request()
}

#[track_caller]
fn authorization(run: Runner, args: &[&str]) -> String {
    let request = sent(run, args);
    let all = request.headers("authorization");
    assert_eq!(all.len(), 1, "{}", request.head());
    all[0].to_owned()
}

/// A run that ends so before anything is connected.
#[track_caller]
fn refused(run: Runner, args: &[&str], code: i32, stderr: &str) {
    let server = Server::never();
    let run = run.arg(server.url("/")).args(args).run();
    run.stderr(stderr).code(code);
}

fn mkfifo(path: &Path) {
    let made = Command::new(find("mkfifo").unwrap()).arg(path).status();
    assert!(made.unwrap().success());
}

#[test]
fn the_token_comes_from_each_of_its_places() {
    let bearer = "Bearer t0ken";
    assert_eq!(authorization(test().token("t0ken"), &[]), bearer);
    let run = test().env("MY_TOKEN", "t0ken");
    assert_eq!(authorization(run, &["--token-env", "MY_TOKEN"]), bearer);
    let run = test().file("token", "t0ken");
    assert_eq!(authorization(run, &["--token-file", "token"]), bearer);
    let command = ["--token-command", "printf t0; echo ken"];
    assert_eq!(authorization(test(), &command), bearer);
    let run = test().stdin("t0ken\n");
    assert_eq!(authorization(run, &["--token-file=/dev/stdin"]), bearer);
    let run = test().file("token", "t0ken").stdin_from("token");
    assert_eq!(authorization(run, &["--token-file=/dev/stdin"]), bearer);

    let request = sent(test(), &["--no-auth"]);
    assert_eq!(request.header("authorization"), None);
}

#[test]
fn an_option_comes_before_the_variable() {
    let run = || test().token("of the variable");
    let file = run().file("token", "other");
    assert_eq!(
        authorization(file, &["--token-file", "token"]),
        "Bearer other"
    );
    assert_eq!(sent(run(), &["--no-auth"]).header("authorization"), None);
}

#[test]
fn white_space_around_the_token_is_dropped() {
    for text in ["t0ken\n", " t0ken\r\n", "\n\tt0ken\n\n"] {
        let run = test().file("token", text);
        assert_eq!(authorization(run, &["--token-file=token"]), "Bearer t0ken");
    }
    let run = test().token(" t0ken ");
    assert_eq!(authorization(run, &[]), "Bearer t0ken");
}

#[test]
fn systemd_hands_the_token_over_in_its_directory() {
    // As with LoadCredential=api: a directory of the service's own, and a file in it that only the service can read.
    let run = test().file_mode("credentials/api", "t0ken\n", 0o400);
    let directory = run.dir().join("credentials");
    let run = run
        .env("CREDENTIALS_DIRECTORY", &directory)
        .shell("exec \"$@\" --token-file \"${CREDENTIALS_DIRECTORY}/api\"");
    assert_eq!(authorization(run, &[]), "Bearer t0ken");
}

#[test]
fn a_fifo_is_waited_for() {
    if !need("mkfifo") {
        return;
    }
    let server = Server::script([conn().read().reply_json(200, "")]);
    let run = test().args([server.url("/"), "--token-file=fifo"]);
    let fifo = run.dir().join("fifo");
    mkfifo(&fifo);
    let running = run.spawn();
    // Opening it waits for the reader; what comes in pieces is one token.
    let mut writer = fs::OpenOptions::new().write(true).open(&fifo).unwrap();
    use std::io::Write;
    writer.write_all(b"t0").unwrap();
    std::thread::sleep(Duration::from_millis(50));
    writer.write_all(b"ken\n").unwrap();
    drop(writer);
    running.wait().stderr(OK).code(0);
    assert_eq!(
        server.request().header("authorization"),
        Some("Bearer t0ken")
    );
}

#[test]
fn what_is_never_written_ends_with_the_budget() {
    let late = |name: &str| {
        format!(
            "authpost: reading the token file '{name}': nothing came in time\n\
             hint: see that somebody writes to this pipe, and closes it\n"
        )
    };
    if need("mkfifo") {
        let server = Server::never();
        let run = test().args([server.url("/"), "--timeout=300ms", "--token-file=fifo"]);
        mkfifo(&run.dir().join("fifo"));
        let ran = run.run().stderr(late("fifo"));
        ran.within(0.3, 0.8).code(75);

        let run = test().args([server.url("/"), "--timeout=300ms", "--header-file=fifo"]);
        mkfifo(&run.dir().join("fifo"));
        let ran = run
            .token("t0ken")
            .run()
            .stderr(late("fifo").replace("token", "header"));
        ran.within(0.3, 0.8).code(75);
    }
    let server = Server::never();
    let run = test().args([
        server.url("/"),
        "--timeout=300ms",
        "--token-file=/dev/stdin",
    ]);
    let ran = run.stdin_open().run().stderr(late("/dev/stdin"));
    ran.within(0.3, 0.8).code(75);
}

#[test]
fn an_unusable_token_stops_the_run_before_any_connection() {
    for (bytes, why) in [
        (&b""[..], "it is empty"),
        (b" \n\n", "it is empty"),
        (b"to ken", "the token has white space in it (character 3)"),
        (
            b"to\nken",
            "the token has more than one line in it (character 3)",
        ),
        (
            b"Bearer t0ken",
            "the token has white space in it (character 7)",
        ),
        (
            b"tok\x01en",
            "the token has a control character in it (character 4)",
        ),
        (
            b"t\xc3\xb6ken",
            "the token has a letter that is not ASCII in it (character 2)",
        ),
        (
            b"\xef\xbb\xbft0ken",
            "the token has a letter that is not ASCII in it (character 1)",
        ),
        (b"t\xf6ken", "it is not text in UTF-8"),
    ] {
        let hint = "hint: it must hold the token and nothing else, not even the word Bearer\n";
        let said = |place: &str| format!("authpost: reading {place}: {why}\n{hint}");
        let run = test().file("token", bytes);
        refused(
            run,
            &["--token-file=token"],
            78,
            &said("the token file 'token'"),
        );
        let run = test().file("token", bytes);
        let command = "--token-command=cat token";
        refused(run, &[command], 78, &said("the output of --token-command"));
        use std::os::unix::ffi::OsStrExt;
        let run = test().env("AUTHPOST_TOKEN", std::ffi::OsStr::from_bytes(bytes));
        refused(
            run,
            &[],
            78,
            &said("the environment variable AUTHPOST_TOKEN"),
        );
        let run = test().stdin(bytes);
        let stdin = "--token-file=/dev/stdin";
        refused(run, &[stdin], 78, &said("the token file '/dev/stdin'"));
    }
}

#[test]
fn a_missing_token_stops_the_run_before_any_connection() {
    refused(
        test(),
        &[],
        78,
        "authpost: reading the environment variable AUTHPOST_TOKEN: it is not set\n\
         hint: export it, or give the token another way: --token-file, --token-command\n",
    );
    for (file, why) in [
        ("nope", "No such file or directory"),
        (".", "Is a directory"),
        (
            "large",
            "it is larger than 64 KiB, so it is not what it should be",
        ),
        (
            "/dev/zero",
            "it is larger than 64 KiB, so it is not what it should be",
        ),
    ] {
        let run = test().file("large", "x".repeat(65 * 1024));
        let stderr = format!(
            "authpost: reading the token file '{file}': {why}\n\
             hint: put the token into that file, readable by this user alone (chmod 600)\n"
        );
        refused(run, &["--token-file", file], 78, &stderr);
    }
}

/// A dollar too many makes the token the name of a variable: it is told to nobody, and kept nowhere.
#[test]
fn a_token_in_place_of_its_variable_is_not_repeated() {
    let unset = "reading the environment variable that --token-env names: it is not set";
    let remedy = "export it; and give its name, not the token, which every user of this machine could read there";
    let arg = "--token-env=ghp_T0k3n";
    let stderr = format!("authpost: {unset}\nhint: {remedy}\n");
    refused(test().token("t0ken"), &[arg], 78, &stderr);
    let run = test().file("config", "--token-env=ghp_T0k3n\n--no-body\n");
    refused(run, &["--config=config"], 78, &stderr);
    let dir = dir();
    for options in [&["k=v"][..], &["--lines=in"]] {
        dir.write("in", "1\n", 0o600);
        let run = test().in_dir(&dir).args(["--spool=s", arg]);
        refused(run, options, 78, &stderr);
    }
    assert_eq!(dir.list(), ["in"]);
    for verb in [&["check"][..], &["--dry-run"], &["-v", "--report"]] {
        let run = test().args(verb).args(["https://127.0.0.1:9/", arg]);
        let out = run.run().unjudged();
        let said = format!("{}{}", out.stdout, out.stderr);
        assert!(!said.contains("T0k3n"), "{said}");
    }
}

#[test]
fn a_failing_command_is_tried_again_until_the_deadline() {
    let server = Server::script([conn().read().reply_json(200, "")]);
    let run = test().args(["--wait=1ms", server.url("/"), "k=v", "--token-command"]);
    // Six times in vain.
    run.arg("echo x >>ran; [ $(wc -l <ran) -gt 6 ] && echo t0ken")
        .run()
        .stderr("HTTP/1.1 200 OK\n")
        .code(0);
    assert_eq!(
        server.request().header("authorization"),
        Some("Bearer t0ken")
    );

    let server = Server::never();
    test()
        .args(["--tries=3", "--wait=1ms", server.url("/"), "k=v"])
        .arg("--token-command=exit 3")
        .run()
        .stderr(
            "authpost: running --token-command: it failed (exit status: 3) (3 attempts)\n\
             hint: run it by hand, as this user and with 'env -i', to see why\n",
        )
        .code(75);
    test()
        .args(["--timeout=300ms", "--wait=20ms", server.url("/"), "k=v"])
        .arg("--token-command=exit 3")
        .run()
        .within(0.2, 1.0)
        // Where the machine is busy, the deadline may come during the last attempt.
        .stderr_like(
            "authpost: running --token-command: it * (* attempts, no time left for another)\nhint: *\n",
        )
        .code(75);
}

#[test]
fn a_command_that_fails_after_a_401_is_tried_again_too() {
    let server = || {
        Server::handler(|request| match request.header("authorization") {
            Some("Bearer t5") => Response::json(200, ""),
            _ => Response::json(401, ""),
        })
    };
    // It gives a token that has expired, fails three times, and gives another one.
    let command = "echo x >>ran; n=$(wc -l <ran); [ $n = 1 -o $n -gt 4 ] && echo t$n";
    let run = |more: &[&str], url: &str| {
        let run = test().env("PATH", "/usr/bin:/bin").args(more);
        run.args(["--wait=1ms", "--token-command", command, url, "k=v"])
    };
    let api = server();
    run(&[], api.url("/"))
        .run()
        .stderr("HTTP/1.1 200 OK\n")
        .code(0);
    assert_eq!(api.count(), 2);

    let failed = "the API answered 401 Unauthorized; no new token: \
                  running --token-command: it failed (exit status: 1)";
    let by_hand = "hint: run it by hand, as this user and with 'env -i', to see why\n";
    let api = server();
    run(&["--tries=1"], api.url("/"))
        .run()
        .stderr(format!("authpost: {failed} (2 attempts)\n{by_hand}"))
        .code(75);
    assert_eq!(api.count(), 1);

    // With a spool the message is pending, and all is well.
    let (api, dir) = (server(), dir());
    run(&["-q", "--spool=s", "--tries=2"], api.url("/"))
        .in_dir(&dir)
        .run()
        .code(0);
    dir.write("ran", "x\n".repeat(4), 0o600);
    due(&dir);
    test()
        .env("PATH", "/usr/bin:/bin")
        .in_dir(&dir)
        .args(["flush", "-q", "s"])
        .run()
        .code(0);
    assert_eq!(api.count(), 2);
}

#[test]
fn a_message_stays_pending_while_the_command_fails() {
    let server = Server::script([conn().read().reply_json(200, "")]);
    let dir = dir();
    let command = "--token-command=test -e unlocked && echo t0ken";
    let send = |dir: &Dir| test().in_dir(dir).args(["-q", "--spool", "s", command]);
    send(&dir)
        .args(["--wait=1ms", server.url("/"), "k=v"])
        .run()
        .code(0);
    dir.write("unlocked", "", 0o600);
    // Its next attempt is due at once.
    due(&dir);
    test().in_dir(&dir).args(["flush", "-q", "s"]).run().code(0);
    assert_eq!(server.request().text(), r#"{"k":"v"}"#);
}

#[test]
fn a_failing_command_stops_the_run_before_any_connection() {
    let by_hand = "hint: run it by hand, as this user and with 'env -i', to see why\n";
    let failed =
        |why: &str| format!("authpost: running --token-command: it failed ({why})\n{by_hand}");
    let command = |text: &str| format!("--token-command={text}");
    refused(
        test(),
        &["--tries=1", &command("echo t0ken; exit 3")],
        75,
        &failed("exit status: 3"),
    );
    refused(
        test(),
        &["--tries=1", &command("kill -9 $$")],
        75,
        &failed("signal: 9 (SIGKILL)"),
    );
    // What the command itself says goes by, for it knows best.
    let said = format!("vault: sealed\n{}", failed("exit status: 1"));
    refused(
        test(),
        &["--tries=1", &command("echo vault: sealed >&2; false")],
        75,
        &said,
    );
    // What the shell does not find or cannot run does not come back by itself.
    for code in [126, 127] {
        let status = format!("exit status: {code}");
        refused(
            test(),
            &[&command(&format!("exit {code}"))],
            78,
            &failed(&status),
        );
    }
    refused(
        test(),
        &[&command("head -c 70000 /dev/zero 2>&1")],
        78,
        "authpost: running --token-command: it printed more than 64 KiB\n\
         hint: let it print the token and nothing else\n",
    );
    refused(
        test().env("PATH", "/nowhere"),
        &[&command("echo t0ken")],
        78,
        "authpost: running --token-command: starting sh: No such file or directory\n\
         hint: it needs a shell on this machine: install one, or use --token-file\n",
    );
}

#[test]
fn a_hanging_command_is_stopped_with_its_children_in_time() {
    let late = "authpost: running --token-command: it did not end in time, and was stopped\n\
        hint: run it by hand to see what it is waiting for, or raise --timeout\n";
    for script in [
        "echo $$ >pids; sleep 60",
        "sleep 60 & echo $! >pids; sleep 60 & echo $! >>pids; wait",
        "sleep 60 & echo $! >pids; echo t0ken", // a child that holds the output
        "echo $$ >pids; exec >&-; sleep 60",
    ] {
        let server = Server::never();
        let run = test()
            .env("PATH", "/usr/bin:/bin")
            .arg(server.url("/"))
            .args(["--timeout=300ms", "--token-command", script]);
        let dir = run.dir();
        let ran = run.run().stderr(late);
        ran.within(0.3, 0.8).code(75);
        for pid in dir.read("pids").lines() {
            let gone = || match fs::read_to_string(format!("/proc/{pid}/stat")) {
                Ok(stat) => stat.contains(") Z "),
                Err(_) => true,
            };
            // A signal that was sent takes a moment to be obeyed.
            let waited = (0..100).any(|_| {
                std::thread::sleep(Duration::from_millis(10));
                gone()
            });
            assert!(waited, "{script}: process {pid} is still there");
        }
    }
}

#[test]
fn a_command_has_no_stdin_and_the_environment() {
    let run = test().env("SECRET_NAME", "t0ken").stdin_open();
    let command = "--token-command=cat; printf %s \"$SECRET_NAME\"";
    assert_eq!(authorization(run, &[command]), "Bearer t0ken");
}

#[test]
fn the_token_takes_the_form_that_the_api_wants() {
    let scheme =
        |word: &str, token: &str| authorization(test().token(token), &["--auth-scheme", word]);
    assert_eq!(scheme("Token", "t0ken"), "Token t0ken");
    assert_eq!(scheme("ApiKey", "a:b=="), "ApiKey a:b==");
    // RFC 7617, sections 2 and 2.1.
    let basic = "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==";
    assert_eq!(scheme("Basic", "Aladdin:open sesame"), basic);
    assert_eq!(scheme("basic", "test:123\u{a3}"), "basic dGVzdDoxMjPCow==");
    assert_eq!(scheme("Basic", ":"), "Basic Og==");
    assert_eq!(scheme("Basic", "user:a:b"), "Basic dXNlcjphOmI=");

    let request = sent(test().token("t0ken"), &["--auth-header=X-API-Key"]);
    assert_eq!(request.headers("x-api-key"), ["t0ken"]);
    assert_eq!(request.header("authorization"), None);

    refused(
        test().token("t0ken"),
        &["--auth-scheme=Basic"],
        78,
        "authpost: reading the environment variable AUTHPOST_TOKEN: there is no colon in it\n\
         hint: for Basic it must read user:password\n",
    );
}

#[test]
fn header_files_are_sent_beside_the_token() {
    let run = test()
        .token("t0ken")
        .file(
            "headers",
            "# ours\n\nX-Tenant : acme \r\nCookie: a=b; c=d\n  X-Empty:\n",
        )
        .file("more", "X-More: ä:b");
    let request = sent(
        run,
        &[
            "--header-file=headers",
            "--header-file",
            "more",
            "-HX-Plain: 1",
        ],
    );
    for (name, value) in [
        ("authorization", "Bearer t0ken"),
        ("x-tenant", "acme"),
        ("cookie", "a=b; c=d"),
        ("x-empty", ""),
        ("x-more", "ä:b"),
        ("x-plain", "1"),
    ] {
        assert_eq!(request.headers(name), [value], "{}", request.head());
    }
    let run = test().file("headers", "Authorization: Digest username=\"u\"");
    let args = ["--no-auth", "--header-file=headers"];
    assert_eq!(authorization(run, &args), "Digest username=\"u\"");
}

#[test]
fn bad_header_files_stop_the_run_before_any_connection() {
    for (content, why) in [
        (&b"X-A: 1\nfoo\n"[..], "line 2: there is no colon in it"),
        (b"\n\nX A: 1\n", "line 3: 'X…' cannot be a header's name"),
        (
            b"Content-Length: 1\n",
            "line 1: Content-Length is set by authpost itself",
        ),
        (
            b"transfer-encoding: chunked\n",
            "line 1: transfer-encoding is set by authpost itself",
        ),
        (
            b"X-A: a\x01b\n",
            "line 1: the value of X-A has a control character in it",
        ),
        (b"X-A: \xe9\n", "it is not text in UTF-8"),
    ] {
        let run = test().token("t0ken").file("headers", content);
        let stderr = format!(
            "authpost: reading the header file 'headers': {why}\n\
             hint: write one 'Name: value' a line\n"
        );
        refused(run, &["--header-file=headers"], 78, &stderr);
    }
    for (name, why) in [
        ("nope", "No such file or directory"),
        (".", "Is a directory"),
    ] {
        let stderr = format!(
            "authpost: reading the header file '{name}': {why}\n\
             hint: give the path of a file with one 'Name: value' a line that this user can read\n"
        );
        refused(test().token("t0ken"), &["--header-file", name], 78, &stderr);
    }
    for (content, args) in [
        (
            "authorization: Bearer other",
            &["--header-file=headers"][..],
        ),
        (
            "x-api-key: other",
            &["--header-file=headers", "--auth-header=X-API-Key"],
        ),
        ("", &["-Hx-api-key: other", "--auth-header=X-API-Key"]),
    ] {
        let name = if args.len() == 1 {
            "Authorization"
        } else {
            "X-API-Key"
        };
        let stderr = format!(
            "authpost: collecting the headers: {name} is given twice\n\
             hint: leave it to the token, or say --no-auth\n"
        );
        let run = test().token("t0ken").file("headers", content);
        refused(run, args, 78, &stderr);
    }
}

#[test]
fn what_everybody_could_read_is_refused() {
    let usage = "hint: -H, --header 'NAME: VALUE': add a request header; may be repeated\n";
    for header in [
        "Authorization",
        "authorization",
        "Cookie",
        "Proxy-Authorization",
    ] {
        let name = match header {
            "authorization" => "Authorization",
            other => other,
        };
        let stderr = format!(
            "authpost: reading -H: every user of this machine can read {name} there: \
             use --token-file for a token, --header-file for the rest\n{usage}"
        );
        let given = format!("{header}: s3cret");
        refused(test().token("t0ken"), &["-H", &given], 64, &stderr);
    }
    for (option, secret, file) in [
        (
            "--token",
            "a token",
            "give its file: authpost --token-file ~/.api-token",
        ),
        (
            "--bearer",
            "a token",
            "give its file: authpost --token-file ~/.api-token",
        ),
        (
            "-u",
            "a password",
            "put user:password into a file: authpost --auth-scheme Basic --token-file ~/.api-password",
        ),
        (
            "--user",
            "a password",
            "put user:password into a file: authpost --auth-scheme Basic --token-file ~/.api-password",
        ),
    ] {
        let stderr = format!(
            "authpost: reading the arguments: there is no option {option}\n\
             hint: every user of this machine can read {secret} on the command line, so {file} \
             https://api.example.com/data key=value\n"
        );
        refused(test(), &[option, "s3cret"], 64, &stderr);
    }
    for url in [
        "http://s3cret@127.0.0.1/",
        "https://user:s3cret@api.example.com/",
    ] {
        let run = test().token("t0ken").arg(url).run();
        run.stderr(
            "authpost: reading the URL: it carries a user or a password\n\
             hint: write it as https://HOST/PATH; a token, or user:password for --auth-scheme Basic, goes into --token-file\n",
        )
        .code(64);
    }
}

#[test]
fn there_is_one_place_for_the_token() {
    let two = "authpost: reading the command line: the token is to come from more than one place\n\
        hint: keep one of --token-file, --token-env, --token-command, --oauth2-file and --no-auth\n";
    for args in [
        ["--token-file=a", "--token-env=B"],
        ["--token-file=a", "--token-file=b"],
        ["--token-command=c", "--no-auth"],
    ] {
        refused(test(), &args, 64, two);
    }
    // The same place twice is one place; and the command line's stands in for the config file's.
    let run = test().file("token", "t0ken");
    let args = ["--token-file=token", "--token-file=token"];
    assert_eq!(authorization(run, &args), "Bearer t0ken");
    let run = || {
        test()
            .file("config", "--token-file=nope\n--no-body\n")
            .env("MY_TOKEN", "t0ken")
    };
    let args = ["--config=config", "--token-env=MY_TOKEN"];
    assert_eq!(authorization(run(), &args), "Bearer t0ken");
    let args = ["--config=config", "--no-auth"];
    assert_eq!(sent(run(), &args).header("authorization"), None);

    refused(
        test().token("t0ken"),
        &["--auth-header=X-API-Key", "--auth-scheme=Token"],
        64,
        "authpost: reading the command line: --auth-header and --auth-scheme are both given\n\
         hint: the first sends the bare token, the second 'Authorization: WORD token': keep one\n",
    );
}

#[test]
fn a_refused_token_is_fetched_again_where_it_may_have_changed() {
    let unauthorized = "HTTP/1.1 401 Unauthorized\nauthpost: the API answered 401 Unauthorized\n\
        hint: the token is wrong or has expired: get a new one\n";
    let again = || {
        let both = conn().read().reply_json(401, "").read().reply_json(200, "");
        Server::script([both])
    };
    let server = again();
    let count = "--token-command=echo x >>ran; wc -l <ran";
    let run = test()
        .env("PATH", "/usr/bin:/bin")
        .args([server.url("/"), count])
        .run();
    run.stderr(OK).code(0);
    let tokens: Vec<_> = server
        .finish()
        .iter()
        .map(|r| r.header("authorization").unwrap().to_owned())
        .collect();
    assert_eq!(tokens, ["Bearer 1", "Bearer 2"]);

    // What gives the same token again, or cannot give another, is not tried again; nor is a pipe waited for.
    for (run, arg) in [
        (test().token("t0ken"), "--token-env=AUTHPOST_TOKEN"),
        (test().file("token", "t0ken"), "--token-file=token"),
        (test(), "--token-command=echo t0ken"),
        (test().stdin("t0ken"), "--token-file=/dev/stdin"),
    ] {
        let server = Server::script([conn().read().reply_json(401, "")]);
        let ran = run.args([server.url("/"), arg]).run();
        ran.stderr(unauthorized).within(0.0, 5.0).code(77);
    }
}

/// It would be on the screen, in the mail and in a spool.
#[test]
fn a_token_in_place_of_its_file_is_not_repeated() {
    let told = "authpost: reading the token file: there is no file of the name that --token-file gives, and it may be the token itself\n\
        hint: put the token into a file, and give its path; every user of this machine could read it here, so replace it\n";
    for token in [
        "eyJhbGciOiJub25lIn0.e30.c2ln",
        "ghp_0123456789abcdefghij",
        "eyJh.e30.",
    ] {
        let arg = format!("--token-file={token}");
        refused(test(), &[&arg], 78, told);
        refused(test(), &[&arg, "--spool=spool"], 78, told);
        refused(test(), &[&arg, "-v", "--dry-run"], 78, told);
    }
    // A long name is one where there is such a file, or a directory in it.
    let run = test().file("the-token-of-this-very-machine", "t0ken");
    let arg = "--token-file=the-token-of-this-very-machine";
    assert_eq!(authorization(run, &[arg]), "Bearer t0ken");
    let missing = "./the-token-of-this-very-machine";
    let stderr = format!(
        "authpost: reading the token file '{missing}': No such file or directory\n\
         hint: put the token into that file, readable by this user alone (chmod 600)\n"
    );
    refused(test(), &["--token-file", missing], 78, &stderr);
}

#[test]
fn a_file_of_secrets_that_every_user_can_read_is_told_of_in_every_run() {
    let warning = |name: &str, mode: &str| {
        format!("authpost: other users can access '{name}' (mode {mode}); chmod 600 '{name}'\n")
    };
    let run = |server: &Server| {
        test()
            .file_mode("token", "t0ken", 0o644)
            .file_mode("headers", "X-Api-Key: k\n", 0o604)
            .file_mode("group", "X-Other: k\n", 0o640)
            .file("lines", "1\n2\n")
            .args([
                "--token-file=token",
                "--header-file=headers",
                "--header-file=group",
            ])
            .arg(server.url("/"))
    };
    let both = warning("token", "644") + &warning("headers", "604");
    let server = Server::handler(|_| Response::new(200, ""));
    run(&server)
        .arg("a=1")
        .run()
        .stderr(format!("{both}{OK}"))
        .code(0);
    run(&server).args(["-q", "a=1"]).run().stderr(&both).code(0);
    run(&server)
        .args(["--dry-run", "a=1"])
        .run()
        .stdout_like("POST * HTTP/1.1\n**")
        .stderr(&both)
        .code(0);
    run(&server)
        .arg("--lines=lines")
        .run()
        .stderr_like(&format!("{both}2 accepted, *\n"))
        .code(0);
    // A flush reads them too.
    let d = dir();
    let failing = Server::script([
        conn().read().reply_json(503, "").close(),
        conn().read().reply_json(200, "").close(),
    ]);
    run(&failing)
        .in_dir(&d)
        .args(["-q", "--tries=1", "--spool=spool", "a=1"])
        .run()
        .stderr(&both)
        .code(0);
    let queue = fs::read_dir(d.join("spool/queue")).unwrap();
    let id = queue.last().unwrap().unwrap().file_name();
    let in_spool = |verb: &str| test().in_dir(&d).args([verb, "spool"]);
    in_spool("retry").arg("-q").arg(id).run().code(0);
    let both = both.replace("'token'", "'DIR/token'");
    let both = both.replace("'headers'", "'DIR/headers'");
    in_spool("flush")
        .run()
        .stderr_like(&format!(
            "{both}authpost: the spool 'DIR/spool': 1 delivered\n"
        ))
        .code(0);
}

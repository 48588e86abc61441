//! Tests of the support itself, without authpost: what must fail does fail, and says enough.
use crate::support::expect::like;
use crate::support::last_line;
use crate::support::{Response, Runner, Server, Signal, Unreachable, conn, dir, need};
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;
use std::time::{Duration, Instant};

const POST: &str = "POST /data HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}";

fn sh(script: &str) -> Runner {
    Runner::program("/bin/sh").args(["-c", script])
}

/// The message of the panic that `test` must end in.
fn failure<T>(test: impl FnOnce() -> T) -> String {
    let panic = match catch_unwind(AssertUnwindSafe(test)) {
        Ok(_) => panic!("it did not fail"),
        Err(panic) => panic,
    };
    match panic.downcast::<String>() {
        Ok(message) => *message,
        Err(panic) => (*panic.downcast::<&str>().unwrap()).into(),
    }
}

fn connect(server: &Server) -> TcpStream {
    TcpStream::connect(("127.0.0.1", server.port())).unwrap()
}

/// Sends a text and returns all that comes back until the end.
fn ask(server: &Server, text: &str) -> String {
    let mut tcp = connect(server);
    tcp.write_all(text.as_bytes()).unwrap();
    let mut answer = String::new();
    tcp.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_run_is_judged_whole() {
    sh("printf out; printf err >&2; exit 3")
        .run()
        .stdout("out")
        .stderr("err")
        .code(3);
    sh("true").run().code(0);
}

#[test]
fn a_run_is_silent_unless_told() {
    let message = failure(|| sh("printf out").run().code(0));
    assert!(message.contains("stdout differs"), "{message}");
    let message = failure(|| sh("printf err >&2").run().code(0));
    assert!(message.contains("stderr differs"), "{message}");
}

#[test]
fn the_last_line_of_authpost_is_taken_out_and_held() {
    let line = "authpost: exit 75 TEMPFAIL: nothing was sent (2026-11-21T03:17:02Z)";
    let run = || sh(&format!("echo one >&2; echo '{line}' >&2; exit 75")).run();
    let ran = run().stderr("one\n").last_line("nothing *");
    assert_eq!(ran.code(75).stderr, "one\n");
    let message = failure(|| run().stderr("one\n").last_line("all").code(75));
    assert!(
        message.contains("the last line says [\"nothing was sent\"]"),
        "{message}"
    );
    let lines = |text: &str| last_line::take(&mut format!("x\n{text}\n").into_bytes());
    let time = 1_795_231_022;
    let fault =
        |text: &str, code, from| last_line::fault(&lines(text), code, false, from..=from + 1);
    assert_eq!(fault(line, Some(75), time), None);
    assert_eq!(fault("", Some(0), time), None);
    assert_eq!(fault("", None, time), None);
    // Missing, of another code, too early, too late, of a run that succeeds, or twice.
    let twice = format!("{line}\n{line}");
    for (text, code, from) in [
        ("", Some(75), time),
        (line, Some(74), time),
        (line, Some(75), time + 1),
        (line, Some(75), time - 2),
        (line, Some(0), time),
        (&twice, Some(75), time),
        (&line.replace("TEMPFAIL", "IOERR"), Some(75), time),
        (&line.replace("Z)", ")"), Some(75), time),
    ] {
        assert!(fault(text, code, from).is_some(), "{text} {code:?} {from}");
    }
    assert!(last_line::ends(format!("x\n{line}\n").as_bytes()));
    assert!(!last_line::ends(format!("{line}\nx\n").as_bytes()));
}

#[test]
fn a_failure_says_everything() {
    let server = Server::script([conn().read().reply_json(200, "{}").close()]);
    ask(&server, POST);
    let message = failure(|| {
        sh("printf 'one\\n'; printf two >&2; exit 4")
            .env("WHO", "it's me")
            .run()
            .stdout("three\n")
            .within(5.0, 6.0)
            .code(0)
    });
    let expected = "the run was not as expected\n  \
        took 0.* s, expected 5 to 6 s\n  \
        exit status: 4, expected exit code 0\n  \
        stdout differs\n--- stdout, expected\nthree\n\n  \
        stderr differs\n--- stderr, expected: nothing\n\n\
        $ env -i WHO='it'\\''s me' /bin/sh '-c' '**'\n\
        exit status: 4 after 0.* s\n\
        --- stdout\none\n\
        --- stderr\ntwo(no newline)\n\
        --- log of the server on port *\n   0.* connection 0: accepted\n**";
    assert!(like(expected, &message), "{message}");
}

#[test]
fn a_run_without_verdict_fails() {
    let message = failure(|| drop(sh("true").run()));
    assert!(message.starts_with("a run was not judged"), "{message}");
}

#[test]
fn a_hanging_run_is_killed() {
    let hang = || {
        let run = sh("echo so far; sleep 60").watchdog(Duration::from_millis(300));
        run.run().stdout("so far\n").code(0)
    };
    let message = failure(hang);
    assert!(message.contains("killed, still running"), "{message}");
    assert!(message.contains("--- stdout\nso far\n"), "{message}");
}

#[test]
fn a_left_over_process_fails_the_run() {
    let message = failure(|| sh("sleep 60 & exit 0").run().code(0));
    assert!(message.contains("still holds its output"), "{message}");
}

#[test]
fn a_run_inherits_nothing() {
    sh("/usr/bin/env | grep -v -e ^PWD= -e ^SHLVL= -e ^_=; cat; pwd; ls -A")
        .env("A", "b")
        .run()
        .stdout("A=b\nDIR\n")
        .code(0);
}

#[test]
fn a_run_reads_what_it_is_given() {
    sh("cat; cat < sub/file; stat -c %a sub/file")
        .file_mode("sub/file", "from a file\n", 0o640)
        .stdin("from stdin\n")
        .run()
        .stdout("from stdin\nfrom a file\n640\n")
        .code(0);
    let text = "again\n";
    let run = sh("cat").file("input", text).stdin_from("input").run();
    run.stdout(text).code(0);
}

#[test]
fn a_run_never_blocks_on_output() {
    let size = 3_000_000;
    let out = sh("head -c 3000000 /dev/zero >&2; head -c 3000000 /dev/zero; cat >/dev/null")
        .stdin(vec![0; size])
        .run()
        .unjudged();
    assert_eq!((out.stdout.len(), out.stderr.len()), (size, size));
}

#[test]
fn a_spawned_run_can_be_followed_and_killed() {
    let mut run = sh("echo $$; read line; echo got $line; exec sleep 60")
        .stdin_open()
        .spawn();
    let pid = run.pid();
    run.wait_stdout("\n");
    run.write_stdin("word\n");
    run.wait_stdout("got word");
    run.kill(Signal::TERM);
    run.wait()
        .stdout(format!("{pid}\ngot word\n"))
        .within(0.0, 10.0)
        .signal(Signal::TERM);
}

#[test]
fn a_run_can_have_a_terminal() {
    sh("test -t 1 && printf 'a\\nb\\n'; test -t 2 || exit 5")
        .tty()
        .run()
        .stdout("a\nb\n")
        .code(5);
}

#[test]
fn a_run_can_go_through_a_shell() {
    let run = Runner::program("/bin/echo").args(["a b", "c"]);
    run.shell("exec \"$@\" >&2").run().stderr("a b c\n").code(0);
}

#[test]
fn runs_can_share_a_directory() {
    let dir = dir();
    sh("mkdir d; echo 1 > d/f").in_dir(&dir).run().code(0);
    sh("cat d/f").in_dir(&dir).run().stdout("1\n").code(0);
    assert_eq!(
        (dir.list(), dir.read("d/f")),
        (vec!["d/f".into()], "1\n".into())
    );
}

#[test]
fn what_varies_reads_as_words() {
    let (a, b) = (Server::never(), Server::never());
    let (pa, pb) = (a.port(), b.port());
    sh(&format!("echo {pa} {pb} 1{pa} {pa}1 tmp; pwd"))
        .word("tmp", "TMP")
        .run()
        .stdout(format!("PORT PORT2 1{pa} {pa}1 TMP\nDIR\n"))
        .code(0);
}

#[test]
fn patterns() {
    for (pattern, text, expected) in [
        ("a*c\n", "abbc\n", true),
        ("a*c\n", "ac\n", true),
        ("a*c\n", "ab\nc\n", false),
        ("a**c\n", "ab\nc\n", true),
        ("*", "", true),
        ("a*b*c", "a-b-b-c", true),
        ("a*", "b", false),
    ] {
        assert_eq!(like(pattern, text), expected, "{pattern:?} {text:?}");
    }
}

#[test]
fn a_script_is_played() {
    let server = Server::script([
        conn()
            .read()
            .reply_json(200, "[1]")
            .read()
            .reply("two")
            .close(),
        conn()
            .read_head()
            .reply("HTTP/1.1 100 Continue\r\n\r\n")
            .read()
            .reply(Response::json(503, "{}").header("Retry-After", "1"))
            .close(),
    ]);
    let chunked = "POST /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\nX-A: 1\r\nx-a: 2\r\n\r\n\
        3;x=y\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
    assert_eq!(
        ask(&server, &format!("{POST}{chunked}")),
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 3\r\n\r\n[1]two"
    );
    assert!(ask(&server, POST).ends_with("Retry-After: 1\r\nContent-Length: 2\r\n\r\n{}"));
    let requests = server.finish();
    let [first, second, third] = &requests[..] else {
        panic!("{requests:?}");
    };
    assert_eq!(first.raw(), POST.as_bytes());
    assert_eq!(
        (first.method(), first.path(), first.text()),
        ("POST", "/data", "{}")
    );
    assert_eq!((second.raw(), second.text()), (chunked.as_bytes(), "abcde"));
    assert_eq!(second.headers("X-A"), ["1", "2"]);
    assert_eq!(second.header("X-a"), Some("1"));
    assert_eq!((second.connection, third.connection), (0, 1));
    assert_eq!(third.raw(), POST.as_bytes());
    assert!(first.at <= third.at);
}

#[test]
fn a_script_not_played_fails() {
    let message = failure(|| Server::script([conn().read(), conn().read()]).finish());
    assert!(message.contains("connection 1: never came"), "{message}");
    let message = failure(|| drop(Server::script([conn()])));
    assert!(message.contains("connection 0: never came"), "{message}");

    let server = Server::script([conn().read().reply_json(200, "1").read()]);
    connect(&server).write_all(POST.as_bytes()).unwrap();
    let wrong = server.complaints();
    assert_eq!(
        wrong,
        ["connection 0: step 2: a request was due, but the client closed"]
    );

    let server = Server::script([conn().read()]);
    connect(&server).write_all(&POST.as_bytes()[..9]).unwrap();
    let wrong = server.complaints();
    assert_eq!(
        wrong,
        ["connection 0: step 0: the client closed after 9 bytes of a request"]
    );
}

#[test]
fn what_no_script_expects_fails() {
    let server = Server::never();
    assert!(ask(&server, POST).starts_with("HTTP/1.1 500 "));
    assert_eq!(server.requests()[0].path(), "/data");
    assert_eq!(
        server.complaints(),
        ["connection 0: unexpected, with a request"]
    );

    let server = Server::never();
    drop(connect(&server));
    assert_eq!(server.complaints(), ["connection 0: unexpected"]);

    let server = Server::script([conn().read().reply_json(200, "1")]);
    connect(&server)
        .write_all(POST.repeat(2).as_bytes())
        .unwrap();
    let wrong = server.complaints();
    let expected = "connection 0: an unexpected request: POST /data HTTP/1.1";
    assert_eq!(wrong, [expected]);
}

#[test]
fn a_server_drips() {
    let every = Duration::from_millis(20);
    let server = Server::script([conn().read().drip("12345", every).close()]);
    let started = Instant::now();
    assert_eq!(ask(&server, POST), "12345");
    assert!(started.elapsed() >= every * 4);
}

#[test]
fn a_server_waits() {
    let time = Duration::from_millis(100);
    let server = Server::script([conn().read().wait(time).reply("x").close()]);
    let started = Instant::now();
    assert_eq!(ask(&server, POST), "x");
    assert!(started.elapsed() >= time);
}

#[test]
fn a_server_stalls_until_either_goes() {
    let server = Server::script([conn().read().stall(), conn().stall()]);
    drop(connect(&server).write_all(POST.as_bytes()));
    let mut waiting = connect(&server);
    waiting
        .set_read_timeout(Some(Duration::from_millis(50)))
        .unwrap();
    let silence = waiting.read(&mut [0]).unwrap_err().kind();
    assert_eq!(silence, ErrorKind::WouldBlock);
    server.finish();
    waiting.set_read_timeout(None).unwrap();
    assert_eq!(waiting.read(&mut [0]).unwrap(), 0);
}

#[test]
fn a_server_resets() {
    for step in [
        conn().reset(),
        conn().read_bytes(10).reset(),
        conn().read().reset(),
    ] {
        let server = Server::script([step]);
        let mut tcp = connect(&server);
        let _ = tcp.write_all(POST.as_bytes()); // the reset may be first
        let error = tcp.read(&mut [0]).unwrap_err().kind();
        assert_eq!(error, ErrorKind::ConnectionReset);
    }
}

#[test]
fn a_server_half_closes() {
    let server = Server::script([conn().half_close().read()]);
    let mut tcp = connect(&server);
    assert_eq!(tcp.read(&mut [0]).unwrap(), 0);
    tcp.write_all(POST.as_bytes()).unwrap();
    assert_eq!(server.wait_for(1)[0].text(), "{}");
}

#[test]
fn a_server_never_reads() {
    let server = Server::script([conn().never_read()]);
    let mut tcp = connect(&server);
    let time = Duration::from_millis(100);
    tcp.set_write_timeout(Some(time)).unwrap();
    let error = tcp.write_all(&vec![b'x'; 8 << 20]).unwrap_err().kind();
    assert_eq!(error, ErrorKind::WouldBlock);
}

#[test]
fn a_handler_answers_any_number() {
    let server = Server::handler(|request| match request.text() {
        "end" => Response::hang_up(),
        text => Response::json(200, text),
    });
    // In batches, so that it is the server that is timed, and not the switching to and fro.
    let (batches, size) = (200, 100);
    let mut tcp = connect(&server);
    let mut answers = vec![0; Response::json(200, "{}").to_bytes().len() * size];
    let started = Instant::now();
    for _ in 0..batches {
        tcp.write_all(POST.repeat(size).as_bytes()).unwrap();
        tcp.read_exact(&mut answers).unwrap();
    }
    let rate = f64::from(batches) * size as f64 / started.elapsed().as_secs_f64();
    println!("{rate:.0} requests/s");
    let last = "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nend";
    assert_eq!(ask(&server, last), "");
    assert_eq!((server.count(), server.connections()), (20_001, 2));
}

#[test]
fn hosts_can_be_unreachable() {
    let connect = |u: &Unreachable| {
        let address = ([127, 0, 0, 1], u.port()).into();
        TcpStream::connect_timeout(&address, Duration::from_millis(200)).unwrap_err()
    };
    let (refusing, silent) = (Unreachable::refusing(), Unreachable::silent());
    assert_eq!(connect(&refusing).kind(), ErrorKind::ConnectionRefused);
    assert_eq!(connect(&silent).kind(), ErrorKind::TimedOut);
}

#[test]
fn a_missing_tool_skips_or_fails() {
    const TEST: &str = "support::selftest::a_missing_tool_skips_or_fails";
    const INSIDE: &str = "AUTHPOST_SELFTEST_SKIP";
    assert!(need("sh"));
    if std::env::var_os(INSIDE).is_some() {
        assert!(!need("no-such-program"));
        return;
    }
    let dir = dir();
    dir.write("skipped", "", 0o600);
    let run = |no_skip: &str| {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", TEST])
            .env(INSIDE, "1")
            .env("AUTHPOST_SKIPPED", dir.join("skipped"))
            .env("AUTHPOST_NO_SKIP", no_skip)
            .output()
            .unwrap()
    };
    assert!(run("0").status.success());
    assert_eq!(
        dir.read("skipped"),
        format!("{TEST}\tno-such-program is not installed\n")
    );
    let forbidden = run("1");
    assert!(!forbidden.status.success());
    let out = String::from_utf8_lossy(&forbidden.stdout);
    assert!(
        out.contains("must not be skipped: no-such-program is not installed"),
        "{out}"
    );
}

//! How far long work is: on a terminal, on one line of standard error that makes room for everything else.
use crate::support::{Response, Runner, Server, binary, conn, find, need, test};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// The line while this is on it.
fn line(text: &str) -> String {
    format!("\r\x1b[?7l{text}\x1b[K\x1b[?7h")
}

const ERASED: &str = "\r\x1b[K";
const OK: &str = "\x1b[32mHTTP/1.1 200 OK\x1b[0m\n";

/// A run whose outputs are both on a terminal.
fn on_terminal(run: Runner) -> Runner {
    run.token("t0ken")
        .env("TERM", "xterm")
        .shell("exec \"$@\" 2>&1")
        .tty()
}

/// More than the work that shows nothing.
const LONG: Duration = Duration::from_millis(1100);

/// An API that takes long for the first document, and answers each later one when it is told to; the bodies name the status.
fn gated() -> (Server, Sender<()>) {
    let (open, gate) = channel();
    let gate: Mutex<Receiver<()>> = Mutex::new(gate);
    let server = Server::handler(move |request| {
        let status = match request.text() {
            text if text.contains("400") => 400,
            _ => 200,
        };
        if request.text().contains("first") {
            return Response::json(status, "{}").after(LONG);
        }
        let _ = gate.lock().unwrap_or_else(PoisonError::into_inner).recv();
        Response::json(status, "{}")
    });
    (server, open)
}

/// A server that is there after two seconds.
fn asking_to_wait() -> Server {
    Server::script([
        conn()
            .read()
            .reply(Response::json(503, "{}").header("Retry-After", "2").close())
            .close(),
        conn().read().reply_json(200, "1").close(),
    ])
}

#[test]
fn a_wait_is_counted_down() {
    let server = asking_to_wait();
    on_terminal(test().args(["--wait=1ms", server.url("/")]))
        .run()
        .stdout(
            line("next attempt in 2 s: 503 Service Unavailable")
                + &line("next attempt in 1 s: 503 Service Unavailable")
                + ERASED
                + OK
                + "\x1b[36m1\x1b[0m\n",
        )
        .code(0);
}

#[test]
fn nobody_else_sees_a_wait() {
    let api = || asking_to_wait();
    let servers = [api(), api(), api(), api()];
    let run = |server: &Server| {
        test()
            .token("t0ken")
            .args(["--wait=1ms", server.url("/")])
            .shell("exec \"$@\" 2>&1")
    };
    let [pipe, dumb, unset, quiet] = &servers;
    let runs = [
        run(pipe).env("TERM", "xterm").spawn(),
        run(dumb).tty().env("TERM", "dumb").spawn(),
        run(unset).tty().spawn(),
        run(quiet).tty().env("TERM", "xterm").arg("-q").spawn(),
    ];
    let shown = "HTTP/1.1 200 OK\n1\n";
    for (run, expected) in runs.into_iter().zip([shown, shown, shown, ""]) {
        run.wait().stdout(expected).code(0);
    }
}

#[test]
fn without_a_terminal_a_wait_is_one_sleep() {
    if !need("strace") {
        return;
    }
    let server = asking_to_wait();
    let run = test()
        .token("t0ken")
        .env("TERM", "xterm")
        .env("PATH", "/usr/bin:/bin")
        .args(["--wait=1ms", server.url("/")])
        .shell("exec strace -f -qq -e trace=ioctl,clock_nanosleep,nanosleep -o trace \"$@\"");
    let dir = run.dir();
    run.run().stdout("1").stderr("HTTP/1.1 200 OK\n").code(0);
    let trace = dir.read("trace");
    assert_eq!(trace.matches("nanosleep(").count(), 1, "{trace}");
    assert!(trace.matches("ioctl(2").count() <= 1, "{trace}");
}

#[test]
fn the_start_is_counted_down_too() {
    let server = Server::handler(|_| Response::json(200, "1"));
    // The wait is random, and most often longer than a second.
    on_terminal(test().args(["--splay=1000s", server.url("/")]))
        .spawn()
        .wait_stdout(": --splay\x1b[K\x1b[?7h");
}

#[test]
fn an_upload_shows_how_far_it_is() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let (open, gate) = channel();
    // More than the system buffers.
    let size = 32_000_000;
    let api = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        gate.recv().unwrap();
        let (mut read, mut piece) = (0, vec![0; 1 << 16]);
        while read < size {
            read += stream.read(&mut piece).unwrap();
        }
        gate.recv().unwrap();
        let answer = "HTTP/1.1 200 OK\r\ncontent-length: 1\r\nconnection: close\r\n\r\n1";
        stream.write_all(answer.as_bytes()).unwrap();
    });
    let run = test().file("large", format!("\"{}\"", "a".repeat(size - 2)));
    let run = on_terminal(run.args(["-d", "@large", &url])).spawn();
    run.wait_stdout(" of 32.0 MB\x1b[K");
    open.send(()).unwrap();
    run.wait_stdout("waiting for the answer\x1b[K");
    open.send(()).unwrap();
    let output = run
        .wait()
        .stdout_like(&format!(
            "{}**{}{ERASED}{OK}\x1b[36m1\x1b[0m\n",
            line("sent * %, * s left, * MB/s, * of 32.0 MB"),
            line("sent 32.0 MB in * s; waiting for the answer"),
        ))
        .code(0);
    api.join().unwrap();
    let redraws = output.stdout.matches("of 32.0 MB").count() as f64;
    assert!(redraws <= 10.0 * output.elapsed.as_secs_f64(), "{redraws}");
}

#[test]
fn lines_show_how_far_they_are() {
    let (server, open) = gated();
    let lines = "\"first\"\n\"400\"\n3\n";
    let run = test().file("lines", lines);
    let run = on_terminal(run.args(["--lines=lines", server.url("/")])).spawn();
    run.wait_stdout("line 1: 1 accepted, 0 refused; ");
    open.send(()).unwrap();
    run.wait_stdout("line 2: 1 accepted, 1 refused; ");
    drop(open);
    run.wait()
        .stdout_like(&format!(
            "{}{ERASED}\x1b[1;31mauthpost:\x1b[0m line 2: the API answered 400 Bad Request\n  {{}}\n**{ERASED}2 accepted, 1 \
             refused, 0 not sent in * s\n",
            line("line 1: 1 accepted, 0 refused; 50 %, * s left, 0.* lines/s, 0.0 of 0.0 kB")
        ))
        .code(76);
}

#[test]
fn a_narrow_terminal_shows_what_matters_most() {
    let (server, open) = gated();
    let run = test().stdin("\"first\"\n2\n");
    let run = run.args(["--lines=-", server.url("/")]);
    let run = on_terminal(run).tty_of(40).spawn();
    run.wait_stdout("line 1: 1 accepted, 0 refused; 0.");
    drop(open);
    let output = run.wait().stdout_like("**2 accepted, **").code(0).stdout;
    let shown = output.split("\x1b[?7l").nth(1).unwrap();
    let shown = shown.split('\x1b').next().unwrap();
    assert_eq!(shown.chars().count(), 40, "{shown}");
    assert!(shown.ends_with('…'), "{shown}");
}

#[test]
fn a_person_who_types_the_lines_is_not_disturbed() {
    if !need("script") {
        return;
    }
    let (server, open) = gated();
    let mut run = Runner::program(find("script").unwrap())
        .token("t0ken")
        .env("TERM", "xterm")
        .env("SHELL", "/bin/sh")
        .env("AUTHPOST", binary())
        .env("URL", server.url("/"))
        .args(["-qec", "exec \"$AUTHPOST\" --lines - \"$URL\"", "/dev/null"])
        .stdin_open()
        .spawn();
    run.write_stdin("\"first\"\n");
    server.wait_for(1);
    drop(open);
    run.write_stdin("2\n\x04");
    let output = run.wait().stdout_like("**2 accepted, **").code(0).stdout;
    assert!(!output.contains("\x1b[?7l"), "{output:?}");
}

#[test]
fn records_make_room_for_each_other() {
    let (server, open) = gated();
    let report = |shell: &str| {
        let run = test().file("lines", "\"first\"\n2\n");
        let run = run.args(["--lines=lines", "--report", server.url("/")]);
        run.token("t0ken").env("TERM", "xterm").shell(shell).tty()
    };
    // On the same terminal a record takes the line's place.
    let run = report("exec \"$@\" 2>&1").spawn();
    run.wait_stdout("line 1: 1 accepted");
    open.send(()).unwrap();
    run.wait()
        .stdout_like(&format!(
            "{{*}}\n{}{ERASED}{{*}}\n**2 accepted, **",
            line("line 1: *")
        ))
        .code(0);
    // One that goes to a file does not.
    let run = report("exec \"$@\" 2>&1 >records");
    let dir = run.dir();
    let run = run.spawn();
    run.wait_stdout("line 1: 1 accepted");
    drop(open);
    let output = run.wait().stdout_like("**2 accepted, **").code(0).stdout;
    assert_eq!(output.matches(ERASED).count(), 1, "{output:?}");
    assert_eq!(dir.read("records").lines().count(), 2);
    assert!(!dir.read("records").contains('\x1b'));
}

#[test]
fn a_flush_shows_how_far_it_is() {
    let (server, open) = gated();
    let spool = test();
    let dir = spool.dir();
    for item in ["a=first 400", "a=400 again", "a=last 400"] {
        if !item.contains("first") {
            open.send(()).unwrap();
        }
        let run = test().in_dir(&dir).token("t0ken");
        run.args(["-q", "--spool=spool", server.url("/"), item])
            .run()
            .stderr_like("**dead-lettered**")
            .code(76);
    }
    let run = test().in_dir(&dir);
    let run = on_terminal(run.args(["retry", "spool", "--all", "--now"])).spawn();
    run.wait_stdout("1 of 3 messages: 0 delivered, 1 failed\x1b[K");
    drop(open);
    run.wait()
        .stdout_like(&format!(
            "**{}{ERASED}\x1b[1;31mauthpost:\x1b[0m **: 3 dead-lettered\n",
            line("1 of 3 messages: 0 delivered, 1 failed")
        ))
        .code(76);
}

#[test]
fn short_work_shows_nothing() {
    let server = Server::handler(|_| Response::json(200, "1"));
    let run = test().file("lines", "1\n".repeat(20));
    on_terminal(run.args(["--lines=lines", server.url("/")]))
        .run()
        .stdout_like("20 accepted, 0 refused, 0 not sent in * s\n")
        .code(0);
}

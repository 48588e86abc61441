//! The figures that hardly depend on the machine: instructions, system calls, bytes. The size is in package.rs. They are held
//! with 3 % of slack where no test may be skipped, as in CI, so that a slower commit is seen; elsewhere with a tenth, for
//! another compiler and C library.
//!
//! They mean something for the static release binary only, which `make test` names in `AUTHPOST_BIN`. `make bench` has
//! the times.
use crate::support::{Response, Runner, Server, binary, find, need, skipped, test};
use std::time::Duration;

/// What they were when they were measured last, with glibc 2.36.
const INSTRUCTIONS_A_POST: u64 = 217_300;
const INSTRUCTIONS_A_LINE: u64 = 48_300;
const CALLS_A_POST: u64 = 46;
const CALLS_A_LINE: u64 = 5;

fn is_release() -> bool {
    std::env::var_os("AUTHPOST_BIN").is_some()
        || skipped("AUTHPOST_BIN names no release binary; 'make test' does")
}

#[track_caller]
fn hold(what: &str, found: u64, measured: u64) {
    let is_strict = std::env::var_os("AUTHPOST_NO_SKIP").is_some_and(|v| v == "1");
    let percent = if is_strict { 3 } else { 10 };
    println!("{what}: {found}, measured {measured}");
    assert!(
        found <= measured + measured * percent / 100,
        "{what}: {found} is more than {measured} and {percent} %"
    );
}

fn api() -> Server {
    Server::handler(|_| Response::json(200, "{\"ok\":true}"))
}

/// To look for an answer that comes at once costs as much as the moment will have it; the answers of this API are slept
/// for.
fn slow_api() -> Server {
    Server::handler(|_| Response::json(200, "{\"ok\":true}").after(Duration::from_millis(1)))
}

/// authpost under another program, which says on stderr what it counted.
fn under(program: &str, options: &[&str]) -> Runner {
    Runner::program(find(program).unwrap())
        .args(options)
        .arg(binary())
        .token("t0ken")
}

fn lines(count: usize) -> String {
    "{\"id\":12345,\"name\":\"a name of usual length\"}\n".repeat(count)
}

fn instructions(run: Runner) -> u64 {
    let text = run.run().stdout_like("**").stderr_like("**").code(0).stderr;
    let (_, count) = text.split_once("Collected : ").expect(&text);
    count.lines().next().unwrap().trim().parse().unwrap()
}

fn callgrind() -> Runner {
    under(
        "valgrind",
        &["--tool=callgrind", "--callgrind-out-file=/dev/null"],
    )
}

/// How many system calls a run makes, from the first one after its start.
fn calls(run: Runner) -> u64 {
    let dir = run.dir();
    run.run().stdout_like("**").stderr_like("**").code(0);
    dir.read("trace").lines().count() as u64 - 1
}

fn strace() -> Runner {
    under("strace", &["-f", "-qq", "-o", "trace"])
}

#[test]
fn instructions_of_a_post() {
    if is_release() && need("valgrind") {
        let server = api();
        let post = callgrind().args([server.url("/data"), "key1=value1", "key2=value2"]);
        hold(
            "instructions of a POST",
            instructions(post),
            INSTRUCTIONS_A_POST,
        );
    }
}

#[test]
fn instructions_of_a_line() {
    if is_release() && need("valgrind") {
        let server = slow_api();
        let run = |count| {
            let run = callgrind().args(["--lines", "in", server.url("/")]);
            instructions(run.file("in", lines(count)))
        };
        hold(
            "instructions of a line",
            (run(300) - run(100)) / 200,
            INSTRUCTIONS_A_LINE,
        );
    }
}

#[test]
fn system_calls_of_a_post() {
    if is_release() && need("strace") {
        let server = api();
        let post = strace().args([server.url("/data"), "key1=value1", "key2=value2"]);
        hold("system calls of a POST", calls(post), CALLS_A_POST);
    }
}

#[test]
fn system_calls_of_a_line() {
    if is_release() && need("strace") {
        let server = slow_api();
        let run = |count| {
            calls(
                strace()
                    .args(["--lines", "in", server.url("/")])
                    .file("in", lines(count)),
            )
        };
        // To the nearest, for whether an answer is waited for may differ from run to run.
        let calls = (run(200) - run(100) + 50) / 100;
        hold("system calls of a line", calls, CALLS_A_LINE);
    }
}

#[test]
fn bytes_of_a_post() {
    let server = api();
    test()
        .token("t0ken")
        .args(["-q", server.url("/data"), "key1=value1", "key2=value2"])
        .run()
        .code(0);
    let host = format!("127.0.0.1:{}", server.port());
    let expected = "POST /data HTTP/1.1\r\n".len()
        + "content-length: 33\r\n".len()
        + "content-type: application/json\r\n".len()
        + "accept: application/json\r\n".len()
        + concat!("user-agent: authpost/", env!("CARGO_PKG_VERSION"), "\r\n").len()
        + "authorization: Bearer t0ken\r\n".len()
        + "idempotency-key: 00000000-0000-0000-0000-000000000000\r\n".len()
        + format!("host: {host}\r\n\r\n").len()
        + "{\"key1\":\"value1\",\"key2\":\"value2\"}".len();
    let requests = server.requests();
    assert_eq!(requests[0].raw().len(), expected, "{}", requests[0].head());
}

//! Runs from cron: they do not disturb each other, and end on time.
use crate::support::{Runner, Server, Signal, conn, dir, test};
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

fn quiet() -> Runner {
    test().args(["-q", "--no-auth"])
}

fn accepting() -> Server {
    Server::script([conn().read().reply_json(200, "{}")])
}

const HELD: &str = "authpost: taking the lock 'run.lock': another run holds it\n";

#[test]
fn while_a_run_holds_the_lock_another_one_ends_at_once() {
    let dir = dir();
    let server = Server::script([conn().read().stall()]);
    let first = quiet()
        .in_dir(&dir)
        .args(["--lock", "run.lock", server.url("/")])
        .spawn();
    server.wait_for(1);
    let unused = Server::never();
    quiet()
        .in_dir(&dir)
        .args(["--lock", "run.lock", unused.url("/")])
        .run()
        .within(0.0, 1.0)
        .stderr(HELD)
        .code(75);
    // However it ends, so does its lock; the file stays.
    first.kill(Signal::KILL);
    first.wait().signal(Signal::KILL);
    assert_eq!(dir.list(), ["run.lock"]);
    let next = accepting();
    quiet()
        .in_dir(&dir)
        .args(["--lock", "run.lock", next.url("/")])
        .run()
        .code(0);
}

#[test]
fn the_lock_is_one_and_not_the_file() {
    let run = quiet();
    let dir = run.dir();
    let server = accepting();
    run.args(["--lock", "run.lock", server.url("/")])
        .run()
        .code(0);
    let mode = fs::metadata(dir.join("run.lock")).unwrap().permissions();
    assert_eq!(
        (mode.mode() & 0o777, dir.read("run.lock")),
        (0o600, String::new())
    );
    // A file that is there already keeps what is in it.
    let server = accepting();
    let run = quiet().file_mode("run.lock", "old words", 0o644);
    let dir = run.dir();
    run.args(["--lock", "run.lock", server.url("/")])
        .run()
        .code(0);
    assert_eq!(dir.read("run.lock"), "old words");
    // Whoever holds it, such as flock(1).
    let held = File::create(dir.join("run.lock")).unwrap();
    held.lock().unwrap();
    let server = Server::never();
    quiet()
        .in_dir(&dir)
        .args(["--lock", "run.lock", server.url("/")])
        .run()
        .stderr(HELD)
        .code(75);
}

#[test]
fn a_lock_does_not_pass_to_what_a_token_command_leaves_behind() {
    let dir = dir();
    let server = accepting();
    test()
        .in_dir(&dir)
        .env("PATH", "/usr/bin:/bin")
        .args(["-q", "--lock", "run.lock", "--token-command"])
        .args(["sleep 3 >/dev/null 2>&1 & echo t0ken", server.url("/")])
        .run()
        .code(0);
    let server = accepting();
    quiet()
        .in_dir(&dir)
        .args(["--lock", "run.lock", server.url("/")])
        .run()
        .code(0);
}

#[test]
fn a_lock_that_cannot_be_made_is_told() {
    for (path, why) in [
        ("none/run.lock", "No such file or directory"),
        (".", "it is not a file"),
    ] {
        let server = Server::never();
        quiet()
            .args(["--lock", path, server.url("/")])
            .run()
            .stderr(format!(
                "authpost: taking the lock '{path}': {why}\n\
                hint: give --lock a file that this user can write, on a disk of this machine\n"
            ))
            .code(73);
    }
}

#[test]
fn no_fifo_is_opened_for_the_lock() {
    let dir = dir();
    let made = std::process::Command::new("mkfifo")
        .arg(dir.join("pipe"))
        .status();
    assert!(made.unwrap().success());
    std::os::unix::fs::symlink("pipe", dir.join("link to pipe")).unwrap();
    std::os::unix::fs::symlink("nowhere", dir.join("link to nothing")).unwrap();
    for path in ["pipe", "link to pipe", "link to nothing", "/dev/null"] {
        quiet()
            .in_dir(&dir)
            .args(["--lock", path, Server::never().url("/")])
            .run()
            .stderr(format!(
                "authpost: taking the lock '{path}': it is not a file\n\
                hint: give --lock a file that this user can write, on a disk of this machine\n"
            ))
            .code(73);
    }
    assert!(!dir.join("nowhere").exists());
    // A link to a file is the file.
    std::os::unix::fs::symlink("run.lock", dir.join("link")).unwrap();
    dir.write("run.lock", "", 0o600);
    let held = File::open(dir.join("run.lock")).unwrap();
    held.lock().unwrap();
    quiet()
        .in_dir(&dir)
        .args(["--lock", "link", Server::never().url("/")])
        .run()
        .stderr("authpost: taking the lock 'link': another run holds it\n")
        .code(75);
}

#[test]
fn dry_run_takes_no_lock_and_does_not_wait() {
    let run = test();
    let dir = run.dir();
    run.args([
        "--dry-run",
        "--no-auth",
        "--lock",
        "run.lock",
        "--splay",
        "10m",
    ])
    .arg("https://api.test/")
    .run()
    .within(0.0, 1.0)
    .stdout_like("POST / HTTP/1.1\n**")
    .code(0);
    assert!(dir.list().is_empty());
}

#[test]
fn the_splay_is_a_wait_of_its_own() {
    let mut waits = Vec::new();
    for _ in 0..8 {
        let server = accepting();
        // More than --timeout, which begins only afterwards.
        let ran = test()
            .args(["-v", "--no-auth", "--splay", "300ms", "--timeout", "150ms"])
            .arg(server.url("/"))
            .run()
            .within(0.0, 0.9)
            .stdout("{}")
            .stderr_like("authpost: waiting * ms first (--splay)\n> POST **")
            .code(0);
        let words: Vec<_> = ran.stderr.split(' ').collect();
        let said: u64 = words[2].parse().unwrap();
        assert!(said < 300 && ran.elapsed >= Duration::from_millis(said));
        waits.push(said);
    }
    waits.sort();
    waits.dedup();
    assert!(waits.len() > 4, "{waits:?}");
}

#[test]
fn the_lock_is_taken_before_the_wait() {
    let dir = dir();
    let unused = Server::never();
    let first = test()
        .in_dir(&dir)
        .args(["-v", "--no-auth", "--lock", "run.lock", "--splay", "1h"])
        .arg(unused.url("/"))
        .spawn();
    first.wait_stderr("(--splay)");
    quiet()
        .in_dir(&dir)
        .args(["--lock", "run.lock", unused.url("/")])
        .run()
        .stderr(HELD)
        .code(75);
    first.kill(Signal::TERM);
    first.wait().stderr_like("**").signal(Signal::TERM);
}

#[test]
fn max_time_bounds_the_whole_run() {
    let server = Server::script([conn().read().stall()]);
    quiet()
        .args(["--splay", "100ms", "--max-time", "400ms", server.url("/")])
        .run()
        .within(0.35, 0.9)
        .stderr(
            "authpost: waiting for the answer of http://127.0.0.1:PORT: timed out\n\
            hint: the API may have accepted it: check before sending it again, or say --idempotent\n",
        )
        .code(74);
    // The shorter of the two counts.
    drop(server);
    let server = Server::script([conn().read().stall()]);
    quiet()
        .args(["--timeout", "200ms", "--max-time", "1h", server.url("/")])
        .run()
        .within(0.2, 0.7)
        .stderr_like("**timed out\n**")
        .code(74);
}

#[test]
fn times_that_contradict_each_other_are_refused() {
    for (splay, all) in [("2s", "1s"), ("1m", "60s")] {
        test()
            .args(["--splay", splay, "--max-time", all, "https://api.test/"])
            .run()
            .stderr(
                "authpost: reading the command line: the wait of --splay could use up all of --max-time\n\
                hint: give --max-time more, or --splay less\n",
            )
            .code(64);
    }
    test()
        .args(["--max-time", "0", "https://api.test/"])
        .run()
        .stderr(
            "authpost: reading --max-time: it must be more than 0\n\
            hint: --max-time TIME: deadline for the whole run [default: no limit]\n",
        )
        .code(64);
}

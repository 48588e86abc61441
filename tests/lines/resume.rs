//! `--resume`: a run over lines goes on where the last one ended, however that ended.
use crate::support::{
    Dir, Request, Response, Runner, Server, Signal, conn, dir, need, need_root, test,
};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

fn run(dir: &Dir, url: &str) -> Runner {
    test()
        .in_dir(dir)
        .args(["--no-auth", "-q", "--lines", "in", "--resume", "state", url])
}

fn append(dir: &Dir, text: &str) {
    let mut file = OpenOptions::new()
        .append(true)
        .open(dir.join("in"))
        .unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

fn bodies(server: &Server) -> Vec<String> {
    let requests = server.requests();
    requests.iter().map(|r| r.text().to_owned()).collect()
}

fn ok() -> Server {
    stalling_at(&[])
}

/// Answers all requests but these, counted from 1.
fn stalling_at(numbers: &'static [usize]) -> Server {
    let count = AtomicUsize::new(0);
    Server::handler(move |_| {
        let wait = match numbers.contains(&(count.fetch_add(1, Ordering::SeqCst) + 1)) {
            true => Duration::from_secs(3600),
            false => Duration::ZERO,
        };
        Response::json(200, "{}").after(wait)
    })
}

#[test]
fn only_what_was_added_is_sent() {
    let (server, dir) = (ok(), dir());
    dir.write("in", "1\n2\n3", 0o600);
    run(&dir, server.url("/")).run().code(0);
    assert_eq!(bodies(&server), ["1", "2"], "an incomplete line is left");
    run(&dir, server.url("/")).run().code(0);
    assert_eq!(server.count(), 2);
    append(&dir, "3\n\n4\n");
    run(&dir, server.url("/")).run().code(0);
    run(&dir, server.url("/")).run().code(0);
    assert_eq!(bodies(&server), ["1", "2", "33", "4"]);
}

#[test]
fn a_run_that_stopped_goes_on_there() {
    let dir = dir();
    dir.write("in", "1\n2\n3\n", 0o600);
    let answers = |[first, second]: [u16; 2]| {
        let first = conn().read().reply_json(first, "{}");
        first.read().reply_json(second, "{}")
    };
    let server = Server::script([answers([200, 503]), answers([200, 200])]);
    run(&dir, server.url("/"))
        .arg("--tries=1")
        .run()
        .stderr_like(
            "authpost: line 2: the API answered 503 Service Unavailable\n  {}\n1 accepted, *\n",
        )
        .code(69);
    run(&dir, server.url("/")).run().code(0);
    assert_eq!(bodies(&server), ["1", "2", "2", "3"]);
}

fn keys(requests: &[Request]) -> Vec<String> {
    let key = |request: &Request| request.header("idempotency-key").unwrap().to_owned();
    requests.iter().map(key).collect()
}

/// The server of a run that was killed while line 3 of 4 was under way.
fn killed(dir: &Dir, options: &[&str]) -> Server {
    dir.write("in", "1\n2\n3\n4\n", 0o600);
    let server = stalling_at(&[3]);
    kill_at(&server, 3, run(dir, server.url("/")).args(options));
    server
}

/// Kills the run when the server has seen this many requests.
fn kill_at(server: &Server, requests: usize, run: Runner) {
    let running = run.spawn();
    server.wait_for(requests);
    running.kill(Signal::KILL);
    running.wait().signal(Signal::KILL);
}

#[test]
fn lines_that_a_killed_run_may_have_sent_are_named_and_not_sent() {
    let dir = dir();
    let server = killed(&dir, &[]);
    for _ in 0..2 {
        run(&dir, server.url("/"))
            .run()
            .stderr_like(
                "authpost: the last run was interrupted: the API may have processed lines 3 to 4\n\
                 hint: ask the API, and continue after the last line that it has: --skip 2 to --skip 4\n",
            )
            .code(74);
    }
    run(&dir, server.url("/")).arg("--skip=3").run().code(0);
    run(&dir, server.url("/")).arg("--skip=3").run().code(0);
    run(&dir, server.url("/")).run().code(0);
    assert_eq!(bodies(&server), ["1", "2", "3", "4"]);
}

#[test]
fn a_skip_that_was_followed_decides_nothing_a_second_time() {
    let dir = dir();
    dir.write("in", "1\n2\n3\n4\n", 0o600);
    let server = stalling_at(&[3, 4]);
    kill_at(&server, 3, run(&dir, server.url("/")));
    let again = || run(&dir, server.url("/")).arg("--skip=3");
    kill_at(&server, 4, again());
    again()
        .run()
        .stderr(
            "authpost: the last run was interrupted: the API may have processed line 4\n\
             hint: ask the API, and continue after the last line that it has: --skip 4; \
             if it has none of them: another --resume file and --skip 3\n",
        )
        .code(74);
    run(&dir, server.url("/")).arg("--skip=4").run().code(0);
    assert_eq!(bodies(&server), ["1", "2", "3", "4"]);
}

#[test]
fn a_skip_ahead_decides_nothing_a_second_time() {
    let dir = dir();
    dir.write("in", "1\n", 0o600);
    let server = stalling_at(&[2]);
    run(&dir, server.url("/")).run().code(0);
    append(&dir, "2\n3\n");
    let ahead = || run(&dir, server.url("/")).arg("--skip=2");
    kill_at(&server, 2, ahead());
    ahead()
        .run()
        .stderr_like("authpost: the last run was interrupted: * line 3\nhint: *\n")
        .code(74);
    run(&dir, server.url("/")).arg("--skip=3").run().code(0);
    assert_eq!(bodies(&server), ["1", "3"]);
}

#[test]
fn a_line_whose_outcome_is_unknown_stays_so_when_it_cannot_be_printed() {
    let dir = dir();
    dir.write("in", "1\n2\n", 0o600);
    let server = Server::script([conn().read().close()]);
    run(&dir, server.url("/"))
        .arg("--report")
        .shell("exec \"$@\" >/dev/full")
        .run()
        .stderr_like("**writing to standard output: No space left on device\n**")
        .code(74);
    run(&dir, server.url("/"))
        .run()
        .stderr_like("authpost: the last run was interrupted: * line 1\nhint: *\n")
        .code(74);
}

#[test]
fn with_idempotent_they_are_sent_again_under_their_keys() {
    let dir = dir();
    let server = killed(&dir, &["--idempotent"]);
    run(&dir, server.url("/")).arg("--idempotent").run().code(0);
    let requests = server.requests();
    let keys = keys(&requests);
    assert_eq!(bodies(&server), ["1", "2", "3", "3", "4"]);
    assert_eq!(keys[2], keys[3]);
    assert!(keys[4].ends_with("-4") && keys[4].len() > 36, "{keys:?}");
}

#[test]
fn lines_whose_keys_would_be_others_are_not_sent_again() {
    let dir = dir();
    let server = killed(&dir, &["--idempotent", "--idempotency-key=a"]);
    for other in [
        &["--idempotency-key=b"][..],
        &[],
        &["--idempotency-key=a", "--idempotency-header=K"],
        &["--no-idempotency-key"],
        &["--idempotency-key=a", "--max-line=100"],
    ] {
        run(&dir, server.url("/"))
            .arg("--idempotent")
            .args(other)
            .run()
            .stderr(
                "authpost: the last run was interrupted: the API may have processed lines 3 to 4\n\
                 hint: repeat the last run's --group, --max-line and --idempotency options to send them again; \
                 or ask the API, and continue after the last line that it has: --skip 2 to --skip 4\n",
            )
            .code(74);
    }
    run(&dir, server.url("/"))
        .args(["--idempotent", "--idempotency-key=a"])
        .run()
        .code(0);
    assert_eq!(
        keys(&server.requests()),
        ["a-1", "a-2", "a-3", "a-3", "a-4"]
    );
    // New lines may have new keys.
    append(&dir, "5\n");
    run(&dir, server.url("/"))
        .arg("--idempotency-key=b")
        .run()
        .code(0);
    assert_eq!(keys(&server.requests())[5..], ["b-5"]);
}

#[test]
fn another_target_is_an_error_that_says_so() {
    let dir = dir();
    let server = killed(&dir, &[]);
    let other = |options: &[&str], remedy: &str| {
        test()
            .in_dir(&dir)
            .args(["--no-auth", "--lines=in", "--resume=state"])
            .args(options)
            .run()
            .stderr(format!(
                "authpost: resuming from 'state': the last run had another URL or --method\n\
                 hint: give each API a --resume file of its own{remedy}\n"
            ))
            .code(64);
    };
    let with = server.url("/?b");
    other(&["--skip=3", with], "");
    other(&["--idempotent", with], "");
    run(&dir, server.url("/")).arg("--skip=3").run().code(0);
    let moved = "; if the API has moved, continue with another --resume file and --skip 4";
    for options in [
        &[with][..],
        &["--method=PUT", server.url("/")],
        &["--dry-run", with],
    ] {
        other(options, moved);
    }
    assert_eq!(server.count(), 4);
}

#[test]
fn another_input_is_an_error_that_says_so() {
    let log = |word: &str, from: usize| -> String {
        let line = |n| format!("{{\"{word}\":\"{:0100}\"}}\n", from + n);
        "1\n2\n".to_owned() + &(0..100).map(line).collect::<String>()
    };
    let first = log("a", 0);
    let changes: [&dyn Fn(&Dir); 5] = [
        &|dir| {
            fs::rename(dir.join("in"), dir.join("in.1")).unwrap();
            dir.write("in", &*first, 0o600);
        },
        &|dir| fs::write(dir.join("in"), "1\n").unwrap(),
        &|dir| fs::write(dir.join("in"), first.replace("1\n2\n", "3\n4\n")).unwrap(),
        // logrotate's copytruncate: it begins as before, and is longer again.
        &|dir| fs::write(dir.join("in"), log("a", 7) + "1\n").unwrap(),
        &|dir| fs::write(dir.join("in"), log("b", 0)).unwrap(),
    ];
    for change in changes {
        let (server, dir) = (ok(), dir());
        dir.write("in", &*first, 0o600);
        run(&dir, server.url("/")).run().code(0);
        change(&dir);
        run(&dir, server.url("/"))
            .run()
            .stderr(
                "authpost: resuming from 'state': 'in' is not the file that the last run read; it was rotated or replaced\n\
                 hint: finish the file of the last run, if it was renamed, with --lines and its new name; \
                 then remove 'state' to send this one from its first line\n",
            )
            .code(66);
        assert_eq!(server.count(), 102);
    }
}

#[test]
fn a_rotated_input_is_finished_under_its_new_name() {
    let dir = dir();
    let server = killed(&dir, &["--idempotent"]);
    fs::rename(dir.join("in"), dir.join("in.1")).unwrap();
    dir.write("in", "5\n", 0o600);
    run(&dir, server.url("/"))
        .run()
        .stderr_like("authpost: resuming from 'state': 'in' is not *\nhint: *\n")
        .code(66);
    test()
        .in_dir(&dir)
        .args(["-q", "--no-auth", "--lines=in.1", "--resume=state"])
        .args(["--idempotent", server.url("/")])
        .run()
        .code(0);
    fs::remove_file(dir.join("state")).unwrap();
    run(&dir, server.url("/")).run().code(0);
    assert_eq!(bodies(&server), ["1", "2", "3", "3", "4", "5"]);
}

#[test]
fn an_input_of_which_nothing_was_sent_may_be_replaced() {
    let (server, dir) = (ok(), dir());
    dir.write("in", "1", 0o600);
    for _ in 0..2 {
        run(&dir, server.url("/")).run().code(0);
        fs::rename(dir.join("in"), dir.join("in.1")).unwrap();
        dir.write("in", "1\n", 0o600);
    }
    fs::rename(dir.join("in.1"), dir.join("in")).unwrap();
    append(&dir, "2\n");
    run(&dir, server.url("/")).run().code(0);
    assert_eq!(bodies(&server), ["1", "2"]);
}

#[test]
fn what_is_no_file_of_resume_is_left_alone() {
    let whole = {
        let (server, dir) = (ok(), dir());
        dir.write("in", "1\n", 0o600);
        run(&dir, server.url("/")).run().code(0);
        fs::read(dir.join("state")).unwrap()
    };
    let damaged = (
        "it is damaged",
        "ask the API for the last line that it has, and continue after it with another --resume file and --skip",
    );
    let mut edited = whole.clone();
    for at in [100, 4196] {
        edited[at] ^= 1;
    }
    let cases = [
        (
            b"something else".to_vec(),
            (
                "it is no file of --resume",
                "give --resume a file of its own",
            ),
        ),
        (
            b"{\"authpost_resume\":1,\"count\":2".to_vec(),
            (
                "another version of authpost wrote it",
                "use that version; or ask the API for the last line that it has, and continue after it with \
                 another --resume file and --skip",
            ),
        ),
        (whole[..4096].to_vec(), damaged),
        (whole[..100].to_vec(), damaged),
        (edited, damaged),
    ];
    for (content, (why, remedy)) in cases {
        let dir = dir();
        dir.write("in", "1\n", 0o600);
        dir.write("state", &*content, 0o600);
        run(&dir, Server::never().url("/"))
            .run()
            .stderr(format!(
                "authpost: opening the file of --resume 'state': {why}\nhint: {remedy}\n"
            ))
            .code(73);
        assert_eq!(fs::read(dir.join("state")).unwrap(), content);
    }
}

#[test]
fn what_another_user_placed_there_is_not_used() {
    if !need_root() {
        return;
    }
    let dir = dir();
    dir.write("in", "1\n", 0o600);
    dir.write("state", "", 0o666);
    std::os::unix::fs::chown(dir.join("state"), Some(65534), None).unwrap();
    let refused = |why: &str, remedy: &str| {
        run(&dir, Server::never().url("/"))
            .run()
            .stderr(format!(
                "authpost: opening the file of --resume 'state': {why}\nhint: {remedy}\n"
            ))
            .code(73);
    };
    refused(
        "it belongs to another user",
        "run authpost as that user, or give --resume a file of its own",
    );
    fs::remove_file(dir.join("state")).unwrap();
    std::os::unix::fs::symlink("elsewhere", dir.join("state")).unwrap();
    refused(
        "it is not a file",
        "give --resume a regular file that this user can write, on a disk of this machine",
    );
}

#[test]
fn the_input_is_no_file_of_resume() {
    let dir = dir();
    dir.write("in", "", 0o600);
    test()
        .in_dir(&dir)
        .args([
            "--no-auth",
            "--lines=in",
            "--resume=in",
            Server::never().url("/"),
        ])
        .run()
        .stderr(
            "authpost: opening the file of --resume 'in': --lines reads from it\n\
             hint: give --resume a file of its own\n",
        )
        .code(73);
    assert_eq!(dir.read("in"), "");
}

#[test]
fn a_dry_run_and_check_show_where_it_would_go_on() {
    let dir = dir();
    dir.write("in", "1\n2\n3\nx\n", 0o600);
    let server = stalling_at(&[3]);
    let url = server.url("/");
    let dry_run = || run(&dir, url).arg("--dry-run");
    let check = || {
        test().in_dir(&dir).args([
            "check",
            "--no-auth",
            "--lines",
            "in",
            "--resume",
            "state",
            url,
        ])
    };
    dry_run()
        .run()
        .stdout_like("POST / **(a random UUID)\n\n1\n")
        .code(0);
    check()
        .run()
        .stdout_like(
            "ok    POST *\nok    no run has used 'state' yet\nFAIL  line 4: *\nFAIL  1 of 4 lines **",
        )
        .code(65);
    assert_eq!(dir.list(), ["in"]);
    kill_at(&server, 3, run(&dir, url).arg("--idempotency-key=k"));
    let state = fs::read(dir.join("state")).unwrap();
    let unknown = "the last run was interrupted: the API may have processed lines 3 to 4";
    dry_run()
        .run()
        .stderr_like(&format!("authpost: {unknown}\nhint: *\n"))
        .code(74);
    check()
        .run()
        .stdout_like(&format!("ok    POST *\nFAIL  {unknown}; ask the API, **"))
        .code(74);
    dry_run()
        .args(["--idempotent", "--idempotency-key=k"])
        .run()
        .stdout_like("POST / **: k-3\n\n3\n")
        .code(0);
    check()
        .arg("--skip=3")
        .run()
        .stdout_like(
            "ok    POST *\nok    'state' continues after line 3\nFAIL  line 4: *\nFAIL  1 of 1 lines **",
        )
        .code(65);
    assert!(fs::read(dir.join("state")).unwrap() == state);
    assert_eq!(server.count(), 3);
    test()
        .in_dir(&dir)
        .args(["--no-auth", "--lines=in", "--resume=state", "--dry-run"])
        .args(["--skip=4", url])
        .run()
        .stderr("authpost: there is no line to send\n")
        .code(0);
}

#[test]
fn one_run_at_a_time_uses_the_file() {
    let dir = dir();
    dir.write("in", "1\n", 0o600);
    let server = Server::script([conn().read().stall()]);
    let first = run(&dir, server.url("/")).spawn();
    server.wait_for(1);
    run(&dir, server.url("/"))
        .run()
        .stderr("authpost: opening the file of --resume 'state': another run uses it\n")
        .code(75);
    first.kill(Signal::KILL);
    first.wait().signal(Signal::KILL);
}

/// What it wrote and synced, in order.
fn traced(run: Runner, strace: &str, code: i32) -> String {
    let dir = run.dir();
    run.env("PATH", "/usr/bin:/bin")
        .shell(&format!(
            "exec strace -f -qq -y -s 4096 -o trace \
             -e trace=write,writev,sendto,sendmsg,pwrite64,pwritev2,fdatasync,fsync {strace} \"$@\""
        ))
        .run()
        .stderr_like("**")
        .code(code);
    dir.read("trace")
}

/// The number behind `name` in a call.
fn number(call: &str, name: &str) -> Option<u64> {
    let rest = &call[call.find(name)? + name.len()..];
    let end = rest.find(|c: char| !c.is_ascii_digit())?;
    rest[..end].parse().ok()
}

/// The lines that were sent before a reservation of them was on disk, and how many were sent.
fn sent_too_early(trace: &str) -> (Vec<u64>, usize) {
    let (mut written, mut on_disk, mut early, mut sent) = (0, 0, Vec::new(), 0);
    for call in trace.lines() {
        // musl calls the second.
        if call.contains("pwrite64(") || call.contains("pwritev2(") {
            written = number(call, r#"\"reserved\":"#).unwrap();
        } else if call.contains("fdatasync(") && call.contains("/state>") && call.ends_with("= 0") {
            on_disk = written;
        } else if let Some(line) = number(call, r#"{\"line\":"#) {
            sent += 1;
            early.extend((line > on_disk).then_some(line));
        }
    }
    (early, sent)
}

#[test]
fn a_line_is_sent_only_when_its_reservation_is_on_disk() {
    if !need("strace") {
        return;
    }
    let (server, dir) = (ok(), dir());
    let lines: String = (1..=20).map(|n| format!("{{\"line\":{n}}}\n")).collect();
    dir.write("in", lines, 0o600);
    let trace = traced(run(&dir, server.url("/")), "", 0);
    assert_eq!(sent_too_early(&trace), (vec![], 20), "{trace}");
    // Without the syncs, it would tell.
    let calls = trace.lines().filter(|call| !call.contains("fdatasync("));
    let without: Vec<_> = calls.collect();
    assert_eq!(sent_too_early(&without.join("\n")).0.len(), 20);
}

#[test]
fn failed_lines_are_on_disk_before_the_next_line_is_sent() {
    if !need("strace") {
        return;
    }
    let dir = dir();
    let server = Server::handler(|request| match request.text() {
        "{\"line\":3}" => Response::json(422, "{}"),
        _ => Response::json(200, "{}"),
    });
    dir.write(
        "in",
        "{\"line\":1}\n{,\n{\"line\":3}\n{\"line\":4}\n",
        0o600,
    );
    let trace = traced(run(&dir, server.url("/")).args(["--failed", "f"]), "", 76);
    assert_eq!(dir.read("f"), "{,\n{\"line\":3}\n");
    let (mut dirty, mut sent) = (false, 0);
    for call in trace.lines() {
        if call.contains("/f>") {
            dirty = !call.contains("fsync(");
        } else if call.contains(r#"{\"line\":"#) {
            assert!(!dirty, "{trace}");
            sent += 1;
        }
    }
    assert_eq!(sent, 3, "{trace}");
    // They are settled.
    run(&dir, server.url("/"))
        .args(["--failed", "f"])
        .run()
        .code(0);
    assert_eq!(dir.read("f"), "{,\n{\"line\":3}\n");
}

/// The server of a run in groups of two that was killed while the second one was under way; then the input grew.
fn killed_in_groups(dir: &Dir, options: &[&str]) -> Server {
    dir.write("in", "1\n2\n3\n", 0o600);
    let server = stalling_at(&[2]);
    let run = run(dir, server.url("/")).arg("--group=2").args(options);
    kill_at(&server, 2, run);
    append(dir, "4\n5\n");
    server
}

const INTERRUPTED_AT_3: &str =
    "authpost: the last run was interrupted: the API may have processed line* 3\n*\n";

#[test]
fn groups_are_sent_again_as_they_were() {
    let dir = dir();
    let server = killed_in_groups(&dir, &["--idempotent"]);
    // Other groups would have other keys, and another format another body under the same key.
    for other in [&["--group=3"][..], &["--group=2", "--group-format=ndjson"]] {
        run(&dir, server.url("/"))
            .arg("--idempotent")
            .args(other)
            .run()
            .stderr_like(INTERRUPTED_AT_3)
            .code(74);
    }
    for _ in 0..2 {
        run(&dir, server.url("/"))
            .args(["--idempotent", "--group=2"])
            .run()
            .code(0);
    }
    assert_eq!(bodies(&server), ["[1,2]", "[3]", "[1,2]", "[3]", "[4,5]"]);
    let keys = keys(&server.requests());
    assert_eq!(keys[..2], keys[2..4]);
}

#[test]
fn groups_go_on_behind_the_line_that_skip_names() {
    let dir = dir();
    let server = killed_in_groups(&dir, &[]);
    run(&dir, server.url("/"))
        .arg("--group=2")
        .run()
        .stderr_like(INTERRUPTED_AT_3)
        .code(74);
    for _ in 0..2 {
        run(&dir, server.url("/"))
            .args(["--group=2", "--skip=3"])
            .run()
            .code(0);
    }
    assert_eq!(bodies(&server), ["[1,2]", "[3]", "[4,5]"]);
}

#[test]
fn what_makes_no_sense_together_is_refused() {
    let cases = [
        (
            ["--lines=in", "--spool=s"],
            "--resume and --spool are both given\n\
             hint: with --resume the next run sends what the API did not take in: drop --spool",
        ),
        (
            ["--lines=in", "--all-or-nothing"],
            "--resume and --all-or-nothing are both given\n\
             hint: a resumed run has sent some lines already: keep one",
        ),
        (
            ["--lines=in", "--failed=state"],
            "--resume and --failed are the same file\n\
             hint: give --resume a file of its own",
        ),
        (
            ["--lines=in", "--lock=state"],
            "--resume and --lock are the same file\n\
             hint: give --resume a file of its own",
        ),
        (
            ["--lines=-", "--quiet"],
            "--resume cannot continue in the middle of standard input\n\
             hint: give --lines a file",
        ),
    ];
    for (options, why) in cases {
        let dir = dir();
        dir.write("in", "1\n", 0o600);
        test()
            .in_dir(&dir)
            .args(["--no-auth", "--resume=state", Server::never().url("/")])
            .args(options)
            .run()
            .stderr(format!("authpost: reading the command line: {why}\n"))
            .code(64);
        assert_eq!(dir.list(), ["in"]);
    }
}

#[test]
fn a_disk_without_room_stops_the_run_before_anything_is_sent() {
    let (server, dir) = (ok(), dir());
    dir.write("in", "1\n", 0o600);
    run(&dir, server.url("/"))
        .shell("trap '' XFSZ; ulimit -f 1; exec \"$@\"")
        .run()
        .stderr_like(
            "authpost: writing the file of --resume 'state': File too large\n\
             hint: make room on its disk\n\
             0 accepted, 0 refused, 1 not sent in *\n",
        )
        .code(73);
    run(&dir, server.url("/")).run().code(0);
    assert_eq!(server.count(), 1);
}

#[test]
fn more_lines_are_reserved_at_once_where_the_disk_is_slow() {
    if !need("strace") {
        return;
    }
    let (server, dir) = (ok(), dir());
    dir.write("in", "1\n".repeat(10_000), 0o600);
    let run = run(&dir, server.url("/")).arg("--group=100");
    let trace = traced(run, "-e inject=fdatasync:delay_exit=100000", 0);
    let ahead = trace.lines().filter_map(|call| {
        Some(number(call, r#"\"reserved\":"#)? - number(call, r#"\"settled\":"#)?)
    });
    // A group of 100, and 1000 behind it.
    assert!(ahead.max().unwrap() > 1_100, "{trace}");
}

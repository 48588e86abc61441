//! Proofs 1 and 2 for `--lines --resume`: kill -9, before every system call and at random. Each line arrives, in order,
//! and without `--idempotent` no line arrives twice.
use super::{Oracle, Place, Random, body, calls, fresh, size};
use crate::support::need;
use std::fs;
use std::time::Duration;

/// Lines of a file `in`, none of which another test has.
pub fn prepare(place: &Place, count: usize) -> Vec<String> {
    let lines: Vec<_> = (0..count).map(|_| body(fresh())).collect();
    fs::write(place.path.join("in"), lines.join("\n") + "\n").unwrap();
    lines
}

pub fn args<'a>(place: &Place, idempotent: bool, more: &[&'a str]) -> Vec<&'a str> {
    let mut args = vec!["-q", "--no-auth", "--lines", "in", "--resume", "state"];
    args.extend(idempotent.then_some("--idempotent"));
    args.extend(more);
    args.push(place.url);
    args
}

/// Which of these lines the API saw, in order, each time.
fn taken(oracle: &Oracle, lines: &[String]) -> Vec<usize> {
    let seen = oracle.seen();
    let number = |body: &String| lines.iter().position(|line| line == body);
    seen.iter().filter_map(|seen| number(&seen.body)).collect()
}

/// Waits until the API is done with what a killed run sent: until it has closed its connections.
pub fn wait_idle(oracle: &Oracle) {
    let port = format!(":{:04X} ", oracle.server.port());
    let is_open = |line: &str| {
        let mut columns = line.split_whitespace();
        let local = columns.nth(1).unwrap_or_default();
        let state = columns.nth(1).unwrap_or_default();
        format!("{local} ").ends_with(&port) && matches!(state, "01" | "08")
    };
    while fs::read_to_string("/proc/net/tcp")
        .unwrap()
        .lines()
        .any(is_open)
    {
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The lines whose outcome is unknown.
fn unknown(stderr: &str) -> Option<(usize, usize)> {
    let (_, rest) = stderr.split_once("processed line")?;
    let lines = rest.lines().next()?.trim_start_matches(['s', ' ']);
    let (first, last) = lines.split_once(" to ").unwrap_or((lines, lines));
    Some((first.parse().ok()?, last.parse().ok()?))
}

/// Goes on as a person would: where the outcome of lines is unknown, the API is asked.
pub fn go_on(place: &Place, oracle: &Oracle, lines: &[String], idempotent: bool, what: &str) {
    for _ in 0..3 {
        let mut ended = place.run(&[], &args(place, idempotent, &[]));
        if ended.code == Some(74) && !idempotent {
            let (first, last) =
                unknown(&ended.stderr).unwrap_or_else(|| panic!("{what}: {ended:?}"));
            let done = taken(oracle, lines).last().map_or(0, |last| last + 1);
            assert!(
                (first - 1..=last).contains(&done),
                "{what}: {done}: {ended:?}"
            );
            // The same --skip as before decides nothing.
            let another = format!("another --resume file and --skip {done}\n");
            if ended.stderr.contains(&another) {
                fs::remove_file(place.path.join("state")).unwrap();
            }
            let skip = format!("--skip={done}");
            ended = place.run(&[], &args(place, idempotent, &[&skip]));
        }
        assert_eq!(ended.code, Some(0), "{what}: {ended:?}");
    }
    let taken = taken(oracle, lines);
    let mut first = taken.clone();
    let mut known = std::collections::HashSet::new();
    first.retain(|number| known.insert(*number));
    let all: Vec<_> = (0..lines.len()).collect();
    assert_eq!(first, all, "{what}: lost, or out of order");
    assert!(idempotent || taken == all, "{what}: sent twice: {taken:?}");
}

#[test]
fn a_run_over_lines_is_killed_before_every_system_call() {
    if !need("strace") {
        return;
    }
    let oracle = Oracle::new();
    let mut runs = 0;
    for idempotent in [false, true] {
        let model = Place::new(oracle.url());
        prepare(&model, 5);
        let calls = calls(&model, &args(&model, idempotent, &[]));
        assert!(calls.len() > 20, "strace says nothing");
        let first = usize::from(idempotent);
        for call in calls.iter().skip(first).step_by(size(1, 5)) {
            let place = Place::new(oracle.url());
            let lines = prepare(&place, 5);
            let inject = call.inject("signal=KILL");
            let before = ["strace", "-o", "/dev/null", "-e", &inject];
            place.run(&before, &args(&place, idempotent, &[]));
            wait_idle(&oracle);
            go_on(&place, &oracle, &lines, idempotent, &call.line);
            runs += 1;
        }
    }
    oracle.one_key_each();
    println!("proof resume: {runs} runs over lines killed, one before each system call");
}

#[test]
fn a_run_over_lines_is_killed_at_random() {
    let (mut oracle, mut random) = (Oracle::new(), Random(9));
    let mut kills = 0;
    for round in 0..size(1_000, 20) {
        // What an API has seen is looked through each time.
        if round % 50 == 49 {
            oracle.one_key_each();
            oracle = Oracle::new();
        }
        let idempotent = round % 2 == 0;
        let place = Place::new(oracle.url());
        let lines = prepare(&place, 60);
        for _ in 0..size(5, 3) {
            let done = taken(&oracle, &lines).last().map_or(0, |last| last + 1);
            let skip = format!("--skip={done}");
            let more: &[&str] = match idempotent || done == 0 {
                true => &[],
                false => &[&skip],
            };
            let mut command = place.command(&[], &args(&place, idempotent, more));
            let mut child = command.spawn().unwrap();
            std::thread::sleep(Duration::from_micros(random.below(30_000)));
            kills += usize::from(child.try_wait().unwrap().is_none());
            child.kill().unwrap();
            child.wait().unwrap();
            wait_idle(&oracle);
        }
        go_on(
            &place,
            &oracle,
            &lines,
            idempotent,
            &format!("round {round}"),
        );
    }
    oracle.one_key_each();
    println!("proof resume: {kills} kills at random");
}

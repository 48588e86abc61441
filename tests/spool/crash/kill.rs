//! Proofs 1 and 2: kill -9, before every system call and at random.
use super::{Oracle, Place, Random, body, calls, fresh, full, size};
use crate::support::need;
use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

/// What is done to one message.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// Where it lies before; nowhere before it is sent.
    pub from: &'static str,
    /// The verb; none sends it.
    pub verb: &'static str,
    /// What the API answers.
    pub status: u16,
    pub idempotent: bool,
}

const fn case(from: &'static str, verb: &'static str, status: u16, idempotent: bool) -> Case {
    Case {
        from,
        verb,
        status,
        idempotent,
    }
}

/// In place of an answer: the run has no token, and ends so.
const NO_TOKEN: u16 = 78;

pub const CASES: &[Case] = &[
    case("", "", 200, false),
    case("", "", 503, false),
    case("", "", 400, false),
    case("", "", 0, false),
    case("", "", 0, true),
    case("", "", NO_TOKEN, false),
    case("queue", "flush", 200, false),
    case("queue", "flush", 200, true),
    case("queue", "flush", 503, false),
    case("queue", "flush", 400, false),
    case("queue", "flush", 400, true),
    case("queue", "flush", 0, false),
    case("queue", "flush", 0, true),
    case("active", "flush", 200, false),
    case("active", "flush", 200, true),
    case("dead", "retry", 200, false),
    case("dead", "drop", 200, false),
];

impl Case {
    /// A place where it can be done, and the arguments that do it.
    pub fn prepare(self, place: &Place, number: u64) -> Vec<String> {
        let words = |words: &[&str]| -> Vec<String> {
            words.iter().map(|word| (*word).to_owned()).collect()
        };
        if self.verb.is_empty() {
            let mut args: Vec<String> = words(&place.sending(&body(number), self.idempotent));
            if self.status == NO_TOKEN {
                let at = args.iter().position(|arg| arg == "--no-auth").unwrap();
                args.splice(at..=at, words(&["--token-file", "none"]));
            }
            return args;
        }
        place.lay_out();
        let id = place.plant(self.from, number, self.idempotent);
        match self.verb {
            "flush" => words(&["flush", "-q", "s"]),
            verb => words(&[verb, "-q", "s", &id]),
        }
    }

    /// The code that a run is judged by: none where it told that the spool did not take a refusal down, for then the
    /// message may be anywhere.
    pub fn code(code: Option<i32>, stderr: &str) -> Option<i32> {
        code.filter(|_| !stderr.contains("the API refused it, but "))
    }

    /// Judges what a run left, that ended with this code or was killed; then lets a later flush have its way.
    pub fn judge(self, place: &Place, oracle: &Oracle, number: u64, code: Option<i32>, what: &str) {
        let it = body(number);
        let what = format!("{self:?}: {what}: exit {code:?}");
        let before = place.inventory();
        let holds = |found: &super::Inventory| {
            [&found.queue, &found.active, &found.dead]
                .map(|all| all.contains(&it))
                .contains(&true)
        };
        let damaged = [&before.queue, &before.active, &before.dead]
            .iter()
            .any(|all| all.iter().any(|body| *body != it));
        assert!(!damaged, "{what}: {before:?}");
        oracle.answer(200);
        let answers = oracle.answers(&it);
        let taken = answers.contains(&200);
        let accepted = !self.from.is_empty() || matches!(code, Some(0 | 78)) || !answers.is_empty();
        if accepted && self.verb != "drop" {
            assert!(
                taken || holds(&before),
                "{what}: lost: {before:?}, {answers:?}"
            );
        }
        if code == Some(0) && self.verb == "drop" {
            assert!(!holds(&before), "{what}: dropped, and still there");
        }
        let ended = place.flush();
        let after = place.inventory();
        assert!(
            after.tmp.is_empty() && after.active.is_empty(),
            "{what}: left over: {after:?}"
        );
        let answers = oracle.answers(&it);
        let taken = answers.contains(&200);
        if accepted && self.verb != "drop" {
            assert!(
                taken || holds(&after),
                "{what}: lost by the flush: {ended:?} {after:?}, {answers:?}"
            );
        }
        let maybe_taken = answers
            .iter()
            .filter(|status| matches!(**status, 200 | 0))
            .count();
        assert!(
            self.idempotent || maybe_taken <= 1,
            "{what}: sent twice: {answers:?}"
        );
        assert!(answers.len() <= 2, "{what}: sent too often: {answers:?}");
        if self.verb == "drop" {
            assert!(answers.is_empty(), "{what}: sent");
        }
        match (code, self.status, self.verb) {
            (Some(0), 503, "") | (Some(0), _, "retry") => {
                assert!(taken, "{what}: kept, but not delivered: {after:?}");
            }
            (Some(0), 200, "" | "flush") => {
                assert!(!holds(&after), "{what}: delivered, and back: {after:?}")
            }
            (Some(76), 400, _) => {
                let told = answers == [400] && after.dead == [it.as_str()];
                assert!(
                    told,
                    "{what}: refused, and not left so: {after:?}, {answers:?}"
                );
            }
            _ => {}
        }
        let next = fresh();
        let mut place = place.clone();
        if self.status == NO_TOKEN {
            // Its target waits for the token.
            place.url = format!("{}/other", place.url).leak();
        }
        let ended = place.run(
            &[],
            &place
                .sending(&body(next), false)
                .iter()
                .map(|s| &**s)
                .collect::<Vec<_>>(),
        );
        assert_eq!(ended.code, Some(0), "{what}: then a fresh one: {ended:?}");
        assert_eq!(
            oracle.answers(&body(next)),
            [200],
            "{what}: then a fresh one"
        );
    }
}

pub fn refs(words: &[String]) -> Vec<&str> {
    words.iter().map(String::as_str).collect()
}

/// Without the move to `active` before the request: "sent twice: [200, 200]".
#[test]
fn proof_1_killed_before_every_system_call() {
    if !need("strace") {
        return;
    }
    let oracle = Oracle::new();
    let mut runs = 0;
    for (index, case) in CASES.iter().enumerate() {
        let model = Place::new(oracle.url());
        oracle.answer(case.status);
        let number = fresh();
        let args = case.prepare(&model, number);
        let calls = calls(&model, &refs(&args));
        assert!(calls.len() > 20, "strace says nothing");
        let step = size(1, 17);
        for call in calls.iter().skip(index % step).step_by(step) {
            let place = Place::new(oracle.url());
            oracle.answer(case.status);
            let number = fresh();
            let args = case.prepare(&place, number);
            let inject = call.inject("signal=KILL");
            let before = ["strace", "-o", "/dev/null", "-e", &inject];
            let ended = place.run(&before, &refs(&args));
            case.judge(&place, &oracle, number, ended.code, &call.line);
            runs += 1;
        }
    }
    oracle.one_key_each();
    println!("proof 1: {runs} runs killed, one before each system call");
}

/// Without the lock on each message: "exit Some(73)", by runs that pull it from under each other. Without the sweep of
/// `tmp`: "left over".
#[test]
fn proof_2_killed_at_random_under_load() {
    let kills = size(10_000, 150);
    // Anything may happen to a document the first three times.
    let hash = |text: &str| {
        text.bytes().fold(7u64, |sum, byte| {
            sum.wrapping_mul(31).wrapping_add(byte.into())
        })
    };
    let oracle = Oracle::deciding(move |body, before| match (hash(body) >> (2 * before)) % 8 {
        _ if before > 2 => 200,
        0 => 503,
        1 => 0,
        _ => 200,
    });
    let place = Place::new(oracle.url());
    place.lay_out();
    let (killed, done) = (AtomicUsize::new(0), AtomicBool::new(false));
    let ended: Mutex<Vec<(u64, bool, Option<i32>)>> = Mutex::default();
    let seed = AtomicU64::new(42);
    std::thread::scope(|scope| {
        for worker in 0..6 {
            let (place, killed, ended, seed) = (&place, &killed, &ended, &seed);
            scope.spawn(move || {
                let mut random = Random(seed.fetch_add(1, Ordering::SeqCst));
                while killed.load(Ordering::SeqCst) < kills {
                    let number = fresh();
                    let idempotent = random.below(2) == 0;
                    let body = body(number);
                    let args = match worker % 3 {
                        0 => vec!["flush", "-q", "s"],
                        _ => place.sending(&body, idempotent),
                    };
                    let mut child = place
                        .command(&[], &args)
                        .stderr(std::process::Stdio::null())
                        .spawn()
                        .unwrap();
                    std::thread::sleep(Duration::from_micros(random.below(if full() {
                        25_000
                    } else {
                        40_000
                    })));
                    if child.try_wait().unwrap().is_none() && child.kill().is_ok() {
                        killed.fetch_add(1, Ordering::SeqCst);
                    }
                    let code = child.wait().unwrap().code();
                    assert!(!matches!(code, Some(70 | 73 | 101)), "exit {code:?}");
                    if worker % 3 != 0 {
                        ended.lock().unwrap().push((number, idempotent, code));
                    }
                }
            });
        }
        // Backoff is lost all the time, so everything is always due.
        let (place, done, killed) = (&place, &done, &killed);
        scope.spawn(move || {
            while killed.load(Ordering::SeqCst) < kills && !done.load(Ordering::SeqCst) {
                place.lose_backoff();
                std::thread::sleep(Duration::from_millis(50));
            }
        });
    });
    done.store(true, Ordering::SeqCst);
    place.drain();
    let left = place.inventory();
    assert!(
        left.tmp.is_empty() && left.active.is_empty() && left.queue.is_empty(),
        "left over: {left:?}"
    );
    let mut taken: HashMap<String, usize> = HashMap::new();
    let mut seen = HashMap::<String, usize>::new();
    for request in oracle.seen() {
        *seen.entry(request.body.clone()).or_default() += 1;
        if matches!(request.status, 200 | 0) {
            *taken.entry(request.body).or_default() += 1;
        }
    }
    let (mut kept, mut twice) = (0, 0);
    let ended = ended.into_inner().unwrap();
    for (number, idempotent, code) in &ended {
        let it = body(*number);
        let times = taken.get(&it).copied().unwrap_or(0);
        let found = times > 0 || left.dead.contains(&it);
        if *code == Some(0) || seen.contains_key(&it) {
            kept += 1;
            assert!(found, "lost: {it}, exit {code:?}");
        }
        if *idempotent {
            // Not every one of these is a kill's: without an answer it is sent again on purpose.
            let unanswered = oracle
                .answers(&it)
                .iter()
                .filter(|status| **status == 0)
                .count();
            twice += times.saturating_sub(1 + unanswered);
        } else {
            assert!(
                times <= 1,
                "taken more than once: {it}: {:?}",
                oracle.answers(&it)
            );
        }
    }
    let known: std::collections::HashSet<_> =
        ended.iter().map(|(number, ..)| body(*number)).collect();
    assert!(
        seen.keys().all(|body| known.contains(body)),
        "a body that nobody sent"
    );
    oracle.one_key_each();
    let kills = killed.load(Ordering::SeqCst);
    assert!(twice <= kills, "{twice} duplicates by {kills} kills");
    let next = fresh();
    let ended = place.run(&[], &place.sending(&body(next), false));
    println!(
        "proof 2: {kills} kills, {kept} messages, {} of them dead-lettered, {twice} sent twice under their key",
        left.dead.len()
    );
    assert!(matches!(ended.code, Some(0 | 74)), "a fresh one: {ended:?}");
}

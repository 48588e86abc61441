//! Proof 11: order through kills.
use super::{Oracle, Place, Random, size};
use std::collections::HashMap;
use std::process::Stdio;
use std::time::Duration;

/// How many runs there are in a round; the last one is a flush.
const RUNS: usize = 5;

/// In each round several senders and a flush work on one target at once, and most of them are killed. When all of a
/// round have ended, the next one begins: what a round accepted is older than all of the next one's, so the API must
/// never see a document after one of a later round. Without the lock of the target: "came after". Without the recovery
/// of what a killed run left: "came after".
#[test]
fn proof_11_no_kill_changes_the_order() {
    let wanted = size(10_000, 120);
    let hash = |text: &str| {
        text.bytes().fold(7u64, |sum, byte| {
            sum.wrapping_mul(31).wrapping_add(byte.into())
        })
    };
    // Anything may happen to a document the first two times.
    let oracle = Oracle::deciding(move |body, before| match (hash(body) >> (2 * before)) % 8 {
        _ if before > 1 => 200,
        0 => 503,
        1 => 0,
        2 => 500,
        _ => 200,
    });
    let place = Place::new(oracle.url());
    place.lay_out();
    let mut random = Random(11);
    let (mut kills, mut rounds, mut accepted) = (0, 0u64, 0);
    while kills < wanted {
        rounds += 1;
        let mut children = Vec::new();
        for run in 0..RUNS {
            let body = format!("{{\"n\":\"{rounds:09}.{run}\"}}");
            let args = match run + 1 {
                RUNS => vec!["flush", "-q", "s"],
                _ => place.sending(&body, random.below(2) == 0),
            };
            let mut command = place.command(&[], &args);
            let child = command.stderr(Stdio::null()).spawn().unwrap();
            children.push((child, random.below(20_000)));
        }
        children.sort_by_key(|(_, delay)| *delay);
        let mut before = 0;
        for (child, delay) in &mut children {
            std::thread::sleep(Duration::from_micros(*delay - before));
            before = *delay;
            // Some may go on, so that documents are accepted at all.
            if random.below(8) > 0 && child.try_wait().unwrap().is_none() && child.kill().is_ok() {
                kills += 1;
            }
        }
        for (child, _) in &mut children {
            let code = child.wait().unwrap().code();
            assert!(!matches!(code, Some(70 | 73 | 101)), "exit {code:?}");
            accepted += usize::from(code == Some(0));
        }
        // What a killed run had written may still be on its way to the API.
        oracle.server.wait_idle();
        place.lose_backoff();
    }
    place.drain();
    let left = place.inventory();
    assert!(
        left.tmp.is_empty() && left.active.is_empty() && left.queue.is_empty(),
        "left over: {left:?}"
    );
    let (mut latest, mut times) = (String::new(), HashMap::<String, usize>::new());
    let mut seen = oracle.seen();
    // The request of a killed run may still be on its way when the next one sends, but not the other way round: whoever
    // sends has the lock, and made its connection with it.
    seen.sort_by_key(|request| request.connection);
    for (at, request) in seen.iter().enumerate() {
        let round = &request.body[..request.body.rfind('.').unwrap()];
        assert!(
            *round >= *latest,
            "{} came after {latest}: {:#?}",
            request.body,
            &seen[at.saturating_sub(12)..=at]
        );
        latest = round.to_owned();
        *times.entry(request.body.clone()).or_default() += 1;
    }
    oracle.one_key_each();
    println!(
        "proof 11: {kills} kills in {rounds} rounds of {RUNS} runs, {accepted} of them ended well; \
         {} documents in {} requests, all in order, {} dead-lettered",
        times.len(),
        seen.len(),
        left.dead.len()
    );
}

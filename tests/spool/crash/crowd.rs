//! Proofs 7 and 10: many at once, and many with a bad token.
use super::{Oracle, Place, body, fresh, size};
use crate::support::dir;
use std::collections::HashMap;
use std::fs;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Without the lock on each message, flushes take what is being sent: "exit 69", and "exit 73" after it was accepted.
#[test]
fn proof_7_a_crowd_sends_each_message_once() {
    const SENDERS: usize = 4;
    const FLUSHERS: usize = 8;
    let messages = size(20_000, 120);
    // Every other one is turned away at first, so that the flushes have work.
    let oracle =
        Oracle::deciding(
            |body, before| match (body.as_bytes()[body.len() - 3] % 2, before) {
                (0, 0) => 503,
                _ => 200,
            },
        );
    let place = Place::new(oracle.url());
    place.lay_out();
    let sending = AtomicUsize::new(SENDERS);
    let (sent, flushes) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let (numbers, failed) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        let (place, sending, sent, flushes, numbers, failed) =
            (&place, &sending, &sent, &flushes, &numbers, &failed);
        for _ in 0..SENDERS {
            scope.spawn(move || {
                while sent.fetch_add(1, Ordering::SeqCst) < messages {
                    let number = fresh();
                    let ended = place.run(&[], &place.sending(&body(number), false));
                    numbers.lock().unwrap().push((number, ended));
                }
                sending.fetch_sub(1, Ordering::SeqCst);
            });
        }
        for _ in 0..FLUSHERS {
            scope.spawn(move || {
                while sending.load(Ordering::SeqCst) > 0 {
                    let ended = place.flush();
                    // It may be the first to send what queued behind another.
                    if !matches!(ended.code, Some(0 | 69)) {
                        failed.lock().unwrap().push(ended);
                    }
                    flushes.fetch_add(1, Ordering::SeqCst);
                    // Also beside each other, without the turn of one at a time.
                    let _ = fs::remove_file(place.spool().join("lock"));
                }
            });
        }
    });
    // What was never sent is turned away once.
    place.drain();
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "{failed:?}");
    assert_eq!(place.inventory(), super::Inventory::default());
    let mut taken = HashMap::<String, usize>::new();
    for seen in oracle.seen() {
        *taken.entry(seen.body).or_default() += usize::from(seen.status == 200);
    }
    let numbers = numbers.into_inner().unwrap();
    assert_eq!(numbers.len(), messages);
    for (number, ended) in &numbers {
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert_eq!(
            taken.get(&body(*number)),
            Some(&1),
            "{:?}",
            oracle.answers(&body(*number))
        );
    }
    oracle.one_key_each();
    println!(
        "proof 7: {messages} messages by {SENDERS} senders and {} runs of {FLUSHERS} flushers, each accepted once",
        flushes.into_inner()
    );
}

/// With 401 among what is refused for good: 1,000 dead.
#[test]
fn proof_10_a_bad_token_makes_nothing_dead() {
    let messages = size(1_000, 100) as u64;
    let oracle = Oracle::new();
    let mut place = Place::new(oracle.url());
    let d = dir();
    place.path = d.path().to_owned();
    place.lay_out();
    let token = d.join("token");
    d.write("token", "bad", 0o600);
    let numbers: Vec<_> = (0..messages).map(|_| fresh()).collect();
    for number in &numbers {
        let (id, text) = place.message(*number, false);
        let with_token = format!("\"token\":{{\"file\":\"{}\"}}", token.display());
        let text = super::sealed(&text.replace("\"token\":null", &with_token));
        fs::write(place.spool().join("queue").join(id), text).unwrap();
    }
    for status in [401, 403, 407, 401] {
        oracle.answer(status);
        assert_eq!(place.flush().code, Some(77));
        let found = place.inventory();
        assert_eq!(
            (found.queue.len(), found.dead.len()),
            (messages as usize, 0),
            "{status}"
        );
    }
    fs::remove_file(&token).unwrap();
    assert_eq!(place.flush().code, Some(78), "no token at all");
    assert_eq!(place.inventory().dead.len(), 0);
    d.write("token", "good", 0o600);
    oracle.answer(200);
    assert_eq!(place.flush().code, Some(0));
    assert_eq!(place.inventory(), super::Inventory::default());
    for number in &numbers {
        let taken = oracle
            .answers(&body(*number))
            .iter()
            .filter(|status| **status == 200)
            .count();
        assert_eq!(taken, 1);
    }
    oracle.one_key_each();
    println!(
        "proof 10: {messages} messages through 401, 403, 407 and no token: 0 dead-lettered, all delivered"
    );
}

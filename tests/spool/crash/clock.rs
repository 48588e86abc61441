//! Proof 9: a clock that jumps.
//!
//! The clock of the machine is not touched: authpost compares the time now with the times that it noted earlier, so
//! moving those is the same as moving the clock the other way between two runs.
use super::{Oracle, Place, body, fresh, now, sealed};
use std::fs;

const DAY: i64 = 86_400;

/// With the age taken from the moment of arrival: "given up after 10 attempts". With the next try noted as a moment:
/// exit 0 when it should try, for it sticks.
#[test]
fn proof_9_a_clock_that_jumps_expires_nothing_and_nothing_sticks() {
    let today = now() as i64;
    let jumps = [
        ("none", 0),
        ("one day back", DAY),
        ("an hour back", 3600),
        ("to 1970", today),
        ("from 1970 to now", -today),
        ("ten years ahead", -3650 * DAY),
        ("ten years back", 3650 * DAY),
    ];
    let mut count = 0;
    for (jump, shift) in jumps {
        for tries in [0, 1, 9, 10, 1000] {
            // What was noted lies this far in the past by the clock as it is now.
            let noted = (today + shift).max(0);
            let oracle = Oracle::new();
            let place = Place::new(oracle.url());
            place.lay_out();
            let number = fresh();
            let (id, text) = place.message(number, false);
            let (head, tail) = text.split_once("\"created\":").unwrap();
            let tail = tail.trim_start_matches(|c: char| c.is_ascii_digit());
            let text = sealed(&format!("{head}\"created\":{noted}{tail}"));
            fs::write(place.spool().join("queue").join(&id), text).unwrap();
            let state = place.spool().join("state").join(&id);
            let target = place.spool().join("targets").join(&id[18..]);
            // A jump counts for a day at most, so it does not come to seven.
            let waited = 5 * DAY;
            if tries > 0 {
                let text = format!(
                    "{{\"tries\":{tries},\"last\":{noted},\"wait\":3600,\"waited\":{waited},\"error\":\"x\"}}"
                );
                // What is noted of either has the members of both.
                fs::write(&state, &text).unwrap();
                fs::write(&target, text).unwrap();
            }
            let what = format!("clock {jump}, {tries} attempts");
            let flush = || place.run(&[], &["flush", "-q", "s"]);
            oracle.answer(503);
            let ended = flush();
            let early = tries > 0 && jump == "none";
            assert_eq!(
                ended.code,
                Some(if early { 0 } else { 69 }),
                "{what}: {ended:?}"
            );
            assert_eq!(place.inventory().dead.len(), 0, "{what}: {ended:?}");
            // Then the clock is mended: what was noted under the wrong one must not hold the message back for long.
            let noted = fs::read_to_string(&target).unwrap();
            let wait: u64 = noted
                .split("\"wait\":")
                .nth(1)
                .unwrap()
                .split([',', '}'])
                .next()
                .unwrap()
                .parse()
                .unwrap();
            assert!(wait <= 3600, "{what}: {noted}");
            let last = noted
                .split("\"last\":")
                .nth(1)
                .unwrap()
                .split(',')
                .next()
                .unwrap();
            let later = noted.replace(
                &format!("\"last\":{last}"),
                &format!("\"last\":{}", now() - wait),
            );
            fs::write(&target, later).unwrap();
            oracle.answer(200);
            let ended = flush();
            assert_eq!(ended.code, Some(0), "{what}: it sticks: {ended:?}");
            assert_eq!(
                oracle.answers(&body(number)).last(),
                Some(&200),
                "{what}: it sticks"
            );
            count += 1;
        }
    }
    println!("proof 9: {count} messages through jumps of the clock: none given up, none stuck");
}

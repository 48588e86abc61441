//! Proof 3: every call to the file system fails once.
use super::kill::{CASES, Case, refs};
use super::{Oracle, Place, body, calls, fresh, full, size};
use crate::support::need;
use std::fs;

const ERRORS: &[&str] = &["EIO", "ENOSPC", "EDQUOT", "EROFS", "EACCES", "EMFILE"];

/// With the errors of `sync_all` thrown away: "a sync failed, and it said 0".
#[test]
fn proof_3_every_file_system_call_fails_once() {
    if !need("strace") {
        return;
    }
    let oracle = Oracle::new();
    let (mut runs, mut counter) = (0, 0);
    for case in CASES {
        let model = Place::new(oracle.url());
        oracle.answer(case.status);
        let args = case.prepare(&model, fresh());
        let calls = calls(&model, &refs(&args));
        let spool = model.spool();
        let calls: Vec<_> = calls
            .iter()
            .filter(|call| call.is_in(&spool) || call.name == "pipe2")
            .filter(|call| call.name != "execve" && call.name != "close")
            .collect();
        assert!(calls.len() > 5, "strace says nothing: {calls:?}");
        for call in calls {
            for error in ERRORS {
                counter += 1;
                if !full() && counter % size(1, 41) != 0 {
                    continue;
                }
                let place = Place::new(oracle.url());
                oracle.answer(case.status);
                let number = fresh();
                let args = case.prepare(&place, number);
                let inject = call.inject(&format!("error={error}"));
                let before = ["strace", "-o", "/dev/null", "-e", &inject];
                let ended = place.run(&before, &refs(&args));
                let what = format!("{error} by {}\n{}", call.line, ended.stderr);
                // A bug has an exit code of its own, and a panic another.
                assert!(
                    matches!(ended.code, Some(0 | 65 | 66 | 69 | 73 | 74 | 76 | 78)),
                    "{case:?}: {what}: exit {:?}",
                    ended.code
                );
                // A quiet flush says nothing of what it will send again.
                let is_retried = case.verb == "flush" && (case.status == 503 || case.idempotent);
                let is_silent = is_retried && matches!(ended.code, Some(69 | 74));
                if ended.code != Some(0) && !is_silent {
                    assert!(
                        ended.stderr.starts_with("HTTP/1.1 ")
                            || ended.stderr.starts_with("authpost: "),
                        "{what}"
                    );
                }
                // Any other step may be repeated; where it led is judged below.
                assert!(
                    call.name != "fsync" || ended.code != Some(0),
                    "{case:?}: a sync failed, and it said 0: {what}"
                );
                // Whoever runs it again then must not send it twice.
                if case.verb.is_empty() && ended.claim.starts_with("nothing was sent") {
                    let sent = oracle.answers(&body(number));
                    assert!(sent.is_empty(), "{case:?}: {what}: {}", ended.claim);
                    let stored = ["queue", "active", "dead"].map(|name| {
                        fs::read_dir(place.spool().join(name)).map_or(0, Iterator::count)
                    });
                    assert_eq!(stored, [0; 3], "{case:?}: {what}: {}", ended.claim);
                }
                let code = Case::code(ended.code, &ended.stderr);
                case.judge(&place, &oracle, number, code, &what);
                runs += 1;
            }
        }
    }
    oracle.one_key_each();
    println!("proof 3: {runs} runs with one call failing in each");
}

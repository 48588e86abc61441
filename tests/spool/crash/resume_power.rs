//! Proofs 4 and 5 for `--lines --resume`: the power goes, and what that costs when a sync is left out.
use super::resume::{args, go_on, prepare, wait_idle};
use super::volume::{Cut, Disk, Kind, done};
use super::{Call, Oracle, Place, Random, calls, full, size};
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

/// A run over a few lines on the disk, whose input is there for good.
fn on_disk(disk: &Disk, oracle: &Oracle, count: usize) -> (Place, Vec<String>) {
    let path = disk.at.join(super::fresh().to_string());
    fs::create_dir(&path).unwrap();
    let place = Place {
        path,
        url: oracle.url(),
        _dir: None,
    };
    let lines = prepare(&place, count);
    assert!(done("sync", &["-f", disk.at.to_str().unwrap()]), "sync");
    (place, lines)
}

/// The system calls of such a run.
fn model(oracle: &Oracle, idempotent: bool) -> Vec<Call> {
    let model = Place::new(oracle.url());
    prepare(&model, LINES);
    calls(&model, &args(&model, idempotent, &[]))
}

const LINES: usize = 6;

/// Runs with what strace is told to do, cuts the power at its end, and goes on; if so, after somebody else's sync.
fn cut_after(
    disk: &mut Disk,
    oracle: &Oracle,
    inject: &[String],
    (idempotent, commit): (bool, bool),
    what: &str,
) {
    let (place, lines) = on_disk(disk, oracle, LINES);
    let mut before = vec!["strace", "-o", "/dev/null"];
    for inject in inject {
        before.extend(["-e", inject]);
    }
    place.run(&before, &args(&place, idempotent, &[]));
    if commit {
        disk.commit();
    }
    disk.cut();
    disk.restore();
    wait_idle(oracle);
    go_on(&place, oracle, &lines, idempotent, what);
    let _ = fs::remove_dir_all(&place.path);
}

/// A cut at each call that the disk or the API notices, and then at random, twice in each run over lines.
pub fn the_power_goes(kind: Kind) {
    let (oracle, mut disk) = (Oracle::new(), Disk::new(kind));
    let mut cuts = 0;
    for idempotent in [false, true] {
        let of_note = |call: &&Call| {
            let names = ["/state", "<socket:", "<TCP", "fsync(", "exit_group("];
            names.iter().any(|name| call.line.contains(name))
        };
        let calls = model(&oracle, idempotent);
        let calls: Vec<_> = calls.iter().filter(of_note).collect();
        assert!(calls.len() > 20, "strace says nothing");
        let first = size(0, 3 * usize::from(idempotent));
        for call in calls.iter().skip(first).step_by(size(1, 9)) {
            let commits = match full() {
                true => &[false, true][..],
                false => &[cuts % 2 == 0],
            };
            for commit in commits {
                let inject = [call.inject("signal=KILL")];
                let what = format!("{}, somebody else's sync: {commit}", call.line);
                cut_after(&mut disk, &oracle, &inject, (idempotent, *commit), &what);
                cuts += 1;
            }
        }
    }
    let at_boundaries = cuts;
    let mut random = Random(5);
    for round in 0..size(100, 5) {
        let idempotent = round % 2 == 0;
        let (place, lines) = on_disk(&disk, &oracle, 40);
        for _ in 0..2 {
            let mut child = place
                .command(&[], &args(&place, idempotent, &[]))
                .spawn()
                .unwrap();
            std::thread::sleep(Duration::from_micros(random.below(25_000)));
            let commit = random.below(2) == 0;
            let mut kill = || {
                child.kill().unwrap();
                child.wait().unwrap();
            };
            // It must not go on when its disk is gone, unless it can see that.
            if kind.cut == Cut::Clone {
                kill();
            }
            if commit {
                disk.commit();
            }
            disk.cut();
            if kind.cut == Cut::Stop {
                kill();
            }
            disk.restore();
            wait_idle(&oracle);
            cuts += 1;
        }
        let what = format!("round {round}");
        go_on(&place, &oracle, &lines, idempotent, &what);
        let _ = fs::remove_dir_all(&place.path);
    }
    oracle.one_key_each();
    let name = kind.name;
    println!(
        "proof resume: {name}: the power cut {cuts} times, {at_boundaries} of them at boundaries"
    );
    without_any_one_sync(&oracle, &mut disk);
}

/// The control: without any one sync, except for the one at the end, lines are sent twice.
fn without_any_one_sync(oracle: &Oracle, disk: &mut Disk) {
    let calls = model(oracle, false);
    let syncs: Vec<_> = (0..calls.len())
        .filter(|at| calls[*at].name == "fdatasync")
        .collect();
    assert!(syncs.len() > 2, "{syncs:?}");
    let last = syncs.len() - 1;
    for (index, at) in syncs.iter().enumerate() {
        let no_sync = calls[*at].inject("retval=0");
        // The power goes before more is written, when what was reserved has been sent.
        let is_write = |call: &&Call| call.name.starts_with("pwrite");
        let more = calls[*at..].iter().find(is_write);
        let kill = more.map(|call| call.inject("signal=KILL"));
        let ends: Vec<_> = [Some(no_sync), kill].into_iter().flatten().collect();
        let judged = catch_unwind(AssertUnwindSafe(|| {
            cut_after(disk, oracle, &ends, (false, false), &calls[*at].line);
        }));
        let name = disk.kind.name;
        assert_eq!(
            judged.is_err(),
            index < last,
            "{name}: without sync {index} of {last}"
        );
    }
    println!(
        "proof resume: {}: without any one of {last} syncs, lines are lost or sent twice",
        disk.kind.name
    );
}

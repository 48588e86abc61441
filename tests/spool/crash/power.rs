//! Proofs 4 and 5: the power goes, and what that costs when a sync is left out.
use super::kill::{CASES, Case, refs};
use super::volume::{self, Cut, Disk, Kind, done};
use super::{Call, Oracle, Place, Random, calls, fresh, full, resume_power, size};
use crate::support::in_private_mounts;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

impl Disk {
    /// A case ready to run, on the disk for good.
    fn prepare(&self, case: Case, oracle: &Oracle, number: u64) -> (Place, Vec<String>) {
        let path = self.at.join(number.to_string());
        fs::create_dir(&path).unwrap();
        let place = Place {
            path,
            url: oracle.url(),
            _dir: None,
        };
        oracle.answer(case.status);
        let args = case.prepare(&place, number);
        assert!(done("sync", &["-f", self.at.to_str().unwrap()]), "sync");
        (place, args)
    }
}

/// The calls of a case that the disk or the API notices.
fn boundaries(case: Case, oracle: &Oracle) -> Vec<Call> {
    let model = Place::new(oracle.url());
    oracle.answer(case.status);
    let args = case.prepare(&model, fresh());
    let (all, spool) = (calls(&model, &refs(&args)), model.spool());
    let of_note = |call: &&Call| {
        call.is_in(&spool)
            || call.line.contains("<socket:")
            || call.line.contains("<TCP")
            || call.name == "exit_group"
    };
    all.iter().filter(of_note).cloned().collect()
}

/// Runs `case` with what strace is told to do to it, cuts the power at its end, and judges; if so, after somebody
/// else's sync.
fn cut_after(
    disk: &mut Disk,
    case: Case,
    oracle: &Oracle,
    inject: &[String],
    commit: bool,
    what: &str,
) {
    let number = fresh();
    let (place, args) = disk.prepare(case, oracle, number);
    let mut before = vec!["strace", "-o", "/dev/null"];
    for inject in inject {
        before.extend(["-e", inject]);
    }
    let ended = place.run(&before, &refs(&args));
    if commit {
        disk.commit();
    }
    disk.cut();
    disk.restore();
    let code = Case::code(ended.code, &ended.stderr);
    case.judge(&place, oracle, number, code, what);
    let _ = fs::remove_dir_all(&place.path);
}

/// Tests of both proofs on a file system.
macro_rules! on {
    ($($module:ident: $kind:expr;)*) => {$(
        mod $module {
            use super::{in_private_mounts, resume_power, volume};
            use super::{at_every_boundary_and_at_random, without_any_one_sync};

            #[test]
            fn proof_4_the_power_goes_at_every_boundary_and_at_random() {
                let name = concat!("spool::crash::power::", stringify!($module),
                    "::proof_4_the_power_goes_at_every_boundary_and_at_random");
                if $kind.is_here() && in_private_mounts(name) {
                    at_every_boundary_and_at_random($kind);
                }
            }

            #[test]
            fn proof_5_without_any_one_sync_something_is_lost() {
                let name = concat!("spool::crash::power::", stringify!($module),
                    "::proof_5_without_any_one_sync_something_is_lost");
                if $kind.is_here() && in_private_mounts(name) {
                    without_any_one_sync($kind);
                }
            }

            #[test]
            fn a_run_over_lines_goes_on_after_power_cuts() {
                let name = concat!("spool::crash::power::", stringify!($module),
                    "::a_run_over_lines_goes_on_after_power_cuts");
                if $kind.is_here() && in_private_mounts(name) {
                    resume_power::the_power_goes($kind);
                }
            }
        }
    )*};
}

on! {
    ext4: volume::EXT4;
    ext4_writeback: volume::WRITEBACK;
    ext4_fast_commit: volume::FAST_COMMIT;
    overlayfs: volume::OVERLAY;
    xfs: volume::XFS;
    btrfs: volume::BTRFS;
}

/// With the new directory synced in place of the moved file: "kept, but not delivered" on btrfs, and "dropped, and still
/// there" on xfs. Without the question after each sync: "sent twice" on xfs. The syncs themselves are proof 5.
fn at_every_boundary_and_at_random(kind: Kind) {
    let (oracle, mut disk) = (Oracle::new(), Disk::new(kind));
    let mut cuts = 0;
    for (index, case) in CASES.iter().enumerate() {
        let step = size(1, 29);
        for call in boundaries(*case, &oracle)
            .iter()
            .skip(index % step)
            .step_by(step)
        {
            let inject = [call.inject("signal=KILL")];
            let commits = if full() {
                &[false, true][..]
            } else {
                &[cuts % 2 == 0]
            };
            for commit in commits {
                let what = format!("{}, somebody else's sync: {commit}", call.line);
                cut_after(&mut disk, *case, &oracle, &inject, *commit, &what);
                cuts += 1;
            }
        }
    }
    let at_boundaries = cuts;
    let mut random = Random(4);
    while cuts < at_boundaries + size(1_000, 15) {
        let case = CASES[random.below(CASES.len() as u64) as usize];
        let number = fresh();
        let (place, args) = disk.prepare(case, &oracle, number);
        let mut child = place
            .command(&[], &refs(&args))
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_micros(random.below(12_000)));
        let commit = random.below(2) == 0;
        match kind.cut {
            // The process may see that its disk is gone.
            Cut::Stop => {
                if commit {
                    disk.commit();
                }
                disk.cut();
                child.kill().unwrap();
            }
            // It must not go on when its disk is gone; the system call that it is in does.
            Cut::Clone => {
                child.kill().unwrap();
                if commit {
                    disk.commit();
                }
                disk.cut();
            }
        }
        let ended = child.wait_with_output().unwrap();
        let stderr = String::from_utf8_lossy(&ended.stderr);
        let code = Case::code(ended.status.code(), &stderr);
        disk.restore();
        case.judge(&place, &oracle, number, code, "at random");
        let _ = fs::remove_dir_all(&place.path);
        cuts += 1;
    }
    oracle.one_key_each();
    let name = kind.name;
    println!("proof 4: {name}: the power cut {cuts} times, {at_boundaries} of them at boundaries");
}

/// Which step of the protocol a sync belongs to: what was done to the spool before it.
fn role(calls: &[Call], at: usize, spool: &Path) -> String {
    let places = |line: &str| -> Vec<String> {
        let start = format!("{}/", spool.display());
        line.split(&start)
            .skip(1)
            .map(|rest| rest.split(['/', '"', '>']).next().unwrap().to_owned())
            .collect()
    };
    let changes = ["write", "rename", "unlink", "mkdir"];
    let before = calls[..at].iter().rev().find(|call| {
        let noted = ["/state/", "/targets/", "/delivered", "/bytes"];
        let is_of_note = !noted.iter().any(|path| call.line.contains(path));
        call.is_in(spool) && changes.contains(&call.name.as_str()) && is_of_note
    });
    let before = before.unwrap();
    match before.name.as_str() {
        "mkdir" => match calls[at].line.contains(&format!("{}>", spool.display())) {
            true => "the directories".to_owned(),
            false => "the directory of the spool".to_owned(),
        },
        name => format!("{name} {}", places(&before.line).join(" to ")),
    }
}

/// The control: what proof 4 cannot find, it cannot prove.
fn without_any_one_sync(kind: Kind) {
    let (oracle, mut disk) = (Oracle::new(), Disk::new(kind));
    let (mut lost, mut roles) = (BTreeMap::new(), BTreeSet::new());
    let mut cuts = 0;
    for case in CASES {
        let model = Place::new(oracle.url());
        oracle.answer(case.status);
        let args = case.prepare(&model, fresh());
        let all = calls(&model, &refs(&args));
        for (at, sync) in all
            .iter()
            .enumerate()
            .filter(|(_, call)| call.name == "fsync")
        {
            let role = role(&all, at, &model.spool());
            roles.insert(role.clone());
            if lost.contains_key(&role) {
                continue;
            }
            // The power goes at the end of the run; or while the answer is waited for; or before the next sync, after
            // somebody else's.
            let kill = |call: &Call| call.inject("signal=KILL");
            let waits = all[at..].iter().find(|call| call.name == "recvfrom");
            let behind = all[at + 1..]
                .iter()
                .skip_while(|call| call.name != "fsync")
                .find(|call| call.name != "fsync");
            let ends = [
                Some((vec![sync.inject("retval=0")], false)),
                waits.map(|call| (vec![sync.inject("retval=0"), kill(call)], false)),
                behind.map(|call| {
                    (
                        vec![format!("{}+", sync.inject("retval=0")), kill(call)],
                        true,
                    )
                }),
            ];
            for (inject, commit) in ends.into_iter().flatten() {
                cuts += 1;
                let judged = catch_unwind(AssertUnwindSafe(|| {
                    cut_after(&mut disk, *case, &oracle, &inject, commit, &sync.line);
                }));
                if let Err(why) = judged {
                    let why = why.downcast::<String>().map_or("?".to_owned(), |why| *why);
                    lost.insert(role, why);
                    break;
                }
            }
        }
    }
    let name = kind.name;
    for (role, why) in &lost {
        println!("proof 5: {name}: without the sync after '{role}': {why}");
    }
    println!(
        "proof 5: {name}: {} of {} syncs, {cuts} cuts",
        lost.len(),
        roles.len()
    );
    let idle: Vec<_> = roles
        .iter()
        .filter(|role| !lost.contains_key(*role))
        .collect();
    assert_eq!(idle, kind.spares, "{name}: {lost:#?}");
}

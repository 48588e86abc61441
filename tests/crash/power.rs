//! Proofs 4 and 5: the power goes, and what that costs when a sync is left out.
//!
//! The disk is an ext4 in a file, mounted by way of a loop device. `EXT4_IOC_SHUTDOWN` with flag 2 stops it at once and
//! throws away what was not written, its journal's open transaction included; then it is mounted again.
use super::kill::{CASES, Case, refs};
use super::{Call, Oracle, Place, Random, calls, fresh, size};
use crate::support::{Dir, dir, need, need_root};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

/// Everything that these proofs need is there.
fn ready() -> bool {
    need_root() && need("strace") && need("python3") && need("mkfs.ext4") && need("mount")
}

/// Stops file systems: an `ioctl` is nothing that safe Rust can say.
const CUTTER: &str = "
import fcntl, os, struct, sys
for line in sys.stdin:
    fd = os.open(line.rstrip('\\n'), os.O_RDONLY)
    fcntl.ioctl(fd, 0x8004587d, struct.pack('I', 2))
    os.close(fd)
    print('cut', flush=True)
";

/// An ext4 whose power can be cut.
struct Disk {
    at: PathBuf,
    image: PathBuf,
    cutter: (Child, ChildStdin, BufReader<ChildStdout>),
    _dir: Dir,
}

fn done(program: &str, args: &[&str]) -> bool {
    Command::new(program)
        .args(args)
        .stderr(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .is_ok_and(|s| s.success())
}

impl Disk {
    fn new() -> Disk {
        let dir = dir();
        let (image, at) = (dir.join("image"), dir.join("disk"));
        fs::create_dir(&at).unwrap();
        fs::File::create(&image).unwrap().set_len(32 << 20).unwrap();
        assert!(
            done("mkfs.ext4", &["-q", "-F", image.to_str().unwrap()]),
            "mkfs.ext4"
        );
        let mut child = Command::new("python3")
            .args(["-c", CUTTER])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let disk = Disk {
            at,
            image,
            cutter: (child, stdin, BufReader::new(stdout)),
            _dir: dir,
        };
        disk.mount();
        disk
    }

    fn mount(&self) {
        // Nothing is written by the mere passing of time.
        let args = [
            "-o",
            "loop,commit=900",
            self.image.to_str().unwrap(),
            self.at.to_str().unwrap(),
        ];
        assert!(done("mount", &args), "mount");
    }

    fn unmount(&self) {
        for _ in 0..200 {
            if done("umount", &[self.at.to_str().unwrap()]) {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("umount");
    }

    /// Now.
    fn cut(&mut self) {
        let (_, stdin, stdout) = &mut self.cutter;
        writeln!(stdin, "{}", self.at.display()).unwrap();
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        assert_eq!(line, "cut\n");
    }

    /// And on again.
    fn restore(&self) {
        self.unmount();
        self.mount();
    }

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

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = self.cutter.0.kill();
        let _ = self.cutter.0.wait();
        done("umount", &["-l", self.at.to_str().unwrap()]);
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

/// Runs `case` with what strace is told to do to it, cuts the power at its end, and judges.
fn cut_after(disk: &mut Disk, case: Case, oracle: &Oracle, inject: &[String], what: &str) {
    let number = fresh();
    let (place, args) = disk.prepare(case, oracle, number);
    let mut before = vec!["strace", "-o", "/dev/null"];
    for inject in inject {
        before.extend(["-e", inject]);
    }
    let ended = place.run(&before, &refs(&args));
    disk.cut();
    disk.restore();
    let code = Case::code(ended.code, &ended.stderr);
    case.judge(&place, oracle, number, code, what);
    let _ = fs::remove_dir_all(&place.path);
}

/// With a message's file not synced: "damaged". The other syncs are proof 5.
#[test]
fn proof_4_the_power_goes_at_every_boundary_and_at_random() {
    if !ready() {
        return;
    }
    let (oracle, mut disk) = (Oracle::new(), Disk::new());
    let mut cuts = 0;
    for (index, case) in CASES.iter().enumerate() {
        let step = size(1, 29);
        for call in boundaries(*case, &oracle)
            .iter()
            .skip(index % step)
            .step_by(step)
        {
            cut_after(
                &mut disk,
                *case,
                &oracle,
                &[call.inject("signal=KILL")],
                &call.line,
            );
            cuts += 1;
        }
    }
    let at_boundaries = cuts;
    let mut random = Random(4);
    while cuts < size(2_000, at_boundaries + 15) {
        let case = CASES[random.below(CASES.len() as u64) as usize];
        let number = fresh();
        let (place, args) = disk.prepare(case, &oracle, number);
        let mut child = place
            .command(&[], &refs(&args))
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_micros(random.below(12_000)));
        disk.cut();
        let _ = child.kill();
        let ended = child.wait_with_output().unwrap();
        let stderr = String::from_utf8_lossy(&ended.stderr);
        let code = Case::code(ended.status.code(), &stderr);
        disk.restore();
        case.judge(&place, &oracle, number, code, "at random");
        let _ = fs::remove_dir_all(&place.path);
        cuts += 1;
    }
    oracle.one_key_each();
    println!("proof 4: the power cut {cuts} times, {at_boundaries} of them at boundaries");
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
        call.is_in(spool) && changes.contains(&call.name.as_str()) && !call.line.contains("/state/")
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
#[test]
fn proof_5_without_any_one_sync_something_is_lost() {
    if !ready() {
        return;
    }
    let (oracle, mut disk) = (Oracle::new(), Disk::new());
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
            // The power goes at the end of the run, or while the answer is waited for.
            let waits = all[at..].iter().find(|call| call.name == "recvfrom");
            let ends = [None, waits.map(|call| call.inject("signal=KILL"))];
            for end in ends.iter().take(if waits.is_some() { 2 } else { 1 }) {
                let mut inject = vec![sync.inject("retval=0")];
                inject.extend(end.clone());
                cuts += 1;
                let judged = catch_unwind(AssertUnwindSafe(|| {
                    cut_after(&mut disk, *case, &oracle, &inject, &sync.line);
                }));
                if let Err(why) = judged {
                    let why = why.downcast::<String>().map_or("?".to_owned(), |why| *why);
                    lost.insert(role, why);
                    break;
                }
            }
        }
    }
    for (role, why) in &lost {
        println!("proof 5: without the sync after '{role}': {why}");
    }
    println!(
        "proof 5: {} of {} syncs, {cuts} cuts",
        lost.len(),
        roles.len()
    );
    // These two are for file systems that promise less than ext4: its journal brings the directories along with the
    // first message.
    let more_than_ext4_needs = ["the directories", "the directory of the spool"];
    let idle: Vec<_> = roles
        .iter()
        .filter(|role| !lost.contains_key(*role))
        .collect();
    assert_eq!(idle, more_than_ext4_needs, "{lost:#?}");
}

//! Proof 8: one bad message among good ones, bad in every way there is.
use super::{Oracle, Place, body, fresh};
use crate::support::{need_root, test};
use std::fs;
use std::os::unix::fs::{chown, symlink};
use std::os::unix::net::UnixListener;
use std::process::Command;
use std::time::Duration;

/// Without the checksum, damage passes for another version: exit 78. Without the look at the file's type, the flush hangs
/// on the FIFO, and is "killed, still running after 60s".
#[test]
fn proof_8_damage_is_set_aside_and_the_good_ones_delivered() {
    let oracle = Oracle::new();
    let place = Place::new(oracle.url());
    place.lay_out();
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    let mut plant_good = || {
        let number = fresh();
        place.plant("queue", number, false);
        good.push(body(number));
    };
    let queue = place.spool().join("queue");
    let length = place.message(fresh(), false).1.len();
    let mut damaged = |change: &dyn Fn(&mut Vec<u8>)| {
        let (id, text) = place.message(fresh(), false);
        let mut bytes = text.into_bytes();
        change(&mut bytes);
        fs::write(queue.join(&id), bytes).unwrap();
        bad.push(id);
    };
    for at in 0..length {
        damaged(&|bytes| bytes.truncate(at));
        for mask in [0x01, 0x20, 0xff] {
            damaged(&|bytes| {
                // The numbers differ in length by a digit at most; the last byte stands for those beyond the end.
                let at = at.min(bytes.len() - 1);
                bytes[at] ^= mask;
            });
        }
        if at % 50 == 0 {
            plant_good();
        }
    }
    for tail in [&b"x"[..], b"\n", b"\0", &[b'x'; 5000]] {
        damaged(&|bytes| bytes.extend_from_slice(tail));
    }
    damaged(&|bytes| bytes.insert(0, b' '));
    damaged(&|bytes| bytes.iter_mut().for_each(|byte| *byte = 0));
    let mut strange = |make: &dyn Fn(&std::path::Path)| {
        let id = place.message(fresh(), false).0;
        make(&queue.join(&id));
        bad.push(id);
    };
    let outside = place.path.join("outside");
    fs::write(&outside, place.message(fresh(), false).1).unwrap();
    strange(&|path| assert!(Command::new("mkfifo").arg(path).status().unwrap().success()));
    strange(&|path| fs::create_dir(path).unwrap());
    strange(&|path| fs::create_dir_all(path.join("full")).unwrap());
    strange(&|path| symlink(&outside, path).unwrap());
    strange(&|path| symlink("/dev/zero", path).unwrap());
    strange(&|path| symlink("nowhere", path).unwrap());
    strange(&|path| drop(UnixListener::bind(path).unwrap()));
    for name in ["README", ".hidden", "0123", &"f".repeat(255)] {
        fs::write(queue.join(name), place.message(fresh(), false).1).unwrap();
        bad.push(name.to_owned());
    }
    if need_root() {
        let mut strange = |make: &dyn Fn(&std::path::Path)| {
            let number = fresh();
            let id = place.plant("queue", number, false);
            make(&queue.join(&id));
            bad.push(id);
        };
        strange(&|path| chown(path, Some(12345), Some(12345)).unwrap());
    }
    plant_good();
    let ran = test()
        .args(["flush".to_owned(), place.spool().display().to_string()])
        .watchdog(Duration::from_secs(60))
        .run()
        .stderr_like("**");
    let output = ran.code(65);
    for line in output.stderr.lines() {
        let known = line.starts_with("authpost: dead-lettering '")
            || line.starts_with("authpost: the spool '");
        assert!(known, "{line}");
    }
    let names = |place_name: &str| {
        let entries = fs::read_dir(place.spool().join(place_name)).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    bad.sort();
    assert_eq!(names("dead"), bad, "set aside");
    assert_eq!((names("queue").len(), names("active").len()), (0, 0));
    let mut seen: Vec<_> = oracle.seen().into_iter().map(|seen| seen.body).collect();
    seen.sort();
    good.sort();
    assert_eq!(seen, good, "delivered");
    let count = bad.len();
    // They can be listed, do not go back, and can be dropped, but for a directory that holds something.
    assert_eq!(place.run(&[], &["list", "s"]).code, Some(0));
    place.run(&[], &["retry", "-q", "s", "--all"]);
    // All but the stranger's, which is whole: it is a stranger's still.
    assert_eq!(names("dead").len(), count);
    place.run(&[], &["drop", "-q", "s", "--all"]);
    assert_eq!(names("dead").len(), 1);
    println!(
        "proof 8: {count} bad files set aside, {} good messages delivered",
        good.len()
    );
}

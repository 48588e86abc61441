//! Proof 6: a disk that is full at every byte.
use super::{Oracle, Place, body, fresh, size};
use crate::support::{need, need_root};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A file system of its own, gone with the value.
struct Mounted(PathBuf);

impl Mounted {
    fn tmpfs(at: &Path, pages: usize) -> Mounted {
        fs::create_dir_all(at).unwrap();
        let options = format!("size={},mode=700", pages * 4096);
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "tmpfs"])
            .arg(at)
            .status();
        assert!(mounted.unwrap().success(), "mount");
        Mounted(at.to_owned())
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// Accepts one message where there is room for `limit` bytes of a file, and judges.
fn accept(place: &Place, oracle: &Oracle, before: &[&str], what: &str) -> Option<i32> {
    let number = fresh();
    let it = body(number);
    oracle.answer(503);
    let ended = place.run(before, &place.sending(&it, false));
    let found = place.inventory();
    match ended.code {
        Some(0) => assert_eq!(found.queue, [it.as_str()], "{what}: {ended:?}"),
        Some(73) => {
            assert_eq!(found, super::Inventory::default(), "{what}: {ended:?}");
            assert!(
                oracle.answers(&it).is_empty(),
                "{what}: sent without being kept"
            );
        }
        code => panic!("{what}: exit {code:?}: {ended:?}"),
    }
    oracle.answer(200);
    place.flush();
    let taken = oracle.answers(&it).contains(&200);
    assert_eq!(taken, ended.code == Some(0), "{what}: {ended:?}");
    ended.code
}

/// With a failed write ignored: exit 0, and "damaged" in the queue.
#[test]
fn proof_6_a_full_disk_takes_all_of_a_message_or_nothing() {
    if !need("prlimit") || !need("mount") || !need_root() {
        return;
    }
    let oracle = Oracle::new();
    // By the byte: a limit on the length of files, which cuts a write short as a full disk does.
    let place = Place::new(oracle.url());
    place.lay_out();
    let number = fresh();
    let length = place.message(number, false).1.len() + 40;
    let (mut full, mut room) = (0, 0);
    for limit in (0..length + 4096).step_by(size(1, 251)) {
        let limit = format!("trap '' XFSZ; exec prlimit --fsize={limit} \"$@\"");
        match accept(&place, &oracle, &["sh", "-c", &limit, "sh"], &limit) {
            Some(73) => full += 1,
            _ => room += 1,
        }
    }
    assert!(full > 0 && room > 0, "{full} full, {room} with room");
    // By the page: a small file system with more and more room left.
    for left in 0..8 {
        let at = place.path.join("tmpfs");
        let _mounted = Mounted::tmpfs(&at, 64);
        let mut inner = place.clone();
        inner.path = at.clone();
        inner.lay_out();
        fill(&at.join("filler"), left);
        accept(&inner, &oracle, &[], &format!("{left} pages left"));
    }
    // And one that is full to the last byte is drained.
    let at = place.path.join("tmpfs");
    let _mounted = Mounted::tmpfs(&at, 256);
    let mut inner = place.clone();
    inner.path = at.clone();
    inner.lay_out();
    let numbers: Vec<_> = (0..100).map(|_| fresh()).collect();
    for number in &numbers {
        inner.plant("queue", *number, false);
    }
    fill(&at.join("filler"), 0);
    for status in [503, 200] {
        oracle.answer(status);
        let ended = inner.flush();
        assert_eq!(
            ended.code,
            Some(if status == 200 { 0 } else { 69 }),
            "{ended:?}"
        );
    }
    assert_eq!(inner.inventory(), super::Inventory::default());
    assert!(
        numbers
            .iter()
            .all(|number| oracle.answers(&body(*number)).ends_with(&[200]))
    );
    oracle.one_key_each();
    println!(
        "proof 6: {} sizes of disk ({full} too small); one 100 % full drained of 100 messages",
        full + room
    );
}

/// Fills the file system, and then frees so many pages.
fn fill(file: &Path, left: usize) {
    let _ = Command::new("dd")
        .args(["if=/dev/zero", "bs=4096", &format!("of={}", file.display())])
        .stderr(std::process::Stdio::null())
        .status();
    let length = fs::metadata(file).unwrap().len();
    fs::OpenOptions::new()
        .write(true)
        .open(file)
        .unwrap()
        .set_len(length - 4096 * left as u64)
        .unwrap();
}

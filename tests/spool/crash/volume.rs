//! Disks that lose power: file systems in images on loop devices.
//!
//! Everything is in a tmpfs of the test's own, in a private mount tree. A file system that was cut off is mounted again
//! only when the loop device of its image is free, which means that the kernel has dropped its superblock.
use crate::support::{Dir, dir, in_private_mounts, need, need_root, skipped};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

/// How the power is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// `FS_IOC_SHUTDOWN` stops the file system at once and throws away what was not written, the open transaction of its
    /// journal included. Whoever still works on it gets errors.
    Stop,
    /// An atomic clone of the image takes the place of the image. Whoever still works on the old one would not notice.
    Clone,
}

/// A kind of file system.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    pub name: &'static str,
    make: &'static [&'static str],
    /// Nothing is written by the mere passing of time.
    options: &'static str,
    pub cut: Cut,
    overlay: bool,
    /// The syncs without which it loses nothing, as proof 5 calls them.
    pub spares: &'static [&'static str],
}

/// For file systems that promise less: a journal brings the directories along with the first message.
const DIRECTORIES: &[&str] = &["the directories", "the directory of the spool"];

const fn ext4(name: &'static str, make: &'static [&'static str], options: &'static str) -> Kind {
    Kind {
        name,
        make,
        options,
        cut: Cut::Stop,
        overlay: false,
        spares: DIRECTORIES,
    }
}

pub const EXT4: Kind = ext4("ext4", &["mkfs.ext4", "-q", "-F"], "loop,commit=900");
pub const WRITEBACK: Kind = ext4(
    "ext4, data=writeback",
    EXT4.make,
    "loop,commit=900,data=writeback",
);
pub const FAST_COMMIT: Kind = ext4(
    "ext4, fast_commit",
    &["mkfs.ext4", "-q", "-F", "-O", "fast_commit"],
    EXT4.options,
);
pub const OVERLAY: Kind = Kind {
    name: "overlayfs on ext4",
    overlay: true,
    ..EXT4
};
pub const XFS: Kind = Kind {
    name: "xfs",
    make: &["mkfs.xfs", "-q", "-f"],
    options: "loop",
    ..EXT4
};
pub const BTRFS: Kind = Kind {
    name: "btrfs",
    make: &["mkfs.btrfs", "-q", "-f", "--mixed"],
    options: "loop,commit=900",
    cut: Cut::Clone,
    ..EXT4
};

impl Kind {
    /// Whether everything that it needs is here.
    pub fn is_here(self) -> bool {
        let programs = ["strace", "python3", "mount", "unshare", self.make[0]];
        need_root()
            && programs.iter().all(|program| need(program))
            && (self.cut == Cut::Stop || need(XFS.make[0]) && knows("xfs"))
            && (!self.overlay || knows("overlay"))
            && knows(self.make[0].trim_start_matches("mkfs."))
    }
}

/// Whether the kernel has this file system.
fn knows(name: &str) -> bool {
    let has = || {
        let all = fs::read_to_string("/proc/filesystems").unwrap();
        all.lines().any(|line| line.ends_with(&format!("\t{name}")))
    };
    // Mounting would load it as well.
    has() || done("modprobe", &[name]) && has() || skipped(&format!("the kernel has no {name}"))
}

/// Makes the `ioctl`s that safe Rust cannot: `FS_IOC_SHUTDOWN`, `FICLONE`, `BTRFS_IOC_START_SYNC` and `_WAIT_SYNC`.
const IOCTLS: &str = "
import fcntl, os, struct, sys
for line in sys.stdin:
    verb, at, *to = line.rstrip('\\n').split(' ')
    fd = os.open(at, os.O_RDONLY)
    if verb == 'stop':
        fcntl.ioctl(fd, 0x8004587d, struct.pack('I', 2))
    elif verb == 'clone':
        clone = os.open(to[0], os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        fcntl.ioctl(clone, 0x40049409, fd)
        os.close(clone)
    elif verb == 'commit':
        fcntl.ioctl(fd, 0x40089416, fcntl.ioctl(fd, 0x80089418, bytes(8)))
    os.close(fd)
    print('done', flush=True)
";

/// A disk whose power can be cut.
pub struct Disk {
    pub kind: Kind,
    /// Where it is mounted.
    pub at: PathBuf,
    /// Where the file system in the image is mounted: there too, unless an overlay is.
    base: PathBuf,
    image: PathBuf,
    ioctls: (Child, ChildStdin, BufReader<ChildStdout>),
    dir: Dir,
}

pub fn done(program: &str, args: &[&str]) -> bool {
    Command::new(program)
        .args(args)
        .stderr(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .is_ok_and(|s| s.success())
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn mount(args: &[&str], at: &Path) {
    fs::create_dir_all(at).unwrap();
    assert!(
        done("mount", &[args, &[text(at)]].concat()),
        "mount {args:?}"
    );
}

fn make(program: &[&str], image: &Path) {
    fs::File::create(image).unwrap().set_len(320 << 20).unwrap();
    let args = [&program[1..], &[text(image)]].concat();
    assert!(done(program[0], &args), "{program:?}");
}

impl Disk {
    pub fn new(kind: Kind) -> Disk {
        let dir = dir();
        mount(
            &["-t", "tmpfs", "-o", "size=1g,mode=700", "tmpfs"],
            dir.path(),
        );
        let mut store = dir.path().to_owned();
        if kind.cut == Cut::Clone {
            // A file system on which files can be cloned.
            store = dir.join("store");
            let image = dir.join("store.image");
            make(XFS.make, &image);
            mount(&["-o", XFS.options, text(&image)], &store);
        }
        let (image, at) = (store.join("image"), dir.join("disk"));
        make(kind.make, &image);
        let base = match kind.overlay {
            true => dir.join("base"),
            false => at.clone(),
        };
        let mut child = Command::new("python3")
            .args(["-c", IOCTLS])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let disk = Disk {
            kind,
            at,
            base,
            image,
            ioctls: (child, stdin, BufReader::new(stdout)),
            dir,
        };
        disk.mount();
        disk
    }

    fn mount(&self) {
        mount(&["-o", self.kind.options, text(&self.image)], &self.base);
        if self.kind.overlay {
            let part = |name: &str| {
                let part = self.base.join(name);
                fs::create_dir_all(&part).unwrap();
                format!("{name}dir={}", part.display())
            };
            let options = ["lower", "upper", "work"].map(part).join(",");
            mount(&["-t", "overlay", "-o", &options, "overlay"], &self.at);
        }
    }

    fn ioctl(&mut self, words: &[&str]) {
        let (_, stdin, stdout) = &mut self.ioctls;
        writeln!(stdin, "{}", words.join(" ")).unwrap();
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        assert_eq!(line, "done\n", "{words:?}");
    }

    /// Cuts the power.
    pub fn cut(&mut self) {
        let (base, image, clone) = (self.base.clone(), self.image.clone(), self.clone());
        match self.kind.cut {
            Cut::Stop => self.ioctl(&["stop", text(&base)]),
            Cut::Clone => self.ioctl(&["clone", text(&image), text(&clone)]),
        }
    }

    /// What a sync of somebody else's file brings along: all metadata, and no data.
    pub fn commit(&mut self) {
        let file = self.base.join("somebody's");
        fs::File::create(&file).unwrap().sync_all().unwrap();
        fs::remove_file(&file).unwrap();
        let base = self.base.clone();
        match self.kind.cut {
            Cut::Stop => fs::File::open(base).unwrap().sync_all().unwrap(),
            // There it would not come along.
            Cut::Clone => self.ioctl(&["commit", text(&base)]),
        }
    }

    fn clone(&self) -> PathBuf {
        self.image.with_extension("clone")
    }

    /// And lets it come back.
    pub fn restore(&self) {
        if self.kind.overlay {
            wait("umount", || done("umount", &[text(&self.at)]));
        }
        wait("umount", || done("umount", &[text(&self.base)]));
        wait("the loop device", || !is_in_use(&self.image));
        if self.kind.cut == Cut::Clone {
            fs::rename(self.clone(), &self.image).unwrap();
        }
        self.mount();
    }
}

/// Whether a loop device has the image.
fn is_in_use(image: &Path) -> bool {
    fs::read_dir("/sys/block").unwrap().flatten().any(|device| {
        fs::read_to_string(device.path().join("loop/backing_file"))
            .is_ok_and(|file| file.trim_end() == text(image))
    })
}

/// Waits until it is so; what ends that is in the kernel, which tells nobody.
fn wait(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(20), "{what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = self.ioctls.0.kill();
        let _ = self.ioctls.0.wait();
        done("umount", &["-R", "-l", text(self.dir.path())]);
    }
}

/// In the mount tree that everybody shares: it waits for the loop device in vain.
#[test]
fn a_copy_of_the_mount_tree_keeps_no_disk_alive() {
    let test = "spool::crash::volume::a_copy_of_the_mount_tree_keeps_no_disk_alive";
    if !EXT4.is_here() || !need("nsenter") || !in_private_mounts(test) {
        return;
    }
    let mut disk = Disk::new(EXT4);
    let outside = std::os::unix::process::parent_id().to_string();
    let mut copy = Command::new("nsenter")
        .args(["--mount", "--target", &outside])
        .args(["unshare", "--mount", "sleep", "60"])
        .spawn()
        .unwrap();
    let name = format!("/proc/{}/comm", copy.id());
    wait("a copy", || {
        fs::read_to_string(&name).is_ok_and(|name| name == "sleep\n")
    });
    disk.cut();
    disk.restore();
    fs::write(disk.at.join("file"), "it works").unwrap();
    copy.kill().unwrap();
    copy.wait().unwrap();
}

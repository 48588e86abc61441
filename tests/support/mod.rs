//! What all tests share: a runner of the real binary, scripted servers on real sockets, certificates, and skips.
//!
//! Nothing here depends on the internals of authpost; `selftest.rs` tests it without authpost.
#![allow(dead_code, unused_imports)] // every part is for some test, not every test for every part

pub mod capture;
pub mod certs;
pub mod dir;
pub mod expect;
pub mod http;
pub mod last_line;
pub mod names;
pub mod run;
pub mod script;
mod selftest;
mod selftest_tls;
pub mod server;
mod skip;
pub mod tls;
pub mod transport;
pub mod unreachable;

pub use certs::{Ca, Identity, Leaf};
pub use dir::{Dir, dir};
pub use expect::{Output, Ran};
pub use http::{Request, Response};
pub use names::{NameServer, need_names};
pub use run::{Runner, Running, binary, test};
pub use rustix::process::Signal;
pub use script::{Conn, conn};
pub use server::Server;
pub use tls::Tls;
pub use unreachable::Unreachable;

use std::os::unix::fs::MetadataExt;
use std::{env, fs, path::PathBuf, process::Command};

/// Whether a program is installed. A test that needs it returns when not, unless `AUTHPOST_NO_SKIP=1` forbids that.
pub fn need(program: &str) -> bool {
    find(program).is_some() || skipped(&format!("{program} is not installed"))
}

/// Whether we are root, with the same rule.
pub fn need_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|m| m.uid() == 0) || skipped("not root")
}

/// The full path of a program, for tests run without PATH.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/sbin".into()])
        .map(|dir| dir.join(program))
        .find(|file| file.is_file())
}

/// Records why a test does nothing; always false.
pub fn skipped(why: &str) -> bool {
    skip::note(why);
    false
}

/// Whether this is a process of its own in which the mount tree is private; if not, has run the `test`, by its full
/// name, in one. A process that copies the mount tree for itself, as many do for a moment, holds every file system in
/// its copy: those of a private tree are gone once they are unmounted.
pub fn in_private_mounts(test: &str) -> bool {
    const INSIDE: &str = "AUTHPOST_PRIVATE_MOUNTS";
    if env::var_os(INSIDE).is_some() {
        return true;
    }
    let ran = Command::new("unshare")
        .args(["--mount", "--propagation", "private"])
        .arg(env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(INSIDE, "1")
        .output()
        .unwrap();
    let (out, err) = (
        String::from_utf8_lossy(&ran.stdout),
        String::from_utf8_lossy(&ran.stderr),
    );
    let passed = ran.status.success() && out.contains("test result: ok. 1 passed");
    assert!(passed, "in private mounts: {}\n{out}{err}", ran.status);
    // The first one is behind the name of the test.
    for line in out.lines() {
        if let Some(at) = line.find("proof ") {
            println!("{}", &line[at..]);
        }
    }
    false
}

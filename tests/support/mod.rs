//! What all tests share: a runner of the real binary, scripted servers on real sockets, certificates, and skips.
//!
//! Nothing here knows the insides of authpost; it is tested by `selftest.rs` without it.
#![allow(dead_code, unused_imports)] // every part is for some test, not every test for every part

pub mod capture;
pub mod certs;
pub mod dir;
pub mod expect;
pub mod http;
pub mod names;
pub mod run;
pub mod script;
pub mod server;
pub mod tls;
pub mod unreachable;
pub mod wire;

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
use std::{env, fs, path::PathBuf};

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

/// Says why a test does nothing; always false.
pub fn skipped(why: &str) -> bool {
    assert!(
        env::var_os("AUTHPOST_NO_SKIP").is_none_or(|v| v != "1"),
        "must not be skipped: {why}"
    );
    println!("skipped: {why}");
    false
}

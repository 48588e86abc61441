//! Skipped tests: each says why, `make test` counts them, `AUTHPOST_NO_SKIP=1` forbids them.
//!
//! Plain std, because the unit tests in `src` use this file too.
use std::fs::OpenOptions;
use std::io::Write;
use std::{env, thread};

/// Says why the test that runs on this thread does nothing. What a test prints is shown only if it fails, so a line with
/// the test and the reason is also appended to the file that `AUTHPOST_SKIPPED` names.
pub fn note(why: &str) {
    assert!(
        env::var_os("AUTHPOST_NO_SKIP").is_none_or(|v| v != "1"),
        "must not be skipped: {why}"
    );
    println!("skipped: {why}");
    if let Some(file) = env::var_os("AUTHPOST_SKIPPED") {
        let mut file = OpenOptions::new().append(true).open(file).unwrap();
        let thread = thread::current();
        let line = format!("{}\t{why}\n", thread.name().unwrap_or("?"));
        file.write_all(line.as_bytes()).unwrap();
    }
}

//! Reads the output of a child as it is written, so that the child never blocks on a full pipe.
use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{OptionalActions, Winsize, tcgetattr, tcsetattr, tcsetwinsize};
use std::fs::File;
use std::io::Read;
use std::process::Stdio;
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

/// The output of a pipe so far, read by a thread.
pub struct Capture(Arc<(Mutex<Captured>, Condvar)>);

#[derive(Default)]
struct Captured {
    bytes: Vec<u8>,
    ended: bool,
}

impl Capture {
    pub fn start(mut from: impl Read + Send + 'static) -> Capture {
        let shared = Arc::<(Mutex<Captured>, Condvar)>::default();
        let ours = shared.clone();
        thread::spawn(move || {
            let mut chunk = [0; 16 * 1024];
            loop {
                // The end of a terminal is an error, EIO.
                let n = from.read(&mut chunk).unwrap_or(0);
                let mut captured = ours.0.lock().expect("no panic");
                captured.bytes.extend_from_slice(&chunk[..n]);
                captured.ended = n == 0;
                ours.1.notify_all();
                if n == 0 {
                    return;
                }
            }
        });
        Capture(shared)
    }

    pub fn bytes(&self) -> Vec<u8> {
        self.0.0.lock().expect("no panic").bytes.clone()
    }

    fn wait(&self, time: Duration, until: impl Fn(&Captured) -> bool) -> bool {
        let captured = self.0.0.lock().expect("no panic");
        let waited = self.0.1.wait_timeout_while(captured, time, |c| !until(c));
        until(&waited.expect("no panic").0)
    }

    /// Waits for its end, and returns whether that came.
    pub fn wait_end(&self, time: Duration) -> bool {
        self.wait(time, |c| c.ended)
    }

    /// Waits for a text in it.
    #[track_caller]
    pub fn wait_for(&self, text: &str, time: Duration) {
        let has = |c: &Captured| String::from_utf8_lossy(&c.bytes).contains(text);
        self.wait(time, |c| c.ended || has(c));
        let got = self.bytes();
        let got = String::from_utf8_lossy(&got);
        assert!(
            got.contains(text),
            "{text:?} was never written, but:\n{got}"
        );
    }
}

/// A terminal in raw mode, with this many columns: our end, and the one for a child.
pub fn terminal(columns: u16) -> (File, Stdio) {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let ours = openpt(flags).expect("a terminal");
    grantpt(&ours).expect("grantpt");
    unlockpt(&ours).expect("unlockpt");
    let theirs = ioctl_tiocgptpeer(&ours, flags).expect("its other end");
    let mut mode = tcgetattr(&theirs).expect("its mode");
    mode.make_raw();
    tcsetattr(&theirs, OptionalActions::Now, &mode).expect("raw mode");
    let size = Winsize {
        ws_row: 24 * u16::from(columns > 0),
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    tcsetwinsize(&theirs, size).expect("its size");
    (ours.into(), theirs.into())
}

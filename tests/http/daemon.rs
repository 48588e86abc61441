//! Real servers beside the runs of a test.
use crate::support::{Ca, Dir, Leaf, Signal, find};
use rustix::process::{Pid, kill_process};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// A server that is ended when this is dropped.
pub struct Daemon(Child);

impl Daemon {
    /// Starts it, and waits until it listens on these ports.
    pub fn start(command: &mut Command, ports: &[u16]) -> Daemon {
        let quiet = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let daemon = Daemon(quiet.spawn().unwrap());
        for port in ports {
            listening(*port);
        }
        daemon
    }

    /// nginx with these directives, for all of it and in `http`. What it writes is in `dir`.
    pub fn nginx(dir: &Dir, all: &str, http: &str, ports: &[u16]) -> Daemon {
        let at = dir.path().display();
        let config = format!(
            "daemon off; pid {at}/pid; {all}\n\
            events {{}}\n\
            http {{\n\
              client_body_temp_path {at}/body; proxy_temp_path {at}/proxy; fastcgi_temp_path {at}/fcgi;\n\
              uwsgi_temp_path {at}/uwsgi; scgi_temp_path {at}/scgi;\n\
              {http}\n\
            }}\n"
        );
        dir.write("nginx.conf", config, 0o600);
        let mut nginx = Command::new(find("nginx").unwrap());
        nginx
            .args(["-e", "stderr", "-c"])
            .arg(dir.join("nginx.conf"));
        Daemon::start(&mut nginx, ports)
    }

    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.0.id().try_into().unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }
}

impl Drop for Daemon {
    /// By a signal that it can catch, to end its workers.
    fn drop(&mut self) {
        self.signal(Signal::TERM);
        let _ = self.0.wait();
    }
}

/// A certificate for localhost, as `server.pem` and `server.key`. Returns the authority that issued it.
pub fn certified(dir: &Dir) -> Ca {
    let ca = Ca::new("Test CA");
    let identity = ca.issue(Leaf::new("localhost"));
    dir.write("server.pem", identity.pem(), 0o600);
    dir.write("server.key", identity.key_pem(), 0o600);
    ca
}

/// A port that was free a moment ago: for programs that cannot be given port 0.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// Waits until somebody listens there.
pub fn listening(port: u16) {
    let until = Instant::now() + Duration::from_secs(10);
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < until, "nobody listens on {port}");
        thread::sleep(Duration::from_millis(5));
    }
}

//! Names for a run: its own `/etc/resolv.conf` and `/etc/hosts` in a mount namespace, and a name server to ask.
//!
//! The server listens on port 53 of a loopback address of its own, so any number of them can run side by side.
use super::{Runner, find, need, need_root, skipped};
use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

/// Whether a run can have files of its own in `/etc` here; the rule of [`need`].
pub fn need_names() -> bool {
    if !need_root() || !need("unshare") {
        return false;
    }
    let unshare = find("unshare").expect("it is there");
    let tried = Command::new(unshare)
        .args(["-m", "true"])
        .stderr(Stdio::null())
        .status();
    tried.is_ok_and(|status| status.success()) || skipped("no mount namespaces here")
}

impl Runner {
    /// Runs it where these are the contents of `/etc/resolv.conf` and `/etc/hosts`.
    pub fn names(self, resolv_conf: &str, hosts: &str) -> Runner {
        self.file("resolv.conf", resolv_conf).file("hosts", hosts).shell(
            "exec unshare -m /bin/sh -c '
                for file in resolv.conf hosts; do mount --bind \"$PWD/$file\" /etc/$file || exit 99; done
                exec \"$@\"' sh \"$@\"",
        )
    }
}

/// A question: the name in small letters, and the type of record (1 is A, 28 is AAAA).
pub type Question = (String, u16);

/// A name server. Its thread ends with the process.
pub struct NameServer {
    address: Ipv4Addr,
    asked: Arc<Mutex<Vec<Question>>>,
}

impl NameServer {
    /// Answers with these addresses; none is "no such name", and `None` no answer at all.
    pub fn start(answer: impl Fn(&str, u16) -> Option<Vec<IpAddr>> + Send + 'static) -> NameServer {
        let (address, socket) = (1..=250u8)
            .find_map(|last| {
                let [.., a, b] = std::process::id().to_be_bytes();
                let address = Ipv4Addr::new(127, 1 + a % 250, b, last);
                Some((address, UdpSocket::bind((address, 53)).ok()?))
            })
            .expect("a free address");
        let asked = Arc::<Mutex<Vec<Question>>>::default();
        let ours = asked.clone();
        thread::spawn(move || {
            let mut message = [0; 512];
            while let Ok((length, peer)) = socket.recv_from(&mut message) {
                let (name, kind, end) = question(&message[..length]);
                let found = answer(&name, kind);
                ours.lock().expect("no panic").push((name, kind));
                if let Some(addresses) = found {
                    let reply = reply(&message[..end], kind, &addresses);
                    socket.send_to(&reply, peer).expect("a client");
                }
            }
        });
        NameServer { address, asked }
    }

    /// Receives questions and never answers.
    pub fn silent() -> NameServer {
        NameServer::start(|_, _| None)
    }

    pub fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// The resolv.conf(5) that names it.
    pub fn conf(&self) -> String {
        format!("nameserver {}\n", self.address)
    }

    /// What it was asked so far.
    pub fn asked(&self) -> Vec<Question> {
        self.asked.lock().expect("no panic").clone()
    }
}

/// The name, the type, and where the question ends.
fn question(message: &[u8]) -> (String, u16, usize) {
    let (mut name, mut at) = (String::new(), 12);
    while message[at] > 0 {
        let label = &message[at + 1..][..message[at].into()];
        name += &format!("{}.", String::from_utf8_lossy(label).to_ascii_lowercase());
        at += 1 + label.len();
    }
    name.pop();
    let kind = u16::from_be_bytes([message[at + 1], message[at + 2]]);
    (name, kind, at + 5)
}

/// RFC 1035, section 4.1: the question again, and each address as a record of the name at byte 12.
fn reply(question: &[u8], kind: u16, addresses: &[IpAddr]) -> Vec<u8> {
    let bytes = |address: &IpAddr| match address {
        IpAddr::V4(v4) if kind == 1 => v4.octets().to_vec(),
        IpAddr::V6(v6) if kind == 28 => v6.octets().to_vec(),
        _ => Vec::new(),
    };
    let records: Vec<_> = addresses
        .iter()
        .map(bytes)
        .filter(|b| !b.is_empty())
        .collect();
    let no_such_name = if addresses.is_empty() { 3 } else { 0 };
    let mut out = question[..2].to_vec();
    out.extend([
        0x81,
        0x80 | no_such_name,
        0,
        1,
        0,
        records.len() as u8,
        0,
        0,
        0,
        0,
    ]);
    out.extend(&question[12..]);
    for record in records {
        out.extend([
            0xc0,
            12,
            0,
            kind as u8,
            0,
            1,
            0,
            0,
            0,
            60,
            0,
            record.len() as u8,
        ]);
        out.extend(record);
    }
    out
}

//! Names: found in `/etc/hosts` and by the servers of `/etc/resolv.conf`, by nothing of the machine's C library.
use crate::support::{
    NameServer, Response, Runner, Server, Signal, Unreachable, binary, conn, dir, find, need,
    need_names, test,
};
use rustix::process::{Pid, kill_process};
use std::net::{IpAddr, Ipv4Addr};
use std::process::Command;

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn ok() -> Server {
    Server::script([conn().read().reply_json(200, "")])
}

/// A POST to that name on the server's port.
fn post(server: &Server, host: &str) -> Runner {
    let url = server.url_on(host, "/");
    test()
        .token("t0ken")
        .args([url, "--allow-http", "--tries=1", "a=b"])
}

#[test]
fn a_name_server_is_asked() {
    if !need_names() {
        return;
    }
    let names = NameServer::start(|name, _| match name {
        "api.example.com" => Some(vec![HERE]),
        _ => Some(vec![]),
    });
    let server = ok();
    let run = post(&server, "API.example.com")
        .names(&names.conf(), "127.0.0.9 other\n")
        .run();
    run.stderr("HTTP/1.1 200 OK\n").code(0);
    let host = format!("API.example.com:{}", server.port());
    assert_eq!(server.request().header("host"), Some(&*host));
    let mut asked = names.asked();
    asked.sort();
    assert_eq!(
        asked,
        [
            ("api.example.com".into(), 1),
            ("api.example.com".into(), 28)
        ]
    );

    // With -4 there is one question, and a name is completed by the search list.
    let names = NameServer::start(|name, _| match name {
        "api.example.com" => Some(vec![HERE]),
        _ => Some(vec![]),
    });
    let server = ok();
    let conf = format!("search wrong.example example.com\n{}", names.conf());
    let run = post(&server, "api").arg("-4").names(&conf, "").run();
    run.stderr("HTTP/1.1 200 OK\n").code(0);
    assert_eq!(
        names.asked(),
        [
            ("api.wrong.example".into(), 1),
            ("api.example.com".into(), 1)
        ]
    );
}

#[test]
fn a_name_that_does_not_exist_is_told_with_who_says_so() {
    if !need_names() {
        return;
    }
    let names = NameServer::start(|_, _| Some(vec![]));
    let server = Server::never();
    let address = names.address().to_string();
    let run = post(&server, "nope.example.com")
        .names(&names.conf(), "")
        .word(address, "SERVER");
    run.run()
        .stderr(
            "authpost: looking up the host of http://nope.example.com:PORT: no such name (asked SERVER)\n\
             hint: check the spelling of the host, and that these are the right servers in /etc/resolv.conf\n",
        )
        .code(75);
}

#[test]
fn the_hosts_file_comes_first() {
    if !need_names() {
        return;
    }
    let names = NameServer::start(|_, _| Some(vec![]));
    let server = ok();
    let hosts = "192.0.2.1 api.example.com.org\n127.0.0.1\tapi api.example.com # ours\n";
    let run = post(&server, "api.example.com")
        .names(&names.conf(), hosts)
        .run();
    run.stderr("HTTP/1.1 200 OK\n").code(0);
    assert_eq!(names.asked(), []);
}

#[test]
fn the_next_address_is_tried() {
    if !need_names() {
        return;
    }
    // Nobody listens at the first one, or at its port.
    let names = NameServer::start(|_, _| Some(vec![[127, 250, 250, 250].into(), HERE]));
    let server = ok();
    let run = post(&server, "api.example.com")
        .names(&names.conf(), "")
        .run();
    run.stderr("HTTP/1.1 200 OK\n").code(0);
}

#[test]
fn an_address_without_a_route_does_not_hide_why_the_other_one_failed() {
    if !need_names() {
        return;
    }
    let nobody = Unreachable::refusing();
    // A link-local address leads nowhere without the interface.
    for hosts in [
        "fe80::1 api.test\n127.0.0.1 api.test\n",
        "127.0.0.1 api.test\nfe80::1 api.test\n",
    ] {
        test()
            .token("t0ken")
            .word(nobody.port().to_string(), "CLOSED")
            .args(["--allow-http", "--tries=1"])
            .args([&format!("http://api.test:{}/", nobody.port()), "a=b"])
            .names("", hosts)
            .run()
            .stderr("authpost: connecting to http://api.test:CLOSED: Connection refused\n")
            .code(75);
    }
}

#[test]
fn an_address_that_does_not_answer_costs_two_seconds_once() {
    if !need_names() {
        return;
    }
    // Each line needs a connection of its own.
    let server = Server::handler(|_| Response::json(200, "{}").close());
    let [.., a, b] = std::process::id().to_be_bytes();
    let dead = IpAddr::from([127, 251, a, b.max(1)]);
    let _silent = Unreachable::silent_at((dead, server.port()).into());
    test()
        .token("t0ken")
        .file("in", "1\n2\n3\n")
        .args([
            "--allow-http",
            "--lines",
            "in",
            "-q",
            server.url_on("api.test", "/"),
        ])
        .names("", &format!("{dead} api.test\n127.0.0.1 api.test\n"))
        .run()
        .within(2.0, 3.5)
        .code(0);
    assert_eq!(server.connections(), 3);
}

#[test]
fn a_name_is_looked_up_once_for_a_kept_connection() {
    if !need_names() {
        return;
    }
    let names = NameServer::start(|_, kind| Some(if kind == 1 { vec![HERE] } else { vec![] }));
    let again = Response::new(503, "").header("Retry-After", "0");
    let server = Server::script([conn().read().reply(again).read().reply_json(200, "")]);
    let url = server.url_on("api.example.com", "/");
    let run = test()
        .token("t0ken")
        .args([url, "--allow-http", "--wait=0", "-4"]);
    run.names(&names.conf(), "")
        .run()
        .stderr("HTTP/1.1 200 OK\n")
        .code(0);
    assert_eq!(names.asked().len(), 1);
}

/// An independent name server, which knows all of example.com.
struct Dnsmasq {
    address: String,
    pid: Pid,
}

impl Dnsmasq {
    fn start(records: impl IntoIterator<Item = String>) -> Dnsmasq {
        let [.., a, b] = std::process::id().to_be_bytes();
        let address = format!("127.{}.{b}.253", 1 + a % 250);
        let dir = dir();
        // It goes into the background once it is ready.
        let started = Command::new(find("dnsmasq").unwrap())
            .args([
                "--conf-file=/dev/null",
                "--no-resolv",
                "--no-hosts",
                "--user=root",
            ])
            .args([
                "--local=/example.com/",
                "--bind-interfaces",
                "--except-interface=lo",
            ])
            .arg(format!("--listen-address={address}"))
            .arg(format!("--pid-file={}", dir.join("pid").display()))
            .args(records)
            .status();
        assert!(started.unwrap().success());
        let pid = dir.read("pid").trim().parse().ok().and_then(Pid::from_raw);
        Dnsmasq {
            address,
            pid: pid.unwrap(),
        }
    }
}

impl Drop for Dnsmasq {
    fn drop(&mut self) {
        let _ = kill_process(self.pid, Signal::TERM); // if it is gone, so much the better
    }
}

#[test]
fn dnsmasq_is_understood() {
    if !need_names() || !need("dnsmasq") {
        return;
    }
    // More addresses than a datagram holds, so that they are asked for over TCP.
    let many = (1..=60).map(|n| format!("--host-record=many.example.com,127.0.1.{n}"));
    let dnsmasq = Dnsmasq::start(many.chain([
        "--host-record=real.example.com,127.0.0.1".to_owned(),
        "--cname=alias.example.com,real.example.com".to_owned(),
    ]));
    let address = &dnsmasq.address;
    let conf = format!("nameserver {address}\n");
    for host in ["real.example.com", "alias.example.com", "many.example.com"] {
        for family in ["-4", "--tries=1"] {
            let server = Server::script_on("0.0.0.0:0", [conn().read().reply_json(200, "")]);
            let run = post(&server, host).arg(family).names(&conf, "").run();
            run.stderr("HTTP/1.1 200 OK\n").code(0);
        }
    }
    let server = Server::never();
    let run = post(&server, "real.example.com").arg("-6").names(&conf, "");
    run.word(address, "SERVER")
        .run()
        .stderr(
            "authpost: looking up the host of http://real.example.com:PORT: the name has no IPv6 address (asked SERVER)\n\
             hint: leave out -6, or add an AAAA record\n",
        )
        .code(75);
    let run = post(&server, "nope.example.com")
        .names(&conf, "")
        .word(address, "SERVER");
    run.run()
        .stderr_like(
            "authpost: looking up the host of http://nope.example.com:PORT: *SERVER*\nhint: *\n",
        )
        .code(75);
}

#[test]
fn no_thread_no_child_no_nss_and_no_shared_object() {
    if !need_names() || !need("strace") {
        return;
    }
    let names = NameServer::start(|_, _| Some(vec![HERE]));
    let server = ok();
    let strace = find("strace").unwrap();
    // Past the dynamic loader of a debug build, the rules hold for it as well.
    let run = Runner::program(strace)
        .args([
            "-f",
            "-qq",
            "-o",
            "trace",
            "-e",
            "trace=open,openat,clone,clone3,fork,vfork,execve,connect",
        ])
        .arg(binary())
        .args([server.url_on("api.example.com", "/"), "--allow-http", "a=b"])
        .token("t0ken")
        .names(&names.conf(), "");
    let dir = run.dir();
    run.run().stderr("HTTP/1.1 200 OK\n").code(0);
    let trace = dir.read("trace");
    let started = trace.lines().position(|line| line.contains("/etc/hosts"));
    let started = started.expect("the hosts file is read");
    for line in trace.lines() {
        for call in ["clone(", "clone3(", "fork(", "nsswitch", "nscd"] {
            assert!(!line.contains(call), "{trace}");
        }
    }
    for line in trace.lines().skip(started) {
        assert!(!line.contains(".so"), "{trace}");
    }
    assert!(trace.contains("/etc/resolv.conf"), "{trace}");
}

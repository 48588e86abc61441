//! What is said when TLS cannot be set up, or breaks later: with OpenSSL on the other side, whose alerts and certificates
//! are not those of rustls.
use super::daemon::{free_port, listening};
use crate::support::{Ca, Dir, Leaf, Runner, Running, Server, Tls, conn, dir, find, need, test};

const UNKNOWN: &str =
    "hint: the API may have accepted it: check before sending it again, or say --idempotent\n";

/// Runs `openssl` in `dir`; its arguments are divided at spaces.
fn openssl(dir: &Dir, args: &str) {
    let run = Runner::program(find("openssl").unwrap()).in_dir(dir);
    let ran = run.args(args.split(' ')).run().unjudged();
    assert_eq!(ran.code, Some(0), "openssl {args}\n{}", ran.stderr);
}

/// A directory with an authority.
fn authority(key: &str) -> Dir {
    let dir = dir();
    openssl(
        &dir,
        &format!("req -x509 -newkey {key} -nodes -keyout ca.key -out ca.pem -subj /CN=CA -days 9"),
    );
    dir
}

const P256: &str = "ec -pkeyopt ec_paramgen_curve:P-256";
const P521: &str = "ec -pkeyopt ec_paramgen_curve:P-521";

/// Has the authority in `dir` issue a certificate for a server.
fn issue(dir: &Dir, key: &str, name: &str, more: &str) {
    openssl(
        dir,
        &format!(
            "req -x509 -CA ca.pem -CAkey ca.key -newkey {key} -nodes -keyout server.key -out server.pem -days 9 \
            -subj /CN=localhost -addext subjectAltName={name} -addext basicConstraints=CA:FALSE{more}"
        ),
    );
}

/// An OpenSSL that speaks TLS in the name of `server.pem`.
struct Peer {
    running: Running,
    port: u16,
}

impl Peer {
    fn start(dir: &Dir, args: &str) -> Peer {
        let port = free_port();
        let args =
            format!("s_server -accept 127.0.0.1:{port} -cert server.pem -key server.key {args}");
        let running = Runner::program(find("openssl").unwrap())
            .in_dir(dir)
            .args(args.split_whitespace())
            .stdin_open()
            .spawn();
        listening(port);
        Peer { running, port }
    }

    fn post(&self, dir: &Dir, host: &str) -> Runner {
        test()
            .in_dir(dir)
            .args(["-q", "--no-auth", "--cacert", "ca.pem", "--tries", "1"])
            .word(self.port.to_string(), "PORT")
            .args([&format!("https://{host}:{}/", self.port), "k=v"])
    }
}

fn says(why: &str, hint: &str) -> String {
    format!("authpost: setting up TLS with https://localhost:PORT: {why}\nhint: {hint}\n")
}

const NOTHING_IN_COMMON: &str =
    "it has no version of TLS, cipher, key exchange or kind of certificate in common with us";
const SPOKEN: &str = "tell the API's owner what is accepted here: TLS 1.3, or TLS 1.2 with ECDHE and AES-GCM or ChaCha20; \
    certificates with RSA of 2048 bits or more, ECDSA P-256 or P-384, or Ed25519";

#[test]
fn a_peer_that_cannot_agree_is_told_from_one_that_asks_for_a_certificate() {
    if !need("openssl") {
        return;
    }
    let dir = authority(P256);
    for (key, server, why, hint) in [
        (
            P256,
            "-www -tls1_2 -Verify 1 -verify_return_error",
            "the API asks for a client certificate",
            "give one with --cert and --key",
        ),
        (
            P256,
            "-www -tls1_3 -Verify 1 -verify_return_error",
            "the API asks for a client certificate",
            "give one with --cert and --key",
        ),
        (P521, "-www -tls1_2", NOTHING_IN_COMMON, SPOKEN),
        (P521, "-www -tls1_3", NOTHING_IN_COMMON, SPOKEN),
        (
            "rsa:2048",
            "-www -tls1_2 -cipher AES128-SHA256",
            NOTHING_IN_COMMON,
            SPOKEN,
        ),
        (
            "rsa:2048",
            "-www -tls1_2 -cipher ECDHE-RSA-AES128-SHA",
            NOTHING_IN_COMMON,
            SPOKEN,
        ),
        (
            "rsa:2048",
            "-www -tls1_2 -cipher DHE-RSA-AES128-GCM-SHA256",
            NOTHING_IN_COMMON,
            SPOKEN,
        ),
        (
            "rsa:2048",
            "-www -tls1_3 -groups P-521",
            NOTHING_IN_COMMON,
            SPOKEN,
        ),
        (
            "rsa:2048",
            "-www -tls1_1 -cipher ALL:@SECLEVEL=0",
            "it speaks neither TLS 1.2 nor TLS 1.3",
            "tell the API's owner to switch on TLS 1.2 or 1.3",
        ),
    ] {
        issue(&dir, key, "DNS:localhost", "");
        let peer = Peer::start(&dir, server);
        peer.post(&dir, "localhost")
            .run()
            .stderr(says(why, hint))
            .code(75);
    }
}

#[test]
fn renegotiation_is_named_and_leaves_the_outcome_open() {
    if !need("openssl") {
        return;
    }
    let dir = authority(P256);
    issue(&dir, P256, "DNS:localhost", "");
    for identity in [false, true] {
        let mut peer = Peer::start(&dir, "-tls1_2 -CAfile ca.pem");
        let mut post = peer.post(&dir, "localhost");
        if identity {
            post = post.args(["--cert", "server.pem", "--key", "server.key"]);
        }
        let post = post.spawn();
        peer.running.wait_stdout("{\"k\":\"v\"}");
        peer.running.write_stdin("R\n");
        post.wait()
            .stderr(format!(
                "authpost: waiting for the answer of https://localhost:PORT: it asks to renegotiate TLS, \
                usually for a client certificate, which is not supported here\n{UNKNOWN}"
            ))
            .code(74);
    }
}

#[test]
fn certificates_that_are_not_accepted_are_named() {
    if !need("openssl") {
        return;
    }
    let sha256 = "tell the API's owner to have it issued anew, signed with SHA-256";
    let weak = "its certificate is signed by another authority of the same name as one trusted here, or it has an RSA \
        key of less than 2048 bits";
    let renew = "give that authority's present certificate with --cacert; or tell the API's owner to use RSA with 2048 \
        bits or more";
    for (authority_key, key, more, why, hint) in [
        (
            "rsa:2048",
            "rsa:2048",
            " -sha1",
            "its certificate, or one that it sends along, is signed with RSA and SHA-1, which is not accepted",
            sha256,
        ),
        (
            P256,
            P256,
            " -sha1",
            "its certificate, or one that it sends along, is signed with ECDSA and SHA-1, which is not accepted",
            sha256,
        ),
        (
            P521,
            P256,
            " -sha512",
            "its certificate, or one that it sends along, is signed with ECDSA and SHA-512, which is not accepted",
            sha256,
        ),
        (
            P521,
            P256,
            " -sha256",
            "its certificate, or one that it sends along, is signed by a key of a kind that is not accepted",
            "tell the API's owner to have it issued by an authority with RSA, ECDSA P-256 or P-384, or Ed25519",
        ),
        ("rsa:2048", "rsa:1024", "", weak, renew),
        ("rsa:1024", P256, "", weak, renew),
    ] {
        let dir = authority(authority_key);
        issue(&dir, key, "DNS:localhost", more);
        for version in ["-tls1_2", "-tls1_3"] {
            let peer = Peer::start(&dir, &format!("-www {version} -cipher ALL:@SECLEVEL=0"));
            peer.post(&dir, "localhost")
                .run()
                .stderr(says(why, hint))
                .code(75);
        }
    }
}

#[test]
fn an_address_given_as_a_name_is_told() {
    if !need("openssl") {
        return;
    }
    let dir = authority(P256);
    issue(&dir, P256, "DNS:127.0.0.1", "");
    let peer = Peer::start(&dir, "-www");
    peer.post(&dir, "127.0.0.1")
        .run()
        .stderr(
            "authpost: setting up TLS with https://127.0.0.1:PORT: its certificate has the address 127.0.0.1 as a DNS \
            name, where it does not count\n\
            hint: tell the API's owner to have it issued with subjectAltName=IP:127.0.0.1\n",
        )
        .code(75);
}

#[test]
fn an_expired_intermediate_is_not_called_the_servers_certificate() {
    let ca = Ca::new("Test CA");
    let middle = ca.expired_intermediate("Middle CA");
    let server = Tls::new(&middle.issue(Leaf::new("localhost"))).script([conn().handshake_fails()]);
    test()
        .args([
            "-q",
            "--no-auth",
            "--cacert",
            "ca.pem",
            server.url("/"),
            "k=v",
        ])
        .file("ca.pem", ca.pem())
        .run()
        .stderr(says(
            "its certificate, or one that it sends along, has expired (2001-01-01 00:00:00 UTC)",
            "tell the API's owner to renew it; or check this machine's clock with 'date'",
        ))
        .code(75);
}

/// The default of `openssl req -x509`. What is printed makes one that works.
#[test]
fn a_self_signed_authority_is_told_how_to_make_a_certificate() {
    if !need("openssl") {
        return;
    }
    for (host, name) in [
        ("localhost", "DNS:localhost"),
        ("127.0.0.1", "IP:127.0.0.1"),
    ] {
        let dir = dir();
        openssl(
            &dir,
            &format!(
                "req -x509 -newkey rsa:2048 -nodes -keyout server.key -out server.pem -subj /CN=localhost \
                -addext subjectAltName={name}"
            ),
        );
        std::fs::copy(dir.join("server.pem"), dir.join("ca.pem")).unwrap();
        let peer = Peer::start(&dir, "-www");
        let command = format!(
            "openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 825 -subj /CN={host} \
            -addext subjectAltName={name} -addext basicConstraints=critical,CA:FALSE"
        );
        peer.post(&dir, host)
            .run()
            .stderr(format!(
                "authpost: setting up TLS with https://{host}:PORT: its certificate is marked as an authority's \
                (CA:TRUE), so it is not accepted as a server's\n\
                hint: have the API use one made by: {command}\n"
            ))
            .code(75);
        drop(peer);
        openssl(&dir, command.strip_prefix("openssl ").unwrap());
        for (made, used) in [
            ("cert.pem", "server.pem"),
            ("cert.pem", "ca.pem"),
            ("key.pem", "server.key"),
        ] {
            std::fs::copy(dir.join(made), dir.join(used)).unwrap();
        }
        let peer = Peer::start(&dir, "-www");
        test()
            .in_dir(&dir)
            .args(["check", "-q", "--no-auth", "--cacert", "ca.pem"])
            .arg(format!("https://{host}:{}/", peer.port))
            .run()
            .code(0);
    }
}

#[test]
fn a_hint_of_tls_never_hides_that_the_outcome_is_unknown() {
    let ca = Ca::new("Test CA");
    for tls in [
        Tls::new(&ca.issue(Leaf::new("localhost"))).only12(),
        Tls::new(&ca.issue(Leaf::new("localhost"))).only13(),
    ] {
        for (code, name) in [
            (40, "HandshakeFailure"),
            (70, "ProtocolVersion"),
            (112, "UnrecognisedName"),
        ] {
            let server = tls.script([conn().read().alert(code)]);
            test()
                .args(["-q", "--no-auth", "--cacert", "ca.pem", server.url("/"), "k=v"])
                .file("ca.pem", ca.pem())
                .run()
                .stderr(format!(
                    "authpost: waiting for the answer of https://localhost:PORT: it broke TLS off ({name})\n{UNKNOWN}"
                ))
                .code(74);
        }
    }
}

#[test]
fn http_and_https_are_told_apart() {
    let ca = Ca::new("Test CA");
    let tls = Tls::new(&ca.issue(Leaf::new("localhost")));
    let server = tls.script([conn()
        .raw()
        .read_bytes(5)
        .reply("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        .stall()]);
    test()
        .args([
            "-q",
            "--no-auth",
            "--tries",
            "1",
            "--cacert",
            "ca.pem",
            server.url("/"),
        ])
        .file("ca.pem", ca.pem())
        .run()
        .stderr(says(
            "what answers there speaks HTTP without TLS",
            "check the port in the URL; begin it with http:// if that is meant",
        ))
        .code(75);
    drop(server);

    // A fatal alert, where an answer should be: the server did not understand a word. So it is safe to send it again.
    let server = Server::script([conn().read().reply(*b"\x15\x03\x01\x00\x02\x02\x46")]);
    test()
        .args(["-q", "--no-auth", "--tries", "1", server.url("/"), "k=v"])
        .run()
        .stderr(
            "authpost: sending to http://127.0.0.1:PORT: what answers there speaks TLS\n\
            hint: begin the URL with https://\n",
        )
        .code(75);
}

/// nginx, to a request without the certificate that it requires: it completes the handshake first.
#[test]
fn an_answer_that_asks_for_a_client_certificate_is_told() {
    let answer =
        "HTTP/1.1 400 Bad Request\r\n\r\n<center>No required SSL certificate was sent</center>";
    let server = Server::script([conn().read().reply(answer).close()]);
    test()
        .args(["--no-auth", server.url("/"), "k=v"])
        .run()
        .stdout_like("**")
        .stderr_like(
            "HTTP/1.1 400 Bad Request\nauthpost: the API answered 400 Bad Request\n\
             hint: the API asks for a client certificate: give one with --cert and --key\n**",
        )
        .code(76);
}

/// nginx, Apache and Go, to a request without TLS.
#[test]
fn an_answer_that_asks_for_tls_is_told() {
    for text in [
        "<html>\r\n<center>The plain HTTP request was sent to HTTPS port</center>",
        "<p>Reason: You're speaking plain HTTP to an SSL-enabled server port.<br />",
        "Client sent an HTTP request to an HTTPS server.\n",
    ] {
        let answer = format!("HTTP/1.0 400 Bad Request\r\n\r\n{text}");
        let server = Server::script([conn().read().reply(answer).close()]);
        test()
            .args(["--no-auth", server.url("/"), "k=v"])
            .run()
            .stdout_like("**")
            .stderr_like(
                "HTTP/1.0 400 Bad Request\nauthpost: the API answered 400 Bad Request\n\
                hint: what answers there speaks TLS: begin the URL with https://\n**",
            )
            .code(76);
    }
}

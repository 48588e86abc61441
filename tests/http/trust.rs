//! Where trust comes from when no `--cacert` says: `SSL_CERT_FILE`, `SSL_CERT_DIR`, and what the system has.
use crate::support::{Ca, Leaf, Runner, Server, Tls, conn, need, need_names, test};

fn server(ca: &Ca) -> Server {
    let tls = Tls::new(&ca.issue(Leaf::new("localhost")));
    tls.script([conn().read().reply_json(200, "{}")])
}

fn refusing(ca: &Ca) -> Server {
    let tls = Tls::new(&ca.issue(Leaf::new("localhost")));
    tls.script([conn().handshake_fails()])
}

fn post(server: &Server) -> Runner {
    test().args(["-q", "--no-auth", server.url("/")])
}

const UNTRUSTED: &str =
    "authpost: setting up TLS with https://localhost:PORT: its certificate is not trusted here: **";

#[test]
fn a_directory_of_links_under_hashed_names_is_read_as_openssl_does() {
    let (ours, theirs, plain) = (Ca::new("Ours"), Ca::new("Theirs"), Ca::new("Plain"));
    let run = |run: Runner| {
        run.file("certs/0a1b2c3d.0", ours.pem())
            .file("certs/0a1b2c3d.1", theirs.pem())
            .file("certs/plain.pem", plain.pem())
            .file("certs/12345678.r0", "a list of revoked ones")
            .env("SSL_CERT_DIR", "certs")
            .run()
    };
    for ca in [&ours, &theirs] {
        let server = server(ca);
        run(post(&server)).code(0);
    }
    let server = refusing(&plain);
    run(post(&server)).stderr_like(UNTRUSTED).code(75);
}

#[test]
fn all_files_of_a_directory_without_hashed_names_are_read() {
    let (ours, theirs) = (Ca::new("Ours"), Ca::new("Theirs"));
    for ca in [&ours, &theirs] {
        let server = server(ca);
        post(&server)
            .file("certs/ours.crt", ours.pem())
            .file("certs/both.pem", format!("{}{}", ours.pem(), theirs.pem()))
            .file("certs/README", "no certificate")
            .file("certs/broken.pem", "-----BEGIN CERTIFICATE-----\n")
            .file("certs/deeper/x", "")
            .env("SSL_CERT_DIR", "certs")
            .run()
            .code(0);
    }
}

#[test]
fn several_directories_and_a_file_are_trusted_together() {
    let (a, b, c) = (Ca::new("A"), Ca::new("B"), Ca::new("C"));
    for ca in [&a, &b, &c] {
        let server = server(ca);
        post(&server)
            .file("a/ca.pem", a.pem())
            .file("b/12ab34cd.0", b.pem())
            .file("c.pem", c.pem())
            .env("SSL_CERT_DIR", "a:nowhere:b")
            .env("SSL_CERT_FILE", "c.pem")
            .run()
            .code(0);
    }
    let tls = Tls::new(&a.issue(Leaf::new("localhost")));
    let server = tls.script([conn().read_end()]);
    test()
        .args(["check", "--no-auth", server.url("/")])
        .file("a/ca.pem", a.pem())
        .file("c.pem", c.pem())
        .env("SSL_CERT_DIR", "a")
        .env("SSL_CERT_FILE", "c.pem")
        .run()
        .stdout_like("**trusted certificates: 'c.pem' (SSL_CERT_FILE)\n**trusted certificates: 'a' (SSL_CERT_DIR)\n**")
        .code(0);
}

#[test]
fn a_directory_without_certificates_stops_the_run() {
    let server = Server::never();
    let url = server.url("/").replace("http://", "https://");
    for (list, why) in [
        ("empty", "there is no certificate in it"),
        ("nowhere:empty", "there is no certificate in it"),
        ("nowhere", "there is no certificate in it"),
    ] {
        test()
            .args(["-q", "--no-auth", &url])
            .file("empty/README", "none")
            .env("SSL_CERT_DIR", list)
            .run()
            .stderr(format!(
                "authpost: reading the trusted certificates (SSL_CERT_DIR) from '{list}': {why}\n\
                hint: give a PEM file with '-----BEGIN CERTIFICATE-----' blocks, as your CA hands it out\n"
            ))
            .code(78);
    }
    test()
        .args(["-q", "--no-auth", &url])
        .file("file", "none")
        .env("SSL_CERT_DIR", "file")
        .run()
        .stderr(
            "authpost: reading the trusted certificates (SSL_CERT_DIR) from 'file': Not a directory\n\
            hint: give the path of a PEM file that this user can read\n",
        )
        .code(78);
}

/// Runs where `/etc/ssl` has what `ssl` has in this directory, and nothing else.
fn with_system(run: Runner, before: &str) -> Runner {
    run.shell(&format!(
        "exec unshare -m /bin/sh -c '
            mount --bind \"$PWD/ssl\" /etc/ssl || exit 99
            {before} \"$@\"' sh \"$@\""
    ))
}

#[test]
fn a_system_with_a_directory_and_no_bundle_is_trusted() {
    if !need_names() {
        return;
    }
    let ours = Ca::new("Ours");
    let server = Tls::new(&ours.issue(Leaf::new("localhost"))).script([
        conn().read().reply_json(200, "{}"),
        conn().handshake_fails(),
    ]);
    let hashed = post(&server).file("ssl/certs/0a1b2c3d.0", ours.pem());
    with_system(hashed, "exec").run().code(0);
    // Without hashed names it is not the system's: the roots built in do not know our authority.
    let plain = post(&server).file("ssl/certs/ours.pem", ours.pem());
    with_system(plain, "exec")
        .run()
        .stderr_like(UNTRUSTED)
        .code(75);
}

#[test]
fn a_system_whose_certificates_cannot_be_read_is_told() {
    if !need_names() || !need("setpriv") {
        return;
    }
    let server = Server::never();
    let url = server.url("/").replace("http://", "https://");
    let run = test()
        .args(["-q", "--no-auth", &url])
        .file("ssl/certs/ca-certificates.crt", Ca::new("Ours").pem());
    let setpriv = "chmod 700 /etc/ssl; exec setpriv --reuid 65534 --regid 65534 --clear-groups";
    with_system(run, setpriv)
        .run()
        .stderr(
            "authpost: reading the system's trusted certificates from '/etc/ssl/certs/ca-certificates.crt': Permission denied\n\
            hint: let this user read it, or name a PEM file with --cacert\n",
        )
        .code(78);
}

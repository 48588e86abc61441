//! Trust and identity: whom authpost believes over TLS, whom it does not, and what it shows of itself.
use crate::http::daemon::{Daemon, certified, free_port};
use crate::support::{Ca, Identity, Leaf, Runner, Server, Tls, conn, dir, find, need, test};

const OK: &str = r#"{"ok":true}"#;

fn accepting() -> crate::support::Conn {
    conn().read().reply_json(200, OK)
}

/// A run that is silent when all is well.
fn quiet() -> Runner {
    test().args(["-q", "--no-auth"])
}

/// A run that trusts this.
fn trusting(pem: &str) -> Runner {
    quiet().file("ca.pem", pem).args(["--cacert", "ca.pem"])
}

/// The one line and the remedy for what keeps TLS from being set up.
fn says(why: &str, hint: &str) -> String {
    format!("authpost: setting up TLS with https://localhost:PORT: {why}\nhint: {hint}\n")
}

const RENEW: &str = "tell the API's owner to renew it; or check this machine's clock with 'date'";
const UNTRUSTED: &str = "its certificate is not trusted here: it is self-signed, or from an authority that is not known, \
    or the API leaves out an intermediate one";
const TRUST: &str = "give that authority's certificate (or the self-signed one) with --cacert; or tell the API's owner to \
    send the whole chain";

#[test]
fn bad_certificates_are_refused_with_the_remedy() {
    let ca = Ca::new("Test CA");
    let middle = ca.intermediate("Middle CA");
    let leaf = || Leaf::new("localhost");
    let two_names = Leaf::new("other.test").name("third.test").ip("10.1.2.3");
    for (identity, trusted, why, hint) in [
        (
            ca.issue(leaf().expired()),
            ca.pem(),
            "its certificate, or one that it sends along, has expired (2001-01-01 00:00:00 UTC)",
            RENEW,
        ),
        (
            ca.issue(leaf().not_yet_valid()),
            ca.pem(),
            "its certificate, or one that it sends along, is not valid yet (2090-01-01 00:00:00 UTC)",
            RENEW,
        ),
        (
            ca.issue(Leaf::new("other.test")),
            ca.pem(),
            "its certificate is for another host: 'other.test'",
            "check the host in the URL, or tell the API's owner",
        ),
        (
            ca.issue(two_names),
            ca.pem(),
            "its certificate is for another host: 'other.test', 'third.test', '10.1.2.3'",
            "check the host in the URL, or tell the API's owner",
        ),
        (
            ca.issue(leaf().cn_only()),
            ca.pem(),
            "its certificate is for no host: a name in its subject (CN) does not count",
            "tell the API's owner to have it issued with the host as subjectAltName",
        ),
        (
            ca.issue(Leaf::client("localhost")),
            ca.pem(),
            "its certificate is not meant for servers",
            "tell the API's owner to have one issued for the server",
        ),
        // rustls has one word for these.
        (middle.issue(leaf()).alone(), ca.pem(), UNTRUSTED, TRUST),
        (Identity::self_signed(leaf()), ca.pem(), UNTRUSTED, TRUST),
        (
            Ca::new("Other CA").issue(leaf()),
            ca.pem(),
            UNTRUSTED,
            TRUST,
        ),
        (
            Ca::new("Test CA").issue(leaf()),
            ca.pem(),
            "its certificate is signed by another authority of the same name as one trusted here, or it has an RSA key \
            of less than 2048 bits",
            "give that authority's present certificate with --cacert; or tell the API's owner to use RSA with 2048 bits \
            or more",
        ),
    ] {
        for tls in [Tls::new(&identity).only12(), Tls::new(&identity).only13()] {
            // One connection: it will not become good in this run.
            let server = tls.script([conn().handshake_fails()]);
            trusting(&trusted)
                .args([server.url("/data"), "k=v"])
                .run()
                .stderr(says(why, hint))
                .code(75);
            assert_eq!(server.finish().len(), 0, "{why}");
        }
    }
}

#[test]
fn insecure_believes_anybody_and_says_so() {
    let ca = Ca::new("Test CA");
    for identity in [
        ca.issue(Leaf::new("localhost").expired()),
        ca.issue(Leaf::new("other.test")),
        Identity::self_signed(Leaf::new("localhost")),
    ] {
        for tls in [Tls::new(&identity).only12(), Tls::new(&identity).only13()] {
            let server = tls.script([accepting(), accepting()]);
            test()
                .args(["--no-auth", "--insecure", server.url("/")])
                .run()
                .stdout(OK)
                .stderr(
                    "authpost: no certificate is checked (--insecure): anyone on the network path can read the token\n\
                    HTTP/1.1 200 OK\n",
                )
                .code(0);
            test()
                .args(["-q", "--no-auth", "--insecure", server.url("/")])
                .run()
                .code(0);
        }
    }
    let server = Server::never();
    test()
        .args(["--no-auth", "--insecure", "--cacert", "ca.pem", server.url("/")])
        .run()
        .stderr(
            "authpost: reading the command line: --insecure checks no certificate, and --cacert wants one checked\n\
            hint: drop --insecure\n",
        )
        .code(64);
}

#[test]
fn both_versions_are_spoken_and_the_host_is_named() {
    let ca = Ca::new("Test CA");
    let identity = ca.issue(Leaf::new("localhost"));
    for (tls, version) in [
        (Tls::new(&identity), "TLSv1_3"),
        (Tls::new(&identity).only12(), "TLSv1_2"),
        (Tls::new(&identity).only13(), "TLSv1_3"),
    ] {
        let server = tls.script([accepting()]);
        trusting(&ca.pem()).arg(server.url("/")).run().code(0);
        let [handshake] = &tls.handshakes()[..] else {
            panic!("one handshake");
        };
        assert_eq!(handshake.version, version);
        assert_eq!(handshake.name.as_deref(), Some("localhost"));
        assert!(!handshake.client);
    }
}

#[test]
fn addresses_stand_in_certificates() {
    let ca = Ca::new("Test CA");
    let tls = Tls::new(&ca.issue(Leaf::new("127.0.0.1")));
    let server = tls.script([accepting()]);
    let url = server.url_on("127.0.0.1", "/");
    trusting(&ca.pem()).arg(url).run().code(0);
    drop(server);

    let tls = Tls::new(&ca.issue(Leaf::new("localhost")));
    let server = tls.script([conn().handshake_fails()]);
    let url = server.url_on("127.0.0.1", "/");
    trusting(&ca.pem())
        .arg(url)
        .run()
        .stderr(
            "authpost: setting up TLS with https://127.0.0.1:PORT: its certificate is for another host: 'localhost'\n\
            hint: check the host in the URL, or tell the API's owner\n",
        )
        .code(75);

    let tls = Tls::new(&ca.issue(Leaf::new("::1")));
    let server = tls.script_on("[::1]:0", [accepting()]);
    let url = server.url_on("[::1]", "/");
    trusting(&ca.pem()).arg(url).run().code(0);
}

#[test]
fn a_chain_may_pass_through_an_intermediate() {
    let ca = Ca::new("Test CA");
    let middle = ca.intermediate("Middle CA");
    let server = Tls::new(&middle.issue(Leaf::new("localhost"))).script([accepting()]);
    trusting(&ca.pem()).arg(server.url("/")).run().code(0);
    // Who trusts the intermediate itself needs nobody to send it.
    let alone = middle.issue(Leaf::new("localhost")).alone();
    let server = Tls::new(&alone).script([accepting()]);
    trusting(&middle.pem()).arg(server.url("/")).run().code(0);
}

#[test]
fn a_self_signed_certificate_can_be_trusted_by_name() {
    let own = Identity::self_signed(Leaf::new("localhost"));
    let server = Tls::new(&own).script([accepting()]);
    trusting(&own.pem()).arg(server.url("/")).run().code(0);
}

#[test]
fn several_authorities_stand_in_one_file() {
    let (a, b, c) = (Ca::new("A"), Ca::new("B"), Ca::new("C"));
    let bundle = format!(
        "# our authorities\n\n{}\r\n some words \n{}{}",
        a.pem(),
        b.pem(),
        c.pem()
    );
    for ca in [&a, &b, &c] {
        let server = Tls::new(&ca.issue(Leaf::new("localhost"))).script([accepting()]);
        trusting(&bundle).arg(server.url("/")).run().code(0);
    }
}

#[test]
fn trust_has_one_source() {
    let (ours, theirs) = (Ca::new("Ours"), Ca::new("Theirs"));
    let tls = Tls::new(&ours.issue(Leaf::new("localhost")));
    let run = |named: &Ca, in_variable: &Ca, server: &Server| {
        trusting(&named.pem())
            .file("env.pem", in_variable.pem())
            .env("SSL_CERT_FILE", "env.pem")
            .arg(server.url("/"))
            .run()
    };
    let server = tls.script([accepting()]);
    run(&ours, &theirs, &server).code(0);
    drop(server);
    let server = tls.script([conn().handshake_fails()]);
    run(&theirs, &ours, &server)
        .stderr(says(UNTRUSTED, TRUST))
        .code(75);
    drop(server);

    let server = tls.script([accepting()]);
    quiet()
        .file("env.pem", ours.pem())
        .env("SSL_CERT_FILE", "env.pem")
        .arg(server.url("/"))
        .run()
        .code(0);
    drop(server);
    // The system's bundle, or the roots built in: neither knows our authority. An empty variable is none.
    let server = tls.script([conn().handshake_fails()]);
    quiet()
        .env("SSL_CERT_FILE", "")
        .arg(server.url("/"))
        .run()
        .stderr(says(UNTRUSTED, TRUST))
        .code(75);
}

/// Files that are no certificates, and what is said of them.
fn broken() -> Vec<(Vec<u8>, &'static str)> {
    let whole = Ca::new("CA").pem();
    let cut = &whole[..whole.len() / 2];
    let flawed = whole.replacen("MII", "!!!", 1);
    let garbage = "-----BEGIN CERTIFICATE-----\nAAECAwQFBgcICQ==\n-----END CERTIFICATE-----\n";
    let short = "-----BEGIN CERTIFICATE-----\nMIIBAAEC\n-----END CERTIFICATE-----\n";
    let no_certificate = "there is no certificate in it";
    vec![
        (b"".to_vec(), no_certificate),
        (b"not PEM\n".to_vec(), no_certificate),
        (vec![0xff, 0, 0xfe, b'\n'], no_certificate),
        (
            Identity::self_signed(Leaf::new("x")).key_pem().into(),
            no_certificate,
        ),
        (cut.into(), "it is not well-formed PEM"),
        (flawed.into(), "it is not well-formed PEM"),
        (garbage.into(), "one of its certificates is damaged"),
        (short.into(), "one of its certificates is damaged"),
        (
            format!("{whole}{garbage}").into(),
            "one of its certificates is damaged",
        ),
    ]
}

#[test]
fn a_broken_file_of_authorities_stops_the_run() {
    let server = Server::never();
    let url = server.url("/").replace("http://", "https://");
    let hint = "give a PEM file with '-----BEGIN CERTIFICATE-----' blocks, as your CA hands it out";
    for (content, why) in broken() {
        quiet()
            .file("ca.pem", content.clone())
            .args(["--cacert", "ca.pem", &url])
            .run()
            .stderr(format!(
                "authpost: reading the trusted certificates (--cacert) from 'ca.pem': {why}\nhint: {hint}\n"
            ))
            .code(78);
        quiet()
            .file("env.pem", content)
            .env("SSL_CERT_FILE", "env.pem")
            .arg(&url)
            .run()
            .stderr(format!(
                "authpost: reading the trusted certificates (SSL_CERT_FILE) from 'env.pem': {why}\nhint: {hint}\n"
            ))
            .code(78);
    }
    for (path, why) in [
        ("none.pem", "No such file or directory"),
        (".", "Is a directory"),
    ] {
        quiet()
            .args(["--cacert", path, &url])
            .run()
            .stderr(format!(
                "authpost: reading the trusted certificates (--cacert) from '{path}': {why}\n\
                hint: give the path of a PEM file that this user can read\n"
            ))
            .code(78);
    }
}

#[test]
fn plain_http_reads_no_certificates() {
    let server = Server::script([conn().read().reply_json(200, OK)]);
    quiet()
        .env("SSL_CERT_FILE", "/nowhere")
        .args([
            "--cacert",
            "none.pem",
            "--cert",
            "none.pem",
            server.url("/"),
        ])
        .run()
        .code(0);
    if !need("strace") {
        return;
    }
    let server = Server::script([conn().read().reply_json(200, OK)]);
    let run = Runner::program(find("strace").unwrap())
        .args(["-f", "-qq", "-o", "trace", "-e", "trace=open,openat"])
        .arg(crate::support::binary())
        .args(["-q", "--no-auth", server.url("/")]);
    let dir = run.dir();
    run.run().code(0);
    let trace = dir.read("trace");
    for word in ["ssl", "pki", "pem", "cert", "crt"] {
        assert!(!trace.contains(word), "{word} in\n{trace}");
    }
}

#[test]
fn what_is_not_tls_is_told() {
    let ca = Ca::new("Test CA");
    let tls = Tls::new(&ca.issue(Leaf::new("localhost")));
    let smtp = || conn().raw().reply("220 mail.test ESMTP\r\n").stall();
    let server = tls.script([smtp(), smtp()]);
    trusting(&ca.pem())
        .args(["--tries", "2", "--wait", "1ms", server.url("/")])
        .run()
        .stderr(says(
            "what answers there does not speak TLS (2 attempts)",
            "check the port in the URL, and whether it should begin with http:// instead",
        ))
        .code(75);
    drop(server);

    let server = tls.script([conn().raw().stall()]);
    trusting(&ca.pem())
        .args(["--timeout", "200ms", server.url("/")])
        .run()
        .within(0.2, 0.9)
        .stderr("authpost: setting up TLS with https://localhost:PORT: timed out\n")
        .code(75);
    drop(server);

    // A fatal alert: handshake_failure.
    let alert = b"\x15\x03\x03\x00\x02\x02\x28";
    let server = tls.script([conn().raw().read_bytes(5).reply(alert).stall()]);
    trusting(&ca.pem())
        .args(["--tries", "1", server.url("/")])
        .run()
        .stderr(says(
            "it has no version of TLS, cipher, key exchange or kind of certificate in common with us",
            "tell the API's owner what is accepted here: TLS 1.3, or TLS 1.2 with ECDHE and AES-GCM or ChaCha20; \
            certificates with RSA of 2048 bits or more, ECDSA P-256 or P-384, or Ed25519",
        ))
        .code(75);
}

/// A run that shows who it is, by these files.
fn showing(ca: &Ca, cert: &str, key: &str) -> Runner {
    trusting(&ca.pem())
        .file("me.pem", cert)
        .file("me.key", key)
        .args(["--cert", "me.pem", "--key", "me.key"])
}

#[test]
fn a_client_certificate_is_shown_whatever_the_form_of_its_key() {
    let ca = Ca::new("Test CA");
    let middle = ca.intermediate("Middle CA");
    let server = ca.issue(Leaf::new("localhost"));
    let (ec, rsa) = (
        middle.issue(Leaf::client("me")),
        ca.issue(Leaf::client("me").rsa()),
    );
    for tls in [Tls::new(&server).only12(), Tls::new(&server).only13()] {
        let tls = tls.client_ca(&ca);
        for (identity, key) in [
            (&ec, ec.key_pem()),
            (&ec, ec.sec1_pem()),
            (&rsa, rsa.key_pem()),
            (&rsa, rsa.pkcs1_pem()),
        ] {
            let server = tls.script([accepting(), accepting()]);
            showing(&ca, &identity.pem(), &key)
                .arg(server.url("/"))
                .run()
                .code(0);
            // Both in one file, in either order.
            trusting(&ca.pem())
                .file("me.pem", format!("{key}{}", identity.pem()))
                .args(["--cert", "me.pem", server.url("/")])
                .run()
                .code(0);
        }
        assert_eq!(tls.handshakes().len(), 8);
        assert!(tls.handshakes().iter().all(|handshake| handshake.client));
    }
}

#[test]
fn an_api_that_does_not_like_our_certificate_was_not_sent_anything() {
    let ca = Ca::new("Test CA");
    let server = ca.issue(Leaf::new("localhost"));
    let stranger = Ca::new("Other CA").issue(Leaf::client("me"));
    let late = ca.issue(Leaf::client("me").expired());
    for tls in [
        Tls::new(&server).only12(),
        Tls::new(&server).only13(),
        Tls::new(&server).only13().suite("TLS13_AES_128_GCM_SHA256"),
    ] {
        let tls = tls.client_ca(&ca);
        let server = tls.script([conn().handshake_fails()]);
        trusting(&ca.pem())
            .args([server.url("/"), "k=v"])
            .run()
            .stderr(says(
                "the API asks for a client certificate",
                "give one with --cert and --key",
            ))
            .code(75);
        drop(server);
        for (identity, why, hint) in [
            (
                &stranger,
                "the API does not trust our client certificate",
                "give one of an authority that the API trusts, with its chain, as --cert",
            ),
            (&late, "our client certificate has expired", "renew --cert"),
        ] {
            let server = tls.script([conn().handshake_fails()]);
            showing(&ca, &identity.pem(), &identity.key_pem())
                .args([server.url("/"), "k=v"])
                .run()
                .stderr(says(why, hint))
                .code(75);
            assert_eq!(server.finish().len(), 0);
        }
    }
}

/// The alerts by which a server refuses a client's certificate (RFC 8446, section 6.2).
const REFUSALS: &[(u8, &str)] = &[
    (42, "BadCertificate"),
    (43, "UnsupportedCertificate"),
    (44, "CertificateRevoked"),
    (45, "CertificateExpired"),
    (46, "CertificateUnknown"),
    (48, "UnknownCA"),
    (49, "AccessDenied"),
    (116, "CertificateRequired"),
];

#[test]
fn an_alert_after_the_request_leaves_it_open_whether_the_document_was_accepted() {
    let ca = Ca::new("Test CA");
    let identity = ca.issue(Leaf::new("localhost"));
    let me = ca.issue(Leaf::client("me"));
    let tls = || Tls::new(&identity);
    let without_tickets = |suite| tls().only13().suite(suite).without_tickets();
    for tls in [
        tls().only12(),
        tls().only12().client_ca(&ca),
        tls().only13(),
        // Without them nothing comes between the handshake and the alert.
        without_tickets("TLS13_AES_256_GCM_SHA384"),
        without_tickets("TLS13_AES_128_GCM_SHA256"),
        without_tickets("TLS13_CHACHA20_POLY1305_SHA256"),
        // The certificate was accepted: tickets follow.
        tls().only13().client_ca(&ca),
    ] {
        for (code, name) in REFUSALS {
            let server = tls.script([conn().read().alert(*code)]);
            showing(&ca, &me.pem(), &me.key_pem())
                .args([server.url("/"), "k=v"])
                .run()
                .stderr(format!(
                    "authpost: waiting for the answer of https://localhost:PORT: it broke TLS off ({name})\n\
                    hint: the API may have accepted it: check before sending it again, or say --idempotent\n"
                ))
                .code(74);
            assert_eq!(server.finish().len(), 1, "{code}");
        }
    }
}

#[test]
fn a_certificate_refused_on_a_kept_connection_leaves_the_outcome_open() {
    let ca = Ca::new("Test CA");
    let me = ca.issue(Leaf::client("me"));
    let tls = Tls::new(&ca.issue(Leaf::new("localhost"))).only13();
    let tls = tls.client_ca(&ca).without_tickets();
    let server = tls.script([conn().read().reply_json(200, "{}").read().alert(45)]);
    showing(&ca, &me.pem(), &me.key_pem())
        .stdin("{\"n\":1}\n{\"n\":2}\n")
        .args(["--lines=-", server.url("/")])
        .run()
        .stderr_like(
            "authpost: line 2: waiting for the answer of https://localhost:PORT: it broke TLS off (CertificateExpired)\n**",
        )
        .code(74);
    assert_eq!(server.finish().len(), 2);
}

#[test]
fn a_certificate_and_key_that_cannot_be_used_stop_the_run() {
    let ca = Ca::new("Test CA");
    let (me, you) = (ca.issue(Leaf::client("me")), ca.issue(Leaf::client("you")));
    let rsa = ca.issue(Leaf::client("me").rsa());
    let unfit = "authpost: using the client certificate: --cert and --key do not fit together, or are of a kind not known here\n\
        hint: give the certificate's own key: RSA of 2048 bits or more, ECDSA P-256 or P-384, or Ed25519\n";
    let no_key = "authpost: reading the client's private key (--key) from 'me.key': there is no usable key in it\n\
        hint: give an unencrypted key in PEM: PKCS#8 ('BEGIN PRIVATE KEY'), PKCS#1 or SEC1\n";
    let no_certificate = "authpost: reading the client certificate (--cert) from 'me.pem': there is no certificate in it\n\
        hint: give a PEM file with '-----BEGIN CERTIFICATE-----' blocks, as your CA hands it out\n";
    let encrypted =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let garbage = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    for (cert, key, stderr) in [
        (me.pem(), you.key_pem(), unfit),
        (me.pem(), rsa.key_pem(), unfit),
        (me.pem(), garbage.to_owned(), unfit),
        (me.pem(), encrypted.to_owned(), no_key),
        (me.pem(), String::new(), no_key),
        (me.pem(), me.pem(), no_key),
        (me.key_pem(), me.key_pem(), no_certificate),
    ] {
        // The mismatch shows only when TLS is set up; not a byte of TLS is sent.
        let tls = Tls::new(&ca.issue(Leaf::new("localhost"))).client_ca(&ca);
        let connections = (stderr == unfit).then(|| conn().raw().read_end());
        let server = tls.script(connections);
        showing(&ca, &cert, &key)
            .arg(server.url("/"))
            .run()
            .stderr(stderr)
            .code(78);
        assert_eq!(server.finish().len(), 0);
    }
    quiet()
        .args(["--key", "me.key", "https://localhost/"])
        .run()
        .stderr(
            "authpost: reading the command line: --key is given without --cert\n\
            hint: give the client's certificate chain with --cert\n",
        )
        .code(64);
}

#[test]
fn nginx_knows_us_by_our_certificate() {
    if !need("nginx") {
        return;
    }
    let (dir, port) = (dir(), free_port());
    let ca = certified(&dir);
    dir.write("ca.pem", ca.pem(), 0o600);
    let at = dir.path().display();
    let _nginx = Daemon::nginx(
        &dir,
        "master_process off; error_log stderr;",
        &format!(
            "access_log off;\n\
            server {{\n\
              listen 127.0.0.1:{port} ssl;\n\
              ssl_certificate {at}/server.pem; ssl_certificate_key {at}/server.key;\n\
              ssl_client_certificate {at}/ca.pem; ssl_verify_client on;\n\
              location / {{ default_type application/json; return 200 '{{\"you\":\"$ssl_client_s_dn\"}}'; }}\n\
            }}"
        ),
        &[port],
    );
    let url = format!("https://localhost:{port}/");
    let me = ca.issue(Leaf::client("me"));
    test()
        .args(["--no-auth", "--pick", "/you"])
        .file("ca.pem", ca.pem())
        .file("me.pem", me.pem())
        .file("me.key", me.key_pem())
        .args(["--cacert", "ca.pem", "--cert", "me.pem", "--key", "me.key"])
        .arg(&url)
        .run()
        .stdout("CN=me\n")
        .code(0);
    let refused = |hint: &str, said: &str| {
        format!(
            "authpost: the API answered 400 Bad Request\n{hint}  <html>\n**<center>{said}</center>**"
        )
    };
    let hint = "hint: the API asks for a client certificate: give one with --cert and --key\n";
    trusting(&ca.pem())
        .args(["--pick", "/you", &url])
        .run()
        .stderr_like(&refused(hint, "No required SSL certificate was sent"))
        .code(76);
    let stranger = Ca::new("Other CA").issue(Leaf::client("me"));
    showing(&ca, &stranger.pem(), &stranger.key_pem())
        .args(["--pick", "/you", &url])
        .run()
        .stderr_like(&refused("", "The SSL certificate error"))
        .code(76);
}

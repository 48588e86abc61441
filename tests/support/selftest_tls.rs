//! Tests of the support's TLS: each certificate is good or bad as its name says, and each fault happens.
use crate::support::certs::{Ca, Identity, Leaf};
use crate::support::tls::{Tls, provider};
use crate::support::{Response, Server, conn};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

const POST: &str = "POST /data HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}";

/// Posts as a client that trusts `ca`; returns the answer, or the words of the error.
fn post(server: &Server, ca: &str, client: Option<(&str, &str)>) -> Result<String, String> {
    let mut roots = RootCertStore::empty();
    for root in CertificateDer::pem_slice_iter(ca.as_bytes()) {
        roots.add(root.unwrap()).unwrap();
    }
    let config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let config = match client {
        None => config.with_no_client_auth(),
        Some((chain, key)) => {
            let chain = CertificateDer::pem_slice_iter(chain.as_bytes()).flatten();
            let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
            config.with_client_auth_cert(chain.collect(), key).unwrap()
        }
    };
    let name = ServerName::try_from("localhost").unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let tcp = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
    let mut transport = StreamOwned::new(connection, tcp);
    let mut talk = || -> io::Result<String> {
        transport.write_all(POST.as_bytes())?;
        let mut answer = String::new();
        transport.read_to_string(&mut answer)?;
        Ok(answer)
    };
    talk().map_err(|e| e.to_string())
}

fn ok() -> Response {
    Response::json(200, "{}")
}

#[test]
fn good_certificates_are_accepted() {
    let ca = Ca::new("Test CA");
    let middle = ca.intermediate("Middle CA");
    let leaf = Leaf::new("localhost").ip("127.0.0.1");
    let own = Identity::self_signed(Leaf::new("localhost"));
    for (identity, trusted) in [
        (ca.issue(leaf.clone()), ca.pem()),
        (ca.issue(leaf.clone().rsa()), ca.pem()),
        (middle.issue(leaf), ca.pem()),
        (own, String::new()),
    ] {
        let trusted = if trusted.is_empty() {
            identity.pem()
        } else {
            trusted
        };
        for (tls, version) in [
            (Tls::new(&identity), "TLSv1_3"),
            (Tls::new(&identity).only13(), "TLSv1_3"),
            (Tls::new(&identity).only12(), "TLSv1_2"),
        ] {
            let server = tls.script([conn().read().reply(ok()).close()]);
            assert!(server.url("/data").starts_with("https://localhost:"));
            let answer = post(&server, &trusted, None).unwrap();
            assert_eq!(answer.as_bytes(), ok().to_bytes());
            assert_eq!(server.finish()[0].raw(), POST.as_bytes());
            let [handshake] = &tls.handshakes()[..] else {
                panic!("one handshake");
            };
            assert_eq!(handshake.version, version);
            assert_eq!(handshake.name.as_deref(), Some("localhost"));
        }
    }
}

#[test]
fn bad_certificates_are_refused() {
    let ca = Ca::new("Test CA");
    let middle = ca.intermediate("Middle CA");
    let leaf = || Leaf::new("localhost");
    let own_ca = Identity::self_signed(leaf().ca());
    let own_ca_pem = own_ca.pem();
    for (identity, trusted, why) in [
        (ca.issue(leaf().expired()), ca.pem(), "certificate expired"),
        (ca.issue(leaf().not_yet_valid()), ca.pem(), "not valid yet"),
        (
            ca.issue(Leaf::new("other.test")),
            ca.pem(),
            "not valid for name",
        ),
        (ca.issue(leaf().cn_only()), ca.pem(), "not valid for name"),
        (
            ca.issue(Leaf::client("localhost")),
            ca.pem(),
            "server authentication",
        ),
        (middle.issue(leaf()).alone(), ca.pem(), "UnknownIssuer"),
        (Identity::self_signed(leaf()), ca.pem(), "UnknownIssuer"),
        (Ca::new("Test CA").issue(leaf()), ca.pem(), "BadSignature"),
        (own_ca, own_ca_pem, "CaUsedAsEndEntity"),
    ] {
        for tls in [Tls::new(&identity).only12(), Tls::new(&identity).only13()] {
            let server = tls.script([conn().handshake_fails()]);
            let error = post(&server, &trusted, None).unwrap_err();
            assert!(error.contains(why), "{error}, expected: {why}");
            server.finish();
        }
    }
}

#[test]
fn a_handshake_must_go_as_scripted() {
    let ca = Ca::new("Test CA");
    let tls = Tls::new(&ca.issue(Leaf::new("localhost")));
    let server = tls.script([conn().read()]);
    post(&server, &Ca::new("Other CA").pem(), None).unwrap_err();
    let wrong = server.complaints().join(" ");
    assert!(
        wrong.contains("TLS handshake: received fatal alert"),
        "{wrong}"
    );

    let server = tls.script([conn().handshake_fails()]);
    post(&server, &ca.pem(), None).unwrap_err();
    let wrong = server.complaints().join(" ");
    assert!(wrong.contains("the TLS handshake went well"), "{wrong}");
}

#[test]
fn clients_prove_themselves() {
    let ca = Ca::new("Test CA");
    let server = ca.issue(Leaf::new("localhost"));
    let (ec, rsa) = (
        ca.issue(Leaf::client("me")),
        ca.issue(Leaf::client("me").rsa()),
    );
    assert!(ec.key_pem().starts_with("-----BEGIN PRIVATE KEY-----\n"));
    assert!(
        ec.sec1_pem()
            .starts_with("-----BEGIN EC PRIVATE KEY-----\n")
    );
    assert!(
        rsa.pkcs1_pem()
            .starts_with("-----BEGIN RSA PRIVATE KEY-----\n")
    );
    for tls in [Tls::new(&server).only12(), Tls::new(&server).only13()] {
        let tls = tls.client_ca(&ca);
        for (identity, key) in [
            (&ec, ec.key_pem()),
            (&ec, ec.sec1_pem()),
            (&rsa, rsa.key_pem()),
            (&rsa, rsa.pkcs1_pem()),
        ] {
            let server = tls.script([conn().read().reply(ok()).close()]);
            post(&server, &ca.pem(), Some((&identity.pem(), &key))).unwrap();
            assert!(tls.handshakes().iter().all(|h| h.client));
        }
        let stranger = Ca::new("Other CA").issue(Leaf::client("me"));
        let (chain, key) = (stranger.pem(), stranger.key_pem());
        for client in [None, Some((&chain[..], &key[..]))] {
            let server = tls.script([conn().handshake_fails()]);
            let error = post(&server, &ca.pem(), client).unwrap_err();
            assert!(error.contains("fatal alert"), "{error}");
        }
    }
}

#[test]
fn what_is_not_tls_is_noticed() {
    let ca = Ca::new("Test CA");
    let tls = Tls::new(&ca.issue(Leaf::new("localhost")));
    for (script, why) in [
        (
            conn().raw().reply("220 smtp\r\n").close(),
            "corrupt message",
        ),
        (conn().raw().read_bytes(50).close(), ""),
        (conn().raw().read_bytes(50).reset(), "reset"),
        (conn().handshake_cut(0), "end of file"),
        (conn().handshake_cut(60), "end of file"),
        (conn().handshake_cut(400), "end of file"),
    ] {
        let server = tls.script([script.clone()]);
        let error = post(&server, &ca.pem(), None).unwrap_err();
        assert!(error.contains(why), "{script:?}: {error}");
        assert_eq!(server.finish().len(), 0, "a hello is no request");
    }
}

#[test]
fn an_answer_can_end_without_close_notify() {
    let ca = Ca::new("Test CA");
    let tls = Tls::new(&ca.issue(Leaf::new("localhost")));
    let server = tls.script([conn().read().reply(ok()).cut()]);
    let error = post(&server, &ca.pem(), None).unwrap_err();
    assert!(error.contains("close_notify"), "{error}");
}

#[test]
fn a_proxy_is_plain_before_the_handshake() {
    let ca = Ca::new("Test CA");
    let tls = Tls::new(&ca.issue(Leaf::new("localhost")));
    let yes = "HTTP/1.1 200 Connection established\r\n\r\n";
    let server = tls.script([conn().raw().read().reply(yes).handshake().read_end()]);
    let mut tcp = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
    tcp.write_all(b"CONNECT localhost:443 HTTP/1.1\r\n\r\n")
        .unwrap();
    tcp.read_exact(&mut vec![0; yes.len()]).unwrap();
    tcp.write_all(b"GET").unwrap();
    drop(tcp);
    assert_eq!(server.wait_for(1)[0].path(), "localhost:443");
    let wrong = server.complaints().join(" ");
    assert!(wrong.contains("step 2: TLS handshake"), "{wrong}");
}

#[test]
fn a_handler_can_be_secure() {
    let ca = Ca::new("Test CA");
    let tls = Tls::new(&ca.issue(Leaf::new("localhost")));
    let server = tls.handler(|_| ok().close());
    for _ in 0..3 {
        post(&server, &ca.pem(), None).unwrap();
    }
    assert_eq!(server.count(), 3);
}

//! Through a proxy: which one, what it gets to see, and what it can do to us.
use crate::http::daemon::{Daemon, free_port};
use crate::support::{
    Ca, Conn, Leaf, Runner, Server, Tls, Unreachable, conn, dir, find, need, test,
};
use std::process::Command;
use std::time::Duration;

const OK: &str = r#"{"ok":true}"#;
const YES: &str = "HTTP/1.1 200 Connection established\r\n\r\n";
const TOKEN: &str = "t0ken-that-no-proxy-sees";

/// A host that nobody here can look up: only a proxy can reach it.
const HOST: &str = "api.test";
const URL: &str = "https://api.test/data";

/// A proxy for TLS, and the API behind it, whose certificate is for `api.test`.
struct Tunnel {
    ca: Ca,
    tls: Tls,
}

impl Tunnel {
    fn new() -> Tunnel {
        let ca = Ca::new("Test CA");
        let tls = Tls::new(&ca.issue(Leaf::new(HOST).name("localhost")));
        Tunnel { ca, tls }
    }

    fn script(&self, connections: impl IntoIterator<Item = Conn>) -> Server {
        self.tls.script(connections)
    }

    /// Lets one request through, and accepts it.
    fn accepting(&self) -> Server {
        self.script([conn()
            .raw()
            .read()
            .reply(YES)
            .handshake()
            .read()
            .reply_json(200, OK)])
    }

    fn run(&self) -> Runner {
        test()
            .token(TOKEN)
            .file("ca.pem", self.ca.pem())
            .args(["-q", "--cacert", "ca.pem", "--wait", "1ms"])
    }
}

fn at(server: &Server) -> String {
    format!("http://127.0.0.1:{}", server.port())
}

#[test]
fn the_request_goes_through_a_tunnel() {
    let tunnel = Tunnel::new();
    let proxy = tunnel.accepting();
    tunnel
        .run()
        .args(["--proxy", &at(&proxy), URL, "k=v"])
        .run()
        .code(0);
    let requests = proxy.finish();
    let [connect, post] = &requests[..] else {
        panic!("{requests:?}");
    };
    assert_eq!(connect.line(), "CONNECT api.test:443 HTTP/1.1");
    assert_eq!(connect.header("Host"), Some("api.test:443"));
    let seen = String::from_utf8_lossy(connect.raw());
    assert!(
        !seen.contains(TOKEN) && !seen.contains("Authorization"),
        "{seen}"
    );
    assert_eq!(post.line(), "POST /data HTTP/1.1");
    assert_eq!(post.header("Host"), Some("api.test"));
    assert_eq!(post.header("Proxy-Authorization"), None);
    assert_eq!(post.text(), r#"{"k":"v"}"#);
    assert_eq!(tunnel.tls.handshakes()[0].name.as_deref(), Some(HOST));
}

#[test]
fn the_variables_name_it_in_capitals_and_small_letters() {
    let tunnel = Tunnel::new();
    for name in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        for form in [
            "http://127.0.0.1:PORT",
            "http://127.0.0.1:PORT/",
            "127.0.0.1:PORT",
        ] {
            let proxy = tunnel.accepting();
            let value = form.replace("PORT", &proxy.port().to_string());
            tunnel.run().env(name, value).arg(URL).run().code(0);
        }
    }
    for name in ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"] {
        let proxy = Server::script([conn().read().reply(YES).read().reply_json(200, OK)]);
        test()
            .args(["-q", "--no-auth", "http://api.test:8080/data"])
            .env(name, at(&proxy))
            .run()
            .code(0);
        let requests = proxy.finish();
        assert_eq!(requests[0].line(), "CONNECT api.test:8080 HTTP/1.1");
        assert_eq!(requests[1].line(), "POST /data HTTP/1.1");
    }
}

#[test]
fn one_setting_comes_before_another() {
    let tunnel = Tunnel::new();
    let dead = "http://127.0.0.1:1";
    let none = "";
    for settings in [
        [
            ("https_proxy", "PROXY"),
            ("HTTPS_PROXY", dead),
            ("all_proxy", dead),
        ],
        [
            ("HTTPS_PROXY", "PROXY"),
            ("all_proxy", dead),
            ("ALL_PROXY", dead),
        ],
        [
            ("all_proxy", "PROXY"),
            ("ALL_PROXY", dead),
            ("http_proxy", dead),
        ],
        [
            ("https_proxy", none),
            ("HTTPS_PROXY", none),
            ("ALL_PROXY", "PROXY"),
        ],
    ] {
        let proxy = tunnel.accepting();
        let mut run = tunnel.run();
        for (name, value) in settings {
            run = run.env(name, value.replace("PROXY", &at(&proxy)));
        }
        run.arg(URL).run().code(0);
    }
    let proxy = tunnel.accepting();
    tunnel
        .run()
        .env("HTTPS_PROXY", dead)
        .args(["--proxy", &at(&proxy), URL])
        .run()
        .code(0);
    // The other scheme's variable is none of our business.
    let server = tunnel.script([conn().read().reply_json(200, OK)]);
    tunnel
        .run()
        .env("HTTP_PROXY", dead)
        .arg(server.url("/"))
        .run()
        .code(0);
}

#[test]
fn a_header_of_a_request_under_cgi_names_no_proxy() {
    // CGI hands the header Proxy of a client over as HTTP_PROXY.
    let run = |proxy: &Server, name: &str| {
        test()
            .args([
                "-q",
                "--no-auth",
                "--tries=1",
                "--timeout=5s",
                "--allow-http",
            ])
            .args(["http://api.invalid/", "k=v"])
            .env("REQUEST_METHOD", "POST")
            .env(name, at(proxy))
            .run()
    };
    run(&Server::never(), "HTTP_PROXY")
        .stderr_like("authpost: looking up the host of http://api.invalid: **")
        .code(75);
    let proxy = Server::script([conn().read().reply(YES).read().reply_json(200, OK)]);
    run(&proxy, "http_proxy").code(0);
}

#[test]
fn schemes_are_read_in_any_case() {
    let tunnel = Tunnel::new();
    let proxy = tunnel.accepting();
    let value = at(&proxy).replace("http://", "HTTP://");
    tunnel
        .run()
        .env("HTTPS_PROXY", value)
        .args(["--no-body", &URL.replace("https", "HttpS")])
        .run()
        .code(0);
}

#[test]
fn no_proxy_and_this_machine_are_reached_directly() {
    let tunnel = Tunnel::new();
    let dead = "http://127.0.0.1:1";
    for name in ["NO_PROXY", "no_proxy"] {
        let server = tunnel.script([conn().read().reply_json(200, OK)]);
        tunnel
            .run()
            .env(name, "example.com, localhost")
            .args(["--proxy", dead, server.url("/")])
            .run()
            .code(0);
    }
    let server = tunnel.script([conn().read().reply_json(200, OK)]);
    tunnel
        .run()
        .env("HTTPS_PROXY", dead)
        .env("ALL_PROXY", dead)
        .arg(server.url("/"))
        .run()
        .code(0);
}

#[test]
fn a_token_for_this_machine_does_not_leave_it_in_the_clear() {
    let server = Server::script([conn().read().reply_json(200, OK)]);
    test()
        .token(TOKEN)
        .env("HTTP_PROXY", "http://127.0.0.1:1")
        .args(["-q", server.url("/")])
        .run()
        .code(0);
    test()
        .token(TOKEN)
        .env("HTTP_PROXY", "http://127.0.0.1:1")
        .args(["-q", "http://api.test/"])
        .run()
        .stderr(
            "authpost: checking the URL http://api.test/: anyone on the network path could read the token over plain http\n\
            hint: use https, or say --allow-http if you trust that network\n",
        )
        .code(64);
}

#[test]
fn its_password_comes_from_the_variable_and_goes_to_it_alone() {
    let tunnel = Tunnel::new();
    let proxy = tunnel.accepting();
    let out = tunnel
        .run()
        .env(
            "HTTPS_PROXY",
            format!("http://us%40er:p%3Ass@127.0.0.1:{}", proxy.port()),
        )
        .args(["-v", URL])
        .run()
        .stderr_like("**")
        .code(0);
    for secret in ["p%3Ass", "p:ss", "dXNAZXI6cDpzcw", "us%40er", TOKEN] {
        assert!(!out.stderr.contains(secret), "{secret} in {}", out.stderr);
    }
    let requests = proxy.finish();
    // us@er:p:ss
    assert_eq!(
        requests[0].header("Proxy-Authorization"),
        Some("Basic dXNAZXI6cDpzcw==")
    );
    assert_eq!(requests[1].header("Proxy-Authorization"), None);

    // As curl takes it: what no URL may hold is a part of the password. This is dom\us:pä^{}.
    let proxy = tunnel.accepting();
    let value = format!("http://dom\\us:pä^{{}}@127.0.0.1:{}", proxy.port());
    let run = tunnel.run().env("HTTPS_PROXY", value).arg(URL);
    run.run().code(0);
    assert_eq!(
        proxy.finish()[0].header("Proxy-Authorization"),
        Some("Basic ZG9tXHVzOnDDpF57fQ==")
    );

    test()
        .args(["--no-auth", "--proxy", "http://u:pass@127.0.0.1:1", URL])
        .run()
        .stderr(
            "authpost: reading --proxy: every user of this machine can read its password there: put the URL into HTTPS_PROXY\n\
            hint: --proxy URL: HTTP proxy [default: from the environment]\n",
        )
        .code(64);
}

#[test]
fn a_proxy_that_refuses_us_asks_for_another_password() {
    let tunnel = Tunnel::new();
    let no = "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n";
    let proxy = tunnel.script([conn().raw().read().reply(no).close()]);
    let out = tunnel
        .run()
        .env(
            "HTTPS_PROXY",
            format!("http://user:hunter2@127.0.0.1:{}", proxy.port()),
        )
        .arg(URL)
        .run()
        .stderr(
            "authpost: connecting to https://api.test through the proxy 127.0.0.1:PORT: \
            the proxy asks for a user and a password, or refuses the ones given (407)\n\
            hint: give them as http://USER:PASSWORD@HOST:PORT, in HTTPS_PROXY rather than in --proxy\n",
        )
        .code(77);
    assert!(!out.stderr.contains("hunter2"));
}

#[test]
fn a_proxy_that_does_not_let_us_through_is_tried_again() {
    let tunnel = Tunnel::new();
    for (no, why, hint) in [
        (
            "HTTP/1.1 403 Filtered\r\nContent-Length: 0\r\n\r\n",
            "the proxy answered 403",
            "hint: see whether the proxy lets anybody through to that host and port\n",
        ),
        (
            "HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\nContent-Length: 9\r\n\r\n<html>no<",
            "the proxy answered 404",
            "hint: see whether the proxy lets anybody through to that host and port\n",
        ),
        (
            "HTTP/1.0 502 Bad Gateway\r\n\r\n<html>no</html>",
            "the proxy answered 502",
            "hint: see whether the proxy lets anybody through to that host and port\n",
        ),
        ("", "the proxy did not answer", ""),
        ("HTTP/1.1 20", "the proxy did not answer", ""),
        ("220 smtp.test ESMTP\r\n", "what came is not HTTP (*)", ""),
        ("\u{1}\u{2}", "what came is not HTTP (*)", ""),
    ] {
        let refusing = || conn().raw().read().reply(no).close();
        let proxy = tunnel.script([refusing(), refusing()]);
        tunnel
            .run()
            .args(["--tries", "2", "--proxy", &at(&proxy), URL])
            .run()
            .stderr_like(&format!(
                "authpost: connecting to https://api.test through the proxy 127.0.0.1:PORT: {why} (2 attempts)\n{hint}"
            ))
            .code(75);
        let requests = proxy.finish();
        assert!(requests.iter().all(|request| request.method() == "CONNECT"));
    }
    let proxy = tunnel.script([
        conn()
            .raw()
            .read()
            .reply("HTTP/1.1 503 Busy\r\n\r\n")
            .close(),
        conn().raw().read().reset(),
        conn().raw().read().reply(YES).handshake_cut(200),
        conn()
            .raw()
            .read()
            .reply(YES)
            .handshake()
            .read()
            .reply_json(200, OK),
    ]);
    tunnel
        .run()
        .args(["--proxy", &at(&proxy), URL])
        .run()
        .code(0);
}

#[test]
fn a_proxy_that_is_not_there_is_told() {
    let nobody = Unreachable::refusing();
    test()
        .word(nobody.port().to_string(), "CLOSED")
        .args(["--no-auth", "--tries", "1", URL])
        .env(
            "HTTPS_PROXY",
            format!("http://u:secret@127.0.0.1:{}", nobody.port()),
        )
        .run()
        .stderr("authpost: connecting to the proxy 127.0.0.1:CLOSED: Connection refused\n")
        .code(75);
    test()
        .args(["--no-auth", "--tries", "1", "--timeout", "5s", URL])
        .env("HTTPS_PROXY", "http://u:secret@proxy,test:3128")
        .run()
        .stderr_like("authpost: connecting to the proxy proxy,test:3128: the name *\nhint: *\n")
        .code(75);
}

#[test]
fn a_proxy_cannot_hold_us_beyond_the_budget() {
    let tunnel = Tunnel::new();
    let every = Duration::from_millis(30);
    let long = format!("HTTP/1.1 200 OK\r\nX-Slow: {}", "y".repeat(1000));
    for holding in [
        conn().raw().stall(),
        conn().raw().read().stall(),
        conn().raw().read().drip(long, every),
        conn().raw().read().reply(YES).stall(),
    ] {
        let proxy = tunnel.script([holding.clone()]);
        tunnel
            .run()
            .args(["--timeout", "300ms", "--proxy", &at(&proxy), URL])
            .run()
            .within(0.2, 0.8)
            .stderr_like(
                "authpost: connecting to https://api.test through the proxy 127.0.0.1:PORT: timed out\n",
            )
            .code(75);
    }
    let silent = Unreachable::silent();
    test()
        .word(silent.port().to_string(), "SILENT")
        .args(["--no-auth", "--timeout", "300ms", "--proxy"])
        .args([silent.url(""), URL])
        .run()
        .within(0.2, 0.8)
        .stderr("authpost: connecting to the proxy 127.0.0.1:SILENT: timed out\n")
        .code(75);
    // Only a proxy's head may be large, but not without end.
    let endless = format!("HTTP/1.1 200 OK\r\nX-Long: {}", "y".repeat(1 << 20));
    let proxy = tunnel.script([conn().raw().read().reply(endless).stall()]);
    tunnel
        .run()
        .args(["--tries", "1", "--proxy", &at(&proxy), URL])
        .run()
        .stderr_like(
            "authpost: connecting to https://api.test through the proxy 127.0.0.1:PORT: *\n",
        )
        .code(75);
}

#[test]
fn the_certificate_behind_it_is_checked() {
    let ca = Ca::new("Test CA");
    let tls = Tls::new(&ca.issue(Leaf::new("other.test")));
    let proxy = tls.script([conn().raw().read().reply(YES).handshake_fails()]);
    test()
        .token(TOKEN)
        .file("ca.pem", ca.pem())
        .args(["--cacert", "ca.pem", "--proxy", &at(&proxy), URL])
        .run()
        .stderr(
            "authpost: connecting to https://api.test through the proxy 127.0.0.1:PORT: \
            its certificate is for another host: 'other.test'\n\
            hint: check the host in the URL, or tell the API's owner\n",
        )
        .code(75);
}

#[test]
fn a_client_certificate_that_is_missed_behind_it_was_not_sent_anything() {
    let ca = Ca::new("Test CA");
    let tls = Tls::new(&ca.issue(Leaf::new("api.test"))).client_ca(&ca);
    let proxy = tls
        .only13()
        .script([conn().raw().read().reply(YES).handshake_fails()]);
    test()
        .token(TOKEN)
        .file("ca.pem", ca.pem())
        .args(["--cacert", "ca.pem", "--proxy", &at(&proxy), URL])
        .run()
        .stderr(
            "authpost: connecting to https://api.test through the proxy 127.0.0.1:PORT: \
            the API asks for a client certificate\n\
            hint: give one with --cert and --key\n",
        )
        .code(75);
}

#[test]
fn a_tunnel_is_kept_between_tries() {
    let tunnel = Tunnel::new();
    let proxy = tunnel.script([conn()
        .raw()
        .read()
        .reply(YES)
        .handshake()
        .read()
        .reply_json(503, "{}")
        .read()
        .reply_json(200, OK)]);
    tunnel
        .run()
        .args(["--proxy", &at(&proxy), URL])
        .run()
        .code(0);
}

#[test]
fn a_proxy_may_speak_tls_itself() {
    let tunnel = Tunnel::new();
    let proxy = tunnel.script([conn().read().reply(YES).read().reply_json(200, OK)]);
    tunnel
        .run()
        .env("HTTP_PROXY", proxy.url(""))
        .args(["--allow-http", "http://api.test:8080/"])
        .run()
        .code(0);
    assert_eq!(tunnel.tls.handshakes().len(), 1);
    assert_eq!(proxy.finish()[0].path(), "api.test:8080");
}

#[test]
fn what_is_no_proxy_is_refused_without_repeating_it() {
    let hint = "hint: give it as http://HOST:PORT, with http://USER:PASSWORD@HOST:PORT where it asks for them\n";
    for (value, why) in [
        (
            "socks5://u:hunter2@127.0.0.1:1080",
            "'socks5' proxies are not supported",
        ),
        ("socks4a://127.0.0.1", "'socks4a' proxies are not supported"),
        (
            "ftp://u:hunter2@127.0.0.1",
            "'ftp' proxies are not supported",
        ),
        ("http://", "it is not a proxy's URL"),
        ("http://u:hunter2@", "it is not a proxy's URL"),
        ("http://127.0.0.1:hunter2", "it is not a proxy's URL"),
        ("/hunter2", "it is not a proxy's URL"),
        ("http://u:hunter2/x@127.0.0.1:1", "it is not a proxy's URL"),
        ("http://u:77/hunter2@127.0.0.1:1", "it is not a proxy's URL"),
        ("http://u:77?hunter2@127.0.0.1:1", "it is not a proxy's URL"),
        ("http://127.0.0.1:1/hunter2", "it is not a proxy's URL"),
        ("http://127.0.0.1:99999", "it is not a proxy's URL"),
    ] {
        test()
            .env("ALL_PROXY", value)
            .args(["--no-auth", URL])
            .run()
            .stderr(format!(
                "authpost: reading the proxy from ALL_PROXY: {why}\n{hint}"
            ))
            .code(78);
    }
    test()
        .args(["--no-auth", "--proxy", "socks5h://127.0.0.1:1080", URL])
        .run()
        .stderr(format!(
            "authpost: reading the proxy from --proxy: 'socks5h' proxies are not supported\n{hint}"
        ))
        .code(64);
}

#[test]
fn tinyproxy_lets_us_through_with_its_password() {
    if !need("tinyproxy") {
        return;
    }
    let tunnel = Tunnel::new();
    let behind = tunnel.accepting();
    let (dir, port) = (dir(), free_port());
    // The name is for the proxy behind it to look up, which is the API itself.
    dir.write(
        "tinyproxy.conf",
        format!(
            "Port {port}\nListen 127.0.0.1\nTimeout 10\nMaxClients 10\nAllow 127.0.0.1\nLogLevel Critical\n\
            BasicAuth user p4ss\nUpstream http 127.0.0.1:{}\n",
            behind.port()
        ),
        0o600,
    );
    let mut tinyproxy = Command::new(find("tinyproxy").unwrap());
    tinyproxy.args(["-d", "-c"]).arg(dir.join("tinyproxy.conf"));
    let _tinyproxy = Daemon::start(&mut tinyproxy, &[port]);
    let run = |proxy: String| {
        tunnel
            .run()
            .word(port.to_string(), "TINYPROXY")
            .env("HTTPS_PROXY", proxy)
            .args([URL, "k=v"])
            .run()
    };
    for (wrong, status) in [("", 407), ("user:wrong@", 401)] {
        run(format!("http://{wrong}127.0.0.1:{port}"))
            .stderr_like(&format!(
                "authpost: connecting to https://api.test through the proxy 127.0.0.1:TINYPROXY: \
                the proxy asks for a user and a password, or refuses the ones given ({status})\nhint: *\n",
            ))
            .code(77);
    }
    run(format!("http://user:p4ss@127.0.0.1:{port}")).code(0);
    let requests = behind.finish();
    assert_eq!(requests[1].text(), r#"{"k":"v"}"#);
}

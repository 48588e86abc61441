//! An answer that comes while the document is still on its way: the run is judged by it, soon, and sends no more.
use crate::http::daemon::{Daemon, certified, free_port};
use crate::support::{Ca, Conn, Leaf, Ran, Runner, Server, Tls, conn, dir, find, need, test};
use socket2::{Domain, Socket, Type};
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::thread;
use std::time::Duration;

/// More than the buffers on the way hold.
const LARGE: usize = 16 << 20;

fn large() -> String {
    format!("[\"{}\"]", "x".repeat(LARGE))
}

/// A run that sends a large document, and trusts that authority.
fn sending(ca: &Ca, url: &str) -> Runner {
    test()
        .token("t0ken")
        .env("no_proxy", "*")
        .file("ca.pem", ca.pem())
        .file("large.json", large())
        .args(["--timeout", "20s", "--cacert", "ca.pem"])
        .args(["-d", "@large.json", url])
}

/// How the servers of a test speak.
fn servers(ca: &Ca) -> [(&'static str, Option<Tls>); 3] {
    let tls = || Tls::new(&ca.issue(Leaf::new("localhost")));
    [
        ("http", None),
        ("TLS 1.2", Some(tls().only12())),
        // Its session tickets come unasked, and are no answer.
        ("TLS 1.3", Some(tls().only13())),
    ]
}

fn script(tls: Option<&Tls>, connections: impl IntoIterator<Item = Conn>) -> Server {
    match tls {
        Some(tls) => tls.script(connections),
        None => Server::script(connections),
    }
}

#[test]
fn an_api_that_answers_and_reads_no_further() {
    let ca = Ca::new("Test CA");
    for (speaks, tls) in servers(&ca) {
        for (status, reason, code) in [
            (401, "Unauthorized", 77),
            (413, "Payload Too Large", 76),
            (429, "Too Many Requests", 69),
        ] {
            let server = script(
                tls.as_ref(),
                [conn()
                    .read_head()
                    .reply_json(status, "\"early\"")
                    .never_read()],
            );
            println!("{speaks}, {status}");
            sending(&ca, server.url("/"))
                .arg("--tries=1")
                .run()
                .within(0.0, 6.0)
                .stderr_like(&format!(
                    "HTTP/1.1 {status} {reason}\nauthpost: the API answered {status} {reason}\n**"
                ))
                .stdout("\"early\"")
                .code(code);
        }
    }
}

/// The run ends well, and its document is there.
#[track_caller]
fn arrives_whole(ca: &Ca, server: Server) {
    let run = sending(ca, server.url("/")).run();
    run.stdout("1").stderr("HTTP/1.1 200 OK\n").code(0);
    // What has left us may still be on its way.
    while !server.transcript().contains("played") {
        thread::sleep(Duration::from_millis(1));
    }
    assert!(server.finish()[0].text() == large());
}

#[test]
fn an_api_that_takes_its_time_before_it_reads() {
    let ca = Ca::new("Test CA");
    for (speaks, tls) in servers(&ca) {
        for interim in [
            "",
            "HTTP/1.1 100 Continue\r\n\r\n",
            "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </>\r\n\r\n",
        ] {
            println!("{speaks}, {interim:?}");
            let steps = conn().read_head().wait(Duration::from_millis(300));
            let steps = steps.reply(interim).wait(Duration::from_millis(300));
            let server = script(tls.as_ref(), [steps.read().reply_json(200, "1")]);
            arrives_whole(&ca, server);
        }
    }
}

#[test]
fn an_api_that_accepts_early_and_reads_on_gets_all_of_it() {
    let ca = Ca::new("Test CA");
    for (speaks, tls) in servers(&ca) {
        println!("{speaks}");
        let steps = conn().read_head().reply_json(200, "1");
        let steps = steps.wait(Duration::from_millis(300)).read();
        let server = script(tls.as_ref(), [steps]);
        arrives_whole(&ca, server);
    }
}

#[test]
fn an_api_that_accepts_early_and_reads_no_further() {
    let ca = Ca::new("Test CA");
    for (speaks, tls) in servers(&ca) {
        println!("{speaks}");
        let steps = conn().read_head().reply_json(200, "1").never_read();
        let server = script(tls.as_ref(), [steps]);
        sending(&ca, server.url("/"))
            .run()
            .within(0.0, 6.0)
            .stdout("1")
            .stderr(
                "authpost: the API accepted the document before it had read all of it: check that nothing is missing\n\
                HTTP/1.1 200 OK\n",
            )
            .code(0);
    }
}

#[test]
fn what_comes_early_and_is_not_http_is_no_answer() {
    let server = Server::script([conn().read_head().reply("220 smtp\r\n").never_read()]);
    sending(&Ca::new("Test CA"), server.url("/"))
        .run()
        .within(0.0, 6.0)
        .stderr_like(
            "authpost: reading the answer of http://127.0.0.1:PORT: what came is not HTTP (*)\nhint: *\n",
        )
        .code(74);
}

#[test]
fn the_next_line_goes_out_on_a_new_connection() {
    let ca = Ca::new("Test CA");
    for (speaks, tls) in servers(&ca) {
        println!("{speaks}");
        let server = script(
            tls.as_ref(),
            [
                conn().read_head().reply_json(413, "1").never_read(),
                conn().read().reply_json(200, "2"),
            ],
        );
        test()
            .token("t0ken")
            .file("ca.pem", ca.pem())
            .file("in", format!("{}\n2\n", large()))
            .args(["--lines", "in", "-q", "--cacert", "ca.pem", server.url("/")])
            .args(["--max-line", "64M"])
            .run()
            .within(0.0, 8.0)
            .stderr_like("authpost: line 1: the API answered 413 Payload Too Large\n**")
            .code(76);
    }
}

/// A slow uplink before a server: 1 MiB/s towards it, and all there is back.
struct Uplink(SocketAddr);

impl Uplink {
    fn to(port: u16) -> Uplink {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.set_recv_buffer_size(32 << 10).unwrap();
        let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
        socket.bind(&any.into()).unwrap();
        socket.listen(8).unwrap();
        let listener = TcpListener::from(socket);
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for client in listener.incoming() {
                let client = client.unwrap();
                let server = TcpStream::connect(("127.0.0.1", port)).unwrap();
                let (back_from, back_to) =
                    (server.try_clone().unwrap(), client.try_clone().unwrap());
                thread::spawn(move || pass(back_from, back_to, Duration::ZERO));
                thread::spawn(move || pass(client, server, Duration::from_millis(8)));
            }
        });
        Uplink(address)
    }
}

/// Passes on pieces of 8 KiB at most, each followed by a pause.
fn pass(mut from: TcpStream, mut to: TcpStream, pause: Duration) {
    let mut piece = [0; 8 << 10];
    while let Ok(count) = from.read(&mut piece) {
        if count == 0 || to.write_all(&piece[..count]).is_err() {
            break;
        }
        thread::sleep(pause);
    }
    let _: io::Result<()> = to.shutdown(Shutdown::Write);
}

/// Judges runs against a real server's http and https port, directly and behind a slow uplink.
fn judge(ca: &Ca, [http, https]: [u16; 2], judge: impl Fn(Ran)) {
    for port in [http, https] {
        let scheme = if port == https { "https" } else { "http" };
        for port in [port, Uplink::to(port).0.port()] {
            println!("{scheme}, {port}");
            let run = sending(ca, &format!("{scheme}://localhost:{port}/")).arg("-4");
            judge(run.run().within(0.0, 6.0));
        }
    }
}

#[test]
fn nginx_finds_it_too_large() {
    if !need("nginx") {
        return;
    }
    let (dir, ports) = (dir(), [free_port(), free_port()]);
    let ca = certified(&dir);
    let (at, [http, https]) = (dir.path().display(), ports);
    let _nginx = Daemon::nginx(
        &dir,
        "master_process off; error_log stderr;",
        &format!(
            "access_log off; client_max_body_size 1m;\n\
            server {{\n\
              listen 127.0.0.1:{http}; listen 127.0.0.1:{https} ssl;\n\
              ssl_certificate {at}/server.pem; ssl_certificate_key {at}/server.key;\n\
              location / {{ proxy_pass http://127.0.0.1:1; }}\n\
            }}"
        ),
        &ports,
    );
    judge(&ca, ports, |ran| {
        ran.stderr_like(
            "HTTP/1.1 413 Payload Too Large\nauthpost: the API answered 413 Payload Too Large\n**",
        )
        .stdout_like("<**")
        .code(76);
    });
}

#[test]
fn node_refuses_the_token_and_reads_nothing() {
    if !need("node") {
        return;
    }
    let (dir, ports) = (dir(), [free_port(), free_port()]);
    let ca = certified(&dir);
    let [http, https] = ports;
    dir.write(
        "api.js",
        format!(
            "const refuse = (request, answer) => answer.writeHead(401).end('early');\n\
            const read = (name) => require('fs').readFileSync(name);\n\
            require('http').createServer(refuse).listen({http}, '127.0.0.1');\n\
            require('https').createServer({{ cert: read('server.pem'), key: read('server.key') }}, refuse)\n\
              .listen({https}, '127.0.0.1');\n"
        ),
        0o600,
    );
    let mut node = Command::new(find("node").unwrap());
    let _node = Daemon::start(node.arg("api.js").current_dir(dir.path()), &ports);
    judge(&ca, ports, |ran| {
        ran.stderr_like(
            "HTTP/1.1 401 Unauthorized\nauthpost: the API answered 401 Unauthorized\n**",
        )
        .stdout("early")
        .code(77);
    });
}

#[test]
fn apache_finds_it_too_large() {
    if !need("apache2") {
        return;
    }
    let (dir, ports) = (dir(), [free_port(), free_port()]);
    let ca = certified(&dir);
    let (at, [http, https]) = (dir.path().display(), ports);
    let modules: String = ["mpm_event", "authz_core", "ssl", "socache_shmcb"]
        .iter()
        .map(|name| format!("LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n"))
        .collect();
    let config = format!(
        "{modules}ServerRoot {at}\nDefaultRuntimeDir {at}\nPidFile {at}/pid\nErrorLog {at}/log\nServerName localhost\n\
        Listen 127.0.0.1:{http}\nListen 127.0.0.1:{https}\nDocumentRoot {at}\nLimitRequestBody 1000000\n\
        <VirtualHost 127.0.0.1:{https}>\nSSLEngine on\n\
        SSLCertificateFile {at}/server.pem\nSSLCertificateKeyFile {at}/server.key\n</VirtualHost>\n"
    );
    dir.write("apache.conf", config, 0o600);
    let mut apache = Command::new(find("apache2").unwrap());
    apache.args(["-X", "-f"]).arg(dir.join("apache.conf"));
    let _apache = Daemon::start(&mut apache, &ports);
    judge(&ca, ports, |ran| {
        ran.stderr_like(
            "HTTP/1.1 413 Payload Too Large\nauthpost: the API answered 413 Payload Too Large\n**",
        )
        .stdout_like("<**")
        .code(76);
    });
}

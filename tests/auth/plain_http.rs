//! A secret is sent over plain http only to this machine, unless the user allows more.
use crate::support::{Ran, Runner, Server, conn, test};

#[test]
fn a_token_travels_over_http_on_this_machine_only() {
    let open = |url: &str| {
        format!(
            "authpost: checking the URL {url}: anyone on the network path could read the token over plain http\n\
             hint: use https, or say --allow-http if you trust that network\n"
        )
    };
    for url in [
        "http://api.example.com/data",
        "http://128.0.0.1/",
        "http://10.0.0.1:8080",
        "http://[::2]/",
        "http://[::ffff:127.0.0.1]/",
        "http://0.0.0.0/",
        "http://localhost.example.com/",
        "http://notlocalhost/",
        "http://127.0.0.1.example.com/",
        "http://2130706433/",
    ] {
        test()
            .token("t0ken")
            .arg(url)
            .run()
            .stderr(open(url))
            .code(64);
        // Nor does a header that is secret.
        let run = test()
            .file("headers", "X: y")
            .args([url, "--no-auth", "--header-file=headers"]);
        run.run().stderr(open(url)).code(64);
    }
    // What holds nothing secret may go, and so may what the user says may.
    let dry = |run: Runner, url: &str| -> Ran { run.args([url, "--dry-run"]).run() };
    for url in [
        "http://127.0.0.1/",
        "http://127.255.0.1/",
        "http://[::1]/",
        "http://LOCALHOST./",
        "http://api.localhost/",
    ] {
        dry(test().token("t0ken"), url)
            .stdout_like("POST / HTTP/1.1\n**")
            .code(0);
    }
    let url = "http://api.example.com/";
    dry(test().arg("--no-auth"), url)
        .stdout_like("POST / HTTP/1.1\n**")
        .code(0);
    let run = test().token("t0ken").arg("--allow-http");
    dry(run, url).stdout_like("POST / HTTP/1.1\n**").code(0);
}

#[test]
fn a_proxy_does_not_carry_a_plain_token_away() {
    let proxy = "http://192.0.2.1:3128";
    let arrives = |run: Runner| {
        let server = Server::script([conn().read().reply_json(200, "")]);
        run.arg(server.url("/"))
            .run()
            .stderr("HTTP/1.1 200 OK\n")
            .code(0);
        let request = server.request();
        assert_eq!(request.header("authorization"), Some("Bearer t0ken"));
    };
    let stderr = "authpost: taking the proxy from --proxy: anyone on the network path to it could read the token over plain http\n\
        hint: name the host of the URL in NO_PROXY, or say --allow-http if you trust that network\n";
    let run = || test().token("t0ken");
    let server = Server::never();
    let args = [server.url("/"), "--proxy", proxy];
    run().args(args).run().stderr(stderr).code(64);
    drop(server);
    // One that is named in NO_PROXY is reached directly, and so is this machine where nobody says otherwise.
    let direct = run().env("NO_PROXY", "127.0.0.1");
    arrives(direct.args(["--proxy", proxy]));
    let direct = run().env("HTTP_PROXY", proxy).env("all_proxy", proxy);
    arrives(direct);
}

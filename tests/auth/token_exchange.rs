//! `-v` shows the requests for a token and what comes back, and nothing that is secret.
use super::oauth2::{api, client, issuer_with, post};
use crate::support::{Response, Server, test};

#[test]
fn verbose_shows_the_token_request_before_the_request_itself() {
    let answer = r#"{"access_token":"t0ken-t0ken","token_type":"Bearer","expires_in":3600,"scope":"s","refresh_token":"r3fresh","x":{"id_token":"t0"},"note":"n"}"#;
    let (issuer, api) = (
        issuer_with(move |_, _| Response::json(200, answer).header("Cache-Control", "no-store")),
        api(),
    );
    let members = r#","scope":"a b","resource":"https://api.test""#;
    post(&api, client(&issuer, members))
        .args(["-v", "--idempotency-key=k"])
        .run()
        .stdout("\"Bearer t0ken-t0ken\"")
        .stderr(format!(
            "> POST http://127.0.0.1:PORT/token\n\
             > authorization: Basic ********\n\
             > grant_type=client_credentials&scope=a+b&resource=https%3A%2F%2Fapi.test\n\
             < HTTP/1.1 200 OK\n\
             < content-type: application/json\n\
             < cache-control: no-store\n\
             < content-length: {}\n\
             < {{\"access_token\":\"********\",\"expires_in\":3600,\"note\":\"********\",\"refresh_token\":\"********\",\
             \"scope\":\"s\",\"token_type\":\"Bearer\",\"x\":\"********\"}}\n\
             > POST http://127.0.0.1:PORT2/data\n\
             > accept: application/json\n\
             > user-agent: authpost/{}\n\
             > content-type: application/json\n\
             > content-length: 9\n\
             > idempotency-key: k\n\
             > authorization: Bearer ********\n\
             < HTTP/1.1 200 OK\n\
             < content-type: application/json\n\
             < content-length: 20\n",
            answer.len(),
            env!("CARGO_PKG_VERSION")
        ))
        .code(0);
}

#[test]
fn a_refusal_is_shown_with_the_secrets_of_the_form_masked() {
    let answer = r#"{"error":"invalid_client","error_description":"s3cret is wrong","error_uri":"https://issuer.test/e"}"#;
    let (issuer, api) = (
        issuer_with(move |_, _| Response::json(401, answer)),
        Server::handler(|_| Response::new(500, "")),
    );
    let members = r#","auth_method":"body""#;
    for verb in [&[][..], &["check"]] {
        let file = client(&issuer, members);
        let out = test()
            .args(verb)
            .file("oauth2.json", file)
            .env("CACHE_DIRECTORY", "usual")
            .args(["-v", "--oauth2-file=oauth2.json", api.url("/data"), "k=v"])
            .run()
            .stdout_like("**")
            .stderr_like("> POST http://127.0.0.1:PORT/token\n**")
            .code(77);
        let told = "> POST http://127.0.0.1:PORT/token\n\
             > grant_type=client_credentials&client_id=cl1ent&client_secret=********\n\
             < HTTP/1.1 401 Unauthorized\n";
        assert!(out.stderr.starts_with(told), "{}", out.stderr);
        let said = "\n< {\"error\":\"invalid_client\",\"error_description\":\"********\",\"error_uri\":\"https://issuer.test/e\"}\n";
        assert!(out.stderr.contains(said), "{}", out.stderr);
        assert!(!out.stderr.contains("/data"), "{}", out.stderr);
    }
}

#[test]
fn what_is_no_json_is_not_shown() {
    let (issuer, api) = (
        issuer_with(|_, _| Response::new(500, "t0ken-t0ken")),
        Server::never(),
    );
    post(&api, client(&issuer, ""))
        .args(["-v", "--tries=1"])
        .run()
        .stderr_like("> POST **< HTTP/1.1 500 Internal Server Error\n**< (11 bytes that are no JSON object)\nauthpost: **")
        .code(75);
}

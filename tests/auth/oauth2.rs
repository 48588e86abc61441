//! OAuth2 against scripted token endpoints: what is asked, and what each answer leads to.
use crate::support::{
    Ca, Leaf, Request, Response, Runner, Server, Tls, Unreachable, conn, dir, test,
};
use std::time::Duration;

/// A token endpoint that hands out `t0ken-1`, `t0ken-2` and so on, each for an hour.
pub fn issuer() -> Server {
    issuer_with(|_, n| Response::json(200, issued(n, "\"expires_in\":3600")))
}

/// A token endpoint that answers the `n`th request, from 1, so.
pub fn issuer_with(answer: impl Fn(&Request, usize) -> Response + Send + Sync + 'static) -> Server {
    let count = std::sync::atomic::AtomicUsize::new(0);
    Server::handler(move |request| {
        let n = count.fetch_add(1, std::sync::atomic::Ordering::SeqCst) + 1;
        answer(request, n)
    })
}

/// The usual answer, with other members.
pub fn issued(n: usize, members: &str) -> String {
    format!(r#"{{"access_token":"t0ken-{n}","token_type":"Bearer",{members}}}"#)
}

/// An API that answers with the Authorization that it was sent.
pub fn api() -> Server {
    Server::handler(|request| {
        let sent = request.header("Authorization").unwrap_or("none");
        Response::json(200, format!("\"{sent}\""))
    })
}

/// The OAuth2 file of a client with a secret, with more members.
pub fn client(issuer: &Server, members: &str) -> String {
    let url = issuer.url("/token");
    format!(r#"{{"token_url":"{url}","client_id":"cl1ent","client_secret":"s3cret"{members}}}"#)
}

/// A run with this OAuth2 file, and a place for the access token where the file names none.
pub fn post(api: &Server, file: impl Into<Vec<u8>>) -> Runner {
    post_without_cache(api, file).env("CACHE_DIRECTORY", "usual")
}

/// A run with this OAuth2 file.
pub fn post_without_cache(api: &Server, file: impl Into<Vec<u8>>) -> Runner {
    let args = ["--oauth2-file", "oauth2.json", api.url("/data"), "k=v"];
    test().file("oauth2.json", file).args(args)
}

const OK: &str = "HTTP/1.1 200 OK\n";

#[test]
fn the_client_proves_itself_in_a_header() {
    let (issuer, api) = (issuer(), api());
    post(&api, client(&issuer, ""))
        .run()
        .stdout("\"Bearer t0ken-1\"")
        .stderr(OK)
        .code(0);
    let expected = format!(
        "POST /token HTTP/1.1\r\n\
         content-length: 29\r\n\
         user-agent: authpost/{}\r\n\
         host: 127.0.0.1:{}\r\n\
         authorization: Basic Y2wxZW50OnMzY3JldA==\r\n\
         accept: application/json\r\n\
         content-type: application/x-www-form-urlencoded\r\n\r\n\
         grant_type=client_credentials",
        env!("CARGO_PKG_VERSION"),
        issuer.port()
    );
    assert_eq!(String::from_utf8_lossy(issuer.request().raw()), expected);
}

#[test]
fn the_client_proves_itself_in_the_body() {
    let (issuer, api) = (issuer(), api());
    let members = r#","auth_method":"body","scope":"a b:write","audience":"https://api.test/?x=ü""#;
    post(&api, client(&issuer, members))
        .run()
        .stdout("\"Bearer t0ken-1\"")
        .stderr(OK)
        .code(0);
    let request = issuer.request();
    assert_eq!(request.headers("Authorization"), [""; 0]);
    assert_eq!(
        request.text(),
        "grant_type=client_credentials&scope=a+b%3Awrite&audience=https%3A%2F%2Fapi.test%2F%3Fx%3D%C3%BC\
         &client_id=cl1ent&client_secret=s3cret"
    );
}

/// What one endpoint or the other wants besides (RFC 8707 for `resource`); and another one gives another token.
#[test]
fn other_members_are_sent_as_parameters() {
    let (issuer, api, dir) = (issuer(), api(), dir());
    for (members, sent, n) in [
        (
            r#","resource":"https://api.test/?a","x y":"ü&""#,
            "&resource=https%3A%2F%2Fapi.test%2F%3Fa&x+y=%C3%BC%26",
            1,
        ),
        (r#","resource":"b""#, "&resource=b", 2),
        (r#","resource":"b""#, "&resource=b", 2),
        ("", "", 3),
    ] {
        let members = format!(r#","cache":"cache"{members}"#);
        let run = post(&api, client(&issuer, &members)).in_dir(&dir);
        run.run()
            .stdout(format!("\"Bearer t0ken-{n}\""))
            .stderr(OK)
            .code(0);
        let asked = issuer.requests().last().unwrap().text().to_owned();
        assert_eq!(asked, format!("grant_type=client_credentials{sent}"));
    }
    assert_eq!(issuer.count(), 3);
}

/// RFC 6749, section 2.3.1: both halves are form-encoded before they are joined and put into Base64.
#[test]
fn what_is_special_in_id_and_secret_is_encoded() {
    for (method, header, body) in [
        (
            "basic",
            // %2B%3A%25%26+%C3%BC%2F%7E:p%2Bq%3A%3D+%26%22-._*
            Some("Basic JTJCJTNBJTI1JTI2KyVDMyVCQyUyRiU3RTpwJTJCcSUzQSUzRCslMjYlMjItLl8q"),
            "grant_type=client_credentials",
        ),
        (
            "body",
            None,
            "grant_type=client_credentials&client_id=%2B%3A%25%26+%C3%BC%2F%7E\
             &client_secret=p%2Bq%3A%3D+%26%22-._*",
        ),
    ] {
        let (issuer, api) = (issuer(), api());
        let file = format!(
            r#"{{"token_url":"{}","client_id":"+:%& ü/~","client_secret":"p+q:= &\"-._*","auth_method":"{method}"}}"#,
            issuer.url("/token")
        );
        post(&api, file)
            .run()
            .stdout("\"Bearer t0ken-1\"")
            .stderr(OK)
            .code(0);
        let request = issuer.request();
        assert_eq!(request.header("Authorization"), header);
        assert_eq!(request.text(), body);
    }
}

/// Paths in the file begin at the file, wherever the run was started.
#[test]
fn the_secret_can_have_a_file_of_its_own() {
    let (issuer, api) = (issuer(), api());
    let file = format!(
        r#"{{"token_url":"{}","client_id":"cl1ent","client_secret_file":"secret"}}"#,
        issuer.url("/token")
    );
    let args = ["--oauth2-file", "etc/oauth2.json", api.url("/data")];
    test()
        .file("etc/oauth2.json", file)
        .file("etc/secret", "s3cret\n")
        .env("CACHE_DIRECTORY", "usual")
        .args(args)
        .run()
        .stdout("\"Bearer t0ken-1\"")
        .stderr(OK)
        .code(0);
    let sent = issuer.request();
    let sent = sent.header("Authorization");
    assert_eq!(sent, Some("Basic Y2wxZW50OnMzY3JldA=="));
}

#[test]
fn a_refresh_token_is_traded_in() {
    let (issuer, api) = (issuer(), api());
    let grant = r#","grant":"refresh_token","refresh_token_file":"refresh","scope":"s""#;
    let run = post(&api, client(&issuer, grant)).file("refresh", "r3fresh+1\n");
    let dir = run.dir();
    run.run().stdout("\"Bearer t0ken-1\"").stderr(OK).code(0);
    let request = issuer.request();
    assert_eq!(
        request.text(),
        "grant_type=refresh_token&refresh_token=r3fresh%2B1&scope=s"
    );
    let sent = request.header("Authorization");
    assert_eq!(sent, Some("Basic Y2wxZW50OnMzY3JldA=="));
    assert_eq!(dir.read("refresh"), "r3fresh+1\n");
}

/// Such as an app on a phone: it has no secret, and says who it is in the body.
#[test]
fn a_public_client_has_no_secret() {
    let (issuer, api) = (issuer(), api());
    let file = format!(
        r#"{{"token_url":"{}","client_id":"cl1ent","grant":"refresh_token","refresh_token_file":"refresh"}}"#,
        issuer.url("/token")
    );
    post(&api, file)
        .file("refresh", "r3fresh")
        .run()
        .stdout("\"Bearer t0ken-1\"")
        .stderr(OK)
        .code(0);
    let request = issuer.request();
    assert_eq!(request.headers("Authorization"), [""; 0]);
    assert_eq!(
        request.text(),
        "grant_type=refresh_token&refresh_token=r3fresh&client_id=cl1ent"
    );
}

/// A run against an endpoint that answers so; nothing reaches the API.
#[track_caller]
fn refused(answer: Response, code: i32, stderr: &str) {
    let issuer = issuer_with(move |_, _| answer.clone());
    let api = Server::never();
    post(&api, client(&issuer, ""))
        .args(["--tries", "1"])
        .run()
        .stderr(stderr)
        .code(code);
    assert_eq!(issuer.count(), 1);
}

const FETCHING: &str = "authpost: fetching a token from http://127.0.0.1:PORT/token: ";

#[test]
fn refusals_are_passed_on() {
    for (status, body, said, hint) in [
        (
            401,
            r#"{"error":"invalid_client","error_description":"who are you?"}"#,
            "401 Unauthorized: invalid_client (who are you?)",
            "check 'client_id' and the client's secret in 'oauth2.json'; some endpoints want 'auth_method' body",
        ),
        (
            400,
            r#"{"error":"invalid_scope"}"#,
            "400 Bad Request: invalid_scope",
            "check 'scope' in 'oauth2.json'",
        ),
        (
            400,
            r#"{"error":"unauthorized_client","error_description":""}"#,
            "400 Bad Request: unauthorized_client",
            "check 'grant' in 'oauth2.json', or ask the endpoint's owner to allow it to this client",
        ),
        (
            400,
            r#"{"error":"invalid_request","error_description":"a\u001b[31mb\r\nc"}"#,
            "400 Bad Request: invalid_request (a[31mbc)",
            "check 'oauth2.json'",
        ),
        (
            200,
            r#"{"error":"incorrect_client_credentials"}"#,
            "200 OK: incorrect_client_credentials",
            "check 'oauth2.json'",
        ),
        (
            401,
            "<html>",
            "401 Unauthorized",
            "check 'client_id' and the client's secret in 'oauth2.json'; some endpoints want 'auth_method' body",
        ),
        (
            404,
            "<html>",
            "404 Not Found",
            "check 'token_url' in 'oauth2.json'",
        ),
        (
            403,
            r#"{"error":42}"#,
            "403 Forbidden",
            "check 'token_url' in 'oauth2.json'",
        ),
    ] {
        let stderr = format!("{FETCHING}it answered {said}\nhint: {hint}\n");
        refused(Response::json(status, body), 77, &stderr);
    }
}

#[test]
fn a_used_up_refresh_token_is_told() {
    let answer = Response::json(
        400,
        r#"{"error":"invalid_grant","error_description":"revoked"}"#,
    );
    let issuer = issuer_with(move |_, _| answer.clone());
    let api = Server::never();
    let grant = r#","grant":"refresh_token","refresh_token_file":"refresh""#;
    let run = post(&api, client(&issuer, grant)).file("refresh", "r3fresh");
    let dir = run.dir();
    run.run()
        .stderr(format!(
            "{FETCHING}it answered 400 Bad Request: invalid_grant (revoked)\n\
             hint: the refresh token has expired, was used or is revoked: authorize again and put the new one into 'DIR/refresh'\n"
        ))
        .code(77);
    assert_eq!(dir.read("refresh"), "r3fresh");
}

#[test]
fn a_refusal_that_repeats_a_secret_is_withheld() {
    for text in [
        "no client has s3cret",
        "s3\\u0000cret",
        "Basic Y2wxZW50OnMzY3JldA==",
    ] {
        let body = format!(r#"{{"error":"invalid_client","error_description":"{text}"}}"#);
        refused(
            Response::json(401, body),
            77,
            &format!(
                "{FETCHING}it answered 401 Unauthorized: what it says repeats a secret, so it is not shown here\n\
                 hint: check 'client_id' and the client's secret in 'oauth2.json'; some endpoints want 'auth_method' body\n"
            ),
        );
    }
}

/// In each of the three ways in which it was sent.
#[test]
fn a_refusal_that_repeats_a_special_secret_is_withheld() {
    for text in [
        "for p+q: no",
        "for p%2Bq no",
        "for cl1ent:p%2Bq, Y2wxZW50OnAlMkJx",
    ] {
        let body = format!(r#"{{"error":"{text}"}}"#);
        let issuer = issuer_with(move |_, _| Response::json(401, body.as_str()));
        let file = client(&issuer, "").replace("s3cret", "p+q");
        post(&Server::never(), file)
            .run()
            .stderr_like("authpost: *: it answered 401 Unauthorized: what it says repeats a secret, so it is not shown here\nhint: *\n")
            .code(77);
    }
}

#[test]
fn what_is_no_token_is_refused() {
    let check = "check that 'token_url' in 'oauth2.json' is the token endpoint's";
    let bearer = "only tokens that need nothing but themselves can be used here: ask the endpoint's owner for Bearer";
    for (body, why, hint) in [
        ("<html>", "its answer is not JSON", check),
        ("", "its answer is not JSON", check),
        (r#"{"access_token":"#, "its answer is not JSON", check),
        ("[]", "its answer has no access_token", check),
        ("{}", "its answer has no access_token", check),
        (
            r#"{"access_token":""}"#,
            "its answer has no access_token",
            check,
        ),
        (
            r#"{"access_token":7}"#,
            "its answer has no access_token",
            check,
        ),
        (
            r#"{"access_token":"a\r\nb"}"#,
            "its answer has characters in access_token that none can have",
            check,
        ),
        (
            r#"{"access_token":"a","token_type":"DPoP"}"#,
            "its token is of the type 'DPoP', not Bearer",
            bearer,
        ),
    ] {
        let stderr = format!("{FETCHING}{why}\nhint: {hint}\n");
        refused(Response::json(200, body), 77, &stderr);
    }
}

#[test]
fn sloppy_answers_will_do() {
    for answer in [
        r#"{"access_token":"t0ken-1","token_type":"bearer","expires_in":"3600"}"#,
        r#"{"access_token":"t0ken-1","refresh_token":null,"expires_in":null}"#,
        r#"{"access_token":"t0ken-1","error":null,"expires_in":-1}"#,
    ] {
        let issuer = issuer_with(move |_, _| Response::json(201, answer));
        let api = api();
        post(&api, client(&issuer, ""))
            .run()
            .stdout("\"Bearer t0ken-1\"")
            .stderr(OK)
            .code(0);
    }
}

#[test]
fn redirects_are_not_followed() {
    let elsewhere = Server::never();
    let to = elsewhere.url("/?state=x");
    let issuer = issuer_with(move |_, _| Response::new(307, "").header("Location", to));
    post(&Server::never(), client(&issuer, ""))
        .run()
        .stderr(
            "authpost: fetching a token from http://127.0.0.1:PORT2/token: it answered 307 Temporary Redirect and points to http://127.0.0.1:PORT/\n\
             hint: redirects are never followed, so that the secret goes nowhere else: give the new address as 'token_url'\n",
        )
        .code(77);
}

const LATER: &str = "hint: try later, it is safe: the document was not sent\n";

#[test]
fn a_failing_endpoint_is_for_later() {
    for (status, body, said) in [
        (500, "<html>", "500 Internal Server Error"),
        (
            503,
            r#"{"error":"temporarily_unavailable"}"#,
            "503 Service Unavailable: temporarily_unavailable",
        ),
        (429, "", "429 Too Many Requests"),
    ] {
        let stderr = format!("{FETCHING}it answered {said}\n{LATER}");
        refused(Response::json(status, body), 75, &stderr);
    }
}

#[test]
fn a_failing_endpoint_is_tried_again() {
    let issuer = issuer_with(|_, n| match n {
        1 => Response::json(503, "{}"),
        n => Response::json(200, issued(n, "\"expires_in\":3600")),
    });
    let api = api();
    post(&api, client(&issuer, ""))
        .args(["-v", "-q", "--wait", "0"])
        .run()
        .stderr_like("**authpost: attempt 1: fetching a token from http://127.0.0.1:PORT/token: it answered 503 Service Unavailable; retrying in 0 ms\n**")
        .code(0);
    assert_eq!((issuer.count(), api.count()), (2, 1));
}

#[test]
fn an_endpoint_out_of_reach_is_for_later() {
    let nowhere = Unreachable::refusing();
    let url = nowhere.url("/token");
    let file = format!(r#"{{"token_url":"{url}","client_id":"c","client_secret":"s3cret"}}"#);
    post(&Server::never(), file)
        .args(["--tries", "2", "--wait", "0"])
        .word(nowhere.port().to_string(), "NOWHERE")
        .run()
        .stderr(format!(
            "authpost: fetching a token: connecting to http://127.0.0.1:NOWHERE: Connection refused (2 attempts)\n{LATER}"
        ))
        .code(75);

    let issuer = Server::script([conn().read().reset()]);
    post(&Server::never(), client(&issuer, ""))
        .args(["--tries", "1"])
        .run()
        .stderr_like(&format!(
            "authpost: fetching a token: * http://127.0.0.1:PORT: Connection reset by peer\n{LATER}"
        ))
        .code(75);
}

#[test]
fn a_slow_endpoint_draws_from_the_budget() {
    let body = issued(1, "\"expires_in\":3600");
    let drip = Response::json(200, body).to_bytes();
    for (script, what) in [
        (conn().stall(), "waiting for the answer of"),
        (conn().read().stall(), "waiting for the answer of"),
        (
            conn().read().drip(drip, Duration::from_millis(100)),
            "reading the answer of",
        ),
    ] {
        let issuer = Server::script([script]);
        post(&Server::never(), client(&issuer, ""))
            .args(["--timeout", "500ms"])
            .run()
            .stderr_like(&format!(
                "authpost: fetching a token: {what} http://127.0.0.1:PORT: timed out*\n{LATER}"
            ))
            .within(0.5, 1.0)
            .code(75);
    }
}

#[test]
fn an_answer_cut_off_is_for_later() {
    let issuer = Server::script([conn()
        .read()
        .reply("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{\"acc")
        .close()]);
    post(&Server::never(), client(&issuer, ""))
        .args(["--tries", "1"])
        .run()
        .stderr(format!(
            "{FETCHING}its answer broke off: the connection was closed\n{LATER}"
        ))
        .code(75);
}

/// `--max-response` is about the API's answers; a token endpoint's has a limit of its own.
#[test]
fn the_limit_of_answers_is_not_the_apis() {
    let (issuer, api) = (issuer(), api());
    post(&api, client(&issuer, ""))
        .args(["--max-response", "16"])
        .run()
        .stdout("\"Bearer t0ken-1\"")
        .stderr(OK)
        .code(0);
}

#[test]
fn an_endless_answer_is_cut() {
    let endless = format!("{{\"a\":\"{}\"}}", "x".repeat(2 << 20));
    refused(
        Response::json(200, endless),
        77,
        &format!(
            "{FETCHING}its answer is not JSON\nhint: check that 'token_url' in 'oauth2.json' is the token endpoint's\n"
        ),
    );
}

#[test]
fn the_endpoint_is_trusted_as_the_api_is() {
    let ca = Ca::new("Test CA");
    let tls = Tls::new(&ca.issue(Leaf::new("localhost")));
    let issuer = tls.handler(|_| Response::json(200, issued(1, "\"expires_in\":3600")));
    let api = api();
    post(&api, client(&issuer, ""))
        .file("ca.pem", ca.pem())
        .args(["--cacert", "ca.pem"])
        .run()
        .stdout("\"Bearer t0ken-1\"")
        .stderr(OK)
        .code(0);
    let other = Ca::new("Other CA");
    let before = issuer.connections();
    post(&Server::never(), client(&issuer, ""))
        .file("ca.pem", other.pem())
        .args(["--cacert", "ca.pem"])
        .run()
        .stderr(
            "authpost: fetching a token: setting up TLS with https://localhost:PORT: its certificate is not trusted here: it is self-signed, or from an authority that is not known, or the API leaves out an intermediate one\n\
             hint: give that authority's certificate (or the self-signed one) with --cacert; or tell the API's owner to send the whole chain\n",
        )
        .code(75);
    assert_eq!(
        issuer.connections() - before,
        1,
        "it does not get better by trying"
    );
}

#[test]
fn files_that_say_no_grant_are_refused() {
    let url = r#""token_url":"https://login.test/token""#;
    let id = r#""client_id":"c""#;
    let secret = r#""client_secret":"s3cret""#;
    let hint = "'authpost --help' lists its members and shows one, under --oauth2-file";
    let whole = |file: &str| {
        file.replace("URL", url)
            .replace("ID", id)
            .replace("SECRET", secret)
    };
    for (file, why) in [
        ("{", "it is not JSON: line 1, column 2: *"),
        ("{URL,URL}", "line 1, column 41: duplicate key"),
        ("[]", "it is not a JSON object"),
        ("{}", "'token_url' is missing"),
        ("{URL}", "'client_id' is missing"),
        (
            "{URL,ID}",
            "'client_secret' or 'client_secret_file' is missing",
        ),
        (r#"{URL,"client_id":7}"#, "'client_id' is not a string"),
        (r#"{URL,"client_id":""}"#, "'client_id' is empty"),
        (
            r#"{URL,ID,SECRET,"scope":["a"]}"#,
            "'scope' is not a string",
        ),
        (
            r#"{URL,ID,SECRET,"resource":["a"]}"#,
            "'resource' is not a string",
        ),
        (r#"{URL,ID,SECRET,"resource":""}"#, "'resource' is empty"),
        (
            r#"{URL,ID,SECRET,"grant_type":"password"}"#,
            "'grant_type' is not a member: give 'grant'",
        ),
        (
            r#"{URL,ID,SECRET,"refresh_token":"a"}"#,
            "'refresh_token' is not a member: give 'refresh_token_file'",
        ),
        (
            r#"{URL,ID,SECRET,"client_secret_file":"f"}"#,
            "'client_secret' and 'client_secret_file' are both there",
        ),
        (
            r#"{URL,ID,SECRET,"grant":"password"}"#,
            "'grant' is neither client_credentials nor refresh_token",
        ),
        (
            r#"{URL,ID,SECRET,"grant":"refresh_token"}"#,
            "'refresh_token_file' is missing",
        ),
        (
            r#"{URL,ID,SECRET,"refresh_token_file":"f"}"#,
            "'refresh_token_file' is there, but 'grant' does not say refresh_token",
        ),
        (
            r#"{URL,ID,SECRET,"auth_method":"post"}"#,
            "'auth_method' is neither basic nor body",
        ),
        (
            r#"{"token_url":"https://u:p@login.test/"}"#,
            "'token_url' cannot be used: it carries a user or a password",
        ),
        (
            r#"{"token_url":"login.test"}"#,
            "'token_url' cannot be used: it has no scheme, such as https://",
        ),
    ] {
        post(&Server::never(), whole(file))
            .run()
            .stderr_like(&format!(
                "authpost: reading the OAuth2 file 'oauth2.json': {why}\nhint: {hint}\n"
            ))
            .code(78);
    }
    let grant =
        r#"{URL,ID,"grant":"refresh_token","refresh_token_file":"f","auth_method":"basic"}"#;
    post(&Server::never(), whole(grant))
        .file("f", "r3fresh")
        .run()
        .stderr(format!(
            "authpost: reading the OAuth2 file 'oauth2.json': 'auth_method' is basic, but there is no secret\nhint: {hint}\n"
        ))
        .code(78);
}

#[test]
fn files_that_cannot_be_read_are_told() {
    let api = Server::never();
    let named =
        |member: &str| format!(r#"{{"token_url":"https://login.test/","client_id":"c",{member}}}"#);
    test()
        .args(["--oauth2-file", "none.json", api.url("/data")])
        .run()
        .stderr(
            "authpost: reading the OAuth2 file 'none.json': No such file or directory\n\
             hint: put the grant (see --oauth2-file in 'authpost --help') into that file, readable by this user alone (chmod 600)\n",
        )
        .code(78);
    post(&api, named(r#""client_secret_file":"none""#))
        .run()
        .stderr(
            "authpost: reading the client secret file 'none': No such file or directory\n\
             hint: put the client's secret into that file, readable by this user alone (chmod 600)\n",
        )
        .code(78);
    post(&api, named(r#""client_secret_file":"empty""#))
        .file("empty", "\n")
        .run()
        .stderr(
            "authpost: reading the client secret file 'empty': it is empty\n\
             hint: it must hold the client's secret and nothing else\n",
        )
        .code(78);
    post(
        &api,
        named(r#""grant":"refresh_token","refresh_token_file":"none""#),
    )
    .run()
    .stderr(
        "authpost: reading the refresh token file 'none': No such file or directory\n\
             hint: put the refresh token into that file, readable by this user alone (chmod 600)\n",
    )
    .code(78);
    post(
        &api,
        named(r#""grant":"refresh_token","refresh_token_file":"empty""#),
    )
    .file("empty", "")
    .run()
    .stderr(
        "authpost: reading the refresh token file 'DIR/empty': it is empty\n\
             hint: it must hold the refresh token and nothing else\n",
    )
    .code(78);
}

/// `--allow-http` is about the API's network; a client's secret is worth more than one token.
#[test]
fn the_secret_never_goes_over_plain_http() {
    let file =
        r#"{"token_url":"http://login.test/token","client_id":"c","client_secret":"s3cret"}"#;
    post(&Server::never(), file)
        .arg("--allow-http")
        .run()
        .stderr(
            "authpost: reading the OAuth2 file 'oauth2.json': 'token_url' is plain http, where anyone on the network path could read the client's secret\n\
             hint: give the token endpoint's https address\n",
        )
        .code(78);
}

#[test]
fn a_dry_run_asks_for_no_token() {
    let issuer = Server::never();
    post(&Server::never(), client(&issuer, ""))
        .args(["--dry-run", "--idempotency-key", "k"])
        .run()
        .stdout_like("POST /data HTTP/1.1\n**\nauthorization: Bearer (from oauth2.json, not fetched)\n\n{\"k\":\"v\"}\n")
        .code(0);
}

#[test]
fn there_is_one_source() {
    post(&Server::never(), "{}")
        .args(["--token-file", "f"])
        .run()
        .stderr(
            "authpost: reading the command line: the token is to come from more than one place\n\
             hint: keep one of --token-file, --token-env, --token-command, --oauth2-file and --no-auth\n",
        )
        .code(64);
}

#[test]
fn the_token_can_go_into_another_header() {
    let issuer = issuer();
    let api = Server::handler(|request| {
        let sent = request.header("X-API-Key").unwrap_or("none");
        Response::json(200, format!("\"{sent}\""))
    });
    post(&api, client(&issuer, ""))
        .args(["--auth-header", "X-API-Key"])
        .run()
        .stdout("\"t0ken-1\"")
        .stderr(OK)
        .code(0);
}

/// The grant is tested in earnest: the token endpoint is asked. The API sees neither the document nor the token.
#[test]
fn check_fetches_a_token() {
    let (issuer, api) = (issuer(), Server::script([conn().read_end()]));
    let grant = r#","cache":"oauth2.json","grant":"refresh_token","refresh_token_file":"refresh""#;
    test()
        .file_mode("oauth2.json", client(&issuer, grant), 0o640)
        .file_mode("refresh", "r3fresh", 0o604)
        .args(["check", "--oauth2-file", "oauth2.json", api.url("/data")])
        .run()
        .stdout(
            "ok    POST http://127.0.0.1:PORT2/data\n\
             ok    there is no document: the request has no body\n\
             ok    the token comes from the OAuth2 file 'oauth2.json': it was fetched now\n\
             warn  the access token cannot be kept in 'oauth2.json' (File exists), so every run asks for a new one; 'cache' in 'oauth2.json' names another place\n\
             warn  other users can access 'oauth2.json' (mode 640); chmod 600 'oauth2.json'\n\
             warn  other users can access 'DIR/refresh' (mode 604); chmod 600 'DIR/refresh'\n\
             ok    http://127.0.0.1:PORT2 is at 127.0.0.1\n\
             ok    http://127.0.0.1:PORT2 accepts connections\n",
        )
        .code(0);
    assert_eq!(issuer.count(), 1);
}

/// Whoever checks may use up a refresh token, and should know; a token that is good is not fetched again.
#[test]
fn check_tells_how_it_came_by_the_token() {
    let members = "\"expires_in\":3600,\"refresh_token\":\"r3fresh-1\"";
    let issuer = issuer_with(move |_, n| Response::json(200, issued(n, members)));
    let dir = dir();
    dir.write("refresh", "r3fresh-0", 0o600);
    let grant = r#","cache":"cache","grant":"refresh_token","refresh_token_file":"refresh""#;
    for how_obtained in [
        "it was fetched now, and the refresh token was replaced",
        "it was in the cache",
    ] {
        let api = Server::script([conn().read_end()]);
        test()
            .in_dir(&dir)
            .file("oauth2.json", client(&issuer, grant))
            .args(["check", "--oauth2-file", "oauth2.json", api.url("/data")])
            .run()
            .stdout_like(&format!(
                "**ok    the token comes from the OAuth2 file 'oauth2.json': {how_obtained}\n**"
            ))
            .code(0);
    }
    assert_eq!(issuer.count(), 1);
}

#[test]
fn check_tells_of_a_grant_that_is_refused() {
    let issuer = issuer_with(|_, _| Response::json(401, r#"{"error":"invalid_client"}"#));
    let api = Server::script([conn().read_end()]);
    test()
        .file("oauth2.json", client(&issuer, ""))
        .args(["check", "--oauth2-file", "oauth2.json", api.url("/data")])
        .run()
        .stdout(
            "ok    POST http://127.0.0.1:PORT2/data\n\
             ok    there is no document: the request has no body\n\
             FAIL  fetching a token from http://127.0.0.1:PORT/token: it answered 401 Unauthorized: invalid_client; check 'client_id' and the client's secret in 'oauth2.json'; some endpoints want 'auth_method' body\n\
             ok    http://127.0.0.1:PORT2 is at 127.0.0.1\n\
             ok    http://127.0.0.1:PORT2 accepts connections\n",
        )
        .code(77);
}

/// A message remembers where the grant is described, by a path that holds wherever it is flushed, and no secret.
#[test]
fn a_message_in_the_spool_finds_its_grant_again() {
    let (issuer, dir) = (issuer(), dir());
    let api = Server::script([
        conn().read().reply_json(503, "{}").close(),
        conn().read().reply_json(200, "{}").close(),
    ]);
    let args = [
        "-q",
        "--tries=1",
        "--oauth2-file=oauth2.json",
        "--spool=spool",
    ];
    let args = [&args[..], &[api.url("/data")]].concat();
    test()
        .file("oauth2.json", client(&issuer, ""))
        .in_dir(&dir)
        .args(args)
        .run()
        .code(0);
    for name in dir.list().iter().filter(|name| name.starts_with("spool/")) {
        let text = dir.read(name);
        assert!(
            !text.contains("s3cret") && !text.contains("t0ken"),
            "{text}"
        );
        if name.starts_with("spool/targets/") {
            // It is due at once without.
            std::fs::remove_file(dir.join(name)).unwrap();
        }
    }
    test()
        .arg("flush")
        .arg(dir.join("spool"))
        .arg("-q")
        .run()
        .code(0);
    let sent: Vec<_> = api
        .finish()
        .iter()
        .map(|request| request.header("Authorization").unwrap().to_owned())
        .collect();
    assert_eq!(sent, ["Bearer t0ken-1", "Bearer t0ken-2"]);
}

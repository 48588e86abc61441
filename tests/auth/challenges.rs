//! What is said of 401 and 403: what the API says itself, and only what fits the credentials that were sent.
use crate::support::{Response, Runner, Server, conn, test};

/// What is said of an answer with this status and these headers.
fn said(run: Runner, status: u16, headers: &[(&str, &str)], code: i32, stderr: &str) {
    let mut answer = Response::new(status, "");
    for (name, value) in headers {
        answer = answer.header(name, value);
    }
    let server = Server::script([conn().read().reply(answer).close()]);
    let reason = match status {
        401 => "401 Unauthorized",
        _ => "403 Forbidden",
    };
    run.args(["--tries=1", server.url("/"), "a=1"])
        .run()
        .stderr(format!(
            "HTTP/1.1 {reason}\nauthpost: the API answered {reason}{stderr}"
        ))
        .code(code);
}

fn token() -> Runner {
    test().token("t0ken-t0ken")
}

fn no_auth() -> Runner {
    test().arg("--no-auth")
}

const WRONG: &str = "hint: the token is wrong or has expired: get a new one\n";

#[test]
fn what_the_api_says_of_the_token_is_passed_on() {
    let bearer = |value: &'static str| [("WWW-Authenticate", value)];
    let expired = r#"Bearer realm="api", error="invalid_token", error_description="The access token expired""#;
    let told = format!(": invalid_token (The access token expired)\n{WRONG}");
    said(token(), 401, &bearer(expired), 77, &told);
    let bare = r#"Bearer error="invalid_token""#;
    said(
        token(),
        401,
        &bearer(bare),
        77,
        &format!(": invalid_token\n{WRONG}"),
    );
    said(
        token(),
        403,
        &bearer(r#"Bearer error="insufficient_scope", error_description="needs data:write""#),
        77,
        ": insufficient_scope (needs data:write)\n\
         hint: the token is known, but may not do this: ask for the right\n",
    );
    // In a header of its own, behind another one; a secret in it is masked.
    said(
        token(),
        401,
        &[
            ("WWW-Authenticate", "Negotiate"),
            (
                "WWW-Authenticate",
                r#"Bearer error="no", error_description="not t0ken-t0ken""#,
            ),
        ],
        77,
        &format!(": no (not ********)\n{WRONG}"),
    );
}

#[test]
fn no_token_is_spoken_of_where_none_was_sent() {
    said(
        no_auth(),
        401,
        &[],
        77,
        "\nhint: no token was sent: name one with --token-file, or another way ('authpost -h')\n",
    );
    said(
        no_auth(),
        403,
        &[],
        77,
        "\nhint: no token was sent: if the API wants one, name it with --token-file, or another way ('authpost -h')\n",
    );
    let header = no_auth()
        .file("headers", "X-Api-Key: k3y-k3y-k3y")
        .arg("--header-file=headers");
    said(
        header,
        401,
        &[],
        77,
        "\nhint: the API refuses what --header-file sends: check it\n",
    );
}

#[test]
fn an_api_that_offers_only_basic_is_told_of() {
    let basic = [("WWW-Authenticate", r#"Basic realm="api""#)];
    said(
        token(),
        401,
        &basic,
        77,
        "\nhint: the API offers only Basic: say --auth-scheme Basic, and give user:password as the token\n",
    );
    said(
        no_auth(),
        401,
        &basic,
        77,
        "\nhint: the API offers only Basic: say --auth-scheme Basic, and give user:password as the token\n",
    );
    // Where it was sent, or is not all there is, it is no news.
    let sent = test().token("user:password").arg("--auth-scheme=Basic");
    said(
        sent,
        401,
        &basic,
        77,
        "\nhint: the user or the password is wrong: check them\n",
    );
    let both = [("WWW-Authenticate", r#"Basic realm="api", Bearer"#)];
    said(token(), 401, &both, 77, &format!("\n{WRONG}"));
}

#[test]
fn a_403_can_be_a_rate_limit() {
    for header in [("Retry-After", "3600"), ("X-RateLimit-Remaining", "0")] {
        said(token(), 403, &[header], 69, ": a rate limit\n");
    }
    let hint = "\nhint: the token is known, but may not do this: ask for the right\n";
    said(token(), 403, &[("X-RateLimit-Remaining", "10")], 77, hint);

    // It is waited for, as after 429.
    let limited = Response::new(403, "").header("Retry-After", "1");
    let server = Server::script([
        conn().read().reply(limited).close(),
        conn().read().reply_json(200, "{}"),
    ]);
    token()
        .args(["-q", server.url("/"), "a=1"])
        .run()
        .within(1.0, 10.0)
        .code(0);
}

#[test]
fn a_token_just_fetched_is_not_to_be_fetched_again() {
    let endpoint = Server::handler(|_| {
        Response::json(200, r#"{"access_token":"a-t0ken","token_type":"Bearer"}"#)
    });
    let file = format!(
        r#"{{"token_url":"{}","client_id":"c","client_secret":"s3cret-s3cret"}}"#,
        endpoint.url("/token")
    );
    for (scheme, hint) in [
        (
            "Bearer",
            "the API refuses a token that was just fetched: check 'scope' and 'audience' in the OAuth2 file, and the URL",
        ),
        (
            "Basic",
            "the API offers only Basic: say --auth-scheme Basic, and give user:password as the token",
        ),
    ] {
        let api =
            Server::handler(move |_| Response::new(401, "").header("WWW-Authenticate", scheme));
        test()
            .env("HOME", "/nonexistent")
            .file("oauth2.json", file.clone())
            .args(["--oauth2-file=oauth2.json", "-q", api.url("/"), "a=1"])
            .run()
            .stderr_like(&format!(
                "HTTP/1.1 401 Unauthorized\nauthpost: the API answered 401 Unauthorized\nhint: {hint}\n"
            ))
            .code(77);
    }
}

#[test]
fn a_token_in_the_clothes_of_a_file_format_is_told_of() {
    let refused = |content: &str, why: &str| {
        test()
            .file("token", content)
            .args(["--token-file=token", "https://api.example.com/", "a=1"])
            .run()
            .stderr(format!(
                "authpost: reading the token file 'token': {why}\n\
                 hint: it must hold the token and nothing else, not even the word Bearer\n"
            ))
            .code(78);
    };
    refused("\"t0ken\"\n", "the token stands in quotes");
    refused("'t0ken'\n", "the token stands in quotes");
    let assigned = "it assigns the token to a variable, as NAME=TOKEN";
    refused("TOKEN=t0ken\n", assigned);
    refused("export API_TOKEN=\"t0ken\"\n", assigned);
    refused("{\"access_token\":\"t0ken\"}\n", "it is JSON");
    refused("{\n  \"token\": \"t0ken\"\n}\n", "it is JSON");
    // So for the other schemes and places.
    test()
        .env("T", "\"t0ken\"")
        .args([
            "--token-env=T",
            "--auth-header=X-Key",
            "https://api.example.com/",
            "a=1",
        ])
        .run()
        .stderr_like("authpost: reading the environment variable T: the token stands in quotes\n**")
        .code(78);

    // What APIs hand out beyond the alphabet of RFC 6750 passes: Laravel's 1|abc, and padding.
    for token in ["1|t0ken", "t0ken==", "a:b", "{x"] {
        let server = Server::script([conn().read().reply_json(200, "").close()]);
        test()
            .token(token)
            .args(["-q", server.url("/"), "a=1"])
            .run()
            .code(0);
        let sent = server.finish();
        assert_eq!(
            sent[0].header("authorization"),
            Some(&*format!("Bearer {token}"))
        );
    }
    let server = Server::script([conn().read().reply_json(200, "").close()]);
    test()
        .token("key=AIza")
        .args(["-q", "--auth-header=Authorization", server.url("/"), "a=1"])
        .run()
        .code(0);
    assert_eq!(server.finish()[0].header("authorization"), Some("key=AIza"));
}

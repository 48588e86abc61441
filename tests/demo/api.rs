//! A demo API to try authpost against: run it, and post to the URL that it prints.
//!
//! It demands `Authorization: Bearer` with the token in `DEMO_TOKEN`, answers with what it was sent, and ends when its
//! stdin does. Plain std: `rustc --edition 2024 tests/demo/api.rs` builds it, too.
#![allow(
    clippy::expect_used,
    clippy::missing_docs_in_private_items,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]
#![allow(dead_code, unreachable_pub)] // the server can do more

#[path = "../support/http.rs"]
mod http;
#[path = "../support/server.rs"]
mod server;
#[path = "../support/transport.rs"]
mod transport;

use http::{Request, Response};
use std::io::{self, Write};

fn main() {
    let Ok(token) = std::env::var("DEMO_TOKEN") else {
        eprintln!("demo-api: set DEMO_TOKEN to the token to demand");
        std::process::exit(78);
    };
    let credentials = format!("Bearer {token}");
    let server = server::Server::handler(move |request| answer(request, &credentials));
    println!("{}", server.url("/data"));
    io::stdout().flush().expect("stdout");
    let _ = io::copy(&mut io::stdin(), &mut io::sink());
}

fn answer(request: &Request, credentials: &str) -> Response {
    if request.headers("authorization") != [credentials] {
        return Response::json(401, r#"{"error":"the token is missing or wrong"}"#)
            .header("WWW-Authenticate", "Bearer");
    }
    if request.method() != "POST" {
        return Response::json(405, r#"{"error":"only POST"}"#).header("Allow", "POST");
    }
    let received = match request.text() {
        "" => "null",
        text => text,
    };
    Response::json(200, format!("{{\"received\":{received}}}\n"))
}

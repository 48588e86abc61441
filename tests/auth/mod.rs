//! The token: where it comes from, how it is renewed, and that nobody else sees it.

mod challenges;
mod oauth2;
mod oauth2_attacks;
mod oauth2_cache;
mod oidc;
mod plain_http;
mod redaction;
mod secrets;
mod token;
mod token_exchange;
mod url_file;

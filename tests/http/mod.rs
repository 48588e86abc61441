//! One attempt: names, connections, TLS, proxies.

mod daemon;
mod early_answer;
mod framing;
mod kept_connection;
mod names;
mod proxy;
mod send;
mod tls;
mod tls_messages;
mod trust;

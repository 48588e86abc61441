//! Nothing accepted is ever lost: ten proofs.

/// Whether the proofs run in full: `AUTHPOST_CRASH=full`.
pub fn full() -> bool {
    std::env::var_os("AUTHPOST_CRASH").is_some_and(|size| size == "full")
}

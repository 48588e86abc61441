//! What is handed over: the binary, the README, the figures, the manifests.

mod deploy;
mod figures;
mod package;
mod readme;

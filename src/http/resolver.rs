//! Adapts our resolver to ureq's interface, and caches the last addresses.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

use super::progress::{Phase, Progress};
use crate::dns;

/// The addresses of the last host that was looked up.
pub(super) type KnownAddresses = Arc<Mutex<Option<(String, ResolvedSocketAddrs)>>>;

pub(super) fn lock(
    known: &KnownAddresses,
) -> MutexGuard<'_, Option<(String, ResolvedSocketAddrs)>> {
    known.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Our resolver behind ureq's interface. It caches the addresses, so that the next document on a kept connection does
/// not look them up again. A failed connection clears the cache.
pub(super) struct CachingResolver {
    pub(super) resolver: dns::Resolver,
    pub(super) progress: Arc<Progress>,
    pub(super) known: KnownAddresses,
}

impl Resolver for CachingResolver {
    fn resolve(
        &self,
        uri: &Uri,
        _: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let mut known = lock(&self.known);
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        if let Some((name, addresses)) = &*known
            && name == authority
        {
            return Ok(addresses.clone());
        }
        self.progress.reach(Phase::Resolving);
        let host = uri.host().unwrap_or_default();
        let port = uri
            .port_u16()
            .unwrap_or(if uri.scheme_str() == Some("https") {
                443
            } else {
                80
            });
        let deadline = self.progress.deadline().at_most(*timeout.after);
        let found = self
            .resolver
            .lookup(host, port, deadline)
            .map_err(|failure| ureq::Error::Other(Box::new(failure)))?;
        let mut addresses = self.empty();
        for address in found.into_iter().take(16) {
            addresses.push(address);
        }
        *known = Some((authority.to_owned(), addresses.clone()));
        Ok(addresses)
    }
}

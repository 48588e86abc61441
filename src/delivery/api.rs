//! One API: its connection, and the credentials for it.

use crate::auth::Credentials;
use crate::auth::oauth2::Tell;
use crate::http::{Attempt, Body, Client, Request};
use crate::request::Target;
use crate::request::job::Job;
use crate::system::error::Result;
use crate::system::secret::Secret;
use crate::system::time::Deadline;

/// What makes attempts. The tests of the delivery loop have one without a network.
pub(crate) trait Endpoint {
    /// Gets the token, unless there is one that is still valid for some time.
    fn prepare(&mut self, job: &Job, deadline: Deadline, tell: Tell) -> Result<()>;
    /// Gets the token again. Returns whether it differs from the refused one.
    fn renew(&mut self, job: &Job, deadline: Deadline, tell: Tell) -> Result<bool>;
    /// Sends the job once.
    fn attempt(&mut self, job: &Job, deadline: Deadline) -> Attempt;
    /// When the token expires, in seconds since 1970, if that is known.
    fn expiry(&self) -> Option<u64>;
    /// A message for the user about the last attempt, or about the token; the latter is returned only once.
    fn note(&mut self) -> Option<String>;
}

/// The API of one target: a connection, and the credentials for it.
pub(crate) struct Api {
    client: Client,
    credentials: Option<Credentials>,
    url_secret: Option<Secret>,
    /// The last attempt was accepted before all of the document was sent.
    answered_early: bool,
}

impl Api {
    /// The API of `target`. It does not connect yet.
    ///
    /// # Errors
    /// As for [`Client::new`].
    pub(crate) fn new(target: &Target) -> Result<Api> {
        Ok(Api {
            client: Client::new(&target.connection, &target.url)?,
            credentials: None,
            url_secret: target.url.secret().map(str::to_owned).map(Secret::of_url),
            answered_early: false,
        })
    }
}

impl Endpoint for Api {
    fn prepare(&mut self, job: &Job, deadline: Deadline, tell: Tell) -> Result<()> {
        match &mut self.credentials {
            None => self.credentials = Some(Credentials::obtain(&job.target, deadline, tell)?),
            Some(stale) if stale.are_stale() => drop(stale.renew(&job.target, deadline, tell)?),
            Some(_) => {}
        }
        Ok(())
    }

    fn renew(&mut self, job: &Job, deadline: Deadline, tell: Tell) -> Result<bool> {
        match &mut self.credentials {
            Some(credentials) => credentials.renew(&job.target, deadline, tell),
            None => Ok(false),
        }
    }

    fn attempt(&mut self, job: &Job, deadline: Deadline) -> Attempt {
        let secrets = self
            .credentials
            .as_ref()
            .map_or(&[][..], Credentials::headers);
        let headers: Vec<_> = job.headers().collect();
        let request = Request {
            method: job.target.method.as_str(),
            url: &job.target.url,
            url_secret: self.url_secret.as_ref(),
            headers: &headers,
            secrets,
            body: Body::Json(&job.body),
        };
        let attempt = self.client.attempt(&request, deadline);
        self.answered_early = self.client.was_cut_short()
            && matches!(&attempt, Attempt::Answered(answer) if answer.status / 100 == 2);
        attempt
    }

    fn expiry(&self) -> Option<u64> {
        self.credentials.as_ref().and_then(Credentials::expiry)
    }

    fn note(&mut self) -> Option<String> {
        let early = self.answered_early.then(|| {
            "the API accepted the document before it had read all of it: check that nothing is missing"
                .to_owned()
        });
        early.or_else(|| self.credentials.as_mut().and_then(Credentials::note))
    }
}

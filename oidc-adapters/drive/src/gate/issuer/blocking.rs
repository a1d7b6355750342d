//! The same for blocking stacks: keys are renewed on a thread of their own, and so is metadata while what
//! is held serves.

use super::{Issuer, Running, failure};
use crate::{Unavailable, blocking::Io, gate::KeySource};
use oidc_proto::{
    EndpointUrl,
    flow::{ConfigError, TIMEOUT},
    jose::KeySet,
    metadata::ProviderMetadata,
    renew::{Failure, Freshness, KeyRenewal, MetadataRenewal, Need, Published, Renewed},
};
use std::sync::Arc;

impl Issuer {
    /// The keys; renewed in the background if need be.
    pub(crate) fn keys_blocking(
        self: &Arc<Self>,
        need: Need,
        io: &Arc<Io>,
    ) -> Result<Published<KeySet>, Unavailable> {
        self.keys_blocking_within(self.patience, need, io)
    }

    /// The same for who still waits so many seconds.
    pub(crate) fn keys_blocking_within(
        self: &Arc<Self>,
        patience: i64,
        need: Need,
        io: &Arc<Io>,
    ) -> Result<Published<KeySet>, Unavailable> {
        let (issuer, wires) = (Arc::clone(self), Arc::clone(io));
        let renew = move || {
            let running = Running::new(&issuer);
            let fetched = issuer.fetch_keys_blocking(&wires);
            running.end(fetched)
        };
        let keys = self.keys.get_spawning_within(patience, need, renew, |job| io.spawn(job));
        keys.map_err(|why| self.says(why, "keys"))
    }

    /// The metadata.
    pub(crate) fn metadata_blocking(
        self: &Arc<Self>,
        io: &Arc<Io>,
    ) -> Result<Arc<ProviderMetadata>, Unavailable> {
        self.metadata_blocking_as(Need::Any, io).map(|published| published.value)
    }

    /// The metadata, for who renews something else.
    pub(crate) fn metadata_for_renewal_blocking(
        self: &Arc<Self>,
        io: &Arc<Io>,
    ) -> Result<Published<ProviderMetadata>, Unavailable> {
        loop {
            let version = self.metadata.version();
            match self.metadata_blocking_as(Need::Any, io) {
                Err(why) if why.because.is_none() => {
                    if !self.metadata.changed_since_blocking(version, TIMEOUT) {
                        return Err(why);
                    }
                }
                known => return known,
            }
        }
    }

    fn fetch_keys_blocking(self: &Arc<Self>, io: &Arc<Io>) -> Result<Renewed<KeySet>, Failure> {
        match &self.source {
            KeySource::Fixed(keys) => return Ok(Renewed::new(Arc::clone(keys), Freshness::UNKNOWN)),
            KeySource::JwksUri(url) => return self.fetch_set_blocking(url, io),
            KeySource::Discovery(_) | KeySource::Metadata(_) => {}
        }
        let Published { value: known, epoch, .. } =
            self.metadata_for_renewal_blocking(io).map_err(|why| failure(why, "keys", &self.lost))?;
        let failed = match &known.jwks_uri {
            Some(url) => match self.fetch_set_blocking(url, io) {
                Ok(renewed) => return Ok(renewed),
                Err(failure) => failure,
            },
            None => Failure::Flow(ConfigError::NoEndpoint("jwks_uri").into()),
        };
        // Keys that have moved: the metadata may know where to.
        let newer = self.metadata_blocking_as(Need::NewerThan(epoch), io);
        match newer.ok().and_then(|newer| newer.value.jwks_uri.clone()) {
            Some(url) if Some(&url) != known.jwks_uri.as_ref() => self.fetch_set_blocking(&url, io),
            Some(_) | None => Err(failed),
        }
    }

    fn fetch_set_blocking(&self, url: &EndpointUrl, io: &Io) -> Result<Renewed<KeySet>, Failure> {
        let fetched = io.run(KeyRenewal::start(url)).map_err(|fell| self.lost.failure("keys", fell));
        fetched.inspect_err(|failure| self.report(failure))
    }

    /// Without any at hand, whoever renews waits for the end of it.
    fn metadata_blocking_as(
        self: &Arc<Self>,
        need: Need,
        io: &Arc<Io>,
    ) -> Result<Published<ProviderMetadata>, Unavailable> {
        let (issuer, wires) = (Arc::clone(self), Arc::clone(io));
        let renew = move || {
            let call = MetadataRenewal::with(&issuer.name, issuer.discovery.clone())?;
            let fetched = wires.run(call).map_err(|fell| issuer.lost.failure("metadata", fell));
            fetched.inspect_err(|failure| issuer.report(failure))
        };
        let metadata = self.metadata.get_served(need, renew, |job| io.spawn(job));
        metadata.map_err(|why| self.says(why, "metadata"))
    }
}

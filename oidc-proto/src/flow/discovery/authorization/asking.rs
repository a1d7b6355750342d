//! The states of the discovery of an authorization server.
//!
//! ```text
//! Resource ──document──▶ Server ──document──▶ Done(DiscoveredAuthorization)
//!          ──4xx but 429, redirect, not JSON, large page, other JSON──▶ Resource    the next place, if there is one
//!          ──4xx but 429, redirect, not JSON, large page, other JSON──▶ Server      the origin as issuer, by a rule
//!          ──document without a server──▶ Server                                    the origin as issuer, by a rule
//! Server   ──4xx but 429, redirect, not JSON, large page, other JSON──▶ Server      the next place, if there is one
//! ```
//! Every other response ends the flow: metadata of something else, a server that is busy or down, no response. A discovery
//! that begins anew after that begins at the first place.

use super::{
    budget::Budget,
    challenged,
    discovered::{DiscoveredAuthorization, MetadataSource},
    judged::{self, Judged, nothing_here},
    settings::{AuthorizationDiscovery, Settings},
};
use crate::{
    base::{
        endpoint_url::EndpointUrl,
        moment::{Moment, Timestamp},
    },
    flow::{
        contract::{Call, ConfigError, Endpoint, Error, Flow, Response, ResponseError, ResponseRule, Step},
        exchange::{Document, Get, Getting},
    },
    metadata::{DiscoveryError, MetadataError, ResourceMetadata, origin, server_places},
};
use std::{collections::VecDeque, convert::Infallible};

/// A request for metadata is in flight.
#[derive(Debug)]
pub struct Discovering(State);

#[derive(Debug)]
enum State {
    /// The resource is asked.
    Resource(Asking),
    /// The authorization server is asked.
    Server(Asking, Box<Known>),
}

/// What is known of the resource.
#[derive(Debug)]
struct Known {
    resource: ResourceMetadata,
    source: MetadataSource,
    issuer: String,
}

/// The request in flight, and what may follow it.
#[derive(Debug)]
struct Asking {
    getting: Getting,
    /// The URL that is asked.
    at: EndpointUrl,
    source: MetadataSource,
    /// The largest body that the budget allows to this request.
    granted: usize,
    left: Left,
}

/// The places that have not been asked, and what may still be spent on them.
#[derive(Debug)]
struct Left {
    places: VecDeque<(EndpointUrl, MetadataSource)>,
    settings: Box<Settings>,
    budget: Budget,
}

impl Discovering {
    /// Asks the resource at the first of these places.
    pub(super) fn start(
        places: Vec<(EndpointUrl, MetadataSource)>,
        settings: Settings,
        budget: Budget,
    ) -> Result<Call<AuthorizationDiscovery>, Error> {
        let left = Left { places: places.into(), settings: Box::new(settings), budget };
        let error = challenged::response_error(ResponseRule::Status);
        left.ask(Endpoint::ResourceMetadata, error, Vec::new(), State::Resource)
    }
}

impl Left {
    /// Asks at the next place. `nothing` is the error of a discovery that has no other place.
    fn ask(
        mut self,
        endpoint: Endpoint,
        nothing: Box<ResponseError>,
        asked: Vec<String>,
        state: impl FnOnce(Asking) -> State,
    ) -> Result<Call<AuthorizationDiscovery>, Error> {
        let Some((url, source)) = self.places.pop_front() else { return Err(Error::Response(nothing)) };
        let Some(granted) = self.budget.grant(self.settings.max_document) else {
            return Err(over_budget(nothing, &self.settings));
        };
        let of_type = ("application/json", self.settings.of_any_type);
        let call = Get::after(asked, endpoint, &url, of_type).max_body(granted);
        Ok(call.map(|getting| Discovering(state(Asking { getting, at: url, source, granted, left: self }))))
    }

    /// Goes on where a place had no metadata of the resource.
    fn without(
        self,
        source: MetadataSource,
        nothing: Box<ResponseError>,
    ) -> Result<Call<AuthorizationDiscovery>, Error> {
        let asked = nothing.urls.clone();
        // A resource that names a place for its metadata is none of the time before there was any.
        let may_assume = self.settings.rules.origin_as_issuer && source != MetadataSource::Challenge;
        if self.places.is_empty() && may_assume {
            let resource = ResourceMetadata::new(&self.settings.resource);
            return self.assume(resource, nothing, asked);
        }
        self.ask(Endpoint::ResourceMetadata, nothing, asked, State::Resource)
    }

    /// Goes on with the metadata of the resource.
    fn with(
        self,
        resource: ResourceMetadata,
        source: MetadataSource,
        document: &Document,
    ) -> Result<Call<AuthorizationDiscovery>, Error> {
        const MEMBER: &str = "authorization_servers";
        let rule = |rule| document.response_error(rule);
        if let Some(aside) = resource.set_aside.iter().find(|aside| aside.member == MEMBER) {
            return Err(rule(MetadataError::Unusable(*aside).into()).into());
        }
        let listed = resource.authorization_servers.as_deref().unwrap_or_default();
        if listed.is_empty() && self.settings.rules.origin_as_issuer {
            let none = Box::new(rule(DiscoveryError::NoServer.into()));
            return self.assume(resource, none, Vec::new());
        }
        let chosen = self.settings.servers.choose(listed).map(str::to_owned);
        let issuer = chosen.map_err(|error| rule(error.into()))?;
        let nothing = Box::new(rule(ResponseRule::Status));
        self.ask_issuer(Known { resource, source, issuer }, nothing, Vec::new())
    }

    /// Goes on with the origin of the resource as issuer.
    fn assume(
        self,
        resource: ResourceMetadata,
        nothing: Box<ResponseError>,
        asked: Vec<String>,
    ) -> Result<Call<AuthorizationDiscovery>, Error> {
        let Settings { resource: requested, policy, .. } = &*self.settings;
        let issuer = origin(&EndpointUrl::parse(requested, policy).map_err(ConfigError::Resource)?);
        self.ask_issuer(Known { resource, source: MetadataSource::Origin, issuer }, nothing, asked)
    }

    /// Asks the issuer at the first of its places. From here on, the issuer does not change.
    fn ask_issuer(
        mut self,
        known: Known,
        mut nothing: Box<ResponseError>,
        asked: Vec<String>,
    ) -> Result<Call<AuthorizationDiscovery>, Error> {
        match server_places(&known.issuer, &self.settings.policy) {
            Ok(places) => self.places = places.into_iter().map(|place| (place, known.source)).collect(),
            Err(error) => {
                nothing.rule = MetadataError::unusable_url("authorization_servers", error).into();
                return Err(Error::Response(nothing));
            }
        }
        let known = Box::new(known);
        self.ask(Endpoint::Discovery, nothing, asked, |asking| State::Server(asking, known))
    }

    /// Goes on where a place had no metadata of the authorization server.
    fn other_place(
        self,
        known: Box<Known>,
        nothing: Box<ResponseError>,
    ) -> Result<Call<AuthorizationDiscovery>, Error> {
        let asked = nothing.urls.clone();
        self.ask(Endpoint::Discovery, nothing, asked, |asking| State::Server(asking, known))
    }
}

impl Asking {
    fn received(self, response: &Response<'_>, now: Timestamp) -> (Document, MetadataSource, Left) {
        let Self { getting, source, mut left, .. } = self;
        left.budget.spend(response.body().len());
        (getting.received(response, now), source, left)
    }

    /// Takes note of a response that no flow may look at. The error is that of a discovery that has no other place.
    fn refused(self, error: Error) -> Result<(Box<ResponseError>, MetadataSource, Left), Error> {
        let Self { getting, source, granted, mut left, .. } = self;
        let nothing = nothing_here(getting.refused(error))?;
        if let ResponseRule::TooLarge { limit } = nothing.rule {
            left.budget.spend(limit.saturating_add(1));
        } else {
            // The length of the body is not known, but that it was within the limit.
            left.budget.spend(granted);
        }
        Ok((nothing, source, left))
    }

    /// Whether the limit of this request follows from the budget, and not from the limit of a document.
    fn is_short(&self) -> bool {
        self.granted < self.left.settings.max_document
    }
}

/// The error of a discovery that would have to ask for or to read more than it may.
fn over_budget(mut error: Box<ResponseError>, settings: &Settings) -> Error {
    let Budget { requests, bytes } = settings.budget;
    error.rule = DiscoveryError::OverBudget { requests, bytes }.into();
    (error.told, error.media_type) = (None, None);
    Error::Response(error)
}

impl Flow for AuthorizationDiscovery {
    type Awaiting = Discovering;
    type Paused = Infallible;
    type Output = DiscoveredAuthorization;

    fn on_response(
        Discovering(state): Discovering,
        response: &Response<'_>,
        moment: Moment,
    ) -> Result<Step<Self>, Error> {
        match state {
            State::Resource(asking) => {
                let (document, source, left) = asking.received(response, moment.now());
                Ok(match judged::resource(&document, &left.settings)? {
                    Judged::Metadata(resource) => left.with(resource, source, &document)?.into(),
                    Judged::Nothing(nothing) => left.without(source, nothing)?.into(),
                })
            }
            State::Server(asking, known) => {
                let server_at = asking.at.clone();
                let (document, _, left) = asking.received(response, moment.now());
                match judged::server(&document, &known.issuer, &left.settings)? {
                    Judged::Metadata(server) => {
                        let Known { resource, source, .. } = *known;
                        let of_resource = || resource.scopes_supported.clone().filter(|all| !all.is_empty());
                        let scope = left.settings.scope.or_else(of_resource);
                        Ok(Step::Done(DiscoveredAuthorization { resource, server, server_at, scope, source }))
                    }
                    Judged::Nothing(nothing) => Ok(left.other_place(known, nothing)?.into()),
                }
            }
        }
    }

    fn on_wake(never: Infallible, _: Moment) -> Result<Step<Self>, Error> {
        match never {}
    }

    fn on_refused(Discovering(state): Discovering, error: Error, _: Moment) -> Result<Step<Self>, Error> {
        let (State::Resource(asking) | State::Server(asking, _)) = &state;
        if let Error::Response(broken) = &error
            && matches!(broken.rule, ResponseRule::TooLarge { .. })
            && asking.is_short()
        {
            return Err(over_budget(broken.clone(), &asking.left.settings));
        }
        match state {
            State::Resource(asking) => {
                let (nothing, source, left) = asking.refused(error)?;
                Ok(left.without(source, nothing)?.into())
            }
            State::Server(asking, known) => {
                let (nothing, _, left) = asking.refused(error)?;
                Ok(left.other_place(known, nothing)?.into())
            }
        }
    }
}

impl Call<AuthorizationDiscovery> {
    /// Accepts metadata of any media type, of the resource and of the authorization server. Nothing but the media type is
    /// tolerated: the metadata must be JSON of what was asked for.
    ///
    /// # Danger
    /// It takes a check away: a file that others may put there passes for metadata. See [`danger`](crate::danger).
    pub fn any_media_type(self) -> Self {
        self.map(|Discovering(mut state)| {
            let (State::Resource(asking) | State::Server(asking, _)) = &mut state;
            asking.left.settings.of_any_type = true;
            asking.getting.accept_any_type();
            Discovering(state)
        })
    }
}

#[cfg(test)]
crate::flow::diagrams_tests::named!(Discovering(State) { Resource, Server });

//! The states of flows, and the smaller flows that a flow is made of.
//!
//! [`Flow::Awaiting`](super::Flow::Awaiting), [`Flow::Paused`](super::Flow::Paused) and
//! [`Then::Carried`](super::Then::Carried) name these types. Their contents are private, and a program needs none of them: a
//! driver holds a [`Call`](super::Call), a [`Pending`](super::Pending) or a [`Pause`](super::Pause) instead.
//! They are listed here so that a compiler message that names one of them leads to a page.

pub use crate::message::{
    ciba::BackchannelAuthenticationResponse, device_authorization_response::DeviceAuthorizationResponse,
    request::PushedAuthorizationResponse,
};

pub use super::{
    contract::Along,
    discovery::{Discovering, DiscoveryContext, Found, ResourceDiscoveryContext},
    endpoint::{Introspecting, IntrospectionExchange, IntrospectionJwt, Parked, Told},
    exchange::{
        Answer, Body, Checking, Document, Get, Getting, Post, Posting, Presented, Repeated, Repeating,
        Resting, SignedResponse, SignedUserInfo,
    },
    grant::{Begun, Checks, Issued, Polling, RefreshContext, Refreshing, Verifying, Waiting},
    identity::ClientIdMetadataContext,
    login::{
        Came, CodeExchange, Coding, Exchanged, Exchanging, Front, FrontContext, Fronted, Fronting, Granted,
        Informed, Inquiring, LoginContext, Sending, UserInfoContext, UserInfoExchange,
    },
    registration::{Configured, Configuring, Exchange, RegistrationContext},
};

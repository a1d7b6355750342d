//! [`Seen`]: marks a request that went through a gate, so that the same gate does not judge it twice.

use http::{HeaderName, HeaderValue, Method, Request, Uri, header::AUTHORIZATION};
use oidc_drive::Gate;
use oidc_proto::resource::{Access, Denied, Requirement};
use oidc_proto::sender::CertificateThumbprint;
use std::sync::Arc;

const DPOP: HeaderName = HeaderName::from_static("dpop");

/// The mark of a request that went through a gate: the gate, its verdict, and the sender. Only this crate can make
/// one.
#[derive(Clone)]
pub(crate) struct Seen {
    pub(crate) gate: Gate,
    /// The access, or `None` if the request had no token.
    pub(crate) access: Option<Arc<Access>>,
    pub(crate) sender: Sender,
    /// What the gate demands of every request.
    demanded: Arc<Vec<Requirement>>,
    /// What the layers behind the gate have demanded so far.
    behind: Vec<Arc<Requirement>>,
}

impl Seen {
    pub(crate) const fn new(
        gate: Gate,
        access: Option<Arc<Access>>,
        sender: Sender,
        demanded: Arc<Vec<Requirement>>,
    ) -> Self {
        Self { gate, access, sender, demanded, behind: Vec::new() }
    }

    /// Remembers that the request has met this, for the refusals further in.
    pub(crate) fn has_met(&mut self, requirement: &Arc<Requirement>) {
        if self.gate.server().published().is_some() {
            self.behind.push(Arc::clone(requirement));
        }
    }

    /// Names the scopes of all layers up to the refusal, if the resource publishes what it wants. A client that asks for
    /// only the last one may lose the others.
    pub(crate) fn naming_scopes(&self, denied: Denied) -> Denied {
        if self.gate.server().published().is_none() {
            return denied;
        }
        let all = self.demanded.iter().chain(self.behind.iter().map(|requirement| &**requirement));
        all.fold(denied, Denied::naming_scope)
    }
}

/// All parts of a request that can identify its sender, and the parts that a DPoP proof is made for, without the path.
/// Routers change paths. A request in which one of these parts is different is another request.
#[derive(Clone)]
pub(crate) struct Sender {
    authorization: Option<HeaderValue>,
    proof: Option<HeaderValue>,
    certificate: Option<CertificateThumbprint>,
    method: Method,
    uri: Uri,
}

impl Sender {
    pub(crate) fn of<B>(request: &Request<B>) -> Self {
        Self {
            authorization: request.headers().get(AUTHORIZATION).cloned(),
            proof: request.headers().get(DPOP).cloned(),
            certificate: request.extensions().get().cloned(),
            method: request.method().clone(),
            uri: request.uri().clone(),
        }
    }

    /// Whether this sender has sent the request.
    pub(crate) fn sent<B>(&self, request: &Request<B>) -> bool {
        let has = |name, value: &Option<_>| request.headers().get_all(name).iter().eq(value);
        has(AUTHORIZATION, &self.authorization)
            && has(DPOP, &self.proof)
            && request.extensions().get() == self.certificate.as_ref()
            && request.method() == self.method
            && request.uri().query() == self.uri.query()
    }
}

//! [`ClientInformationResponse`]: what a provider answers to a registration (RFC 7591 section 3.2.1, RFC 7592 section 3).

use super::ClientMetadata;
use crate::{
    base::{
        header::credentials,
        json::{JsonError, Members},
        moment::Timestamp,
        secret::Secret,
    },
    metadata::{MemberError, UnusableMember, typed},
};
use serde_json::Value;

/// The answer, as it was sent. A member that cannot be used, and that the client can do without, is set aside in the
/// metadata: the client exists all the same.
pub(crate) struct ClientInformationResponse {
    pub(crate) client_id: String,
    /// The secret, or what is wrong with it.
    pub(crate) client_secret: Result<Option<Secret>, JsonError>,
    pub(crate) client_id_issued_at: Option<Timestamp>,
    pub(crate) client_secret_expires_at: Option<Timestamp>,
    pub(crate) registration_access_token: Option<Secret>,
    pub(crate) registration_client_uri: Option<String>,
    pub(crate) metadata: ClientMetadata,
}

impl ClientInformationResponse {
    /// Reads an answer. `None` means that it has no `client_id`.
    pub(crate) fn from_members(mut members: Members) -> Result<Option<Self>, JsonError> {
        let mut set_aside = Vec::new();
        let Some(client_id) = members.string("client_id")?.filter(|id| !id.is_empty()) else {
            return Ok(None);
        };
        let said = |text: &String| !text.is_empty();
        let client_secret =
            members.string("client_secret").map(|secret| secret.filter(said).map(Secret::new));
        members.any("client_secret");
        let issued_at = typed(members.date("client_id_issued_at"), &mut set_aside);
        let expires_at = typed(members.date("client_secret_expires_at"), &mut set_aside);
        let token = typed(members.string("registration_access_token"), &mut set_aside).filter(said);
        let token = token.and_then(|token| {
            let token = Secret::new(token);
            let usable = credentials("Bearer", &token).is_some();
            if !usable {
                let why = MemberError::WrongType("a token");
                set_aside.push(UnusableMember { member: "registration_access_token", why });
            }
            usable.then_some(token)
        });
        let uri = typed(members.string("registration_client_uri"), &mut set_aside).filter(said);
        for unusable in &set_aside {
            members.any(unusable.member);
        }
        let mut metadata = ClientMetadata::read(members);
        metadata.set_aside.extend(set_aside);
        Ok(Some(Self {
            client_id,
            client_secret,
            client_id_issued_at: issued_at.map(Timestamp),
            // Zero means never.
            client_secret_expires_at: expires_at.filter(|time| *time != 0).map(Timestamp),
            registration_access_token: token,
            registration_client_uri: uri,
            metadata,
        }))
    }
}

impl ClientMetadata {
    /// Returns these metadata with the members of others in place of the same members here.
    pub(crate) fn overlaid(&self, others: &Self) -> Self {
        let (Value::Object(mut members), Value::Object(said)) = (self.to_json(), others.to_json()) else {
            return others.clone();
        };
        members.extend(said);
        let set_aside = others.set_aside.clone();
        Self { set_aside, ..Self::read(Members::new(members)) }
    }
}

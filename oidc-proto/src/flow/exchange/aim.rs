//! [`Aim`]: what the token of a request is for. It is sent with the request, and the response is held to it.

use crate::{
    flow::{
        client::{Client, Form},
        contract::{ConfigError, Error, ResponseRule, UnsupportedDetailsError},
    },
    message::{
        AuthorizationDetails, TokenResponse,
        target::{AUTHORIZATION_DETAILS, parameters},
    },
};

/// The resources (RFC 8707) and the authorization details (RFC 9396) of a token request.
#[derive(Clone, Default)]
pub(in crate::flow) struct Aim {
    resources: Vec<String>,
    details: AuthorizationDetails,
    /// The types of details that the response may have. If there are none, nothing was asked for, and nothing is checked.
    types: Vec<String>,
}

impl Aim {
    /// Names these resources and details in the request.
    pub(in crate::flow) fn new(resources: &[String], details: &AuthorizationDetails) -> Self {
        Self { resources: resources.to_vec(), details: details.clone(), types: details.types() }
    }

    /// Expects the details that an earlier request has asked for, if this one names none: the provider then decides
    /// which of them the token has (RFC 9396 section 7).
    pub(in crate::flow) fn or_expecting(self, asked: &AuthorizationDetails) -> Self {
        let types = if self.types.is_empty() { asked.types() } else { self.types };
        Self { types, ..self }
    }

    /// Adds the parameters to a form.
    pub(super) fn add_to(&self, form: &mut Form) -> Result<(), ConfigError> {
        let parameters = parameters(&self.resources, &self.details)?;
        form.extend(parameters.into_iter().map(|(name, value)| (name.into(), value.into())));
        Ok(())
    }

    /// Checks that the provider offers the types, if its metadata lists any (RFC 9396 section 10).
    pub(in crate::flow) fn check_types(client: &Client, details: &AuthorizationDetails) -> Result<(), Error> {
        let Some(offered) = &client.metadata().authorization_details_types_supported else { return Ok(()) };
        match details.types().into_iter().find(|wanted| !offered.contains(wanted)) {
            None => Ok(()),
            Some(wanted) => {
                Err(UnsupportedDetailsError { wanted: wanted.into(), offered: offered.as_slice().into() }
                    .into())
            }
        }
    }

    pub(super) fn check(&self, client: &Client) -> Result<(), Error> {
        Self::check_types(client, &self.details)
    }

    /// Holds a response to what was asked for. The provider must say what it has granted (RFC 9396 section 7). It may
    /// grant less of a type, or add to its entries (section 7.1), and the type says what that means. A whole type that
    /// nobody asked for is neither, and this client need not know what it allows.
    pub(super) fn judge(&self, tokens: &TokenResponse) -> Result<(), ResponseRule> {
        if self.types.is_empty() {
            return Ok(());
        }
        let Some(granted) = &tokens.authorization_details else {
            return Err(
                match tokens.extra.get(AUTHORIZATION_DETAILS).map(AuthorizationDetails::from_value) {
                    Some(Err(unreadable)) => ResponseRule::Json(unreadable),
                    Some(Ok(_)) | None => ResponseRule::Missing(AUTHORIZATION_DETAILS),
                },
            );
        };
        match granted.iter().all(|detail| self.types.contains(&detail.detail_type)) {
            true => Ok(()),
            false => Err(ResponseRule::ForeignDetails),
        }
    }
}

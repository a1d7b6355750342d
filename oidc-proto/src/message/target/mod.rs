//! What a token is for: the resources (RFC 8707) and the authorization details (RFC 9396) of a request. Every request
//! that can name them is checked here, and nowhere else.

mod authorization_detail;
mod authorization_details;
mod comparison;

pub use authorization_detail::AuthorizationDetail;
pub use authorization_details::AuthorizationDetails;
pub use comparison::{DetailDifference, DetailsComparison};

use super::response_type::RequestError;
use url::Url;

/// The name of the parameter of RFC 8707.
pub(crate) const RESOURCE: &str = "resource";

/// The name of the parameter, of the response member and of the claim of RFC 9396.
pub(crate) const AUTHORIZATION_DETAILS: &str = "authorization_details";

/// The longest resource, in bytes. It is no setting: a saved state has no longer text.
const MAX_RESOURCE: usize = 2048;

/// Returns the parameters for these resources and details. A resource is sent as it is, to the letter.
pub(crate) fn parameters(
    resources: &[String],
    details: &AuthorizationDetails,
) -> Result<Vec<(&'static str, String)>, RequestError> {
    if !resources.iter().all(|resource| is_resource(resource)) {
        return Err(RequestError::Parameter(RESOURCE));
    }
    let mut pairs: Vec<_> = resources.iter().map(|resource| (RESOURCE, resource.clone())).collect();
    if !details.can_be_sent() {
        return Err(RequestError::Parameter(AUTHORIZATION_DETAILS));
    }
    if !details.is_empty() {
        pairs.push((AUTHORIZATION_DETAILS, details.to_json()));
    }
    Ok(pairs)
}

/// Whether a text is an absolute URI without a fragment (RFC 8707 section 2, RFC 3986 section 4.3), of the characters
/// that a URI has. A text that a parser of URLs would first have to clean is none.
pub(crate) fn is_resource(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/?[]@!$&'()*+,;=%".contains(&byte);
    let names_scheme = text.split_once(':').is_some_and(|(scheme, rest)| {
        scheme.starts_with(|first: char| first.is_ascii_alphabetic()) && !rest.is_empty()
    });
    names_scheme && text.len() <= MAX_RESOURCE && text.bytes().all(allowed) && Url::parse(text).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_is_an_absolute_uri_without_a_fragment() {
        for good in [
            "https://api.example",
            "https://api.example/",
            "HTTPS://API.example:443/a/../b?x=%7E",
            "urn:example:api",
            "microsoft:identityserver:my-api",
            "https://[2001:db8::1]/",
        ] {
            assert!(is_resource(good), "{good}");
        }
        let long = format!("https://api.example/{}", "a".repeat(MAX_RESOURCE));
        for bad in [
            "",
            "api",
            "/orders",
            "https:",
            "https://",
            "https://api.example/#",
            "https://api.example/#orders",
            " https://api.example/",
            "https://api.example/ ",
            "https://api.ex\tample/",
            "https://api.example/a b",
            "https://api.example/é",
            "1https://api.example/",
            "https://api.example/\"",
            &long,
        ] {
            assert!(!is_resource(bad), "{bad:?}");
        }
    }

    #[test]
    fn parameters_are_sent_to_the_letter_and_in_order() {
        let resources = ["https://B.example:443/a/../b".to_owned(), "https://a.example".to_owned()];
        let details = AuthorizationDetails::from(AuthorizationDetail::new("payment").actions(["pay"]));
        assert_eq!(
            parameters(&resources, &details).unwrap(),
            [
                ("resource", "https://B.example:443/a/../b".to_owned()),
                ("resource", "https://a.example".to_owned()),
                ("authorization_details", r#"[{"type":"payment","actions":["pay"]}]"#.to_owned()),
            ]
        );
        assert_eq!(parameters(&[], &AuthorizationDetails::default()).unwrap(), []);
        let fragment = ["https://a.example/#x".to_owned()];
        assert_eq!(parameters(&fragment, &details), Err(RequestError::Parameter("resource")));
        let unnamed = AuthorizationDetails::from(AuthorizationDetail::new(""));
        assert_eq!(parameters(&resources, &unnamed), Err(RequestError::Parameter("authorization_details")));
    }
}

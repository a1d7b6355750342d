//! Documents: how they are asked for, and what their responses must be.

use crate::{
    base::{
        endpoint_url::EndpointUrl,
        header::{media_type_is, retry_after},
        moment::{Moment, Timestamp},
    },
    flow::contract::{Endpoint, Error, Request, Response, ResponseError, Rule, Unavailable},
};
use http::{HeaderValue, Method, header};

/// A request for a document. Nothing in it tells who asks.
pub(in crate::flow) fn get(url: &EndpointUrl, accept: &'static str) -> Request {
    let mut request = Request::default();
    *request.method_mut() = Method::GET;
    *request.uri_mut() = url.uri();
    request.headers_mut().insert(header::ACCEPT, HeaderValue::from_static(accept));
    request
}

/// A document comes with 200; busy servers say so; anything else is not a document.
pub(in crate::flow) fn check_status(
    endpoint: Endpoint,
    response: &Response<'_>,
    now: Timestamp,
) -> Result<(), Error> {
    match response.status().as_u16() {
        200 => Ok(()),
        429 | 500..=599 => {
            let retry_after = retry_after(response.headers(), now);
            Err(Error::Unavailable(Unavailable::new(endpoint, response.status(), retry_after)))
        }
        _ => Err(ResponseError::new(endpoint, response.status(), Rule::Status).into()),
    }
}

/// The body of a response that is a document: 200, and JSON by its media type.
pub(in crate::flow) fn document<'r>(
    endpoint: Endpoint,
    response: &Response<'r>,
    moment: &Moment,
) -> Result<&'r [u8], Error> {
    check_status(endpoint, response, moment.now())?;
    if !media_type_is(response.headers(), &["application/json"]) {
        let rule = Rule::MediaType("application/json");
        return Err(ResponseError::new(endpoint, response.status(), rule).into());
    }
    Ok(response.body())
}

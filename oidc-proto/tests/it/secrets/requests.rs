//! Secrets in the requests of an application to an API, and in the refusals of an API that repeats them.

mod end_session;

use super::{look::Looker, scene::moment};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use oidc_proto::{
    Secret, UrlPolicy,
    flow::{Client, ResourceOrigins, ResourceRequest, ResourceStep},
};

const TOKEN: &str = "MARK-access-token-of-a-request";
const QUERY: &str = "MARK-query-of-the-application";

pub(super) fn look_at_requests(look: &mut Looker, client: &Client) {
    end_session::look_at_a_logout(look, client);
    look.hide("the access token of a request", TOKEN);
    look.hide("the query of a request", QUERY);
    let origins = ResourceOrigins::new("https://api.example", &UrlPolicy::default()).unwrap();
    look.at(&origins);
    let uri: Uri = format!("https://api.example/orders?q={QUERY}").parse().unwrap();
    let begin = || ResourceRequest::new(&origins, &Method::GET, &uri, &HeaderMap::new()).unwrap();
    look.at(&begin());
    let token = Secret::new(TOKEN);
    for error in
        ["invalid_token", "insufficient_scope", "insufficient_user_authentication", "use_dpop_nonce", TOKEN]
    {
        for status in [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN] {
            let (headers, pending) = begin().authorize(client, &token, moment(9)).unwrap();
            look.text(&format!("{headers:?}"));
            look.at(&pending);
            let challenge = format!(
                r#"Bearer realm="{TOKEN}", error="{error}", error_description="no {TOKEN}", scope="{TOKEN} x{TOKEN}", acr_values="{TOKEN}""#
            );
            let answer = [("www-authenticate", challenge.as_str()), ("dpop-nonce", TOKEN)];
            let answer: HeaderMap = answer
                .into_iter()
                .map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_str(value).unwrap()))
                .collect();
            let step = pending.receive(status, &answer);
            look.at(&step);
            let outcome = match step {
                ResourceStep::Done(outcome) => outcome,
                ResourceStep::Again(_) => panic!("the client has no key"),
                ResourceStep::Renew(renewal) => {
                    look.at(&renewal);
                    renewal.give_up()
                }
            };
            look.at(&outcome);
            outcome.challenge().into_iter().for_each(|challenge| look.at(challenge));
        }
    }
}

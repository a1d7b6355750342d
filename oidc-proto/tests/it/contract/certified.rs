//! Clients with certificates at a provider that looks at them (RFC 8705): whoever carries a request shows the certificate
//! where the terms say so, and nowhere else.

use oidc_proto::{
    Error, UrlPolicy,
    flow::{Client, ClientBuilder, ClientCredentialsRequest, Discovery, Flow, PreviousLogin, Step},
    jose::KeySet,
    message::{AuthorizationRequest, AuthorizationResponse},
    resource::{RequestView, ResourceServer, TrustedIssuer, Verdict},
    sender::CertificateThumbprint,
    token::Scratch,
};
use oidc_testkit::{
    Browser, ClientAuthentication, Clock, PeerCertificate, Registration, Seed, TestProvider, drive,
    drive::NOW, drive_with,
};

const ISSUER: &str = "https://op.example";
const CALLBACK: &str = "https://app.example/callback";
const API: &str = "https://api.example";

fn certificate(name: &str) -> PeerCertificate {
    PeerCertificate(format!("the certificate of {name}").into_bytes())
}

struct Site {
    provider: TestProvider,
    clock: Clock,
}

impl Site {
    fn new() -> Self {
        let mut provider = TestProvider::new(ISSUER);
        provider.accept_certificates(true);
        provider.default_resource(API);
        let app = certificate("app").thumbprint();
        for (id, authentication) in [
            ("authority", ClientAuthentication::TlsClientAuth(app.clone())),
            ("self-signed", ClientAuthentication::SelfSignedTlsClientAuth(app)),
            ("secret", ClientAuthentication::ClientSecretBasic("its secret".into())),
        ] {
            let client = Registration::new(id, authentication).redirect_uri(CALLBACK).certificate_bound();
            provider.register(client.grant_type("client_credentials"));
        }
        Self { provider, clock: Clock::new(NOW, Seed::new(5)) }
    }

    fn client(&mut self, id: &str, shape: fn(ClientBuilder) -> ClientBuilder) -> Client {
        let call = Discovery::start(ISSUER, &UrlPolicy::default()).unwrap();
        let metadata = drive(call, &mut self.provider, &mut self.clock).unwrap();
        let client = Client::builder(metadata, id).redirect_uri(CALLBACK);
        shape(client.tls_client_certificate_bound_access_tokens()).build().unwrap()
    }

    /// Runs a flow over connections that show this certificate if the terms say so.
    fn run<F: Flow>(
        &mut self,
        step: impl Into<Step<F>>,
        shown: Option<&PeerCertificate>,
    ) -> Result<F::Output, Error> {
        let provider = &mut self.provider;
        let done = drive_with(step, &mut self.clock, |request, terms, now| {
            let mut request = request.clone();
            if let Some(shown) = shown.filter(|_| terms.client_certificate) {
                request.extensions_mut().insert(shown.clone());
            }
            Some(provider.handle(&request, now))
        });
        done.map(|output| output.expect("every request was answered"))
    }
}

type Shape = fn(ClientBuilder) -> ClientBuilder;

/// Each client of the site.
const CLIENTS: [(&str, Shape); 3] = [
    ("authority", |client| client.certificate()),
    ("self-signed", |client| {
        client.authentication(oidc_proto::flow::ClientAuthentication::SelfSignedTlsClientAuth)
    }),
    ("secret", |client| client.secret("its secret")),
];

#[test]
fn clients_with_certificates_log_in_refresh_and_serve() {
    for (id, shape) in CLIENTS {
        let (mut site, own) = (Site::new(), certificate("app"));
        let client = site.client(id, shape);
        let request = AuthorizationRequest::new(["profile"]);
        let (url, pending) = client.authorize(&request, site.clock.moment()).unwrap();
        let landing = Browser::new().visit(&mut site.provider, &url, site.clock.now());
        let response = AuthorizationResponse::from_url(landing.url()).unwrap();
        let step = pending.callback(&client, None, response, site.clock.moment()).unwrap();
        let login = site.run(step, Some(&own)).unwrap();
        let (token, previous) = (login.tokens.refresh_token.unwrap(), PreviousLogin::from(&login.id_token));
        let call = client.refresh(&token, Some(previous), None, site.clock.moment()).unwrap();
        let refreshed = site.run(call, Some(&own)).unwrap();
        let call = client.introspect(&refreshed.tokens.access_token, None, site.clock.moment()).unwrap();
        let said = site.run(call, Some(&own)).unwrap();
        assert_eq!(said.cnf.unwrap()["x5t#S256"], own.thumbprint().as_str(), "{id}");
        site.provider.assert_clean();
    }
}

#[test]
fn without_the_certificate_or_with_another_one_the_provider_refuses_and_its_audit_says_so() {
    for (id, shape) in CLIENTS {
        for shown in [None, Some(certificate("another client"))] {
            let mut site = Site::new();
            let client = site.client(id, shape);
            let wanted = ClientCredentialsRequest::default();
            let call = client.client_credentials_once(&wanted, site.clock.moment()).unwrap();
            let ran = site.run(call, shown.as_ref());
            if id == "secret" && shown.is_some() {
                // Its secret authenticates it, so the token is bound to whatever it shows.
                assert!(ran.is_ok());
                continue;
            }
            let Err(Error::OAuth(refused)) = ran else { panic!("{id}: {ran:?}") };
            assert_eq!(refused.status, 400, "{id}");
            assert!(!site.provider.audit().is_empty(), "{id}");
        }
    }
}

#[test]
fn an_api_takes_a_bound_token_only_with_its_certificate() {
    let (mut site, own) = (Site::new(), certificate("app"));
    let client = site.client("authority", |client| client.certificate());
    let call = client.client_credentials(&ClientCredentialsRequest::default(), site.clock.moment()).unwrap();
    let token = site.run(call, Some(&own)).unwrap().access_token;
    let keys = KeySet::parse(site.provider.key_set().to_string().as_bytes()).unwrap();
    let server = ResourceServer::builder(API).trust(TrustedIssuer::new(ISSUER)).require_certificate_bound();
    let server = server.build().unwrap();
    let request = http::Request::get("/orders").header("authorization", format!("Bearer {}", token.expose()));
    let (parts, ()) = request.body(()).unwrap().into_parts();
    let ask = |shown: Option<PeerCertificate>| {
        let thumbprint = shown.map(|shown| CertificateThumbprint::of_der(&shown.0));
        let view = RequestView::of(&parts);
        let view = match &thumbprint {
            Some(thumbprint) => view.certificate(thumbprint),
            None => view,
        };
        let mut scratch = Scratch::new();
        let inspected = server.inspect(&view, &mut scratch).unwrap();
        match server.judge(&inspected, &keys, &mut scratch, site.clock.now()) {
            Verdict::Accepted(_) => Ok(()),
            Verdict::Denied(denied) => Err(denied.code()),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(ask(Some(own)), Ok(()));
    assert_eq!(ask(Some(certificate("another client"))), Err("token_wrong_sender"));
    assert_eq!(ask(None), Err("token_sender_constrained"));
}

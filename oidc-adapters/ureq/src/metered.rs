//! ureq's connections with a [`Meter`] directly above the socket, so that every byte from the wire counts.

use oidc_drive::meter::Meter;
use std::sync::Arc;
use ureq::{
    Error,
    unversioned::transport::{
        Buffers, ConnectionDetails, Connector, Either, NextTimeout, RustlsConnector, TcpConnector, Transport,
    },
};

/// Opens the connection of one exchange: TCP, the meter above it, and TLS above the meter if the URL is https.
#[derive(Debug)]
pub(crate) struct Metered {
    /// The connector that all exchanges share. It keeps the configuration of TLS.
    pub(crate) tls: Arc<RustlsConnector>,
    pub(crate) meter: Arc<Meter>,
}

impl Connector for Metered {
    type Out = Box<dyn Transport>;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<()>,
    ) -> Result<Option<Box<dyn Transport>>, Error> {
        let Some(inner) = TcpConnector::default().connect(details, chained)? else { return Ok(None) };
        let metered = MeteredTransport { inner, meter: Arc::clone(&self.meter) };
        let transport: Option<Either<_, _>> = self.tls.connect(details, Some(metered))?;
        Ok(transport.map(|transport| -> Box<dyn Transport> { Box::new(transport) }))
    }
}

/// A connection whose bytes are counted as they come from the socket.
#[derive(Debug)]
struct MeteredTransport<T> {
    inner: T,
    meter: Arc<Meter>,
}

impl<T: Transport> Transport for MeteredTransport<T> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        self.inner.transmit_output(amount, timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.meter.room()?;
        let before = self.inner.buffers().input().len();
        let came = self.inner.await_input(timeout)?;
        let now = self.inner.buffers().input().len();
        self.meter.took(now.saturating_sub(before))?;
        Ok(came)
    }

    fn is_open(&mut self) -> bool {
        self.inner.is_open()
    }
}

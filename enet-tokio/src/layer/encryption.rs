//! Encryption, or none: the one place that knows whether it is compiled in.
//!
//! The contract is that of a layer: what came from the network [arrives](Encryption::arrive) and goes up, what the protocol sends
//! [departs](Encryption::depart), what the layer itself has to send is polled for, and so is the next moment at which it has
//! something to do.

use bytes::Bytes;
use enet_proto::{Host, Path, Time};

use crate::config::Config;
use crate::socket::Outgoing;

#[cfg(feature = "dtls")]
use {
    super::dtls::{self, Dtls, DtlsError, DtlsStatistics},
    enet_proto::PeerHandle,
    std::collections::VecDeque,
};

/// Of how many peers it is remembered why there was no session, or no longer.
#[cfg(feature = "dtls")]
const MAX_REMEMBERED: usize = 64;

/// The encryption of an endpoint.
#[derive(Debug, Default)]
pub(crate) struct Encryption {
    #[cfg(feature = "dtls")]
    dtls: Option<Box<Dtls>>,
    /// The latest failures, the last one last.
    #[cfg(feature = "dtls")]
    failures: VecDeque<(PeerHandle, DtlsError)>,
}

#[cfg(feature = "dtls")]
impl Encryption {
    pub(crate) fn new(config: &Config, now: Time) -> Result<Encryption, getrandom::Error> {
        Encryption::with(config.dtls.clone(), now)
    }

    pub(crate) fn with(dtls: Option<dtls::DtlsConfig>, now: Time) -> Result<Encryption, getrandom::Error> {
        let dtls = dtls.map(|dtls| Dtls::new(dtls, now)).transpose()?;
        Ok(Encryption {
            dtls: dtls.map(Box::new),
            failures: VecDeque::new(),
        })
    }

    pub(crate) fn is_on(&self) -> bool {
        self.dtls.is_some()
    }

    /// How much longer it makes a datagram, in bytes.
    pub(crate) fn overhead(&self) -> usize {
        if self.is_on() { dtls::OVERHEAD } else { 0 }
    }

    /// A datagram came; what it carries goes to `deliver`.
    pub(crate) fn arrive(&mut self, now: Time, path: Path, datagram: Bytes, deliver: &mut dyn FnMut(Bytes)) {
        match &mut self.dtls {
            Some(dtls) => dtls.arrive(now, path, &datagram, deliver),
            None => deliver(datagram),
        }
    }

    /// Puts what leaves in place of what the protocol sends, which may be nothing for now.
    pub(crate) fn depart(&mut self, now: Time, outgoing: &mut Outgoing) {
        if let Some(dtls) = &mut self.dtls {
            outgoing.seal(|path, datagrams, out| dtls.depart(now, path, datagrams, out));
        }
    }

    /// The next datagram of the layer itself.
    pub(crate) fn poll_transmit(&mut self) -> Option<(Path, Bytes)> {
        self.dtls.as_mut()?.poll_transmit()
    }

    /// Sends a datagram that is no part of the protocol, past the encryption.
    pub(crate) fn send_bare(&mut self, host: &mut Host, path: Path, datagram: Bytes) {
        match &mut self.dtls {
            Some(dtls) => dtls.send_bare(path, datagram),
            None => host.reply(path, datagram),
        }
    }

    pub(crate) fn next_at(&self) -> Option<Time> {
        self.dtls.as_ref()?.next_at()
    }

    /// Does what is due, and tells the protocol of sessions that failed or ended.
    pub(crate) fn handle_timeout(&mut self, now: Time, host: &mut Host) {
        let Some(dtls) = &mut self.dtls else { return };
        if dtls.next_at().is_some_and(|at| at <= now) {
            dtls.handle_timeout(now, || host.peers().map(|(_, peer)| peer.address()).collect());
        }
        while let Some(failure) = dtls.poll_failure() {
            tracing::debug!(address = %failure.address, error = %failure.error, was_up = failure.was_up, "no encrypted session");
            for peer in host.unreachable(now, failure.address) {
                if self.failures.len() == MAX_REMEMBERED {
                    self.failures.pop_front();
                }
                self.failures.push_back((peer, failure.error.clone()));
            }
        }
    }

    /// Ends all sessions; the others are told by what is polled for then.
    pub(crate) fn close(&mut self) {
        if let Some(dtls) = &mut self.dtls {
            dtls.close();
        }
    }

    /// Why a peer has no session, or had none while it was dialled.
    pub(crate) fn failure(&self, peer: PeerHandle) -> Option<&DtlsError> {
        let mut latest = self.failures.iter().rev();
        latest.find(|(other, _)| *other == peer).map(|(_, error)| error)
    }

    pub(crate) fn statistics(&self) -> Option<DtlsStatistics> {
        self.dtls.as_ref().map(|dtls| dtls.statistics())
    }
}

#[cfg(not(feature = "dtls"))]
impl Encryption {
    pub(crate) fn new(_: &Config, _: Time) -> Result<Encryption, getrandom::Error> {
        Ok(Encryption::default())
    }

    pub(crate) fn is_on(&self) -> bool {
        false
    }

    pub(crate) fn overhead(&self) -> usize {
        0
    }

    pub(crate) fn arrive(&mut self, _: Time, _: Path, datagram: Bytes, deliver: &mut dyn FnMut(Bytes)) {
        deliver(datagram);
    }

    pub(crate) fn depart(&mut self, _: Time, _: &mut Outgoing) {}

    pub(crate) fn poll_transmit(&mut self) -> Option<(Path, Bytes)> {
        None
    }

    pub(crate) fn send_bare(&mut self, host: &mut Host, path: Path, datagram: Bytes) {
        host.reply(path, datagram);
    }

    pub(crate) fn next_at(&self) -> Option<Time> {
        None
    }

    pub(crate) fn handle_timeout(&mut self, _: Time, _: &mut Host) {}

    pub(crate) fn close(&mut self) {}
}

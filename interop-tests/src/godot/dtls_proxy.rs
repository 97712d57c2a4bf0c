//! A Godot that speaks DTLS for a stock peer whose ENet cannot, as Debian's.

use fixtures::tls::Certificate;
use serde_json::Value;

use super::find::Godot;
use super::run::GodotRun;
use crate::peer_ext;

/// `PacketPeerDTLS` or `DTLSServer` of a stock Godot between a plain peer on loopback and the network.
#[derive(Debug)]
pub struct DtlsProxy {
    run: GodotRun,
    port: u16,
}

impl DtlsProxy {
    /// For stock clients, which join at [`port`](DtlsProxy::port): it goes on to the server at `server`, and trusts it if it has
    /// this certificate and name.
    ///
    /// # Panics
    /// If there is no Godot.
    #[must_use]
    pub fn of_clients(server: u16, trusted: Certificate, name: &str) -> DtlsProxy {
        let certificate = ("certificate", trusted.certificate.to_owned());
        DtlsProxy::start("client", server, &[certificate, ("name", name.to_owned())])
    }

    /// As [`of_clients`](DtlsProxy::of_clients), and trusts anyone.
    ///
    /// # Panics
    /// If there is no Godot.
    #[must_use]
    pub fn of_unsafe_clients(server: u16) -> DtlsProxy {
        let certificate = ("certificate", fixtures::tls::ECDSA.certificate.to_owned());
        DtlsProxy::start("client", server, &[certificate, ("unsafe", "1".to_owned())])
    }

    /// For the stock server at `server`: clients with DTLS join at [`port`](DtlsProxy::port).
    ///
    /// # Panics
    /// If there is no Godot.
    #[must_use]
    pub fn of_server(server: u16, own: Certificate) -> DtlsProxy {
        let certificate = ("certificate", own.certificate.to_owned());
        DtlsProxy::start("server", server, &[certificate, ("key", own.key.to_owned())])
    }

    /// As [`of_clients`](DtlsProxy::of_clients) for one client, which is at this port of loopback to the server.
    ///
    /// # Panics
    /// If there is no Godot.
    #[must_use]
    pub fn of_client_at(own: u16, server: u16, trusted: Certificate, name: &str) -> DtlsProxy {
        let certificate = ("certificate", trusted.certificate.to_owned());
        let own = ("own", own.to_string());
        DtlsProxy::start("client", server, &[certificate, ("name", name.to_owned()), own])
    }

    /// As [`of_server`](DtlsProxy::of_server), at this port of loopback.
    ///
    /// # Panics
    /// If there is no Godot.
    #[must_use]
    pub fn of_server_at(own: u16, server: u16, certificate: Certificate) -> DtlsProxy {
        let key = ("key", certificate.key.to_owned());
        let certificate = ("certificate", certificate.certificate.to_owned());
        DtlsProxy::start("server", server, &[certificate, key, ("own", own.to_string())])
    }

    fn start(side: &str, port: u16, more: &[(&str, String)]) -> DtlsProxy {
        let common = [("side", side.to_owned()), ("port", port.to_string())];
        let arguments = [&common, more].concat();
        let name = format!("DTLS of the {side}");
        let mut run = GodotRun::start(Godot::shared(), &peer_ext::fixture("dtls_proxy"), &name, &arguments);
        let listening = run.expect("port", |event| event["event"] == "listening");
        let port = listening["port"].as_u64().and_then(|port| u16::try_from(port).ok());
        DtlsProxy {
            run,
            port: port.expect("a port number"),
        }
    }

    /// Where the other side of the pair is to be found.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Waits until a session is in one of these states, numbers of `PacketPeerDTLS.Status`.
    #[track_caller]
    pub fn expect_status(&mut self, states: &[i64]) -> Value {
        self.run.expect("status", |event| {
            let status = event["status"].as_i64();
            event["event"] == "status" && status.is_some_and(|status| states.contains(&status))
        })
    }
}

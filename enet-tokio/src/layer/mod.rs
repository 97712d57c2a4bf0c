//! What happens to datagrams between the socket and the protocol.

#[cfg(feature = "dtls")]
pub(crate) mod dtls;
pub(crate) mod encryption;

//! Datagrams of other protocols on the same socket.

use std::sync::Mutex;
use std::sync::mpsc;

use enet_tokio::{Endpoint, Intercept, Packet, Verdict};

use crate::common::{BOTH, config, within};

#[tokio::test]
async fn what_is_intercepted_is_the_programs_and_the_rest_is_for_enet() {
    for batching in BOTH {
        let (sender, queries) = mpsc::channel();
        let sender = Mutex::new(sender);
        let intercept = Intercept::new(move |from, datagram| {
            if datagram.starts_with(b"QUERY") {
                let _ = sender.lock().unwrap().send((from, datagram.to_vec()));
                Verdict::Taken
            } else {
                Verdict::Pass
            }
        });
        let server = Endpoint::bind("127.0.0.1:0", config(batching).with_intercept(intercept))
            .await
            .unwrap();
        let browser = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        browser.send_to(b"QUERY players", server.local_addr()).unwrap();

        let client = Endpoint::client(config(batching)).unwrap();
        let connection = within(client.connect(server.local_addr(), 1, 0)).await.unwrap();
        connection.send(0, Packet::reliable("for ENet")).await.unwrap();
        let accepted = within(server.accept()).await.unwrap();
        assert_eq!(&within(accepted.recv()).await.unwrap().1.data[..], b"for ENet");

        let query = queries.try_recv().unwrap();
        assert_eq!(query, (browser.local_addr().unwrap(), b"QUERY players".to_vec()));
        assert_eq!(server.statistics().host.dropped.total(), 0, "ENet has not seen it");
    }
}
